//! The summary that k6 exports: times are milliseconds, and a threshold is true if it is crossed.

use serde_json::{Map, Value, json};

use super::finished::FinishedRun;
use super::sums::Sums;
use crate::histogram::{Histogram, View};
use crate::units;

/// The id of k6's outermost group, which has no name.
const ROOT_GROUP: &str = "d41d8cd98f00b204e9800998ecf8427e";

pub(super) fn report(run: &FinishedRun<'_>) -> Value {
    let sums = Sums::new(run);
    let run_s = run.summary.run_s;
    let counter =
        |count: u64| json!({ "count": count, "rate": if run_s > 0.0 { count as f64 / run_s } else { 0.0 } });
    let failed = sums.requests - sums.succeeded;
    let share = if sums.requests > 0 { failed as f64 / sums.requests as f64 } else { 0.0 };
    let mut metrics = Map::new();
    metrics.insert("http_reqs".to_owned(), counter(sums.requests));
    metrics.insert("iterations".to_owned(), counter(sums.requests));
    metrics.insert("dropped_iterations".to_owned(), counter(sums.dropped));
    metrics.insert("data_received".to_owned(), counter(sums.bytes_in));
    metrics.extend(sums.bytes_out.map(|bytes| ("data_sent".to_owned(), counter(bytes))));
    // k6 counts a failure as a pass of this metric.
    metrics.insert(
        "http_req_failed".to_owned(),
        json!({ "passes": failed, "fails": sums.succeeded, "value": share }),
    );
    let mut duration = trend(&sums.service);
    if !run.summary.thresholds.is_empty() {
        duration["thresholds"] = thresholds(run);
    }
    metrics.insert("http_req_duration".to_owned(), duration);
    for (endpoint, totals) in run.summary.endpoints.iter().zip(&run.totals.endpoints) {
        let name = format!("http_req_duration{{endpoint:{}}}", endpoint.name);
        metrics.insert(name, trend(&totals.view(View::Service)));
    }
    json!({
        "metrics": metrics,
        "root_group": { "name": "", "path": "", "id": ROOT_GROUP, "groups": {}, "checks": {} },
    })
}

fn trend(latencies: &Histogram) -> Value {
    let quantile = |share: f64| latencies.told_quantile_ns(share).map(units::ms);
    json!({
        "avg": latencies.mean_ns().map(|ns| ns / units::NS_PER_MS as f64),
        "min": latencies.min_ns().map(units::ms),
        "med": quantile(0.5),
        "max": latencies.max_ns().map(units::ms),
        "p(90)": quantile(0.9),
        "p(95)": quantile(0.95),
        "p(99)": quantile(0.99),
        "p(99.9)": quantile(0.999),
    })
}

/// Whether each threshold is crossed by an endpoint.
fn thresholds(run: &FinishedRun<'_>) -> Value {
    let mut crossed: Map<String, Value> = Map::new();
    for result in &run.summary.thresholds {
        let before = crossed.get(&result.threshold).and_then(Value::as_bool).unwrap_or(false);
        crossed.insert(result.threshold.clone(), json!(before || !result.passed));
    }
    Value::Object(crossed)
}
