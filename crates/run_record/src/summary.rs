//! The published result of a run: what `summary.json` holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::BudgetSummary;
use crate::cost::{CostSummary, EndpointPrice};
use crate::environments::EnvironmentsSummary;
use crate::failures::FailuresSummary;
use crate::histogram::{Histogram, View};
use crate::latency::{Lag, Latency, Views};
use crate::likeness;
use crate::outcomes::Outcomes;
use crate::run_info::{ColdAfter, Configuration, FunctionInfo, Protocol, RunInfo};
use crate::sample::{Outcome, Start};
use crate::threshold::{Threshold, ThresholdResult};
use crate::totals::{EndpointTotals, Totals};
use crate::units;
use crate::verdict::{Facts, LAG_TO_TRUST_US, Reason, Verdict, lag_rank};
use crate::warning::Warning;

/// The version of the layout of `summary.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 2;

/// Of a merged run, further warnings of its shards are in `run.json` only.
const MAX_WARNINGS: usize = 20;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Summary of an awsinvoker run", deny_unknown_fields)]
pub struct Summary {
    /// Version of this layout.
    pub schema: u32,
    /// Whether the numbers may be published.
    pub verdict: Verdict,
    /// Invocations that were due. Each has exactly one outcome: this is the sum of all outcomes of all endpoints.
    pub issued: u64,
    /// Invocations with outcome `ok`, whenever they ended.
    pub completed: u64,
    /// Rate that was asked for, over all endpoints, in requests a second: the mean over the window if it changed, also over
    /// the window of a run that ended early; null for a closed loop, which has none.
    pub target_rps: Option<f64>,
    /// Requests sent within the window, divided by its length. Dropped invocations are not sent.
    pub sent_rps: f64,
    /// `completed`, divided by the length of the window: the rate of those requests that were due and succeeded. It does not
    /// depend on how long they took. This is the rate that is printed as real, and that is in the name of the file of
    /// `--latf`.
    pub real_rps: f64,
    /// `completed`, divided by `run_s`: the rate at which successes came, with the wait for the last one.
    pub completed_rps: f64,
    /// Seconds from the start of the run to the end of its schedule. The wait for the last answers is not part of it. With
    /// constant arrivals each arrival stands for one period, so the end is the due time of the first arrival that is not
    /// part of the run. If the schedule was interrupted, the end is the interruption; at a constant rate, it is the end of the period
    /// that had begun.
    pub window_s: f64,
    /// Seconds from the start of the run to the end of the window or of the last invocation, whichever is later.
    pub run_s: f64,
    /// Whether a signal ended the run early.
    pub interrupted: bool,
    /// Seconds from the start of the run to the signal that ended it early; null if none did.
    pub interrupted_after_s: Option<f64>,
    /// Values of published histograms above one hour, which were recorded as one hour.
    pub saturated: u64,
    /// Microseconds from the intended time of a request to the time at which it was handed to the client; null if none was
    /// sent.
    pub schedule_lag_us: Lag,
    /// By endpoint.
    pub endpoints: Vec<EndpointSummary>,
    /// Failures by cause.
    pub failures: FailuresSummary,
    /// Whether each endpoint kept each of the thresholds that were given.
    pub thresholds: Vec<ThresholdResult>,
    /// Why numbers of this run should not be taken at face value.
    pub warnings: Vec<Warning>,
}

/// The result of one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointSummary {
    /// Name, unique in the run.
    pub name: String,
    /// Whether calls were asynchronous. Then ok means accepted, and there is no function latency.
    pub asynchronous: bool,
    /// Invocations by outcome.
    pub outcomes: Outcomes,
    /// Invocations, of any outcome, that were a cold start; null if no answer told.
    pub cold_starts: Option<u64>,
    /// The share that these are of the invocations of which it is known, in percent; null if no answer told.
    pub cold_percent: Option<f64>,
    /// How long environments took to initialise, as the platform reported, for invocations of any outcome.
    pub init: Latency,
    /// How long environments took to be restored from a snapshot, as the platform reported, for invocations of any outcome.
    pub restore: Latency,
    /// Which environments answered; null if no answer told.
    pub environments: Option<EnvironmentsSummary>,
    /// What its requests cost; null if it is not on Lambda, where nobody bills them.
    pub cost: Option<CostSummary>,
    /// The most memory that an environment used, in MiB; null if no answer told.
    pub max_memory_mib: Option<u64>,
    /// Bytes of the bodies of answers, of any outcome; null if there was none.
    pub answer_bytes: Option<Bytes>,
    /// Latencies of invocations with outcome `ok`.
    pub views: Views,
    /// Those by an environment that had answered before.
    pub warm: Views,
    /// Those of cold starts.
    pub cold: Views,
    /// Where the time of invocations with outcome `ok` went.
    pub budget: BudgetSummary,
}

