//! What is run for an instance of a function behind gRPC.

use std::ffi::OsString;
use std::path::Path;

use run_record::run_info::CpuLimit;

use crate::platform::local_functions::Program;

/// What a process is given besides `--env`: the same as lambda-local gives the programs of functions.
pub(super) const VARIABLES: [(&str, &str); 2] =
    [("LANG", "en_US.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin")];
/// A process chooses a free port, and tells it.
pub(super) const ARGUMENTS: [&str; 2] = ["--addr", "127.0.0.1:0"];
/// Where an instance listens inside its container.
pub(super) const CONTAINER_PORT: u16 = 50051;
/// The memory that lambda-local gives a function by default.
const DEFAULT_MEMORY_MB: u32 = 512;
/// With this memory, a function of Lambda has one processor.
const MB_PER_PROCESSOR: u64 = 1769;
/// The period in which a container of lambda-local, as one of Lambda, gets its share of the processors. That of Docker is
/// five times as long, and a container that has used its share would wait five times as long.
const CPU_PERIOD_US: u64 = 20_000;

/// A function of which instances are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Function {
    pub(in crate::platform) name: String,
    pub(in crate::platform) program: Program,
    /// The memory of its containers in MB.
    pub(super) memory_mb: Option<u32>,
    /// `KEY=VALUE` for it.
    pub(in crate::platform) env: Vec<String>,
}

impl Function {
    /// The memory that each instance may use, in MB. A process without a container has no limit.
    pub(in crate::platform) fn memory_mb(&self) -> Option<u32> {
        match self.program {
            Program::Executable(_) => None,
            Program::Image(_) => Some(self.memory_mb.unwrap_or(DEFAULT_MEMORY_MB)),
        }
    }

    /// The CPU time that each instance may use, where Docker has so many processors: as lambda-local limits containers
    /// of this memory. A process without a container has no limit.
    pub(super) fn cpu_limit(&self, processors: u64) -> Option<CpuLimit> {
        let share_us = u64::from(self.memory_mb()?) * CPU_PERIOD_US / MB_PER_PROCESSOR;
        let quota_us = share_us.min(processors.saturating_mul(CPU_PERIOD_US));
        Some(CpuLimit { quota_us, period_us: CPU_PERIOD_US })
    }

    /// The program and its arguments. `container` is the name of the container, and `cpu_limit` its limit, if there is
    /// one.
    pub(super) fn words(&self, container: &str, cpu_limit: Option<CpuLimit>) -> Vec<OsString> {
        let image = match &self.program {
            Program::Executable(path) => {
                // A name without a slash would be looked for in PATH.
                let path =
                    if path.components().count() > 1 { path.clone() } else { Path::new(".").join(path) };
                return std::iter::once(path.into_os_string()).chain(ARGUMENTS.map(OsString::from)).collect();
            }
            Program::Image(image) => image,
        };
        let memory_mb = self.memory_mb().unwrap_or(DEFAULT_MEMORY_MB);
        let mut words: Vec<String> =
            ["docker", "run", "--rm", "--pull", "never", "--name", container].map(str::to_owned).to_vec();
        words.extend(["--publish".to_owned(), format!("127.0.0.1::{CONTAINER_PORT}")]);
        words.extend([format!("--memory={memory_mb}m"), format!("--memory-swap={memory_mb}m")]);
        if let Some(CpuLimit { quota_us, period_us }) = cpu_limit {
            words.extend([format!("--cpu-quota={quota_us}"), format!("--cpu-period={period_us}")]);
        }
        words.extend(["--cap-drop=ALL", "--security-opt=no-new-privileges"].map(str::to_owned));
        for pair in &self.env {
            words.extend(["--env".to_owned(), pair.clone()]);
        }
        // As Knative tells a container its port. It stands last, so that it counts.
        words.extend(["--env".to_owned(), format!("PORT={CONTAINER_PORT}"), image.clone()]);
        words.into_iter().map(OsString::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(program: Program, memory_mb: Option<u32>) -> Function {
        Function { name: "f".to_owned(), program, memory_mb, env: vec!["A=1 2".to_owned(), "B=".to_owned()] }
    }

    fn words(program: Program, memory_mb: Option<u32>) -> String {
        let function = function(program, memory_mb);
        let words = function.words("awsinvoker-1", function.cpu_limit(2));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_process_is_told_to_choose_a_port() {
        assert_eq!(words(Program::Executable("/x/f".into()), None), "/x/f --addr 127.0.0.1:0");
        assert_eq!(words(Program::Executable("f".into()), None), "./f --addr 127.0.0.1:0");
    }

    #[test]
    fn a_container_has_the_memory_and_the_processor_of_a_lambda() {
        let image = || Program::Image("f:1".to_owned());
        insta::assert_snapshot!(words(image(), Some(1769)), @"docker run --rm --pull never --name awsinvoker-1 --publish 127.0.0.1::50051 --memory=1769m --memory-swap=1769m --cpu-quota=20000 --cpu-period=20000 --cap-drop=ALL --security-opt=no-new-privileges --env A=1 2 --env B= --env PORT=50051 f:1");
        assert!(words(image(), None).contains(" --memory=512m --memory-swap=512m --cpu-quota=5788 "));
    }

    /// The numbers are those of lambda-local's own test of its containers.
    #[test]
    fn the_cpu_time_is_that_of_a_container_of_lambda_local() {
        let quota_us = |memory_mb| {
            let function = function(Program::Image("f:1".to_owned()), Some(memory_mb));
            function.cpu_limit(2).map(|limit| limit.quota_us)
        };
        for (memory_mb, expected) in
            [(128, 1_447), (512, 5_788), (1769, 20_000), (3538, 40_000), (10_240, 40_000)]
        {
            assert_eq!(quota_us(memory_mb), Some(expected), "{memory_mb} MB");
        }
        assert_eq!(function(Program::Executable("f".into()), None).cpu_limit(2), None);
    }
}
