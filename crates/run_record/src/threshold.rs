//! What a user demands of a run: `chameleon.response.p99<250ms`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram::View;
use crate::latency::{Latency, Views};
use crate::run_info::Configuration;
use crate::units;

/// A bound on a number of each endpoint that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As the user wrote it.
    text: String,
    /// The name of one endpoint; absent for all.
    endpoint: Option<String>,
    metric: Metric,
    comparison: Comparison,
    /// In microseconds, or in percent.
    bound: f64,
}

/// Which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// The share of invocations with outcome `ok`, in percent.
    Ok,
    Latency(View, Statistic),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistic {
    Min,
    Mean,
    P50,
    P90,
    P95,
    P99,
    P999,
    P9999,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A threshold that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ThresholdError {
    #[error("it has no comparison, expected one of <, <=, > and >=, as in chameleon.response.p99<250ms")]
    Comparison,
    #[error(
        "the number is `{0}`, expected [ENDPOINT.]VIEW.STATISTIC or [ENDPOINT.]ok, with the view response, service or \
         function, and the statistic min, mean, p50, p90, p95, p99, p99.9, p99.99 or max"
    )]
    Metric(String),
    #[error("the bound is `{0}`, expected a duration from 0 on with its unit: ns, us, ms or s, as in 250ms")]
    Duration(String),
    #[error("the bound is `{0}`, expected a share from 0% to 100%, as in 99.9%")]
    Share(String),
}

/// Whether an endpoint kept a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ThresholdResult {
    /// The threshold, as it was given.
    pub threshold: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// What was found; null if there are too few values to tell.
    pub found: Option<Found>,
    /// Whether the threshold is kept. One whose value is not known is not.
    pub passed: bool,
}

/// What was found: an object with one key, which is the unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A latency in microseconds.
    Us(f64),
    /// A share in percent.
    Percent(f64),
}

const STATISTICS: [(&str, Statistic); 11] = [
    ("min", Statistic::Min),
    ("mean", Statistic::Mean),
    ("p50", Statistic::P50),
    ("p90", Statistic::P90),
    ("p95", Statistic::P95),
    ("p99", Statistic::P99),
    ("p99.9", Statistic::P999),
    ("p999", Statistic::P999),
    ("p99.99", Statistic::P9999),
    ("p9999", Statistic::P9999),
    ("max", Statistic::Max),
];

const COMPARISONS: [(&str, Comparison); 4] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// In microseconds.
const UNITS: [(&str, f64); 5] = [("ns", 1e-3), ("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];

/// As it was written.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let at = text.find(['<', '>']).ok_or(ThresholdError::Comparison)?;
        let (number, rest) = text.split_at(at);
        let mut comparisons = COMPARISONS.into_iter();
        let (comparison, bound) = comparisons
            .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?.trim())))
            .ok_or(ThresholdError::Comparison)?;
        let (endpoint, metric) = metric(number.trim())?;
        let bound = match metric {
            Metric::Ok => share(bound).ok_or_else(|| ThresholdError::Share(bound.to_owned()))?,
            Metric::Latency(..) => {
                duration(bound).ok_or_else(|| ThresholdError::Duration(bound.to_owned()))?
            }
        };
        Ok(Self { text: text.to_owned(), endpoint, metric, comparison, bound })
    }
}

/// The name of the endpoint, which may contain dots itself, and the number.
fn metric(number: &str) -> Result<(Option<String>, Metric), ThresholdError> {
    let latencies = View::ALL.into_iter().flat_map(|view| {
        let name = move |statistic: &str| format!("{}.{statistic}", view.name());
        STATISTICS.map(|(statistic, which)| (name(statistic), Metric::Latency(view, which)))
    });
    let mut metrics = latencies.chain([("ok".to_owned(), Metric::Ok)]);
    let found = metrics.find_map(|(name, metric)| {
        let before = number.strip_suffix(name.as_str())?;
        let endpoint = if before.is_empty() { "*" } else { before.strip_suffix('.')? };
        Some((endpoint, metric))
    });
    let (endpoint, metric) = found
        .filter(|(endpoint, _)| !endpoint.is_empty())
        .ok_or_else(|| ThresholdError::Metric(number.to_owned()))?;
    Ok(((endpoint != "*").then(|| endpoint.to_owned()), metric))
}

/// A duration in microseconds.
fn duration(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, us) = UNITS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
    Some(number.parse::<f64>().ok()? * us)
}

/// A share in percent.
fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

