//! From arguments to a configuration: whatever looks at files or at the environment is here.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::args::{Args, FunctionArg, ImageArg, ProgramArg};
use super::command::program;
use super::functions_file::{self, FileFunction};
use super::settings::{SettingsError, check_function, check_names, check_settings, value, variables};
use crate::config::{Config, FunctionConfig, Program};
use crate::env_vars;

/// The largest file of functions, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A function, and what the file says of it.
struct Source {
    name: String,
    program: Program,
    file: Option<FileFunction>,
}

/// The configuration that the arguments ask for.
pub(super) fn resolve(args: &Args) -> Result<Config> {
    let sources = sources(args)?;
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    check_names(names.iter().copied())?;
    check_settings("--memory", &args.memory, &names)?;
    check_settings("--timeout", &args.timeout, &names)?;
    check_settings("--reserved-concurrency", &args.reserved_concurrency, &names)?;
    check_settings("--provisioned-concurrency", &args.provisioned_concurrency, &names)?;
    check_settings("--max-concurrency", &args.max_concurrency, &names)?;
    for variable in &args.variables {
        check_function("--env", variable.function.as_deref(), &names)?;
    }
    let credentials =
        env_vars::CREDENTIALS.iter().filter_map(|key| Some(((*key).to_owned(), env_vars::get(key)?)));
    let functions = sources.into_iter().map(|source| function(args, source)).collect::<Result<_>>()?;
    let config = Config::new(functions);
    Ok(Config {
        region: args.region.clone(),
        credentials: credentials.collect(),
        concurrency: args.concurrency.try_into().context("--concurrency is too large")?,
        initialising: match args.initialising {
            Some(count) => count.try_into().context("--initialising is too large")?,
            None => config.initialising,
        },
        idle_timeout: Duration::from_secs(args.idle_timeout),
        allowed_origins: args.web.origins.clone(),
        allowed_hosts: args.web.hosts.iter().chain([&args.listen.host]).cloned().collect(),
        watch: args.watch,
        helper: Some(std::env::current_exe().context("cannot find this executable")?),
        ..config
    })
}

/// What runs each function: those of the command line, and then those of the file.
fn sources(args: &Args) -> Result<Vec<Source>> {
    let (search_path, folder) = (env_vars::get_os(env_vars::PATH), current_folder()?);
    let mut sources = Vec::new();
    for FunctionArg { name, command } in &args.functions {
        let program = program(command, &search_path, &folder);
        let program = program.with_context(|| format!("--function {name}={command}"))?;
        sources.push(Source { name: name.clone(), program, file: None });
    }
    for ImageArg { name, image } in &args.images {
        sources.push(Source { name: name.clone(), program: Program::Image(image.clone()), file: None });
    }
    for ImageArg { name, image } in &args.images_as_processes {
        sources.push(Source {
            name: name.clone(),
            program: Program::ImageAsProcess(image.clone()),
            file: None,
        });
    }
    if let Some(path) = &args.config {
        let of_file = read_file(path).with_context(|| path.display().to_string())?;
        let folder = folder.join(path.parent().unwrap_or(Path::new("")));
        for function in of_file {
            let program = match &function.program {
                ProgramArg::Command(command) => program(command, &search_path, &folder)
                    .with_context(|| format!("{}: functions.{}.command", path.display(), function.name))?,
                ProgramArg::Image(image) => Program::Image(image.clone()),
                ProgramArg::ImageAsProcess(image) => Program::ImageAsProcess(image.clone()),
            };
            sources.push(Source { name: function.name.clone(), program, file: Some(function) });
        }
    }
    Ok(sources)
}

fn read_file(path: &Path) -> Result<Vec<FileFunction>> {
    let mut text = String::new();
    let file = File::open(path).context("cannot open the file")?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).context("cannot read the file")?;
    ensure!(
        text.len() as u64 <= MAX_FILE_BYTES,
        "the file is too large; expected at most {MAX_FILE_BYTES} bytes"
    );
    Ok(functions_file::read(&text)?)
}

fn function(args: &Args, Source { name, program, file }: Source) -> Result<FunctionConfig> {
    let default = FunctionConfig::new(name, program);
    let (name, file) = (default.name.as_str(), file.as_ref());
    let variables =
        variables(&args.variables, name, file, env_vars::get).map_err(|error| match &args.config {
            Some(path) if matches!(error, SettingsError::NotInherited { .. }) => {
                anyhow::Error::new(error).context(path.display().to_string())
            }
            _ => error.into(),
        })?;
    let in_file = |field: fn(&FileFunction) -> Option<u32>| file.and_then(field);
    let timeout = value(&args.timeout, name, file.and_then(|file| file.timeout));
    let memory = value(&args.memory, name, in_file(|file| file.memory));
    let reserved = value(&args.reserved_concurrency, name, in_file(|file| file.reserved));
    let provisioned = value(&args.provisioned_concurrency, name, in_file(|file| file.provisioned));
    let max_concurrency = value(&args.max_concurrency, name, in_file(|file| file.max_concurrency));
    let max_concurrency = max_concurrency.map(usize::try_from).transpose();
    let max_concurrency = max_concurrency.context("--max-concurrency is too large")?;
    Ok(FunctionConfig {
        memory_mb: memory.unwrap_or(default.memory_mb),
        timeout: timeout.map_or(default.timeout, Duration::from_secs),
        max_concurrency: max_concurrency.and_then(NonZero::new),
        environment: variables,
        reserved_concurrency: reserved
            .map(usize::try_from)
            .transpose()
            .context("--reserved-concurrency is too large")?,
        provisioned_concurrency: usize::try_from(provisioned.unwrap_or_default())
            .context("--provisioned-concurrency is too large")?,
        ..default
    })
}

fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().context("cannot find the current folder")
}
