//! `--restart-every`: fresh environments at the boundaries of a run, while its calls go on.
//!
//! Each target has a task that does nothing but wait most of the time. A restart that fails is recorded, and the next one
//! is tried all the same.

use run_record::restarts::{Restart, TargetRestarts};
use run_record::units;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::platform::{Boundary, Restarter, StartError, sleep_until};

/// When environments are made fresh.
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
    boundaries: Option<Boundaries>,
    /// Those of targets with which a run begun, until everything is as it was before.
    restarters: Vec<Restarter>,
}

/// Restarts that are made beside the calls of a run.
#[derive(Debug)]
pub(crate) struct Restarting {
    stop: watch::Sender<bool>,
    tasks: JoinSet<(Restarter, TargetRestarts)>,
}

impl Restarts {
    /// With no boundaries, nothing is ever done.
    pub(crate) fn new(boundaries: Option<Boundaries>, restarters: Vec<Restarter>) -> Self {
        Self { restarters: if boundaries.is_some() { restarters } else { Vec::new() }, boundaries }
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

    /// Makes restarts at the boundaries, until it is told to stop.
    pub(crate) fn start(&mut self, clock: Clock) -> Restarting {
        let (stop, mut tasks) = (watch::Sender::new(false), JoinSet::new());
        if let Some(boundaries) = self.boundaries {
            for restarter in self.restarters.drain(..) {
                tasks.spawn(restart_at(boundaries, clock, restarter, stop.subscribe()));
            }
        }
        Restarting { stop, tasks }
    }

    /// Stops the restarts, leaves everything as it was before the run, and says what was done at each target.
    pub(crate) async fn stop(&mut self, restarting: Restarting) -> Vec<TargetRestarts> {
        let Restarting { stop, mut tasks } = restarting;
        stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok((mut restarter, mut record)) => {
                    record.not_restored = end(&mut restarter).await;
                    all.push(record);
                }
                Err(error) => {
                    tracing::error!("the restarts of a target ended, a defect of awsinvoker: {error}")
                }
            }
        }
        all.sort_by_key(|record| record.target);
        all
    }

    /// Leaves everything as it was before the run, if that has not been done.
    pub(crate) async fn end(&mut self) {
        for mut restarter in self.restarters.drain(..) {
            end(&mut restarter).await;
        }
    }
}

/// Says also to people what could not be put back.
async fn end(restarter: &mut Restarter) -> Option<String> {
    let reason = restarter.end().await?;
    tracing::error!(
        "a function keeps the variable AWSINVOKER_RESTART, which only makes its environments fresh: {reason}; the next \
         run with --restart-every takes it out"
    );
    Some(reason)
}

/// Makes the environments of one target fresh at each boundary.
async fn restart_at(
    boundaries: Boundaries,
    clock: Clock,
    mut restarter: Restarter,
    mut stop: watch::Receiver<bool>,
) -> (Restarter, TargetRestarts) {
    let Boundaries { every_ns, .. } = boundaries;
    let mut record = restarter.described();
    for at_ns in boundaries.times() {
        let boundary = Boundary { clock, at_ns, most_ahead_ns: every_ns / 2 };
        let result = tokio::select! {
            biased;
            _ = stop.wait_for(|stopped| *stopped) => break,
            result = restarter.restart(&boundary, None) => result,
            () = sleep_until(clock, at_ns.saturating_add(every_ns)) => {
                Err("it was not complete by the next boundary".to_owned())
            }
        };
        let (times, failure) = match result {
            Ok(renewed) => (Some(renewed), None),
            Err(reason) => {
                tracing::warn!("at {} s, environments could not be made fresh: {reason}", units::s(at_ns));
                (None, Some(reason))
            }
        };
        let restart = Restart {
            due_s: units::s(at_ns),
            begun_s: times.map(|renewed| units::s(renewed.begun_ns)),
            done_s: times.map(|renewed| units::s(renewed.done_ns)),
            failure,
        };
        record.add(restart, units::s(every_ns));
    }
    (restarter, record)
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
