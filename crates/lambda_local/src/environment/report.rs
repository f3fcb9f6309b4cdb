//! The lines that Lambda adds to the log of a function.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::config::VERSION;
use crate::outcome::Failure;

/// The error type of an initialisation that failed without one.
const UNKNOWN_INIT_ERROR: &str = "Runtime.InitError";
/// A longer error type is not shown, in bytes.
const MAX_ERROR_TYPE: usize = 256;

/// The line before the output of an invocation.
pub(crate) fn start_line(request_id: &str) -> String {
    format!("START RequestId: {request_id} Version: {VERSION}\n")
}

/// The line after the output of an invocation.
pub(crate) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

/// When a function is initialised: before its first invocation, or within it if that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Init,
    Invoke,
}

/// The measured facts of an invocation.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    /// The time from giving the event to the runtime until its reply was there. An initialisation that was repeated
    /// within the invocation is part of it.
    pub(crate) duration: Duration,
    /// The time from starting the program until its runtime first asked for an event. Only after a cold start.
    pub(crate) init_duration: Option<Duration>,
    pub(crate) memory_mb: u32,
    pub(crate) peak_memory_mb: u64,
    pub(crate) failure: Option<&'a Failure>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Initialisation is billed, as it has always been for container images.
        let billed = self.duration + self.init_duration.unwrap_or_default();
        write!(
            f,
            "REPORT RequestId: {}\tDuration: {}\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB",
            self.request_id,
            Milliseconds(self.duration),
            billed.as_nanos().div_ceil(1_000_000),
            self.memory_mb,
            self.peak_memory_mb,
        )?;
        if let Some(init_duration) = self.init_duration {
            write!(f, "\tInit Duration: {}", Milliseconds(init_duration))?;
        }
        let status = self.failure.and_then(status).unwrap_or_default();
        writeln!(f, "{status}\t")
    }
}

/// The line about an initialisation that failed.
pub(super) fn init_report(duration: Duration, phase: Phase, failure: &Failure) -> String {
    let phase = match phase {
        Phase::Init => "init",
        Phase::Invoke => "invoke",
    };
    let status = match failure {
        Failure::InitReported { error_type, body } => {
            error_status(&reported_type(error_type.as_deref(), body))
        }
        failure => status(failure).unwrap_or_else(|| error_status(UNKNOWN_INIT_ERROR)),
    };
    format!("INIT_REPORT Init Duration: {}\tPhase: {phase}{status}\t\n", Milliseconds(duration))
}

/// The error type that the runtime gave: beside the body, or else in it.
fn reported_type(beside: Option<&str>, body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Error {
        error_type: String,
    }
    let in_body = || Some(serde_json::from_slice::<Error>(body).ok()?.error_type);
    let fits = |text: &String| {
        (1..=MAX_ERROR_TYPE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let beside = beside.map(str::to_owned).filter(fits);
    beside.or_else(|| in_body().filter(fits)).unwrap_or_else(|| UNKNOWN_INIT_ERROR.to_owned())
}

/// How a failure is shown. `None` if the runtime reported it or the function is not to blame.
fn status(failure: &Failure) -> Option<String> {
    match failure {
        Failure::TimedOut(_) => Some("\tStatus: timeout".to_owned()),
        failure => failure.error_type().map(error_status),
    }
}

fn error_status(error_type: &str) -> String {
    format!("\tStatus: error\tError Type: {error_type}")
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::outcome::Exit;

    fn report(init_duration: Option<Duration>, failure: Option<&Failure>) -> String {
        Report {
            request_id: "ID",
            duration: Duration::from_nanos(3_012_345),
            init_duration,
            memory_mb: 128,
            peak_memory_mb: 36,
            failure,
        }
        .to_string()
    }

    #[test]
    fn a_warm_invocation() {
        insta::assert_snapshot!(
            report(None, None).escape_debug().to_string(),
            @r"REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
        );
    }

    #[test]
    fn a_cold_start_is_billed() {
        insta::assert_snapshot!(
            report(Some(Duration::from_micros(110_100)), None).escape_debug().to_string(),
            @r"REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
        );
    }

    fn init_reported(error_type: Option<&str>, body: &'static str) -> Failure {
        Failure::InitReported { error_type: error_type.map(str::to_owned), body: Bytes::from(body) }
    }

    #[test]
    fn failures_are_named() {
        for (failure, invocation, initialisation) in [
            (Failure::TimedOut(Duration::from_secs(1)), "\tStatus: timeout", "\tStatus: timeout"),
            (
                Failure::Exited(Exit::Lost(String::new())),
                "\tStatus: error\tError Type: Runtime.ExitError",
                "\tStatus: error\tError Type: Runtime.ExitError",
            ),
            (Failure::Reported(Bytes::from("{}")), " MB", "\tStatus: error\tError Type: Runtime.InitError"),
            (init_reported(Some("My.Error"), "{}"), " MB", "\tStatus: error\tError Type: My.Error"),
            (
                init_reported(None, r#"{"errorType":"Body.Error","errorMessage":"m"}"#),
                " MB",
                "\tStatus: error\tError Type: Body.Error",
            ),
            (
                init_reported(Some("two words"), "not JSON"),
                " MB",
                "\tStatus: error\tError Type: Runtime.InitError",
            ),
            (Failure::Unavailable(String::new()), " MB", "\tStatus: error\tError Type: Runtime.InitError"),
        ] {
            let line = report(None, Some(&failure));
            assert!(line.ends_with(&format!("{invocation}\t\n")), "{line}");
            assert_eq!(
                init_report(Duration::from_millis(10_008), Phase::Init, &failure),
                format!("INIT_REPORT Init Duration: 10008.00 ms\tPhase: init{initialisation}\t\n")
            );
        }
    }
}
