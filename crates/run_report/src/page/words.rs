//! Numbers as the page writes them.

use run_record::units::duration_text;

/// What stands where nothing is known.
pub(crate) const UNKNOWN: &str = "–";

/// Microseconds, or a dash.
pub(crate) fn time(us: Option<f64>) -> String {
    us.map_or_else(|| UNKNOWN.to_owned(), duration_text)
}

/// Anything, or a dash.
pub(crate) fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// A whole number with a space between groups of three digits.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let (start, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let start = (!start.is_empty()).then(|| start.to_owned());
    start.into_iter().chain(groups).collect::<Vec<_>>().join("\u{202f}")
}

/// A share in percent with two digits after the point.
pub(crate) fn percent(part: u64, of: u64) -> String {
    if of == 0 { UNKNOWN.to_owned() } else { format!("{:.2} %", part as f64 / of as f64 * 100.0) }
}

/// `1 call`, `12 345 calls`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 12, 123, 1_234, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1\u{202f}234", "1\u{202f}234\u{202f}567"]);
        assert_eq!(counted(1, "call"), "1 call");
        assert_eq!(percent(1, 3), "33.33 %");
    }
}
