//! The one stream of events of a run, and who may watch it.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use run_record::Sample;
use run_record::units::{NS_PER_MS, NS_PER_S};

use crate::clock::Clock;

/// The time between two ticks.
pub(crate) const TICK_NS: u64 = NS_PER_S;

/// A tick waits for this long after its interval, for samples that ended in the interval but are still on their way.
const GRACE_NS: u64 = 100 * NS_PER_MS;

/// Events are taken in batches: each waking up costs some 0.1 ms of CPU, far more than observing an event.
const BATCH: Duration = Duration::from_millis(50);

/// What happens during a run, in this order: samples and ticks, once that the window is closed, and `Finished` at the end.
/// Times are nanoseconds since the start of the run.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a sample")]
pub enum Event {
    /// An invocation ended.
    Ended(Sample),
    /// The second that ends at this time is over. A sample that ended in it and comes later is late by more than 0.1 s.
    Tick {
        /// The end of the second.
        end_ns: u64,
    },
    /// The last invocation was issued.
    WindowClosed(Window),
    /// Every invocation has ended, before this time. No event follows.
    Finished {
        /// Now.
        now_ns: u64,
    },
}

/// The time over which rates are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Invocations that were due.
    pub issued: u64,
    /// The end of the window: of the schedule, or, if the run was stopped, when it was; at a constant rate, the end of the
    /// period that had begun.
    pub end_ns: u64,
}

/// Watches a run, on a thread apart from pacing and calls.
pub trait Observer {
    /// Takes the next event.
    fn observe(&mut self, event: &Event);
}

/// Shows the events of the pacer and of the calls to the observer, on a thread of its own, until all senders are gone. Adds
/// the ticks and the end. The thread returns the observer.
///
/// # Errors
/// The system gives no thread.
pub(super) fn observe<O: Observer + Send + 'static>(
    events: Receiver<Event>,
    clock: Clock,
    observer: O,
) -> io::Result<JoinHandle<O>> {
    thread::Builder::new().name("observer".to_owned()).spawn(move || {
        let mut stream = Stream::new(observer);
        while stream.take_all(&events) {
            stream.tick(clock.now_ns());
            thread::sleep(BATCH);
        }
        stream.finish(clock.now_ns())
    })
}

/// Puts ticks between the events.
struct Stream<O> {
    observer: O,
    interval_end_ns: u64,
}

impl<O: Observer> Stream<O> {
    fn new(observer: O) -> Self {
        Self { observer, interval_end_ns: TICK_NS }
    }

    /// Takes the events that are there; false if no more can come.
    fn take_all(&mut self, events: &Receiver<Event>) -> bool {
        loop {
            match events.try_recv() {
                Ok(event) => self.take(&event),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if let Event::Ended(Sample { timing: Some(timing), .. }) = event {
            // It is at least as late as this.
            self.tick(timing.done_ns.saturating_sub(GRACE_NS));
        }
        self.observer.observe(event);
    }

    /// Ticks for all intervals that ended long enough before `now_ns`.
    fn tick(&mut self, now_ns: u64) {
        while now_ns >= self.interval_end_ns + GRACE_NS {
            self.end_interval();
        }
    }

    fn end_interval(&mut self) {
        self.observer.observe(&Event::Tick { end_ns: self.interval_end_ns });
        self.interval_end_ns += TICK_NS;
    }

    fn finish(mut self, now_ns: u64) -> O {
        self.tick(now_ns);
        if now_ns >= self.interval_end_ns {
            self.end_interval();
        }
        self.observer.observe(&Event::Finished { now_ns });
        self.observer
    }
}

#[cfg(test)]
mod tests {
    use run_record::{Arrival, Outcome, Reply, Timing};

    use super::*;

    const MS: u64 = NS_PER_MS;

    /// Notes the events.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Observer for Notes {
        fn observe(&mut self, event: &Event) {
            self.0.push(match event {
                Event::Ended(sample) => format!("{} ended", sample.arrival.sequence),
                Event::Tick { end_ns } => format!("tick {} ms", end_ns / MS),
                Event::WindowClosed(window) => format!("{} issued", window.issued),
                Event::Finished { now_ns } => format!("finished {} ms", now_ns / MS),
            });
        }
    }

    fn ended(sequence: u64, done_ms: Option<u64>) -> Event {
        Event::Ended(Sample {
            arrival: Arrival { sequence, endpoint: 0, number: 0, intended_ns: 0 },
            timing: done_ms.map(|done_ms| Timing::new(0, done_ms * MS)),
            reply: Reply::without_answer(Outcome::Timeout, ""),
        })
    }

    #[test]
    fn a_second_ticks_once_samples_that_ended_in_it_had_time_to_come() {
        let mut stream = Stream::new(Notes::default());
        stream.take(&ended(0, Some(950)));
        stream.tick(1_099 * MS);
        stream.take(&ended(1, Some(999)));
        stream.tick(1_100 * MS);
        // A sample tells the time as well; one that was never sent does not.
        stream.take(&ended(2, Some(3_150)));
        stream.take(&ended(3, None));
        stream.take(&Event::WindowClosed(Window { issued: 4, end_ns: 0 }));
        let notes = stream.finish(4_050 * MS).0;
        let expected = [
            "0 ended",
            "1 ended",
            "tick 1000 ms",
            "tick 2000 ms",
            "2 ended",
            "3 ended",
            "4 issued",
            "tick 3000 ms",
            "tick 4000 ms",
            "finished 4050 ms",
        ];
        assert_eq!(notes, expected);
    }
}
