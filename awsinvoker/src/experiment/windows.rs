//! How many windows of a run are complete: of how many, counted from the first, every request is known and had its end.

use std::collections::BTreeMap;

use run_record::run_dir::RunDir;
use run_record::{Outcome, RunInfo, Sample};

use crate::recorded::Recorded;

/// What is known of the requests that were due in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Requests {
    first: u64,
    last: u64,
    /// How many of them are known, and were not cut off.
    ended: u64,
}

/// The requests of a run by the window in which they were due.
#[derive(Debug)]
struct Windows {
    window_ns: u64,
    windows: BTreeMap<u64, Requests>,
}

/// How many windows of the run in this folder are complete, at most `max`.
pub(super) fn complete(run_dir: &RunDir, info: &RunInfo, window_ns: u64, max: u32) -> u32 {
    let mut windows = Windows { window_ns: window_ns.max(1), windows: BTreeMap::new() };
    Recorded::read(run_dir, info, &mut |sample| windows.add(sample));
    let end = info.end.as_ref().filter(|end| end.interrupted_ns.is_none());
    let planned_end_ns = end.map(|end| (end.window_ns, end.issued));
    u32::try_from(windows.complete(planned_end_ns)).unwrap_or(u32::MAX).min(max)
}

impl Windows {
    fn add(&mut self, sample: &Sample) {
        let (number, is_ended) = (sample.arrival.sequence, sample.reply.outcome != Outcome::Abandoned);
        let new = Requests { first: number, last: number, ended: 0 };
        let window = self.windows.entry(sample.arrival.intended_ns / self.window_ns).or_insert(new);
        window.first = window.first.min(number);
        window.last = window.last.max(number);
        window.ended += u64::from(is_ended);
    }

    /// How many windows are complete. `planned_end` holds the end of a run that ended as planned, and how many requests it
    /// had. Otherwise a window is complete if the request that came after its last one is known.
    fn complete(&self, planned_end: Option<(u64, u64)>) -> u64 {
        let mut next = 0;
        for (window, requests) in &self.windows {
            // All requests before this window are known, so those windows are complete, also if one had none.
            if requests.first != next {
                return self.until(next);
            }
            if requests.ended != requests.last - requests.first + 1 {
                return *window;
            }
            next = requests.last + 1;
        }
        match planned_end {
            Some((end_ns, issued)) if issued == next => end_ns / self.window_ns,
            _ => self.until(next),
        }
    }

    /// The window that holds the last request before this number: it and those behind it may lack requests.
    fn until(&self, next: u64) -> u64 {
        let holds = |requests: &Requests| next > 0 && (requests.first..=requests.last).contains(&(next - 1));
        self.windows.iter().find(|(_, requests)| holds(requests)).map_or(0, |(window, _)| *window)
    }
}

#[cfg(test)]
mod tests {
    use run_record::{Arrival, Reply};

    use super::*;

    /// The complete windows of 10 ns of a run with requests that were due at these times; those below zero are missing, and
    /// those that end with an odd number were cut off.
    fn complete(times: &[i64], planned_end: Option<(u64, u64)>) -> u64 {
        let mut windows = Windows { window_ns: 10, windows: BTreeMap::new() };
        for (sequence, time) in times.iter().enumerate().filter(|(_, time)| **time >= 0) {
            let intended_ns = time.unsigned_abs();
            let outcome = if intended_ns % 2 == 1 { Outcome::Abandoned } else { Outcome::Ok };
            let arrival = Arrival { sequence: sequence as u64, endpoint: 0, number: 0, intended_ns };
            windows.add(&Sample { arrival, timing: None, reply: Reply::with_outcome(outcome) });
        }
        windows.complete(planned_end)
    }

    #[test]
    fn a_run_that_ended_as_planned_has_all_its_whole_windows() {
        for (times, planned_end, expected) in [
            (&[0, 6, 12, 18, 24][..], Some((30, 5)), 3),
            (&[0, 6, 12, 18, 24], Some((29, 5)), 2),
            // Rare requests leave windows empty.
            (&[0, 24], Some((30, 2)), 3),
            (&[], Some((30, 0)), 3),
        ] {
            assert_eq!(complete(times, planned_end), expected, "{times:?}");
        }
    }

    #[test]
    fn a_window_counts_if_nothing_of_it_is_missing_or_was_cut_off() {
        for (times, expected) in [
            // A run that was killed: the window of the last request may lack some.
            (&[0, 6, 12, 18, 24][..], 2),
            (&[0, 6], 0),
            (&[], 0),
            (&[0, 6, -1, 18, 24, 30], 0),
            (&[0, 6, 12, -1, 24, 30], 1),
            (&[0, 6, 12, 18, -1, 30, 36], 1),
            (&[-1, 6, 12], 0),
            // A run that was interrupted: a call that was cut off was due in a window that does not count.
            (&[0, 6, 13, 18, 24, 30], 1),
            (&[1, 6, 12, 18], 0),
            (&[0, 24, 30], 3),
        ] {
            assert_eq!(complete(times, None), expected, "{times:?}");
        }
    }
}
