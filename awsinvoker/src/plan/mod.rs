//! What a run will do: whom it calls, when, and within which bounds. The command line is resolved and checked here
//! before anything starts.

mod distances;
pub mod endpoints;
mod endpoints_file;
mod rate;
mod recording;
pub mod schedule;
pub(crate) mod schedule_file;
mod sharding;
mod stages;
mod walk;
mod workload;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use run_record::format::tools::ToolFormat;
use run_record::run_info::{Arrivals, Order};
use run_record::threshold::ThresholdError;
use run_record::{Shard, Threshold, units};

use crate::cli::{Args, ArrivalsArg, FormatArg, LoadArgs, OrderArg, SpinArg};
use crate::env_vars;
use endpoints::{Endpoints, EndpointsError};
pub(crate) use endpoints_file::read_bounded;
use recording::MAX_CALLS;
pub use recording::{Recording, RecordingError};
pub use schedule::ShardSchedule;
use schedule::{Generated, Rate, Schedule};
pub use schedule_file::ScheduleFileError;
pub use sharding::ShardError;
pub(crate) use stages::duration_ns;
pub use stages::{Profile, Stage, StagesError};
pub use walk::Walk;
pub(crate) use walk::{FIRST_BEFORE_RUN, FIRST_OF_WARM_UP, Numbering, Steps};
pub use workload::{ClosedLoop, ColdLoop, ColdStart, Workload};

const DEFAULT_RPS: f64 = 1.0;
const DEFAULT_TIME_S: f64 = 5.0;
const MAX_TIME_S: f64 = stages::MAX_TIME_S as f64;
const MIN_TIME_S: f64 = 1e-3;
const MAX_TIMEOUT_S: f64 = 3600.0;
/// Starting environments takes a part of it.
const MIN_RESTART_EVERY_S: f64 = 1.0;
const MAX_IN_FLIGHT: u32 = 100_000;
/// Above this rate, spinning before each request would take more than 3.3 % of a processor. It lies above a round number, so that
/// all shards of a load decide alike, though some have a request more than others.
const MOST_SPUN_RPS: f64 = 110.0;
const TIME_SCALES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to call.
    pub endpoints: Endpoints,
    /// When to call.
    pub workload: Workload,
    /// What everything random is drawn from.
    pub seed: u64,
    /// How many calls each endpoint gets at once before the run, not counted.
    pub prewarm: Option<NonZeroU32>,
    /// How much of the load is made once before the run and not counted.
    pub warm_up_ns: Option<u64>,
    /// The distance of the boundaries at which functions get fresh environments.
    pub restart_every_ns: Option<u64>,
    /// Where to write the schedule.
    pub schedule_out: Option<PathBuf>,
    /// What a call may take altogether.
    pub timeout: Duration,
    /// Calls in flight at once.
    pub max_in_flight: u32,
    /// Whether to spin for the last moments before a request is due, instead of sleeping.
    pub spin: bool,
    /// The folder for results, if not the default.
    pub out: Option<PathBuf>,
    /// The file of latencies of the original invoker.
    pub latency_file: LatencyFile,
    /// Whether to print a line for each request.
    pub print_requests: bool,
    /// Whether to write invitro's file.
    pub invitro_csv: bool,
    /// The forms of other tools in which to write the summary.
    pub tool_formats: Vec<ToolFormat>,
    /// What is demanded of the results.
    pub thresholds: Vec<Threshold>,
    /// What to tell about the files that were read.
    pub notes: Vec<String>,
}

/// Where the file of latencies goes. Its name is known at the end, since it holds the rate of successful requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyFile {
    /// The folder; empty for the working directory.
    pub folder: PathBuf,
    /// The name that the user chose.
    pub name: String,
}

