//! The view of a run while it goes on: on a terminal some lines that are replaced, elsewhere a line a second.
//!
//! The observer counts. A thread of its own draws, and another one writes, so that a slow terminal holds up nobody.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use run_record::sink::SinkError;
use run_record::units::{self, NS_PER_S, duration_text};
use run_record::{Histogram, Outcome, Sample, Start};

use super::output::Output;
use crate::clock::Clock;
use crate::load::{Event, Gate, Observer};
use crate::plan::Plan;
use crate::screen;
use crate::text::shortened;

/// Over how many seconds percentiles and the rate are computed.
const LAST_S: usize = 5;
/// A longer message of a failure is cut.
const MAX_FAILURE_CHARS: usize = 200;
/// Of fewer values, the p99 is the greatest one.
const P99_FROM: u64 = 100;

/// How the view is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines that are replaced four times a second.
    Block,
    /// A line a second.
    Lines,
}

/// Counts, and lets a thread draw.
pub(super) struct Progress {
    state: Arc<Mutex<State>>,
    /// Dropped at the end.
    running: Sender<()>,
    thread: JoinHandle<()>,
}

/// What was seen of a run up to now.
#[derive(Debug)]
struct State {
    names: Vec<String>,
    /// By outcome.
    outcomes: [u64; Outcome::ALL.len()],
    /// Requests that were sent and ended.
    sent: u64,
    /// Cold starts; `None` until an answer tells whether it was one.
    cold: Option<u64>,
    /// Response latencies with outcome `ok` of the last seconds, and the second of each.
    seconds: [(u64, Histogram); LAST_S],
    last_failure: Option<String>,
}

/// What is shown at one time.
#[derive(Debug, Default)]
struct View {
    now_s: f64,
    planned_s: f64,
    target_rps: Option<f64>,
    sent: u64,
    sent_rps: Option<f64>,
    in_flight: u32,
    ok: u64,
    failures: Vec<(Outcome, u64)>,
    cold: Option<u64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    last_failure: Option<String>,
}

/// The rate at which a count grew in the last seconds.
#[derive(Debug, Default)]
struct Rate(VecDeque<(u64, u64)>);

impl Progress {
    /// Shows a run from the start of `clock` on. `gate` is the one that its calls pass.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(plan: &Plan, form: Form, clock: Clock, gate: Gate) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new(plan.endpoints.names())));
        let (running, ended) = channel();
        let seen = Arc::clone(&state);
        let (planned_s, target_rps) = (units::s(plan.workload.end_ns()), plan.workload.target_rps());
        let draw = move || {
            let mut rate = Rate::default();
            while !is_over(&ended, form.period()) {
                let now_ns = clock.now_ns();
                let mut view = {
                    let state = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    View { planned_s, target_rps, in_flight: gate.in_flight(), ..state.view(now_ns) }
                };
                view.sent += u64::from(view.in_flight);
                view.sent_rps = rate.next(now_ns, view.sent);
                form.show(&view);
            }
            if form == Form::Block {
                screen::clear();
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(draw)?;
        Ok(Self { state, running, thread })
    }
}

impl Observer for Progress {
    fn observe(&mut self, event: &Event) {
        if let Event::Ended(sample) = event {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).record(sample);
        }
    }
}

impl Output for Progress {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        let Self { running, thread, .. } = *self;
        drop(running);
        // A view that broke costs no result.
        let _ = thread.join();
        Ok(())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

fn is_over(ended: &Receiver<()>, period: Duration) -> bool {
    ended.recv_timeout(period) != Err(RecvTimeoutError::Timeout)
}

impl Form {
    fn period(self) -> Duration {
        match self {
            Self::Block => Duration::from_millis(250),
            Self::Lines => Duration::from_secs(1),
        }
    }

    fn show(self, view: &View) {
        match self {
            Self::Block => screen::draw(&view.block(), screen::columns()),
            Self::Lines => screen::print(format!("{}\n", view.line()).as_bytes()),
        }
    }
}

impl State {
    fn new(names: Vec<String>) -> Self {
        Self {
            names,
            outcomes: Default::default(),
            sent: 0,
            cold: None,
            seconds: Default::default(),
            last_failure: None,
        }
    }

