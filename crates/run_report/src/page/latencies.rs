//! The latencies of a run in words and tables.

use run_record::budget::Part;
use run_record::latency::Latency;
use run_record::summary::{EndpointSummary, Summary};
use run_record::{Outcome, View};

use super::table::Table;
use super::words::{counted, grouped, time};
use crate::palette::MAX_SERIES;
use crate::time_names;

/// A sentence about each of the first endpoints.
pub(crate) fn sentences(summary: &Summary) -> Vec<String> {
    let mut sentences: Vec<String> = summary.endpoints.iter().take(MAX_SERIES).map(sentence).collect();
    let further = summary.endpoints.len().saturating_sub(MAX_SERIES);
    if further > 0 {
        sentences.push(format!(
            "{} more are in the tables, and not in the charts.",
            counted(further as u64, "endpoint")
        ));
    }
    sentences
}

fn sentence(endpoint: &EndpointSummary) -> String {
    let name = &endpoint.name;
    let (succeeded, calls) = (endpoint.outcomes.get(Outcome::Ok), endpoint.outcomes.total());
    let response = &endpoint.views.response;
    let cold = match endpoint.cold_starts {
        Some(cold) => format!("cold starts: {}", grouped(cold)),
        None => "no answer told whether it was a cold start".to_owned(),
    };
    match response.p50 {
        _ if succeeded == 0 => format!("{name}: none of {} succeeded.", counted(calls, "call")),
        None => {
            format!("{name}: {} succeeded, too few to tell a percentile; {cold}.", counted(succeeded, "call"))
        }
        p50 => format!(
            "{name}: {} of {} succeeded, half of them within {}{}; {cold}.",
            grouped(succeeded),
            counted(calls, "call"),
            time(p50),
            response.p99.map_or_else(String::new, |p99| format!(" and 99 % within {}", time(Some(p99))))
        ),
    }
}

/// The percentiles of each endpoint in each view.
pub(crate) fn percentiles(summary: &Summary) -> Table {
    let rows = summary.endpoints.iter().flat_map(|endpoint| {
        let views = View::ALL.map(|view| (view.name(), endpoint.views.get(view)));
        let starts = [
            ("response, warm", &endpoint.warm.response),
            ("response, cold", &endpoint.cold.response),
            ("init", &endpoint.init),
        ];
        // Without a cold start, the warm ones are all.
        let is_shown = |(what, latency): &(&str, &Latency)| {
            latency.count > 0 && (*what != "response, warm" || endpoint.cold.response.count > 0)
        };
        let rows = views.into_iter().chain(starts).filter(is_shown);
        rows.map(|(what, latency)| row(&endpoint.name, what, latency))
    });
    let head = ["endpoint", "latency", "calls", "mean", "p50", "p90", "p99", "p99.9", "max"];
    Table::new("Latencies. A dash stands for a percentile that too few calls carry.", head, 2, rows)
}

fn row(name: &str, what: &str, latency: &Latency) -> [String; 9] {
    let [mean, p50, p90, p99, p999, max] =
        [latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.max].map(time);
    [name.to_owned(), what.to_owned(), latency.count.to_string(), mean, p50, p90, p99, p999, max]
}

/// The means of the parts of calls.
pub(crate) fn parts(summary: &Summary) -> Table {
    let rows = summary.endpoints.iter().flat_map(|endpoint| {
        let budget = &endpoint.budget;
        let starts = [("warm", &budget.warm), ("cold", &budget.cold)];
        let known = starts.into_iter().filter_map(|(start, parts)| Some((start, parts.as_ref()?)));
        known.map(|(start, parts)| {
            let [lag, connection, network, init, overhead, handler] =
                parts.mean.parts.values().map(|us| time(*us));
            let response = time(Some(parts.mean.response));
            let count = parts.count.to_string();
            [
                endpoint.name.clone(),
                start.to_owned(),
                count,
                lag,
                connection,
                network,
                init,
                overhead,
                handler,
                response,
            ]
        })
    });
    let [lag, connection, network, init, overhead, handler] = &Part::ALL.map(time_names::long);
    let head = ["endpoint", "start", "calls", lag, connection, network, init, overhead, handler, "response"];
    Table::new("Mean time in each part. The parts add up to the response latency.", head, 2, rows)
}
