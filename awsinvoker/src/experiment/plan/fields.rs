//! The fields of a plan in TOML. An error names the line, the field, its value, and what was expected.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::text::shortened;

/// A longer value is cut in a message.
const MAX_SHOWN_CHARS: usize = 60;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The text is not TOML.
    #[error("line {line}: {message}, expected TOML")]
    Syntax {
        /// The number of the line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A field has a value that it cannot have.
    #[error("line {line}: `{field}` is {value}, expected {expected}")]
    Value {
        /// The number of the line, from 1.
        line: usize,
        /// The path of the field.
        field: String,
        /// What it is.
        value: String,
        /// What it can be.
        expected: String,
    },
    /// There is no such field.
    #[error("line {line}: the key `{field}` is not known, expected {expected}")]
    Unknown {
        /// The number of the line, from 1.
        line: usize,
        /// The path of the field.
        field: String,
        /// The nearest known key, or all of them.
        expected: String,
    },
    /// A field is missing.
    #[error("line {line}: `{field}` is missing, expected {expected}")]
    Missing {
        /// The line on which its table begins, from 1.
        line: usize,
        /// The path of the field.
        field: String,
        /// What it can be.
        expected: String,
    },
}

/// One field of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Its key.
    pub(super) key: &'a str,
    /// Its value.
    pub(super) value: &'a DeValue<'a>,
    /// The number of its line, from 1.
    pub(super) line: usize,
}

/// The fields of a table that have not been read yet, in the order of the text.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    text: &'a str,
    /// The path of the table; empty for the whole text.
    path: String,
    line: usize,
    left: Vec<Field<'a>>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

/// Reads a text as TOML.
pub(super) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, FieldError> {
    DeTable::parse(text).map_err(|error| FieldError::Syntax {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: shortened(error.message(), 200),
    })
}

impl<'a> Fields<'a> {
    /// The fields of the whole text, which was read as this table.
    pub(super) fn new(text: &'a str, table: &'a DeTable<'a>) -> Self {
        Self { text, path: String::new(), line: 1, left: in_order(text, table), known: Vec::new() }
    }

    /// The line on which the table begins, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Takes a field that may be left out. `read` gives `None` for a value that is not `expected`.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        let Some(field) = self.take(key) else { return Ok(None) };
        read(field.value).map(Some).ok_or_else(|| self.wrong(&field, expected))
    }

    /// Takes a field that has to be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<T, FieldError> {
        let value = self.optional(key, expected, read)?;
        // Who misspelt a key wants to know that first.
        let misspelt = || self.left.iter().find(|field| is_alike(key, field.key));
        value.ok_or_else(|| match misspelt() {
            Some(field) => self.unknown(field),
            None => self.missing(key, expected),
        })
    }

    /// Takes a table, which may be left out.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, FieldError> {
        let Some(field) = self.take(key) else { return Ok(None) };
        self.inner(&field).map(Some)
    }

    /// Takes all tables that are left, each with its name.
    pub(super) fn into_tables(self) -> Result<Vec<(&'a str, Self)>, FieldError> {
        self.left.iter().map(|field| Ok((field.key, self.inner(field)?))).collect()
    }

    /// Takes a field, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let at = self.left.iter().position(|field| field.key == key)?;
        Some(self.left.remove(at))
    }

    /// Ends the reading: no field may be left.
    pub(super) fn finish(self) -> Result<(), FieldError> {
        self.left.first().map_or(Ok(()), |field| Err(self.unknown(field)))
    }

    /// The error that the field is not `expected`.
    pub(super) fn wrong(&self, field: &Field<'_>, expected: &str) -> FieldError {
        FieldError::Value {
            line: field.line,
            field: self.path_of(field.key),
            value: shown(field.value),
            expected: expected.to_owned(),
        }
    }

    /// The error that the field `key` is missing.
    pub(super) fn missing(&self, key: &str, expected: &str) -> FieldError {
        FieldError::Missing { line: self.line, field: self.path_of(key), expected: expected.to_owned() }
    }

    /// The error that the name of this table is not `expected`.
    pub(super) fn wrong_name(&self, expected: &str) -> FieldError {
        let (line, field) = (self.line, self.path.clone());
        FieldError::Unknown { line, field, expected: expected.to_owned() }
    }

    fn unknown(&self, field: &Field<'_>) -> FieldError {
        let nearest = self.known.iter().min_by_key(|key| strsim::osa_distance(key, field.key));
        let expected = match nearest.filter(|key| is_alike(key, field.key)) {
            Some(key) => format!("`{key}`"),
            None => format!("one of {}", self.known.join(", ")),
        };
        FieldError::Unknown { line: field.line, field: self.path_of(field.key), expected }
    }

    fn inner(&self, field: &Field<'a>) -> Result<Self, FieldError> {
        let table = field.value.as_table().ok_or_else(|| self.wrong(field, "a table"))?;
        let (text, path, line) = (self.text, self.path_of(field.key), field.line);
        Ok(Self { text, path, line, left: in_order(text, table), known: Vec::new() })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Whether a key may be a known one with a mistake: half of its letters or more are right.
fn is_alike(known: &str, key: &str) -> bool {
    strsim::osa_distance(known, key) * 2 <= known.len()
}

/// The fields of a table in the order of the text.
pub(super) fn in_order<'a>(text: &str, table: &'a DeTable<'a>) -> Vec<Field<'a>> {
    let mut fields: Vec<_> = table.iter().collect();
    fields.sort_by_key(|(key, _)| key.span().start);
    let field = |(key, value): (&'a Spanned<_>, &'a Spanned<_>)| {
        let (name, line): (&'a std::borrow::Cow<'a, str>, _) =
            (key.get_ref(), line_of(text, key.span().start));
        Field { key: name, value: value.get_ref(), line }
    };
    fields.into_iter().map(field).collect()
}

/// The number of the line in which the byte `at` is.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A value in one line, as it would stand in the text.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", shortened(text, MAX_SHOWN_CHARS)),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
