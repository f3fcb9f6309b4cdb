//! `samples.csv`: one line for each invocation that was due. What is not known is left empty.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use csv::StringRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::csv_records::{CsvRecords, Next};
use super::{FormatError, Records};
use crate::sample::{Arrival, Connection, Handshake, Outcome, Reply, Report, Sample, Timing};
use crate::units;

/// A line of `samples.csv`. Times are nanoseconds since the start of the run, durations are nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Row<'a> {
    /// Place in the schedule, from 0.
    pub sequence: u64,
    /// Name of the endpoint.
    pub endpoint: Cow<'a, str>,
    /// Request id that the platform gave.
    pub request_id: Option<Cow<'a, str>>,
    /// When the schedule wanted the request sent.
    pub intended_ns: u64,
    /// When the request was handed to the client; empty if it never was.
    pub issued_ns: Option<u64>,
    /// When the request had a connection that it could be written to.
    pub ready_ns: Option<u64>,
    /// When the last byte of the request was handed to the system.
    pub written_ns: Option<u64>,
    /// When the first byte of the answer had come in.
    pub first_byte_ns: Option<u64>,
    /// When the invocation ended; empty if the request was never handed to the client.
    pub done_ns: Option<u64>,
    /// How the invocation ended.
    pub outcome: Outcome,
    /// Whether the connection was `fresh` or `reused`; empty if that is not known, or there was none.
    pub connection: Option<ConnectionKind>,
    /// What looking up the address took for a fresh connection.
    pub dns_ns: Option<u64>,
    /// What opening it took for a fresh connection.
    pub tcp_ns: Option<u64>,
    /// What encrypting it took for a fresh connection; 0 without encryption.
    pub tls_ns: Option<u64>,
    /// Latency that the function reported.
    pub function_latency_ns: Option<u64>,
    /// Whether the answer told of the initialisation of its environment; empty if the platform did not say.
    pub cold: Option<bool>,
    /// How long the environment took to initialise.
    pub init_ns: Option<u64>,
    /// How long the environment took to be restored from a snapshot.
    pub restore_ns: Option<u64>,
    /// From handing the event to the function's runtime to its answer, as the platform measured it.
    pub duration_ns: Option<u64>,
    /// What is paid for.
    pub billed_ns: Option<u64>,
    /// Memory that the function was given, in MiB.
    pub memory_mib: Option<u64>,
    /// The most memory that the environment has used so far, in MiB.
    pub max_memory_mib: Option<u64>,
    /// Bytes of the answer's body.
    pub answer_bytes: Option<u64>,
    /// Which environment answered, as the platform or the function names it.
    pub environment: Option<Cow<'a, str>>,
    /// How long the environment had been ready when the request reached it.
    pub environment_age_ns: Option<u64>,
    /// Place among the invocations of its endpoint in the schedule, from 0. It tells which payload a template made.
    pub number: u64,
}

/// What `connection` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// It was made for this request.
    Fresh,
    /// It had been made before.
    Reused,
}

impl ConnectionKind {
    /// As the file has it.
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Reused => "reused",
        }
    }
}

impl<'a> Row<'a> {
    /// The line for a sample of the endpoint of this name.
    pub fn new(sample: &'a Sample, endpoint: &'a str) -> Self {
        let Sample { arrival, timing, reply } = sample;
        let report = reply.report;
        let connection = timing.and_then(|timing| timing.connection);
        let handshake = connection.and_then(|connection| connection.handshake);
        Self {
            sequence: arrival.sequence,
            endpoint: Cow::Borrowed(endpoint),
            request_id: reply.request_id.as_deref().map(Cow::Borrowed),
            intended_ns: arrival.intended_ns,
            issued_ns: timing.map(|timing| timing.issued_ns),
            ready_ns: connection.map(|connection| connection.ready_ns),
            written_ns: timing.and_then(|timing| timing.written_ns),
            first_byte_ns: timing.and_then(|timing| timing.first_byte_ns),
            done_ns: timing.map(|timing| timing.done_ns),
            outcome: reply.outcome,
            connection: connection.map(|connection| match connection.handshake {
                Some(_) => ConnectionKind::Fresh,
                None => ConnectionKind::Reused,
            }),
            dns_ns: handshake.map(|handshake| handshake.dns_ns),
            tcp_ns: handshake.map(|handshake| handshake.tcp_ns),
            tls_ns: handshake.map(|handshake| handshake.tls_ns),
            function_latency_ns: sample.function_ns(),
            cold: reply.cold,
            init_ns: report.init_ns,
            restore_ns: report.restore_ns,
            duration_ns: report.duration_ns,
            billed_ns: report.billed_ns,
            memory_mib: report.memory_mib,
            max_memory_mib: report.max_memory_mib,
            answer_bytes: reply.answer_bytes,
            environment: reply.environment.as_deref().map(Cow::Borrowed),
            environment_age_ns: report.age_ns,
            number: arrival.number,
        }
    }

