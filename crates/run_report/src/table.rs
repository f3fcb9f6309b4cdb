//! The tables of a run. They fit into 80 columns.

use std::fmt::Write as _;

use run_record::budget::{Part, PartMeans, PartsSummary};
use run_record::cost::CostSummary;
use run_record::latency::Latency;
use run_record::summary::{EndpointSummary, Summary};
use run_record::units::duration_text;

use crate::time_names;

/// No line of a table is wider, unless the name of an endpoint is.
const WIDTH: usize = 80;
/// The width of the first column.
const LABEL: usize = 16;
/// The width of every other column.
const CELL: usize = 9;

/// The latencies of each endpoint.
pub(crate) fn latencies(summary: &Summary) -> String {
    let mut table = row("latency", &["count", "p50", "p90", "p95", "p99", "p99.9", "max"].map(str::to_owned));
    for endpoint in &summary.endpoints {
        table += &head(endpoint);
        let views = &endpoint.views;
        let rows = [
            ("response", &views.response),
            ("service", &views.service),
            ("function", &views.function),
            ("warm response", &endpoint.warm.response),
            ("cold response", &endpoint.cold.response),
            ("init", &endpoint.init),
        ];
        // Without a cold start, the warm ones are all.
        let is_shown = |(label, latency): &(&str, &Latency)| {
            latency.count > 0 && (*label != "warm response" || endpoint.cold.response.count > 0)
        };
        let rows = rows.into_iter().filter(is_shown);
        table.extend(rows.map(|(label, latency)| latency_row(label, latency)));
        table.extend(growth(endpoint));
        table.extend(endpoint.cost.as_ref().and_then(cost));
    }
    table
}

/// Where the time went, for the endpoints of which it is known; `None` if it is known of none.
pub(crate) fn parts(summary: &Summary) -> Option<String> {
    let columns = Part::ALL.map(time_names::short).into_iter().chain(["response"]).map(str::to_owned);
    let mut table = row("mean time in", &columns.collect::<Vec<_>>());
    let known =
        |endpoint: &&EndpointSummary| endpoint.budget.warm.is_some() || endpoint.budget.cold.is_some();
    let endpoints: Vec<_> = summary.endpoints.iter().filter(known).collect();
    for endpoint in &endpoints {
        let _ = writeln!(table, "{}", endpoint.name);
        let budget = &endpoint.budget;
        for (label, parts) in [("warm", &budget.warm), ("cold", &budget.cold)] {
            table.extend(parts.iter().map(|parts| parts_row(label, parts)));
        }
    }
    (!endpoints.is_empty()).then_some(table)
}

/// `NAME: 1500 ok, 3 timeout, 2 cold`, in as many lines as it needs.
fn head(endpoint: &EndpointSummary) -> String {
    let ok = endpoint.outcomes.get(run_record::Outcome::Ok);
    let failures = endpoint.outcomes.failures().map(|(outcome, count)| format!("{count} {}", outcome.name()));
    let cold = endpoint.cold_starts.map(|count| format!("{count} cold"));
    let counts: Vec<_> = std::iter::once(format!("{ok} ok")).chain(failures).chain(cold).collect();
    let mut lines = format!("{}:", endpoint.name);
    let mut width = lines.chars().count();
    for (index, count) in counts.iter().enumerate() {
        let comma = if index + 1 < counts.len() { "," } else { "" };
        let space = if width + count.len() + 2 > WIDTH { "\n   " } else { " " };
        width = if space.len() > 1 { 3 } else { width + 1 } + count.len() + comma.len();
        let _ = write!(lines, "{space}{count}{comma}");
    }
    lines + "\n"
}

fn latency_row(label: &str, latency: &Latency) -> String {
    let values = [latency.p50, latency.p90, latency.p95, latency.p99, latency.p999, latency.max];
    let cells: Vec<_> = std::iter::once(latency.count.to_string()).chain(values.map(duration)).collect();
    row(label, &cells)
}

/// How many environments answered, and until when new ones came.
fn growth(endpoint: &EndpointSummary) -> Option<String> {
    let environments = endpoint.environments.as_ref()?;
    let at_least = if environments.uncounted_calls > 0 { "at least " } else { "" };
    let (distinct, last_s) = (environments.distinct, environments.last_new_s);
    Some(format!("{:<LABEL$}{at_least}{distinct}, the last new one at {last_s:.1} s\n", "  environments"))
}

/// What is known of the cost; `None` if that is nothing.
fn cost(cost: &CostSummary) -> Option<String> {
    let gb_s = cost.gb_s?;
    let label = if cost.on_aws { "  cost" } else { "  cost on AWS" };
    let at_least = if cost.unknown_requests > 0 { "at least " } else { "" };
    let usd = match (cost.usd, cost.usd_per_million) {
        (Some(usd), Some(million)) => {
            format!("{at_least}{} USD, {} USD per million", three_digits(usd), three_digits(million))
        }
        _ => cost.reason.clone().unwrap_or_default(),
    };
    let note = match cost.cpu_unlimited {
        true => format!("{:LABEL$}{}\n", "", CostSummary::CPU_IS_LIMITED),
        false => String::new(),
    };
    Some(format!("{label:<LABEL$}{} GB-s, {usd}\n{note}", three_digits(gb_s)))
}

/// A number with three significant digits, and with at least two decimals, as cents have.
fn three_digits(number: f64) -> String {
    let decimals = (2..12_u8).find(|decimals| number * 10_f64.powi((*decimals).into()) >= 100.0).unwrap_or(2);
    format!("{number:.*}", decimals.into())
}

fn parts_row(label: &str, parts: &PartsSummary) -> String {
    let PartMeans { parts, response } = &parts.mean;
    let cells = parts.values().into_iter().copied().chain([Some(*response)]).map(duration);
    row(label, &cells.collect::<Vec<_>>())
}

fn row(label: &str, cells: &[String]) -> String {
    let mut row = format!("{:<LABEL$}", format!("  {label}"));
    cells.iter().for_each(|cell| _ = write!(row, "{cell:>CELL$}"));
    row + "\n"
}

/// Microseconds for a cell of the table.
fn duration(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), duration_text)
}
