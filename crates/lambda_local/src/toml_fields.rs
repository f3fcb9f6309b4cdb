//! Reading TOML field by field, so that an error names the field, its value, and what was expected.

use std::fmt;

use thiserror::Error;
use toml::{Table, Value};

/// What is wrong with a TOML text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FieldError {
    /// The text is not TOML.
    #[error("line {line}: {message}; expected TOML")]
    Syntax {
        /// The number of the line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A field has a value that it cannot have.
    #[error("{field} is {value}; expected {expected}")]
    Value {
        /// The path of the field.
        field: String,
        /// What it is.
        value: String,
        /// What it can be.
        expected: String,
    },
    /// There is no such field.
    #[error("{field} is unknown; expected {expected}")]
    Unknown {
        /// The path of the field.
        field: String,
        /// The fields that can stand there.
        expected: String,
    },
    /// A field is missing.
    #[error("{field} is missing; expected {expected}")]
    Missing {
        /// The path of the field.
        field: String,
        /// What it can be.
        expected: String,
    },
}

/// The fields of a table that have not been read yet.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// The path of the table; empty for the whole text.
    path: String,
    table: Table,
}

impl Fields {
    /// The fields of a whole text.
    ///
    /// # Errors
    /// If the text is not TOML.
    pub(crate) fn parse(text: &str) -> Result<Self, FieldError> {
        let table = text.parse().map_err(|error: toml::de::Error| FieldError::Syntax {
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        Ok(Self { path: String::new(), table })
    }

    /// Takes a field that may be left out. `read` gives `None` for a value that is not `expected`.
    ///
    /// # Errors
    /// If the value is not as expected.
    pub(crate) fn optional<T>(
        &mut self,
        key: &str,
        expected: impl fmt::Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, FieldError> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.wrong(key, shown(&value), expected)),
        }
    }

    /// Takes a table, which may be left out.
    ///
    /// # Errors
    /// If the value is not a table.
    pub(crate) fn table(&mut self, key: &str) -> Result<Option<Self>, FieldError> {
        let table = self.optional(key, "a table", |value| value.as_table().cloned())?;
        Ok(table.map(|table| Self { path: self.path_of(key), table }))
    }

    /// Takes all fields: their names, each with its table.
    ///
    /// # Errors
    /// If a value is not a table.
    pub(crate) fn into_tables(mut self) -> Result<Vec<(String, Self)>, FieldError> {
        let keys: Vec<String> = self.table.keys().cloned().collect();
        let mut tables = Vec::new();
        for key in keys {
            if let Some(table) = self.table(&key)? {
                tables.push((key, table));
            }
        }
        Ok(tables)
    }

    /// Takes all fields by name. `read` gives `None` for a name or a value that is not `expected`.
    ///
    /// # Errors
    /// If a name or a value is not as expected.
    pub(crate) fn into_pairs<T>(
        mut self,
        expected: &str,
        read: impl Fn(&str, &Value) -> Option<T>,
    ) -> Result<Vec<(String, T)>, FieldError> {
        let keys: Vec<String> = self.table.keys().cloned().collect();
        let mut pairs = Vec::new();
        for key in keys {
            let value = self.optional(&key, expected, |value| read(&key, value))?;
            pairs.extend(value.map(|value| (key, value)));
        }
        Ok(pairs)
    }

    /// Ends the reading: no field may be left. `known` are those that could have stood there.
    ///
    /// # Errors
    /// If a field is left.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), FieldError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => Err(FieldError::Unknown { field: self.path_of(key), expected: known.join(", ") }),
        }
    }

    /// The error that the field `key` is missing.
    pub(crate) fn missing(&self, key: &str, expected: impl fmt::Display) -> FieldError {
        FieldError::Missing { field: self.path_of(key), expected: expected.to_string() }
    }

    /// The error that the field `key` is `value`, which is not `expected`.
    pub(crate) fn wrong(&self, key: &str, value: String, expected: impl fmt::Display) -> FieldError {
        FieldError::Value { field: self.path_of(key), value, expected: expected.to_string() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The number of the line in which the byte `at` is.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A value in one line, as it would stand in the text.
fn shown(value: &Value) -> String {
    match value {
        Value::String(string) => format!("{string:?}"),
        Value::Integer(integer) => integer.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Datetime(datetime) => datetime.to_string(),
        Value::Array(_) => "an array".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(text).unwrap()
    }

    #[test]
    fn what_is_not_toml_is_named_with_its_line() {
        let error = Fields::parse("a = 1\nb = \n").unwrap_err();
        assert!(matches!(error, FieldError::Syntax { line: 2, .. }), "{error:?}");
        let error = Fields::parse("a = 1\na = 2\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.ends_with("; expected TOML"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_field() {
        let number = |text: &str| {
            let mut functions = fields(text).table("functions")?.unwrap();
            functions.optional("n", "a whole number", Value::as_integer)
        };
        assert_eq!(number("[functions]\nn = 5"), Ok(Some(5)));
        assert_eq!(number("[functions]"), Ok(None));
        for (value, shown) in [
            ("\"a\\nb\"", r#""a\nb""#),
            ("1.5", "1.5"),
            ("true", "true"),
            ("2020-01-01", "2020-01-01"),
            ("[1]", "an array"),
            ("{ a = 1 }", "a table"),
        ] {
            let error = number(&format!("[functions]\nn = {value}")).unwrap_err().to_string();
            assert_eq!(error, format!("functions.n is {shown}; expected a whole number"));
        }
        let error = fields("functions = 1").table("functions").unwrap_err().to_string();
        assert_eq!(error, "functions is 1; expected a table");
    }

    #[test]
    fn fields_that_are_left_or_missing_are_named() {
        let mut table = fields("[a]\nb = 1\nc = 2").table("a").unwrap().unwrap();
        assert_eq!(table.missing("d", "a string").to_string(), "a.d is missing; expected a string");
        table.optional("b", "a number", Value::as_integer).unwrap();
        assert_eq!(table.finish(&["b", "d"]).unwrap_err().to_string(), "a.c is unknown; expected b, d");
        assert_eq!(fields("").finish(&[]), Ok(()));
    }

    #[test]
    fn tables_and_pairs_by_name() {
        let tables = fields("[b]\n[a]\nx = 1").into_tables().unwrap();
        assert_eq!(tables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields("a = 1").into_tables().unwrap_err().to_string(), "a is 1; expected a table");
        let pairs =
            |text: &str| fields(text).into_pairs("a string", |_, value| value.as_str().map(str::to_owned));
        assert_eq!(pairs("k = \"v\""), Ok(vec![("k".to_owned(), "v".to_owned())]));
        assert_eq!(pairs("k = 1").unwrap_err().to_string(), "k is 1; expected a string");
    }
}
