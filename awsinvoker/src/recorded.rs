//! What the samples of a run come to, however damaged their file is.

use std::fs::File;
use std::io::BufReader;

use run_record::format::{FormatError, samples_csv};
use run_record::number_set::{Inserted, NumberSet};
use run_record::run_dir::{RunDir, SAMPLES_CSV};
use run_record::run_info::{Arrivals, LoadKind};
use run_record::summary::Course;
use run_record::units::counted;
use run_record::verdict::Reason;
use run_record::{OwnRequests, RunInfo, Sample, Threshold, Totals, units};

/// What the samples of a run come to.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) totals: Totals,
    /// One more than the greatest number of a request, among those that the run makes.
    pub(crate) numbers: u64,
    last_done_ns: u64,
    /// The length of the time in which requests were due, as far as it is known.
    pub(crate) window_ns: u64,
    sent_in_window: u64,
    seen: NumberSet,
    damage: Damage,
}

/// What is wrong with the file of the samples.
#[derive(Debug, Default)]
struct Damage {
    /// Why nothing more could be read.
    unreadable: Option<String>,
    damaged: Lines,
    repeated: Lines,
    /// Samples of which it is not known whether they are repeated.
    unchecked: u64,
    is_cut_off: bool,
}

/// What all samples of a run keep, as far as it is known.
#[derive(Debug)]
struct Bounds {
    requests: Option<u64>,
    finished_ns: Option<u64>,
    own: OwnRequests,
}

/// Lines that are left out, and what is wrong with the first.
#[derive(Debug, Default)]
struct Lines {
    count: u64,
    first: Option<String>,
}

impl Bounds {
    fn new(info: &RunInfo) -> Self {
        let finished_ns = info.end.as_ref().map(|end| end.finished_ns);
        Self { requests: requests(info), finished_ns, own: info.configuration.own_requests() }
    }

    /// Why a sample cannot be of this run.
    fn problem(&self, sample: &Sample) -> Option<String> {
        let number = sample.arrival.sequence;
        if let Some(requests) = self.requests.filter(|requests| number >= *requests) {
            return Some(format!("sequence is {number}; expected a number below {requests}"));
        }
        if let OwnRequests::Rounds(shard, _) = self.own
            && !self.own.has(number)
        {
            let (index, total) = (shard.index(), shard.total());
            return Some(format!("sequence is {number}; expected a number of shard {index}/{total}"));
        }
        let done_ns = sample.timing?.done_ns;
        let finished_ns = self.finished_ns.filter(|finished_ns| done_ns > *finished_ns)?;
        Some(format!("done_ns is {done_ns}; expected at most {finished_ns}, when the run ended"))
    }
}

impl Recorded {
    /// Reads all samples that can be read, and shows each that is sound to `visit`.
    pub(crate) fn read(run_dir: &RunDir, info: &RunInfo, visit: &mut dyn FnMut(&Sample)) -> Self {
        let planned_ns = units::ns_from_s(info.configuration.time_s);
        let mut recorded = Self {
            totals: Totals::new(info.configuration.endpoints.len()),
            numbers: 0,
            last_done_ns: 0,
            window_ns: info.end.as_ref().map_or(planned_ns, |end| end.window_ns),
            sent_in_window: 0,
            seen: NumberSet::default(),
            damage: Damage::default(),
        };
        match run_dir.samples(info) {
            Ok(samples) => recorded.record_all(samples, &Bounds::new(info), visit),
            Err(error) => {
                let unreadable = format!("{error}; without it, nothing is known of the requests");
                recorded.damage.unreadable = Some(unreadable);
            }
        }
        // What is known of a run that was killed ends with its last sample, so its window does.
        if recorded.gap(info).is_some() {
            recorded.window_ns = recorded.window_ns.min(recorded.last_done_ns);
        }
        recorded
    }

    /// Records all samples that are sound.
    fn record_all(
        &mut self,
        mut samples: samples_csv::Reader<BufReader<File>>,
        bounds: &Bounds,
        visit: &mut dyn FnMut(&Sample),
    ) {
        while let Some(item) = samples.next() {
            match item {
                Ok(sample) => {
                    if self.take(&sample, samples.line(), bounds) {
                        visit(&sample);
                    }
                }
                Err(error @ FormatError::Line { .. }) => self.damage.damaged.add(|| error.to_string()),
                Err(error) => self.damage.unreadable = Some(format!("{SAMPLES_CSV} from here on: {error}")),
            }
        }
        self.damage.is_cut_off = samples.is_cut_off();
    }

