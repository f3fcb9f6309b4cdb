//! `awsinvoker compare`: whether and by how much systems differ, from the folders of runs or of an experiment.

mod choice;
mod error;
mod joined;
mod runs;
mod side;

use std::io::Write;
use std::path::{Path, PathBuf};

use run_record::comparison::{Comparison, DEFAULT_MARGIN, Design, Note, Scope};
use run_record::format::{FormatError, json};
use run_record::run_info::{Configuration, LoadKind, Order};
use run_record::{Warning, whole_file};
use run_report::compare::{Input, Pairing};
use run_report::comparison::{self as written, Extent};

use crate::cli::{CompareArgs, CompareFormatArg};
use crate::plan::duration_ns;
use choice::Choice;
pub use error::CompareError;
use joined::Joined;
use runs::{ComparedRun, ComparedRuns};
use side::Reader;

/// What is asked of a comparison.
#[derive(Clone, Debug, Default)]
pub struct CompareOptions {
    /// The system, or the endpoint, with which others are compared; the first one if none is named.
    pub baseline: Option<String>,
    /// The system, or the endpoint, that is compared with the baseline; all others if none is named.
    pub candidate: Option<String>,
    /// By which share two values may differ and still be called equivalent; that of the experiment, or
    /// [`DEFAULT_MARGIN`], if it is absent.
    pub margin: Option<f64>,
    /// The length of a window in nanoseconds; [`DEFAULT_WINDOW_NS`](run_record::comparison::DEFAULT_WINDOW_NS) if it is absent.
    pub window_ns: Option<u64>,
    /// Whether systems of an experiment are compared that do unlike work.
    pub allows_unlike: bool,
}

impl CompareOptions {
    /// What a command line asks for.
    ///
    /// # Errors
    /// The length of a window is no time.
    pub fn resolve(args: &CompareArgs) -> Result<Self, CompareError> {
        let window = |text: &String| duration_ns(text).ok_or_else(|| CompareError::Window(text.clone()));
        Ok(Self {
            baseline: args.baseline.clone(),
            candidate: args.candidate.clone(),
            margin: args.margin.map(|percent| percent / 100.0),
            window_ns: args.window.as_ref().map(window).transpose()?,
            allows_unlike: args.unlike,
        })
    }
}

/// Compares the systems of one run, of an experiment, or of several separate runs. The samples of each are read once, one by
/// one.
///
/// # Errors
/// A folder cannot be read, or nothing in it can be compared.
pub fn compare(folders: &[PathBuf], options: &CompareOptions) -> Result<Comparison, CompareError> {
    let compared = ComparedRuns::open(folders, options.window_ns)?;
    let joined = Joined::new(&compared)?;
    let names = [options.baseline.as_deref(), options.candidate.as_deref()];
    let choice = Choice::new(&joined.configuration, names)?;
    let pairings = pairings(&joined.configuration, &choice);
    refuse_unlike(&compared, &pairings, options)?;
    let mut reader = Reader::new(&joined, &choice);
    let (mut runs, mut reasons, mut left_out_s) = (Vec::new(), separate(&compared), 0.0);
    let mut windows = 0;
    for (index, run) in compared.runs.iter().enumerate() {
        let read = reader.read(&compared, index)?;
        windows = windows.max(run.first_window + read.windows);
        left_out_s += read.left_out_s;
        reasons.extend(read.reasons.iter().map(|reason| of_run(&compared, run, reason)));
        runs.push(read.source);
    }
    Ok(run_report::compare::compare(Input {
        design: compared.design,
        runs,
        reasons,
        window_s: compared.window_ns.map(run_record::units::s),
        windows,
        left_out_s,
        margin: options.margin.or(compared.margin).unwrap_or(DEFAULT_MARGIN),
        headline: headline(&joined.configuration),
        notes: notes(&compared, &joined, &choice),
        sides: reader.sides,
        pairings,
    }))
}

/// Compares what a command line names, and writes the result in the form that it asks for. Returns whether the result is
/// valid.
///
/// # Errors
/// Nothing is compared, or the result cannot be written.
pub fn compare_and_write(args: &CompareArgs, stdout: &mut dyn Write) -> Result<bool, CompareError> {
    let comparison = compare(&args.folders, &CompareOptions::resolve(args)?)?;
    let content = written_as(&comparison, args.format, if args.all { Extent::All } else { Extent::Short })?;
    match &args.out {
        Some(path) => write_file(path, &content)?,
        None => stdout.write_all(&content).map_err(CompareError::Stdout)?,
    }
    Ok(comparison.valid)
}

