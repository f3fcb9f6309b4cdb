//! Whether a run measured what it set out to measure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::circumstances::{Circumstances, GeneratorLoad, ThreadLoad};
use crate::order_statistics::lower_rank;
use crate::restarts::TargetRestarts;
use crate::units::{counted, duration_text};

/// Up to this schedule lag (p99), in microseconds, the load generator is in time.
pub(crate) const LAG_TO_TRUST_US: f64 = 1000.0;
/// From this share on that the schedule lag (p99) has of the response latency (p99), the published latency is to a good
/// part that of the load generator.
const LAG_SHARE: f64 = 0.1;
/// Below this share of requests sent within the window, the load was not the one that was asked for.
const SENT_TO_TRUST: f64 = 0.999;
/// So many requests may be sent late whatever their share is: in a short run, a single one is more than a thousandth.
const SENT_LATE: u64 = 1;
/// The wall clock may move so far against the monotonic one, in seconds: what a time service corrects at once.
const JUMP_S: f64 = 0.1;
/// And by this share of the run besides, which is twice what a time service corrects step by step.
const DRIFT: f64 = 0.001;

/// Above this share of a processor that one of its threads takes, or of all processors that it may use, the load generator
/// has no reserve: calls and answers wait for it, whatever the platform does.
const SATURATED_PERCENT: f64 = 90.0;
/// The load of a shorter time says little: starting up is a good part of it.
const WATCHED_S: f64 = 1.0;

/// Whether the numbers of a run may be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Verdict {
    /// Whether there is no reason against it.
    pub valid: bool,
    /// Why the run is not valid.
    pub reasons: Vec<Reason>,
}

/// A reason why a run did not measure what it set out to measure. `Display` words it for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(deny_unknown_fields)]
pub enum Reason {
    /// The load generator was so late that response latencies are to a good part its own.
    ScheduleLag {
        /// The schedule lag that 99 % of the requests did not exceed, in microseconds.
        p99_us: f64,
        /// The most that is tolerated: 1 ms, or a tenth of the smallest response latency p99 of an endpoint.
        tolerated_us: f64,
    },
    /// Not a single request succeeded.
    NothingSucceeded,
    /// Not all of the run is known: its end, or some of its samples, are missing.
    Incomplete {
        /// Requests that were made and of which nothing is known; null if their number is not known either.
        requests: Option<u64>,
    },
    /// Lines of `samples.csv` are left out, because they are damaged or say again what another line says.
    Damaged {
        /// How many.
        lines: u64,
    },
    /// The load generator had no processor time left, so a part of what was measured is its own.
    GeneratorSaturated {
        /// The share of a processor that the thread took, or of all processors that the process may use, in percent.
        percent: f64,
        /// The thread; null if all of them together are meant.
        thread: Option<String>,
    },
    /// The lambda-local that was started for the run ended before the run did.
    LocalDied {
        /// How it ended.
        status: String,
    },
    /// An instance behind gRPC that was started for the run ended before the run did.
    InstanceDied {
        /// Its function, and how it ended.
        status: String,
    },
    /// Functions did not get fresh environments at every boundary, or got them late.
    NotFresh {
        /// Boundaries, those of all targets together.
        due: u64,
        /// Restarts that failed.
        failed: u64,
        /// Restarts that were late.
        late: u64,
        /// From a boundary to the end of its restart, in seconds, the latest one; null if none was complete.
        latest_s: Option<f64>,
        /// The first cause of a failure.
        cause: Option<String>,
    },
    /// Calls were made with credentials that had expired, because there were no new ones.
    CredentialsStalled {
        /// For how long, in seconds.
        for_s: f64,
    },
    /// Requests were not sent, because `--max-in-flight` calls were in flight.
    Dropped {
        /// How many.
        requests: u64,
    },
    /// Too few requests were sent within the window.
    SentLate {
        /// The share that was sent within the window, in percent.
        sent_percent: f64,
    },
    /// The run started later than `--start-at` says, so its load was not a part of the common one at the right time.
    StartedLate {
        /// How much later, in seconds.
        by_s: f64,
    },
    /// The shards of a merged run did not start together, so their loads together are not the one that was asked for.
    StartedApart {
        /// From the first start to the last, in seconds.
        by_s: f64,
    },
    /// Shards of a merged run are not valid by themselves.
    InvalidShards {
        /// How many.
        shards: u64,
        /// The index of the first of them.
        first: u32,
        /// Why that one is not.
        reason: String,
    },
    /// The wall clock was set, or the machine slept, during the run.
    ClockJumped {
        /// How far the wall clock moved against the monotonic one, in seconds.
        by_s: f64,
    },
}