    /// Records a sample, unless its number is that of another one, or it cannot be of this run. Returns whether it did.
    fn take(&mut self, sample: &Sample, line: u64, bounds: &Bounds) -> bool {
        let number = sample.arrival.sequence;
        if let Some(problem) = bounds.problem(sample) {
            self.damage.damaged.add(|| format!("line {line}: {problem}"));
            return false;
        }
        let own_number = bounds.own.own_number(number);
        match self.seen.insert(own_number.unwrap_or(number)) {
            Inserted::New => {}
            Inserted::Known => {
                self.damage.repeated.add(|| format!("line {line}: request {number} had a line before"));
                return false;
            }
            Inserted::NoRoom => self.damage.unchecked += 1,
        }
        self.record(sample);
        let numbers = own_number.map_or(self.totals.samples(), |number| number.saturating_add(1));
        self.numbers = self.numbers.max(numbers);
        true
    }

    fn record(&mut self, sample: &Sample) {
        self.totals.record(sample);
        if let Some(timing) = sample.timing {
            self.last_done_ns = self.last_done_ns.max(timing.done_ns);
            self.sent_in_window += u64::from(timing.issued_ns < self.window_ns);
        }
    }

    /// Whether requests may have succeeded of which nothing is known.
    pub(crate) fn has_gap(&self, info: &RunInfo) -> bool {
        self.gap(info).is_some()
    }

    /// Why this is not all of the run.
    fn gap(&self, info: &RunInfo) -> Option<Reason> {
        let samples = self.totals.samples();
        match &info.end {
            None => Some(Reason::Incomplete { requests: None }),
            Some(end) if end.issued == samples => None,
            Some(end) => Some(Reason::Incomplete { requests: end.issued.checked_sub(samples) }),
        }
    }

    /// Why what was read may not be published.
    pub(crate) fn reasons(&self, info: &RunInfo) -> Vec<Reason> {
        let lines = self.damage.damaged.count + self.damage.repeated.count;
        self.gap(info).into_iter().chain((lines > 0).then_some(Reason::Damaged { lines })).collect()
    }

    pub(crate) fn course<'a>(&self, info: &'a RunInfo, thresholds: &'a [Threshold]) -> Course<'a> {
        // A run that was stopped by a signal counted some samples before it knew the end of its window.
        let end = info.end.as_ref().filter(|end| end.issued == self.totals.samples());
        Course {
            target_rps: end.and_then(|end| end.target_rps),
            issued: self.totals.samples(),
            window_ns: self.window_ns,
            sent_in_window: end.map_or(self.sent_in_window, |end| end.sent_in_window),
            ..Course::of_run(info, thresholds)
        }
    }

    /// What is wrong with the file, in sentences.
    pub(crate) fn damage(&self) -> impl Iterator<Item = String> {
        let Damage { unreadable, damaged, repeated, unchecked, is_cut_off } = &self.damage;
        let unchecked = (*unchecked > 0).then(|| {
            let samples = counted(*unchecked, "sample");
            format!(
                "whether {samples} in {SAMPLES_CSV} are repeated: too many others are missing between them"
            )
        });
        let cut_off =
            is_cut_off.then(|| format!("the end of the last line of {SAMPLES_CSV}, which is left out"));
        let lines = [damaged.worded("damaged"), repeated.worded("repeated")];
        lines.into_iter().flatten().chain(unchecked).chain(cut_off).chain(unreadable.clone())
    }
}

impl Lines {
    fn add(&mut self, problem: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(problem);
    }

    fn worded(&self, what: &str) -> Option<String> {
        let first = self.first.as_ref()?;
        let lines = counted(self.count, &format!("{what} line"));
        Some(match self.count {
            1 => format!("{lines} of {SAMPLES_CSV}, which is left out: {first}"),
            _ => format!("{lines} of {SAMPLES_CSV}, which are left out, the first of them {first}"),
        })
    }
}

/// How many requests the schedule has, if that is known: of a run without an end, and of a part, only if nothing of its load
/// is random.
fn requests(info: &RunInfo) -> Option<u64> {
    let configuration = &info.configuration;
    let is_exact = configuration.load == LoadKind::Open
        && configuration.arrivals.is_none_or(|arrivals| arrivals == Arrivals::Constant);
    match configuration.shard {
        Some(shard) => is_exact.then_some(shard.requests_together),
        None => {
            info.end.as_ref().map(|end| end.issued).or(configuration.expected_requests.filter(|_| is_exact))
        }
    }
}
