//! The lines that Lambda writes into a function's log around its own output.

use std::fmt;
use std::time::Duration;

use crate::config::VERSION;

/// The line before the output of an invocation.
pub(crate) fn start_line(request_id: &str) -> String {
    format!("START RequestId: {request_id} Version: {VERSION}\n")
}

/// The line after the output of an invocation.
pub(crate) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

/// How an invocation or an initialisation failed, as the log shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure<'a> {
    Timeout,
    Error(&'a str),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("\tStatus: timeout"),
            Self::Error(error_type) => write!(f, "\tStatus: error\tError Type: {error_type}"),
        }
    }
}

/// The measured facts of an invocation.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    /// From handing the event to the runtime until its answer was there. If the initialisation failed and was tried
    /// again within the invocation, that counts.
    pub(crate) duration: Duration,
    /// From starting the process until it first asked for an event; only after a cold start.
    pub(crate) init_duration: Option<Duration>,
    pub(crate) memory_mb: u32,
    pub(crate) peak_memory_mb: u64,
    pub(crate) failure: Option<Failure<'a>>,
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
        if let Some(failure) = self.failure {
            write!(f, "{failure}")?;
        }
        f.write_str("\t\n")
    }
}

/// The line about an initialisation that failed: in the phase `init`, or in `invoke` when it was tried again.
pub(crate) fn init_report(duration: Duration, phase: &str, failure: Option<Failure<'_>>) -> String {
    let failure = failure.unwrap_or(Failure::Error("Runtime.InitError"));
    format!("INIT_REPORT Init Duration: {}\tPhase: {phase}{failure}\t\n", Milliseconds(duration))
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms", self.0.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(init_duration: Option<Duration>, failure: Option<Failure<'_>>) -> String {
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

    #[test]
    fn failures_are_named() {
        assert!(report(None, Some(Failure::Timeout)).ends_with("\tStatus: timeout\t\n"));
        let error = report(None, Some(Failure::Error("Runtime.ExitError")));
        assert!(error.ends_with("\tStatus: error\tError Type: Runtime.ExitError\t\n"));
        assert_eq!(
            init_report(Duration::from_millis(10_008), "init", Some(Failure::Timeout)),
            "INIT_REPORT Init Duration: 10008.00 ms\tPhase: init\tStatus: timeout\t\n"
        );
    }
}
