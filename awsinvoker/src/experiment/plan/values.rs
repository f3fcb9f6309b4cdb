//! What the values of a plan mean: numbers, times and shares, and TOML as JSON.

use toml::de::{DeFloat, DeInteger, DeValue};

use super::fields::in_order;
use crate::plan::duration_ns;

/// A whole number from 0.
pub(super) fn whole(value: &DeValue<'_>) -> Option<u64> {
    value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
}

/// A number, as it is written.
pub(super) fn number(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Integer(number) => json_integer(number),
        DeValue::Float(number) => json_float(number),
        _ => None,
    }
}

/// An amount of money.
pub(super) fn usd(value: &DeValue<'_>) -> Option<f64> {
    number(value)?.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd >= 0.0)
}

/// A time such as `"30s"`, in nanoseconds.
pub(super) fn time_ns(value: &DeValue<'_>) -> Option<u64> {
    duration_ns(value.as_str()?)
}

/// A share in percent, such as `"5%"`, from 0 to 1.
pub(super) fn share(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%')?.trim_end().parse::<f64>().ok();
    percent.filter(|percent| (0.0..=100.0).contains(percent)).map(|percent| percent / 100.0)
}

/// A text that is not empty.
pub(super) fn text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A short text on one line.
pub(super) fn line(value: &DeValue<'_>) -> Option<String> {
    text(value).filter(|text| is_line(text))
}

/// Whether a text is a short one on one line.
pub(super) fn is_line(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// A value as JSON, with its keys in the order of the text. `None` if JSON has no such value: a date, or a number that is
/// infinite or none.
pub(super) fn json(text: &str, value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(string) => json_string(string),
        DeValue::Integer(number) => json_integer(number)?,
        DeValue::Float(number) => json_float(number)?,
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Datetime(_) => return None,
        DeValue::Array(array) => {
            let items: Option<Vec<_>> = array.iter().map(|item| json(text, item.get_ref())).collect();
            format!("[{}]", items?.join(", "))
        }
        DeValue::Table(table) => {
            let pair = |key, value| Some(format!("{}: {}", json_string(key), json(text, value)?));
            let pairs: Option<Vec<_>> =
                in_order(text, table).iter().map(|field| pair(field.key, field.value)).collect();
            format!("{{{}}}", pairs?.join(", "))
        }
    })
}

/// A text as JSON.
pub(super) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_integer(number: &DeInteger<'_>) -> Option<String> {
    // TOML allows a plus sign and, before digits of another base, leading zeros.
    let value = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
    Some(value.to_string())
}

fn json_float(number: &DeFloat<'_>) -> Option<String> {
    let text = number.as_str();
    let text = text.strip_prefix('+').unwrap_or(text);
    serde_json::from_str::<serde_json::Number>(text).ok().map(|_| text.to_owned())
}
