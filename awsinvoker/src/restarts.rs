//! Fresh environments during a run: at its boundaries while calls go on (`--restart-every`), or before each call
//! (`--cold-every-call`).
//!
//! At boundaries, each target has a task that does nothing but wait most of the time. A restart that fails is recorded, and
//! the next one is tried all the same.

use std::sync::Arc;
use std::time::Duration;

use run_record::Arrival;
use run_record::restarts::{Restart, TargetRestarts, is_late};
use run_record::units;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::platform::{
    Boundary, Call, Platform, PlatformAnswer, Renewed, Restarter, StartError, sleep_until,
};

/// How long a restart before a call may take.
const WITHIN: Duration = Duration::from_secs(120);

/// When environments are made fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Never.
    Never,
    /// At boundaries, while calls go on.
    AtBoundaries(Boundaries),
    /// Before each call.
    BeforeCalls,
}

/// The boundaries of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundaries {
    /// The distance of two of them, and of the first one from the start of the run, in nanoseconds.
    pub(crate) every_ns: u64,
    /// The end of the run. No boundary lies there or later.
    pub(crate) end_ns: u64,
}

/// What makes the environments of a run fresh.
#[derive(Debug)]
pub(crate) struct Restarts {
    when: When,
    /// Those with which nothing is under way, until everything is as it was before.
    restarters: Vec<Restarter>,
}

/// Restarts that are made during a run.
#[derive(Debug)]
pub(crate) struct Restarting {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(Restarter, TargetRestarts)>,
    /// The platform, which makes restarts before calls.
    pub(crate) platform: Arc<Restartable>,
}

/// A platform that makes restarts before calls, if it has restarters for them.
#[derive(Debug)]
pub(crate) struct Restartable {
    platform: Arc<Platform>,
    restarters: Mutex<Vec<(Restarter, TargetRestarts)>>,
}

impl Restarts {
    /// With [`When::Never`], nothing is ever done.
    pub(crate) fn new(when: When, restarters: Vec<Restarter>) -> Self {
        Self { restarters: if when == When::Never { Vec::new() } else { restarters }, when }
    }

    /// Finds out whether it can be done.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) async fn begin(&mut self) -> Result<(), StartError> {
        for restarter in &mut self.restarters {
            restarter.begin().await?;
        }
        Ok(())
    }

    /// Makes restarts until it is told to stop.
    pub(crate) fn start(&mut self, clock: Clock, platform: &Arc<Platform>) -> Restarting {
        let (stop, mut tasks, mut before_calls) = (watch::Sender::new(false), JoinSet::new(), Vec::new());
        for restarter in self.restarters.drain(..) {
            let record = restarter.described();
            match self.when {
                When::AtBoundaries(boundaries) => {
                    tasks.spawn(restart_at(boundaries, clock, restarter, record, stop.subscribe()));
                }
                When::Never | When::BeforeCalls => before_calls.push((restarter, record)),
            }
        }
        let platform =
            Arc::new(Restartable { platform: Arc::clone(platform), restarters: Mutex::new(before_calls) });
        Restarting { stop, tasks, platform }
    }

    /// Stops the restarts, leaves everything as it was before the run, and says what was done at each target.
    pub(crate) async fn stop(&mut self, restarting: Restarting) -> Vec<TargetRestarts> {
        let Restarting { stop, mut tasks, platform } = restarting;
        stop.send_replace(true);
        let mut stopped = std::mem::take(&mut *platform.restarters.lock().await);
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(restarted) => stopped.push(restarted),
                Err(error) => {
                    tracing::error!("the restarts of a target ended, a defect of awsinvoker: {error}")
                }
            }
        }
        let mut records = Vec::new();
        for (mut restarter, mut record) in stopped {
            record.not_restored = end(&mut restarter).await;
            records.push(record);
        }
        records.sort_by_key(|record| record.target);
        records
    }

    /// Leaves everything as it was before the run, if that has not been done.
    pub(crate) async fn end(&mut self) {
        for mut restarter in self.restarters.drain(..) {
            end(&mut restarter).await;
        }
    }
}

