//! How a platform is loaded: by a schedule, or by callers that wait for their answers.

use std::fmt;

use run_record::units;

use super::schedule::{Generated, Schedule};
use super::walk::Walk;

/// How a platform is loaded.
#[derive(Clone, Debug)]
pub enum Workload {
    /// By a schedule, however slow the answers are.
    Open(Schedule),
    /// By callers that wait for their answers.
    Closed(ClosedLoop),
    /// By one caller, each of whose calls meets a function that was made cold.
    Cold(ColdLoop),
}

/// Callers that each make their next call when their last one has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLoop {
    /// How many there are. Not 0.
    pub callers: u32,
    /// No call is made from this time on.
    pub duration_ns: u64,
    /// Whom they call, all together.
    pub walk: Walk,
}

/// One caller, each of whose calls meets a function that was made cold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColdLoop {
    /// What makes it cold.
    pub start: ColdStart,
    /// How many calls each endpoint has at most.
    pub calls: Option<u64>,
    /// No call is made from this time on.
    pub duration_ns: u64,
    /// Whom it calls.
    pub walk: Walk,
    /// For each endpoint the number of its function: those of one function share its environments.
    pub functions: Vec<usize>,
}

/// What makes a function cold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdStart {
    /// Its environments are made fresh.
    AfterUpdate,
    /// It is not called for so long that its platform takes its environments away.
    AfterIdle {
        /// For how long, in nanoseconds.
        idle_ns: u64,
    },
}

impl Workload {
    /// The end of the window over which rates are computed, in nanoseconds.
    pub fn end_ns(&self) -> u64 {
        match self {
            Self::Open(schedule) => schedule.end_ns(),
            Self::Closed(closed) => closed.duration_ns,
            Self::Cold(cold) => cold.duration_ns,
        }
    }

    /// The number of calls; only their expected number when they are random. A closed loop has none.
    pub fn expected(&self) -> Option<u64> {
        match self {
            Self::Open(schedule) => Some(schedule.expected()),
            Self::Closed(_) | Self::Cold(_) => None,
        }
    }

    /// The rate that is asked for, in requests per second: the mean if it changes. A closed loop has none.
    pub fn target_rps(&self) -> Option<f64> {
        match self {
            Self::Open(schedule) => Some(schedule.target_rps()),
            Self::Closed(_) | Self::Cold(_) => None,
        }
    }

    /// The rate that was asked for until the window closed, in requests per second. In a run that ended early, a changing
    /// rate had another mean than it would have had: that of the requests that were due until then.
    pub fn target_rps_until(&self, window_ns: u64, due: u64) -> Option<f64> {
        let is_changing = !self.can_go_on();
        if is_changing && window_ns < self.end_ns() {
            return Some(if due == 0 { 0.0 } else { due as f64 / units::s(window_ns) });
        }
        self.target_rps()
    }

    /// The schedule; a closed loop has none.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Open(schedule) => Some(schedule),
            Self::Closed(_) | Self::Cold(_) => None,
        }
    }

    /// Whether its calls need functions whose environments are made fresh before.
    pub(crate) fn needs_updates(&self) -> bool {
        matches!(self, Self::Cold(ColdLoop { start: ColdStart::AfterUpdate, .. }))
    }

    /// Whether the load goes on unchanged if it is made longer than it is.
    pub(super) fn can_go_on(&self) -> bool {
        let Self::Open(schedule) = self else { return true };
        matches!(schedule.whole(), Schedule::Generated(generated) if generated.profile.only_rate().is_some())
    }

    /// The beginning of the load, of this length.
    pub(crate) fn beginning(&self, duration_ns: u64) -> Self {
        match self {
            Self::Open(schedule) => Self::Open(schedule.beginning(duration_ns)),
            Self::Closed(closed) => Self::Closed(ClosedLoop { duration_ns, ..closed.clone() }),
            Self::Cold(cold) => Self::Cold(ColdLoop { duration_ns, ..cold.clone() }),
        }
    }
}

