//! `samples.csv`: one line for each invocation that was due. What is not known is left empty.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use csv::StringRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::whole_lines::WholeLines;
use super::{FormatError, Records};
use crate::sample::{Arrival, Outcome, Reply, Sample, Timing};
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
    /// When the request was handed to the client; empty if it was never sent.
    pub sent_ns: Option<u64>,
    /// When the invocation ended; empty if the request was never sent.
    pub done_ns: Option<u64>,
    /// How the invocation ended.
    pub outcome: Outcome,
    /// Latency that the function reported.
    pub function_latency_ns: Option<u64>,
    /// Whether the invocation was a cold start; empty if the platform did not say.
    pub cold: Option<bool>,
    /// How long the environment took to initialise.
    pub init_ns: Option<u64>,
}

impl<'a> Row<'a> {
    /// The line for a sample of the endpoint of this name.
    pub fn new(sample: &'a Sample, endpoint: &'a str) -> Self {
        let Sample { arrival, timing, reply } = sample;
        Self {
            sequence: arrival.sequence,
            endpoint: Cow::Borrowed(endpoint),
            request_id: reply.request_id.as_deref().map(Cow::Borrowed),
            intended_ns: arrival.intended_ns,
            sent_ns: timing.map(|timing| timing.sent_ns),
            done_ns: timing.map(|timing| timing.done_ns),
            outcome: reply.outcome,
            function_latency_ns: sample.function_ns(),
            cold: reply.cold,
            init_ns: reply.init_ns,
        }
    }

    /// The sample that the line describes, for the endpoint of this index.
    ///
    /// # Errors
    /// The times contradict one another or the outcome.
    pub fn into_sample(self, endpoint: usize) -> Result<Sample, String> {
        Ok(Sample {
            arrival: Arrival { sequence: self.sequence, endpoint, intended_ns: self.intended_ns },
            timing: self.timing()?,
            reply: Reply {
                outcome: self.outcome,
                request_id: self.request_id.map(Cow::into_owned),
                function_latency_s: self.function_latency_ns.map(units::s),
                cold: self.cold,
                init_ns: self.init_ns,
                error: None,
            },
        })
    }

    fn timing(&self) -> Result<Option<Timing>, String> {
        let Self { intended_ns, sent_ns, done_ns, outcome, .. } = self;
        match (*sent_ns, *done_ns) {
            (None, None) if *outcome == Outcome::Dropped => Ok(None),
            (Some(sent_ns), Some(done_ns)) if *intended_ns <= sent_ns && sent_ns <= done_ns => {
                Ok(Some(Timing { sent_ns, done_ns }))
            }
            _ => Err(format!(
                "intended_ns is {intended_ns}, sent_ns {sent_ns:?} and done_ns {done_ns:?} with outcome {}; expected \
                 times that do not decrease, and no sent_ns and done_ns for dropped only",
                outcome.name()
            )),
        }
    }
}

/// The first line of the file, with its line end.
pub const HEADER: &str =
    "sequence,endpoint,request_id,intended_ns,sent_ns,done_ns,outcome,function_latency_ns,cold,init_ns\n";

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

/// Reads all samples. `endpoints` are the names of the run's endpoints, in order.
///
/// # Errors
/// The file cannot be read, a line is not as documented, or an endpoint has another name.
pub fn read(from: impl BufRead, endpoints: &[String]) -> Result<Records<Sample>, FormatError> {
    let indices: HashMap<&str, usize> =
        endpoints.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(WholeLines::new(from));
    let headers = reader.headers()?.clone();
    let (mut samples, mut record, mut is_cut_off) = (Vec::new(), StringRecord::new(), false);
    while reader.read_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let invalid = |problem: String| FormatError::Line { line, problem };
        if record.len() != headers.len() {
            // The line ended within a name that holds a line end, so a quotation mark is missing.
            let fields = record.len();
            is_cut_off = record.iter().next_back().is_some_and(|field| field.ends_with('\n'));
            if is_cut_off && !reader.read_record(&mut record)? {
                break;
            }
            return Err(invalid(format!("{fields} fields; expected {}", headers.len())));
        }
        let row: Row<'_> = record.deserialize(Some(&headers))?;
        let index = indices.get(row.endpoint.as_ref()).copied();
        let index =
            index.ok_or_else(|| invalid(format!("the endpoint {:?} is not in run.json", row.endpoint)))?;
        samples.push(row.into_sample(index).map_err(invalid)?);
    }
    Ok(Records { records: samples, is_cut_off: is_cut_off || reader.get_ref().is_cut_off() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
            arrival: Arrival { sequence: 7, endpoint: 0, intended_ns: 1 },
            timing: Some(Timing { sent_ns: 2, done_ns: 3 }),
            reply: Reply {
                outcome: Outcome::Ok,
                request_id: Some("a,\"b".to_owned()),
                function_latency_s: Some(0.5),
                cold: Some(false),
                init_ns: Some(4),
                error: Some("is not saved".to_owned()),
            },
        };
        assert_eq!(line(&sample), "7,f,\"a,\"\"b\",1,2,3,ok,500000000,false,4\n");
        sample.timing = None;
        sample.reply = Reply::without_answer(Outcome::Dropped, "");
        assert_eq!(line(&sample), "7,f,,1,,,dropped,,,\n");
        assert_eq!(HEADER.split(',').count(), line(&sample).split(',').count());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |line: &str| {
            let text = format!("{HEADER}{line}\n");
            read(text.as_bytes(), &["f".to_owned()]).unwrap_err().to_string()
        };
        insta::assert_snapshot!(read("1,g,,1,,,ok,,,"), @r#"line 2: the endpoint "g" is not in run.json"#);
        insta::assert_snapshot!(read("1,f,,1,,,fine,,,"), @"CSV deserialize error: record 1 (line: 2, byte: 98): unknown variant `fine`, expected one of `ok`, `function_error`, `throttled`, `timeout`, `transport`, `service_error`, `bad_answer`, `dropped`, `abandoned`");
        insta::assert_snapshot!(read("1,f,,5,4,6,ok,,,"), @"line 2: intended_ns is 5, sent_ns Some(4) and done_ns Some(6) with outcome ok; expected times that do not decrease, and no sent_ns and done_ns for dropped only");
        for times in ["5,6,", "5,,6", "5,,", "5,7,6"] {
            assert!(
                read(&format!("1,f,,{times},ok,,,")).contains("expected times that do not decrease"),
                "{times}"
            );
        }
        insta::assert_snapshot!(read("1,f"), @"line 2: 2 fields; expected 10");
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
    }
}