impl Call for Restartable {
    type Answer = PlatformAnswer;

    async fn call(&self, endpoint: usize, number: u64) -> PlatformAnswer {
        self.platform.call(endpoint, number).await
    }

    async fn call_due(&self, arrival: Arrival) -> PlatformAnswer {
        self.platform.call_due(arrival).await
    }

    async fn make_cold(&self, endpoint: usize, clock: Clock) -> bool {
        let mut restarters = self.restarters.lock().await;
        let Some((restarter, record)) = restarters.iter_mut().find(|(it, _)| it.is_for(endpoint)) else {
            return false;
        };
        let boundary = Boundary { clock, at_ns: clock.now_ns(), most_ahead_ns: 0 };
        let restarted = tokio::time::timeout(WITHIN, restarter.restart(&boundary, Some(endpoint))).await;
        let result = restarted.unwrap_or_else(|_| Err(format!("it took more than {} s", WITHIN.as_secs())));
        let is_cold = result.is_ok();
        // No boundary comes next, so that none is late.
        record.add(noted(boundary.at_ns, result), f64::INFINITY);
        is_cold
    }
}

/// Says also to people what could not be put back.
async fn end(restarter: &mut Restarter) -> Option<String> {
    let reason = restarter.end().await?;
    tracing::error!(
        "a function keeps the variable AWSINVOKER_RESTART, which only makes its environments fresh: {reason}; the next \
         run that restarts it takes it out"
    );
    Some(reason)
}

/// Makes the environments of one target fresh at each boundary.
async fn restart_at(
    boundaries: Boundaries,
    clock: Clock,
    mut restarter: Restarter,
    mut record: TargetRestarts,
    mut stop: watch::Receiver<bool>,
) -> (Restarter, TargetRestarts) {
    let Boundaries { every_ns, .. } = boundaries;
    for at_ns in boundaries.times() {
        let boundary = Boundary { clock, at_ns, most_ahead_ns: every_ns / 2 };
        let result = tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => {
                let delay_ns = clock.now_ns().saturating_sub(at_ns);
                if is_late(units::s(delay_ns), units::s(every_ns)) {
                    let failure = Err("it was not complete when the run ended".to_owned());
                    record.add(noted(at_ns, failure), units::s(every_ns));
                }
                break;
            }
            result = restarter.restart(&boundary, None) => result,
            () = sleep_until(clock, at_ns.saturating_add(every_ns)) => {
                Err("it was not complete by the next boundary".to_owned())
            }
        };
        record.add(noted(at_ns, result), units::s(every_ns));
    }
    (restarter, record)
}

/// A restart as it is recorded. A failure is told at once.
fn noted(due_ns: u64, result: Result<Renewed, String>) -> Restart {
    let due_s = units::s(due_ns);
    match result {
        Ok(Renewed { begun_ns, done_ns }) => Restart {
            due_s,
            begun_s: Some(units::s(begun_ns)),
            done_s: Some(units::s(done_ns)),
            failure: None,
        },
        Err(reason) => {
            tracing::warn!("at {due_s} s, environments could not be made fresh: {reason}");
            Restart { due_s, begun_s: None, done_s: None, failure: Some(reason) }
        }
    }
}

impl Boundaries {
    fn times(self) -> impl Iterator<Item = u64> {
        let Self { every_ns, end_ns } = self;
        let times = (1..).map_while(move |number: u64| number.checked_mul(every_ns));
        times.take_while(move |at_ns| *at_ns < end_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_lie_within_the_run() {
        let times = |every_ns, end_ns| Boundaries { every_ns, end_ns }.times().collect::<Vec<_>>();
        assert_eq!(times(30, 90), [30, 60]);
        assert_eq!(times(30, 91), [30, 60, 90]);
        assert_eq!(times(30, 30), [0; 0]);
        assert_eq!(times(u64::MAX, u64::MAX), [0; 0]);
    }
}
