//! `--require-idle`: waits until the machine does little else.

use std::time::Duration;

use run_record::run_info::Load;

use crate::machine;

/// For how long a look at the machine lasts if the run waits for it to be idle.
const LOOK: Duration = Duration::from_secs(1);
/// For how long a look lasts otherwise: it delays the run.
const SHORT_LOOK: Duration = Duration::from_millis(200);
/// How often the wait is told, in looks.
const TELL_EVERY: u32 = 10;

/// How idle the machine must be, and for how long to wait for that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdleLimit {
    /// How busy it may be, in percent of all its processors.
    pub percent: f64,
    /// How long to wait.
    pub within: Duration,
}

/// The machine did not become idle.
#[derive(Debug, thiserror::Error)]
#[error(
    "--require-idle is {limit_percent} %, but the machine was {busy_percent:.1} % busy for {waited_s} s \
     (--require-idle-within): end what else runs on it, or allow more"
)]
pub struct NotIdle {
    limit_percent: f64,
    busy_percent: f64,
    waited_s: u32,
}

/// What to do after a look.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Go,
    Wait { tell: bool },
    GiveUp,
}

/// How busy the machine is before a run. With a limit, waits until it is not busier than that.
///
/// # Errors
/// It did not become idle in time.
pub(crate) async fn before_run(limit: Option<IdleLimit>) -> Result<Option<Load>, NotIdle> {
    let Some(limit) = limit else { return Ok(machine::watch(SHORT_LOOK).await) };
    let mut looks = 0;
    loop {
        let Some(load) = machine::watch(LOOK).await else {
            tracing::warn!("--require-idle: this system does not tell how busy it is");
            return Ok(None);
        };
        looks += 1;
        let busy_percent = load.busy_percent + load.steal_percent;
        match step(limit, looks, busy_percent) {
            Step::Go => return Ok(Some(load)),
            Step::Wait { tell: true } => tracing::info!(
                "--require-idle: the machine is {busy_percent:.1} % busy, expected at most {} %; waiting since {looks} s",
                limit.percent
            ),
            Step::Wait { tell: false } => {}
            Step::GiveUp => {
                return Err(NotIdle { limit_percent: limit.percent, busy_percent, waited_s: looks });
            }
        }
    }
}

/// How busy the machine is after a run.
pub(crate) async fn after_run() -> Option<Load> {
    machine::watch(SHORT_LOOK).await
}

fn step(limit: IdleLimit, looks: u32, busy_percent: f64) -> Step {
    if busy_percent <= limit.percent {
        Step::Go
    } else if LOOK.saturating_mul(looks) >= limit.within {
        Step::GiveUp
    } else {
        Step::Wait { tell: looks == 1 || looks.is_multiple_of(TELL_EVERY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_tells_and_gives_up() {
        let limit = IdleLimit { percent: 10.0, within: Duration::from_secs(30) };
        for (looks, busy, expected) in [
            (1, 10.0, Step::Go),
            (1, 10.1, Step::Wait { tell: true }),
            (2, 99.0, Step::Wait { tell: false }),
            (10, 11.0, Step::Wait { tell: true }),
            (29, 100.0, Step::Wait { tell: false }),
            (30, 11.0, Step::GiveUp),
            (30, 9.0, Step::Go),
        ] {
            assert_eq!(step(limit, looks, busy), expected, "{looks} looks, {busy} %");
        }
        let limit = IdleLimit { within: Duration::from_millis(1_500), ..limit };
        assert_eq!((step(limit, 1, 11.0), step(limit, 2, 11.0)), (Step::Wait { tell: true }, Step::GiveUp));
        let error = NotIdle { limit_percent: 10.0, busy_percent: 33.33, waited_s: 30 };
        insta::assert_snapshot!(error.to_string(), @"--require-idle is 10 %, but the machine was 33.3 % busy for 30 s (--require-idle-within): end what else runs on it, or allow more");
    }
}