/// What a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// Schedule lag; absent if nothing was sent.
    pub(crate) lag_p99_us: Option<f64>,
    /// The lag of rank [`lag_rank`]; absent if fewer than two requests were sent.
    pub(crate) lag_p99_low_us: Option<f64>,
    /// The smallest p99 of the response latency of an endpoint; absent if nothing succeeded.
    pub(crate) response_p99_us: Option<f64>,
    pub(crate) issued: u64,
    pub(crate) succeeded: u64,
    pub(crate) dropped: u64,
    pub(crate) sent_in_window: u64,
    /// How far the wall clock moved against the monotonic one, and how long the run was.
    pub(crate) wall_jump_s: f64,
    pub(crate) run_s: f64,
}

impl Verdict {
    pub(crate) fn new(facts: &Facts) -> Self {
        let reasons: Vec<_> =
            [nothing_succeeded(facts), lag(facts), dropped(facts), sent_late(facts), clock_jumped(facts)]
                .into_iter()
                .flatten()
                .collect();
        Self { valid: reasons.is_empty(), reasons }
    }

    /// Adds what follows from the circumstances of the run.
    pub(crate) fn add_circumstances(&mut self, circumstances: &Circumstances) {
        let Circumstances { generator, local_ended, instance_ended, credentials_expired_s } = circumstances;
        let saturated = generator.as_ref().and_then(saturated);
        let died = local_ended.clone().map(|status| Reason::LocalDied { status });
        let lost = instance_ended.clone().map(|status| Reason::InstanceDied { status });
        let stalled = (*credentials_expired_s > 0.0)
            .then_some(Reason::CredentialsStalled { for_s: *credentials_expired_s });
        [saturated, died, lost, stalled].into_iter().flatten().for_each(|reason| self.add(reason));
    }

    /// Adds that environments were not as fresh as they were asked for.
    pub(crate) fn add_restarts(&mut self, targets: &[TargetRestarts]) {
        let sum = |count: fn(&TargetRestarts) -> u64| targets.iter().map(count).sum::<u64>();
        let (due, failed, late) =
            (sum(|target| target.due), sum(|target| target.failed), sum(|target| target.late));
        if failed + late > 0 {
            let latest_s = targets.iter().filter_map(|target| target.latest_s).max_by(f64::total_cmp);
            let cause = targets.iter().find_map(TargetRestarts::cause).map(str::to_owned);
            self.add(Reason::NotFresh { due, failed, late, latest_s, cause });
        }
    }

    /// Adds a reason that does not follow from the samples.
    pub fn add(&mut self, reason: Reason) {
        self.valid = false;
        self.reasons.push(reason);
    }
}

fn nothing_succeeded(facts: &Facts) -> Option<Reason> {
    (facts.succeeded == 0).then_some(Reason::NothingSucceeded)
}

/// The rank, from 1, of the lag that is compared with what is tolerated. The p99 exceeds it in all but 2.5 % of all runs,
/// and it is not the greatest one: a single late request of a short run does not count.
pub(crate) fn lag_rank(count: u64) -> Option<u64> {
    let rank = lower_rank(count, 0.99)?.min(count.saturating_sub(1));
    (rank > 0).then_some(rank)
}

