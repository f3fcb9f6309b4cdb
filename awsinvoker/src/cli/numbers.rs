//! Readers of numbers whose messages say what is expected. The bounds themselves are checked with the plan.

use std::ops::RangeInclusive;
use std::str::FromStr;

use run_record::units;

/// What `--rps` takes.
pub(super) const RATE: &str = "a number from 0.000001 to 100000";
/// What `--time` and `--warm-up` take.
pub(super) const LENGTH: &str = "seconds from 0.001 to 604800";
/// What `--restart-every` takes.
pub(super) const DISTANCE: &str = "seconds from 1 to less than the length of the run";
/// What `--time-scale` takes.
pub(super) const TIME_SCALE: &str = "a number from 0.000001 to 1000000";
/// What `--timeout` takes.
pub(super) const TIMEOUT: &str = "seconds from 0.001 to 3600";
/// What `--require-idle-within` takes.
pub(super) const IDLE_WITHIN: &str = "seconds from 1 to 3600";
/// What `--expect-duration` takes.
pub(super) const BILLED: &str = "seconds from 0.001 to 900";
/// What `--wait` takes.
pub(super) const WAIT: &str = "seconds from 1 to 604800";
/// What `--concurrency` and `--max-in-flight` take.
pub(super) const CALLS: &str = "a number from 1 to 100000";
/// What `--warm-connections` takes.
pub(super) const CONNECTIONS: &str = "a number from 0 to that of --max-in-flight";
/// What `--seed` takes.
pub(super) const SEED: &str = "a number from 0 to 18446744073709551615";

/// Reads a number, or says what is expected instead.
pub(super) fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| text.parse().map_err(|_| format!("expected {expected}"))
}

/// Reads seconds, or a time with a unit such as `500ms`, or says what is expected instead.
pub(super) fn seconds(expected: &'static str) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let with_unit = || units::with_unit(text).map(|(number, unit_ns)| number * units::s(unit_ns));
        let seconds = text.parse().ok().or_else(with_unit);
        seconds.ok_or_else(|| format!("expected {expected}"))
    }
}

/// A share of the processors, with or without its sign.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end().parse::<f64>().ok();
    number.filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(|| "expected 0% to 100%".to_owned())
}

/// By how much two values may differ, in percent, with or without its sign.
pub(super) fn margin(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end().parse::<f64>().ok();
    number
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| "expected 0.1% to 100%".to_owned())
}

/// An amount of money.
pub(super) fn usd(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|usd| usd.is_finite() && *usd >= 0.0);
    number.ok_or_else(|| "expected a number of US dollars from 0".to_owned())
}

/// Reads a time as [`seconds`] does, and checks its bounds.
pub(super) fn seconds_within(
    expected: &'static str,
    bounds: RangeInclusive<f64>,
) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let seconds = seconds(expected)(text)?;
        if bounds.contains(&seconds) { Ok(seconds) } else { Err(format!("expected {expected}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, expected) in [
            ("3", 3.0),
            ("0.5", 0.5),
            ("3s", 3.0),
            ("500ms", 0.5),
            ("2m", 120.0),
            ("1.5 h", 5400.0),
            ("-1s", -1.0),
        ] {
            assert_eq!(seconds(LENGTH)(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "3x", "three", "3ss", "10us"] {
            assert_eq!(seconds(LENGTH)(text), Err(format!("expected {LENGTH}")), "{text}");
        }
        let billed = seconds_within(BILLED, 0.001..=900.0);
        assert_eq!((billed("20ms"), billed("16m")), (Ok(0.02), Err(format!("expected {BILLED}"))));
    }
}
