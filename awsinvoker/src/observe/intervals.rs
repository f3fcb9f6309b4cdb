//! `latency.hlog`: the histograms of each second, by endpoint, view and outcome, and one over all endpoints.

use std::time::SystemTime;

use run_record::format::hlog;
use run_record::names::Tag;
use run_record::sink::{Sink, SinkError};
use run_record::{Histogram, Outcome, Sample, View};

use super::output::Output;
use crate::load::{Event, Observer, TICK_NS};

/// Writes the histograms of an interval when it is over.
#[derive(Debug)]
pub(super) struct Intervals {
    sink: Sink,
    writer: hlog::Writer,
    names: Vec<String>,
    start_ns: u64,
    /// The interval that the next tick ends.
    current: Interval,
    /// The interval after it: a tick waits for samples that are on their way. A sample that comes even later counts in
    /// the current interval, so that none is lost.
    next: Interval,
}

/// The histograms of one interval.
#[derive(Debug)]
struct Interval {
    /// By endpoint, outcome and view.
    latencies: Vec<[[Histogram; View::ALL.len()]; Outcome::ALL.len()]>,
    lag: Histogram,
    /// Response latencies with outcome `ok` over all endpoints.
    all: Histogram,
}

impl Intervals {
    /// Writes to `sink`, with these names of the endpoints, the log of a run that starts at `start`.
    pub(super) fn new(mut sink: Sink, names: Vec<String>, start: SystemTime) -> Self {
        sink.write(|out| hlog::write_header(out, start));
        sink.flush();
        let interval = || Interval::new(names.len());
        Self {
            sink,
            writer: hlog::Writer::default(),
            start_ns: 0,
            current: interval(),
            next: interval(),
            names,
        }
    }

    fn record(&mut self, sample: &Sample) {
        let is_next = sample.timing.is_some_and(|timing| timing.done_ns >= self.start_ns + TICK_NS);
        if is_next { self.next.record(sample) } else { self.current.record(sample) }
    }

    fn end_interval(&mut self, end_ns: u64) {
        let Self { sink, writer, names, start_ns, current, .. } = self;
        for (name, by_outcome) in names.iter().zip(&current.latencies) {
            for (outcome, by_view) in Outcome::ALL.into_iter().zip(by_outcome) {
                for (view, histogram) in View::ALL.into_iter().zip(by_view).filter(|(_, it)| it.count() > 0) {
                    let tag = Tag::latency(name, view, outcome);
                    sink.write(|out| writer.write(out, &tag, *start_ns, end_ns, histogram));
                }
            }
        }
        sink.write(|out| writer.write(out, &Tag::ScheduleLag, *start_ns, end_ns, &current.lag));
        sink.write(|out| writer.write(out, &Tag::All, *start_ns, end_ns, &current.all));
        sink.flush();
        self.current.reset();
        std::mem::swap(&mut self.current, &mut self.next);
        self.start_ns = end_ns;
    }
}

impl Observer for Intervals {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => self.record(sample),
            Event::Tick { end_ns } => self.end_interval(*end_ns),
            Event::Finished { now_ns } => self.end_interval((*now_ns).max(self.start_ns + 1)),
            Event::WindowClosed(_) => {}
        }
    }
}

impl Output for Intervals {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

impl Interval {
    fn new(endpoints: usize) -> Self {
        Self {
            latencies: vec![Default::default(); endpoints],
            lag: Histogram::default(),
            all: Histogram::default(),
        }
    }

    fn record(&mut self, sample: &Sample) {
        let by_view = &mut self.latencies[sample.arrival.endpoint][sample.reply.outcome as usize];
        for (view, histogram) in View::ALL.into_iter().zip(by_view) {
            if let Some(latency_ns) = view.latency_ns(sample) {
                histogram.record(latency_ns);
            }
        }
        if let Some(lag_ns) = sample.lag_ns() {
            self.lag.record(lag_ns);
        }
        if let Some(response_ns) = sample.response_ns().filter(|_| sample.reply.outcome == Outcome::Ok) {
            self.all.record(response_ns);
        }
    }

    /// Removes all values. The memory is kept for the next interval.
    fn reset(&mut self) {
        self.latencies.iter_mut().flatten().flatten().for_each(Histogram::reset);
        self.lag.reset();
        self.all.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::test_data::{Memory, ended};
    use super::*;

    fn observed(events: &[Event]) -> Vec<hlog::Interval> {
        let file = Memory::default();
        let mut intervals =
            Box::new(Intervals::new(file.sink(), vec!["f".to_owned()], SystemTime::UNIX_EPOCH));
        events.iter().for_each(|event| intervals.observe(event));
        intervals.finish().unwrap();
        hlog::read_all(file.bytes().as_slice()).unwrap().records
    }

    fn tick(second: u64) -> Event {
        Event::Tick { end_ns: second * TICK_NS }
    }

    #[test]
    fn outcomes_are_kept_apart_and_empty_intervals_are_left_out() {
        let intervals = observed(&[
            ended(0, 10, Outcome::Ok),
            tick(1),
            tick(2),
            tick(3),
            ended(1, 3_500, Outcome::Timeout),
            Event::Finished { now_ns: 3_600_000_000 },
        ]);
        let lines: Vec<_> = intervals
            .iter()
            .map(|interval| (interval.tag.to_string(), interval.start.as_secs(), interval.length))
            .collect();
        let (second, last) = (Duration::from_secs(1), Duration::from_millis(600));
        let expected = [
            ("f:response".to_owned(), 0, second),
            ("f:service".to_owned(), 0, second),
            ("f:function".to_owned(), 0, second),
            ("schedule_lag".to_owned(), 0, second),
            (String::new(), 0, second),
            ("f:response:timeout".to_owned(), 3, last),
            ("f:service:timeout".to_owned(), 3, last),
            ("schedule_lag".to_owned(), 3, last),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn samples_count_in_the_interval_in_which_they_ended() {
        let ok = |done_ms| ended(0, done_ms, Outcome::Ok);
        let intervals = observed(&[
            ok(950),
            ok(1_050),
            ok(999),
            tick(1),
            ok(1_000),
            ok(2_150),
            tick(2),
            ok(2_050),
            // This one comes when its interval is over, and counts in the current one.
            ok(960),
            Event::Finished { now_ns: 2_160_000_000 },
        ]);
        let response = Tag::latency("f", View::Response, Outcome::Ok);
        let counts: Vec<_> = intervals
            .iter()
            .filter(|interval| interval.tag == response)
            .map(|interval| (interval.start.as_secs(), interval.histogram.count()))
            .collect();
        assert_eq!(counts, [(0, 2), (1, 2), (2, 3)]);
    }
}