fn written_as(
    comparison: &Comparison,
    format: CompareFormatArg,
    extent: Extent,
) -> Result<Vec<u8>, CompareError> {
    Ok(match format {
        CompareFormatArg::Text => written::text(comparison, extent).into_bytes(),
        CompareFormatArg::Markdown => written::markdown(comparison, extent).into_bytes(),
        CompareFormatArg::Json => json::write(comparison)?,
        CompareFormatArg::Csv => written::csv(comparison).map_err(FormatError::from)?,
    })
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), CompareError> {
    whole_file::replace(path, content).map_err(|source| CompareError::Out { path: path.to_owned(), source })
}

/// Who is compared with whom, and what is known to be unlike.
fn pairings(configuration: &Configuration, choice: &Choice) -> Vec<Pairing> {
    let endpoints = &configuration.endpoints;
    let pairing = |pair: &[usize; 2]| Pairing {
        function: endpoints[pair[0]].function.clone(),
        baseline: choice.side(pair[0]),
        candidate: choice.side(pair[1]),
        notes: run_record::likeness::findings_of_pair(configuration, *pair)
            .into_iter()
            .map(|warning| Note::Unlike { warning })
            .collect(),
    };
    choice.pairs.iter().map(pairing).collect()
}

/// A run that loads all systems was refused if they were unlike, unless that was allowed. The runs of an experiment that load
/// one system each could not be.
fn refuse_unlike(
    compared: &ComparedRuns,
    pairings: &[Pairing],
    options: &CompareOptions,
) -> Result<(), CompareError> {
    if compared.design != Design::Interleaved || options.allows_unlike {
        return Ok(());
    }
    let warnings = pairings.iter().flat_map(|pairing| &pairing.notes).filter_map(|note| match note {
        Note::Unlike { warning: warning @ (Warning::Unlike { .. } | Warning::PreflightFailed { .. }) } => {
            Some(warning.clone())
        }
        _ => None,
    });
    let warnings: Vec<Warning> = warnings.collect();
    if warnings.is_empty() { Ok(()) } else { Err(CompareError::Unlike(warnings)) }
}

/// Why separate runs are no valid comparison.
fn separate(compared: &ComparedRuns) -> Vec<String> {
    let reason = "the runs are separate, so there are no intervals of ratios: separate runs call identical systems different in \
                  up to 92 % of the cases; load all systems in one run";
    (compared.design == Design::SeparateRuns).then(|| reason.to_owned()).into_iter().collect()
}

fn of_run(compared: &ComparedRuns, run: &ComparedRun, reason: &str) -> String {
    if compared.runs.len() == 1 { reason.to_owned() } else { format!("{}: {reason}", run.name()) }
}

/// Of which requests sentences are. Cold starts that the run itself caused are not those of a system.
fn headline(configuration: &Configuration) -> Scope {
    match configuration {
        Configuration { cold: Some(_), .. } => Scope::Cold,
        Configuration { restart_every_s: Some(_), .. } => Scope::Warm,
        _ => Scope::All,
    }
}

/// What limits the whole result.
fn notes(compared: &ComparedRuns, joined: &Joined, choice: &Choice) -> Vec<Note> {
    let configuration = &joined.configuration;
    let mut notes: Vec<Note> = compared.left_out.clone();
    if configuration.load == LoadKind::Closed {
        notes.push(Note::ClosedLoop);
    }
    if compared.ends_by_width {
        notes.push(Note::EndsByWidth);
    }
    if configuration.schedule.is_some() {
        notes.push(Note::ScheduleOfFile);
    }
    // Of two endpoints, each follows the other in any order.
    let in_turn = joined.endpoints.iter().any(|endpoints| endpoints.len() > 1);
    if configuration.order == Some(Order::RoundRobin) && in_turn && configuration.endpoints.len() > 2 {
        notes.push(Note::FixedOrder);
    }
    notes.extend(
        choice
            .without_partner
            .iter()
            .map(|index| Note::NoPartner { endpoint: configuration.endpoints[*index].name.clone() }),
    );
    notes
}