    fn record(&mut self, sample: &Sample) {
        let (outcome, reply) = (sample.reply.outcome, &sample.reply);
        self.outcomes[outcome as usize] += 1;
        self.sent += u64::from(sample.timing.is_some());
        if reply.cold.is_some() {
            *self.cold.get_or_insert(0) += u64::from(sample.start() == Start::Cold);
        }
        if outcome != Outcome::Ok {
            let cause = reply.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
            let (name, number) = (&self.names[sample.arrival.endpoint], sample.arrival.sequence);
            let failure = format!("{name}: {}, request {number}{cause}", outcome.name());
            self.last_failure = Some(shortened(&failure, MAX_FAILURE_CHARS));
        } else if let (Some(timing), Some(response_ns)) = (sample.timing, sample.response_ns()) {
            self.record_latency(timing.done_ns / NS_PER_S, response_ns);
        }
    }

    /// A sample of a second that has left the ring is left out.
    fn record_latency(&mut self, second: u64, response_ns: u64) {
        // The place that was not written to for the longest time is free for a new second.
        if !self.seconds.iter().any(|(of, _)| *of == second) {
            let Some((of, histogram)) = self.seconds.iter_mut().min_by_key(|(of, _)| *of) else { return };
            if *of < second {
                histogram.reset();
                *of = second;
            }
        }
        if let Some((_, histogram)) = self.seconds.iter_mut().find(|(of, _)| *of == second) {
            histogram.record(response_ns);
        }
    }

    fn view(&self, now_ns: u64) -> View {
        let (now, mut last) = (now_ns / NS_PER_S, Histogram::default());
        for (second, histogram) in &self.seconds {
            if second + LAST_S as u64 > now {
                last.merge(histogram);
            }
        }
        let count = |outcome: Outcome| self.outcomes[outcome as usize];
        let failures = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok);
        View {
            now_s: units::s(now_ns),
            sent: self.sent,
            ok: count(Outcome::Ok),
            failures: failures.map(|it| (it, count(it))).filter(|(_, count)| *count > 0).collect(),
            cold: self.cold,
            p50_us: last.quantile_ns(0.5).map(units::us),
            p99_us: last.quantile_ns(0.99).filter(|_| last.count() >= P99_FROM).map(units::us),
            last_failure: self.last_failure.clone(),
            ..View::default()
        }
    }
}

impl Rate {
    /// Takes the count at a time; returns its growth per second over the last seconds, once that is known.
    fn next(&mut self, now_ns: u64, count: u64) -> Option<f64> {
        self.0.push_back((now_ns, count));
        while self.0.len() > 2 && self.0.front().is_some_and(|(ns, _)| now_ns - ns > LAST_S as u64 * NS_PER_S)
        {
            self.0.pop_front();
        }
        let (first_ns, first) = *self.0.front()?;
        (now_ns > first_ns).then(|| count.saturating_sub(first) as f64 / units::s(now_ns - first_ns))
    }
}

impl View {
    /// A line for a log, complete in itself.
    fn line(&self) -> String {
        let mut line = format!(
            "{:.0} of {} s: sent {} ({}/s), in flight {}, ok {}, failed {}, cold {}, response p50 {}, p99 {}",
            self.now_s,
            self.planned_s,
            self.sent,
            rate(self.sent_rps),
            self.in_flight,
            self.ok,
            self.failed(),
            or_dash(self.cold),
            duration(self.p50_us),
            duration(self.p99_us),
        );
        if let Some(failure) = &self.last_failure {
            line += &format!(", last failure: {failure}");
        }
        line
    }

    /// The lines for a terminal.
    fn block(&self) -> Vec<String> {
        let failures: Vec<_> =
            self.failures.iter().map(|(outcome, count)| format!(", {count} {}", outcome.name())).collect();
        let mut lines = vec![
            format!(
                " {:.1} of {} s   sent {} ({} of {}/s)   in flight {}",
                self.now_s,
                self.planned_s,
                self.sent,
                rate(self.sent_rps),
                self.target_rps.map_or_else(|| "-".to_owned(), |rps| ((rps * 1e6).round() / 1e6).to_string()),
                self.in_flight
            ),
            format!(
                " ok {}   failed {}{}   cold {}",
                self.ok,
                self.failed(),
                failures.concat(),
                or_dash(self.cold)
            ),
            format!(
                " response in the last {LAST_S} s: p50 {}, p99 {}",
                duration(self.p50_us),
                duration(self.p99_us)
            ),
        ];
        lines.extend(self.last_failure.as_ref().map(|failure| format!(" last failure: {failure}")));
        lines
    }

