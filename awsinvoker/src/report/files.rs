//! The files of a report: a page, and its charts for a paper.

use std::fs;
use std::path::{Path, PathBuf};

use run_record::whole_file;
use run_report::Page;

use super::error::ReportError;

/// Writes the page.
pub(super) fn write_page(page: &Page, path: &Path) -> Result<(), ReportError> {
    let html = page.html().map_err(|source| ReportError::Page { path: path.to_owned(), source })?;
    write(path, &html)
}

/// Writes each chart as SVG, with its data beside it, into a folder that is made if it is not there.
pub(super) fn write_charts(page: &Page, folder: &Path) -> Result<(), ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::Write { path: folder.to_owned(), source })?;
    for chart in page.charts() {
        write(&folder.join(format!("{}.svg", chart.name)), &chart.file())?;
        write(&folder.join(format!("{}.csv", chart.name)), &chart.csv)?;
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<(), ReportError> {
    whole_file::replace(path, content.as_bytes())
        .map_err(|source| ReportError::Write { path: PathBuf::from(path), source })
}
