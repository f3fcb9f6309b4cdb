//! `awsinvoker report`: the results of runs again, computed from what is in their folders, as text and as a page. Of a
//! run that was killed, all that was written.

mod error;
mod files;
mod histories;
mod subject;

use std::io::{self, Write};
use std::path::Path;

use run_record::comparison::{Comparison, DEFAULT_WINDOW_NS};
use run_record::run_dir::RunDir;
use run_record::units;
use run_report::comparison::Extent;
use run_report::data::Run;
use run_report::{Page, comparison};

pub use self::error::ReportError;
use self::histories::Histories;
use self::subject::{Compared, Subject};
use crate::cli::ReportArgs;
use crate::reading::{self, Reading};

/// Prints the results of the runs in these folders to `out`, and what of them is missing; then writes the page and the
/// charts that were asked for. Of an experiment, the comparison is printed.
///
/// # Errors
/// A `run.json` cannot be read, or something not be written.
pub fn report(args: &ReportArgs, out: &mut dyn Write) -> Result<(), ReportError> {
    let has_page = args.html.is_some() || args.svg.is_some();
    let page = page(&Subject::new(&args.folders, has_page)?, has_page, out)?;
    write(args, &page, out)
}

/// Writes the page of an experiment with what it came to.
///
/// # Errors
/// A run cannot be read, or the page not be written.
pub(crate) fn write_experiment_page(
    folder: &Path,
    comparison: Comparison,
    html: &Path,
) -> Result<(), ReportError> {
    let subject = Subject::of_experiment(folder, Compared::Yes(Box::new(comparison)))?;
    // What it prints is printed elsewhere.
    files::write_page(&page(&subject, true, &mut io::sink())?, html)
}

/// Prints what is known of these runs to `out`, and makes the page about them. Without `has_page`, no run is shown on it.
fn page(subject: &Subject, has_page: bool, out: &mut dyn Write) -> Result<Page, ReportError> {
    let mut page = Page::new(&subject.title, subject.folders.len());
    let mut window_s = units::s(DEFAULT_WINDOW_NS);
    match &subject.compared {
        Compared::Not => {}
        Compared::Refused(why) => page.not_compared(why),
        Compared::Yes(compared) => {
            window_s = compared.window_s.unwrap_or(0.0);
            page.compare(compared);
            subject.command.iter().for_each(|command| page.made_by(command));
        }
    }
    print_experiment(subject, out)?;
    let shown = if has_page { subject.shown() } else { 0 };
    for (index, folder) in subject.folders.iter().enumerate() {
        if index >= shown && subject.is_experiment {
            break;
        }
        let run = run(folder, window_s)?;
        if !subject.is_experiment {
            print(&run, index, out)?;
        }
        if index < shown {
            page.add(&run);
        }
    }
    Ok(page)
}

/// Writes what was asked for.
fn write(args: &ReportArgs, page: &Page, out: &mut dyn Write) -> Result<(), ReportError> {
    if let Some(path) = &args.html {
        files::write_page(page, path)?;
        writeln!(out, "page: {}", path.display())?;
    }
    if let Some(folder) = &args.svg {
        files::write_charts(page, folder)?;
        writeln!(out, "charts: {}", folder.display())?;
    }
    Ok(())
}

/// The run in a folder, with its histories.
fn run(folder: &Path, window_s: f64) -> Result<Run, ReportError> {
    let run_dir = RunDir::open(folder);
    let info = run_dir.read_info()?;
    let mut histories = Histories::new(&info, window_s);
    let Reading { summary, missing, .. } =
        reading::read(&run_dir, &info, &mut |sample| histories.record(sample))?;
    let (span_s, block_s, histories) = (histories.span_s(), histories.block_s(), histories.finish());
    let folder = folder.display().to_string();
    Ok(Run { folder, info, summary, missing, histories, span_s, block_s, window_s })
}

fn print(run: &Run, index: usize, out: &mut dyn Write) -> Result<(), ReportError> {
    if index > 0 {
        writeln!(out)?;
    }
    writeln!(out, "{}", run_report::text(&run.summary))?;
    for what in &run.missing {
        writeln!(out, "missing: {what}")?;
    }
    writeln!(out, "results: {}", run.folder)?;
    Ok(())
}

fn print_experiment(subject: &Subject, out: &mut dyn Write) -> Result<(), ReportError> {
    match &subject.compared {
        _ if !subject.is_experiment => {}
        Compared::Yes(compared) => write!(out, "{}", comparison::text(compared, Extent::Short))?,
        Compared::Refused(why) => writeln!(out, "not compared: {why}")?,
        Compared::Not => {}
    }
    Ok(())
}
