//! `latency.hlog`: HdrHistogram's interval log, version 1.3. One line for each tag and interval, and one without a tag.

use std::io::{self, BufRead, Read, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::serialization::interval_log::{IntervalLogHistogram, IntervalLogIterator, LogEntry};
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};

use super::whole_lines::WholeLines;
use super::{FormatError, Records};
use crate::histogram::{BOUNDS_NS, DIGITS, Histogram};
use crate::names::Tag;
use crate::{units, wall_clock};

/// A histogram that is larger without compression is refused.
const MAX_HISTOGRAM_BYTES: u64 = 1 << 20;

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
        let (start, length) = (units::s(start_ns), units::s(end_ns.saturating_sub(start_ns)));
        // Interval_Max is in milliseconds, by convention, where values are nanoseconds.
        let max = units::ms(histogram.max());
        self.line.clear();
        if *tag != Tag::All {
            self.line = format!("Tag={tag},");
        }
        self.line += &format!("{start:.3},{length:.3},{max:.3},");
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

/// Reads the intervals one by one, since each takes 264 KiB.
///
/// An item is an error if a line is not as written by [`Writer`]. The intervals behind it follow. Only if the log itself
/// cannot be read does no item follow.
#[derive(Debug)]
pub struct Reader<R> {
    lines: WholeLines<R>,
    /// The number of the last line that was read, from 1.
    line: usize,
    /// A line that was read too early, and when its interval starts. A histogram would take a hundred times as much memory.
    held: Option<(Vec<u8>, Duration)>,
    has_ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the log `from`.
    pub fn new(from: R) -> Self {
        Self { lines: WholeLines::new(from), line: 0, held: None, has_ended: false }
    }

    /// Whether the log ends in half a line, which is no interval. False before its end.
    pub fn is_cut_off(&self) -> bool {
        self.lines.is_cut_off()
    }

    /// The next interval, if it starts before this time; `None` if the next one does not, and at the end of the log.
    pub fn next_before(&mut self, time: Duration) -> Option<Result<Interval, FormatError>> {
        if self.held.is_none()
            && !self.has_ended
            && let Err(error) = self.hold()
        {
            return Some(Err(error));
        }
        self.next_start().is_some_and(|start| start < time).then(|| self.next()).flatten()
    }

    /// When the interval starts that [`Self::next_before`] did not return because it starts later.
    pub fn next_start(&self) -> Option<Duration> {
        self.held.as_ref().map(|(_, start)| *start)
    }

