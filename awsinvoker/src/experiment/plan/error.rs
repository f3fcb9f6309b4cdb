//! Why a plan cannot be used.

use super::fields::FieldError;

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PlanError {
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error("line {line}: function `{function}` on system `{system}`: {message}")]
    Entry { line: usize, function: String, system: String, message: String },
    #[error("there is no {0}, expected a table [{0}s.NAME] for each")]
    Few(&'static str),
    #[error(
        "there is one system, expected at least two, or [sweep], or --a-a, which compares the system with itself"
    )]
    OneSystem,
    #[error("`baseline` is `{name}`, expected a name of [systems]: {known}")]
    Baseline { name: String, known: String },
    #[error("there are [sweep] and {systems} systems, expected one system, whose functions get each size")]
    SweepOfSystems { systems: usize },
    #[error(
        "line {line}: `cold.after` and `cold.idle` do not agree, expected `after = \"idle\"` with `idle`, or neither"
    )]
    Idle { line: usize },
    #[error("there is [cold], expected none without `mode = \"cold\"`")]
    NotCold,
    #[error(
        "line {line}: function `{function}` has no sizes: [sweep] is for functions that are started for the run, and for those \
         of AWS Lambda"
    )]
    NoSizes { line: usize, function: String },
    #[error("both [sweep] and --a-a are given, expected one of them")]
    SweepAndSame,
}
