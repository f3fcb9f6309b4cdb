//! The thread that takes all samples: the only owner of histograms, and of the files that grow during the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::clock::Clock;
use crate::csv;
use crate::histograms::{Interval, Totals};
use crate::hlog::{self, LineEncoder};
use crate::sample::{Outcome, Sample};
use crate::sink::{SinkError, Sinks};
use crate::text::sanitized;

/// The length of an interval of `latency.hlog`; files are flushed as often, so that a crash loses no more.
const INTERVAL_NS: u64 = 1_000_000_000;

/// An interval stays open for this long after its end, for samples that ended in it but are still on their way. The next
/// one is open meanwhile. A sample that comes later still counts in the oldest open interval, so that none is lost.
const GRACE_NS: u64 = 100_000_000;

/// Samples are taken in batches: waking up for each would cost more CPU than recording it.
const BATCH: Duration = Duration::from_millis(10);

/// What the recorder knows at the end.
#[derive(Debug)]
pub struct Recording {
    /// Counts and histograms.
    pub totals: Totals,
    /// Requests sent before the end of the window over which rates are computed.
    pub sent_in_window: u64,
    /// Requests that succeeded before that.
    pub ok_in_window: u64,
    /// Files that could not be written.
    pub failures: Vec<SinkError>,
}

/// Takes samples.
#[derive(Debug)]
pub struct Recorder {
    names: Vec<String>,
    window_end_ns: Arc<AtomicU64>,
    sinks: Sinks,
    totals: Totals,
    /// The oldest open interval.
    interval: Interval,
    /// The one after it.
    next_interval: Interval,
    interval_start_ns: u64,
    encoder: LineEncoder,
    sent_in_window: u64,
    ok_in_window: u64,
}

impl Recorder {
    /// A recorder for endpoints of these names, which writes the heads of the files at once. `window_end_ns` may come
    /// down while it runs, but never to before what was recorded already.
    pub fn new(
        names: Vec<String>,
        start: SystemTime,
        window_end_ns: Arc<AtomicU64>,
        mut sinks: Sinks,
    ) -> Self {
        sinks.samples.write(|out| writeln!(out, "{}", csv::HEADER));
        sinks.hlog.write(|out| hlog::write_header(out, start));
        sinks.flush();
        Self {
            totals: Totals::new(names.len()),
            interval: Interval::new(names.len()),
            next_interval: Interval::new(names.len()),
            names,
            window_end_ns,
            sinks,
            interval_start_ns: 0,
            encoder: LineEncoder::default(),
            sent_in_window: 0,
            ok_in_window: 0,
        }
    }