    /// Reads the line of the next interval, which is read later.
    fn hold(&mut self) -> Result<(), FormatError> {
        while let Some(line) = self.lines.next_line()? {
            self.line += 1;
            if let Some(entry) = entry(line).map_err(|problem| FormatError::line(self.line, problem))? {
                self.held = Some((line.to_vec(), entry.start_timestamp()));
                return Ok(());
            }
        }
        self.has_ended = true;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Interval>, FormatError> {
        if let Some((line, _)) = self.held.take() {
            return interval(&line).map_err(|problem| FormatError::line(self.line, problem));
        }
        while let Some(line) = self.lines.next_line()? {
            self.line += 1;
            if let Some(interval) = interval(line).map_err(|problem| FormatError::line(self.line, problem))? {
                return Ok(Some(interval));
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Interval, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read();
        self.has_ended = !matches!(read, Ok(Some(_)) | Err(FormatError::Line { .. }));
        read.transpose()
    }
}

/// Reads all intervals, each of which takes up to 264 KiB.
///
/// # Errors
/// The log cannot be read, or a line is damaged.
pub fn read_all(from: impl BufRead) -> Result<Records<Interval>, FormatError> {
    let mut reader = Reader::new(from);
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok(Records { records, is_cut_off: reader.is_cut_off() })
}

/// The interval that the line describes. Comments, the base time and the legend describe none.
fn interval(line: &[u8]) -> Result<Option<Interval>, String> {
    let Some(entry) = entry(line)? else { return Ok(None) };
    let tag = entry.tag().map(|tag| tag.as_str().to_owned()).unwrap_or_default();
    let tag = Tag::parse(&tag).ok_or_else(|| {
        format!("the tag is {tag:?}; expected NAME:VIEW, NAME:VIEW:OUTCOME or schedule_lag")
    })?;
    let histogram =
        decode(entry.encoded_histogram()).ok_or("the histogram is damaged, or has other bounds than ours")?;
    Ok(Some(Interval { tag, start: entry.start_timestamp(), length: entry.duration(), histogram }))
}

/// What the line says of an interval, its histogram not decoded.
fn entry(line: &[u8]) -> Result<Option<IntervalLogHistogram<'_>>, String> {
    match IntervalLogIterator::new(line).next() {
        Some(Ok(LogEntry::Interval(entry))) => Ok(Some(entry)),
        Some(Ok(_)) | None => Ok(None),
        Some(Err(_)) => {
            Err("expected an interval, such as Tag=NAME:VIEW,0.000,1.000,2.5,HISTF...".to_owned())
        }
    }
}

/// Decodes a histogram. The library would allocate whatever length a damaged one states, and panics on some, so the
/// length and the bounds are checked first, and a panic counts as damage.
fn decode(encoded: &str) -> Option<Histogram> {
    let compressed = BASE64_STANDARD.decode(encoded).ok()?;
    let mut bytes = Vec::new();
    // Behind its cookie and its length.
    let stream = ZlibDecoder::new(compressed.get(8..)?);
    stream.take(MAX_HISTOGRAM_BYTES).read_to_end(&mut bytes).ok()?;
    let field = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let wide = |at: usize| Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let (length, digits, low, high) = (field(4)?, field(12)?, wide(16)?, wide(24)?);
    let is_ours = (low, high) == BOUNDS_NS && digits == u32::from(DIGITS);
    if !is_ours || bytes.len().checked_sub(HEADER_BYTES)? != usize::try_from(length).ok()? {
        return None;
    }
    let read = std::panic::catch_unwind(|| Deserializer::new().deserialize(&mut bytes.as_slice()).ok());
    Histogram::from_read(&read.ok()??)
}

/// Bytes before the counts of a histogram.
const HEADER_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::histogram::View;
    use crate::sample::Outcome;
    use crate::test_data::histogram;

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
        let mut out = Vec::new();
        Writer::default().write(&mut out, &Tag::All, 0, 1_000_000_000, &histogram(&[1])).unwrap();
        assert!(out.starts_with(b"0.000,1.000,0.000,HISTF"), "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let message = |line: &str| {
            let log = format!("#[comment]\n{line}\n");
            read_all(log.as_bytes()).unwrap_err().to_string()
        };
        insta::assert_snapshot!(message("nonsense"), @"line 2: expected an interval, such as Tag=NAME:VIEW,0.000,1.000,2.5,HISTF...");
        insta::assert_snapshot!(message("Tag=f,0.0,1.0,1.0,HISTF"), @r#"line 2: the tag is "f"; expected NAME:VIEW, NAME:VIEW:OUTCOME or schedule_lag"#);
        insta::assert_snapshot!(message("Tag=f:response,0.0,1.0,1.0,AAAA"), @"line 2: the histogram is damaged, or has other bounds than ours");
    }

    /// A histogram as it is written, with some of its bytes before compression changed.
    fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Option<Histogram> {
        let mut bytes = Vec::new();
        hdrhistogram::serialization::V2Serializer::new()
            .serialize(histogram(&[1, 1000]).recorded().unwrap(), &mut bytes)
            .unwrap();
        change(&mut bytes);
        let mut compressed = vec![0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 0];
        let mut stream = flate2::write::ZlibEncoder::new(&mut compressed, flate2::Compression::fast());
        stream.write_all(&bytes).unwrap();
        stream.finish().unwrap();
        decode(&BASE64_STANDARD.encode(compressed))
    }

    #[test]
    fn hostile_histograms_are_damage_and_neither_panics_nor_memory() {
        assert_eq!(forged(|_| {}).unwrap(), histogram(&[1, 1000]));
        // A length of 4 GiB; bounds of another histogram; five digits.
        assert_eq!(forged(|bytes| bytes[4..8].fill(0xff)), None);
        assert_eq!(forged(|bytes| bytes[24] = 0x7f), None);
        assert_eq!(forged(|bytes| bytes[15] = 5), None);
        // A count of i64::MIN, which the library cannot negate, and counts whose sum is too large.
        let counts = |counts: &[u8]| {
            forged(|bytes| {
                bytes.truncate(HEADER_BYTES);
                bytes.extend(counts);
                bytes[4..8].copy_from_slice(&u32::try_from(counts.len()).unwrap().to_be_bytes());
            })
        };
        assert_eq!(counts(&[0xff; 9]), None);
        let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(counts(&[most, most, most].concat()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn intervals_read_back(
            values in prop::collection::vec(
                (prop::sample::select(Outcome::ALL.to_vec()), prop::collection::vec(1..3_600_000_000_000_u64, 1..20)),
                0..5,
            ),
            end: prop::sample::Index,
        ) {
            let (mut out, mut writer, mut expected) = (Vec::new(), Writer::default(), Vec::new());
            write_header(&mut out, SystemTime::UNIX_EPOCH).unwrap();
            for (second, (outcome, values)) in (0..).zip(values) {
                let tag = Tag::latency("f:1", View::Service, outcome);
                let (tag, histogram) = (if second == 1 { Tag::All } else { tag }, histogram(&values));
                let start_ns = second * units::NS_PER_S;
                writer.write(&mut out, &tag, start_ns, start_ns + units::NS_PER_S, &histogram).unwrap();
                let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
                expected.push(Interval { tag, start, length, histogram });
            }
            let read = |log: &[u8]| read_all(log).unwrap();
            prop_assert_eq!(read(&out), Records { records: expected.clone(), is_cut_off: false });
            // In steps of time, the same is read.
            let (mut reader, mut stepwise) = (Reader::new(out.as_slice()), Vec::new());
            for second in 1..=5 {
                while let Some(interval) = reader.next_before(Duration::from_secs(second)) {
                    let interval = interval.unwrap();
                    prop_assert_eq!(interval.start, Duration::from_secs(second - 1));
                    stepwise.push(interval);
                }
            }
            prop_assert_eq!((&stepwise, reader.next_start()), (&expected, None));
            // Wherever the log ends, nothing is read that was not written.
            let end = end.index(out.len());
            let Records { records, is_cut_off } = read(&out[..end]);
            prop_assert_eq!(&records, &expected[..records.len()]);
            prop_assert_eq!(is_cut_off, end > 0 && out[end - 1] != b'\n');
        }
    }
}
