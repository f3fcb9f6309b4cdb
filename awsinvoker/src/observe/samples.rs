//! `samples.csv`: a line for each invocation.

use run_record::format::samples_csv;
use run_record::sink::{Sink, SinkError};

use super::output::Output;
use crate::load::{Event, Observer};

/// Writes the samples.
#[derive(Debug)]
pub(super) struct Samples {
    sink: Sink,
    names: Vec<String>,
}

impl Samples {
    /// Writes to `sink`, with these names of the endpoints.
    pub(super) fn new(mut sink: Sink, names: Vec<String>) -> Self {
        sink.write(|out| out.write_all(samples_csv::HEADER.as_bytes()));
        sink.flush();
        Self { sink, names }
    }
}

impl Observer for Samples {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => {
                let name = &self.names[sample.arrival.endpoint];
                self.sink.write(|out| samples_csv::write(out, sample, name));
            }
            // A crash loses no more than a second.
            Event::Tick { .. } => self.sink.flush(),
            Event::WindowClosed(_) | Event::Finished { .. } => {}
        }
    }
}

impl Output for Samples {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests {
    use run_record::Outcome;

    use super::super::test_data::{Memory, ended};
    use super::*;

    #[test]
    fn each_sample_is_on_disk_after_its_second() {
        let file = Memory::default();
        let mut samples = Box::new(Samples::new(file.sink(), vec!["f".to_owned()]));
        assert_eq!(file.text(), samples_csv::HEADER);
        samples.observe(&ended(0, 10, Outcome::Ok));
        samples.observe(&Event::Tick { end_ns: 1_000_000_000 });
        let read = samples_csv::read(file.bytes().as_slice(), &["f".to_owned()]).unwrap();
        assert_eq!((read.records.len(), read.records[0].response_ns()), (1, Some(10_000_000)));
        samples.observe(&ended(1, 20, Outcome::Timeout));
        samples.finish().unwrap();
        assert_eq!(samples_csv::read(file.bytes().as_slice(), &["f".to_owned()]).unwrap().records.len(), 2);
    }
}
