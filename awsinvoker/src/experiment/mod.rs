//! `awsinvoker experiment`: compares systems as a plan says, in one or more ordinary runs, and goes on after an interruption
//! where it ended.

mod campaign;
mod command_line;
mod costs;
mod ending;
mod error;
mod estimate;
mod folder;
#[cfg(test)]
mod made_up;
mod outcome;
mod plan;
mod run_order;
mod runs;
mod scratch;
mod sizes;
mod widths;
mod windows;

use std::future::Future as _;
use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use run_record::experiment::{Mode, Run, RunState};
use run_record::run_dir::RUN_JSON;
use run_record::run_info::End;
use run_record::units::counted;
use run_report::comparison::{self, Extent};

use crate::cli::{ExperimentArgs, PlatformArgs};
use crate::config::Threads;
use crate::load::{Interrupt, Interrupts};
use crate::plan::read_bounded;
use crate::platform::Programs;
use crate::report::write_experiment_page;
use crate::run::{self, Ending, run, say};
use crate::text::sha256;
use campaign::Progress;
use ending::{both, severity, state};
pub use error::ExperimentError;
use estimate::PlanEstimate;
use folder::{Folder, PlanText};
use plan::{ExperimentPlan, MAX_PLAN_BYTES};
pub use plan::{FieldError, PlanError};
use run_order::NextRun;
use runs::{Configured, Runs};
use scratch::Scratch;
use sizes::Sizes;
use widths::Widths;

/// An experiment whose plan can be used. Nothing was written yet.
#[derive(Debug)]
pub struct Experiment<'a> {
    args: &'a ExperimentArgs,
    programs: &'a Programs,
    text: PlanText,
    plan: ExperimentPlan,
    /// Where functions are whose entries do not say it.
    platform: PlatformArgs,
    threads: Threads,
}

/// The name of the page.
const REPORT_HTML: &str = "report.html";

impl<'a> Experiment<'a> {
    /// Reads the plan, and checks the command line of each kind of run that it makes.
    ///
    /// # Errors
    /// The plan cannot be read or used.
    pub fn prepare(args: &'a ExperimentArgs, programs: &'a Programs) -> Result<Self, ExperimentError> {
        let text = read_plan(&args.plan)?;
        let folder = std::path::absolute(&args.plan)?;
        let folder = folder.parent().unwrap_or(Path::new("/"));
        let read = ExperimentPlan::read(&text.text, folder, args.a_a);
        let plan = read.map_err(|source| ExperimentError::Plan { path: args.plan.clone(), source })?;
        let platform = PlatformArgs::default();
        let threads = Threads::default();
        let mut experiment = Self { args, programs, text, plan, platform, threads };
        let scratch = Scratch::new()?;
        for configured in experiment.each_kind(&scratch)? {
            // The plan has one value for all runs.
            experiment.threads = configured.config.threads;
            experiment.platform = configured.platform;
        }
        Ok(experiment)
    }

    /// Threads that make calls and read answers.
    pub fn threads(&self) -> Threads {
        self.threads
    }

