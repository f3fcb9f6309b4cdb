//! `awsinvoker report`: the results of runs again, computed from what is in their folders, as text and as a page. Of a
//! run that was killed, all that was written.

mod error;
mod files;
mod histories;
mod subject;

use std::io::Write;
use std::path::Path;

use run_record::run_dir::RunDir;
use run_report::comparison::Extent;
use run_report::data::Run;
use run_report::{Page, comparison};

pub use self::error::ReportError;
use self::histories::Histories;
use self::subject::{Compared, Subject};
use crate::cli::ReportArgs;
use crate::reading::{self, Reading};

/// The length of the windows that a comparison is made of, in seconds, unless it says another.
const WINDOW_S: f64 = 30.0;

/// Prints the results of the runs in these folders to `out`, and what of them is missing; then writes the page and the
/// charts that were asked for. Of an experiment, the comparison is printed.
///
/// # Errors
/// A `run.json` cannot be read, or something not be written.
pub fn report(args: &ReportArgs, out: &mut dyn Write) -> Result<(), ReportError> {
    let has_page = args.html.is_some() || args.svg.is_some();
    let subject = Subject::new(&args.folders, has_page)?;
    let mut page = Page::new(&subject.title, subject.folders.len());
    let mut window_s = WINDOW_S;
    match &subject.compared {
        Compared::Not => {}
        Compared::Refused(why) => page.not_compared(why),
        Compared::Yes(compared) => {
            window_s = compared.window_s.unwrap_or(0.0);
            page.compare(compared);
        }
    }
    print_experiment(&subject, out)?;
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
    write(args, &page, out)
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
    let mut histories = Histories::new(&info);
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