/// A value of the command line that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PlanError {
    #[error("{flag} is {value}, expected {expected}")]
    Value { flag: &'static str, value: String, expected: String },
    #[error("--threshold {threshold}: {source}")]
    Threshold { threshold: String, source: ThresholdError },
    #[error("--threshold {threshold}: there is no endpoint `{name}`, expected one of {known}")]
    ThresholdEndpoint { threshold: String, name: String, known: String },
    #[error(
        "--warm-up is {seconds} s, expected at most the {length} s of the schedule: only a single rate and a closed loop can \
         go on"
    )]
    WarmUp { seconds: f64, length: f64 },
    #[error(
        "--schedule-out: the schedule has {calls} calls, expected at most {MAX_CALLS}, which is what --schedule can read; \
         shorten --time or lower the rate"
    )]
    ScheduleOut { calls: u64 },
    #[error(transparent)]
    Shard(#[from] ShardError),
    #[error(transparent)]
    Stages(#[from] StagesError),
    #[error(transparent)]
    ScheduleFile(#[from] ScheduleFileError),
    #[error(transparent)]
    Endpoints(#[from] EndpointsError),
}

impl Plan {
    /// Whether functions have to get fresh environments during the run.
    pub(crate) fn needs_restarts(&self) -> bool {
        self.restart_every_ns.is_some() || self.workload.needs_updates()
    }

    /// Resolves the command line.
    ///
    /// # Errors
    /// A value is out of bounds, or the endpoints file cannot be used.
    pub fn resolve(args: &Args) -> Result<Self, PlanError> {
        let timeout = Duration::from_secs_f64(seconds_within("--timeout", args.timeout, MAX_TIMEOUT_S)?);
        let max_in_flight = match args.load.concurrency {
            Some(callers) => calls_within("--concurrency", callers)?,
            None if args.load.cold_every_call => 1,
            None => calls_within("--max-in-flight", args.max_in_flight)?,
        };
        let mut endpoints = endpoints_file::read(args.endpoints_file.as_deref(), args.platform.local)?;
        endpoints.seed_templates(args.load.payload_seed.unwrap_or(args.load.seed));
        let (workload, note) = workload(&args.load, &endpoints)?;
        let spin = spin(args.spin, args.workers, workload.target_rps());
        let latency_file = LatencyFile::new(&args.latf)?.of_shard(&workload);
        check_schedule_out(&args.load, &workload)?;
        let thresholds = thresholds(&args.threshold, &endpoints.names())?;
        Ok(Self {
            seed: args.load.seed,
            prewarm: prewarm(&args.load, max_in_flight)?,
            warm_up_ns: warm_up_ns(&args.load, &workload)?,
            restart_every_ns: restart_every_ns(&args.load, &workload)?,
            schedule_out: args.load.schedule_out.clone(),
            workload,
            endpoints,
            timeout,
            max_in_flight,
            spin,
            out: args.out.clone(),
            latency_file,
            print_requests: args.dbg,
            invitro_csv: args.format.contains(&FormatArg::Invitro),
            tool_formats: args.format.iter().filter_map(|format| tool_format(*format)).collect(),
            thresholds,
            notes: note.into_iter().collect(),
        })
    }
}

/// The form of a summary; `None` if the form is not one of a summary.
fn tool_format(format: FormatArg) -> Option<ToolFormat> {
    match format {
        FormatArg::Invitro => None,
        FormatArg::Vegeta => Some(ToolFormat::Vegeta),
        FormatArg::Oha => Some(ToolFormat::Oha),
        FormatArg::K6 => Some(ToolFormat::K6),
        FormatArg::Prometheus => Some(ToolFormat::Prometheus),
    }
}

/// How to load these endpoints, and what to tell about it.
fn workload(args: &LoadArgs, endpoints: &Endpoints) -> Result<(Workload, Option<String>), PlanError> {
    let shard = args.shard.map(|shard| sharding::resolve(shard, &env_vars::shard_variables())).transpose()?;
    let time_s = args.time.map(|time| seconds_within("--time", time, MAX_TIME_S)).transpose()?;
    let time_ns = time_s.map(units::ns_from_s);
    let arrivals = args.arrivals.map(|arrivals| match arrivals {
        ArrivalsArg::Constant => Arrivals::Constant,
        ArrivalsArg::Poisson => Arrivals::Poisson,
        ArrivalsArg::Uniform => Arrivals::Uniform,
    });
    let walk = Walk {
        order: match args.order {
            Some(OrderArg::Shuffled) => Order::Shuffled,
            Some(OrderArg::RoundRobin) | None => Order::RoundRobin,
        },
        seed: args.seed,
        slots: endpoints.slots.clone(),
    };
    let duration_ns = time_ns.unwrap_or(units::ns_from_s(DEFAULT_TIME_S));
    if args.cold_every_call {
        return Ok((Workload::Cold(cold_loop(args, time_ns, walk, endpoints)?), None));
    }
    if let Some(callers) = args.concurrency {
        return Ok((Workload::Closed(ClosedLoop { callers, duration_ns, walk }), None));
    }
    if let Some(path) = &args.schedule {
        let (time_scale, seed) = (time_scale(args.time_scale)?, args.seed);
        let source = schedule_file::Source { path, time_scale, time_ns, arrivals, seed, endpoints };
        let (recording, note) = schedule_file::read(&source)?;
        return Ok((Workload::Open(of_shard(Schedule::Recorded(recording), shard)?), note));
    }
    let profile = match &args.stages {
        Some(stages) => Profile::parse(stages)?,
        None => Profile::constant(rate(args.rps.unwrap_or(DEFAULT_RPS))?, duration_ns),
    };
    check_peak(args, &profile, shard)?;
    let arrivals = arrivals.unwrap_or(Arrivals::Constant);
    let generated = Generated { profile, arrivals, seed: args.seed, walk };
    Ok((Workload::Open(of_shard(Schedule::Generated(generated), shard)?), None))
}

/// What this shard sends of the schedule: all of it, if there is no other.
fn of_shard(whole: Schedule, shard: Option<Shard>) -> Result<Schedule, ShardError> {
    shard.map_or(Ok(whole.clone()), |shard| sharding::of_shard(whole, shard))
}

/// A rate is that of all shards together, and each can send so many requests.
fn check_peak(args: &LoadArgs, profile: &Profile, shard: Option<Shard>) -> Result<(), PlanError> {
    let shards = shard.map_or(1, Shard::total);
    let (peak, most) = (profile.peak().rps(), Rate::MAX_RPS * f64::from(shards));
    if peak <= most {
        return Ok(());
    }
    let flag = if args.stages.is_some() { "--stages" } else { "--rps" };
    let each = if shards > 1 { format!(", {} for each shard", Rate::MAX_RPS) } else { String::new() };
    let expected = format!("a number from {} to {most}{each}", Rate::MIN_RPS);
    Err(PlanError::Value { flag, value: peak.to_string(), expected })
}

/// A loop that ends by its number of calls has as much time as any run.
fn cold_loop(
    args: &LoadArgs,
    time_ns: Option<u64>,
    walk: Walk,
    endpoints: &Endpoints,
) -> Result<ColdLoop, PlanError> {
    let calls = args.calls.map(|calls| calls_within("--calls", calls)).transpose()?;
    let default_s = if calls.is_some() { MAX_TIME_S } else { DEFAULT_TIME_S };
    let idle_s = args.idle.map(|idle| seconds_within("--idle", idle, MAX_TIME_S)).transpose()?;
    Ok(ColdLoop {
        start: idle_s.map_or(ColdStart::AfterUpdate, |idle_s| ColdStart::AfterIdle {
            idle_ns: units::ns_from_s(idle_s),
        }),
        calls: calls.map(u64::from),
        duration_ns: time_ns.unwrap_or(units::ns_from_s(default_s)),
        walk,
        functions: endpoints.functions(),
    })
}

fn rate(rps: f64) -> Result<Rate, PlanError> {
    Rate::from_rps(rps).ok_or_else(|| {
        let expected = format!("a number from {} to {}", Rate::MIN_RPS, Rate::MAX_RPS);
        PlanError::Value { flag: "--rps", value: rps.to_string(), expected }
    })
}

fn time_scale(factor: Option<f64>) -> Result<f64, PlanError> {
    let factor = factor.unwrap_or(1.0);
    if TIME_SCALES.contains(&factor) {
        return Ok(factor);
    }
    let expected = format!("a number from {} to {}", TIME_SCALES.start(), TIME_SCALES.end());
    Err(PlanError::Value { flag: "--time-scale", value: factor.to_string(), expected })
}

/// What is written must be a schedule that can be read.
fn check_schedule_out(args: &LoadArgs, workload: &Workload) -> Result<(), PlanError> {
    let max = MAX_CALLS as u64;
    match workload.schedule().filter(|schedule| args.schedule_out.is_some() && schedule.has_more_than(max)) {
        Some(schedule) => Err(PlanError::ScheduleOut { calls: schedule.expected().max(max + 1) }),
        None => Ok(()),
    }
}

fn warm_up_ns(args: &LoadArgs, workload: &Workload) -> Result<Option<u64>, PlanError> {
    let Some(seconds) = args.warm_up else { return Ok(None) };
    let ns = units::ns_from_s(seconds_within("--warm-up", seconds, MAX_TIME_S)?);
    if ns > workload.end_ns() && !workload.can_go_on() {
        return Err(PlanError::WarmUp { seconds, length: units::s(workload.end_ns()) });
    }
    Ok(Some(ns))
}

/// Boundaries that never come would leave all environments as they are.
fn restart_every_ns(args: &LoadArgs, workload: &Workload) -> Result<Option<u64>, PlanError> {
    let Some(seconds) = args.restart_every else { return Ok(None) };
    let ns = units::ns_from_s(seconds);
    if seconds >= MIN_RESTART_EVERY_S && ns < workload.end_ns() {
        return Ok(Some(ns));
    }
    let length = units::s(workload.end_ns());
    let expected =
        format!("seconds from {MIN_RESTART_EVERY_S} to less than the length of the run, which is {length} s");
    Err(PlanError::Value { flag: "--restart-every", value: seconds.to_string(), expected })
}

impl LatencyFile {
    fn new(latf: &Path) -> Result<Self, PlanError> {
        let parts = latf.parent().zip(latf.file_name().and_then(|name| name.to_str()));
        match parts {
            Some((folder, name)) if !latf.as_os_str().to_string_lossy().ends_with('/') => {
                Ok(Self { folder: folder.to_owned(), name: name.to_owned() })
            }
            _ => Err(PlanError::Value {
                flag: "--latf",
                value: format!("`{}`", latf.display()),
                expected: "the name of a file, with or without a folder".to_owned(),
            }),
        }
    }
}

impl LatencyFile {
    /// With the index of the shard in its name, so that shards that run in one folder do not replace each other's.
    fn of_shard(mut self, workload: &Workload) -> Self {
        if let Some(Schedule::Shard(sharded)) = workload.schedule() {
            self.name = format!("shard{}_{}", sharded.shard.index(), self.name);
        }
        self
    }
}

fn seconds_within(flag: &'static str, seconds: f64, max: f64) -> Result<f64, PlanError> {
    if (MIN_TIME_S..=max).contains(&seconds) {
        return Ok(seconds);
    }
    let expected = format!("seconds from {MIN_TIME_S} to {max}");
    Err(PlanError::Value { flag, value: seconds.to_string(), expected })
}

/// Reads thresholds, which may be about these endpoints.
fn thresholds(texts: &[String], names: &[String]) -> Result<Vec<Threshold>, PlanError> {
    let read = |text: &String| {
        let parsed: Result<Threshold, _> = text.parse();
        let threshold = parsed.map_err(|source| PlanError::Threshold { threshold: text.clone(), source })?;
        match threshold.endpoint().filter(|name| !names.iter().any(|known| known == name)) {
            None => Ok(threshold),
            Some(name) => Err(PlanError::ThresholdEndpoint {
                threshold: text.clone(),
                name: name.to_owned(),
                known: names.join(", "),
            }),
        }
    };
    texts.iter().map(read).collect()
}

/// Whether to spin before requests. It is decided for all of a run, so that no system of a comparison has another lag than the
/// others. A load without a rate has no requests that are due at a time. With several workers, each look at the clock would
/// wake another one.
fn spin(arg: SpinArg, workers: u16, target_rps: Option<f64>) -> bool {
    match (arg, target_rps) {
        (SpinArg::Never, _) | (_, None) => false,
        (SpinArg::Always, Some(_)) => true,
        (SpinArg::Auto, Some(rps)) => workers == 1 && rps <= MOST_SPUN_RPS,
    }
}

fn prewarm(args: &LoadArgs, max_in_flight: u32) -> Result<Option<NonZeroU32>, PlanError> {
    let Some(calls) = args.prewarm else { return Ok(None) };
    match NonZeroU32::new(calls).filter(|calls| calls.get() <= max_in_flight) {
        Some(calls) => Ok(Some(calls)),
        None => Err(PlanError::Value {
            flag: "--prewarm",
            value: calls.to_string(),
            expected: format!("a number from 1 to {max_in_flight}, as many as may be in flight"),
        }),
    }
}

fn calls_within(flag: &'static str, calls: u32) -> Result<u32, PlanError> {
    if (1..=MAX_IN_FLIGHT).contains(&calls) {
        return Ok(calls);
    }
    let expected = format!("a number from 1 to {MAX_IN_FLIGHT}");
    Err(PlanError::Value { flag, value: calls.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str, endpoints: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, endpoints).unwrap();
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        let args = Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap();
        let place = folder.path().to_str().unwrap();
        Plan::resolve(&args).map_err(|error| error.to_string().replace(place, "DIR"))
    }

    const ONE: &str = r#"[{"hostname": "f"}]"#;

    #[test]
    fn a_run_spins_before_requests_that_lie_far_apart() {
        let spin = |line: &str| resolve(line, ONE).unwrap().spin;
        for (line, expected) in [
            ("-rps 20", true),
            ("-rps 100", true),
            ("-rps 100 --arrivals poisson", true),
            ("-rps 200", false),
            ("-rps 20 --workers 2", false),
            ("-rps 20 --spin never", false),
            ("-rps 200 --spin always", true),
            ("--stages 1s@200,9s@0", true),
            ("--concurrency 2 --spin always", false),
            ("-rps 400 --shard 0/4", true),
            ("-rps 400 --shard 3/4", true),
        ] {
            assert_eq!(spin(line), expected, "{line}");
        }
    }

    #[test]
    fn messages_name_flag_value_and_what_was_expected() {
        let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
        insta::assert_snapshot!(message("-rps 0", ONE), @"--rps is 0, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-rps NaN", ONE), @"--rps is NaN, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-time -3", ONE), @"--time is -3, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("-time inf", ONE), @"--time is inf, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("--timeout 0", ONE), @"--timeout is 0, expected seconds from 0.001 to 3600");
        insta::assert_snapshot!(message("--max-in-flight 0", ONE), @"--max-in-flight is 0, expected a number from 1 to 100000");
        insta::assert_snapshot!(message("--threshold g.ok>1%", ONE), @"--threshold g.ok>1%: there is no endpoint `g`, expected one of f");
        insta::assert_snapshot!(message("--threshold response.p99<9", ONE), @"--threshold response.p99<9: the bound is `9`, expected a duration from 0 on with its unit: ns, us, ms or s, as in 250ms");
        insta::assert_snapshot!(message("-rps 2 -time 3 --shard 0/7", ONE), @"--shard: the schedule has 6 whole rounds of its endpoints, expected at least one for each of 7 shards; make it longer, or use fewer shards");
        insta::assert_snapshot!(message("-rps 200001 --shard 0/2", ONE), @"--rps is 200001, expected a number from 0.000001 to 200000, 100000 for each shard");
        insta::assert_snapshot!(message("--stages 5s@1..100001", ONE), @"--stages is 100001, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("--concurrency 0", ONE), @"--concurrency is 0, expected a number from 1 to 100000");
        insta::assert_snapshot!(message("--stages 5s@x", ONE), @"--stages: the rate of stage 1 is `x`, expected 0 or a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("--stages 5s@1,5s@2 --warm-up 11", ONE), @"--warm-up is 11 s, expected at most the 10 s of the schedule: only a single rate and a closed loop can go on");
        insta::assert_snapshot!(message("-rps 20000 -time 1001 --schedule-out x", ONE), @"--schedule-out: the schedule has 20020000 calls, expected at most 20000000, which is what --schedule can read; shorten --time or lower the rate");
        insta::assert_snapshot!(message("--warm-up 0", ONE), @"--warm-up is 0, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("--cold-every-call --calls 0", ONE), @"--calls is 0, expected a number from 1 to 100000");
        insta::assert_snapshot!(message("--cold-every-call --idle 0", ONE), @"--idle is 0, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("--restart-every 0.5", ONE), @"--restart-every is 0.5, expected seconds from 1 to less than the length of the run, which is 5 s");
        insta::assert_snapshot!(message("--restart-every 30 -time 30", ONE), @"--restart-every is 30, expected seconds from 1 to less than the length of the run, which is 30 s");
        insta::assert_snapshot!(message("--schedule x --time-scale 0", ONE), @"--time-scale is 0, expected a number from 0.000001 to 1000000");
        insta::assert_snapshot!(message("--schedule missing.csv", ONE), @"--schedule missing.csv: cannot be read: No such file or directory (os error 2)");
        insta::assert_snapshot!(message("", "[]"), @r#"--endpoints-file DIR/e.json: the array is empty, expected at least one entry like {"hostname": "chameleon"}"#);
    }

    #[test]
    fn a_shard_has_its_share_of_the_rate() {
        let plan = resolve("-rps 200000 -time 3 --shard 1/2", ONE).unwrap();
        assert_eq!((plan.workload.expected(), plan.workload.target_rps()), (Some(300_000), Some(100_000.0)));
        assert_eq!(plan.workload.to_string(), "300000 requests in 3 s (100000/s)");
        assert_eq!(plan.latency_file.name, "shard1_lat.csv");
        // A single rate goes on, also for a part of it.
        assert!(resolve("-rps 20 -time 3 --shard 1/2 --warm-up 9", ONE).is_ok());
    }

    #[test]
    fn a_schedule_is_written_if_it_can_be_read() {
        for line in ["-rps 20000 -time 1000 --schedule-out x", "-rps 20000 -time 1001"] {
            assert!(resolve(line, ONE).is_ok(), "{line}");
        }
        let plan = resolve("-rps 100 -time 10 --arrivals poisson", ONE).unwrap();
        let schedule = plan.workload.schedule().unwrap();
        let count = schedule.iter().count() as u64;
        assert!(schedule.has_more_than(count - 1) && !schedule.has_more_than(count), "{count}");
    }

    #[test]
    fn the_latency_file_needs_a_name() {
        for latf in ["", "/", "dir/", ".."] {
            let error = LatencyFile::new(Path::new(latf)).unwrap_err().to_string();
            let expected =
                format!("--latf is `{latf}`, expected the name of a file, with or without a folder");
            assert_eq!(error, expected);
        }
        let file = LatencyFile::new(Path::new("dir/x.csv")).unwrap();
        assert_eq!(file, LatencyFile { folder: "dir".into(), name: "x.csv".to_owned() });
    }

    #[test]
    fn a_single_rate_and_a_closed_loop_can_warm_up_for_longer_than_they_last() {
        for load in ["-rps 3 -time 1", "--concurrency 3 -time 1", "--stages 1s@3"] {
            let plan = resolve(&format!("{load} --warm-up 10"), ONE).unwrap();
            assert_eq!(plan.warm_up_ns, Some(10_000_000_000), "{load}");
        }
    }

    #[test]
    fn a_payload_file_lies_beside_the_endpoints_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("e.json"), r#"[{"hostname": "f", "payload_file": "p.json"}]"#).unwrap();
        std::fs::write(path("p.json"), "[3]").unwrap();
        let endpoints = endpoints_file::read(Some(&path("e.json")), false).unwrap();
        assert_eq!(endpoints.list[0].payload, "[3]");
    }

    #[test]
    fn without_a_file_the_local_functions_are_those_of_this_project() {
        let args = Args::parse_from_go_style(["awsinvoker", "--local"].map(Into::into)).unwrap();
        let Endpoints { list, are_own_functions, defaulted, .. } = Plan::resolve(&args).unwrap().endpoints;
        let called: Vec<_> =
            list.iter().map(|endpoint| (&endpoint.name[..], &endpoint.payload[..])).collect();
        let expected = [
            ("chameleon", r#"{"num_of_rows": 10, "num_of_cols": 15}"#),
            ("cnn_serving", r#"{"input_file_seq": 0}"#),
        ];
        assert_eq!((called.as_slice(), are_own_functions, defaulted), (expected.as_slice(), true, 0));
    }

    #[test]
    fn the_endpoints_file_has_a_default() {
        let args = Args::parse_from_go_style(["awsinvoker".into()]).unwrap();
        // The tests run in the folder of the package, where there is none.
        let error = Plan::resolve(&args).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r#"endpoints.json, which is read if --endpoints-file is not given: cannot be read: No such file or directory (os error 2); make one like [{"hostname": "chameleon"}], or give --local, which calls the functions of this project without one"#);
    }
}