    fn runs(&self) -> Runs<'_> {
        Runs { plan: &self.plan, plan_file: &self.args.plan, programs: self.programs }
    }

    /// One run of each kind: with each endpoints file.
    fn each_kind(&self, scratch: &Scratch) -> Result<Vec<Configured>, ExperimentError> {
        let runs = self.runs();
        runs.write_endpoints_files(scratch.path())?;
        let kinds = estimate::missing(&self.plan, &[]);
        kinds.iter().map(|kind| runs.configure(&kind.run, scratch.path())).collect()
    }

    /// Tells what the runs take that are missing. Nothing is written.
    ///
    /// # Errors
    /// The folder holds another experiment.
    pub async fn estimate(&self, out: &mut dyn Write) -> Result<Ending, ExperimentError> {
        let runs = self.runs();
        let held = match &self.args.out {
            Some(folder) => folder::held(folder, &self.text, &runs, self.args.a_a)?,
            None => None,
        };
        let made = held.map(|experiment| experiment.runs).unwrap_or_default();
        let scratch = Scratch::new()?;
        runs.write_endpoints_files(scratch.path())?;
        let (missing, mut kinds) = (estimate::missing(&self.plan, &made), Vec::new());
        for kind in &missing {
            kinds.push((kind.count, runs.configure(&kind.run, scratch.path())?.config));
        }
        let calls = kinds.first().map_or(0.0, |(_, config)| estimate::calls_in_window(&missing, config));
        let pairs = run_order::done(&self.plan, &made);
        let folder = self.args.out.as_ref().filter(|_| pairs > 0);
        let comparison = folder.and_then(|folder| outcome::comparison(&self.plan, folder).ok());
        let widths =
            Widths::new(&self.plan, comparison.as_ref().map(|comparison| (comparison, pairs)), calls);
        say(out, &PlanEstimate::new(&kinds, widths).await.to_string());
        Ok(Ending::Complete)
    }

    /// Makes the runs that are missing, and compares. `out` gets what people read.
    ///
    /// # Errors
    /// A run could not be made, or its results not be saved.
    pub async fn run(&self, out: &mut dyn Write) -> Result<Ending, ExperimentError> {
        let mut interrupts = Interrupts::new()?;
        let runs = self.runs();
        let mut folder = Folder::open(self.args.out.as_deref(), &self.text, &runs, self.args.a_a)?;
        self.look_again(&mut folder)?;
        // What a process that was killed has left on the platform.
        let removed = match Sizes::left(&self.plan, &self.platform, &folder).await {
            Ok(left) => left.remove(&folder).await,
            Err(error) => Err(error),
        };
        if run_order::next(&self.plan, &folder.experiment.runs).is_none() {
            return both(self.finish(&mut folder, interrupts, out), removed);
        }
        removed?;
        self.refuse_unknown_cost(&folder).await?;
        let sizes = Sizes::look(&self.plan, &self.platform, &folder).await?;
        let made = self.make_with(&sizes, &mut folder, &mut interrupts, out).await;
        // What was made on the platform goes, however the runs ended.
        let removed = sizes.remove(&folder).await;
        let ended = match made {
            Ok(Some(ending)) => Ok(ending),
            Ok(None) => self.finish(&mut folder, interrupts, out),
            Err(error) => Err(error),
        };
        both(ended, removed)
    }

    /// Refuses a campaign that is to end by what it costs, if a price is not known.
    async fn refuse_unknown_cost(&self, folder: &Folder) -> Result<(), ExperimentError> {
        if self.plan.cold.as_ref().is_none_or(|cold| cold.max_usd.is_none()) {
            return Ok(());
        }
        for kind in estimate::missing(&self.plan, &folder.experiment.runs) {
            let config = self.runs().configure(&kind.run, folder.path())?.config;
            if let Some(reason) = estimate::unknown_price(&config).await? {
                return Err(ExperimentError::NoPrice { reason });
            }
        }
        Ok(())
    }

    /// Makes the versions that the missing runs call, and these runs. Returns how it ended if it ended early.
    async fn make_with(
        &self,
        sizes: &Sizes,
        folder: &mut Folder,
        interrupts: &mut Interrupts,
        out: &mut dyn Write,
    ) -> Result<Option<Ending>, ExperimentError> {
        let mut stopped = None;
        let is_stopped = || {
            stopped = stopped.or_else(|| pending(interrupts));
            stopped.is_some()
        };
        sizes.make(is_stopped).await?;
        match stopped {
            Some(interrupt) => {
                say(out, &self.how_to_go_on(folder.path()));
                Ok(Some(Ending::Interrupted(interrupt)))
            }
            None => self.make_all(folder, interrupts, out).await,
        }
    }

    /// Makes the runs that are missing. Returns how it ended if it ended early.
    async fn make_all(
        &self,
        folder: &mut Folder,
        interrupts: &mut Interrupts,
        out: &mut dyn Write,
    ) -> Result<Option<Ending>, ExperimentError> {
        let mut progress = Progress::default();
        while let Some(next) = self.next(folder, &mut progress, out) {
            let ending = match pending(interrupts) {
                Some(interrupt) => Ending::Interrupted(interrupt),
                None => {
                    let ending = self.make(folder, &next, out).await?;
                    say(out, &self.progress(folder, &next));
                    ending
                }
            };
            match ending {
                Ending::Interrupted(_) => {
                    say(out, &self.how_to_go_on(folder.path()));
                    return Ok(Some(ending));
                }
                Ending::NothingSucceeded => return Ok(Some(ending)),
                Ending::Complete | Ending::Invalid | Ending::ThresholdBroken => {}
            }
        }
        Ok(None)
    }

    /// The run that comes next, unless everything is known or spent.
    fn next(&self, folder: &Folder, progress: &mut Progress, out: &mut dyn Write) -> Option<NextRun> {
        let next = run_order::next(&self.plan, &folder.experiment.runs)?;
        let Some(cold) = &self.plan.cold else { return Some(next) };
        progress.add(&folder.experiment.runs, |run| folder.run_dir(&run.folder));
        let is_asked =
            cold.until.is_some() && progress.is_time_to_compare(folder.experiment.used_runs().count());
        // Without a run that counts, there is nothing to compare.
        let comparison = is_asked.then(|| outcome::comparison(&self.plan, folder.path()).ok()).flatten();
        match campaign::over(cold, progress.spent, comparison.as_ref()) {
            None => Some(next),
            Some(over) => {
                say(out, &format!("experiment: the campaign ends, since {over}"));
                None
            }
        }
    }

    /// Looks at the runs that were made before, and discards what does not count.
    fn look_again(&self, folder: &mut Folder) -> Result<(), ExperimentError> {
        for at in 0..folder.experiment.runs.len() {
            let run = &folder.experiment.runs[at];
            if run.state == RunState::Unfinished {
                let windows = self.windows(folder, &run.folder, self.plan.pairs);
                let run = &mut folder.experiment.runs[at];
                (run.windows, run.state) = (Some(windows), RunState::Interrupted);
            }
            if folder.is_invalid(&folder.experiment.runs[at]) {
                folder.experiment.runs[at].state = RunState::Discarded;
            }
        }
        run_order::discard_incomplete(&self.plan, &mut folder.experiment.runs);
        folder.write()
    }

    /// Makes a run.
    async fn make(
        &self,
        folder: &mut Folder,
        next: &NextRun,
        out: &mut dyn Write,
    ) -> Result<Ending, ExperimentError> {
        let Configured { config, command_line, .. } = self.runs().configure(next, folder.path())?;
        let name = format!("runs/{}", command_line::run_name(next));
        std::fs::create_dir_all(folder.path().join("runs"))?;
        folder.experiment.runs.push(Run {
            folder: name.clone(),
            system: next.system.clone(),
            pair: next.pair,
            windows: None,
            state: RunState::Unfinished,
        });
        folder.write()?;
        // A table for each block of half a minute would hide the comparison.
        let mut nobody = io::sink();
        let reader = if next.system.is_some() { &mut nobody } else { out };
        let made = run(&config, &command_line, reader).await;
        if !folder.path().join(&name).join(RUN_JSON).exists() {
            // It was not begun, so that there is nothing to look at. What it left is in the way of another with its number.
            if folder.path().join(&name).exists() {
                discard(folder.experiment.runs.last_mut());
            } else {
                folder.experiment.runs.pop();
            }
            folder.write()?;
            return Ok(made?);
        }
        let ending = made?;
        let windows = self.windows(folder, &name, next.windows);
        if let Some(run) = folder.experiment.runs.last_mut() {
            (run.windows, run.state) = (Some(windows), state(ending));
        }
        folder.write()?;
        if windows == 0 && state(ending) == RunState::Complete {
            return Err(ExperimentError::NoWindow { folder: folder.path().join(name) });
        }
        Ok(ending)
    }

    /// How many windows of a run are complete.
    fn windows(&self, folder: &Folder, name: &str, max: u32) -> u32 {
        let run_dir = folder.run_dir(name);
        let Ok(info) = run_dir.read_info() else { return 0 };
        match self.plan.mode {
            Mode::RoundRobin | Mode::Interleaved => {
                windows::complete(&run_dir, &info, self.plan.window_ns, max)
            }
            // The whole run is one, and counts if it ended as planned.
            Mode::Cold => {
                let is_whole = |end: End| end.interrupted_ns.is_none() && end.issued > 0;
                u32::from(info.end.is_some_and(is_whole))
            }
        }
    }

    fn progress(&self, folder: &Folder, next: &NextRun) -> String {
        let done = run_order::done(&self.plan, &folder.experiment.runs);
        let of = next.system.as_ref().map(|system| format!(" ({system})")).unwrap_or_default();
        let pairs = counted(self.plan.pairs.into(), "pair");
        format!("experiment: run {}{of} is over, {done} of {pairs} of windows are complete", next.index + 1)
    }

    fn how_to_go_on(&self, folder: &Path) -> String {
        format!("to go on: {}", self.same_command(folder))
    }

    /// The command that makes what is missing or does not count.
    fn same_command(&self, folder: &Path) -> String {
        let a_a = if self.args.a_a { " --a-a" } else { "" };
        format!("awsinvoker experiment {} --out {}{a_a}", self.args.plan.display(), folder.display())
    }

    /// What comes after the last run.
    fn finish(
        &self,
        folder: &mut Folder,
        interrupts: Interrupts,
        out: &mut dyn Write,
    ) -> Result<Ending, ExperimentError> {
        interrupts.end_process(self.how_to_go_on(folder.path()));
        let comparison = outcome::comparison(&self.plan, folder.path())?;
        let found = self.args.a_a.then(|| outcome::false_differences(&comparison));
        folder.experiment.false_differences = found;
        folder.write()?;
        let costs = outcome::costs(folder);
        outcome::write(folder, &comparison, &costs)?;
        say(out, &format!("\n{}", comparison::text(&comparison, Extent::Short).trim_end()));
        if !costs.is_empty() {
            say(out, &costs.to_string());
        }
        if let Some(found) = &found {
            say(out, &outcome::false_differences_worded(found));
        }
        if folder.experiment.used_runs().any(|run| folder.is_invalid(run)) {
            say(out, &format!("to repeat the runs that are not valid: {}", self.same_command(folder.path())));
        }
        let page = folder.path().join(REPORT_HTML);
        let of_comparison = if comparison.valid { Ending::Complete } else { Ending::Invalid };
        write_experiment_page(folder.path(), comparison, &page)?;
        say(out, &format!("experiment: {}\npage: {}", folder.path().display(), page.display()));
        let used = folder.experiment.used_runs();
        let endings = used.filter_map(|run| {
            let summary = folder.run_dir(&run.folder).read_summary().ok()?;
            Some(run::ending(&summary))
        });
        Ok(endings.chain([of_comparison]).max_by_key(|ending| severity(*ending)).unwrap_or(of_comparison))
    }
}

fn discard(run: Option<&mut Run>) {
    if let Some(run) = run {
        (run.windows, run.state) = (Some(0), RunState::Discarded);
    }
}

fn read_plan(path: &Path) -> Result<PlanText, ExperimentError> {
    let read = read_bounded(path, MAX_PLAN_BYTES);
    let text = read.map_err(|source| ExperimentError::Read { path: path.to_owned(), source })?;
    if text.len() as u64 > MAX_PLAN_BYTES {
        return Err(ExperimentError::TooLarge(path.to_owned()));
    }
    let sha256 = sha256(text.as_bytes());
    Ok(PlanText { path: path.to_owned(), text, sha256 })
}

/// A signal that came while no run was there to see it.
fn pending(interrupts: &mut Interrupts) -> Option<Interrupt> {
    match pin!(interrupts.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(interrupt) => Some(interrupt),
        Poll::Pending => None,
    }
}
