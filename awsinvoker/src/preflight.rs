//! One call of each endpoint before a run, and the comparison of what is compared in it.

use std::fmt;

use run_record::run_info::{Configuration, PreflightCall};
use run_record::{Outcome, Warning, likeness};

use crate::cli::PreflightArgs;
use crate::plan::FIRST_BEFORE_RUN;
use crate::platform::{Answer as _, Call};

/// More findings than this are counted and not listed.
const MAX_LISTED: usize = 20;

/// What was found before a run that does not begin therefore.
#[derive(Debug, thiserror::Error)]
pub struct NotAlike(Vec<Warning>);

impl fmt::Display for NotAlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was measured, because of what was found before the run:")?;
        for finding in self.0.iter().take(MAX_LISTED) {
            write!(f, "\n  {finding}")?;
        }
        if let Some(more) = self.0.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            write!(f, "\n  and {more} more")?;
        }
        f.write_str("\nput it right, or use --unlike to measure all the same")
    }
}

/// Whether endpoints are called before a run with this configuration.
pub(crate) fn is_wanted(args: PreflightArgs, configuration: &Configuration) -> bool {
    let is_comparison = || !likeness::compared_functions(&configuration.endpoints).is_empty();
    !args.no_preflight && (args.preflight || is_comparison())
}

/// Calls each endpoint once, one after the other, and notes what came of it.
pub(crate) async fn call_each(platform: &impl Call, configuration: &mut Configuration) {
    for (index, endpoint) in configuration.endpoints.iter_mut().enumerate() {
        let answer = platform.call(index, FIRST_BEFORE_RUN).await;
        let digest = answer.digest();
        let reply = answer.read();
        endpoint.preflight = Some(PreflightCall {
            outcome: reply.outcome,
            answer_sha256: digest.filter(|_| reply.outcome == Outcome::Ok),
            answer_bytes: reply.answer_bytes,
            memory_mb: reply.report.memory_mib,
            cold: reply.cold,
            cause: reply.cause,
        });
    }
    let calls = configuration.endpoints.len();
    tracing::info!("before the run, {calls} endpoints were called once each; none of these calls is counted");
}

/// Checks that no call failed, and that what is compared is alike, also if no calls were made.
///
/// # Errors
/// It is not, and the command line does not allow it.
pub(crate) fn check(args: PreflightArgs, configuration: &Configuration) -> Result<(), NotAlike> {
    let findings = likeness::findings(configuration);
    if findings.is_empty() || args.unlike { Ok(()) } else { Err(NotAlike(findings)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_listed_with_what_to_do() {
        let finding = |number: usize| Warning::NoPreflight { function: format!("f{number}") };
        insta::assert_snapshot!(NotAlike((0..2).map(finding).collect()), @"
        nothing was measured, because of what was found before the run:
          the answers of f0 at its systems were not compared before the run: they may do unlike work
          the answers of f1 at its systems were not compared before the run: they may do unlike work
        put it right, or use --unlike to measure all the same
        ");
        let many = NotAlike((0..23).map(finding).collect()).to_string();
        assert_eq!(many.lines().count(), 23);
        assert!(many.contains("\n  and 3 more\n"), "{many}");
    }
}
