//! Failures by cause: how many, and from when to when.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample::{Cause, Outcome, Sample};
use crate::units;

/// More causes of a run are not told apart, so that memory is bounded.
const MAX_CAUSES: usize = 100;
/// What stands for a part of a message that differs from request to request.
const ID: &str = "ID";
/// See [`ID`].
const TIME: &str = "TIME";
/// Words with at least so many hexadecimal digits are ids.
const ID_DIGITS: usize = 16;

/// Failures by cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures {
    causes: BTreeMap<Key, Count>,
    other: Option<Count>,
}

/// What makes two failures the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    endpoint: usize,
    outcome: Outcome,
    cause: Option<Cause>,
}

/// How many, and the times at which the first and the last were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    count: u64,
    first_ns: u64,
    last_ns: u64,
}

/// The failures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FailuresSummary {
    /// Each distinct cause, the most frequent first: at most 100.
    pub causes: Vec<FailureSummary>,
    /// Failures with further causes.
    pub other: u64,
}

/// Failures of one endpoint with the same outcome and cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FailureSummary {
    /// Name of the endpoint.
    pub endpoint: String,
    /// How the invocations ended.
    pub outcome: Outcome,
    /// Why; null if nothing is known. In codes and messages, `ID` stands for ids and `TIME` for times, which differ from
    /// request to request.
    pub cause: Option<Cause>,
    /// How many.
    pub count: u64,
    /// When the first of them was due, in seconds since the start of the run.
    pub first_s: f64,
    /// When the last of them was due, in seconds since the start of the run.
    pub last_s: f64,
}

impl Failures {
    /// Counts a sample, if it is a failure.
    pub(crate) fn record(&mut self, sample: &Sample) {
        if sample.reply.outcome == Outcome::Ok {
            return;
        }
        let cause = sample.reply.cause.as_ref();
        let cause = cause.map(|cause| Cause {
            code: cause.code.as_deref().map(general),
            message: general(&cause.message),
            ..cause.clone()
        });
        let at = sample.arrival.intended_ns;
        let key = Key { endpoint: sample.arrival.endpoint, outcome: sample.reply.outcome, cause };
        self.add(key, Count { count: 1, first_ns: at, last_ns: at });
    }

    fn add(&mut self, key: Key, count: Count) {
        let is_known = self.causes.contains_key(&key);
        if is_known || self.causes.len() < MAX_CAUSES {
            self.causes.entry(key).and_modify(|known| *known = known.with(count)).or_insert(count);
        } else {
            self.other = Some(self.other.map_or(count, |other| other.with(count)));
        }
    }

    /// Sums up, with the names of the endpoints.
    pub(crate) fn summary(&self, names: &[&str]) -> FailuresSummary {
        let cause = |(key, count): (&Key, &Count)| FailureSummary {
            endpoint: names.get(key.endpoint).map_or_else(String::new, |name| (*name).to_owned()),
            outcome: key.outcome,
            cause: key.cause.clone(),
            count: count.count,
            first_s: units::s(count.first_ns),
            last_s: units::s(count.last_ns),
        };
        let mut causes: Vec<_> = self.causes.iter().map(cause).collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        FailuresSummary { causes, other: self.other.map_or(0, |other| other.count) }
    }
}

impl FailuresSummary {
    /// Adds the failures of another part of the same run, whose times count from `offset_ns` after the start of this one.
    pub fn merge(&mut self, other: Self, offset_ns: u64) {
        let offset_s = units::s(offset_ns);
        for cause in other.causes {
            let moved = FailureSummary {
                first_s: cause.first_s + offset_s,
                last_s: cause.last_s + offset_s,
                ..cause
            };
            let has_room = self.causes.len() < MAX_CAUSES;
            match self.causes.iter_mut().find(|known| known.is_like(&moved)) {
                Some(known) => known.add(&moved),
                None if has_room => self.causes.push(moved),
                None => self.other = self.other.saturating_add(moved.count),
            }
        }
        self.other = self.other.saturating_add(other.other);
        self.causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
    }
}

impl FailureSummary {
    fn is_like(&self, other: &Self) -> bool {
        (&self.endpoint, self.outcome, &self.cause) == (&other.endpoint, other.outcome, &other.cause)
    }

    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_s = self.first_s.min(other.first_s);
        self.last_s = self.last_s.max(other.last_s);
    }
}

impl Count {
    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            first_ns: self.first_ns.min(other.first_ns),
            last_ns: self.last_ns.max(other.last_ns),
        }
    }
}

/// A code or a message without what differs from request to request.
fn general(message: &str) -> String {
    let words = message.split_inclusive(char::is_whitespace);
    words
        .map(
            |word| {
                if is_time(word.trim_end()) { word.replace(word.trim_end(), TIME) } else { without_ids(word) }
            },
        )
        .collect()
}

