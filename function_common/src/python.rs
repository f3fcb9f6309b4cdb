//! Numbers as Python prints them: the shortest decimal that reads back as the same float.

use std::fmt::LowerExp;

/// Python's `repr` of a float (`f32` as numpy's `str` prints it, `f64` as Python does): `0.7626317`,
/// `6.0961727e-05`, `1.0`, `1e+16`, `nan`, `-inf`.
pub fn float_repr<F: LowerExp>(value: F) -> String {
    // Rust's `{:e}` has the shortest digits; only their layout differs.
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific.to_lowercase();
    };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    format!("{sign}{}", layout(&digits, exponent))
}

/// Lays out `digits` (d.ddd) times ten to the `exponent`.
fn layout(digits: &str, exponent: i32) -> String {
    if !(-4..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs());
    }
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
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_float(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(float_repr(value).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