    fn failed(&self) -> u64 {
        self.failures.iter().map(|(_, count)| count).sum()
    }
}

fn rate(rps: Option<f64>) -> String {
    rps.map_or_else(|| "-".to_owned(), |rps| format!("{rps:.1}"))
}

fn duration(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), duration_text)
}

fn or_dash(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::test_data::ended;
    use super::*;

    fn state(samples: &[(u64, u64, Outcome)]) -> State {
        let mut state = State::new(vec!["f".to_owned()]);
        for (sequence, done_ms, outcome) in samples {
            match ended(*sequence, *done_ms, *outcome) {
                Event::Ended(sample) => state.record(&sample),
                other => panic!("{other:?}"),
            }
        }
        state
    }

    #[test]
    fn a_run_on_a_terminal_and_in_a_log() {
        let samples = [(0, 10, Outcome::Ok), (1, 6_000, Outcome::Ok), (2, 7_100, Outcome::Timeout)];
        let view = View {
            planned_s: 60.0,
            target_rps: Some(300.0),
            in_flight: 2,
            sent_rps: Some(299.96),
            ..state(&samples).view(7_250_000_000)
        };
        insta::assert_snapshot!(view.block().join("\n"), @"
         7.2 of 60 s   sent 3 (300.0 of 300/s)   in flight 2
         ok 2   failed 1, 1 timeout   cold -
         response in the last 5 s: p50 6.00 s, p99 -
         last failure: f: timeout, request 2: it failed
        ");
        insta::assert_snapshot!(view.line(), @"7 of 60 s: sent 3 (300.0/s), in flight 2, ok 2, failed 1, cold -, response p50 6.00 s, p99 -, last failure: f: timeout, request 2: it failed");
    }

    #[test]
    fn the_first_view_says_what_is_not_known() {
        let view = View { planned_s: 1.5, target_rps: Some(0.5), ..state(&[]).view(250_000_000) };
        insta::assert_snapshot!(view.block().join("\n"), @"
         0.2 of 1.5 s   sent 0 (- of 0.5/s)   in flight 0
         ok 0   failed 0   cold -
         response in the last 5 s: p50 -, p99 -
        ");
    }

    #[test]
    fn a_p99_needs_a_hundred_values() {
        let samples: Vec<_> = (0..100).map(|sequence| (sequence, 1_000, Outcome::Ok)).collect();
        let p99 = |samples: &[_]| state(samples).view(NS_PER_S).p99_us;
        assert_eq!(p99(&samples[..99]), None);
        assert!(p99(&samples).is_some_and(|us| (us - 1e6).abs() <= 1e3));
    }

    #[test]
    fn percentiles_forget_what_is_older_than_some_seconds() {
        let p50 =
            |state: &State, now_s: u64| state.view(now_s * NS_PER_S).p50_us.map(|us| (us / 1e4).round());
        let samples = [(0, 1_000, Outcome::Ok), (1, 2_000, Outcome::Ok)];
        let mut state = state(&samples);
        assert_eq!((p50(&state, 2), p50(&state, 6), p50(&state, 7)), (Some(100.0), Some(200.0), None));
        // The second 6 takes the place of the second 1, for which a late sample comes then.
        state.record_latency(6, 6_000_000_000);
        state.record_latency(1, 1);
        assert_eq!(p50(&state, 10), Some(600.0));
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let mut next = |now_s: u64, count| rate.next(now_s * NS_PER_S, count);
        assert_eq!(next(1, 100), None);
        assert_eq!(next(2, 200), Some(100.0));
        assert_eq!(next(6, 600), Some(100.0));
        assert_eq!(next(7, 1_200), Some(200.0), "the first second is forgotten");
        assert_eq!(next(60, 1_200), Some(0.0));
    }
}
