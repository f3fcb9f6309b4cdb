//! `--prewarm`: calls before a run that let the platform have environments ready.

use std::collections::HashSet;
use std::num::NonZeroU32;

use futures_util::future::join_all;
use run_record::Outcome;
use run_record::run_info::Prewarm;
use run_record::units::counted;

use crate::plan::FIRST_BEFORE_RUN;
use crate::platform::{Answer as _, Call};

/// Makes so many calls of each endpoint at once, one endpoint after the other, and waits for all answers. An environment
/// serves one call at a time, so calls at once need as many environments, unless some end before others arrive.
pub(crate) async fn prewarm(platform: &impl Call, endpoints: usize, calls: NonZeroU32) -> Prewarm {
    let (mut failed, mut environments) = (0, HashSet::new());
    // The first number is that of the preflight.
    let numbers = (1..=u64::from(calls.get())).map(|number| FIRST_BEFORE_RUN + number);
    for endpoint in 0..endpoints {
        let answers = join_all(numbers.clone().map(|number| platform.call(endpoint, number))).await;
        for reply in answers.into_iter().map(|answer| answer.read()) {
            failed += u64::from(reply.outcome != Outcome::Ok);
            environments.extend(reply.environment);
        }
    }
    let environments = (!environments.is_empty()).then_some(environments.len() as u64);
    let made = Prewarm { calls_per_endpoint: calls.get(), failed, environments };
    tracing::info!("{}", worded(&made));
    made
}

fn worded(made: &Prewarm) -> String {
    let Prewarm { calls_per_endpoint, failed, environments } = *made;
    let answered = match environments {
        Some(number) => counted(number, "environment"),
        None => "an unknown number of environments".to_owned(),
    };
    let (calls, failed) = (counted(calls_per_endpoint.into(), "call"), counted(failed, "call"));
    format!(
        "before the run, each endpoint got {calls} at once; {answered} answered, and {failed} failed; none of these calls is \
         counted"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use run_record::Reply;

    use super::*;

    /// A function of which each call that is open at the same time has an environment of its own. Endpoint 1 tells none,
    /// and fails.
    #[derive(Default)]
    struct Function {
        open: AtomicU64,
    }

    impl Call for Function {
        type Answer = Reply;

        async fn call(&self, endpoint: usize, _number: u64) -> Reply {
            let number = self.open.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.open.fetch_sub(1, Ordering::Relaxed);
            let outcome = if endpoint == 0 { Outcome::Ok } else { Outcome::Throttled };
            let environment = (endpoint == 0).then(|| number.to_string());
            Reply { environment, ..Reply::with_outcome(outcome) }
        }
    }

    #[tokio::test]
    async fn calls_of_an_endpoint_are_made_at_once() {
        let calls = NonZeroU32::new(3).unwrap();
        let found = prewarm(&Function::default(), 2, calls).await;
        assert_eq!(found, Prewarm { calls_per_endpoint: 3, failed: 3, environments: Some(3) });
        let untold = Function::default();
        assert_eq!(prewarm(&untold, 0, calls).await.environments, None);
    }

    #[test]
    fn one_call_is_told_as_one() {
        let told = |calls_per_endpoint, failed, environments| {
            worded(&Prewarm { calls_per_endpoint, failed, environments })
        };
        assert_eq!(
            told(1, 1, Some(1)),
            "before the run, each endpoint got 1 call at once; 1 environment answered, and 1 call failed; none of these \
             calls is counted"
        );
        assert!(
            told(2, 0, None)
                .contains("2 calls at once; an unknown number of environments answered, and 0 calls failed")
        );
    }
}