/// Numbers of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Bytes {
    /// The fewest.
    pub min: u64,
    /// The most.
    pub max: u64,
}

/// The course of a run, which its summary follows from.
#[derive(Clone, Debug)]
pub struct Course<'a> {
    /// Name of each endpoint, and whether it was called asynchronously.
    pub endpoints: Vec<(&'a str, bool)>,
    /// Rate that was asked for; a closed loop has none.
    pub target_rps: Option<f64>,
    /// Invocations that were due.
    pub issued: u64,
    /// Length of the window over which rates are computed.
    pub window_ns: u64,
    /// From the start of the run to the signal that ended it early.
    pub interrupted_ns: Option<u64>,
    /// Requests that were sent within the window.
    pub sent_in_window: u64,
    /// How far the wall clock moved against the monotonic one during the run.
    pub wall_jump_ns: i64,
    /// What is demanded of the run.
    pub thresholds: &'a [Threshold],
}

impl<'a> Course<'a> {
    /// The course of a run as `run.json` tells it. Of a run without an end, everything but the endpoints is 0 or not known.
    pub fn of_run(info: &'a RunInfo, thresholds: &'a [Threshold]) -> Self {
        let (endpoints, end) = (info.configuration.endpoints.iter(), info.end.as_ref());
        Self {
            endpoints: endpoints.map(|endpoint| (endpoint.name.as_str(), endpoint.asynchronous)).collect(),
            target_rps: end.and_then(|end| end.target_rps),
            issued: end.map_or(0, |end| end.issued),
            window_ns: end.map_or(0, |end| end.window_ns),
            interrupted_ns: end.and_then(|end| end.interrupted_ns),
            sent_in_window: end.map_or(0, |end| end.sent_in_window),
            wall_jump_ns: end.map_or(0, |end| end.wall_jump_ns),
            thresholds,
        }
    }
}

/// The sums do not agree: an invocation was lost or counted twice, and no number can be trusted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{issued} invocations were issued but {recorded} recorded: this is a defect of awsinvoker, do not use the results"
)]
pub struct SumError {
    /// Invocations that were due.
    pub issued: u64,
    /// Invocations that were recorded.
    pub recorded: u64,
}

impl Summary {
    /// Sums up a run.
    ///
    /// # Errors
    /// Not every invocation that was due was recorded exactly once.
    pub fn new(course: &Course<'_>, totals: &Totals) -> Result<Self, SumError> {
        if totals.samples() != course.issued {
            return Err(SumError { issued: course.issued, recorded: totals.samples() });
        }
        let run_ns = course.window_ns.max(totals.last_end_ns);
        let (window_s, run_s) = (units::s(course.window_ns), units::s(run_ns));
        // A run without length has no rate.
        let rate = |count: u64, seconds: f64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let completed = totals.outcome(Outcome::Ok);
        let names: Vec<&str> = course.endpoints.iter().map(|(name, _)| *name).collect();
        let endpoints: Vec<_> =
            course.endpoints.iter().zip(&totals.endpoints).map(EndpointSummary::new).collect();
        let mut summary = Self {
            schema: SCHEMA,
            verdict: Verdict::new(&facts(course, totals)),
            issued: course.issued,
            completed,
            target_rps: course.target_rps,
            sent_rps: rate(course.sent_in_window, window_s),
            real_rps: rate(completed, window_s),
            completed_rps: rate(completed, run_s),
            window_s,
            run_s,
            interrupted: course.interrupted_ns.is_some(),
            interrupted_after_s: course.interrupted_ns.map(units::s),
            saturated: totals.saturated,
            schedule_lag_us: Lag::new(&totals.lag),
            thresholds: check(course.thresholds, &endpoints),
            endpoints,
            failures: totals.failures.summary(&names),
            warnings: Vec::new(),
        };
        summary.warnings = summary.find_warnings();
        summary.warnings.extend(memory_exceeded(&names, totals));
        Ok(summary)
    }

