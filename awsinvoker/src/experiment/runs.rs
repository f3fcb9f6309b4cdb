//! The runs of an experiment as they are configured: the command line of each, resolved as any other.

use std::path::{Path, PathBuf};
use std::{fs, io};

use run_record::experiment::Mode;
use run_record::names::file_names;

use super::command_line;
use super::error::ExperimentError;
use super::plan::{ExperimentPlan, endpoints_file};
use super::run_order::NextRun;
use crate::cli::{Args, PlatformArgs};
use crate::config::Config;
use crate::platform::Programs;

/// A plan, with the file that it comes from and what is needed to make its runs.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    pub(super) plan: &'a ExperimentPlan,
    pub(super) plan_file: &'a Path,
    pub(super) programs: &'a Programs,
}

/// A run that can be made.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) config: Config,
    /// Where functions are whose entries do not say it.
    pub(super) platform: PlatformArgs,
    pub(super) command_line: Vec<String>,
}

impl Runs<'_> {
    /// The endpoints files in this folder: the name and the content of each, and the system that it is for.
    pub(super) fn endpoints_files(&self, folder: &Path) -> Vec<(PathBuf, String, Option<&str>)> {
        let plan = self.plan;
        match plan.mode {
            Mode::RoundRobin | Mode::Cold => {
                vec![(folder.join("endpoints.json"), endpoints_file(plan.entries.iter()), None)]
            }
            Mode::Interleaved => {
                let names = file_names(&plan.systems);
                let systems = plan.systems.iter().map(String::as_str).zip(names);
                let file = |(system, name)| {
                    let path = folder.join(format!("endpoints-{name}.json"));
                    (path, endpoints_file(plan.entries_of(Some(system))), Some(system))
                };
                systems.map(file).collect()
            }
        }
    }

    /// Writes the endpoints files into a folder.
    pub(super) fn write_endpoints_files(&self, folder: &Path) -> io::Result<()> {
        self.endpoints_files(folder).into_iter().try_for_each(|(path, content, _)| fs::write(path, content))
    }

    /// Resolves the command line of a run. The endpoints files have to be in this folder.
    pub(super) fn configure(&self, run: &NextRun, folder: &Path) -> Result<Configured, ExperimentError> {
        let system = run.system.as_deref();
        let files = self.endpoints_files(folder);
        let file = files.iter().find(|(_, _, of)| *of == system).map(|(path, ..)| path.as_path());
        let out = folder.join("runs").join(command_line::run_name(run));
        let file = file.unwrap_or(Path::new("endpoints.json"));
        let command_line = command_line::words(self.plan, run, file, &out);
        let args = Args::parse_from_go_style(command_line.iter().map(Into::into));
        let args = args.map_err(|error| self.wrong(&clap_message(&error)))?;
        let config = Config::resolve(&args, self.programs).map_err(|error| self.wrong(&error.to_string()))?;
        Ok(Configured { config, platform: args.platform, command_line })
    }

    /// The error of a flag, with the line of the plan that sets it.
    fn wrong(&self, message: &str) -> ExperimentError {
        let is_named = |name: &str| message.split([' ', '\'', ':']).any(|word| word == name);
        let flag = self.plan.flags.iter().find(|flag| is_named(flag.name));
        let place = flag.map(|flag| format!("line {}: ", flag.line)).unwrap_or_default();
        ExperimentError::CommandLine { path: self.plan_file.to_owned(), place, message: message.to_owned() }
    }
}

/// What clap says, without its advice for people at a terminal.
fn clap_message(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
