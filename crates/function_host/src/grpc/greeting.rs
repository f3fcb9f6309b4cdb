//! What the name means that a Greeter is sent.

/// What a name means, and what to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameMeaning {
    /// The name is an event: its answer is the message.
    Event(String),
    /// The name stands for the event of a sample; this greeting is the message.
    Greeting(String),
}

impl NameMeaning {
    /// Reads a name. It is an event if it begins with a brace, as every JSON object does. Whether it is a valid one, is for
    /// the function to say: answered with a greeting, a broken event would look like a success.
    pub(crate) fn parse(mut name: String) -> Self {
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        if !name.trim_start_matches(is_space).starts_with('{') {
            return Self::Greeting(greeting(&name));
        }
        name.truncate(name.trim_end_matches(is_space).len());
        name.drain(..name.len() - name.trim_start_matches(is_space).len());
        Self::Event(name)
    }
}

/// What vHive's functions answer.
fn greeting(name: &str) -> String {
    match name {
        "record" | "replay" => format!("Hello, {name}_response!"),
        _ => format!("Hello, {name}!"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_answered_as_by_vhive() {
        for (name, greeting) in [
            ("record", "Hello, record_response!"),
            ("replay", "Hello, replay_response!"),
            ("world", "Hello, world!"),
            ("", "Hello, !"),
            ("Record", "Hello, Record!"),
            (" record", "Hello,  record!"),
            ("Invoke relay", "Hello, Invoke relay!"),
            ("[1]", "Hello, [1]!"),
            ("\u{a0}{}", "Hello, \u{a0}{}!"),
        ] {
            assert_eq!(NameMeaning::parse(name.to_owned()), NameMeaning::Greeting(greeting.to_owned()));
        }
    }

    #[test]
    fn what_begins_with_a_brace_is_an_event() {
        for (name, event) in [
            ("{}", "{}"),
            (" \t\r\n{\"num_of_rows\": 1 }\n ", "{\"num_of_rows\": 1 }"),
            ("{not JSON", "{not JSON"),
            ("{\"ä\": \"\u{a0}\"}\u{a0}", "{\"ä\": \"\u{a0}\"}\u{a0}"),
        ] {
            assert_eq!(NameMeaning::parse(name.to_owned()), NameMeaning::Event(event.to_owned()));
        }
    }
}