    /// Adds what does not follow from the samples alone: the cost at the prices of the run, and what happened beside its
    /// calls. `totals` are those that the summary was made from.
    pub fn complete(&mut self, info: &RunInfo, totals: &Totals) {
        self.price(&info.prices.endpoints, totals);
        self.mark_unlimited_cpu(&info.configuration);
        if let Some(end) = &info.end {
            self.verdict.add_circumstances(&end.circumstances);
            self.verdict.add_restarts(&end.restarts);
        }
        info.start_reasons().into_iter().for_each(|reason| self.verdict.add(reason));
        self.warnings.extend(info.disturbance());
        self.warnings.extend(not_cold(&info.configuration, totals));
        self.warnings.extend(likeness::findings(&info.configuration));
        self.warnings.extend(likeness::unchecked(&info.configuration));
        self.add_warnings_of_shards(info);
    }

    /// Adds what shards were warned of and what does not follow from their samples, each once.
    fn add_warnings_of_shards(&mut self, info: &RunInfo) {
        for warning in info.merged_from.iter().flat_map(|shard| &shard.warnings) {
            if !warning.follows_from_samples()
                && !self.warnings.contains(warning)
                && self.warnings.len() < MAX_WARNINGS
            {
                self.warnings.push(warning.clone());
            }
        }
        self.warnings.extend(info.clocks_not_kept());
    }

    /// Computes the cost of each endpoint anew, at its price.
    pub fn price(&mut self, prices: &[Option<EndpointPrice>], totals: &Totals) {
        for ((endpoint, totals), price) in self.endpoints.iter_mut().zip(&totals.endpoints).zip(prices) {
            endpoint.cost = price.as_ref().map(|price| CostSummary::new(&totals.billed, price));
        }
    }

    /// Marks the costs of functions whose CPU time nothing limited.
    fn mark_unlimited_cpu(&mut self, configuration: &Configuration) {
        for (endpoint, called) in self.endpoints.iter_mut().zip(&configuration.endpoints) {
            let function = configuration.function_of(called);
            if let Some(cost) = &mut endpoint.cost {
                cost.cpu_unlimited = function.is_some_and(FunctionInfo::has_unlimited_cpu);
            }
        }
    }

    fn find_warnings(&self) -> Vec<Warning> {
        // A lag that makes the run invalid is told there.
        let is_reason =
            self.verdict.reasons.iter().any(|reason| matches!(reason, Reason::ScheduleLag { .. }));
        let lag_us = self.schedule_lag_us.p99.filter(|lag_us| *lag_us > LAG_TO_TRUST_US && !is_reason);
        let inconsistent: u64 = self.endpoints.iter().map(|endpoint| endpoint.budget.inconsistent).sum();
        let mut warnings = Vec::new();
        if self.target_rps.is_none() {
            warnings.push(Warning::ClosedLoop);
        }
        warnings.extend(self.interrupted_after_s.map(|after_s| Warning::Interrupted { after_s }));
        warnings.extend(lag_us.map(|p99_us| Warning::ScheduleLag { p99_us }));
        if inconsistent > 0 {
            warnings.push(Warning::InconsistentBudgets { requests: inconsistent });
        }
        if self.saturated > 0 {
            warnings.push(Warning::Saturated { values: self.saturated });
        }
        warnings.extend(self.endpoints.iter().filter_map(EndpointSummary::without_latency));
        let asynchronous = self.endpoints.iter().filter(|endpoint| endpoint.asynchronous);
        warnings
            .extend(asynchronous.map(|endpoint| Warning::Asynchronous { endpoint: endpoint.name.clone() }));
        warnings
    }
}

