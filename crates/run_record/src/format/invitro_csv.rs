//! `invitro.csv`: one line for each invocation that was due, with the columns of invitro's load generator, for its readers.
//!
//! What invitro does not know stays out: the intended time, the outcome, cold starts. What is not known here is 0 or false.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use super::csv_records::{CsvRecords, Next};
use super::{FormatError, Records};
use crate::sample::{Outcome, Sample};
use crate::units::NS_PER_US;

/// invitro's number for what is measured. Its number for a warm-up is 1, and a warm-up has no lines here.
const MEASUREMENT: u8 = 2;
/// `invocationID` names the minute in which an invocation was due.
const NS_PER_MINUTE: u64 = 60_000_000_000;
/// Names of endpoints, and of environments, may hold line ends.
const MAX_LINE_ENDS: usize = 100;

/// A line. Durations are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// 2: the measurement.
    pub phase: u8,
    /// The name of the endpoint, with `-` and the environment that answered, if that is known.
    pub instance: String,
    /// `minM.invN`: the minute in which it was due, and its place in the schedule of the whole run, both from 0.
    #[serde(rename = "invocationID")]
    pub invocation_id: String,
    /// When it was handed to the client, in microseconds since 1970; of one that never was, when it was due.
    pub start_time: u64,
    /// What an executor was asked to take; 0 for all others.
    pub requested_duration: u32,
    /// From handing it to the client to a new connection that it could be written to; 0 if a connection was used again.
    pub grpc_conn_establish: u64,
    /// From handing it to the client to its end; 0 if it never was.
    pub response_time: u64,
    /// The latency that the function reported; 0 if it reported none.
    pub actual_duration: u32,
    /// Whether it failed without a connection: its outcome is `transport` or `dropped`.
    pub connection_timeout: bool,
    /// Whether it failed otherwise.
    pub function_timeout: bool,
    /// The most memory that its environment had used, in MiB; 0 if that is not known.
    pub actual_memory_usage: u32,
    /// False: no function here tells it.
    pub memory_allocation_timeout: bool,
    /// 0: invitro knows it of asynchronous calls only, which it asks for their result.
    pub time_to_submit_ms: u64,
    /// 0: as above.
    pub user_code_execution_ms: u64,
    /// 0: as above.
    pub time_to_get_response_ms: u64,
}

/// The first line of the file, with its line end.
pub const HEADER: &str = "phase,instance,invocationID,startTime,requestedDuration,grpcConnEstablish,responseTime,\
    actualDuration,connectionTimeout,functionTimeout,actualMemoryUsage,memoryAllocationTimeout,timeToSubmitMs,\
    userCodeExecutionMs,timeToGetResponseMs\n";

impl Row {
    /// The line for a sample of the endpoint of this name, of a run that started `run_start_us` microseconds after 1970. The
    /// function was asked to take `requested_us` microseconds.
    pub fn new(sample: &Sample, endpoint: &str, run_start_us: u64, requested_us: u32) -> Self {
        let Sample { arrival, timing, reply } = sample;
        let issued_ns = timing.map_or(arrival.intended_ns, |timing| timing.issued_ns);
        let fresh = timing.and_then(|timing| timing.connection).filter(|it| it.handshake.is_some());
        let is_unconnected = matches!(reply.outcome, Outcome::Transport | Outcome::Dropped);
        Self {
            phase: MEASUREMENT,
            instance: match &reply.environment {
                Some(environment) => format!("{endpoint}-{environment}"),
                None => endpoint.to_owned(),
            },
            invocation_id: format!("min{}.inv{}", arrival.intended_ns / NS_PER_MINUTE, arrival.sequence),
            start_time: run_start_us.saturating_add(issued_ns / NS_PER_US),
            requested_duration: requested_us,
            grpc_conn_establish: fresh.map_or(0, |it| it.ready_ns.saturating_sub(issued_ns) / NS_PER_US),
            response_time: sample.service_ns().unwrap_or(0) / NS_PER_US,
            actual_duration: clamped(sample.function_ns().unwrap_or(0) / NS_PER_US),
            connection_timeout: is_unconnected,
            function_timeout: reply.outcome != Outcome::Ok && !is_unconnected,
            actual_memory_usage: clamped(reply.report.max_memory_mib.unwrap_or(0)),
            memory_allocation_timeout: false,
            time_to_submit_ms: 0,
            user_code_execution_ms: 0,
            time_to_get_response_ms: 0,
        }
    }
}

