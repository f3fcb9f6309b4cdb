//! Numbers as Python prints them: the shortest decimal that reads back as the same float.

use std::fmt::LowerExp;
use std::str::FromStr;

/// `f32` or `f64`.
pub trait Float: LowerExp + FromStr + Into<f64> + PartialEq + Copy {}
impl Float for f32 {}
impl Float for f64 {}

/// Python's `repr` of a float (`f32` as numpy's `str` prints it, `f64` as Python does): `0.7626317`,
/// `6.0961727e-05`, `1.0`, `1e+16`, `nan`, `-inf`.
pub fn float_repr<F: Float>(value: F) -> String {
    let scientific = shortest(value);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_lowercase();
    };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    // The value decides, not its digits: the f32 next to 0.0001 is below it, and printed as 1e-04.
    let magnitude: f64 = value.into().abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        format!("{sign}{}", positional(&digits, exponent))
    } else {
        format!("{sign}{}", with_exponent(&digits, exponent))
    }
}

/// The shortest digits that read back as `value`, as `d.ddde-d`.
///
/// Rust finds how many digits that takes, but rounds a value just between two candidates up, and Python to the
/// even digit, as Rust does when it is told the number of digits. Next to a power of two, the digits rounded that
/// way may read back as the float below; then the shortest stand.
fn shortest<F: Float>(value: F) -> String {
    let text = format!("{value:e}");
    let decimals = match (text.find('.'), text.find('e')) {
        (Some(point), Some(exponent)) => exponent - point - 1,
        _ => return text,
    };
    let rounded = format!("{value:.decimals$e}");
    if rounded.parse().is_ok_and(|read: F| read == value) { rounded } else { text }
}

/// Lays out `digits` (d.ddd) times ten to the `exponent` with an exponent of at least two digits.
fn with_exponent(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

/// Lays out `digits` (d.ddd) times ten to the `exponent` without exponent.
fn positional(digits: &str, exponent: i32) -> String {
    let Ok(whole_digits) = usize::try_from(exponent + 1) else {
        return format!("0.{}{digits}", zeros(exponent.unsigned_abs() as usize - 1));
    };
    match digits.split_at_checked(whole_digits) {
        Some((whole, "")) => format!("{whole}.0"),
        Some(("", fraction)) => format!("0.{fraction}"),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits}{}.0", zeros(whole_digits - digits.len())),
    }
}

fn zeros(count: usize) -> String {
    "0".repeat(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_like_python() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (123.456, "123.456"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.000012345, "1.2345e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float_repr(value), expected);
        }
        assert_eq!(float_repr(0.762_631_7_f32), "0.7626317");
        assert_eq!(float_repr(6.096_172_7e-5_f32), "6.0961727e-05");
        assert_eq!(float_repr(0.0001_f32), "1e-04");
        assert_eq!(float_repr(f32::from_bits(0x4494_c100)), "1190.0312");
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_f32(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(float_repr(value).parse::<f32>().unwrap().to_bits(), bits);
        }

        #[test]
        fn reads_back_as_the_same_float(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(float_repr(value).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
