//! Which functions a client wants to see, read from the query of its request. Pure.

use std::ops::Range;

use serde::Deserialize;

use crate::refusal::{Constraint, Refusal, Violation};

/// How many functions `MaxItems` may ask for. A page has fewer.
const MAX_ITEMS: i64 = 10_000;
/// How many functions a page of `ListFunctions` has at most.
const PAGE: usize = 50;

/// The query of `ListFunctions`, as it was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListQuery {
    pub(super) marker: Option<String>,
    pub(super) max_items: Option<String>,
    pub(super) function_version: Option<String>,
    pub(super) master_region: Option<String>,
}

/// A page of functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The numbers of the functions.
    pub(super) functions: Range<usize>,
    /// Where the next page begins; `None` after the last one.
    pub(super) next_marker: Option<String>,
    /// Whether the versions are wanted in the ARNs.
    pub(super) all_versions: bool,
}

impl ListQuery {
    /// Which of the functions, called `names`, the client wants.
    ///
    /// # Errors
    /// If a parameter has a value that it cannot have.
    pub(super) fn page(&self, names: &[&str]) -> Result<Page, Refusal> {
        let mut violations = Vec::new();
        if let Some(version) = self.function_version.as_ref().filter(|version| *version != "ALL") {
            let constraint = Constraint::OneOf(&["ALL"]);
            violations.push(Violation { parameter: "functionVersion", value: version.clone(), constraint });
        }
        let items = match &self.max_items {
            None => PAGE,
            Some(text) => self::items(text, &mut violations)?,
        };
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        let start = match &self.marker {
            None => 0,
            Some(marker) => names.iter().position(|name| name == marker).ok_or_else(|| {
                let message = format!("Marker is {marker:?}; expected the NextMarker of an answer");
                Refusal::InvalidParameter(message)
            })?,
        };
        // A region asks for the copies of functions that CloudFront has made there. There are none.
        let functions = if self.master_region.is_some() { 0 } else { names.len() };
        let end = (start + items).min(functions);
        Ok(Page {
            functions: start.min(end)..end,
            next_marker: names[..functions].get(end).map(|name| (*name).to_owned()),
            all_versions: self.function_version.is_some(),
        })
    }
}

fn items(text: &str, violations: &mut Vec<Violation>) -> Result<usize, Refusal> {
    let expected = || Refusal::InvalidParameter(format!("MaxItems is {text:?}; expected a whole number"));
    let items: i64 = text.parse().map_err(|_| expected())?;
    let mut violate = |constraint| {
        violations.push(Violation { parameter: "maxItems", value: text.to_owned(), constraint });
    };
    if items < 1 {
        violate(Constraint::AtLeast(1));
    } else if items > MAX_ITEMS {
        violate(Constraint::AtMost(MAX_ITEMS));
    }
    Ok(usize::try_from(items).unwrap_or_default().min(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_functions() {
        let names: Vec<String> = (0..120).map(|number| format!("f{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = |text: &str| Some(text.to_owned());
        for (marker, max_items, functions, next) in [
            (None, None, 0..50, Some("f50")),
            (Some("f50"), None, 50..100, Some("f100")),
            (Some("f100"), None, 100..120, None),
            (None, Some("7"), 0..7, Some("f7")),
            (Some("f119"), Some("10000"), 119..120, None),
            (Some("f118"), Some("2"), 118..120, None),
        ] {
            let query = ListQuery {
                marker: marker.and_then(text),
                max_items: max_items.and_then(text),
                ..ListQuery::default()
            };
            let page = query.page(&names).unwrap();
            assert_eq!((page.functions, page.next_marker.as_deref()), (functions, next), "{query:?}");
        }
        let copies = ListQuery { master_region: text("us-east-1"), ..ListQuery::default() };
        assert_eq!(copies.page(&names), Ok(Page { functions: 0..0, next_marker: None, all_versions: false }));
    }

    fn refused(refusal: Refusal) -> (u16, &'static str, String) {
        let (status, name, body) = refusal.describe();
        (status.as_u16(), name, body["message"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn bad_queries_are_refused() {
        let query = |field: &str, value: &str| {
            let value = Some(value.to_owned());
            match field {
                "MaxItems" => ListQuery { max_items: value, ..ListQuery::default() },
                "Marker" => ListQuery { marker: value, ..ListQuery::default() },
                _ => ListQuery { function_version: value, ..ListQuery::default() },
            }
        };
        for (field, value, name, expected) in [
            (
                "MaxItems",
                "0",
                "ValidationException",
                "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                "MaxItems",
                "10001",
                "ValidationException",
                "Value '10001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10000",
            ),
            ("MaxItems", "x", "InvalidParameterValueException", "MaxItems is \"x\"; expected a whole number"),
            (
                "Marker",
                "g",
                "InvalidParameterValueException",
                "Marker is \"g\"; expected the NextMarker of an answer",
            ),
            (
                "FunctionVersion",
                "invalid",
                "ValidationException",
                "Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]",
            ),
        ] {
            let (status, found, message) = refused(query(field, value).page(&["f"]).unwrap_err());
            assert_eq!((status, found), (400, name), "{message}");
            assert!(message.ends_with(expected), "{message}");
        }
    }
}
