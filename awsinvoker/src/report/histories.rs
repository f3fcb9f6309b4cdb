//! How the calls of each endpoint went over time, collected in one pass through the samples of a run.

use run_record::observations::{Cell, Observations};
use run_record::sparse_histogram::SparseHistogram;
use run_record::units::{self, NS_PER_MS, NS_PER_S};
use run_record::{Outcome, RunInfo, Sample, View};
use run_report::data::{History, MAX_HISTORIES, Span};

/// A chart has hardly more points from left to right.
const SPANS: u64 = 150;
/// Spans are not shorter, in nanoseconds.
const SHORTEST_NS: u64 = 100 * NS_PER_MS;
/// At most so many blocks of time tell how well percentiles are known.
const BLOCKS: u64 = 20;
/// Blocks are not shorter, in nanoseconds. Shorter ones depend on each other, so that intervals from them are too narrow.
const SHORTEST_BLOCK_NS: u64 = 10 * NS_PER_S;

/// The histories of the first endpoints, while samples come in.
#[derive(Debug)]
pub(super) struct Histories {
    span_ns: u64,
    blocks: u64,
    block_ns: u64,
    endpoints: Vec<Growing>,
}

#[derive(Debug, Default)]
struct Growing {
    spans: Vec<GrowingSpan>,
    blocks: [Vec<SparseHistogram>; View::ALL.len()],
}

#[derive(Debug, Default)]
struct GrowingSpan {
    latencies: SparseHistogram,
    cold: u64,
    cold_max_ns: Option<u64>,
    failed: u64,
}

impl Histories {
    pub(super) fn new(info: &RunInfo) -> Self {
        let planned_ns = units::ns_from_s(info.configuration.time_s);
        let window_ns = info.end.as_ref().map_or(planned_ns, |end| end.window_ns).max(1);
        let endpoints = info.configuration.endpoints.len().min(MAX_HISTORIES);
        let blocks = blocks(window_ns);
        Self {
            span_ns: round_up(window_ns.div_ceil(SPANS)).max(SHORTEST_NS),
            blocks,
            block_ns: window_ns.div_ceil(blocks),
            endpoints: std::iter::repeat_with(Growing::default).take(endpoints).collect(),
        }
    }

    /// Counts a sample. Times that cannot be count for the last span.
    pub(super) fn record(&mut self, sample: &Sample) {
        let Some(endpoint) = self.endpoints.get_mut(sample.arrival.endpoint) else { return };
        let at_ns = sample.arrival.intended_ns;
        at(&mut endpoint.spans, at_ns / self.span_ns, SPANS).record(sample);
        if sample.reply.outcome == Outcome::Ok {
            for (blocks, view) in endpoint.blocks.iter_mut().zip(View::ALL) {
                if let Some(ns) = view.latency_ns(sample) {
                    at(blocks, at_ns / self.block_ns, self.blocks).record(ns);
                }
            }
        }
    }

    /// The length of a span in seconds.
    pub(super) fn span_s(&self) -> f64 {
        units::s(self.span_ns)
    }

    /// The length of a block in seconds.
    pub(super) fn block_s(&self) -> f64 {
        units::s(self.block_ns)
    }

    pub(super) fn finish(self) -> Vec<History> {
        let finish = |growing: Growing| History {
            spans: growing.spans.into_iter().map(GrowingSpan::finish).collect(),
            views: growing.blocks.map(observations).to_vec(),
        };
        self.endpoints.into_iter().map(finish).collect()
    }
}

impl GrowingSpan {
    fn record(&mut self, sample: &Sample) {
        let latency_ns = sample.response_ns().filter(|_| sample.reply.outcome == Outcome::Ok);
        let Some(ns) = latency_ns else {
            self.failed += 1;
            return;
        };
        self.latencies.record(ns);
        if sample.reply.cold == Some(true) {
            self.cold += 1;
            self.cold_max_ns = self.cold_max_ns.max(Some(ns));
        }
    }

    fn finish(mut self) -> Span {
        self.latencies.settle();
        Span {
            succeeded: self.latencies.count(),
            p50_ns: self.latencies.quantile_ns(0.5),
            p99_ns: self.latencies.quantile_ns(0.99),
            max_ns: self.latencies.quantile_ns(1.0),
            cold: self.cold,
            cold_max_ns: self.cold_max_ns,
            failed: self.failed,
        }
    }
}

/// Into how many blocks of equal length a run is cut.
fn blocks(window_ns: u64) -> u64 {
    (window_ns / SHORTEST_BLOCK_NS).clamp(1, BLOCKS)
}

/// The values of blocks of time, of which nothing is known of the environments.
fn observations(blocks: Vec<SparseHistogram>) -> Observations {
    let cell = |(window, values)| Cell { window, environment: None, values };
    Observations::new(blocks.len(), blocks.into_iter().enumerate().map(cell).collect())
}

/// The element with this index, of at most so many, made if it is not there.
fn at<T: Default>(all: &mut Vec<T>, index: u64, most: u64) -> &mut T {
    let index = usize::try_from(index.min(most - 1)).unwrap_or(0);
    if all.len() <= index {
        all.resize_with(index + 1, T::default);
    }
    &mut all[index]
}

/// 1, 2 or 5 times a power of ten that is not less than this.
fn round_up(ns: u64) -> u64 {
    let power = 10_u64.pow(ns.max(1).ilog10());
    [1, 2, 5]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= ns)
        .unwrap_or(power.saturating_mul(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use run_record::{Arrival, Reply, Timing};

    fn sample(at_ns: u64, took_ns: u64, outcome: Outcome, cold: Option<bool>) -> Sample {
        Sample {
            arrival: Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: at_ns },
            timing: Some(Timing::new(at_ns, at_ns + took_ns)),
            reply: Reply { cold, ..Reply::with_outcome(outcome) },
        }
    }

    #[test]
    fn spans_hold_what_was_due_in_them() {
        let endpoints = vec![Growing::default()];
        let mut histories = Histories { span_ns: 1_000, blocks: BLOCKS, block_ns: 10_000, endpoints };
        for took_ns in 1..=100 {
            histories.record(&sample(500, took_ns, Outcome::Ok, Some(took_ns > 98)));
        }
        histories.record(&sample(2_500, 7, Outcome::Timeout, None));
        histories.record(&sample(u64::MAX / 2, 1_000_000, Outcome::Ok, None));
        let histories = histories.finish();
        let spans = &histories[0].spans;
        let first = Span {
            succeeded: 100,
            p50_ns: Some(50),
            p99_ns: Some(99),
            max_ns: Some(100),
            cold: 2,
            cold_max_ns: Some(100),
            failed: 0,
        };
        assert_eq!((spans.len() as u64, spans[0], spans[1]), (SPANS, first, Span::default()));
        assert_eq!(spans[2], Span { failed: 1, ..Span::default() });
        let responses = &histories[0].views[0];
        assert_eq!((responses.windows() as u64, responses.all().count()), (BLOCKS, 101));
    }

    #[test]
    fn no_block_is_so_short_that_it_depends_on_the_one_before() {
        let of_s = [0, 5, 20, 59, 60, 95, 200, 3_600].map(|s| blocks(s * NS_PER_S));
        assert_eq!(of_s, [1, 1, 2, 5, 6, 9, 20, 20]);
    }

    #[test]
    fn spans_have_round_lengths() {
        assert_eq!([1, 2, 3, 7, 10, 110, 400_000_000].map(round_up), [1, 2, 5, 10, 10, 200, 500_000_000]);
    }
}
