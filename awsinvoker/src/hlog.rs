//! HdrHistogram's interval log, version 1.3.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

use crate::wall_clock;

/// Interval_Max is in milliseconds, as it is by convention where nanoseconds are recorded.
const NS_PER_MS: f64 = 1e6;

/// Writes the lines before the first interval. Time stamps of intervals count from `start`, which is why it is the
/// base time too.
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

/// Turns histograms into lines of the log.
#[derive(Default)]
pub struct LineEncoder {
    serializer: V2DeflateSerializer,
    compressed: Vec<u8>,
    line: String,
}

impl LineEncoder {
    /// The line, with its end, of one histogram over an interval. The tag holds no comma, space or newline.
    ///
    /// # Errors
    /// The histogram cannot be serialised.
    pub fn line(
        &mut self,
        tag: &str,
        start: Duration,
        length: Duration,
        histogram: &Histogram<u64>,
    ) -> io::Result<&str> {
        self.compressed.clear();
        self.serializer.serialize(histogram, &mut self.compressed).map_err(io::Error::other)?;
        let (start, length) = (start.as_secs_f64(), length.as_secs_f64());
        let max = histogram.max() as f64 / NS_PER_MS;
        self.line = format!("Tag={tag},{start:.3},{length:.3},{max:.3},");
        base64::engine::general_purpose::STANDARD.encode_string(&self.compressed, &mut self.line);
        self.line.push('\n');
        Ok(&self.line)
    }
}

impl std::fmt::Debug for LineEncoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LineEncoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

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
    fn lines_read_back() {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        histogram.record(2_500_000).unwrap();
        let mut encoder = LineEncoder::default();
        let line = encoder
            .line("f:response", Duration::from_secs(3), Duration::from_millis(500), &histogram)
            .unwrap()
            .to_owned();
        assert!(line.starts_with("Tag=f:response,3.000,0.500,2.501,HISTF"), "{line}");
        let entry = IntervalLogIterator::new(line.as_bytes()).next().unwrap().unwrap();
        let LogEntry::Interval(interval) = entry else { panic!("not an interval: {line}") };
        assert_eq!(interval.tag().unwrap().as_str(), "f:response");
        assert_eq!(interval.duration(), Duration::from_millis(500));
    }
}
