//! From arguments to a configuration: whatever looks at files or at the environment is here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::args::{Args, FunctionArg, ImageArg, VariableArg};
use super::command::program;
use crate::config::{Config, FunctionConfig, Program};
use crate::env_vars;

/// The configuration that the arguments ask for.
pub(super) fn resolve(args: &Args) -> Result<Config> {
    let programs = programs(args)?;
    let credentials = env_vars::CREDENTIALS.map(|key| VariableArg { key: key.to_owned(), value: None });
    let environment = variables(&credentials).chain(variables(&args.variables)).collect::<Vec<_>>();
    let functions = programs.into_iter().map(|(name, program)| FunctionConfig {
        memory_mb: args.memory,
        timeout: Duration::from_secs(args.timeout),
        environment: environment.clone(),
        ..FunctionConfig::new(name, program)
    });
    Ok(Config {
        region: args.region.clone(),
        concurrency: args.concurrency.try_into().context("--concurrency is too large")?,
        idle_timeout: Duration::from_secs(args.idle_timeout),
        reaper: Some(std::env::current_exe().context("cannot find this executable")?),
        ..Config::new(functions.collect())
    })
}

/// What runs each function, by name.
fn programs(args: &Args) -> Result<Vec<(&str, Program)>> {
    let mut programs = Vec::new();
    let (search_path, folder) = (env_vars::get_os(env_vars::PATH), current_folder()?);
    for FunctionArg { name, command } in &args.functions {
        let program = program(command, &search_path, &folder);
        programs.push((name.as_str(), program.with_context(|| format!("--function {name}={command}"))?));
    }
    programs.extend(
        args.images.iter().map(|ImageArg { name, image }| (name.as_str(), Program::Image(image.clone()))),
    );
    let mut names = BTreeSet::new();
    if let Some((twice, _)) = programs.iter().find(|(name, _)| !names.insert(*name)) {
        bail!("the function {twice:?} is given twice; expected names that differ");
    }
    Ok(programs)
}

/// The variables that have a value: one that was given, or that of lambda-local.
fn variables(args: &[VariableArg]) -> impl Iterator<Item = (String, String)> {
    args.iter().filter_map(|VariableArg { key, value }| {
        let value = value.clone().or_else(|| env_vars::get(key))?;
        Some((key.clone(), value))
    })
}

fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().context("cannot find the current folder")
}
