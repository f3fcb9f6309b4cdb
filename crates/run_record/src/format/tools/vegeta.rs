//! The report of vegeta: times are nanoseconds, and shares are from 0 to 1.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::finished::FinishedRun;
use super::sums::Sums;
use crate::{units, wall_clock};

/// `earliest` and `latest` are the start and the end of the schedule, and `end` is when the last request had ended.
pub(super) fn report(run: &FinishedRun<'_>) -> Value {
    let sums = Sums::new(run);
    let (window_ns, run_ns) = (units::ns_from_s(run.summary.window_s), units::ns_from_s(run.summary.run_s));
    let at = |ns: u64| wall_clock::rfc3339(run.start + Duration::from_nanos(ns));
    let rate = |count: u64, ns: u64| if ns > 0 { count as f64 / units::s(ns) } else { 0.0 };
    let statuses: Map<String, Value> =
        sums.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
    let mean = |bytes: u64| if sums.requests > 0 { bytes as f64 / sums.requests as f64 } else { 0.0 };
    json!({
        "latencies": {
            "total": sums.mean_ns.map(|mean_ns| units::rounded(mean_ns * sums.succeeded as f64)),
            "mean": sums.mean_ns.map(units::rounded),
            "50th": sums.service.told_quantile_ns(0.5),
            "90th": sums.service.told_quantile_ns(0.9),
            "95th": sums.service.told_quantile_ns(0.95),
            "99th": sums.service.told_quantile_ns(0.99),
            "max": sums.service.max_ns(),
            "min": sums.service.min_ns(),
        },
        "bytes_in": { "total": sums.bytes_in, "mean": mean(sums.bytes_in) },
        "bytes_out": { "total": sums.bytes_out, "mean": sums.bytes_out.map(mean) },
        "earliest": at(0),
        "latest": at(window_ns),
        "end": at(run_ns),
        "duration": window_ns,
        "wait": run_ns.saturating_sub(window_ns),
        "requests": sums.requests,
        "rate": rate(sums.requests, window_ns),
        "throughput": rate(sums.succeeded, run_ns),
        "success": sums.success().unwrap_or(0.0),
        "status_codes": statuses,
        "errors": sums.errors.keys().collect::<Vec<_>>(),
    })
}
