//! How calls ended, and what they cost.

use run_record::Outcome;
use run_record::cost::CostSummary;
use run_record::failures::FailureSummary;
use run_record::summary::Summary;

use super::table::Table;
use super::words::{UNKNOWN, known, percent};

/// Calls by outcome.
pub(crate) fn outcomes(summary: &Summary) -> Table {
    let rows = summary.endpoints.iter().map(|endpoint| {
        let total = endpoint.outcomes.total();
        let failures: Vec<String> = endpoint
            .outcomes
            .failures()
            .map(|(outcome, count)| format!("{count} {}", outcome.name()))
            .collect();
        let ok = endpoint.outcomes.get(Outcome::Ok);
        let failures = if failures.is_empty() { "none".to_owned() } else { failures.join(", ") };
        [
            endpoint.name.clone(),
            failures,
            total.to_string(),
            ok.to_string(),
            percent(ok, total),
            known(endpoint.cold_starts),
            endpoint.environments.as_ref().map_or_else(|| UNKNOWN.to_owned(), |all| all.distinct.to_string()),
            known(endpoint.max_memory_mib.map(|mib| format!("{mib} MiB"))),
        ]
    });
    let head = [
        "endpoint",
        "failures",
        "calls",
        "ok",
        "share of ok",
        "cold starts",
        "environments",
        "most memory used",
    ];
    Table::new("Calls by how they ended, and the environments that answered.", head, 2, rows)
}

/// The causes of failures, the most frequent first.
pub(crate) fn causes(summary: &Summary) -> Table {
    let row = |failure: &FailureSummary| {
        let cause = failure.cause.as_ref().map_or_else(|| UNKNOWN.to_owned(), ToString::to_string);
        let (first_s, last_s) = (failure.first_s, failure.last_s);
        let times = [format!("{first_s:.1} s"), format!("{last_s:.1} s")];
        let [first, last] = times;
        [
            failure.endpoint.clone(),
            failure.outcome.name().to_owned(),
            cause,
            failure.count.to_string(),
            first,
            last,
        ]
    };
    let head = ["endpoint", "outcome", "cause", "calls", "first at", "last at"];
    let mut table = Table::new("Failures by cause.", head, 3, summary.failures.causes.iter().map(row));
    table.further += usize::from(summary.failures.other > 0);
    table
}

/// What calls cost, or would cost on AWS.
pub(crate) fn costs(summary: &Summary) -> Table {
    let rows =
        summary.endpoints.iter().filter_map(|endpoint| Some(cost(&endpoint.name, endpoint.cost.as_ref()?)));
    let head = ["endpoint", "billed by", "GB-seconds", "US dollars", "per million calls", "not known"];
    Table::new("What AWS bills for these calls, or would bill for the same.", head, 2, rows)
}

fn billed_by(cost: &CostSummary) -> String {
    match (cost.on_aws, cost.cpu_unlimited) {
        (true, _) => "AWS".to_owned(),
        (false, false) => "nobody; what AWS would bill".to_owned(),
        (false, true) => {
            format!("nobody; what AWS would bill at this speed: {}", CostSummary::CPU_IS_LIMITED)
        }
    }
}

fn cost(name: &str, cost: &CostSummary) -> [String; 6] {
    let at_least = if cost.unknown_requests > 0 { "at least " } else { "" };
    let usd = |usd: Option<f64>, digits: usize| {
        usd.map_or_else(|| cost.reason.clone().unwrap_or_default(), |usd| format!("{at_least}{usd:.digits$}"))
    };
    [
        name.to_owned(),
        billed_by(cost),
        cost.gb_s.map_or_else(|| UNKNOWN.to_owned(), |gb_s| format!("{gb_s:.4}")),
        usd(cost.usd, 6),
        usd(cost.usd_per_million, 3),
        cost.unknown_requests.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data;

    #[test]
    fn who_bills_a_cost_is_told() {
        let summary = test_data::run().summary;
        let known = summary.endpoints.iter().find_map(|endpoint| endpoint.cost.clone());
        let mut cost = known.expect("an endpoint that costs something");
        (cost.on_aws, cost.cpu_unlimited) = (true, false);
        assert_eq!(billed_by(&cost), "AWS");
        cost.on_aws = false;
        assert_eq!(billed_by(&cost), "nobody; what AWS would bill");
        cost.cpu_unlimited = true;
        assert!(billed_by(&cost).ends_with(CostSummary::CPU_IS_LIMITED), "{}", billed_by(&cost));
    }
}
