//! The table `[cold]` of a plan: a campaign in which each call meets a fresh environment.

use run_record::comparison::Statistic;

use super::error::PlanError;
use super::fields::{FieldError, Fields};
use super::values::{share, text, time_ns, usd, whole};

const DEFAULT_CALLS: u32 = 10;
const MAX_CALLS: u32 = 10_000;
const AFTER: &str = "\"deploy\" or \"idle\"";
const UNTIL: &str = "a percentile and a share, such as \"p50 within 5%\"";

/// A campaign of cold starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cold {
    /// How long a function is left alone before each call, in nanoseconds; absent if it is updated instead.
    pub(crate) idle_ns: Option<u64>,
    /// Calls of each endpoint in each run.
    pub(crate) calls: u32,
    /// What is to be known, and how well.
    pub(crate) until: Option<Until>,
    /// No run begins when those before took this time, in nanoseconds.
    pub(crate) max_time_ns: Option<u64>,
    /// No run begins when those before cost this, in US dollars.
    pub(crate) max_usd: Option<f64>,
}

impl Default for Cold {
    fn default() -> Self {
        Self { idle_ns: None, calls: DEFAULT_CALLS, until: None, max_time_ns: None, max_usd: None }
    }
}

/// When a percentile is known well enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Until {
    /// The percentile of the response latency.
    pub(crate) statistic: Statistic,
    /// Its interval lies within this share of it, for each system and function.
    pub(crate) within: f64,
}

/// Reads `[cold]`.
pub(super) fn read(mut fields: Fields<'_>) -> Result<Cold, PlanError> {
    let after = |value: &toml::de::DeValue<'_>| match value.as_str()? {
        "deploy" => Some(false),
        "idle" => Some(true),
        _ => None,
    };
    let is_after_idle = fields.optional("after", AFTER, after)?.unwrap_or(false);
    let idle_ns = fields.optional("idle", "a time with its unit, such as \"10m\"", time_ns)?;
    if is_after_idle != idle_ns.is_some() {
        return Err(PlanError::Idle { line: fields.line() });
    }
    let calls = fields.optional("calls", "a whole number from 1 to 10000", |value| {
        u32::try_from(whole(value)?).ok().filter(|calls| (1..=MAX_CALLS).contains(calls))
    })?;
    let cold = Cold {
        idle_ns,
        calls: calls.unwrap_or(DEFAULT_CALLS),
        until: fields.optional("until", UNTIL, |value| until(&text(value)?))?,
        max_time_ns: fields.optional("max_time", "a time with its unit, such as \"2h\"", time_ns)?,
        max_usd: fields.optional("max_usd", "a number of US dollars from 0", usd)?,
    };
    fields.finish()?;
    Ok(cold)
}

/// The error that a key means nothing with the mode `cold`.
pub(super) fn refuse(field: &str, line: usize) -> FieldError {
    let expected = "none with the mode `cold`: each call is made when the one before has ended".to_owned();
    FieldError::Value { line, field: field.to_owned(), value: "given".to_owned(), expected }
}

fn until(text: &str) -> Option<Until> {
    let (name, within) = text.split_once(" within ")?;
    let statistic = Statistic::ALL.into_iter().find(|statistic| statistic.name() == name.trim())?;
    let within = share(within.trim()).filter(|within| *within > 0.0)?;
    statistic.share().map(|_| Until { statistic, within })
}