impl Threshold {
    /// What was demanded of a run.
    pub fn of_run(configuration: &Configuration) -> Vec<Self> {
        // They were read before the run, from the same texts.
        configuration.thresholds.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// The endpoint that it is about; absent if it is about all.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Checks an endpoint by the latencies and the share in percent of its successful invocations. `None` if the
    /// threshold is about another endpoint.
    pub(crate) fn check(
        &self,
        endpoint: &str,
        views: &Views,
        ok_percent: Option<f64>,
    ) -> Option<ThresholdResult> {
        if self.endpoint().is_some_and(|name| name != endpoint) {
            return None;
        }
        let found = match self.metric {
            Metric::Ok => ok_percent.map(Found::Percent),
            Metric::Latency(view, statistic) => statistic.value(views.get(view)).map(Found::Us),
        };
        let passed = found.is_some_and(|(Found::Us(value) | Found::Percent(value))| {
            self.comparison.holds(value, self.bound)
        });
        Some(ThresholdResult { threshold: self.text.clone(), endpoint: endpoint.to_owned(), found, passed })
    }
}

impl Statistic {
    fn value(self, latency: &Latency) -> Option<f64> {
        match self {
            Self::Min => latency.min,
            Self::Mean => latency.mean,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P95 => latency.p95,
            Self::P99 => latency.p99,
            Self::P999 => latency.p999,
            Self::P9999 => latency.p9999,
            Self::Max => latency.max,
        }
    }
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Greater => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

/// `threshold kept: *.response.p99<250ms, chameleon: 12.3 ms`.
impl fmt::Display for ThresholdResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threshold, endpoint, found, passed } = self;
        let verb = if *passed { "kept" } else { "broken" };
        let found = match found {
            None => "too few values to tell".to_owned(),
            Some(Found::Us(us)) => units::duration_text(*us),
            Some(Found::Percent(percent)) => format!("{percent:.2} %"),
        };
        write!(f, "threshold {verb}: {threshold}, {endpoint}: {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::histogram;

    fn check(threshold: &str, endpoint: &str) -> Option<ThresholdResult> {
        let latency = |ms: u64| Latency::new(&histogram(&vec![ms * 1_000_000; 50]));
        let views = Views { response: latency(3), service: latency(2), function: Latency::default() };
        threshold.parse::<Threshold>().unwrap().check(endpoint, &views, Some(99.5))
    }

    #[test]
    fn thresholds_are_kept_or_broken() {
        let thresholds = [
            "f.response.p90<250ms",
            "f.response.max <= 2.5 ms",
            "*.service.mean>=0.001s",
            "service.p50 > 1900us",
            "f.response.p99.9<1s",
            "function.min>0ns",
            "ok>99%",
            "f.ok>=99.6%",
        ];
        let results = thresholds.map(|threshold| check(threshold, "f").unwrap().to_string());
        insta::assert_snapshot!(results.join("\n"), @"
        threshold kept: f.response.p90<250ms, f: 3.00 ms
        threshold broken: f.response.max <= 2.5 ms, f: 3.00 ms
        threshold kept: *.service.mean>=0.001s, f: 2.00 ms
        threshold kept: service.p50 > 1900us, f: 2.00 ms
        threshold broken: f.response.p99.9<1s, f: too few values to tell
        threshold broken: function.min>0ns, f: too few values to tell
        threshold kept: ok>99%, f: 99.50 %
        threshold broken: f.ok>=99.6%, f: 99.50 %
        ");
        assert_eq!(check("f.ok>1%", "g"), None);
        assert!(check("a.b#2.response.p50<1s", "a.b#2").unwrap().passed);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let texts = [
            "f.response.p99",
            "p98<1ms",
            ".ok>1%",
            "f.respons.p99<1ms",
            "ok>2",
            "ok>101%",
            "service.p50<5",
            "service.p50<-1ms",
        ];
        let messages = texts.map(|text| text.parse::<Threshold>().unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"), @"
        it has no comparison, expected one of <, <=, > and >=, as in chameleon.response.p99<250ms
        the number is `p98`, expected [ENDPOINT.]VIEW.STATISTIC or [ENDPOINT.]ok, with the view response, service or function, and the statistic min, mean, p50, p90, p95, p99, p99.9, p99.99 or max
        the number is `.ok`, expected [ENDPOINT.]VIEW.STATISTIC or [ENDPOINT.]ok, with the view response, service or function, and the statistic min, mean, p50, p90, p95, p99, p99.9, p99.99 or max
        the number is `f.respons.p99`, expected [ENDPOINT.]VIEW.STATISTIC or [ENDPOINT.]ok, with the view response, service or function, and the statistic min, mean, p50, p90, p95, p99, p99.9, p99.99 or max
        the bound is `2`, expected a share from 0% to 100%, as in 99.9%
        the bound is `101%`, expected a share from 0% to 100%, as in 99.9%
        the bound is `5`, expected a duration from 0 on with its unit: ns, us, ms or s, as in 250ms
        the bound is `-1ms`, expected a duration from 0 on with its unit: ns, us, ms or s, as in 250ms
        ");
    }
}
