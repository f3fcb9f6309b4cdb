//! The load before a run, whose samples are not counted.

use std::sync::Arc;
use std::time::Duration;

use run_record::run_info::WarmUp;
use run_record::{Arrival, Outcome, units};

use crate::clock::Clock;
use crate::load::{self, Event, Gate, Interrupted, Interrupts, LoadError, Observer};
use crate::plan::{FIRST_OF_WARM_UP, Plan};
use crate::platform::Call;

/// Counts what happens, and keeps no latency.
#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    failed: u64,
}

impl Observer for Counts {
    fn observe(&mut self, event: &Event) {
        if let Event::Ended(sample) = event {
            self.requests += 1;
            self.failed += u64::from(sample.reply.outcome != Outcome::Ok);
        }
    }
}

/// Gives calls the numbers of a warm-up: a function that keeps what it was asked for would else know what the run asks.
#[derive(Debug)]
struct WarmUpCalls<P>(Arc<P>);

impl<P: Call> Call for WarmUpCalls<P> {
    type Answer = P::Answer;

    async fn call(&self, endpoint: usize, number: u64) -> P::Answer {
        self.0.call(endpoint, number + FIRST_OF_WARM_UP).await
    }

    async fn call_due(&self, arrival: Arrival) -> P::Answer {
        let number = arrival.number + FIRST_OF_WARM_UP;
        self.0.call_due(Arrival { number, ..arrival }).await
    }

    async fn make_cold(&self, endpoint: usize, clock: Clock) -> bool {
        self.0.make_cold(endpoint, clock).await
    }
}

/// What a warm-up came to.
#[derive(Debug, Default)]
pub(crate) struct WarmedUp {
    /// What was called; absent if no warm-up was asked for.
    pub(crate) info: Option<WarmUp>,
    /// How much of its time was left when its last call had ended.
    pub(crate) left: Duration,
    /// Whether a signal ended it early.
    pub(crate) interrupted: Option<Interrupted>,
}

/// Makes the first part of the load, and waits until its last call has ended. Nothing happens if none was asked for.
///
/// # Errors
/// See [`load::run`].
pub(crate) async fn warm_up<P: Call>(
    plan: &Plan,
    gate: &Gate,
    platform: &Arc<P>,
    clock: Clock,
    interrupts: &mut Interrupts,
) -> Result<WarmedUp, LoadError> {
    let Some(duration_ns) = plan.warm_up_ns else { return Ok(WarmedUp::default()) };
    let workload = plan.workload.beginning(duration_ns);
    let (calls, counts) = (Arc::new(WarmUpCalls(Arc::clone(platform))), Counts::default());
    let (Counts { requests, failed }, interrupted) =
        load::run(&workload, plan.spin, gate, calls, clock, interrupts, counts).await?;
    // A signal may have ended it early.
    let time_s = units::s(interrupted.map_or(duration_ns, |interrupted| interrupted.at_ns.min(duration_ns)));
    tracing::info!(
        "the warm-up of {time_s} s made {requests} requests, {failed} of which failed; none is counted"
    );
    let left = Duration::from_nanos(duration_ns.saturating_sub(clock.now_ns()));
    Ok(WarmedUp { info: Some(WarmUp { time_s, requests, failed }), left, interrupted })
}