    /// The sample that the line describes, for the endpoint of this index.
    ///
    /// # Errors
    /// The times contradict one another or the outcome.
    pub fn into_sample(self, endpoint: usize) -> Result<Sample, String> {
        Ok(Sample {
            arrival: Arrival {
                sequence: self.sequence,
                endpoint,
                number: self.number,
                intended_ns: self.intended_ns,
            },
            timing: self.timing()?,
            reply: Reply {
                outcome: self.outcome,
                request_id: self.request_id.map(Cow::into_owned),
                function_latency_s: self.function_latency_ns.map(units::s),
                cold: self.cold,
                report: Report {
                    init_ns: self.init_ns,
                    restore_ns: self.restore_ns,
                    duration_ns: self.duration_ns,
                    billed_ns: self.billed_ns,
                    memory_mib: self.memory_mib,
                    max_memory_mib: self.max_memory_mib,
                    age_ns: self.environment_age_ns,
                },
                answer_bytes: self.answer_bytes,
                environment: self.environment.map(Cow::into_owned),
                cause: None,
            },
        })
    }

    fn timing(&self) -> Result<Option<Timing>, String> {
        let Self { intended_ns, issued_ns, written_ns, first_byte_ns, done_ns, outcome, .. } = self;
        match (*issued_ns, *done_ns) {
            (None, None) if *outcome == Outcome::Dropped => Ok(None),
            (Some(issued_ns), Some(done_ns)) if *intended_ns <= issued_ns && issued_ns <= done_ns => {
                for (name, ns) in [
                    ("ready_ns", self.ready_ns),
                    ("written_ns", *written_ns),
                    ("first_byte_ns", *first_byte_ns),
                ] {
                    if ns.is_some_and(|ns| !(issued_ns..=done_ns).contains(&ns)) {
                        return Err(format!(
                            "{name} is {}; expected a time from issued_ns {issued_ns} to done_ns {done_ns}",
                            ns.unwrap_or_default()
                        ));
                    }
                }
                let (connection, written_ns, first_byte_ns) =
                    (self.connection()?, *written_ns, *first_byte_ns);
                Ok(Some(Timing { issued_ns, connection, written_ns, first_byte_ns, done_ns }))
            }
            _ => Err(format!(
                "intended_ns is {intended_ns}, issued_ns is {} and done_ns is {} with outcome {}; expected times that do \
                 not decrease, and no issued_ns and done_ns for dropped only",
                or_none(*issued_ns),
                or_none(*done_ns),
                outcome.name()
            )),
        }
    }

    fn connection(&self) -> Result<Option<Connection>, String> {
        let Self { connection, ready_ns, dns_ns, tcp_ns, tls_ns, .. } = self;
        let handshake = match (*dns_ns, *tcp_ns, *tls_ns) {
            (Some(dns_ns), Some(tcp_ns), Some(tls_ns)) => Some(Handshake { dns_ns, tcp_ns, tls_ns }),
            (None, None, None) => None,
            _ => return Err("expected dns_ns, tcp_ns and tls_ns together".to_owned()),
        };
        match (*connection, *ready_ns, handshake) {
            (None, None, None) => Ok(None),
            (Some(ConnectionKind::Fresh), Some(ready_ns), Some(_))
            | (Some(ConnectionKind::Reused), Some(ready_ns), None) => {
                Ok(Some(Connection { ready_ns, handshake }))
            }
            _ => Err(format!(
                "connection is {}, ready_ns is {}, and dns_ns, tcp_ns and tls_ns are {}; expected ready_ns with each \
                 connection, and dns_ns, tcp_ns and tls_ns with a fresh one only",
                connection.map_or("none", ConnectionKind::name),
                or_none(*ready_ns),
                handshake.map_or("none", |_| "given"),
            )),
        }
    }
}

/// A field of a line in a message: its value, or `none` if it is empty.
fn or_none(ns: Option<u64>) -> String {
    ns.map_or_else(|| "none".to_owned(), |ns| ns.to_string())
}

