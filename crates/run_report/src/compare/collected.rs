//! What the samples of one side come to, by window and by environment. One pass over the samples fills it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use run_record::budget::{Budget, Part};
use run_record::comparison::{Measure, Scope};
use run_record::observations::{Cell, Observations};
use run_record::sparse_histogram::SparseHistogram;
use run_record::{Outcome, Sample, Start, View};

/// The most windows: with more, even a long run has windows of a second.
pub const MAX_WINDOWS: usize = 100_000;
/// More environments of a run are not told apart by name, so that memory is bounded.
const MAX_NAMES: usize = 100_000;
/// More environments than these share their number with others. A thousand tell well how much environments differ.
const MAX_NUMBERS: u32 = 1_000;

/// The samples of one side. Its memory grows with the cells, of which there is one for each environment that answered in a
/// window, at most [`MAX_WINDOWS`] times a thousand and one. A cell takes about 1 KiB for its up to eleven kinds of times.
/// Besides, each time takes up to 4 bytes, until equal values of three digits are counted in 8 bytes together.
#[derive(Debug, Default)]
pub struct Collected {
    windows: BTreeMap<usize, Counts>,
    cells: BTreeMap<(usize, Option<u32>), CellValues>,
    numbers: EnvironmentNumbers,
}

/// Numbers for the environments of one side.
#[derive(Debug, Default)]
pub struct EnvironmentNumbers {
    /// Those of the run that is read, by name.
    names: HashMap<String, u32>,
    /// How many environments of all runs there are.
    all: u64,
}

/// The requests of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) succeeded: u64,
    /// Those that succeeded and were cold starts.
    pub(super) cold: u64,
    /// Those that succeeded and of which it is known whether they were cold starts.
    pub(super) told: u64,
}

/// The values of one environment in one window. There are few kinds of them, so a list is found through quickly.
type CellValues = Vec<((Start, Measure), SparseHistogram)>;

impl Collected {
    /// Samples that follow come from environments that were started for their run, so they are others, whatever their names.
    pub fn begin_run(&mut self) {
        self.numbers.names.clear();
    }

    /// Takes a sample of this window.
    pub fn record(&mut self, window: usize, sample: &Sample) {
        self.shrink_before(window);
        let counts = self.windows.entry(window).or_default();
        counts.requests += 1;
        let start = sample.start();
        if sample.reply.outcome != Outcome::Ok {
            return;
        }
        counts.succeeded += 1;
        counts.told += u64::from(sample.reply.cold.is_some());
        counts.cold += u64::from(start == Start::Cold);
        let environment = sample.reply.environment.as_deref().and_then(|name| self.numbers.number(name));
        let values = self.cells.entry((window, environment)).or_default();
        each_value(sample, start, |kind, value_ns| {
            match values.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, histogram)) => histogram.record(value_ns),
                None => {
                    let mut histogram = SparseHistogram::default();
                    histogram.record(value_ns);
                    values.push((kind, histogram));
                }
            }
        });
    }

    /// Windows before this one hardly grow any more.
    fn shrink_before(&mut self, window: usize) {
        let Some((&last, _)) = self.windows.last_key_value() else { return };
        if last < window {
            let cells = self.cells.range_mut((last, None)..=(last, Some(u32::MAX)));
            cells.flat_map(|(_, values)| values).for_each(|(_, histogram)| histogram.shrink());
        }
    }

    /// Leaves out this window and all later ones.
    pub fn truncate(&mut self, windows: usize) {
        self.windows.split_off(&windows);
        self.cells.split_off(&(windows, None));
    }

    /// The windows in which something succeeded.
    pub(super) fn windows_with_success(&self) -> BTreeSet<usize> {
        self.windows.iter().filter(|(_, counts)| counts.succeeded > 0).map(|(window, _)| *window).collect()
    }

    /// The windows in which there was a request.
    pub(super) fn windows(&self) -> Vec<usize> {
        self.windows.keys().copied().collect()
    }

    /// In how many windows there were requests and none succeeded.
    pub(super) fn windows_of_failures(&self) -> usize {
        self.windows.values().filter(|counts| counts.succeeded == 0).count()
    }

    /// The requests of these windows.
    pub(super) fn counts(&self, windows: &[usize]) -> Counts {
        windows.iter().filter_map(|window| self.windows.get(window)).fold(Counts::default(), |all, one| {
            Counts {
                requests: all.requests + one.requests,
                succeeded: all.succeeded + one.succeeded,
                cold: all.cold + one.cold,
                told: all.told + one.told,
            }
        })
    }

    /// How many environments answered in these windows; absent if none was told.
    pub(super) fn environments(&self, windows: &[usize]) -> Option<u64> {
        let cells = windows
            .iter()
            .flat_map(|window| self.cells.range((*window, Some(0))..=(*window, Some(u32::MAX))));
        let numbers: BTreeSet<u32> = cells.filter_map(|((_, number), _)| *number).collect();
        let told_apart = self.numbers.all <= u64::from(MAX_NUMBERS);
        (!numbers.is_empty()).then_some(if told_apart { numbers.len() as u64 } else { self.numbers.all })
    }

    /// How many environments, up to a thousand, answered in each of these windows.
    pub(super) fn environments_by_window(&self, windows: &[usize]) -> Vec<u64> {
        let known =
            |window: &usize| self.cells.range((*window, Some(0))..=(*window, Some(u32::MAX))).count() as u64;
        windows.iter().map(known).collect()
    }

    /// The values of one kind in these windows, which become the windows 0, 1 and so on.
    pub fn observations(&self, scope: Scope, measure: Measure, windows: &[usize]) -> Observations {
        let mut cells = Vec::new();
        for (index, window) in windows.iter().enumerate() {
            for ((_, environment), values) in self.cells.range((*window, None)..=(*window, Some(u32::MAX))) {
                let of_kind = values.iter().filter(|((start, of), _)| *of == measure && is_in(*start, scope));
                let values = SparseHistogram::merged(of_kind.map(|(_, histogram)| histogram));
                if values.count() > 0 {
                    cells.push(Cell { window: index, environment: *environment, values });
                }
            }
        }
        Observations::new(windows.len(), cells)
    }
}

impl EnvironmentNumbers {
    /// The number of an environment; absent of those that are not told apart.
    pub fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.names.get(name) {
            return Some(*number);
        }
        if self.names.len() >= MAX_NAMES {
            return None;
        }
        let number = u32::try_from(self.all % u64::from(MAX_NUMBERS)).unwrap_or(0);
        self.all += 1;
        self.names.insert(name.to_owned(), number);
        Some(number)
    }
}

fn is_in(start: Start, scope: Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Warm => start == Start::Warm,
        Scope::Cold => start == Start::Cold,
    }
}

/// Shows each time of a sample that is compared. Of the parts of its response, the initialisation is that of a cold start and
/// all others are those of warm requests.
fn each_value(sample: &Sample, start: Start, mut take: impl FnMut((Start, Measure), u64)) {
    for view in View::ALL {
        if let Some(value_ns) = view.latency_ns(sample) {
            take((start, view.into()), value_ns);
        }
    }
    let Ok(budget) = Budget::new(sample) else { return };
    for part in Part::ALL.into_iter().filter(|part| (*part == Part::Init) == (start == Start::Cold)) {
        if let Some(value_ns) = budget.part(part) {
            take((start, part.into()), value_ns);
        }
    }
}
