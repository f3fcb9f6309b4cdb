//! How a client names a function: by name, partial ARN or ARN, each with or without a version.

use std::sync::LazyLock;

use regex::Regex;

use crate::config::{ACCOUNT_ID, VERSION, function_arn};
use crate::refusal::{Constraint, Refusal, Violation};

/// Lambda's pattern of what names a function. A refusal shows it.
const FUNCTION_NAME: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
/// The groups of `FUNCTION_NAME` that hold a part of the name.
const REGION: usize = 3;
const ACCOUNT: usize = 9;
const NAME: usize = 11;
const NAMED_VERSION: usize = 13;

/// Lambda's pattern of a qualifier.
const QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

const MAX_REFERENCE: usize = 256;
const MAX_QUALIFIER: usize = 128;

static FUNCTION_NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| whole(FUNCTION_NAME));
static QUALIFIERS: LazyLock<Option<Regex>> = LazyLock::new(|| whole(QUALIFIER));

/// Which function a client means, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionReference {
    pub(crate) name: String,
    /// The version or alias, if the client named one.
    pub(crate) qualifier: Option<String>,
}

impl FunctionReference {
    /// Reads what names a function of `region`, and the qualifier that is given apart from it.
    ///
    /// # Errors
    /// If it cannot name a function, or names one of another region or account.
    pub(crate) fn parse(reference: &str, qualifier: Option<&str>, region: &str) -> Result<Self, Refusal> {
        let qualifier = qualifier.filter(|qualifier| !qualifier.is_empty());
        let mut violations = Vec::new();
        if let Some(qualifier) = qualifier {
            check("qualifier", qualifier, MAX_QUALIFIER, QUALIFIER, &QUALIFIERS, &mut violations);
        }
        check("functionName", reference, MAX_REFERENCE, FUNCTION_NAME, &FUNCTION_NAMES, &mut violations);
        let parts = FUNCTION_NAMES.as_ref().and_then(|names| names.captures(reference));
        let Some(parts) = parts.filter(|_| violations.is_empty()) else {
            return Err(Refusal::Invalid(violations));
        };
        let part = |group: usize| parts.get(group).map(|part| part.as_str().trim_end_matches(':'));
        let named_version = part(NAMED_VERSION);
        if named_version.is_some() && qualifier.is_some() && named_version != qualifier {
            return Err(Refusal::InvalidParameter(
                "The derived qualifier from the function name does not match the specified qualifier."
                    .to_owned(),
            ));
        }
        if let Some(asked) = part(REGION).filter(|asked| *asked != region) {
            return Err(Refusal::OtherRegion { asked: asked.to_owned(), own: region.to_owned() });
        }
        if part(ACCOUNT).is_some_and(|account| account != ACCOUNT_ID) {
            return Err(Refusal::FunctionNotFound(reference.to_owned()));
        }
        Ok(Self {
            name: part(NAME).unwrap_or_default().to_owned(),
            qualifier: named_version.or(qualifier).map(str::to_owned),
        })
    }

    /// Whether this is the version that exists.
    pub(crate) fn is_latest(&self) -> bool {
        self.qualifier.as_deref().is_none_or(|qualifier| qualifier == VERSION)
    }

    /// The ARN with the version. Without one, it is that of the latest.
    pub(crate) fn qualified_arn(&self, region: &str) -> String {
        let version = self.qualifier.as_deref().unwrap_or(VERSION);
        format!("{}:{version}", function_arn(region, &self.name))
    }
}

/// A regular expression of the whole text, with the meaning that it has in Java: ASCII alone.
fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("(?-u)^(?:{pattern})$")).ok()
}

