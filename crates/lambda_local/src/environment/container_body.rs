//! What Docker is told of a container: the limits and the confinement of Lambda.

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, ResourcesUlimits};

use super::container::ContainerSpec;
use super::docker::Docker;

/// The memory that comes with one CPU on Lambda, in MB.
const MEMORY_MB_PER_CPU: i64 = 1769;
/// In which time a container may use its share of the CPUs, in microseconds: Docker's and the kernel's default.
const CPU_PERIOD_US: i64 = 100_000;
/// The user and group that functions run as on Lambda.
const USER: &str = "993:990";
/// As on Lambda by default; programs may be run from it.
const TMP: &str = "rw,exec,nosuid,nodev,size=512m,mode=1777";
/// As on Lambda.
const PROCESSES: i64 = 1024;
/// As on Lambda.
const OPEN_FILES: i64 = 1024;

/// The body of the request for a container.
pub(super) fn of(spec: &ContainerSpec, docker: &Docker) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image_id.clone()),
        user: Some(USER.to_owned()),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(docker.run.labels()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(docker.network.clone()),
            ..limits(spec, docker.cpus)
        }),
        ..Default::default()
    }
}

fn limits(spec: &ContainerSpec, cpus: i64) -> HostConfig {
    let memory = i64::from(spec.memory_mb) << 20;
    HostConfig {
        memory: Some(memory),
        // No swap beyond it.
        memory_swap: Some(memory),
        cpu_period: Some(CPU_PERIOD_US),
        cpu_quota: Some(cpu_quota_us(spec.memory_mb, cpus)),
        pids_limit: Some(PROCESSES),
        ulimits: Some(vec![ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(OPEN_FILES),
            hard: Some(OPEN_FILES),
        }]),
        readonly_rootfs: Some(true),
        tmpfs: Some([("/tmp".to_owned(), TMP.to_owned())].into()),
        // Without /dev/shm, which Lambda does not have either.
        ipc_mode: Some("none".to_owned()),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        // The program is not the first process, for which signals mean something else; its signals come as codes.
        init: Some(true),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..Default::default()
    }
}

/// The CPU time within a period, in microseconds: in proportion to the memory, at most all `cpus`.
fn cpu_quota_us(memory_mb: u32, cpus: i64) -> i64 {
    let share = i64::from(memory_mb) * CPU_PERIOD_US / MEMORY_MB_PER_CPU;
    share.min(cpus.saturating_mul(CPU_PERIOD_US))
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
        for (memory_mb, quota) in
            [(128, 7_235), (512, 28_942), (1769, 100_000), (3538, 200_000), (10_240, 200_000)]
        {
            assert_eq!(cpu_quota_us(memory_mb, 2), quota, "{memory_mb} MB");
        }
        assert!(!exceeds(3538, 2) && exceeds(3539, 2));
    }
}
