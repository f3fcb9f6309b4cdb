//! The file formats of a run. Each module holds the writer and the reader of one format.

mod csv_records;
pub mod hgrm;
pub mod hlog;
pub mod invitro_csv;
pub mod json;
pub mod legacy;
pub mod samples_csv;
pub mod tools;
mod whole_lines;

use std::io;

/// Why a file cannot be read as what it should be.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum FormatError {
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: String },
    #[error("{0}")]
    Csv(#[from] csv::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a file holds that grew while the run went on.
#[derive(Clone, Debug, PartialEq)]
pub struct Records<T> {
    /// All whole records, in the order of the file.
    pub records: Vec<T>,
    /// Whether the file ends in half a record, which is left out: the run was killed, or the disk was full.
    pub is_cut_off: bool,
}

impl FormatError {
    pub(crate) fn line(line: usize, problem: impl Into<String>) -> Self {
        Self::Line { line: line as u64, problem: problem.into() }
    }
}
