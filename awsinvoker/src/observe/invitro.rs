//! `invitro.csv`: a line for each invocation, for the readers of invitro's results.

use std::time::SystemTime;

use run_record::format::invitro_csv::{self, Row};
use run_record::sink::{Sink, SinkError};
use run_record::wall_clock;

use super::output::Output;
use crate::load::{Event, Observer};
use crate::plan::endpoints::Endpoint;

/// Writes the lines.
#[derive(Debug)]
pub(super) struct Invitro {
    sink: Sink,
    endpoints: Vec<Asked>,
    start_us: u64,
}

/// How long an endpoint is asked to take, in microseconds.
#[derive(Debug)]
struct Asked {
    name: String,
    requested_us: u32,
    /// The endpoint, if it is asked with each call anew.
    template: Option<Endpoint>,
}

impl Invitro {
    /// Writes to `sink` what becomes of calls of these endpoints, of a run that starts then.
    pub(super) fn new(mut sink: Sink, endpoints: &[Endpoint], start: SystemTime) -> Self {
        sink.write(|out| out.write_all(invitro_csv::HEADER.as_bytes()));
        sink.flush();
        let endpoints = endpoints.iter().map(Asked::new).collect();
        Self { sink, endpoints, start_us: wall_clock::unix_us(start) }
    }
}

impl Asked {
    fn new(endpoint: &Endpoint) -> Self {
        let (name, requested_us) = (endpoint.name.clone(), requested_us(endpoint, 0));
        Self { name, requested_us, template: endpoint.template.is_some().then(|| endpoint.clone()) }
    }

    fn requested_us(&self, number: u64) -> u32 {
        self.template.as_ref().map_or(self.requested_us, |endpoint| requested_us(endpoint, number))
    }
}

fn requested_us(endpoint: &Endpoint, number: u64) -> u32 {
    endpoint.requested_ms(number).unwrap_or(0).saturating_mul(1000)
}

impl Observer for Invitro {
    fn observe(&mut self, event: &Event) {
        match event {
            Event::Ended(sample) => {
                let asked = &self.endpoints[sample.arrival.endpoint];
                let requested_us = asked.requested_us(sample.arrival.number);
                let row = Row::new(sample, &asked.name, self.start_us, requested_us);
                self.sink.write(|out| invitro_csv::write(out, &row));
            }
            // A crash loses no more than a second.
            Event::Tick { .. } => self.sink.flush(),
            Event::WindowClosed(_) | Event::Finished { .. } => {}
        }
    }
}

impl Output for Invitro {
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use run_record::Outcome;
    use run_record::run_info::Protocol;

    use super::super::test_data::{Memory, ended};
    use super::*;

    #[test]
    fn each_line_is_on_disk_after_its_second() {
        let file = Memory::default();
        let mut executor = Endpoint::new("f", r#"{"runtime_ms": 7, "memory_mib": 1}"#);
        executor.place.protocol = Protocol::Executor;
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let mut invitro = Box::new(Invitro::new(file.sink(), &[executor], start));
        assert_eq!(file.text(), invitro_csv::HEADER);
        invitro.observe(&ended(3, 10, Outcome::Ok));
        invitro.observe(&Event::Tick { end_ns: 1_000_000_000 });
        let line = "2,f,min0.inv3,1000001,7000,0,9999,500000,false,false,0,false,0,0,0\n";
        assert_eq!(file.text(), format!("{}{line}", invitro_csv::HEADER));
        invitro.observe(&ended(4, 20, Outcome::Timeout));
        invitro.finish().unwrap();
        assert_eq!(invitro_csv::read(file.bytes().as_slice()).unwrap().records.len(), 2);
    }
}
