//! The file of the original invoker: one latency a line, in seconds, as the functions reported it.

use std::io::{self, BufRead, Write};

use super::FormatError;

/// Writes one latency as the original invoker did.
///
/// # Errors
/// Writing failed.
pub fn write(out: &mut dyn Write, function_latency_s: f64) -> io::Result<()> {
    writeln!(out, "{function_latency_s:.14}")
}

/// Reads all latencies.
///
/// # Errors
/// The file cannot be read, or a line is not a number.
pub fn read(from: impl BufRead) -> Result<Vec<f64>, FormatError> {
    let parse = |(index, line): (usize, io::Result<String>)| {
        let line = line?;
        line.parse().ok().filter(|latency: &f64| latency.is_finite()).ok_or_else(|| {
            FormatError::line(
                index + 1,
                format!("the latency is {line:?}; expected seconds like 0.00123456789012"),
            )
        })
    };
    from.lines().enumerate().map(parse).collect()
}

/// The file's name: the rate of successful requests goes before the name that the user chose.
pub fn file_name(real_rps: f64, name: &str) -> String {
    format!("rps{real_rps:.2}_{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(latencies: &[f64]) -> Vec<u8> {
        let mut out = Vec::new();
        latencies.iter().for_each(|latency| write(&mut out, *latency).unwrap());
        out
    }

    #[test]
    fn lines_have_fourteen_decimals() {
        assert_eq!(written(&[0.000_123_456_789_012_345]), b"0.00012345678901\n");
        assert_eq!(file_name(299.996, "x.csv"), "rps300.00_x.csv");
    }

    #[test]
    fn a_line_that_is_no_number_is_named() {
        let error = read(&b"0.5\nfast\n"[..]).unwrap_err().to_string();
        assert_eq!(error, r#"line 2: the latency is "fast"; expected seconds like 0.00123456789012"#);
    }

    proptest! {
        #[test]
        fn latencies_read_back(latencies in prop::collection::vec(0.0..3600.0_f64, 0..20)) {
            let text = written(&latencies);
            let read = read(text.as_slice()).unwrap();
            for (read, latency) in read.iter().zip(&latencies) {
                prop_assert!((read - latency).abs() <= 0.5e-14 + latency * f64::EPSILON);
            }
            prop_assert_eq!(written(&read), text);
        }
    }
}
