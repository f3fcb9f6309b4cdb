//! The request that makes a container: it asks for the limits and the confinement of Lambda.

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, HostConfig, HostConfigLogConfig, ResourcesUlimits,
};

use super::daemon::Docker;
use crate::backend::program::CpuLimit;

/// The memory that comes with one CPU on Lambda, in MB.
const MEMORY_MB_PER_CPU: i64 = 1769;
/// The period in which a container may use its share of the CPUs, in microseconds: that of Lambda. The default of Docker
/// and of the kernel is five times as long.
const CPU_PERIOD_US: i64 = 20_000;
/// The user and the group of functions on Lambda.
const USER: &str = "993:990";
/// The options of `/tmp`: the size is Lambda's default, and programs may be run from it as on Lambda.
const TMP: &str = "rw,exec,nosuid,nodev,size=512m,mode=1777";
/// How many processes and threads Lambda lets a function have.
const PROCESSES: i64 = 1024;
/// How many files Lambda lets a function open.
const OPEN_FILES: i64 = 1024;

/// What to start.
#[derive(Debug, Clone)]
pub(super) struct ContainerSpec {
    pub(super) image_id: String,
    /// In MB (2^20 bytes). The share of the CPUs follows from it.
    pub(super) memory_mb: u32,
    /// Environment variables beyond those of the image. They win over those of the image.
    pub(super) variables: Vec<(String, String)>,
}

/// The body of the request.
pub(super) fn create_request(spec: &ContainerSpec, docker: &Docker) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image_id.clone()),
        user: Some(USER.to_owned()),
        env: Some(spec.variables.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(docker.run.labels()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig { network_mode: Some(docker.network.clone()), ..limits(spec) }),
        ..Default::default()
    }
}

/// The request that limits a container to its share of the CPUs. As on Lambda, that is not so while it initialises.
pub(super) fn cpu_request(CpuLimit { quota_us, period_us }: CpuLimit) -> ContainerUpdateBody {
    ContainerUpdateBody { cpu_period: Some(period_us), cpu_quota: Some(quota_us), ..Default::default() }
}

fn limits(spec: &ContainerSpec) -> HostConfig {
    let memory = i64::from(spec.memory_mb) << 20;
    HostConfig {
        memory: Some(memory),
        // No swap.
        memory_swap: Some(memory),
        pids_limit: Some(PROCESSES),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(OPEN_FILES),
            hard: Some(OPEN_FILES),
        }]),
        readonly_rootfs: Some(true),
        tmpfs: Some([("/tmp".to_owned(), TMP.to_owned())].into()),
        // Lambda has no /dev/shm.
        ipc_mode: Some("none".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        // Signals mean something else to the first process, so the program is not the first one. If a signal ends the
        // program, the container's exit code tells which.
        init: Some(true),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..Default::default()
    }
}

/// The CPU time that comes with the memory. It is in proportion to the memory, and at most that of all `cpus`.
pub(super) fn cpu_limit(memory_mb: u32, cpus: i64) -> CpuLimit {
    let share = i64::from(memory_mb) * CPU_PERIOD_US / MEMORY_MB_PER_CPU;
    CpuLimit { quota_us: share.min(cpus.saturating_mul(CPU_PERIOD_US)), period_us: CPU_PERIOD_US }
}

/// Whether a function would have more CPUs on Lambda than this machine has.
pub(super) fn exceeds(memory_mb: u32, cpus: i64) -> bool {
    i64::from(memory_mb) > cpus.saturating_mul(MEMORY_MB_PER_CPU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_cpus_follows_the_memory() {
        for (memory_mb, quota_us) in
            [(128, 1_447), (512, 5_788), (1769, 20_000), (3538, 40_000), (10_240, 40_000)]
        {
            let expected = CpuLimit { quota_us, period_us: 20_000 };
            assert_eq!(cpu_limit(memory_mb, 2), expected, "{memory_mb} MB");
        }
        assert!(!exceeds(3538, 2) && exceeds(3539, 2));
    }
}
