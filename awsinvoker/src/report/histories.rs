//! How the calls of each endpoint went over time, collected in one pass through the samples of a run.

use std::collections::BTreeMap;

use run_record::observations::{Cell, Observations};
use run_record::percentile_interval::MIN_BLOCKS;
use run_record::sparse_histogram::SparseHistogram;
use run_record::units::{self, NS_PER_MS, NS_PER_S};
use run_record::{Outcome, RunInfo, Sample, Start, View};
use run_report::compare::EnvironmentNumbers;
use run_report::data::{History, MAX_HISTORIES, Span};

/// A chart has hardly more points from left to right.
const SPANS: u64 = 150;
/// Spans are not shorter, in nanoseconds.
const SHORTEST_NS: u64 = 100 * NS_PER_MS;
/// So many blocks of time tell how well percentiles are known, where they are not the windows of a comparison.
const BLOCKS: u64 = 20;
/// Of more windows than these, several are a block, since each percentile of a curve looks through all blocks.
const MAX_BLOCKS: u64 = 200;
/// With fewer windows, there are no intervals.
const MIN_WINDOWS: u64 = MIN_BLOCKS as u64;
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
    /// The latencies of each view, by block and environment.
    cells: BTreeMap<(u64, Option<u32>), [SparseHistogram; View::ALL.len()]>,
    numbers: EnvironmentNumbers,
}

#[derive(Debug, Default)]
struct GrowingSpan {
    latencies: SparseHistogram,
    cold: u64,
    cold_max_ns: Option<u64>,
    failed: u64,
}

impl Histories {
    /// Of a run. If it is compared, it is by windows of this length in seconds.
    pub(super) fn new(info: &RunInfo, compared_s: f64) -> Self {
        let planned_ns = units::ns_from_s(info.configuration.time_s);
        let window_ns = info.end.as_ref().map_or(planned_ns, |end| end.window_ns).max(1);
        let endpoints = info.configuration.endpoints.len().min(MAX_HISTORIES);
        let (blocks, block_ns) = blocks(window_ns, units::ns_from_s(compared_s));
        Self {
            span_ns: round_up(window_ns.div_ceil(SPANS)).max(SHORTEST_NS),
            blocks,
            block_ns,
            endpoints: std::iter::repeat_with(Growing::default).take(endpoints).collect(),
        }
    }

    /// Counts a sample. Times that cannot be count for the last span.
    pub(super) fn record(&mut self, sample: &Sample) {
        let Some(endpoint) = self.endpoints.get_mut(sample.arrival.endpoint) else { return };
        let at_ns = sample.arrival.intended_ns;
        at(&mut endpoint.spans, at_ns / self.span_ns, SPANS).record(sample);
        if sample.reply.outcome == Outcome::Ok {
            let environment = sample.reply.environment.as_deref();
            let environment = environment.and_then(|name| endpoint.numbers.number(name));
            let block = (at_ns / self.block_ns).min(self.blocks - 1);
            let cell = endpoint.cells.entry((block, environment)).or_default();
            for (values, view) in cell.iter_mut().zip(View::ALL) {
                if let Some(ns) = view.latency_ns(sample) {
                    values.record(ns);
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
        let blocks = usize::try_from(self.blocks).unwrap_or(usize::MAX);
        let finish = |growing: Growing| History {
            views: growing.observations(blocks),
            spans: growing.spans.into_iter().map(GrowingSpan::finish).collect(),
        };
        self.endpoints.into_iter().map(finish).collect()
    }
}

impl Growing {
    /// The values of each view.
    fn observations(&self, blocks: usize) -> Vec<Observations> {
        let of_view = |view: View| {
            let cells = self.cells.iter().map(|((block, environment), values)| Cell {
                window: usize::try_from(*block).unwrap_or(usize::MAX),
                environment: *environment,
                values: values[view as usize].clone(),
            });
            Observations::new(blocks, cells.filter(|cell| cell.values.count() > 0).collect())
        };
        View::ALL.map(of_view).to_vec()
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
        if sample.start() == Start::Cold {
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

/// Into how many blocks a run is cut, and how long they are: those of a comparison, so that its intervals and those of the
/// run are the same, or as many of equal length as there may be. What is left at the end belongs to the last one.
fn blocks(window_ns: u64, compared_ns: u64) -> (u64, u64) {
    let compared = window_ns.checked_div(compared_ns).unwrap_or(0);
    if compared >= MIN_WINDOWS {
        let together = compared.div_ceil(MAX_BLOCKS);
        return (compared / together, compared_ns.saturating_mul(together));
    }
    let blocks = (window_ns / SHORTEST_BLOCK_NS).clamp(1, BLOCKS);
    (blocks, window_ns.div_ceil(blocks))
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
    use run_record::comparison::{Measure, Scope};
    use run_record::percentile_interval::PercentileInterval;
    use run_record::{Arrival, Reply, Timing};
    use run_report::compare::Collected;

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
        let of_s = [0, 5, 20, 59, 60, 95, 200, 3_600].map(|s| blocks(s * NS_PER_S, 0).0);
        assert_eq!(of_s, [1, 1, 2, 5, 6, 9, 20, 20]);
    }

    #[test]
    fn blocks_are_the_windows_of_a_comparison_where_it_has_enough() {
        let of_s = |s: u64| {
            let (blocks, block_ns) = blocks(s * NS_PER_S, 30 * NS_PER_S);
            (blocks, block_ns / NS_PER_S)
        };
        assert_eq!(
            [179, 180, 305, 6_000, 6_030].map(of_s),
            [(17, 10), (6, 30), (10, 30), (200, 30), (100, 60)]
        );
    }

    #[test]
    fn the_intervals_of_a_run_are_those_of_its_comparison() {
        // Four environments that answer for the whole run, and differ.
        let endpoints = vec![Growing::default()];
        let mut histories = Histories { span_ns: NS_PER_S, blocks: 10, block_ns: 1_000, endpoints };
        let mut compared = Collected::default();
        for number in 0..4_000_u64 {
            let environment = number % 4;
            let mut sample =
                sample(number * 5 / 2, 1_000 + 100 * environment + number * 7 % 90, Outcome::Ok, None);
            sample.reply.environment = Some(format!("environment {environment}"));
            histories.record(&sample);
            compared.record(usize::try_from(sample.arrival.intended_ns / 1_000).unwrap(), &sample);
        }
        let compared = compared.observations(Scope::All, Measure::RESPONSE, &(0..10).collect::<Vec<_>>());
        let histories = histories.finish();
        for share in [0.5, 0.9, 0.99] {
            let [run, comparison] = [&histories[0].views[0], &compared]
                .map(|values| PercentileInterval::of(values, share, 0.95).unwrap())
                .map(|estimate| (estimate.value_ns, estimate.low_ns, estimate.high_ns));
            assert_eq!(run, comparison, "{share}");
        }
        // Without knowing the environments, they would be far narrower.
        let p50 = PercentileInterval::of(&compared, 0.5, 0.95).unwrap();
        assert!(p50.low_ns < 1_100 && p50.effective_count < 100.0, "{p50:?}");
    }

    #[test]
    fn spans_have_round_lengths() {
        assert_eq!([1, 2, 3, 7, 10, 110, 400_000_000].map(round_up), [1, 2, 5, 10, 10, 200, 500_000_000]);
    }
}
