//! From an arrival to its sample: at most so many calls at a time, each on the runtime.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::sample::{Outcome, Sample};
use crate::schedule::Arrival;
use crate::target::{Reply, Target};

/// Starts calls and lets each end as exactly one sample.
#[derive(Debug)]
pub struct Dispatcher {
    runtime: Handle,
    calls: Arc<Calls>,
    gate: Arc<Semaphore>,
    max_in_flight: u32,
    abandon: watch::Sender<bool>,
}

/// What all calls share.
#[derive(Debug)]
struct Calls {
    target: Target,
    clock: Clock,
    /// Unbounded, so that no call waits for the recorder. It holds at most what arrives while the recorder waits for
    /// the disk, some 150 bytes a call.
    samples: Sender<Sample>,
}

impl Dispatcher {
    /// A dispatcher that runs calls on `runtime`, at most `max_in_flight` at a time, and sends their samples.
    pub fn new(
        runtime: Handle,
        target: Target,
        clock: Clock,
        samples: Sender<Sample>,
        max_in_flight: u32,
    ) -> Self {
        Self {
            runtime,
            calls: Arc::new(Calls { target, clock, samples }),
            gate: Arc::new(Semaphore::new(max_in_flight as usize)),
            max_in_flight,
            abandon: watch::Sender::new(false),
        }
    }

    /// Starts the call of an arrival, or records it as dropped. Never blocks.
    pub fn issue(&self, arrival: Arrival) {
        match Arc::clone(&self.gate).try_acquire_owned() {
            Ok(permit) => {
                let (calls, abandon) = (Arc::clone(&self.calls), self.abandon.subscribe());
                self.runtime.spawn(call(calls, arrival, abandon, permit));
            }
            Err(_) => self.calls.send(dropped(arrival)),
        }
    }

    /// Waits until no call is in flight.
    pub async fn drained(&self) {
        // The semaphore is never closed, which is the only error.
        let _ = self.gate.acquire_many(self.max_in_flight).await;
    }

    /// Ends all calls in flight as abandoned.
    pub fn abandon(&self) {
        self.abandon.send_replace(true);
    }
}

async fn call(
    calls: Arc<Calls>,
    arrival: Arrival,
    mut abandon: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    let sent_ns = calls.clock.now_ns();
    let answer = tokio::select! {
        biased;
        answer = calls.target.call(arrival.endpoint) => Some(answer),
        _ = abandon.wait_for(|abandoned| *abandoned) => None,
    };
    let done_ns = calls.clock.now_ns();
    let reply = match answer {
        Some(answer) if answer.is_large() => tokio::task::spawn_blocking(|| answer.read()).await.ok(),
        Some(answer) => Some(answer.read()),
        None => None,
    };
    calls.send(sample(arrival, Some(sent_ns), Some(done_ns), reply.unwrap_or_else(abandoned)));
}

impl Calls {
    fn send(&self, sample: Sample) {
        // The recorder outlives every call unless it panicked, which the run notices when it joins it.
        let _ = self.samples.send(sample);
    }
}

fn sample(arrival: Arrival, sent_ns: Option<u64>, done_ns: Option<u64>, reply: Reply) -> Sample {
    Sample {
        sequence: arrival.sequence,
        endpoint: arrival.endpoint,
        request_id: reply.request_id,
        intended_ns: arrival.intended_ns,
        sent_ns,
        done_ns,
        outcome: reply.outcome,
        function_latency_s: reply.function_latency_s,
        cold: reply.cold,
        init_ns: reply.init_ns,
        error: reply.error,
    }
}

fn dropped(arrival: Arrival) -> Sample {
    sample(arrival, None, None, unanswered(Outcome::Dropped, "--max-in-flight calls were in flight"))
}

fn abandoned() -> Reply {
    unanswered(Outcome::Abandoned, "still in flight when the interrupted run ended")
}

fn unanswered(outcome: Outcome, error: &str) -> Reply {
    Reply {
        outcome,
        request_id: None,
        function_latency_s: None,
        cold: None,
        init_ns: None,
        error: Some(error.to_owned()),
    }
}