/// The number in the width that invitro has for it.
fn clamped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Writes one line, without the header.
///
/// # Errors
/// Writing failed.
pub fn write(out: &mut dyn Write, row: &Row) -> io::Result<()> {
    let mut line = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    line.serialize(row).map_err(io::Error::from)?;
    out.write_all(&line.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// Reads all lines into memory.
///
/// # Errors
/// The file cannot be read, its first line is not that of invitro, or a line is damaged.
pub fn read(from: impl BufRead) -> Result<Records<Row>, FormatError> {
    // Each record is handed to the library on its own, and ends with a line feed.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(CsvRecords::new(from, MAX_LINE_ENDS));
    let (mut records, mut headers) = (Vec::new(), None);
    let mut record = csv::StringRecord::new();
    loop {
        let next = reader.get_mut().advance()?;
        let line = reader.get_ref().line();
        let invalid = |problem: String| FormatError::Line { line, problem };
        match next {
            Next::Record => {}
            Next::Damaged(problem) => return Err(invalid(problem.to_owned())),
            Next::End => return Ok(Records { records, is_cut_off: reader.get_ref().is_cut_off() }),
        }
        reader.read_record(&mut record)?;
        match &headers {
            None if !record.iter().eq(HEADER.trim_end().split(',')) => {
                return Err(invalid(format!("expected the columns {}", HEADER.trim_end())));
            }
            None => headers = Some(record.clone()),
            Some(headers) => {
                let row = record.deserialize(Some(headers)).map_err(|error| invalid(error.to_string()))?;
                records.push(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Arrival, Connection, Handshake, Reply, Report, Timing};
    use crate::test_data;

    fn written(rows: &[Row]) -> String {
        let mut out = HEADER.as_bytes().to_vec();
        rows.iter().for_each(|row| write(&mut out, row).unwrap());
        String::from_utf8(out).unwrap()
    }

    fn lines(samples: &[Sample]) -> String {
        let rows: Vec<_> =
            samples.iter().map(|sample| Row::new(sample, "f", 1_700_000_000_000_000, 7_000)).collect();
        written(&rows).trim_start_matches(HEADER).to_owned()
    }

    #[test]
    fn each_column_holds_what_it_should() {
        let mut sample = Sample {
            arrival: Arrival { sequence: 130, endpoint: 0, number: 0, intended_ns: 61_000_000_000 },
            timing: Some(Timing {
                connection: Some(Connection {
                    ready_ns: 61_001_500_000,
                    handshake: Some(Handshake::default()),
                }),
                ..Timing::new(61_001_000_999, 61_021_000_999)
            }),
            reply: Reply {
                function_latency_s: Some(0.0125),
                environment: Some("e1".to_owned()),
                report: Report { max_memory_mib: Some(36), ..Report::default() },
                ..Reply::with_outcome(Outcome::Ok)
            },
        };
        let mut samples = vec![sample.clone()];
        sample.timing = sample.timing.map(|timing| Timing {
            connection: Some(Connection { ready_ns: 61_001_500_000, handshake: None }),
            ..timing
        });
        for outcome in [Outcome::FunctionError, Outcome::Timeout, Outcome::Transport] {
            samples.push(Sample { reply: Reply::with_outcome(outcome), ..sample.clone() });
        }
        samples.push(Sample { timing: None, reply: Reply::with_outcome(Outcome::Dropped), ..sample });
        insta::assert_snapshot!(lines(&samples), @"
        2,f-e1,min1.inv130,1700000061001000,7000,499,20000,12500,false,false,36,false,0,0,0
        2,f,min1.inv130,1700000061001000,7000,0,20000,0,false,true,0,false,0,0,0
        2,f,min1.inv130,1700000061001000,7000,0,20000,0,false,true,0,false,0,0,0
        2,f,min1.inv130,1700000061001000,7000,0,20000,0,true,false,0,false,0,0,0
        2,f,min1.inv130,1700000061000000,7000,0,0,0,true,false,0,false,0,0,0
        ");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert!(error("a,b\n").starts_with("line 1: expected the columns phase,instance,"));
        let line = "2,f,min0.inv0,1,0,0,1,0,false,perhaps,0,false,0,0,0\n";
        let message = error(&format!("{HEADER}{line}"));
        assert!(message.starts_with("line 2: ") && message.contains("field 9"), "{message}");
        assert!(error(&format!("{HEADER}2,f\n")).starts_with("line 2: "));
        assert_eq!(read("".as_bytes()).unwrap().records, []);
    }

    proptest! {
        #[test]
        fn rows_read_back(samples in test_data::samples(1), name in ".{1,20}", start: u32, requested: u32, end: prop::sample::Index) {
            let rows: Vec<_> = samples.iter().map(|it| Row::new(it, &name, u64::from(start), requested)).collect();
            let text = written(&rows);
            prop_assert_eq!(read(text.as_bytes()).unwrap(), Records { records: rows.clone(), is_cut_off: false });
            // Wherever the file ends, nothing is read that was not written.
            let end = end.index(text.len());
            let Records { records, is_cut_off } = read(&text.as_bytes()[..end]).unwrap();
            let whole = &rows[..records.len()];
            prop_assert_eq!(&records, whole);
            let length = if end < HEADER.len() { 0 } else { written(whole).len() };
            prop_assert_eq!(is_cut_off, end > length);
        }
    }
}
