//! `latency.hlog`: HdrHistogram's interval log, version 1.3. One line for each tag and interval.

use std::io::{self, BufRead, Read, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

use super::FormatError;
use crate::histogram::Histogram;
use crate::names::Tag;
use crate::{units, wall_clock};

/// A longer log is refused; it is read into memory.
const MAX_BYTES: u64 = 4 << 30;

/// One histogram over one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// What the histogram holds.
    pub tag: Tag,
    /// From the start of the run to the start of the interval, to the millisecond.
    pub start: Duration,
    /// Length of the interval, to the millisecond.
    pub length: Duration,
    /// The values.
    pub histogram: Histogram,
}

/// Writes the lines before the first interval. Times of intervals count from `start`, so it is the base time as well.
///
/// # Errors
/// Writing failed.
pub fn write_header(out: &mut dyn Write, start: SystemTime) -> io::Result<()> {
    let since_epoch = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let date = wall_clock::unix_date(start);
    writeln!(out, "#[Latencies of an awsinvoker run, in nanoseconds]")?;
    writeln!(out, "#[Histogram log format version 1.3]")?;
    writeln!(out, "#[StartTime: {since_epoch:.3} (seconds since epoch), {date}]")?;
    writeln!(out, "#[BaseTime: {since_epoch:.3} (seconds since epoch)]")?;
    writeln!(out, r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#)
}

/// Writes intervals. It keeps its buffers between them.
#[derive(Default)]
pub struct Writer {
    serializer: V2DeflateSerializer,
    compressed: Vec<u8>,
    line: String,
}

impl Writer {
    /// Writes a histogram over an interval; one without values is left out.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write(
        &mut self,
        out: &mut dyn Write,
        tag: &Tag,
        start_ns: u64,
        end_ns: u64,
        histogram: &Histogram,
    ) -> io::Result<()> {
        let Some(histogram) = histogram.recorded() else { return Ok(()) };
        self.compressed.clear();
        self.serializer.serialize(histogram, &mut self.compressed).map_err(io::Error::other)?;
        let (start, length) = (units::s(start_ns), units::s(end_ns - start_ns));
        // Interval_Max is in milliseconds, by convention, where values are nanoseconds.
        let max = units::ms(histogram.max());
        self.line = format!("Tag={tag},{start:.3},{length:.3},{max:.3},");
        BASE64_STANDARD.encode_string(&self.compressed, &mut self.line);
        self.line.push('\n');
        out.write_all(self.line.as_bytes())
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// Reads all intervals.
///
/// # Errors
/// The log cannot be read, or a line is not as written by [`Writer`].
pub fn read(from: impl BufRead) -> Result<Vec<Interval>, FormatError> {
    let mut text = Vec::new();
    from.take(MAX_BYTES).read_to_end(&mut text)?;
    let mut deserializer = Deserializer::new();
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        let invalid =
            |problem: String| FormatError::line(intervals.len() + 1, format!("interval: {problem}"));
        let entry = entry.map_err(|error| invalid(format!("{error:?}")))?;
        let LogEntry::Interval(interval) = entry else { continue };
        let tag = interval.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
        let compressed = BASE64_STANDARD
            .decode(interval.encoded_histogram())
            .map_err(|error| invalid(error.to_string()))?;
        let histogram: Hdr<u64> = deserializer
            .deserialize(&mut compressed.as_slice())
            .map_err(|error| invalid(error.to_string()))?;
        intervals.push(Interval {
            tag: Tag::parse(&tag)
                .ok_or_else(|| invalid(format!("the tag is {tag:?}; expected NAME:VIEW or schedule_lag")))?,
            start: interval.start_timestamp(),
            length: interval.duration(),
            histogram: Histogram::from_read(&histogram),
        });
    }
    Ok(intervals)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::histogram::View;
    use crate::sample::Outcome;

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| _ = histogram.record(*value));
        histogram
    }

    #[test]
    fn header() {
        let mut out = Vec::new();
        write_header(&mut out, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        #[Latencies of an awsinvoker run, in nanoseconds]
        #[Histogram log format version 1.3]
        #[StartTime: 1700000000.000 (seconds since epoch), Tue Nov 14 22:13:20 UTC 2023]
        #[BaseTime: 1700000000.000 (seconds since epoch)]
        "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
        "#);
    }

    #[test]
    fn a_line_as_other_tools_read_it() {
        let mut out = Vec::new();
        let tag = Tag::latency("f", View::Response, Outcome::Ok);
        Writer::default()
            .write(&mut out, &tag, 3_000_000_000, 3_500_000_000, &histogram(&[2_500_000]))
            .unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(line.starts_with("Tag=f:response,3.000,0.500,2.501,HISTF"), "{line}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, problem) in [
            ("Tag=f,0.0,1.0,1.0,HISTF\n", "interval: Invalid"),
            ("Tag=f:response,0.0,1.0,1.0,AAAA\n", "interval: "),
            ("nonsense\n", "interval: "),
        ] {
            let error = read(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn intervals_read_back(
            values in prop::collection::vec(
                (prop::sample::select(Outcome::ALL.to_vec()), prop::collection::vec(1..3_600_000_000_000_u64, 1..20)),
                0..5,
            ),
        ) {
            let (mut out, mut writer, mut expected) = (Vec::new(), Writer::default(), Vec::new());
            write_header(&mut out, SystemTime::UNIX_EPOCH).unwrap();
            for (second, (outcome, values)) in (0..).zip(values) {
                let (tag, histogram) = (Tag::latency("f:1", View::Service, outcome), histogram(&values));
                let start_ns = second * units::NS_PER_S;
                writer.write(&mut out, &tag, start_ns, start_ns + units::NS_PER_S, &histogram).unwrap();
                let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
                expected.push(Interval { tag, start, length, histogram });
            }
            prop_assert_eq!(read(out.as_slice()).unwrap(), expected);
        }
    }
}
