//! What `run.json` says of a run.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use run_record::run_info::{Configuration, EndpointInfo, Machine, RunInfo, SCHEMA};
use run_record::{units, wall_clock};
use serde_json::value::RawValue;

use crate::plan::Plan;
use crate::platform::Description;

/// Describes a run that starts at `start`.
///
/// # Errors
/// A payload is not JSON, which the endpoints file has ruled out.
pub(crate) fn run_info(
    plan: &Plan,
    platform: &Description,
    command_line: &[String],
    start: SystemTime,
) -> serde_json::Result<RunInfo> {
    let own_version = ("awsinvoker".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Ok(RunInfo {
        schema: SCHEMA,
        start: wall_clock::rfc3339(start),
        command_line: command_line.to_vec(),
        configuration: Configuration {
            target: platform.target.clone(),
            functions: platform.functions.clone(),
            env: platform.env.clone(),
            endpoints: endpoints(plan)?,
            rps: plan.schedule.rate.rps(),
            time_s: units::s(plan.schedule.duration_ns),
            arrivals: plan.schedule.arrivals,
            seed: plan.schedule.seed,
            expected_requests: plan.schedule.expected(),
            timeout_s: plan.timeout.as_secs_f64(),
            max_in_flight: plan.max_in_flight,
            connection: platform.connection.clone(),
        },
        versions: BTreeMap::from_iter(platform.versions.iter().cloned().chain([own_version])),
        machine: machine(),
    })
}

fn endpoints(plan: &Plan) -> serde_json::Result<Vec<EndpointInfo>> {
    let slots = &plan.endpoints.slots;
    let entries = |index: usize| slots.iter().filter(|&&slot| slot == index).count();
    let info = |(index, endpoint): (usize, &crate::plan::endpoints::Endpoint)| {
        Ok(EndpointInfo {
            name: endpoint.name.clone(),
            hostname: endpoint.hostname.clone(),
            asynchronous: endpoint.asynchronous,
            payload: RawValue::from_string(endpoint.payload.clone())?,
            share: entries(index) as f64 / slots.len() as f64,
        })
    };
    plan.endpoints.list.iter().enumerate().map(info).collect()
}

/// Looks at this machine.
fn machine() -> Machine {
    let uname = rustix::system::uname();
    let parts = [uname.sysname(), uname.release(), uname.machine()];
    let memory = proc_value("/proc/meminfo", "MemTotal");
    Machine {
        cpu: proc_value("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().ok().map(Into::into),
        memory_kib: memory.and_then(|memory| memory.strip_suffix(" kB")?.parse().ok()),
        kernel: parts.map(|part| part.to_string_lossy().into_owned()).join(" "),
    }
}

/// The first value of a key in one of the system's `KEY : VALUE` files.
fn proc_value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_describes_the_machine() {
        let machine = machine();
        assert!(machine.kernel.starts_with("Linux "), "{machine:?}");
        assert!(machine.memory_kib.is_some_and(|kib| kib > 100_000), "{machine:?}");
        assert!(machine.cores.is_some_and(|cores| cores > 0), "{machine:?}");
    }
}