fn check(
    parameter: &'static str,
    value: &str,
    limit: usize,
    pattern: &'static str,
    matching: &Option<Regex>,
    violations: &mut Vec<Violation>,
) {
    let mut violate = |constraint| {
        violations.push(Violation { parameter, value: value.to_owned(), constraint });
    };
    if value.chars().count() > limit {
        violate(Constraint::Longest(limit));
    }
    if !matching.as_ref().is_some_and(|pattern| pattern.is_match(value)) {
        violate(Constraint::Pattern(pattern));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "us-east-1";

    fn parse(reference: &str, qualifier: Option<&str>) -> Result<(String, Option<String>), Refusal> {
        let reference = FunctionReference::parse(reference, qualifier, REGION)?;
        Ok((reference.name, reference.qualifier))
    }

    #[test]
    fn all_ways_to_name_a_function() {
        for prefix in [
            "",
            "function:",
            "123456789012:",
            "123456789012:function:",
            "us-east-1:123456789012:function:",
            "us-east-1:",
            "arn:aws:lambda:",
            "arn:aws:lambda:us-east-1:123456789012:function:",
        ] {
            let expected = |version: Option<&str>| Ok(("f".to_owned(), version.map(str::to_owned)));
            assert_eq!(parse(&format!("{prefix}f"), None), expected(None), "{prefix}");
            assert_eq!(parse(&format!("{prefix}f:$LATEST"), None), expected(Some("$LATEST")), "{prefix}");
            assert_eq!(parse(&format!("{prefix}f"), Some("7")), expected(Some("7")), "{prefix}");
        }
        // Lambda takes the last word of an ARN without a name for the name.
        let short = parse("arn:aws:lambda:us-east-1:123456789012:function", None).unwrap();
        assert_eq!(short.0, "function");
        let long = "a".repeat(65);
        assert_eq!(parse(&long, None), Ok((long.clone(), None)), "the pattern has no limit of its own");
    }

    #[test]
    fn a_version_makes_the_arn_longer() {
        let reference = |version: Option<&str>| FunctionReference {
            name: "f".to_owned(),
            qualifier: version.map(str::to_owned),
        };
        for (version, arn, latest) in [
            (None, "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", true),
            (Some("$LATEST"), "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", true),
            (Some("$latest"), "arn:aws:lambda:us-east-1:123456789012:function:f:$latest", false),
            (Some("7"), "arn:aws:lambda:us-east-1:123456789012:function:f:7", false),
        ] {
            assert_eq!(reference(version).qualified_arn(REGION), arn);
            assert_eq!(reference(version).is_latest(), latest, "{version:?}");
        }
    }

    #[test]
    fn other_regions_and_accounts_have_no_functions_here() {
        let other = Refusal::OtherRegion { asked: "eu-west-1".to_owned(), own: REGION.to_owned() };
        assert_eq!(parse("arn:aws:lambda:eu-west-1:123456789012:function:f", None), Err(other));
        let foreign = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(parse(foreign, None), Err(Refusal::FunctionNotFound(foreign.to_owned())));
    }

    #[test]
    fn qualifiers_that_differ_are_refused() {
        assert!(parse("f:$LATEST", Some("$LATEST")).is_ok());
        let error = parse("f:$LATEST", Some("7")).unwrap_err();
        assert!(matches!(error, Refusal::InvalidParameter(_)), "{error:?}");
    }

    #[test]
    fn what_breaks_a_constraint_is_named_with_the_constraint() {
        let name = ("functionName", Constraint::Pattern(FUNCTION_NAME));
        let qualifier = ("qualifier", Constraint::Pattern(QUALIFIER));
        let long = |limit| Constraint::Longest(limit);
        let (longest, longer) = ("a".repeat(256), "a".repeat(257));
        for (reference, given, expected) in [
            ("", None, vec![name]),
            ("a b", None, vec![name]),
            ("ä", None, vec![name]),
            ("٣", None, vec![name]),
            ("f\n", None, vec![name]),
            ("../etc/passwd", None, vec![name]),
            ("f:1:2", None, vec![name]),
            ("f:$LATES", None, vec![name]),
            ("arn:aws:ec2:us-east-1:123456789012:instance:i", None, vec![name]),
            (longest.as_str(), None, vec![]),
            (longer.as_str(), None, vec![("functionName", long(256))]),
            ("f", Some("invalid!"), vec![qualifier]),
            ("*", Some(&longer[..129]), vec![("qualifier", long(128)), name]),
        ] {
            let found = match parse(reference, given) {
                Err(Refusal::Invalid(violations)) => violations,
                Ok(_) => Vec::new(),
                Err(other) => panic!("{reference}: {other:?}"),
            };
            let found = found.iter().map(|violation| (violation.parameter, violation.constraint));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{reference}");
        }
    }
}
