//! The report of oha: times are seconds. What oha alone measures is null: how its rate varied, and making connections.

use serde_json::{Map, Value, json};

use super::finished::FinishedRun;
use super::sums::Sums;
use crate::sparse_histogram::SparseHistogram;
use crate::units;

/// The percentiles that oha tells.
const SHARES: [(&str, f64); 9] = [
    ("p10", 0.1),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];
/// The lines of oha's histogram.
const BINS: u32 = 11;

pub(super) fn report(run: &FinishedRun<'_>) -> Value {
    let sums = Sums::new(run);
    let run_s = run.summary.run_s;
    let rate = |count: u64| if run_s > 0.0 { count as f64 / run_s } else { 0.0 };
    let percentiles: Map<String, Value> = SHARES
        .map(|(name, share)| (name.to_owned(), json!(sums.service.told_quantile_ns(share).map(units::s))))
        .into_iter()
        .collect();
    let unknown: Map<String, Value> =
        SHARES.map(|(name, _)| (name.to_owned(), Value::Null)).into_iter().collect();
    let statuses: Map<String, Value> = sums
        .statuses
        .iter()
        .filter(|(status, _)| **status > 0)
        .map(|(status, count)| (status.to_string(), json!(count)))
        .collect();
    let connecting = json!({ "average": null, "fastest": null, "slowest": null });
    json!({
        "summary": {
            "successRate": sums.success().unwrap_or(0.0),
            "total": run_s,
            "slowest": sums.service.max_ns().map(units::s),
            "fastest": sums.service.min_ns().map(units::s),
            "average": sums.mean_ns.map(|ns| ns / units::NS_PER_S as f64),
            "requestsPerSec": rate(sums.requests),
            "totalData": sums.bytes_in,
            "sizePerRequest": sums.bytes_in.checked_div(sums.succeeded),
            "sizePerSec": rate(sums.bytes_in),
        },
        "responseTimeHistogram": histogram(&sums),
        "latencyPercentiles": percentiles,
        "rps": { "mean": rate(sums.requests), "stddev": null, "max": null, "min": null, "percentiles": unknown },
        "details": { "DNSDialup": connecting, "DNSLookup": connecting },
        "statusCodeDistribution": statuses,
        "errorDistribution": sums.errors,
    })
}

/// How many requests took up to each of several times at equal distances, and longer than the time before it.
fn histogram(sums: &Sums) -> Map<String, Value> {
    let Some((least, most)) = sums.service.min_ns().zip(sums.service.max_ns()) else { return Map::new() };
    let latencies = SparseHistogram::from(&sums.service);
    let end_ns = |bin: u32| least + (most - least) * u64::from(bin) / u64::from(BINS - 1);
    let mut below = 0;
    let bin = |bin: u32| {
        let (less, equal) = latencies.counts_below_and_at(end_ns(bin));
        let count = less + equal - below;
        below = less + equal;
        (units::s(end_ns(bin)).to_string(), json!(count))
    };
    (0..BINS).map(bin).collect()
}
