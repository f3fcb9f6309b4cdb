//! Reads endpoints from their file, or those that stand for a missing one.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::endpoints::{self, Endpoints, EndpointsError, MAX_FILE_BYTES, MAX_PAYLOAD_BYTES};
use crate::cli::DEFAULT_ENDPOINTS_FILE;
use crate::text::sha256;

/// What `--local` calls without an endpoints file: both functions of this project, with a table of 150 cells and with a
/// sample image.
const OWN_FUNCTIONS: &str = r#"[
    {"hostname": "chameleon", "payload": {"num_of_rows": 10, "num_of_cols": 15}},
    {"hostname": "cnn_serving", "payload": {"input_file_seq": 0}}
]"#;

/// Reads an endpoints file, or that of the default name. Without either, the functions of this project are called if they
/// are `local`.
///
/// # Errors
/// The file cannot be read, or its content is not as documented.
pub(super) fn read(given: Option<&Path>, local: bool) -> Result<Endpoints, EndpointsError> {
    let path = given.unwrap_or(Path::new(DEFAULT_ENDPOINTS_FILE)).to_owned();
    let content = |source| EndpointsError::Content { path: path.clone(), source };
    let text = match (read_bounded(&path, MAX_FILE_BYTES), given) {
        (Ok(text), _) => text,
        (Err(error), None) if local && error.kind() == io::ErrorKind::NotFound => {
            let no_files = &mut |_: &Path| Err(io::ErrorKind::NotFound.into());
            let mut own = endpoints::parse(OWN_FUNCTIONS, no_files).map_err(content)?;
            own.are_own_functions = true;
            return Ok(own);
        }
        (Err(source), None) => return Err(EndpointsError::NoDefault(source)),
        (Err(source), Some(_)) => return Err(EndpointsError::Read { path, source }),
    };
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(EndpointsError::TooLarge { path });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut read_payload = |file: &Path| read_bounded(&folder.join(file), MAX_PAYLOAD_BYTES as u64);
    let mut endpoints = endpoints::parse(&text, &mut read_payload).map_err(content)?;
    (endpoints.path, endpoints.sha256) = (path, sha256(text.as_bytes()));
    Ok(endpoints)
}

/// The text of a file; of a longer one, no more than is needed to see that.
pub(crate) fn read_bounded(path: &Path, max_bytes: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(max_bytes + 1).read_to_string(&mut text)?;
    Ok(text)
}
