//! Parameters that break a constraint of Lambda's API, and the words in which Lambda refuses them.

use std::fmt;

/// A value that a parameter cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The parameter, as Lambda's API calls it: `functionName`.
    pub(crate) parameter: &'static str,
    pub(crate) value: String,
    pub(crate) constraint: Constraint,
}

/// What a parameter has to satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constraint {
    /// The whole value matches this regular expression.
    Pattern(&'static str),
    /// The value has at most so many characters.
    Longest(usize),
    /// The value is one of these.
    OneOf(&'static [&'static str]),
    /// The number is at least this.
    AtLeast(i64),
    /// The number is at most this.
    AtMost(i64),
    /// The parameter is there.
    NotNull,
    /// All keys of the map match this regular expression. Lambda does not show the values of such a map.
    Keys(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameter, value, constraint } = self;
        match constraint {
            Constraint::NotNull => write!(f, "Value null")?,
            Constraint::Keys(_) => write!(f, "Value")?,
            _ => write!(f, "Value '{value}'")?,
        }
        write!(f, " at '{parameter}' failed to satisfy constraint: {constraint}")
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => write!(f, "Member must satisfy regular expression pattern: {pattern}"),
            Self::Longest(limit) => write!(f, "Member must have length less than or equal to {limit}"),
            Self::OneOf(values) => write!(f, "Member must satisfy enum value set: [{}]", values.join(", ")),
            Self::AtLeast(least) => write!(f, "Member must have value greater than or equal to {least}"),
            Self::AtMost(most) => write!(f, "Member must have value less than or equal to {most}"),
            Self::NotNull => write!(f, "Member must not be null"),
            Self::Keys(pattern) => write!(
                f,
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: {pattern}]"
            ),
        }
    }
}

/// The message that tells a client of all violations of its request.
pub(super) fn message(violations: &[Violation]) -> String {
    let noun = if violations.len() == 1 { "error" } else { "errors" };
    let each = violations.iter().map(ToString::to_string).collect::<Vec<_>>();
    format!("{} validation {noun} detected: {}", violations.len(), each.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_in_the_words_of_lambda() {
        let violation =
            |parameter, value: &str, constraint| Violation { parameter, value: value.to_owned(), constraint };
        let long = violation("qualifier", "a", Constraint::Longest(128));
        let pattern = violation("functionName", "*", Constraint::Pattern("[a-z]+"));
        let other = violation("invokeMode", "UNKNOWN", Constraint::OneOf(&["RESPONSE_STREAM", "BUFFERED"]));
        for (violations, expected) in [
            (
                vec![other],
                "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must \
                 satisfy enum value set: [RESPONSE_STREAM, BUFFERED]",
            ),
            (
                vec![long, pattern],
                "2 validation errors detected: Value 'a' at 'qualifier' failed to satisfy constraint: Member must have \
                 length less than or equal to 128; Value '*' at 'functionName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: [a-z]+",
            ),
        ] {
            assert_eq!(message(&violations), expected);
        }
    }
}
