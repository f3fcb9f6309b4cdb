//! `--estimate`: what an experiment takes, before it begins or before it goes on.

use std::fmt;

use run_record::experiment::{Mode, Run};
use run_record::units::{self, counted};

use super::plan::ExperimentPlan;
use super::run_order::{self, NextRun};
use super::widths::Widths;
use crate::config::Config;
use crate::cost;
use crate::plan::Workload;
use crate::run::RunError;

/// What is still to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlanEstimate {
    runs: u64,
    /// Without the start of what is measured, and without waiting for last answers. Absent if that is not known: cold calls
    /// take as long as it takes to make functions cold.
    seconds: Option<f64>,
    /// Requests that are measured.
    requests: u64,
    /// Requests before the measurement, which are not counted.
    before: u64,
    /// What it costs on AWS, in words.
    cost: String,
    widths: Widths,
}

/// One kind of run, and how often it is made.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) run: NextRun,
    pub(super) count: u64,
}

/// The runs that are missing, those of one system together.
pub(super) fn missing(plan: &ExperimentPlan, made: &[Run]) -> Vec<Kind> {
    let missing = plan.pairs.saturating_sub(run_order::done(plan, made));
    if missing == 0 {
        return Vec::new();
    }
    let run = |system, windows| NextRun { index: 0, system, pair: None, windows };
    match plan.mode {
        Mode::RoundRobin => vec![Kind { run: run(None, missing), count: 1 }],
        Mode::Cold => vec![Kind { run: run(None, 1), count: missing.into() }],
        Mode::Interleaved => {
            let kind = |system: &String| Kind { run: run(Some(system.clone()), 1), count: missing.into() };
            plan.systems.iter().map(kind).collect()
        }
    }
}

/// How many calls a side has in a window, if the first of these kinds has this configuration.
pub(super) fn calls_in_window(kinds: &[Kind], config: &Config) -> f64 {
    let (windows, plan) = (kinds.first().map_or(1, |kind| kind.run.windows), &config.plan);
    let endpoints = plan.endpoints.list.len();
    measured(&plan.workload, endpoints) as f64 / (endpoints.max(1) as f64 * f64::from(windows.max(1)))
}

impl PlanEstimate {
    /// Adds up runs of these kinds.
    pub(super) async fn new(kinds: &[(u64, Config)], widths: Widths) -> Self {
        let cost = "nothing on AWS".to_owned();
        let mut estimate = Self { runs: 0, seconds: Some(0.0), requests: 0, before: 0, cost, widths };
        let mut usd = Some(0.0);
        for (count, config) in kinds {
            let plan = &config.plan;
            estimate.runs += count;
            let warm_up_ns = plan.warm_up_ns.unwrap_or(0);
            let length_s = match &plan.workload {
                Workload::Open(_) => Some(units::s(plan.workload.end_ns().saturating_add(warm_up_ns))),
                Workload::Closed(_) | Workload::Cold(_) => None,
            };
            let total_s = |so_far: f64| Some(so_far + length_s? * *count as f64);
            estimate.seconds = estimate.seconds.and_then(total_s);
            let measured = measured(&plan.workload, plan.endpoints.list.len());
            estimate.requests = estimate.requests.saturating_add(measured.saturating_mul(*count));
            let before = calls_before(config, warm_up_ns);
            estimate.before = estimate.before.saturating_add(before.saturating_mul(*count));
            match cost_usd(config).await {
                Ok(one) => usd = usd.map(|usd| usd + one * *count as f64),
                Err(reason) => {
                    usd = None;
                    estimate.cost = format!("not known: {reason}");
                }
            }
        }
        if let Some(usd) = usd.filter(|usd| *usd > 0.0) {
            estimate.cost = format!("at most {usd:.6} USD if each call is billed {}", basis(kinds));
        }
        estimate
    }
}

/// How many requests a run measures.
fn measured(workload: &Workload, endpoints: usize) -> u64 {
    match workload {
        Workload::Open(schedule) => schedule.expected(),
        Workload::Cold(cold) => cold.calls.unwrap_or(0).saturating_mul(endpoints as u64),
        Workload::Closed(_) => 0,
    }
}

/// How many calls a run makes before its measurement.
fn calls_before(config: &Config, warm_up_ns: u64) -> u64 {
    let plan = &config.plan;
    let warm_up = match warm_up_ns {
        0 => 0,
        ns => plan.workload.beginning(ns).schedule().map_or(0, |schedule| schedule.expected()),
    };
    let per_endpoint = u64::from(plan.prewarm.map_or(0, std::num::NonZeroU32::get))
        + u64::from(!config.preflight.no_preflight);
    warm_up + per_endpoint * plan.endpoints.list.len() as u64
}

/// What a run costs at most. Functions that are started for it cost nothing, and the platform is asked about others.
async fn cost_usd(config: &Config) -> Result<f64, String> {
    if config.platform.is_free() {
        return Ok(0.0);
    }
    let started =
        config.platform.start(&config.plan.endpoints.list).await.map_err(|error| error.to_string())?;
    let prices = cost::prices(&config.prices, &config.plan, &started.description);
    let expected_s = config.max_cost.and_then(|limit| limit.expected_s);
    let has_preflight = !config.preflight.no_preflight;
    let estimated = cost::estimate(expected_s, &config.plan, &prices, &started.description, has_preflight);
    started.local.stop().await;
    estimated.map(|estimated| estimated.usd).map_err(|error| error.to_string())
}

/// Why the price of an endpoint on AWS is not known; `None` if all are.
pub(super) async fn unknown_price(config: &Config) -> Result<Option<String>, RunError> {
    if config.platform.is_free() {
        return Ok(None);
    }
    let started = config.platform.start(&config.plan.endpoints.list).await?;
    let prices = cost::prices(&config.prices, &config.plan, &started.description);
    started.local.stop().await;
    Ok(cost::unknown_on_aws(&prices, &config.plan))
}

fn basis(kinds: &[(u64, Config)]) -> String {
    let expected_s = kinds.iter().find_map(|(_, config)| config.max_cost?.expected_s);
    cost::basis(expected_s)
}

impl fmt::Display for PlanEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, seconds, requests, before, cost, widths } = self;
        let runs = counted(*runs, "run");
        match seconds {
            Some(seconds) => writeln!(
                f,
                "time: {} in {runs}, and what their starts and last answers take",
                worded(*seconds)
            )?,
            None => {
                writeln!(f, "time: not known, since each call of {runs} waits until its function is cold")?
            }
        }
        writeln!(f, "requests: {requests}, and {before} before the measurement")?;
        writeln!(f, "cost: {cost}")?;
        write!(f, "intervals: {widths}")
    }
}

/// A time for people.
fn worded(seconds: f64) -> String {
    let whole = units::rounded(seconds.ceil());
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        let worded = [0.2, 59.0, 61.5, 3599.9, 9000.0].map(worded);
        assert_eq!(worded, ["1 s", "59 s", "1 min 2 s", "1 h 0 min", "2 h 30 min"]);
    }
}
