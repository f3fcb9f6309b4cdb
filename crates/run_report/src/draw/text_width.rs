//! How wide text is, without a font.

/// The size of all type in charts, in units of the chart. A chart is 340 units wide, so that this is 7.7 points in a
/// column of 84 mm.
pub(crate) const FONT_SIZE: f64 = 11.0;

/// An upper bound of the width of a text at [`FONT_SIZE`]: the widths are those of DejaVu Sans, which is wider than
/// Helvetica, Arial and what stands in for them.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().map(advance).sum::<f64>() * FONT_SIZE
}

/// The width of a character whose type is one unit high.
fn advance(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '\'' | '|' | 'I' => 0.3,
        ' ' | '.' | ',' | ':' | ';' | '/' | '!' | '-' | 'f' => 0.37,
        't' | 'r' | '(' | ')' | '[' | ']' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'a'..='z' | '0'..='9' | '_' | '$' | '*' | '"' | 'µ' => 0.64,
        ' '..='~' | '·' | '×' | '≥' | '≤' => 0.84,
        _ => 1.0,
    }
}

/// The text, or as much of its start and its end as is not wider than `width`, with `…` in between: names of one system
/// often differ in how they end.
pub(crate) fn shortened(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let parts = (1..characters.len()).rev().map(|kept| {
        let (start, end) = (kept.div_ceil(2), kept / 2);
        let start: String = characters[..start].iter().collect();
        let end: String = characters[characters.len() - end..].iter().collect();
        format!("{start}…{end}")
    });
    parts.into_iter().find(|part| text_width(part) <= width).unwrap_or_else(|| "…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_and_a_long_one_keeps_both_ends() {
        assert_eq!(shortened("chameleon", 100.0), "chameleon");
        let long = "chameleon@very-long-name-of-a-system-127.0.0.1:9001";
        let short = shortened(long, 100.0);
        assert!(short.starts_with("cham") && short.contains('…') && short.ends_with("9001"), "{short}");
        assert!(text_width(&short) <= 100.0);
        assert_eq!(shortened("WWWW", 1.0), "…");
    }
}