/// What is done, for people, as in `about 30 requests in 0.3 s (100/s)`.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedule = match self {
            Self::Closed(ClosedLoop { callers, duration_ns, .. }) => {
                return write!(f, "closed loop of {callers} callers for {} s", units::s(*duration_ns));
            }
            Self::Cold(cold) => return cold.fmt(f),
            Self::Open(schedule) => schedule,
        };
        let about = if schedule.is_random() { "about " } else { "" };
        write!(f, "{about}{} requests in ", schedule.expected())?;
        match schedule.whole() {
            Schedule::Generated(Generated { profile, .. }) => {
                write!(f, "{} s ", units::s(profile.duration_ns()))?;
                match profile.only_rate() {
                    Some(_) => write!(f, "({}/s)", schedule.target_rps()),
                    None => {
                        write!(
                            f,
                            "and {} stages (mean {:.2}/s)",
                            profile.stages().len(),
                            schedule.target_rps()
                        )
                    }
                }
            }
            Schedule::Shard(_) => Ok(()),
            Schedule::Recorded(recording) => write!(
                f,
                "{:.3} s from {} (mean {:.2}/s)",
                units::s(schedule.end_ns()),
                recording.file.path,
                schedule.target_rps()
            ),
        }
    }
}

impl fmt::Display for ColdLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start {
            ColdStart::AfterUpdate => f.write_str("cold calls one after the other, each after an update,")?,
            ColdStart::AfterIdle { idle_ns } => {
                write!(f, "cold calls one after the other, each after {} s of rest,", units::s(idle_ns))?;
            }
        }
        match self.calls {
            Some(calls) => write!(f, " {calls} of each endpoint"),
            None => write!(f, " for {} s", units::s(self.duration_ns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use run_record::run_info::{Arrivals, Order};
    use run_record::units::NS_PER_S;

    use super::*;
    use crate::plan::Profile;

    fn walk() -> Walk {
        Walk { order: Order::RoundRobin, seed: 0, slots: vec![0] }
    }

    fn stages(stages: &str) -> Workload {
        let profile = Profile::parse(stages).unwrap();
        Workload::Open(Schedule::Generated(Generated {
            profile,
            arrivals: Arrivals::Constant,
            seed: 0,
            walk: walk(),
        }))
    }

    #[test]
    fn a_run_that_ends_early_has_the_target_of_what_was_due() {
        let steps = stages("10s@10,10s@100");
        assert_eq!(steps.target_rps(), Some(55.0));
        assert_eq!(steps.target_rps_until(20 * NS_PER_S, 1100), Some(55.0));
        assert_eq!(steps.target_rps_until(5 * NS_PER_S, 50), Some(10.0));
        assert_eq!(steps.target_rps_until(0, 0), Some(0.0));
        assert_eq!(stages("10s@10").target_rps_until(NS_PER_S / 2, 6), Some(10.0), "a rate is a rate");
        let closed = Workload::Closed(ClosedLoop { callers: 1, duration_ns: NS_PER_S, walk: walk() });
        assert_eq!(closed.target_rps_until(5, 1), None);
    }

    #[test]
    fn each_is_described() {
        assert_eq!(stages("1500ms@2").to_string(), "3 requests in 1.5 s (2/s)");
        assert_eq!(stages("1s@2,1s@4..0").to_string(), "4 requests in 2 s and 2 stages (mean 2.00/s)");
        let closed = Workload::Closed(ClosedLoop { callers: 3, duration_ns: NS_PER_S, walk: walk() });
        assert_eq!(closed.to_string(), "closed loop of 3 callers for 1 s");
        let cold = |start, calls| {
            let (duration_ns, functions) = (NS_PER_S, vec![0]);
            Workload::Cold(ColdLoop { start, calls, duration_ns, walk: walk(), functions }).to_string()
        };
        let idle = ColdStart::AfterIdle { idle_ns: 600 * NS_PER_S };
        assert_eq!(
            cold(ColdStart::AfterUpdate, None),
            "cold calls one after the other, each after an update, for 1 s"
        );
        assert_eq!(
            cold(idle, Some(7)),
            "cold calls one after the other, each after 600 s of rest, 7 of each endpoint"
        );
    }
}