/// The first line of the file, with its line end.
pub const HEADER: &str = "sequence,endpoint,request_id,intended_ns,issued_ns,ready_ns,written_ns,first_byte_ns,done_ns,\
    outcome,connection,dns_ns,tcp_ns,tls_ns,function_latency_ns,cold,init_ns,restore_ns,duration_ns,billed_ns,memory_mib,\
    max_memory_mib,answer_bytes,environment,environment_age_ns,number\n";

/// Writes one sample of the endpoint of this name, without the header.
///
/// # Errors
/// Writing failed.
pub fn write(out: &mut dyn Write, sample: &Sample, endpoint: &str) -> io::Result<()> {
    // The library flushes what it writes to, which would cost a system call for each sample.
    let mut line = csv::WriterBuilder::new()
        .has_headers(false)
        .buffer_capacity(LINE_BYTES)
        .from_writer(Vec::with_capacity(LINE_BYTES));
    line.serialize(Row::new(sample, endpoint)).map_err(io::Error::from)?;
    out.write_all(&line.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// Room for a line of ordinary length.
const LINE_BYTES: usize = 256;

/// Reads the samples one by one, since a long run has millions.
///
/// An item is an error if a line is damaged, or names an endpoint that is not known. The samples behind it follow. Only if
/// the file itself cannot be read does no item follow.
#[derive(Debug)]
pub struct Reader<R> {
    records: csv::Reader<CsvRecords<R>>,
    headers: StringRecord,
    record: StringRecord,
    /// The index of each endpoint.
    indices: HashMap<String, usize>,
    has_ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the file `from`. `endpoints` are the names of the run's endpoints, in order.
    ///
    /// # Errors
    /// The first line cannot be read.
    pub fn new(from: R, endpoints: &[String]) -> Result<Self, FormatError> {
        let line_ends = |name: &String| name.bytes().filter(|byte| *byte == b'\n').count();
        let max_line_ends = endpoints.iter().map(line_ends).max().unwrap_or(0);
        // Each record is handed to the library on its own, and ends with a line feed.
        let records = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(CsvRecords::new(from, max_line_ends));
        let mut reader = Self {
            records,
            headers: StringRecord::new(),
            record: StringRecord::new(),
            indices: endpoints.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect(),
            has_ended: false,
        };
        if reader.advance()? {
            reader.headers = std::mem::take(&mut reader.record);
        }
        Ok(reader)
    }

    /// Whether the file ends in half a line, which is no sample. False before its end.
    pub fn is_cut_off(&self) -> bool {
        self.records.get_ref().is_cut_off()
    }

    /// The number of the first line of the last item, from 1.
    pub fn line(&self) -> u64 {
        self.records.get_ref().line()
    }

    fn read(&mut self) -> Result<Option<Sample>, FormatError> {
        if !self.advance()? {
            return Ok(None);
        }
        if self.record.len() != self.headers.len() {
            let problem = format!("{} fields; expected {}", self.record.len(), self.headers.len());
            return Err(self.invalid(problem));
        }
        let row: Row<'_> = self
            .record
            .deserialize(Some(&self.headers))
            .map_err(|error| self.invalid(self.worded(&error)))?;
        let index = self.indices.get(row.endpoint.as_ref()).copied();
        let index = index
            .ok_or_else(|| self.invalid(format!("the endpoint {:?} is not in run.json", row.endpoint)))?;
        row.into_sample(index).map(Some).map_err(|problem| self.invalid(problem))
    }

    /// Reads the next record; false at the end of the file.
    fn advance(&mut self) -> Result<bool, FormatError> {
        match self.records.get_mut().advance()? {
            Next::Record => {}
            Next::Damaged(problem) => return Err(self.invalid(problem.to_owned())),
            Next::End => return Ok(false),
        }
        match self.records.read_record(&mut self.record) {
            Err(error) if !error.is_io_error() => Err(self.invalid(self.worded(&error))),
            read => Ok(read?),
        }
    }

    fn invalid(&self, problem: String) -> FormatError {
        FormatError::Line { line: self.line(), problem }
    }

    /// What the library says of a record. It knows neither the number of its line nor the names of its fields.
    fn worded(&self, error: &csv::Error) -> String {
        match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => {
                let field = err.field().and_then(|field| self.headers.get(usize::try_from(field).ok()?));
                field.map_or_else(|| err.kind().to_string(), |field| format!("{field}: {}", err.kind()))
            }
            csv::ErrorKind::Utf8 { .. } => "the line is not UTF-8".to_owned(),
            _ => error.to_string(),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Sample, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read();
        self.has_ended = !matches!(read, Ok(Some(_)) | Err(FormatError::Line { .. }));
        read.transpose()
    }
}

/// Reads all samples into memory. `endpoints` are the names of the run's endpoints, in order.
///
/// # Errors
/// The file cannot be read, or a line is damaged.
pub fn read(from: impl BufRead, endpoints: &[String]) -> Result<Records<Sample>, FormatError> {
    let mut reader = Reader::new(from, endpoints)?;
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok(Records { records, is_cut_off: reader.is_cut_off() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::Cause;
    use crate::test_data;

    fn written(samples: &[Sample], names: &[String]) -> Vec<u8> {
        let mut out = HEADER.as_bytes().to_vec();
        for sample in samples {
            write(&mut out, sample, &names[sample.arrival.endpoint]).unwrap();
        }
        out
    }

    fn line(sample: &Sample) -> String {
        let mut out = Vec::new();
        write(&mut out, sample, "f").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn complete_and_empty_fields() {
        let mut sample = Sample {
            arrival: Arrival { sequence: 7, endpoint: 0, number: 6, intended_ns: 1 },
            timing: Some(Timing {
                issued_ns: 2,
                connection: Some(Connection {
                    ready_ns: 9,
                    handshake: Some(Handshake { dns_ns: 3, tcp_ns: 4, tls_ns: 0 }),
                }),
                written_ns: Some(10),
                first_byte_ns: Some(11),
                done_ns: 12,
            }),
            reply: Reply {
                outcome: Outcome::Ok,
                request_id: Some("a,\"b".to_owned()),
                function_latency_s: Some(0.5),
                cold: Some(false),
                report: Report {
                    init_ns: Some(13),
                    restore_ns: Some(14),
                    duration_ns: Some(15),
                    billed_ns: Some(16),
                    memory_mib: Some(17),
                    max_memory_mib: Some(18),
                    age_ns: Some(20),
                },
                answer_bytes: Some(19),
                environment: Some("e".to_owned()),
                cause: Some(Cause { message: "is not saved".to_owned(), ..Cause::default() }),
            },
        };
        let expected =
            "7,f,\"a,\"\"b\",1,2,9,10,11,12,ok,fresh,3,4,0,500000000,false,13,14,15,16,17,18,19,e,20,6\n";
        assert_eq!(line(&sample), expected);
        sample.timing = sample
            .timing
            .map(|timing| Timing { connection: Some(Connection { ready_ns: 9, handshake: None }), ..timing });
        let expected =
            "7,f,\"a,\"\"b\",1,2,9,10,11,12,ok,reused,,,,500000000,false,13,14,15,16,17,18,19,e,20,6\n";
        assert_eq!(line(&sample), expected);
        sample.timing = None;
        sample.reply = Reply::without_answer(Outcome::Dropped, "");
        assert_eq!(line(&sample), "7,f,,1,,,,,,dropped,,,,,,,,,,,,,,,,6\n");
        assert_eq!(HEADER.split(',').count(), line(&sample).split(',').count());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |line: &str| {
            let text = format!("{HEADER}{line}\n");
            read(text.as_bytes(), &["f".to_owned()]).unwrap_err().to_string()
        };
        let times = |times: &str, outcome: &str| read(&format!("1,f,,{times},{outcome},,,,,,,,,,,,,,,,0"));
        insta::assert_snapshot!(read("1,g,,1,,,,,,ok,,,,,,,,,,,,,,,,0"), @r#"line 2: the endpoint "g" is not in run.json"#);
        insta::assert_snapshot!(times("1,,,,,", "fine"), @"line 2: unknown variant `fine`, expected one of `ok`, `function_error`, `throttled`, `timeout`, `transport`, `service_error`, `bad_answer`, `dropped`, `abandoned`");
        insta::assert_snapshot!(times("5,4,,,,6", "ok"), @"line 2: intended_ns is 5, issued_ns is 4 and done_ns is 6 with outcome ok; expected times that do not decrease, and no issued_ns and done_ns for dropped only");
        insta::assert_snapshot!(times("1,,,,,6", "ok"), @"line 2: intended_ns is 1, issued_ns is none and done_ns is 6 with outcome ok; expected times that do not decrease, and no issued_ns and done_ns for dropped only");
        insta::assert_snapshot!(times("1,2,,,7,6", "ok"), @"line 2: first_byte_ns is 7; expected a time from issued_ns 2 to done_ns 6");
        insta::assert_snapshot!(times("1,2,3,,,6", "ok"), @"line 2: connection is none, ready_ns is 3, and dns_ns, tcp_ns and tls_ns are none; expected ready_ns with each connection, and dns_ns, tcp_ns and tls_ns with a fresh one only");
        insta::assert_snapshot!(read("1,f,,1,2,,4,5,6,ok,reused,1,2,3,,,,,,,,,,,,0"), @"line 2: connection is reused, ready_ns is none, and dns_ns, tcp_ns and tls_ns are given; expected ready_ns with each connection, and dns_ns, tcp_ns and tls_ns with a fresh one only");
        insta::assert_snapshot!(read("1,f,,1,2,3,4,5,6,ok,fresh,1,,,,,,,,,,,,,,0"), @"line 2: expected dns_ns, tcp_ns and tls_ns together");
        for wrong in ["5,6,,,,", "5,,,,,6", "5,,,,,", "5,7,,,,6"] {
            assert!(times(wrong, "ok").contains("expected times that do not decrease"), "{wrong}");
        }
        insta::assert_snapshot!(read("1,f"), @"line 2: 2 fields; expected 26");
    }

    #[test]
    fn a_damaged_line_costs_no_other() {
        let good = |sequence: u64| format!("{sequence},f,,1,2,,,,3,ok,,,,,,,,,,,,,,,,0\n");
        let bad = [
            "x\n",
            "\n",
            "\"1,f\n",
            "1,f,\r,\n",
            &good(1).replace("ok", "\u{fffd}"),
            &good(1).replace(",3,", ",x,"),
        ];
        let mut text = HEADER.to_owned();
        for (sequence, bad) in (0..).zip(bad) {
            text += &format!("{}{bad}", good(sequence));
        }
        let bytes = [text.as_bytes(), b"\xff\n", good(6).as_bytes(), b"7,f"].concat();
        let mut reader = Reader::new(bytes.as_slice(), &["f".to_owned()]).unwrap();
        let found: Vec<_> = reader
            .by_ref()
            .map(|item| {
                item.map_or_else(|error| error.to_string(), |sample| sample.arrival.sequence.to_string())
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @"
        0
        line 3: 1 fields; expected 26
        1
        line 5: the line is empty
        2
        line 7: a quotation mark has no other one
        3
        line 9: 4 fields; expected 26
        4
        line 11: unknown variant `�`, expected one of `ok`, `function_error`, `throttled`, `timeout`, `transport`, `service_error`, `bad_answer`, `dropped`, `abandoned`
        5
        line 13: done_ns: invalid digit found in string
        line 14: the line is not UTF-8
        6
        ");
        assert!(reader.is_cut_off());
    }

    proptest! {
        #[test]
        fn samples_read_back(samples in test_data::samples(2), end: prop::sample::Index) {
            let names = ["f".to_owned(), "a,\"b\" c\r\n".to_owned()];
            let text = written(&samples, &names);
            let read = |text: &[u8]| read(text, &names).unwrap();
            prop_assert_eq!(read(&text), Records { records: samples.clone(), is_cut_off: false });
            // Wherever the file ends, nothing is read that was not written.
            let end = end.index(text.len());
            let Records { records, is_cut_off } = read(&text[..end]);
            let whole = &samples[..records.len()];
            prop_assert_eq!(&records, whole);
            let length = if end < HEADER.len() { 0 } else { written(whole, &names).len() };
            prop_assert_eq!(is_cut_off, end > length);
        }

        /// Whatever happens to one line, the others read as they were written.
        #[test]
        fn one_damaged_line_costs_itself_alone(
            samples in test_data::samples(2).prop_filter("some", |it| !it.is_empty()),
            line: prop::sample::Index,
            garbage in "[^\n]{0,30}",
        ) {
            let names = ["f".to_owned(), "a,\"b\" c".to_owned()];
            let text = String::from_utf8(written(&samples, &names)).unwrap();
            let at = 1 + line.index(samples.len());
            let damaged: Vec<&str> =
                text.lines().enumerate().map(|(line, text)| if line == at { garbage.as_str() } else { text }).collect();
            let damaged = damaged.join("\n") + "\n";
            let read: Vec<_> = Reader::new(damaged.as_bytes(), &names).unwrap().collect();
            prop_assert_eq!(read.len(), samples.len());
            for (line, (item, sample)) in (1..).zip(read.into_iter().zip(samples)) {
                match item {
                    Ok(read) => prop_assert_eq!(read, sample),
                    Err(error) => prop_assert!(line == at && error.to_string().starts_with(&format!("line {}: ", at + 1)), "{}", error),
                }
            }
        }
    }
}
