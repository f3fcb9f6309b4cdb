//! `summary.json` and `run.json`: one JSON document a file, laid out for people.

use std::io::Read;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FormatError;

/// A larger document is refused; it is read into memory.
const MAX_BYTES: u64 = 256 << 20;

/// The document with its line end.
///
/// # Errors
/// The value has a form that JSON has not, such as a map whose keys are no strings.
pub fn write(value: &impl Serialize) -> Result<Vec<u8>, FormatError> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    Ok(json)
}

/// Reads a document whose key `schema` has to be `version`.
///
/// # Errors
/// The document cannot be read, is larger than 256 MiB, has another version, or is not what was expected.
pub fn read<T: DeserializeOwned>(from: impl Read, version: u32) -> Result<T, FormatError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }

    let mut json = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut json)?;
    if json.len() as u64 > MAX_BYTES {
        return Err(FormatError::line(1, format!("the document has more than {MAX_BYTES} bytes")));
    }
    let Version { schema } = serde_json::from_slice(&json)?;
    if schema != version {
        return Err(FormatError::line(
            1,
            format!("`schema` is {schema}; expected {version}, which this program reads"),
        ));
    }
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_refused() {
        let error = read::<serde_json::Value>(&br#"{"schema": 2}"#[..], 1).unwrap_err().to_string();
        assert_eq!(error, "line 1: `schema` is 2; expected 1, which this program reads");
        assert!(read::<serde_json::Value>(&br#"{"schema": 1}"#[..], 1).is_ok());
    }
}