/// Whether a word begins like `2026-11-26T12:34:56`.
fn is_time(word: &str) -> bool {
    let form = b"0000-00-00T00:00:00";
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    word.len() >= form.len() && word.bytes().zip(form.iter().copied()).all(fits)
}

/// The word with `ID` in place of UUIDs and of long hexadecimal numbers.
fn without_ids(word: &str) -> String {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut rest = word;
    let mut general = String::with_capacity(word.len());
    while let Some(start) = rest.find(is_inside) {
        let inside = &rest[start..];
        let (run, after) = inside.split_at(inside.find(|c| !is_inside(c)).unwrap_or(inside.len()));
        general.push_str(&rest[..start]);
        general.push_str(if is_id(run) { ID } else { run });
        rest = after;
    }
    general + rest
}

fn is_id(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_hex = run.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_hex && digits >= ID_DIGITS && run.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::sample;

    fn failure(intended_ns: u64, message: &str) -> Sample {
        let mut failure = sample(0, Outcome::FunctionError, intended_ns + 1);
        failure.arrival.intended_ns = intended_ns;
        let code = Some(format!("Error {intended_ns:032x}"));
        failure.reply.cause = Some(Cause { code, message: message.to_owned(), ..Cause::default() });
        failure
    }

    #[test]
    fn messages_lose_what_differs_from_request_to_request() {
        let generals = [
            "RequestId: 8f507cfc-example-4697-b07a-ac58fc914c95 Error: exit 1",
            "RequestId:8f507cfc-7c1d-4697-b07a-ac58fc914c95, Error",
            "2026-11-26T12:34:56.789Z 8f507cfc-7c1d-4697-b07a-ac58fc914c95 Task timed out after 3.00 seconds",
            "trace 00000000000000000000ab12 ended",
            "num_of_rows is \"é\", defaced effaced facade-decade-accede-deface",
        ];
        insta::assert_snapshot!(generals.map(general).join("\n"), @r#"
        RequestId: 8f507cfc-example-4697-b07a-ac58fc914c95 Error: exit 1
        RequestId:ID, Error
        TIME ID Task timed out after 3.00 seconds
        trace ID ended
        num_of_rows is "é", defaced effaced facade-decade-accede-deface
        "#);
    }

    #[test]
    fn equal_causes_are_counted_from_the_first_to_the_last() {
        let mut failures = Failures::default();
        failures.record(&sample(0, Outcome::Ok, 1));
        failures.record(&failure(2_000_000_000, "id 8f507cfc-7c1d-4697-b07a-ac58fc914c95"));
        failures.record(&failure(1_000_000_000, "id 00507cfc-7c1d-4697-b07a-ac58fc914c95"));
        failures.record(&failure(3_000_000_000, "something else"));
        let summary = failures.summary(&["f"]);
        let causes: Vec<_> = summary
            .causes
            .iter()
            .map(|it| {
                (
                    it.cause.as_ref().unwrap().message.as_str(),
                    it.count,
                    it.first_s.to_bits(),
                    it.last_s.to_bits(),
                )
            })
            .collect();
        let (one, two, three) = (1_f64.to_bits(), 2_f64.to_bits(), 3_f64.to_bits());
        assert_eq!(causes, [("id ID", 2, one, two), ("something else", 1, three, three)]);
        assert_eq!((summary.causes[0].endpoint.as_str(), summary.other), ("f", 0));
    }

    #[test]
    fn published_failures_of_parts_add_up() {
        let summary = |at_ns: u64, messages: &[&str]| {
            let mut failures = Failures::default();
            messages.iter().for_each(|message| failures.record(&failure(at_ns, message)));
            failures.summary(&["f"])
        };
        let mut merged = summary(2_000_000_000, &["a", "b"]);
        merged.merge(FailuresSummary { other: 5, ..summary(1_000_000_000, &["b", "c"]) }, 3_000_000_000);
        let causes: Vec<_> = merged.causes.iter().map(|it| (it.count, it.first_s, it.last_s)).collect();
        assert_eq!(causes, [(2, 2.0, 4.0), (1, 2.0, 2.0), (1, 4.0, 4.0)]);
        assert_eq!(merged.other, 5);
    }

    #[test]
    fn a_hundred_causes_are_told_apart_and_the_rest_is_counted() {
        let mut failures = Failures::default();
        (0..103).for_each(|number| failures.record(&failure(number, &format!("cause {number}"))));
        failures.record(&failure(7, "cause 7"));
        let summary = failures.summary(&["f"]);
        assert_eq!((summary.causes.len(), summary.causes[0].count, summary.other), (100, 2, 3));
        assert_eq!(failures.other, Some(Count { count: 3, first_ns: 100, last_ns: 102 }));
    }
}
