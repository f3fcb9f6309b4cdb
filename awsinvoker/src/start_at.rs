//! `--start-at`: the wait for a time of day, at which several load generators start together without speaking to each other.

use std::time::{Duration, SystemTime};

use run_record::wall_clock;

use crate::clock::wall_now;
use crate::config::Config;

/// Before the start, so that the files of the run can be made.
const LEAD: Duration = Duration::from_secs(1);
/// Between the end of a warm-up and the start, for the last answers.
const FOR_LAST_ANSWERS: Duration = Duration::from_secs(5);
/// The clock may be set during the wait, so it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A later start is taken for a mistake: nobody would notice a run that waits for a year.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Why a run cannot start at the time that was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum StartAtError {
    #[error(
        "--start-at {at}: the load would have been over {seconds} s ago, so nothing was measured; expected a start at which \
         all shards are ready"
    )]
    Over { at: String, seconds: u64 },
    #[error("--start-at {at}: it is {now} by this machine's clock, expected a time within the next 24 hours")]
    TooFar { at: String, now: String },
}

/// Checks that the run can start at the time that is asked for, if one is, or later while others of the same load go on.
///
/// # Errors
/// The time is more than a day ahead, or the load would be over.
pub(crate) fn check(config: &Config) -> Result<(), StartAtError> {
    let Some(at) = config.start_at else { return Ok(()) };
    check_at(at, Duration::from_nanos(config.plan.workload.end_ns()), wall_now())
}

fn check_at(at: SystemTime, window: Duration, now: SystemTime) -> Result<(), StartAtError> {
    let text = || wall_clock::rfc3339(at);
    match (at.duration_since(now), now.duration_since(at)) {
        (Ok(ahead), _) if ahead > MAX_AHEAD => {
            Err(StartAtError::TooFar { at: text(), now: wall_clock::rfc3339(now) })
        }
        (_, Ok(late)) if late >= window => {
            Err(StartAtError::Over { at: text(), seconds: (late - window).as_secs() })
        }
        _ => Ok(()),
    }
}

/// Waits until the warm-up has to begin, or without one until shortly before the start.
pub(crate) async fn wait_for_warm_up(config: &Config) {
    let warm_up = config.plan.warm_up_ns.map(|ns| Duration::from_nanos(ns) + FOR_LAST_ANSWERS);
    wait_until(config.start_at, LEAD + warm_up.unwrap_or_default()).await;
}

/// Waits until shortly before the start.
pub(crate) async fn wait_for_start(config: &Config) {
    wait_until(config.start_at, LEAD).await;
}

async fn wait_until(at: Option<SystemTime>, before: Duration) {
    let Some(at) = at else { return };
    while let Ok(left) = at.duration_since(wall_now() + before) {
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
}

/// How much later than that the run starts, in nanoseconds.
pub(crate) fn late_ns(at: SystemTime, start: SystemTime) -> u64 {
    start.duration_since(at).map_or(0, |late| u64::try_from(late.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_at_most_a_day_ahead_and_before_the_end_of_the_load() {
        let (now, second) =
            (SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), Duration::from_secs(1));
        let check = |at: SystemTime| check_at(at, 10 * second, now).map_err(|error| error.to_string());
        for at in [now + MAX_AHEAD, now, now - 9 * second] {
            assert_eq!(check(at), Ok(()));
        }
        insta::assert_snapshot!(check(now + MAX_AHEAD + second).unwrap_err(), @"--start-at 2023-11-15T22:13:21.000Z: it is 2023-11-14T22:13:20.000Z by this machine's clock, expected a time within the next 24 hours");
        insta::assert_snapshot!(check(now - 12 * second).unwrap_err(), @"--start-at 2023-11-14T22:13:08.000Z: the load would have been over 2 s ago, so nothing was measured; expected a start at which all shards are ready");
    }

    #[tokio::test]
    async fn the_wait_ends_before_the_start() {
        let at = wall_now() + Duration::from_millis(80);
        wait_until(Some(at), Duration::from_millis(40)).await;
        let left = at.duration_since(wall_now() - Duration::from_secs(60)).unwrap();
        assert!(left < Duration::from_millis(60_045), "{left:?}");
        wait_until(Some(at), Duration::from_secs(60)).await;
        assert_eq!(
            (late_ns(at, at), late_ns(at, at + Duration::from_nanos(7)), late_ns(at + LEAD, at)),
            (0, 7, 0)
        );
    }
}
