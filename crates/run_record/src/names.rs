//! Names that fit into files, and the tags of histograms.

use std::fmt;

use crate::histogram::View;
use crate::sample::Outcome;

/// A name in which an underscore stands for every character but ASCII letters, digits and those in `also`.
pub fn sanitized(name: &str, also: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' }).collect()
}

/// File names for the endpoints. They differ even if the endpoints' names differ only in characters that do not fit.
pub fn file_names(names: &[String]) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for name in names {
        let plain = sanitized(name, "-_.");
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let file = std::iter::once(plain.clone()).chain(numbered).find(|file| !files.contains(file));
        files.extend(file);
    }
    files
}

/// What a histogram of `latency.hlog` holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// Latencies of an endpoint, whose name is sanitized: `NAME:VIEW`, or `NAME:VIEW:OUTCOME` for all outcomes but `ok`.
    Latency {
        /// The sanitized name of the endpoint.
        endpoint: String,
        /// Which latency.
        view: View,
        /// Of invocations with this outcome.
        outcome: Outcome,
    },
    /// How late invocations were sent, over all endpoints.
    ScheduleLag,
    /// Response latencies with outcome `ok` over all endpoints. Its text is empty, and its lines have no tag: readers
    /// that are asked for no tag read these lines alone.
    All,
}

const SCHEDULE_LAG: &str = "schedule_lag";

impl Tag {
    /// The tag for an endpoint of any name.
    pub fn latency(endpoint: &str, view: View, outcome: Outcome) -> Self {
        Self::Latency { endpoint: sanitized(endpoint, "-_.:#$"), view, outcome }
    }

    /// Reads a tag; `None` if it is none of these.
    pub fn parse(tag: &str) -> Option<Self> {
        match tag {
            SCHEDULE_LAG => return Some(Self::ScheduleLag),
            "" => return Some(Self::All),
            _ => {}
        }
        let (rest, last) = tag.rsplit_once(':')?;
        let (endpoint, view, outcome) = match View::from_name(last) {
            Some(view) => (rest, view, Outcome::Ok),
            None => {
                let (endpoint, view) = rest.rsplit_once(':')?;
                (endpoint, View::from_name(view)?, Outcome::from_name(last)?)
            }
        };
        Some(Self::Latency { endpoint: endpoint.to_owned(), view, outcome })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScheduleLag => f.write_str(SCHEDULE_LAG),
            Self::All => Ok(()),
            Self::Latency { endpoint, view, outcome: Outcome::Ok } => write!(f, "{endpoint}:{}", view.name()),
            Self::Latency { endpoint, view, outcome } => {
                write!(f, "{endpoint}:{}:{}", view.name(), outcome.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sanitizes() {
        assert_eq!(sanitized("a:b#2,é /", "-_.:"), "a:b_2____");
    }

    #[test]
    fn file_names_stay_apart() {
        let names = ["f", "f:1", "f_1", "f#1", "../x"].map(str::to_owned);
        assert_eq!(file_names(&names), ["f", "f_1", "f_1-2", "f_1-3", ".._x"]);
    }

    #[test]
    fn tags_hold_nothing_that_ends_them() {
        assert_eq!(Tag::latency("a,b c", View::Response, Outcome::Ok).to_string(), "a_b_c:response");
        assert_eq!(
            Tag::latency("f#2", View::Service, Outcome::Throttled).to_string(),
            "f#2:service:throttled"
        );
        for text in ["f", "f:view", "f:response:fine", "response"] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
        for tag in [Tag::ScheduleLag, Tag::All] {
            assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        }
    }

    proptest! {
        #[test]
        fn tags_read_back(
            name in "[a-z:]{0,12}|(f:)?(response|timeout|service)(:ok)?",
            view in prop::sample::select(View::ALL.to_vec()),
            outcome in prop::sample::select(Outcome::ALL.to_vec()),
        ) {
            let tag = Tag::latency(&name, view, outcome);
            prop_assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        }
    }
}
