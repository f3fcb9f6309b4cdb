//! The environment variables that awsinvoker reads itself. Most of AWS's are read by its SDK. No other module of this crate
//! reads the environment.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is logged to stderr: `error`, `warn`, `info`, `debug`, or a list of `TARGET=LEVEL`.
const AWSINVOKER_LOG: &str = "AWSINVOKER_LOG";
/// Folders in which `--local` looks for programs.
const PATH: &str = "PATH";
/// A file of certificates, in PEM, that are trusted instead of the system's. The SDK does not know it.
const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// What the terminal can do.
const TERM: &str = "TERM";

/// How many pods a Kubernetes Indexed Job has, which Kubernetes does not tell them.
pub(crate) const AWSINVOKER_SHARDS: &str = "AWSINVOKER_SHARDS";
/// The index of a pod of a Kubernetes Indexed Job, from 0.
pub(crate) const JOB_COMPLETION_INDEX: &str = "JOB_COMPLETION_INDEX";
/// The index of a job of an array of AWS Batch, from 0.
pub(crate) const AWS_BATCH_JOB_ARRAY_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
/// How many jobs an array of AWS Batch has.
pub(crate) const AWS_BATCH_JOB_ARRAY_SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";
/// The id of a task of an array of Slurm.
pub(crate) const SLURM_ARRAY_TASK_ID: &str = "SLURM_ARRAY_TASK_ID";
/// How many tasks the array has.
pub(crate) const SLURM_ARRAY_TASK_COUNT: &str = "SLURM_ARRAY_TASK_COUNT";
/// The smallest id of a task of the array.
pub(crate) const SLURM_ARRAY_TASK_MIN: &str = "SLURM_ARRAY_TASK_MIN";
/// The greatest id of a task of the array.
pub(crate) const SLURM_ARRAY_TASK_MAX: &str = "SLURM_ARRAY_TASK_MAX";
/// The distance between two ids of the array.
pub(crate) const SLURM_ARRAY_TASK_STEP: &str = "SLURM_ARRAY_TASK_STEP";
/// The index of a process that `srun` started, from 0.
pub(crate) const SLURM_PROCID: &str = "SLURM_PROCID";
/// How many processes `srun` started.
pub(crate) const SLURM_NTASKS: &str = "SLURM_NTASKS";
/// The number of the step of a Slurm job, which processes have that `srun` started.
pub(crate) const SLURM_STEP_ID: &str = "SLURM_STEP_ID";

/// The variables by which a process knows which of several it is.
const SHARD_VARIABLES: [&str; 12] = [
    AWSINVOKER_SHARDS,
    JOB_COMPLETION_INDEX,
    AWS_BATCH_JOB_ARRAY_INDEX,
    AWS_BATCH_JOB_ARRAY_SIZE,
    SLURM_ARRAY_TASK_ID,
    SLURM_ARRAY_TASK_COUNT,
    SLURM_ARRAY_TASK_MIN,
    SLURM_ARRAY_TASK_MAX,
    SLURM_ARRAY_TASK_STEP,
    SLURM_PROCID,
    SLURM_NTASKS,
    SLURM_STEP_ID,
];

/// The values of those variables that are set and not empty, by name.
pub(crate) fn shard_variables() -> BTreeMap<&'static str, String> {
    let set = SHARD_VARIABLES.into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
    set.filter(|(_, value)| !value.is_empty()).collect()
}

/// The value of `AWSINVOKER_LOG`, if it is set and is Unicode.
pub fn log() -> Option<String> {
    env::var(AWSINVOKER_LOG).ok()
}

/// The value of `TERM`, if it is set and is Unicode.
pub fn term() -> Option<String> {
    env::var(TERM).ok()
}

/// The value of `PATH`.
pub fn path() -> Option<OsString> {
    env::var_os(PATH)
}

/// The value of `AWS_CA_BUNDLE`, if it is set and not empty.
pub(crate) fn ca_bundle() -> Option<PathBuf> {
    env::var_os(AWS_CA_BUNDLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What the variables say of proxies for addresses behind TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    /// The variable that names a proxy, and its value.
    pub(crate) https: Option<(&'static str, String)>,
    /// Which servers are called without one.
    pub(crate) no: String,
}

/// `HTTPS_PROXY`, else `ALL_PROXY`, and `NO_PROXY`: each in capital letters, else in small ones.
pub(crate) fn proxies() -> Proxies {
    let first = |names: [&'static str; 2]| {
        let set = names.into_iter().find_map(|name| Some((name, env::var(name).ok()?)));
        set.filter(|(_, value)| !value.is_empty())
    };
    Proxies {
        https: first(["HTTPS_PROXY", "https_proxy"]).or_else(|| first(["ALL_PROXY", "all_proxy"])),
        no: first(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default(),
    }
}
