//! Text from outside, made fit for messages and file names.

/// The first `max` characters on one line, with `…` for the rest.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// A name in which every character but ASCII letters, digits and those in `also` became an underscore.
pub(crate) fn sanitized(name: &str, also: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_by_characters_and_keeps_one_line() {
        assert_eq!(shortened("añb\nc", 4), "añb …");
        assert_eq!(shortened("abc", 3), "abc");
    }

    #[test]
    fn sanitizes() {
        assert_eq!(sanitized("a:b#2,é /", "-_.:"), "a:b_2____");
    }
}
