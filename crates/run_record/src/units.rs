//! Units of time. Inside, every time is a whole number of nanoseconds; these functions convert at the edges.

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
/// Nanoseconds in a microsecond.
pub const NS_PER_US: u64 = 1_000;

/// The units that users may write times in, with their nanoseconds. One that ends with another stands
/// before it.
const TIME_UNITS: [(&str, u64); 4] =
    [("ms", NS_PER_MS), ("s", NS_PER_S), ("m", 60 * NS_PER_S), ("h", 3600 * NS_PER_S)];

/// The number of a time with a unit, such as `500ms`, and the nanoseconds of its unit; `None` if it has another form.
pub fn with_unit(text: &str) -> Option<(f64, u64)> {
    let (number, ns) = TIME_UNITS.iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?, *ns)))?;
    Some((number.trim().parse().ok()?, ns))
}

/// Seconds as nanoseconds, rounded; negative values and NaN give 0, and what is too large saturates.
pub fn ns_from_s(seconds: f64) -> u64 {
    rounded(seconds * NS_PER_S as f64)
}

/// Milliseconds as nanoseconds, rounded as by [`ns_from_s`].
pub fn ns_from_ms(milliseconds: f64) -> u64 {
    rounded(milliseconds * NS_PER_MS as f64)
}

/// Nanoseconds as seconds.
pub fn s(ns: u64) -> f64 {
    ns as f64 / NS_PER_S as f64
}

/// Nanoseconds as milliseconds.
pub fn ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS as f64
}

/// Nanoseconds as microseconds.
pub fn us(ns: u64) -> f64 {
    ns as f64 / NS_PER_US as f64
}

/// A number as a whole number, rounded; negative numbers and NaN give 0, and what is too large saturates.
pub fn rounded(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
    let whole = value.round() as u64;
    whole
}

/// Microseconds for people: three significant digits, in the unit that suits them.
pub fn duration_text(us: f64) -> String {
    match us {
        ..999.5 => format!("{} µs", three_digits(us)),
        ..999_500.0 => format!("{} ms", three_digits(us / 1e3)),
        _ => format!("{} s", three_digits(us / 1e6)),
    }
}

/// As [`duration_text`], with a sign unless it is 0.
pub fn signed_duration_text(us: f64) -> String {
    let sign = if us < 0.0 { "-" } else { "+" };
    let text = duration_text(us.abs());
    if us == 0.0 { text } else { format!("{sign}{text}") }
}

/// A number of things for people, as in `1 request` and `2 requests`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn three_digits(value: f64) -> String {
    match value {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let shown = [0.0, 0.512, 9.994, 9.996, 123.4, 999.6, 12_345.0, 999_600.0, 3.6e9].map(duration_text);
        let expected =
            ["0.00 µs", "0.51 µs", "9.99 µs", "10.0 µs", "123 µs", "1.00 ms", "12.3 ms", "1.00 s", "3600 s"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn differences_have_a_sign() {
        let shown = [-1_234.0, 0.0, 0.5].map(signed_duration_text);
        assert_eq!(shown, ["-1.23 ms", "0.00 µs", "+0.50 µs"]);
    }

    #[test]
    fn one_is_no_plural() {
        let counts = [0, 1, 2].map(|count| counted(count, "late request"));
        assert_eq!(counts, ["0 late requests", "1 late request", "2 late requests"]);
    }

    #[test]
    fn what_is_no_time_is_zero_and_what_is_too_long_saturates() {
        assert_eq!([-1.0, f64::NAN, 0.0].map(ns_from_s), [0, 0, 0]);
        assert_eq!(ns_from_s(f64::INFINITY), u64::MAX);
        assert_eq!(ns_from_ms(110.1), 110_100_000);
    }

    proptest! {
        /// Both conversions round, so one of the 53 bits of a float is lost twice: 26 days are left.
        #[test]
        fn seconds_hold_every_nanosecond_of_a_run(ns in 0..1_u64 << 51) {
            prop_assert_eq!(ns_from_s(s(ns)), ns);
        }
    }
}
