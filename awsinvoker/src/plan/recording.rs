//! A schedule that was read from a file, held in eight bytes a call.

use std::sync::Arc;

use run_record::run_info::{Arrivals, ScheduleFile};
use run_record::units::{self, NS_PER_S};

use super::endpoints::MAX_ENDPOINTS;
use super::stages::MAX_TIME_S;

/// More calls than these are refused; they take 160 MB, and half as much again while they are sorted.
pub(super) const MAX_CALLS: usize = 20_000_000;

/// Later times are refused when they are read. Only scaling or `--time` can make a schedule of them that is short enough.
pub(super) const MAX_READ_NS: u64 = 366 * 24 * 3600 * NS_PER_S;

/// A call is its time in nanoseconds, times this, plus the index of its endpoint.
const ENDPOINTS: i64 = 128;
const _: () = assert!(MAX_ENDPOINTS <= 128);

/// A schedule that was read from a file.
#[derive(Clone, Debug)]
pub struct Recording {
    /// In the order of their times.
    calls: Arc<Vec<i64>>,
    end_ns: u64,
    /// Which file it was.
    pub file: ScheduleFile,
    /// How calls follow one another within a minute, if the file only has their number.
    pub arrivals: Option<Arrivals>,
}

/// Calls while they are read.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<i64>);

/// Why the calls that were read make no schedule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum RecordingError {
    #[error("more than {MAX_CALLS} calls, expected at most that many")]
    TooMany,
    #[error("there are no calls{}", if *.cut { " before the end of --time" } else { "" })]
    Empty { cut: bool },
    #[error(
        "the schedule takes {seconds} s, expected at most {MAX_TIME_S}; shorten it with --time or with --time-scale"
    )]
    TooLong { seconds: u64 },
}

impl Calls {
    /// Adds a call at this time, which may lie before the start, from -`MAX_READ_NS` to `MAX_READ_NS`.
    pub(super) fn push(&mut self, ns: i64, endpoint: usize) -> Result<(), RecordingError> {
        if self.0.len() == MAX_CALLS {
            return Err(RecordingError::TooMany);
        }
        self.0.push(packed(ns, endpoint));
        Ok(())
    }

    /// How many more there may be.
    pub(super) fn room(&self) -> usize {
        MAX_CALLS - self.0.len()
    }

    /// Moves all calls so that the first one is at 0.
    pub(super) fn start_at_zero(&mut self) {
        let first_ns = self.0.iter().map(|call| unpacked(*call).0).min().unwrap_or(0);
        self.0.iter_mut().for_each(|call| *call -= first_ns * ENDPOINTS);
    }

    /// The schedule, with its times multiplied as `file` says, until `time_ns`. Without `window_ns`, the window ends one
    /// mean distance after the last call, so that each call stands for one.
    pub(super) fn finish(
        self,
        window_ns: Option<u64>,
        time_ns: Option<u64>,
        file: ScheduleFile,
        arrivals: Option<Arrivals>,
    ) -> Result<Recording, RecordingError> {
        let Self(mut calls) = self;
        let scaled = |ns: u64| {
            if file.time_scale.to_bits() == 1.0_f64.to_bits() {
                ns
            } else {
                units::rounded(ns as f64 * file.time_scale)
            }
        };
        for call in &mut calls {
            let (ns, endpoint) = unpacked(*call);
            let ns = scaled(u64::try_from(ns).unwrap_or(0));
            // What is later is cut off or refused below.
            *call = packed(ns.min(MAX_READ_NS).cast_signed(), endpoint);
        }
        // Calls at the same time stay in the order of the file. Sorting takes memory, so calls that are in
        // order already are not sorted.
        if !calls.is_sorted_by_key(|call| time_of(*call)) {
            calls.sort_by_key(|call| time_of(*call));
        }
        let natural_end_ns = window_ns.map_or_else(|| end_of(&calls), scaled);
        let end_ns = time_ns.map_or(natural_end_ns, |time_ns| time_ns.min(natural_end_ns));
        calls.truncate(calls.partition_point(|call| time_of(*call) < end_ns));
        if end_ns > MAX_TIME_S * NS_PER_S {
            return Err(RecordingError::TooLong { seconds: end_ns / NS_PER_S });
        }
        if calls.is_empty() {
            return Err(RecordingError::Empty { cut: time_ns.is_some() });
        }
        calls.shrink_to_fit();
        Ok(Recording { calls: Arc::new(calls), end_ns, file, arrivals })
    }
}

impl Recording {
    /// How many calls there are. Not 0.
    pub(super) fn calls(&self) -> u64 {
        self.calls.len() as u64
    }

    /// How many calls of each endpoint there are, by its index.
    pub(super) fn calls_by_endpoint(&self) -> [u64; MAX_ENDPOINTS] {
        let mut calls = [0; MAX_ENDPOINTS];
        self.iter().for_each(|(_, endpoint)| calls[endpoint] += 1);
        calls
    }

