//! What `run.json` says of a run.

use std::collections::BTreeMap;

use run_record::run_info::{
    Build, ClockInfo, ColdAfter, ColdInfo, Configuration, EndpointInfo, EndpointsFile, Load, LoadKind,
    Machine, PayloadTemplate, RunInfo, SCHEMA, ShardInfo, StageInfo,
};
use run_record::units;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::cost;
use crate::plan::endpoints::Endpoint;
use crate::plan::schedule::{Generated, Schedule};
use crate::plan::{ClosedLoop, ColdLoop, ColdStart, Plan, Stage, Workload};
use crate::platform::{Description, EndpointDescription};
use crate::{machine, plan};

/// The order of more entries than this is cut.
const MAX_ORDER: usize = 1000;

/// Describes a run on a machine that was as busy as `before` says. When it starts is not known yet, nor what is called before.
///
/// # Errors
/// A payload is not JSON, which the endpoints file has ruled out.
pub(crate) fn run_info(
    config: &Config,
    platform: &Description,
    command_line: &[String],
    before: Option<Load>,
) -> serde_json::Result<RunInfo> {
    let own_version = ("awsinvoker".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Ok(RunInfo {
        schema: SCHEMA,
        start: String::new(),
        end: None,
        command_line: command_line.to_vec(),
        configuration: configuration(config, platform)?,
        prices: cost::prices(&config.prices, &config.plan, platform),
        versions: BTreeMap::from_iter(platform.versions.iter().cloned().chain([own_version])),
        build: build(),
        machine: Machine { before, ..machine::describe(config.threads.scheduling) },
        clock: ClockInfo::default(),
        merged_from: Vec::new(),
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

fn configuration(config: &Config, platform: &Description) -> serde_json::Result<Configuration> {
    let plan = &config.plan;
    let workload = &plan.workload;
    let mut configuration = Configuration {
        targets: platform.targets.clone(),
        functions: platform.functions.clone(),
        endpoints_file: endpoints_file(plan),
        endpoints: endpoints(plan, platform)?,
        load: LoadKind::Open,
        rps: workload.target_rps(),
        time_s: units::s(workload.end_ns()),
        stages: Vec::new(),
        schedule: None,
        concurrency: None,
        cold: None,
        arrivals: None,
        order: None,
        seed: plan.seed,
        shard: workload.schedule().and_then(shard),
        prewarm: None,
        warm_up: None,
        expected_requests: workload.expected(),
        timeout_s: plan.timeout.as_secs_f64(),
        max_in_flight: plan.max_in_flight,
        workers: config.threads.workers,
        spin: plan.spin,
        restart_every_s: plan.restart_every_ns.map(units::s),
        thresholds: plan.thresholds.iter().map(ToString::to_string).collect(),
        require_idle_percent: config.idle.map(|limit| limit.percent),
    };
    match workload {
        Workload::Open(schedule) => describe_schedule(&mut configuration, schedule.whole()),
        Workload::Cold(ColdLoop { start, calls, walk, .. }) => {
            configuration.load = LoadKind::Cold;
            configuration.order = Some(walk.order);
            configuration.cold = Some(ColdInfo {
                after: match start {
                    ColdStart::AfterUpdate => ColdAfter::Update,
                    ColdStart::AfterIdle { .. } => ColdAfter::Idle,
                },
                idle_s: match start {
                    ColdStart::AfterUpdate => None,
                    ColdStart::AfterIdle { idle_ns } => Some(units::s(*idle_ns)),
                },
                calls_per_endpoint: *calls,
            });
        }
        Workload::Closed(ClosedLoop { callers, walk, .. }) => {
            configuration.load = LoadKind::Closed;
            configuration.concurrency = Some(*callers);
            configuration.order = Some(walk.order);
        }
    }
    Ok(configuration)
}

fn describe_schedule(configuration: &mut Configuration, whole: &Schedule) {
    match whole {
        Schedule::Generated(Generated { profile, arrivals, walk, .. }) => {
            configuration.time_s = units::s(profile.duration_ns());
            configuration.stages = profile.stages().iter().map(stage).collect();
            configuration.arrivals = Some(*arrivals);
            configuration.order = Some(walk.order);
        }
        Schedule::Recorded(recording) => {
            configuration.schedule = Some(recording.file.clone());
            configuration.arrivals = recording.arrivals;
        }
        Schedule::Shard(sharded) => describe_schedule(configuration, sharded.whole()),
    }
}

/// Which part of a common load the schedule is.
fn shard(schedule: &Schedule) -> Option<ShardInfo> {
    let Schedule::Shard(sharded) = schedule else { return None };
    Some(ShardInfo {
        index: sharded.shard.index(),
        total: sharded.shard.total(),
        rps_together: sharded.whole().target_rps(),
        requests_together: sharded.whole().expected(),
    })
}

fn stage(stage: &Stage) -> StageInfo {
    StageInfo { time_s: units::s(stage.duration_ns), from_rps: stage.from.rps(), to_rps: stage.to.rps() }
}

fn payload_template(template: &plan::endpoints::PayloadTemplate) -> serde_json::Result<PayloadTemplate> {
    let values = RawValue::from_string(template.values_json.clone())?;
    Ok(PayloadTemplate { seed: template.seed, values })
}

fn endpoints(plan: &Plan, platform: &Description) -> serde_json::Result<Vec<EndpointInfo>> {
    let slots = &plan.endpoints.slots;
    let entries = |index: usize| slots.iter().filter(|&&slot| slot == index).count();
    let info = |(index, endpoint): (usize, &Endpoint)| {
        let EndpointDescription { target, function, system, .. } = platform.endpoints[index].clone();
        Ok(EndpointInfo {
            name: endpoint.name.clone(),
            hostname: endpoint.hostname.clone(),
            protocol: endpoint.place.protocol,
            target,
            function,
            system,
            asynchronous: endpoint.asynchronous,
            payload: RawValue::from_string(endpoint.payload.clone())?,
            payload_template: endpoint.template.as_ref().map(payload_template).transpose()?,
            share: entries(index) as f64 / slots.len() as f64,
            preflight: None,
        })
    };
    plan.endpoints.list.iter().enumerate().map(info).collect()
}
