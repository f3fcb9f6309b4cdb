//! What `run.json` says of a run.

use std::collections::BTreeMap;
use std::time::SystemTime;

use run_record::run_info::{
    Build, Configuration, EndpointInfo, EndpointsFile, Load, Machine, RunInfo, SCHEMA,
};
use run_record::{units, wall_clock};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::machine;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use crate::platform::Description;

/// The order of more entries than this is cut.
const MAX_ORDER: usize = 1000;

/// Describes a run that starts at `start`, on a machine that was as busy as `before` says.
///
/// # Errors
/// A payload is not JSON, which the endpoints file has ruled out.
pub(crate) fn run_info(
    config: &Config,
    platform: Description,
    command_line: &[String],
    start: SystemTime,
    before: Option<Load>,
) -> serde_json::Result<RunInfo> {
    let own_version = ("awsinvoker".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let plan = &config.plan;
    Ok(RunInfo {
        schema: SCHEMA,
        start: wall_clock::rfc3339(start),
        end: None,
        command_line: command_line.to_vec(),
        configuration: Configuration {
            target: platform.target,
            local: platform.local,
            docker: platform.docker,
            functions: platform.functions,
            env: platform.env,
            endpoints_file: endpoints_file(plan),
            endpoints: endpoints(plan)?,
            rps: plan.schedule.rate.rps(),
            time_s: units::s(plan.schedule.duration_ns),
            arrivals: plan.schedule.arrivals,
            seed: plan.schedule.seed,
            expected_requests: plan.schedule.expected(),
            timeout_s: plan.timeout.as_secs_f64(),
            max_in_flight: plan.max_in_flight,
            connection: platform.connection,
            thresholds: plan.thresholds.iter().map(ToString::to_string).collect(),
            require_idle_percent: config.idle.map(|limit| limit.percent),
        },
        versions: BTreeMap::from_iter(platform.versions.into_iter().chain([own_version])),
        build: build(),
        machine: Machine { before, ..machine::describe() },
    })
}

/// How this program was built.
fn build() -> Build {
    let commit = Some(env!("AWSINVOKER_COMMIT")).filter(|commit| !commit.is_empty());
    Build { commit: commit.map(str::to_owned), profile: env!("AWSINVOKER_PROFILE").to_owned() }
}

fn endpoints_file(plan: &Plan) -> EndpointsFile {
    let endpoints = &plan.endpoints;
    EndpointsFile {
        path: endpoints.path.display().to_string(),
        sha256: endpoints.sha256.clone(),
        entries: endpoints.slots.len() as u64,
        order: endpoints.slots.iter().take(MAX_ORDER).map(|&slot| slot as u64).collect(),
    }
}

fn endpoints(plan: &Plan) -> serde_json::Result<Vec<EndpointInfo>> {
    let slots = &plan.endpoints.slots;
    let entries = |index: usize| slots.iter().filter(|&&slot| slot == index).count();
    let info = |(index, endpoint): (usize, &Endpoint)| {
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
