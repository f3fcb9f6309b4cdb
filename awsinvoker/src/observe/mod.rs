//! Observers of a run's events. None knows another: a new output is one more module, and one more line in `Observers::new`.

mod durable;
mod intervals;
mod invitro;
mod latencies;
mod log;
mod output;
mod progress;
mod requests;
mod samples;
mod tally;

use std::io;
use std::path::PathBuf;

use run_record::circumstances::GeneratorLoad;
use run_record::run_dir::{INVITRO_CSV, LATENCY_HLOG, RunDir, RunDirError, SAMPLES_CSV};
use run_record::sink::{Sink, SinkError};

pub use tally::Tally;

use crate::clock::Clock;
use crate::generator_load::Snapshot;
use crate::load::{Event, Gate, Observer};
use crate::plan::Plan;
use crate::{machine, screen};
use latencies::Latencies;
use output::Output;

pub(crate) use latencies::PartialFile;
pub(crate) use output::warn;
pub(crate) use progress::Form;

/// The files that grow during a run.
#[derive(Debug)]
pub(crate) struct Files {
    samples: Sink,
    intervals: Sink,
    latencies: Sink,
    invitro: Option<Sink>,
    /// Those that must be there after a power cut.
    durable: Vec<PathBuf>,
}

impl Files {
    /// Makes the files of the run's folder that the plan asks for. `latencies` is the file of the original invoker.
    ///
    /// # Errors
    /// A file cannot be made.
    pub(crate) fn create(plan: &Plan, run_dir: &RunDir, latencies: Sink) -> Result<Self, RunDirError> {
        let invitro = plan.invitro_csv.then_some(INVITRO_CSV);
        let durable = [SAMPLES_CSV, LATENCY_HLOG].into_iter().chain(invitro);
        Ok(Self {
            samples: run_dir.sink(SAMPLES_CSV, warn)?,
            intervals: run_dir.sink(LATENCY_HLOG, warn)?,
            latencies,
            invitro: invitro.map(|name| run_dir.sink(name, warn)).transpose()?,
            durable: durable.map(|name| run_dir.path().join(name)).collect(),
        })
    }
}

/// All observers of a run.
#[derive(Debug)]
pub(crate) struct Observers {
    tally: Tally,
    /// What the load generator has taken of the processors when the run starts.
    before: Snapshot,
    generator: Option<GeneratorLoad>,
    outputs: Vec<Box<dyn Output>>,
}

/// What is left of the observers when a run is over.
#[derive(Debug)]
pub(crate) struct Observed {
    /// What was counted.
    pub(crate) tally: Tally,
    /// What the load generator took of the processors until the end of the window.
    pub(crate) generator: Option<GeneratorLoad>,
    /// Which outputs could not be written.
    pub(crate) failures: Vec<SinkError>,
}

impl Observers {
    /// Writes to these files of a run by `clock`, whose calls pass the gate, and shows it in this form. The heads of the
    /// files are written immediately.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new(
        plan: &Plan,
        files: Files,
        clock: Clock,
        gate: &Gate,
        form: Option<Form>,
    ) -> io::Result<Self> {
        let (names, start) = (plan.endpoints.names(), clock.start());
        let mut outputs: Vec<Box<dyn Output>> = vec![
            Box::new(intervals::Intervals::new(files.intervals, names.clone(), start)),
            Box::new(samples::Samples::new(files.samples, names.clone())),
            Box::new(Latencies::new(files.latencies)),
            Box::new(log::Log::new(names.clone())),
            Box::new(durable::Durable::start(files.durable)?),
        ];
        if let Some(sink) = files.invitro {
            outputs.push(Box::new(invitro::Invitro::new(sink, &plan.endpoints.list, start)));
        }
        if let Some(form) = form {
            outputs.push(Box::new(progress::Progress::start(plan, form, clock, gate.clone())?));
        }
        if plan.print_requests {
            outputs.push(Box::new(requests::Requests::new(Box::new(io::stdout()), names)));
        }
        let tally = Tally::new(plan.endpoints.list.len(), plan.workload.end_ns());
        Ok(Self { tally, before: Snapshot::take(), generator: None, outputs })
    }

    /// Closes all outputs.
    pub(crate) fn finish(self) -> Observed {
        let failures = self.outputs.into_iter().filter_map(|output| output.finish().err()).collect();
        // What is said next on standard output stands below the log.
        screen::flush();
        Observed { tally: self.tally, generator: self.generator, failures }
    }
}

impl Observer for Observers {
    fn observe(&mut self, event: &Event) {
        self.tally.observe(event);
        if matches!(event, Event::WindowClosed(_)) {
            // What follows is the wait for the last answers, during which there is little to do.
            self.generator = Snapshot::take().load_since(&self.before, machine::cores().unwrap_or(1));
        }
        self.outputs.iter_mut().for_each(|output| output.observe(event));
    }
}

#[cfg(test)]
mod test_data {
    //! What the tests of the observers share.

    use std::io::{self, Write};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use run_record::sink::Sink;
    use run_record::{Arrival, Cause, Outcome, Reply, Sample, Timing};

    use crate::load::Event;

    /// A file in memory that the test can look at.
    #[derive(Clone, Default)]
    pub(super) struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Memory {
        pub(super) fn sink(&self) -> Sink {
            Sink::new(Path::new("file"), Box::new(self.clone()), super::output::warn)
        }

        pub(super) fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }

        pub(super) fn text(&self) -> String {
            String::from_utf8(self.bytes()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An invocation of endpoint 0 that was issued after a microsecond. If it succeeded, its function reported 0.5 s.
    pub(super) fn ended(sequence: u64, done_ms: u64, outcome: Outcome) -> Event {
        Event::Ended(Sample {
            arrival: Arrival { sequence, endpoint: 0, number: 0, intended_ns: 0 },
            timing: Some(Timing::new(1_000, done_ms * 1_000_000)),
            reply: Reply {
                request_id: Some(format!("id-{sequence}")),
                function_latency_s: (outcome == Outcome::Ok).then_some(0.5),
                cause: (outcome != Outcome::Ok)
                    .then(|| Cause { message: "it failed".to_owned(), ..Cause::default() }),
                ..Reply::with_outcome(outcome)
            },
        })
    }
}
