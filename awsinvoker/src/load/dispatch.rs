//! From an arrival to its sample: at most a given number of calls at a time, each a task of the runtime.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use run_record::{Arrival, Connection, Outcome, Reply, Sample, Timing};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::closed::Turns;
use super::event::Event;
use super::gate::{Gate, Place};
use crate::clock::Clock;
use crate::platform::{Answer as _, Call, SocketTimes};

/// Starts calls and lets each end as exactly one sample.
#[derive(Debug)]
pub(super) struct Dispatcher<P> {
    runtime: Handle,
    calls: Arc<Calls<P>>,
    gate: Gate,
    abandon: watch::Sender<bool>,
}

/// What all calls share.
#[derive(Debug)]
struct Calls<P> {
    platform: Arc<P>,
    clock: Clock,
    /// Unbounded, so that no call waits for the observers. It holds at most what arrives while an observer waits for the
    /// disk, some 400 bytes a call.
    events: Sender<Event>,
}

impl<P: Call> Dispatcher<P> {
    /// A dispatcher that runs calls on `runtime`, as many at a time as the gate lets in, and sends their samples.
    pub(super) fn new(
        runtime: Handle,
        platform: Arc<P>,
        clock: Clock,
        events: Sender<Event>,
        gate: Gate,
    ) -> Self {
        Self {
            runtime,
            calls: Arc::new(Calls { platform, clock, events }),
            gate,
            abandon: watch::Sender::new(false),
        }
    }

    /// Starts the call of an arrival, or records it as dropped. Never blocks.
    pub(super) fn issue(&self, arrival: Arrival) {
        match self.gate.enter() {
            Some(place) => {
                let (calls, abandon) = (Arc::clone(&self.calls), self.abandon.subscribe());
                self.runtime.spawn(call(calls, arrival, abandon, place));
            }
            None => self.calls.send(arrival, None, dropped()),
        }
    }

    /// Starts as many callers as calls may be in flight, each of which makes one call after the other.
    pub(super) fn call_in_turns(&self, turns: &Arc<Turns>) {
        // A caller that finds the time over leaves its place at once, so free places do not say how many were started.
        for _ in 0..self.gate.most() {
            let Some(place) = self.gate.enter() else { break };
            let (calls, abandon) = (Arc::clone(&self.calls), self.abandon.subscribe());
            self.runtime.spawn(call_in_turns(calls, Arc::clone(turns), abandon, place));
        }
    }

    /// Has the next call of this endpoint meet a fresh environment. False if that failed.
    pub(super) async fn make_cold(&self, endpoint: usize) -> bool {
        self.calls.platform.make_cold(endpoint, self.calls.clock).await
    }

    /// Waits until no call is in flight.
    pub(super) async fn drained(&self) {
        self.gate.drained().await;
    }

    /// How many calls are in flight.
    pub(super) fn in_flight(&self) -> u32 {
        self.gate.in_flight()
    }

    /// Ends all calls in flight as abandoned.
    pub(super) fn abandon(&self) {
        self.abandon.send_replace(true);
    }
}

async fn call<P: Call>(
    calls: Arc<Calls<P>>,
    arrival: Arrival,
    mut abandon: watch::Receiver<bool>,
    _place: Place,
) {
    let issued_ns = calls.clock.now_ns();
    calls.make(arrival, issued_ns, &mut abandon).await;
}

async fn call_in_turns<P: Call>(
    calls: Arc<Calls<P>>,
    turns: Arc<Turns>,
    mut abandon: watch::Receiver<bool>,
    _place: Place,
) {
    while let Some(arrival) = turns.next(|| calls.clock.now_ns()) {
        calls.make(arrival, arrival.intended_ns, &mut abandon).await;
        // A call that fails before it waits for anything would otherwise keep the thread from all other work.
        tokio::task::yield_now().await;
    }
}

/// The times of a call whose answer was noticed at `noticed_ns`. What was done between its last byte and then is not part
/// of the call.
fn timing(clock: Clock, issued_ns: u64, times: SocketTimes, noticed_ns: u64) -> Timing {
    let connection = times.connection.map(|connection| Connection {
        ready_ns: clock.ns_at(connection.ready),
        handshake: connection.handshake,
    });
    Timing {
        issued_ns,
        connection,
        written_ns: times.written.map(|moment| clock.ns_at(moment)),
        first_byte_ns: times.first_byte.map(|moment| clock.ns_at(moment)),
        done_ns: times.last_byte.map_or(noticed_ns, |moment| clock.ns_at(moment)),
    }
}

