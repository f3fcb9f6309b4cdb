//! A line for each request on stdout, for people: `-dbg`.

use std::io::Write;
use std::path::Path;

use run_record::sink::{Sink, SinkError};
use run_record::{Sample, units};

use super::output::{Output, warn};
use crate::load::{Event, Observer};

/// Prints the requests.
#[derive(Debug)]
pub(super) struct Requests {
    sink: Sink,
    names: Vec<String>,
}

impl Requests {
    /// Prints to `out`, with these names of the endpoints.
    pub(super) fn new(out: Box<dyn Write + Send>, names: Vec<String>) -> Self {
        Self { sink: Sink::new(Path::new("stdout"), out, warn), names }
    }
}

impl Observer for Requests {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => {
                let line = line(&self.names[sample.arrival.endpoint], sample);
                self.sink.write(|out| out.write_all(line.as_bytes()));
            }
            Event::Tick { .. } => self.sink.flush(),
            Event::WindowClosed(_) | Event::Finished { .. } => {}
        }
    }
}

impl Output for Requests {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

fn line(name: &str, sample: &Sample) -> String {
    let ms = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| format!("{:.3}", units::ms(ns)));
    format!(
        "{} {name} {} response {} ms, service {} ms, function {} ms, request {}\n",
        sample.arrival.sequence,
        sample.reply.outcome.name(),
        ms(sample.response_ns()),
        ms(sample.service_ns()),
        ms(sample.function_ns()),
        sample.reply.request_id.as_deref().unwrap_or("-"),
    )
}

#[cfg(test)]
mod tests {
    use run_record::Outcome;

    use super::super::test_data::{Memory, ended};
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        let out = Memory::default();
        let mut requests = Box::new(Requests::new(Box::new(out.clone()), vec!["f".to_owned()]));
        requests.observe(&ended(0, 10, Outcome::Ok));
        requests.observe(&ended(1, 20, Outcome::Timeout));
        requests.finish().unwrap();
        insta::assert_snapshot!(out.text(), @"
        0 f ok response 10.000 ms, service 9.999 ms, function 500.000 ms, request id-0
        1 f timeout response 20.000 ms, service 19.999 ms, function - ms, request id-1
        ");
    }
}
