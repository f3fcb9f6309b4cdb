//! A loop of cold calls: one call at a time, each after its function was made cold. What makes it cold is not part of the
//! call.

use std::sync::atomic::AtomicBool;

use run_record::Arrival;
use run_record::units::NS_PER_S;

use super::dispatch::Dispatcher;
use super::event::Window;
use super::pacer::wait_until;
use crate::clock::SleepClock;
use crate::plan::{ColdLoop, ColdStart, Numbering, Steps};
use crate::platform::Call;

/// After a restart that failed, the next one waits.
const PAUSE_NS: u64 = NS_PER_S;
/// So many restarts that failed one after the other end the loop: more of them tell nothing.
const MOST_FAILURES: u32 = 10;

/// Whom the calls of the loop go to.
struct Turns {
    steps: Steps,
    numbering: Numbering,
    /// How many calls each endpoint may still have; absent without a limit.
    left: Option<Vec<u64>>,
}

/// Why the loop goes no further.
enum Stop {
    /// Its time is over.
    Time,
    /// All calls were made, a signal came, or restarts fail.
    Early,
}

/// Makes the calls, until the time is over, each endpoint has had its calls, or `stop` is set.
pub(super) async fn run<P: Call>(
    cold: &ColdLoop,
    clock: &impl SleepClock,
    stop: &AtomicBool,
    dispatcher: &Dispatcher<P>,
) -> Window {
    let mut issued = 0;
    let ended = if wait_until(0, clock, stop).await {
        make_calls(cold, clock, stop, dispatcher, &mut issued).await
    } else {
        Stop::Early
    };
    let end_ns = match ended {
        Stop::Time => cold.duration_ns,
        Stop::Early => clock.now_ns(),
    };
    Window { issued, end_ns }
}

async fn make_calls<P: Call>(
    cold: &ColdLoop,
    clock: &impl SleepClock,
    stop: &AtomicBool,
    dispatcher: &Dispatcher<P>,
    issued: &mut u64,
) -> Stop {
    let mut turns = Turns::new(cold);
    let (mut ended_ns, mut failures) = (vec![0; cold.functions.len()], 0);
    while let Some(endpoint) = turns.next() {
        let function = cold.functions[endpoint];
        let is_cold = match cold.start {
            ColdStart::AfterIdle { idle_ns } => {
                let due_ns = cold.duration_ns.min(idle_ns.saturating_add(ended_ns[function]));
                if !wait_until(due_ns, clock, stop).await {
                    return Stop::Early;
                }
                true
            }
            ColdStart::AfterUpdate => tokio::select! {
                is_cold = dispatcher.make_cold(endpoint) => is_cold,
                is_over = wait_until(cold.duration_ns, clock, stop) => {
                    return if is_over { Stop::Time } else { Stop::Early };
                }
            },
        };
        if clock.has_reached(cold.duration_ns) {
            return Stop::Time;
        }
        if !is_cold {
            failures += 1;
            if failures == MOST_FAILURES || !wait_until(clock.now_ns() + PAUSE_NS, clock, stop).await {
                return Stop::Early;
            }
            continue;
        }
        failures = 0;
        let number = turns.make(endpoint);
        dispatcher.issue(Arrival { sequence: *issued, endpoint, number, intended_ns: clock.now_ns() });
        *issued += 1;
        tokio::select! {
            () = dispatcher.drained() => {}
            _ = wait_until(u64::MAX, clock, stop) => return Stop::Early,
        }
        ended_ns[function] = clock.now_ns();
    }
    Stop::Early
}

impl Turns {
    fn new(cold: &ColdLoop) -> Self {
        let left = cold.calls.map(|calls| vec![calls; cold.functions.len()]);
        Self { steps: cold.walk.steps(), numbering: Numbering::default(), left }
    }

    /// The endpoint whose turn it is, of those that may still have calls.
    fn next(&mut self) -> Option<usize> {
        let Some(left) = &self.left else { return self.steps.next() };
        if left.iter().all(|left| *left == 0) {
            return None;
        }
        self.steps.find(|endpoint| left[*endpoint] > 0)
    }

    /// Counts a call, and tells its number among those of its endpoint.
    fn make(&mut self, endpoint: usize) -> u64 {
        if let Some(left) = &mut self.left {
            left[endpoint] = left[endpoint].saturating_sub(1);
        }
        self.numbering.next(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use run_record::run_info::Order;

    use super::*;
    use crate::plan::Walk;

    #[test]
    fn each_endpoint_has_its_number_of_calls_whatever_its_weight() {
        let walk = Walk { order: Order::RoundRobin, seed: 0, slots: vec![0, 0, 1] };
        let cold = ColdLoop {
            start: ColdStart::AfterUpdate,
            calls: Some(2),
            duration_ns: 1,
            walk,
            functions: vec![0, 0],
        };
        let mut turns = Turns::new(&cold);
        let mut met = Vec::new();
        // The first call of endpoint 1 is not made, as after a restart that failed.
        while let Some(endpoint) = turns.next() {
            let is_made = met.len() != 2;
            met.push((endpoint, is_made.then(|| turns.make(endpoint))));
        }
        assert_eq!(met, [(0, Some(0)), (0, Some(1)), (1, None), (1, Some(0)), (1, Some(1))]);
        let mut endless = Turns::new(&ColdLoop { calls: None, ..cold });
        assert_eq!((0..4).filter_map(|_| endless.next()).collect::<Vec<_>>(), [0, 0, 1, 0]);
    }
}
