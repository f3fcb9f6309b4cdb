//! Why there is no report.

use std::io;
use std::path::PathBuf;

use run_record::run_dir::RunDirError;
use run_record::summary::SumError;

/// Why a result cannot be computed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ReportError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Sum(#[from] SumError),
    #[error("stdout: {0}")]
    Output(#[from] io::Error),
    #[error("{}: an experiment is reported alone; leave out the other folders", .0.display())]
    NotAlone(PathBuf),
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: the page cannot be made: {source}", path.display())]
    Page { path: PathBuf, source: run_report::PageError },
}
