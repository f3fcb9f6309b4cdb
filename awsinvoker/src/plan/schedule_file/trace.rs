//! Traces of others: counts of calls per minute, as invitro has them, and ends with durations, as Azure published them.

use std::collections::HashMap;
use std::io::Read;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run_record::run_info::Arrivals;
use run_record::units::{self, NS_PER_S};

use super::rows::{MAX_FUNCTIONS, MAX_VALUE_CHARS, Problem, Rows};
use crate::plan::distances::{exponential, uniform};
use crate::plan::endpoints::Endpoint;
use crate::plan::recording::{Calls, MAX_READ_NS, RecordingError};
use crate::text::shortened;

pub(super) const COUNTS_HEADER: [&str; 4] = ["HashOwner", "HashApp", "HashFunction", "Trigger"];
pub(super) const ENDS_HEADER: [&str; 4] = ["app", "func", "end_timestamp", "duration"];

const MINUTE_NS: u64 = 60 * NS_PER_S;

/// So many functions are named in the log.
const NAMED: usize = 5;

/// The functions of a trace, in order of their first appearance. They call the endpoints in turn.
#[derive(Debug)]
pub(super) struct Functions<'a> {
    endpoints: &'a [Endpoint],
    indices: HashMap<String, usize>,
    first: Vec<String>,
}

impl<'a> Functions<'a> {
    pub(super) fn new(endpoints: &'a [Endpoint]) -> Self {
        Self { endpoints, indices: HashMap::new(), first: Vec::new() }
    }

    /// The endpoint that stands for the function of this name.
    fn endpoint(&mut self, name: String, line: u64) -> Result<usize, Problem> {
        let next = self.indices.len();
        if let Some(index) = self.indices.get(&name) {
            return Ok(index % self.endpoints.len());
        }
        if next == MAX_FUNCTIONS {
            return Err(Problem::Functions { line });
        }
        if next < NAMED {
            self.first.push(name.clone());
        }
        self.indices.insert(name, next);
        Ok(next % self.endpoints.len())
    }

    /// Which endpoints stand for which functions, for people; `None` if there are no functions.
    pub(super) fn text(&self) -> Option<String> {
        let endpoints = self.endpoints.iter().cycle();
        let pairs =
            self.first.iter().zip(endpoints).map(|(name, endpoint)| {
                format!("{} calls {}", shortened(name, MAX_VALUE_CHARS), endpoint.name)
            });
        let count = self.indices.len();
        let rest = count.saturating_sub(NAMED);
        let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
        let named = pairs.collect::<Vec<_>>().join(", ");
        (count > 0)
            .then(|| format!("the {count} functions of the trace call the endpoints in turn: {named}{rest}"))
    }
}

/// Reads counts of calls per minute. Returns the length of the trace.
pub(super) fn read_counts<R: Read>(
    rows: &mut Rows<R>,
    arrivals: Arrivals,
    seed: u64,
    functions: &mut Functions<'_>,
    calls: &mut Calls,
) -> Result<u64, Problem> {
    let columns = COUNTS_HEADER.len()..rows.header.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    while rows.advance()? {
        let name = [rows.field(0), rows.field(1), rows.field(2)].join("/");
        let endpoint = functions.endpoint(name, rows.line())?;
        for (minute, column) in (0..).zip(columns.clone()) {
            let whole = |text: &str| text.parse().ok();
            let count: u64 = rows.value(column, whole, || "a whole number of calls".to_owned())?;
            if count > calls.room() as u64 {
                return Err(RecordingError::TooMany.into());
            }
            for share in shares(count, arrivals, &mut rng) {
                let ns = minute * MINUTE_NS + units::rounded(share * MINUTE_NS as f64).min(MINUTE_NS - 1);
                calls.push(ns.min(MAX_READ_NS).cast_signed(), endpoint)?;
            }
        }
    }
    Ok(columns.len() as u64 * MINUTE_NS)
}

/// When the calls of a minute are due, from 0 to 1. The minute is no start for anything: a call may be due at any time in
/// it.
fn shares(count: u64, arrivals: Arrivals, rng: &mut ChaCha8Rng) -> Box<dyn Iterator<Item = f64>> {
    let distance = match arrivals {
        Arrivals::Constant => {
            let phase: f64 = if count > 0 { rng.random() } else { 0.0 };
            return Box::new((0..count).map(move |n| (n as f64 + phase) / count as f64));
        }
        Arrivals::Poisson => exponential,
        Arrivals::Uniform => uniform,
    };
    // One more distance than calls reaches from the start of the minute to its end.
    let mut again = rng.clone();
    let total: f64 = (0..=count).map(|_| distance(rng.random())).sum();
    let mut sum = 0.0;
    Box::new((0..count).map(move |_| {
        sum += distance(again.random());
        sum / total
    }))
}

/// Reads invocations of which the end and the duration are known, in seconds.
pub(super) fn read_ends<R: Read>(
    rows: &mut Rows<R>,
    functions: &mut Functions<'_>,
    calls: &mut Calls,
) -> Result<(), Problem> {
    let max_s = units::s(MAX_READ_NS) / 2.0;
    let seconds =
        |text: &str, min: f64| text.parse().ok().filter(|seconds: &f64| (min..=max_s).contains(seconds));
    while rows.advance()? {
        let name = [rows.field(0), rows.field(1)].join("/");
        let endpoint = functions.endpoint(name, rows.line())?;
        let expected = || format!("seconds from 0 to {max_s}");
        let end: f64 = rows.value(2, |text| seconds(text, 0.0), expected)?;
        let duration: f64 = rows.value(3, |text| seconds(text, 0.0), expected)?;
        let start = end - duration;
        let ns = units::ns_from_s(start.abs()).cast_signed();
        calls.push(if start < 0.0 { -ns } else { ns }, endpoint)?;
    }
    calls.start_at_zero();
    Ok(())
}