/// Calls that were all to be cold starts, and of which it is known that they were none. A new instance behind gRPC is ready
/// before its first call.
fn not_cold(configuration: &Configuration, totals: &Totals) -> Vec<Warning> {
    let Some(cold) = configuration.cold else { return Vec::new() };
    let endpoints = configuration.endpoints.iter().zip(&totals.endpoints);
    let found = endpoints.filter_map(|(info, totals)| {
        let is_told = cold.after == ColdAfter::Idle || info.protocol == Protocol::Lambda;
        let requests = totals.starts_known - totals.cold_starts;
        (is_told && requests > 0).then(|| Warning::NotCold { endpoint: info.name.clone(), requests })
    });
    found.collect()
}

/// Of each endpoint whose environments used more memory than they had. A process on lambda-local is not limited.
fn memory_exceeded(names: &[&str], totals: &Totals) -> Vec<Warning> {
    let endpoints = names.iter().zip(&totals.endpoints);
    let found = endpoints.filter_map(|(name, totals)| {
        let (used_mib, had_mib) = totals.memory_exceeded?;
        Some(Warning::MemoryExceeded { endpoint: (*name).to_owned(), used_mib, had_mib })
    });
    found.collect()
}

fn facts(course: &Course<'_>, totals: &Totals) -> Facts {
    let p99_us = |histogram: &Histogram| histogram.quantile_ns(0.99).map(units::us);
    let responses = totals.endpoints.iter().filter_map(|endpoint| p99_us(&endpoint.view(View::Response)));
    Facts {
        lag_p99_us: p99_us(&totals.lag),
        lag_p99_low_us: lag_rank(totals.lag.count()).map(|rank| units::us(totals.lag.steps().at_rank(rank))),
        response_p99_us: responses.reduce(f64::min),
        issued: course.issued,
        succeeded: totals.outcome(Outcome::Ok),
        dropped: totals.outcome(Outcome::Dropped),
        sent_in_window: course.sent_in_window,
        wall_jump_s: course.wall_jump_ns as f64 / units::NS_PER_S as f64,
        run_s: units::s(course.window_ns.max(totals.last_end_ns)),
    }
}

/// Checks each threshold on each endpoint that it is about.
fn check(thresholds: &[Threshold], endpoints: &[EndpointSummary]) -> Vec<ThresholdResult> {
    let pairs =
        thresholds.iter().flat_map(|threshold| endpoints.iter().map(move |endpoint| (threshold, endpoint)));
    let results = pairs.filter_map(|(threshold, endpoint)| {
        threshold.check(&endpoint.name, &endpoint.views, endpoint.outcomes.percent(Outcome::Ok))
    });
    results.collect()
}

impl EndpointSummary {
    fn new(((name, asynchronous), totals): (&(&str, bool), &EndpointTotals)) -> Self {
        let views = |start: Start| {
            let latency = |view: View| Latency::new(totals.view_with(start, view));
            Views {
                response: latency(View::Response),
                service: latency(View::Service),
                function: latency(View::Function),
            }
        };
        let is_known = totals.starts_known > 0;
        let cold_share = totals.cold_starts as f64 / totals.starts_known as f64;
        Self {
            name: (*name).to_owned(),
            asynchronous: *asynchronous,
            outcomes: Outcomes(totals.outcomes),
            cold_starts: is_known.then_some(totals.cold_starts),
            cold_percent: is_known.then_some(cold_share * 100.0),
            init: Latency::new(&totals.init),
            restore: Latency::new(&totals.restore),
            environments: totals.environments.summary(),
            cost: Some(CostSummary::new(&totals.billed, &EndpointPrice::default())),
            max_memory_mib: totals.max_memory_mib,
            answer_bytes: totals.answer_bytes.map(|(min, max)| Bytes { min, max }),
            views: Views {
                response: Latency::new(&totals.view(View::Response)),
                service: Latency::new(&totals.view(View::Service)),
                function: Latency::new(&totals.view(View::Function)),
            },
            warm: views(Start::Warm),
            cold: views(Start::Cold),
            budget: BudgetSummary::new(&totals.budgets),
        }
    }

