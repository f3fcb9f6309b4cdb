//! How an experiment and its runs end.

use run_record::experiment::RunState;

use super::error::ExperimentError;
use crate::run::Ending;

/// The state of a run that ended so.
pub(super) fn state(ending: Ending) -> RunState {
    match ending {
        Ending::Complete | Ending::Invalid | Ending::ThresholdBroken => RunState::Complete,
        Ending::Interrupted(_) => RunState::Interrupted,
        // A system that answers nothing is not measured.
        Ending::NothingSucceeded => RunState::Discarded,
    }
}

/// What is worse is greater.
pub(super) fn severity(ending: Ending) -> u8 {
    match ending {
        Ending::Complete => 0,
        Ending::ThresholdBroken => 1,
        Ending::Invalid => 2,
        Ending::NothingSucceeded => 3,
        Ending::Interrupted(_) => 4,
    }
}

/// How it ended, and what could not be removed after that.
pub(super) fn both(
    ended: Result<Ending, ExperimentError>,
    removed: Result<(), ExperimentError>,
) -> Result<Ending, ExperimentError> {
    match (ended, removed) {
        (ended, Ok(())) => ended,
        (Ok(_), Err(left)) => Err(left),
        (Err(first), Err(left)) => {
            Err(ExperimentError::AndLeft { first: Box::new(first), left: Box::new(left) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::SizedVersionsError;

    #[test]
    fn what_is_left_does_not_hide_why_the_runs_failed() {
        let left = || Err(SizedVersionsError::Left(vec!["f:1: no".to_owned()]).into());
        let failed = || Err(ExperimentError::NoPrice { reason: "f: no region".to_owned() });
        let message = |ended, removed| both(ended, removed).map_err(|error| error.to_string());
        assert_eq!(message(Ok(Ending::Complete), Ok(())), Ok(Ending::Complete));
        let left_alone = message(Ok(Ending::Complete), left()).unwrap_err();
        let failed_alone = message(failed(), Ok(())).unwrap_err();
        assert!(left_alone.contains("f:1: no"), "{left_alone}");
        assert_eq!(message(failed(), left()), Err(format!("{failed_alone}; {left_alone}")));
    }
}