    /// The end of the window.
    pub(super) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// The calls of the first nanoseconds.
    pub(super) fn beginning(&self, duration_ns: u64) -> Self {
        let count = self.calls.partition_point(|call| time_of(*call) < duration_ns);
        Self {
            calls: Arc::new(self.calls[..count].to_vec()),
            end_ns: self.end_ns.min(duration_ns),
            ..self.clone()
        }
    }

    /// Time and endpoint of each call, in order of time.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, usize)> + Send {
        self.calls.iter().map(|call| (time_of(*call), unpacked(*call).1))
    }
}

/// One mean distance after the last call; a second after it, if there is no distance.
fn end_of(calls: &[i64]) -> u64 {
    let (Some(first), Some(last)) = (calls.first(), calls.last()) else { return 0 };
    let (first_ns, last_ns) = (time_of(*first), time_of(*last));
    let distance_ns = (last_ns - first_ns).checked_div(calls.len() as u64 - 1).filter(|ns| *ns > 0);
    last_ns + distance_ns.unwrap_or(NS_PER_S)
}

fn packed(ns: i64, endpoint: usize) -> i64 {
    ns * ENDPOINTS + i64::try_from(endpoint).unwrap_or(0)
}

fn unpacked(call: i64) -> (i64, usize) {
    (call.div_euclid(ENDPOINTS), usize::try_from(call.rem_euclid(ENDPOINTS)).unwrap_or(0))
}

fn time_of(call: i64) -> u64 {
    u64::try_from(unpacked(call).0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::mem::size_of_val;

    use proptest::prelude::*;
    use run_record::run_info::ScheduleFormat;

    use super::*;

    fn finish(
        calls: &[(i64, usize)],
        time_scale: f64,
        time_ns: Option<u64>,
    ) -> Result<Recording, RecordingError> {
        let mut read = Calls::default();
        calls.iter().for_each(|(ns, endpoint)| read.push(*ns, *endpoint).unwrap());
        let file = ScheduleFile {
            path: "f.csv".to_owned(),
            sha256: String::new(),
            format: ScheduleFormat::Schedule,
            time_scale,
        };
        read.finish(None, time_ns, file, None)
    }

    fn calls(recording: &Recording) -> Vec<(u64, usize)> {
        recording.iter().collect()
    }

    #[test]
    fn calls_are_sorted_scaled_and_cut() {
        let read = [(3000, 1), (1000, 2), (2000, 0), (0, 99)];
        let recording = finish(&read, 1.0, None).unwrap();
        assert_eq!(calls(&recording), [(0, 99), (1000, 2), (2000, 0), (3000, 1)]);
        assert_eq!((recording.end_ns(), size_of_val(&recording.calls[0])), (4000, 8));
        let recording = finish(&read, 0.5, None).unwrap();
        assert_eq!((calls(&recording)[3], recording.end_ns()), ((1500, 1), 2000));
        let recording = finish(&read, 2.0, Some(4500)).unwrap();
        assert_eq!((calls(&recording).len(), recording.end_ns()), (3, 4500));
        assert_eq!(calls(&recording.beginning(2500)), [(0, 99), (2000, 2)]);
        assert_eq!(finish(&read, 2.0, Some(60_000)).unwrap().end_ns(), 8000, "it ends no later than it does");
    }

    #[test]
    fn calls_at_the_same_time_stay_in_the_order_of_the_file() {
        assert_eq!(calls(&finish(&[(7, 2), (7, 1), (7, 3)], 1.0, None).unwrap()), [(7, 2), (7, 1), (7, 3)]);
        assert_eq!(calls(&finish(&[(7, 2), (7, 1), (5, 3)], 1.0, None).unwrap()), [(5, 3), (7, 2), (7, 1)]);
    }

    #[test]
    fn a_window_is_never_empty() {
        assert_eq!(finish(&[(5, 0)], 1.0, None).unwrap().end_ns(), NS_PER_S + 5);
        assert_eq!(finish(&[(5, 0), (5, 1)], 1.0, None).unwrap().end_ns(), NS_PER_S + 5);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        assert_eq!(finish(&[], 1.0, None).unwrap_err().to_string(), "there are no calls");
        let late = i64::try_from(MAX_READ_NS).unwrap();
        let error = finish(&[(late, 0)], 1.0, Some(1)).unwrap_err().to_string();
        assert_eq!(error, "there are no calls before the end of --time");
        let error = finish(&[(late, 0)], 1.0, None).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"the schedule takes 31622401 s, expected at most 604800; shorten it with --time or with --time-scale");
        let mut read = Calls(vec![0; MAX_CALLS]);
        assert_eq!((read.push(0, 0), read.room()), (Err(RecordingError::TooMany), 0));
    }

    #[test]
    fn times_before_the_start_are_moved() {
        let mut read = Calls::default();
        read.push(-7, 127).unwrap();
        read.push(5, 0).unwrap();
        read.start_at_zero();
        assert_eq!(read.0.iter().map(|call| unpacked(*call)).collect::<Vec<_>>(), [(0, 127), (12, 0)]);
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(ns in -MAX_READ_NS.cast_signed()..MAX_READ_NS.cast_signed(), endpoint in 0_usize..128) {
            prop_assert_eq!(unpacked(packed(ns, endpoint)), (ns, endpoint));
        }
    }
}