fn lag(facts: &Facts) -> Option<Reason> {
    let (p99_us, response_us) = facts.lag_p99_us.zip(facts.response_p99_us)?;
    let tolerated_us = LAG_TO_TRUST_US.max(response_us * LAG_SHARE);
    let is_late = facts.lag_p99_low_us.is_some_and(|low_us| low_us > tolerated_us);
    is_late.then_some(Reason::ScheduleLag { p99_us, tolerated_us })
}

fn dropped(facts: &Facts) -> Option<Reason> {
    (facts.dropped > 0).then_some(Reason::Dropped { requests: facts.dropped })
}

fn sent_late(facts: &Facts) -> Option<Reason> {
    let late = facts.issued.saturating_sub(facts.sent_in_window);
    let sent = facts.sent_in_window as f64 / facts.issued as f64;
    (late > SENT_LATE && sent < SENT_TO_TRUST).then_some(Reason::SentLate { sent_percent: sent * 100.0 })
}

/// One thread that has no reserve is enough: a call needs all that it passes.
fn saturated(load: &GeneratorLoad) -> Option<Reason> {
    let GeneratorLoad { seconds, process_percent, busiest_thread, .. } = load;
    if *seconds < WATCHED_S {
        return None;
    }
    match busiest_thread {
        Some(ThreadLoad { name, percent }) if *percent > SATURATED_PERCENT => {
            Some(Reason::GeneratorSaturated { percent: *percent, thread: Some(name.clone()) })
        }
        _ => (*process_percent > SATURATED_PERCENT)
            .then_some(Reason::GeneratorSaturated { percent: *process_percent, thread: None }),
    }
}