    /// That answers told no latency of the function. Nothing that an asynchronous call answers is of the function.
    fn without_latency(&self) -> Option<Warning> {
        let requests = self.outcomes.get(Outcome::Ok).saturating_sub(self.views.function.count);
        let is_told = !self.asynchronous && requests > 0;
        is_told.then(|| Warning::NoLatency { endpoint: self.name.clone(), requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Price;
    use crate::run_info::{ColdInfo, CpuLimit, test_run_info};
    use crate::test_data::sample;

    /// A run of one endpoint `f` without a fault.
    fn test_summary() -> Summary {
        let mut totals = Totals::new(1);
        for n in 1..=3000 {
            let mut sample = sample(0, Outcome::Ok, 1_000_000 * n);
            sample.reply.function_latency_s = Some(0.5e-3);
            totals.record(&sample);
        }
        let course = Course {
            endpoints: vec![("f", false)],
            target_rps: Some(300.0),
            issued: 3000,
            window_ns: 10_000_000_000,
            interrupted_ns: None,
            sent_in_window: 3000,
            wall_jump_ns: 0,
            thresholds: &[],
        };
        Summary::new(&course, &totals).unwrap()
    }

    fn course(issued: u64) -> Course<'static> {
        Course {
            endpoints: vec![("f", false)],
            target_rps: Some(0.1),
            issued,
            window_ns: 10_000_000_000,
            interrupted_ns: None,
            sent_in_window: issued,
            wall_jump_ns: 0,
            thresholds: &[],
        }
    }

    #[test]
    fn a_rate_that_was_kept_reads_exactly() {
        let summary = test_summary();
        assert_eq!((summary.sent_rps.to_bits(), summary.completed), (300.0_f64.to_bits(), 3000));
        let views = &summary.endpoints[0].views;
        assert_eq!((views.response.count, views.function.count, views.function.p9999), (3000, 3000, None));
        assert_eq!(summary.endpoints[0].cold_starts, Some(3000));
        let p50 = views.response.p50.unwrap();
        assert!((p50 - 1_500_000.0).abs() <= 1_500.0, "{p50}");
    }

    #[test]
    fn an_interrupted_run_ended_when_it_was_and_not_with_its_window() {
        let mut totals = Totals::new(1);
        totals.record(&sample(0, Outcome::Ok, 1_000_000));
        let course = Course { interrupted_ns: Some(2_000_000_000), ..course(1) };
        let summary = Summary::new(&course, &totals).unwrap();
        assert_eq!((summary.interrupted, summary.interrupted_after_s), (true, Some(2.0)));
        assert_eq!(
            (summary.window_s.to_bits(), summary.sent_rps.to_bits()),
            (10_f64.to_bits(), 0.1_f64.to_bits())
        );
    }

    #[test]
    fn a_lost_sample_is_an_error() {
        let mut totals = Totals::new(1);
        totals.record(&sample(0, Outcome::Timeout, 1));
        let error = Summary::new(&course(3), &totals).unwrap_err();
        assert_eq!(error, SumError { issued: 3, recorded: 1 });
    }

    #[test]
    fn a_slow_function_that_answers_everything_keeps_its_rate() {
        let mut totals = Totals::new(1);
        for n in 0..250 {
            totals.record(&sample(0, Outcome::Ok, n * 20_000_000 + 2_000_000_000));
        }
        let course = Course { target_rps: Some(50.0), window_ns: 5_000_000_000, ..course(250) };
        let summary = Summary::new(&course, &totals).unwrap();
        assert_eq!(
            (summary.real_rps.to_bits(), summary.run_s.to_bits()),
            (50_f64.to_bits(), 6.98_f64.to_bits())
        );
        assert!((summary.completed_rps - 250.0 / 6.98).abs() < 1e-9, "{}", summary.completed_rps);
    }

    #[test]
    fn an_environment_that_takes_more_memory_than_it_has_is_told() {
        let mut totals = Totals::new(1);
        for (used_mib, told) in [(512, None), (513, Some(513)), (700, Some(700)), (600, Some(700))] {
            let mut sample = sample(0, Outcome::Ok, 1_000_000);
            sample.reply.report.memory_mib = Some(512);
            sample.reply.report.max_memory_mib = Some(used_mib);
            sample.reply.function_latency_s = Some(0.000_1);
            totals.record(&sample);
            let warning =
                |used_mib| Warning::MemoryExceeded { endpoint: "f".to_owned(), used_mib, had_mib: 512 };
            let summary = Summary::new(&course(totals.samples()), &totals).unwrap();
            assert_eq!(summary.warnings, Vec::from_iter(told.map(warning)));
        }
    }

    #[test]
    fn what_may_mislead_is_found() {
        assert_eq!(test_summary().warnings, []);
        let mut summary = Summary {
            target_rps: None,
            interrupted_after_s: Some(2.0),
            saturated: 1,
            schedule_lag_us: Lag { p50: Some(9.0), p99: Some(1234.0), p999: None, max: None },
            ..test_summary()
        };
        summary.endpoints[0].asynchronous = true;
        summary.endpoints[0].budget.inconsistent = 7;
        summary.warnings = summary.find_warnings();
        let expected = [
            Warning::ClosedLoop,
            Warning::Interrupted { after_s: 2.0 },
            Warning::ScheduleLag { p99_us: 1234.0 },
            Warning::InconsistentBudgets { requests: 7 },
            Warning::Saturated { values: 1 },
            Warning::Asynchronous { endpoint: "f".to_owned() },
        ];
        assert_eq!(summary.warnings, expected);
    }

    #[test]
    fn answers_without_a_latency_are_told_once_for_an_endpoint() {
        let mut totals = Totals::new(2);
        for endpoint in [0, 0, 1] {
            totals.record(&sample(endpoint, Outcome::Ok, 1_000_000));
            totals.record(&sample(endpoint, Outcome::Timeout, 1_000_000));
        }
        let course = Course { endpoints: vec![("f", false), ("g", true)], ..course(6) };
        let summary = Summary::new(&course, &totals).unwrap();
        let expected = [
            Warning::NoLatency { endpoint: "f".to_owned(), requests: 2 },
            Warning::Asynchronous { endpoint: "g".to_owned() },
        ];
        assert_eq!(summary.warnings, expected);
    }

    #[test]
    fn the_prices_and_the_circumstances_of_a_run_complete_its_summary() {
        let mut totals = Totals::new(2);
        let mut billed = sample(0, Outcome::Ok, 1_000_000);
        (billed.reply.report.billed_ns, billed.reply.report.memory_mib) = (Some(2_000_000_000), Some(512));
        totals.record(&billed);
        let course = Course { endpoints: vec![("f", false), ("g", false)], ..course(1) };
        let mut summary = Summary::new(&course, &totals).unwrap();
        let cost = summary.endpoints[0].cost.as_ref().unwrap();
        assert_eq!((cost.gb_s, cost.usd), (Some(1.0), None));
        let mut info = test_run_info();
        let price = Some(Price { usd_per_million_requests: 1e6, usd_per_gb_s: 2.0 });
        info.prices.endpoints = vec![Some(EndpointPrice { price, ..EndpointPrice::default() }), None];
        if let Some(end) = &mut info.end {
            end.circumstances.local_ended = Some("exit status: 1".to_owned());
        }
        info.configuration.require_idle_percent = Some(5.0);
        summary.complete(&info, &totals);
        let usd: Vec<_> =
            summary.endpoints.iter().map(|endpoint| endpoint.cost.as_ref().map(|cost| cost.usd)).collect();
        assert_eq!(usd, [Some(Some(3.0)), None]);
        assert_eq!(summary.verdict.reasons, [Reason::LocalDied { status: "exit status: 1".to_owned() }]);
        assert!(matches!(summary.warnings.last(), Some(Warning::Disturbed { .. })), "{:?}", summary.warnings);
    }

    #[test]
    fn the_cost_of_what_has_no_limit_of_cpu_time_is_marked() {
        let mut totals = Totals::new(1);
        totals.record(&sample(0, Outcome::Ok, 1_000_000));
        let mut info = test_run_info();
        info.prices.endpoints = vec![Some(EndpointPrice::default())];
        for (kind, limit, expected) in [
            ("process", None, true),
            ("docker", None, false),
            ("docker", Some(CpuLimit { quota_us: 5788, period_us: 20_000 }), false),
            ("Image", None, false),
        ] {
            let endpoint = &info.configuration.endpoints[0];
            info.configuration.functions = vec![FunctionInfo {
                name: endpoint.hostname.clone(),
                target: endpoint.target,
                kind: Some(kind.to_owned()),
                cpu_limit: limit,
                ..FunctionInfo::default()
            }];
            let mut summary = Summary::new(&course(1), &totals).unwrap();
            summary.complete(&info, &totals);
            assert_eq!(
                summary.endpoints[0].cost.as_ref().map(|cost| cost.cpu_unlimited),
                Some(expected),
                "{kind}"
            );
        }
    }

    #[test]
    fn calls_that_were_to_be_cold_and_were_not_are_told() {
        let mut totals = Totals::new(2);
        for (endpoint, cold) in [(0, Some(true)), (0, Some(false)), (1, Some(false)), (0, None)] {
            let mut sample = sample(endpoint, Outcome::Ok, 1_000_000);
            sample.reply.cold = cold;
            totals.record(&sample);
        }
        let course = Course { endpoints: vec![("f", false), ("g", false)], ..course(4) };
        let warnings = |cold: Option<ColdAfter>| {
            let mut info = test_run_info();
            info.configuration.endpoints[1].protocol = Protocol::Greeter;
            info.configuration.cold =
                cold.map(|after| ColdInfo { after, idle_s: None, calls_per_endpoint: None });
            let mut summary = Summary::new(&course, &totals).unwrap();
            summary.complete(&info, &totals);
            let is_told = |warning: &Warning| matches!(warning, Warning::NotCold { .. });
            summary.warnings.into_iter().filter(is_told).collect::<Vec<_>>()
        };
        let not_cold = |endpoint: &str| Warning::NotCold { endpoint: endpoint.to_owned(), requests: 1 };
        assert_eq!(warnings(None), []);
        assert_eq!(warnings(Some(ColdAfter::Update)), [not_cold("f")]);
        assert_eq!(warnings(Some(ColdAfter::Idle)), [not_cold("f"), not_cold("g")]);
    }

    #[test]
    fn a_full_summary_reads_back_with_its_verdict_and_thresholds() {
        let mut totals = Totals::new(1);
        let mut dropped = sample(0, Outcome::Dropped, 0);
        dropped.timing = None;
        for sample in [sample(0, Outcome::Ok, 3_000_000), sample(0, Outcome::Throttled, 2_000_000), dropped] {
            totals.record(&sample);
        }
        let thresholds = ["f.response.max<1ms", "g.ok>1%", "ok>33%"].map(|text| text.parse().unwrap());
        let course = Course { thresholds: &thresholds, wall_jump_ns: -1_500_000_000, ..course(3) };
        let summary = Summary::new(&course, &totals).unwrap();
        let reasons = [Reason::Dropped { requests: 1 }, Reason::ClockJumped { by_s: -1.5 }];
        assert_eq!((summary.verdict.valid, summary.verdict.reasons.as_slice()), (false, reasons.as_slice()));
        let passed: Vec<_> = summary.thresholds.iter().map(|result| result.passed).collect();
        assert_eq!(passed, [false, true]);
        assert_eq!(summary.failures.causes.len(), 2);
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    }

    #[test]
    fn a_summary_without_warnings_or_an_outcome_is_refused() {
        for key in ["/warnings", "/endpoints/0/outcomes/dropped"] {
            let mut json = serde_json::to_value(test_summary()).unwrap();
            let (parent, key) = key.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            let error = serde_json::from_value::<Summary>(json).unwrap_err().to_string();
            assert_eq!(error, format!("missing field `{key}`"));
        }
    }
}
