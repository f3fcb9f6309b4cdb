//! A sample as a line: of `samples.csv`, of the original invoker's file, and for people.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::sample::Sample;

/// The first line of `samples.csv`. Times are nanoseconds since the start of the run.
pub const HEADER: &str =
    "sequence,endpoint,request_id,intended_ns,sent_ns,done_ns,outcome,function_latency_ns,cold,init_ns";

/// Writes one sample. What is not known is left empty.
///
/// # Errors
/// Writing failed.
pub fn write_sample(out: &mut dyn Write, endpoint: &str, sample: &Sample) -> io::Result<()> {
    writeln!(
        out,
        "{},{},{},{},{},{},{},{},{},{}",
        sample.sequence,
        quoted(endpoint),
        quoted(sample.request_id.as_deref().unwrap_or_default()),
        sample.intended_ns,
        OrEmpty(sample.sent_ns),
        OrEmpty(sample.done_ns),
        sample.outcome.name(),
        OrEmpty(sample.function_ns()),
        OrEmpty(sample.cold),
        OrEmpty(sample.init_ns),
    )
}

/// Writes a latency as the original invoker did.
///
/// # Errors
/// Writing failed.
pub fn write_legacy(out: &mut dyn Write, function_latency_s: f64) -> io::Result<()> {
    writeln!(out, "{function_latency_s:.14}")
}

/// Writes a sample for people.
///
/// # Errors
/// Writing failed.
pub fn write_debug(out: &mut dyn Write, name: &str, sample: &Sample) -> io::Result<()> {
    let ms = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| format!("{:.3}", ns as f64 / 1e6));
    writeln!(
        out,
        "{} {name} {} response {} ms, service {} ms, function {} ms, request {}",
        sample.sequence,
        sample.outcome.name(),
        ms(sample.response_ns()),
        ms(sample.service_ns()),
        ms(sample.function_ns()),
        sample.request_id.as_deref().unwrap_or("-"),
    )
}

struct OrEmpty<T>(Option<T>);

impl<T: std::fmt::Display> std::fmt::Display for OrEmpty<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(formatter))
    }
}

fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Outcome;

    fn line(endpoint: &str, sample: &Sample) -> String {
        let mut out = Vec::new();
        write_sample(&mut out, endpoint, sample).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn complete_and_empty_fields() {
        let mut sample = Sample {
            sequence: 7,
            endpoint: 0,
            request_id: Some("a,\"b".to_owned()),
            intended_ns: 1,
            sent_ns: Some(2),
            done_ns: Some(3),
            outcome: Outcome::Ok,
            function_latency_s: Some(0.5),
            cold: Some(false),
            init_ns: Some(4),
            error: None,
        };
        assert_eq!(line("f", &sample), "7,f,\"a,\"\"b\",1,2,3,ok,500000000,false,4\n");
        sample =
            Sample { request_id: None, sent_ns: None, done_ns: None, outcome: Outcome::Dropped, ..sample };
        sample = Sample { function_latency_s: None, cold: None, init_ns: None, ..sample };
        assert_eq!(line("f", &sample), "7,f,,1,,,dropped,,,\n");
        assert_eq!(HEADER.split(',').count(), line("f", &sample).split(',').count());
    }

    #[test]
    fn legacy_lines_have_fourteen_decimals() {
        let mut out = Vec::new();
        write_legacy(&mut out, 0.000_123_456_789_012_345).unwrap();
        assert_eq!(out, b"0.00012345678901\n");
    }
}