    /// Runs on a thread of its own until all senders of samples are gone.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        mut self,
        samples: Receiver<Sample>,
        clock: Clock,
    ) -> std::io::Result<JoinHandle<Recording>> {
        std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            while self.take(&samples) {
                self.tick(clock.now_ns());
                std::thread::sleep(BATCH);
            }
            self.finish(clock.now_ns())
        })
    }

    /// Records what has come; false if nothing more can.
    fn take(&mut self, samples: &Receiver<Sample>) -> bool {
        loop {
            match samples.try_recv() {
                Ok(sample) => self.record(&sample),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Records one sample.
    pub fn record(&mut self, sample: &Sample) {
        let done_ns = sample.done_ns.unwrap_or(0);
        self.tick(done_ns.saturating_sub(GRACE_NS));
        self.log_first(sample);
        self.totals.record(sample);
        let is_next = done_ns >= self.interval_end_ns();
        let interval = if is_next { &mut self.next_interval } else { &mut self.interval };
        interval.record(sample);
        self.count_in_window(sample);
        self.write(sample);
    }

    /// Closes all intervals that ended long enough before `now_ns`.
    pub fn tick(&mut self, now_ns: u64) {
        while now_ns >= self.interval_end_ns() + GRACE_NS {
            self.close_interval(self.interval_end_ns());
        }
    }

    /// Closes the last intervals and the files. No sample ended after `now_ns`.
    pub fn finish(mut self, now_ns: u64) -> Recording {
        self.tick(now_ns);
        if now_ns >= self.interval_end_ns() {
            self.close_interval(self.interval_end_ns());
        }
        self.close_interval(now_ns.max(self.interval_start_ns + 1));
        self.log_counts();
        Recording {
            totals: self.totals,
            sent_in_window: self.sent_in_window,
            ok_in_window: self.ok_in_window,
            failures: self.sinks.finish(),
        }
    }

    fn interval_end_ns(&self) -> u64 {
        self.interval_start_ns + INTERVAL_NS
    }

    fn close_interval(&mut self, end_ns: u64) {
        let start = Duration::from_nanos(self.interval_start_ns);
        let length = Duration::from_nanos(end_ns - self.interval_start_ns);
        let Self { interval, names, encoder, sinks, .. } = self;
        interval.visit(|place, histogram| {
            let tag = match place {
                Some((endpoint, outcome, view)) => tag(&names[endpoint], view.name(), outcome),
                None => "schedule_lag".to_owned(),
            };
            sinks.hlog.write(|out| out.write_all(encoder.line(&tag, start, length, histogram)?.as_bytes()));
        });
        interval.reset();
        std::mem::swap(&mut self.interval, &mut self.next_interval);
        self.sinks.flush();
        self.interval_start_ns = end_ns;
    }

    fn count_in_window(&mut self, sample: &Sample) {
        let end_ns = self.window_end_ns.load(Ordering::Relaxed);
        let inside = |at_ns: Option<u64>| at_ns.is_some_and(|at_ns| at_ns < end_ns);
        self.sent_in_window += u64::from(inside(sample.sent_ns));
        self.ok_in_window += u64::from(sample.outcome == Outcome::Ok && inside(sample.done_ns));
    }

    fn write(&mut self, sample: &Sample) {
        let name = &self.names[sample.endpoint];
        self.sinks.samples.write(|out| csv::write_sample(out, name, sample));
        if let Some(latency_s) = sample.function_latency_s {
            self.sinks.legacy.write(|out| csv::write_legacy(out, latency_s));
        }
        if let Some(debug) = &mut self.sinks.debug {
            debug.write(|out| csv::write_debug(out, name, sample));
        }
    }

    fn log_first(&self, sample: &Sample) {
        let count = self.totals.endpoints[sample.endpoint].outcomes[sample.outcome as usize];
        if sample.outcome == Outcome::Ok || count > 0 {
            return;
        }
        let (name, outcome) = (&self.names[sample.endpoint], sample.outcome.name());
        let error = sample.error.as_deref().unwrap_or("no message");
        let request_id = sample.request_id.as_deref().unwrap_or("unknown");
        tracing::warn!("{name}: first {outcome}, request {} ({request_id}): {error}", sample.sequence);
    }

    fn log_counts(&self) {
        for (name, endpoint) in self.names.iter().zip(&self.totals.endpoints) {
            for outcome in Outcome::ALL.into_iter().skip(1) {
                let count = endpoint.outcomes[outcome as usize];
                if count > 1 {
                    tracing::warn!("{name}: {count} {outcome} in all", outcome = outcome.name());
                }
            }
        }
    }
}

/// The tag of a histogram: `NAME:VIEW` for successes, `NAME:VIEW:OUTCOME` for the rest.
pub fn tag(name: &str, view: &str, outcome: Outcome) -> String {
    let name = sanitized(name, "-_.:#$");
    match outcome {
        Outcome::Ok => format!("{name}:{view}"),
        other => format!("{name}:{view}:{}", other.name()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::Mutex;

    use base64::Engine as _;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::sink::Sink;

    /// A writer whose content the test can look at, and that is full after so many bytes.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut content = self.0.lock().unwrap();
            if content.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn recorder(samples: &Disk, hlog: &Disk, legacy: &Disk) -> Recorder {
        let sink = |name: &str, disk: &Disk| Sink::new(Path::new(name), Box::new(disk.clone()));
        let sinks = Sinks {
            samples: sink("samples.csv", samples),
            hlog: sink("latency.hlog", hlog),
            legacy: sink("legacy", legacy),
            debug: None,
        };
        let window_end_ns = Arc::new(AtomicU64::new(2_000_000_000));
        Recorder::new(vec!["f".to_owned()], SystemTime::UNIX_EPOCH, window_end_ns, sinks)
    }

    fn disk(bytes: usize) -> Disk {
        Disk(Arc::default(), bytes)
    }

    fn sample(sequence: u64, done_ms: u64, outcome: Outcome) -> Sample {
        Sample {
            sequence,
            endpoint: 0,
            request_id: None,
            intended_ns: sequence,
            sent_ns: Some(sequence + 1),
            done_ns: Some(done_ms * 1_000_000),
            outcome,
            function_latency_s: (outcome == Outcome::Ok).then_some(0.5),
            cold: None,
            init_ns: None,
            error: None,
        }
    }

    #[test]
    fn intervals_follow_the_time_of_completion() {
        let (samples, hlog, legacy) = (disk(1 << 20), disk(1 << 20), disk(1 << 20));
        let mut recorder = recorder(&samples, &hlog, &legacy);
        recorder.record(&sample(0, 10, Outcome::Ok));
        recorder.record(&sample(1, 3_500, Outcome::Timeout));
        let recording = recorder.finish(3_600_000_000);
        let stamps = |line: &str| line.rsplitn(3, ',').last().unwrap().to_owned();
        let lines: Vec<_> = hlog.text().lines().filter(|line| line.starts_with("Tag=")).map(stamps).collect();
        let expected = [
            "Tag=f:response,0.000,1.000",
            "Tag=f:service,0.000,1.000",
            "Tag=f:function,0.000,1.000",
            "Tag=schedule_lag,0.000,1.000",
            "Tag=f:response:timeout,3.000,0.600",
            "Tag=f:service:timeout,3.000,0.600",
            "Tag=schedule_lag,3.000,0.600",
        ];
        assert_eq!(lines, expected);
        assert_eq!(samples.text().lines().count(), 3);
        assert_eq!(legacy.text(), "0.50000000000000\n");
        assert_eq!((recording.sent_in_window, recording.ok_in_window), (2, 1));
        assert!(recording.failures.is_empty());
    }

    #[test]
    fn samples_fall_into_the_interval_in_which_they_ended() {
        let (samples, hlog, legacy) = (disk(1 << 20), disk(1 << 20), disk(1 << 20));
        let mut recorder = recorder(&samples, &hlog, &legacy);
        // The last one comes when its interval is closed, and counts in the oldest that is open.
        for (n, done_ms) in (0..).zip([950, 1_050, 999, 1_000, 2_150, 2_050, 960]) {
            recorder.record(&sample(n, done_ms, Outcome::Ok));
        }
        recorder.finish(2_160_000_000);
        let counts: Vec<_> = IntervalLogIterator::new(hlog.text().as_bytes())
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) if interval.tag()?.as_str() == "f:response" => {
                    let bytes =
                        base64::engine::general_purpose::STANDARD.decode(interval.encoded_histogram());
                    let histogram: Histogram<u64> =
                        Deserializer::new().deserialize(&mut bytes.unwrap().as_slice()).unwrap();
                    Some((interval.start_timestamp().as_secs(), histogram.len()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(counts, [(0, 2), (1, 3), (2, 2)]);
    }

    #[test]
    fn a_full_disk_is_reported_and_costs_the_other_files_nothing() {
        let (samples, hlog, legacy) = (disk(300), disk(1 << 20), disk(1 << 20));
        let mut recorder = recorder(&samples, &hlog, &legacy);
        (0..100).for_each(|n| recorder.record(&sample(n, 10 * n, Outcome::Ok)));
        let recording = recorder.finish(1_000_000_000);
        let failures: Vec<_> = recording.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, ["samples.csv could not be written: no storage space"]);
        assert_eq!(legacy.text().lines().count(), 100);
        assert_eq!(recording.totals.endpoints[0].outcomes[0], 100);
    }

    #[test]
    fn tags_hold_nothing_that_ends_them() {
        assert_eq!(tag("a,b c", "response", Outcome::Ok), "a_b_c:response");
        assert_eq!(tag("f#2", "service", Outcome::Throttled), "f#2:service:throttled");
    }
}
