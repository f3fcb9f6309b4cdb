//! The file formats of a run. Each module holds the writer and the reader of one format.

pub mod hgrm;
pub mod hlog;
pub mod json;
pub mod legacy;
pub mod samples_csv;

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

impl FormatError {
    pub(crate) fn line(line: usize, problem: impl Into<String>) -> Self {
        Self::Line { line: line as u64, problem: problem.into() }
    }
}