fn clock_jumped(facts: &Facts) -> Option<Reason> {
    let tolerated_s = JUMP_S + DRIFT * facts.run_s;
    (facts.wall_jump_s.abs() > tolerated_s).then_some(Reason::ClockJumped { by_s: facts.wall_jump_s })
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScheduleLag { p99_us, tolerated_us } => write!(
                f,
                "the load generator itself was late (schedule lag p99 {}, more than {})",
                duration_text(*p99_us),
                duration_text(*tolerated_us)
            ),
            Self::NothingSucceeded => f.write_str("not a single request succeeded"),
            Self::Incomplete { requests: Some(requests) } => {
                let verb = if *requests == 1 { "is" } else { "are" };
                let requests = counted(*requests, "request");
                write!(f, "{requests} {verb} missing: rates and latencies are those of the others")
            }
            Self::Incomplete { requests: None } => {
                f.write_str("the end of the run is missing: rates and latencies are those of what is known")
            }
            Self::Damaged { lines } => {
                let lines = counted(*lines, "damaged or repeated line");
                write!(f, "without {lines} of samples.csv, it is not all of the run")
            }
            Self::GeneratorSaturated { percent, thread: Some(thread) } => write!(
                f,
                "the load generator itself was saturated: its thread {thread} took {percent:.0} % of a processor"
            ),
            Self::GeneratorSaturated { percent, thread: None } => write!(
                f,
                "the load generator itself was saturated: it took {percent:.0} % of the processors that it may use"
            ),
            Self::LocalDied { status } => {
                write!(f, "the lambda-local of this run ended before the run did ({status})")
            }
            Self::InstanceDied { status } => {
                write!(f, "an instance that was started for this run ended before the run did ({status})")
            }
            Self::NotFresh { due, failed, late, latest_s, cause } => {
                let restarts = counted(*due, "restart");
                write!(f, "environments were not as fresh as asked for: of {restarts}, {failed} failed")?;
                if let Some(cause) = cause {
                    write!(f, " ({cause})")?;
                }
                match latest_s.filter(|_| *late > 0) {
                    Some(latest_s) => write!(f, ", and {late} came late, up to {latest_s:.1} s"),
                    None => Ok(()),
                }
            }
            Self::CredentialsStalled { for_s } => write!(
                f,
                "for {for_s:.1} s, calls were made with credentials that had expired and could not be renewed"
            ),
            Self::Dropped { requests } => {
                let verb = if *requests == 1 { "was" } else { "were" };
                let requests = counted(*requests, "request");
                write!(f, "{requests} {verb} not sent, because --max-in-flight calls were in flight")
            }
            Self::SentLate { sent_percent } => {
                write!(f, "only {sent_percent:.2} % of the requests were sent in time")
            }
            Self::StartedLate { by_s } => {
                write!(f, "the run started {by_s:.3} s later than --start-at asked for")
            }
            Self::StartedApart { by_s } => write!(
                f,
                "the shards started up to {by_s:.3} s apart: their loads together are not the one that was asked for"
            ),
            Self::InvalidShards { shards, first, reason } => {
                let verb = if *shards == 1 { "is" } else { "are" };
                let shards = counted(*shards, "shard");
                write!(f, "{shards} {verb} not valid, the first of them shard {first}: {reason}")
            }
            Self::ClockJumped { by_s } => {
                write!(f, "the clock was set or the machine slept ({by_s:+.3} s)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restarts::{Restart, RestartWay};

    const GOOD: Facts = Facts {
        lag_p99_us: Some(1_200.0),
        lag_p99_low_us: Some(900.0),
        response_p99_us: Some(1_000.0),
        issued: 10_000,
        succeeded: 10_000,
        dropped: 0,
        sent_in_window: 9_990,
        wall_jump_s: -0.109,
        run_s: 10.0,
    };

    #[test]
    fn a_run_is_valid_within_the_bounds() {
        let good = [
            GOOD,
            Facts { lag_p99_low_us: Some(29_000.0), response_p99_us: Some(300_000.0), ..GOOD },
            Facts { lag_p99_low_us: Some(5_000.0), response_p99_us: None, ..GOOD },
            Facts { issued: 5, sent_in_window: 4, ..GOOD },
        ];
        for facts in good {
            assert_eq!(Verdict::new(&facts), Verdict { valid: true, reasons: Vec::new() }, "{facts:?}");
        }
    }

    #[test]
    fn a_single_late_request_does_not_count() {
        for (count, expected) in
            [(0, None), (1, None), (2, Some(1)), (3, Some(2)), (10, Some(9)), (50, Some(48))]
        {
            assert_eq!(lag_rank(count), expected, "{count} requests");
        }
    }

    #[test]
    fn each_reason_is_found_and_worded() {
        let bad = [
            Facts { lag_p99_low_us: Some(1_100.0), ..GOOD },
            Facts {
                lag_p99_us: Some(32_000.0),
                lag_p99_low_us: Some(31_000.0),
                response_p99_us: Some(300_000.0),
                ..GOOD
            },
            Facts { succeeded: 0, ..GOOD },
            Facts { dropped: 7, ..GOOD },
            Facts { sent_in_window: 9_989, ..GOOD },
            Facts { wall_jump_s: -0.111, ..GOOD },
        ];
        let reasons: Vec<_> = bad
            .iter()
            .map(|facts| {
                let verdict = Verdict::new(facts);
                assert_eq!((verdict.valid, verdict.reasons.len()), (false, 1), "{facts:?}");
                verdict.reasons[0].to_string()
            })
            .collect();
        insta::assert_snapshot!(reasons.join("\n"), @"
        the load generator itself was late (schedule lag p99 1.20 ms, more than 1.00 ms)
        the load generator itself was late (schedule lag p99 32.0 ms, more than 30.0 ms)
        not a single request succeeded
        7 requests were not sent, because --max-in-flight calls were in flight
        only 99.89 % of the requests were sent in time
        the clock was set or the machine slept (-0.111 s)
        ");
    }

    fn load(seconds: f64, process_percent: f64, thread_percent: Option<f64>) -> Circumstances {
        let thread = |percent| ThreadLoad { name: "worker".to_owned(), percent };
        let busiest_thread = thread_percent.map(thread);
        let generator = Some(GeneratorLoad { seconds, cores: 2, process_percent, busiest_thread });
        Circumstances { generator, ..Circumstances::default() }
    }

    #[test]
    fn what_happened_beside_the_calls_is_found_and_worded() {
        let good = [
            Circumstances::default(),
            load(10.0, 90.0, Some(90.0)),
            load(10.0, 90.0, None),
            load(0.99, 100.0, Some(100.0)),
        ];
        let reasons = |circumstances: &Circumstances| {
            let mut verdict = Verdict::new(&GOOD);
            verdict.add_circumstances(circumstances);
            assert_eq!(verdict.valid, verdict.reasons.is_empty());
            verdict.reasons
        };
        good.iter().for_each(|it| assert_eq!(reasons(it), [], "{it:?}"));
        let bad = [
            load(1.0, 52.0, Some(90.1)),
            load(10.0, 90.1, Some(60.0)),
            load(10.0, 99.0, None),
            Circumstances { local_ended: Some("signal: 9 (SIGKILL)".to_owned()), ..load(10.0, 1.0, None) },
            Circumstances {
                instance_ended: Some("f: exit status: 1".to_owned()),
                ..Circumstances::default()
            },
            Circumstances { credentials_expired_s: 0.25, ..Circumstances::default() },
        ];
        let words: Vec<_> = bad.iter().flat_map(reasons).map(|reason| reason.to_string()).collect();
        insta::assert_snapshot!(words.join("\n"), @"
        the load generator itself was saturated: its thread worker took 90 % of a processor
        the load generator itself was saturated: it took 90 % of the processors that it may use
        the load generator itself was saturated: it took 99 % of the processors that it may use
        the lambda-local of this run ended before the run did (signal: 9 (SIGKILL))
        an instance that was started for this run ended before the run did (f: exit status: 1)
        for 0.2 s, calls were made with credentials that had expired and could not be renewed
        ");
    }

    #[test]
    fn a_restart_that_failed_or_came_late_is_found_and_worded() {
        let reasons = |targets: &[TargetRestarts]| {
            let mut verdict = Verdict::new(&GOOD);
            verdict.add_restarts(targets);
            verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let good = TargetRestarts {
            due: 4,
            latest_s: Some(-0.2),
            ..TargetRestarts::new(0, RestartWay::NewInstances)
        };
        assert_eq!(reasons(&[]), [""; 0]);
        assert_eq!(reasons(&[good.clone(), good.clone()]), [""; 0]);
        let late = TargetRestarts { late: 2, latest_s: Some(4.0), ..good.clone() };
        let failure =
            Restart { due_s: 30.0, begun_s: None, done_s: None, failure: Some("no kubectl".to_owned()) };
        let failed = TargetRestarts { failed: 1, restarts: vec![failure], ..good.clone() };
        let words = [
            reasons(&[good, late.clone()]),
            reasons(std::slice::from_ref(&failed)),
            reasons(&[late, failed]),
        ];
        insta::assert_snapshot!(words.concat().join("\n"), @"
        environments were not as fresh as asked for: of 8 restarts, 0 failed, and 2 came late, up to 4.0 s
        environments were not as fresh as asked for: of 4 restarts, 1 failed (no kubectl)
        environments were not as fresh as asked for: of 8 restarts, 1 failed (no kubectl), and 2 came late, up to 4.0 s
        ");
    }

    #[test]
    fn one_of_them_is_no_plural() {
        let reasons = [
            Reason::Incomplete { requests: Some(1) },
            Reason::Dropped { requests: 1 },
            Reason::Damaged { lines: 1 },
            Reason::Damaged { lines: 2 },
        ];
        insta::assert_snapshot!(reasons.map(|reason| reason.to_string()).join("\n"), @"
        1 request is missing: rates and latencies are those of the others
        1 request was not sent, because --max-in-flight calls were in flight
        without 1 damaged or repeated line of samples.csv, it is not all of the run
        without 2 damaged or repeated lines of samples.csv, it is not all of the run
        ");
    }
}
