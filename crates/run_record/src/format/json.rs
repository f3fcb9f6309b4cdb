//! `summary.json` and `run.json`: one JSON document a file, laid out for people.

use std::io::Read;

use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Reads a document.
///
/// # Errors
/// The document cannot be read, is larger than 256 MiB, or is not what was expected.
pub fn read<T: DeserializeOwned>(from: impl Read) -> Result<T, FormatError> {
    let mut json = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut json)?;
    if json.len() as u64 > MAX_BYTES {
        return Err(FormatError::line(1, format!("the document has more than {MAX_BYTES} bytes")));
    }
    Ok(serde_json::from_slice(&json)?)
}