impl<P: Call> Calls<P> {
    /// Makes the call of an arrival, and sends its sample when it has ended.
    async fn make(&self, arrival: Arrival, issued_ns: u64, abandon: &mut watch::Receiver<bool>) {
        let answer = tokio::select! {
            biased;
            answer = self.platform.call_due(arrival) => Some(answer),
            _ = abandon.wait_for(|abandoned| *abandoned) => None,
        };
        let noticed_ns = self.clock.now_ns();
        let times = answer.as_ref().map(|answer| answer.socket_times()).unwrap_or_default();
        let reply = match answer {
            Some(answer) if answer.is_large() => {
                tokio::task::spawn_blocking(|| answer.read()).await.unwrap_or_else(|_| unreadable())
            }
            Some(answer) => answer.read(),
            None => abandoned(),
        };
        self.send(arrival, Some(timing(self.clock, issued_ns, times, noticed_ns)), reply);
    }

    fn send(&self, arrival: Arrival, timing: Option<Timing>, reply: Reply) {
        // The thread of the observers outlives every call unless it panicked. The run notices that when it joins it.
        let _ = self.events.send(Event::Ended(Sample { arrival, timing, reply }));
    }
}

fn dropped() -> Reply {
    Reply::without_answer(Outcome::Dropped, "--max-in-flight calls were in flight")
}

fn unreadable() -> Reply {
    Reply::without_answer(Outcome::BadAnswer, "reading the answer panicked: this is a defect of awsinvoker")
}

fn abandoned() -> Reply {
    Reply::without_answer(Outcome::Abandoned, "still in flight when the interrupted run ended")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;

    /// Answers after a time that is the endpoint's index in seconds; endpoint 0 never answers.
    struct Slow;

    impl Call for Slow {
        type Answer = Reply;

        async fn call(&self, endpoint: usize, _number: u64) -> Reply {
            match endpoint {
                0 => std::future::pending().await,
                seconds => tokio::time::sleep(Duration::from_secs(seconds as u64)).await,
            }
            Reply::with_outcome(Outcome::Ok)
        }
    }

    fn dispatcher(max_in_flight: u32) -> (Dispatcher<Slow>, Receiver<Event>) {
        let (sender, events) = mpsc::channel();
        let clock = Clock::starting_in(Duration::ZERO);
        (Dispatcher::new(Handle::current(), Arc::new(Slow), clock, sender, Gate::new(max_in_flight)), events)
    }

    fn arrival(sequence: u64, endpoint: usize) -> Arrival {
        Arrival { sequence, endpoint, number: 0, intended_ns: 0 }
    }

    /// The sequence number and outcome of all samples so far, and whether each was sent.
    fn ended(events: &Receiver<Event>) -> Vec<(u64, Outcome, bool)> {
        let samples = events.try_iter().map(|event| match event {
            Event::Ended(sample) => sample,
            other => panic!("a dispatcher sends no {other:?}"),
        });
        samples
            .map(|Sample { arrival, timing, reply }| (arrival.sequence, reply.outcome, timing.is_some()))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn every_arrival_ends_as_one_sample_and_what_finds_no_place_is_dropped() {
        let (dispatcher, events) = dispatcher(2);
        (0..3).for_each(|sequence| dispatcher.issue(arrival(sequence, 1)));
        assert_eq!(ended(&events), [(2, Outcome::Dropped, false)], "neither waits nor is sent");
        dispatcher.drained().await;
        assert_eq!(ended(&events), [(0, Outcome::Ok, true), (1, Outcome::Ok, true)]);
        dispatcher.issue(arrival(3, 1));
        dispatcher.drained().await;
        assert_eq!(ended(&events), [(3, Outcome::Ok, true)], "the place is free again");
    }

    #[test]
    fn a_call_ends_with_the_last_byte_of_its_answer_if_that_is_known() {
        let clock = Clock::starting_in(Duration::ZERO);
        let last_byte = Moment::now();
        let times = SocketTimes { last_byte: Some(last_byte), ..SocketTimes::default() };
        assert_eq!(timing(clock, 0, times, u64::MAX).done_ns, clock.ns_at(last_byte));
        assert_eq!(timing(clock, 0, SocketTimes::default(), 7).done_ns, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_do_not_end_are_abandoned() {
        let (dispatcher, events) = dispatcher(10);
        dispatcher.issue(arrival(0, 0));
        dispatcher.issue(arrival(1, 5));
        assert!(tokio::time::timeout(Duration::from_secs(60), dispatcher.drained()).await.is_err());
        assert_eq!(ended(&events), [(1, Outcome::Ok, true)]);
        dispatcher.abandon();
        dispatcher.drained().await;
        assert_eq!(ended(&events), [(0, Outcome::Abandoned, true)]);
    }
}
