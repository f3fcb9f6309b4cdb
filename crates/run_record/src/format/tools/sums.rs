//! What a run comes to over all its endpoints, as other tools count it.

use std::collections::BTreeMap;

use super::finished::FinishedRun;
use crate::histogram::{Histogram, View};
use crate::sample::Outcome;
use crate::totals::EndpointTotals;

/// The status of an HTTP answer that succeeded.
const HTTP_OK: u16 = 200;
/// That of an asynchronous call that was accepted.
const HTTP_ACCEPTED: u16 = 202;

/// Sums over all endpoints.
#[derive(Debug)]
pub(super) struct Sums {
    /// Requests that were sent.
    pub(super) requests: u64,
    pub(super) succeeded: u64,
    pub(super) dropped: u64,
    /// Bytes of the bodies of answers.
    pub(super) bytes_in: u64,
    /// Bytes of the payloads of the requests that were sent; absent if they differ from request to request.
    pub(super) bytes_out: Option<u64>,
    /// From sending to the end, of requests that succeeded.
    pub(super) service: Histogram,
    /// The mean of these in nanoseconds; absent if there is none.
    pub(super) mean_ns: Option<f64>,
    /// Requests by HTTP status; 0 stands for those without an answer, and those of which it is not known.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Failed requests by what went wrong.
    pub(super) errors: BTreeMap<String, u64>,
}

impl Sums {
    pub(super) fn new(run: &FinishedRun<'_>) -> Self {
        let endpoints = &run.totals.endpoints;
        let sum = |of: &dyn Fn(&EndpointTotals) -> u64| endpoints.iter().map(of).sum::<u64>();
        let payloads = run.info.configuration.endpoints.iter();
        let payload_bytes: Option<Vec<u64>> = payloads
            .map(|it| it.payload_template.is_none().then_some(it.payload.get().len() as u64))
            .collect();
        let mut service = Histogram::default();
        endpoints.iter().for_each(|endpoint| service.merge(&endpoint.view(View::Service)));
        Self {
            requests: sum(&sent),
            succeeded: sum(&|endpoint| endpoint.outcome(Outcome::Ok)),
            dropped: sum(&|endpoint| endpoint.outcome(Outcome::Dropped)),
            bytes_in: sum(&|endpoint| endpoint.answer_bytes_sum),
            bytes_out: payload_bytes
                .map(|all| endpoints.iter().zip(all).map(|(endpoint, bytes)| sent(endpoint) * bytes).sum()),
            mean_ns: service.mean_ns(),
            service,
            statuses: statuses(run),
            errors: errors(run),
        }
    }

    /// The share of requests that succeeded, from 0 to 1.
    pub(super) fn success(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.succeeded as f64 / self.requests as f64)
    }
}

/// Requests of an endpoint that were sent.
fn sent(endpoint: &EndpointTotals) -> u64 {
    endpoint.outcomes.iter().sum::<u64>() - endpoint.outcome(Outcome::Dropped)
}

fn statuses(run: &FinishedRun<'_>) -> BTreeMap<u16, u64> {
    let mut statuses = BTreeMap::new();
    let mut add = |status: u16, count: u64| {
        if count > 0 {
            *statuses.entry(status).or_default() += count;
        }
    };
    for endpoint in &run.summary.endpoints {
        let status = if endpoint.asynchronous { HTTP_ACCEPTED } else { HTTP_OK };
        add(status, endpoint.outcomes.get(Outcome::Ok));
    }
    for failure in run.summary.failures.causes.iter().filter(|failure| failure.outcome != Outcome::Dropped) {
        add(failure.cause.as_ref().and_then(|cause| cause.status).unwrap_or(0), failure.count);
    }
    let known: u64 = statuses.values().sum();
    let requests: u64 = run.totals.endpoints.iter().map(sent).sum();
    *statuses.entry(0).or_default() += requests.saturating_sub(known);
    statuses.retain(|_, count| *count > 0);
    statuses
}

fn errors(run: &FinishedRun<'_>) -> BTreeMap<String, u64> {
    let mut errors = BTreeMap::new();
    for failure in run.summary.failures.causes.iter().filter(|failure| failure.outcome != Outcome::Dropped) {
        let name = failure.outcome.name();
        let text = failure.cause.as_ref().map_or_else(|| name.to_owned(), |cause| format!("{name}: {cause}"));
        *errors.entry(text).or_default() += failure.count;
    }
    errors
}
