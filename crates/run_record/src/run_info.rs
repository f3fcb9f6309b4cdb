//! How a run was made: what `run.json` holds, so that the run can be made again.

mod clock_info;
mod cpu_limit;
mod function_info;
mod machine_info;
mod payload_template;
mod preflight_call;
mod shard_info;
mod target_info;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::clock_info::{ClockInfo, ServerClock, TimeService};
pub use self::cpu_limit::CpuLimit;
pub use self::function_info::FunctionInfo;
pub use self::machine_info::{Load, Machine, Scheduling};
pub use self::payload_template::PayloadTemplate;
pub use self::preflight_call::PreflightCall;
pub use self::shard_info::{MergedShard, ShardInfo};
use self::shard_info::{invalid_shards, started_apart};
pub use self::target_info::{
    ConnectionInfo, Connections, DockerInfo, LocalInfo, PlatformKind, Protocol, TargetInfo,
};
use crate::canonical_json::canonical;
use crate::circumstances::Circumstances;
use crate::cost::Prices;
use crate::restarts::TargetRestarts;
use crate::shard::OwnRequests;
use crate::units;
use crate::verdict::Reason;
use crate::warning::Warning;

/// The version of the layout of `run.json`. It changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 5;

/// How a run was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "How an awsinvoker run was made", deny_unknown_fields)]
pub struct RunInfo {
    /// Version of this layout.
    pub schema: u32,
    /// The time in UTC from which all times of the run count.
    pub start: String,
    /// The end of the run; null while it goes on, and of one that was killed.
    pub end: Option<End>,
    /// The program and its arguments.
    pub command_line: Vec<String>,
    /// What the command line and the endpoints file came to.
    pub configuration: Configuration,
    /// Versions of the load generator and of the libraries that speak to the platform, by name.
    pub versions: BTreeMap<String, String>,
    /// How the load generator was built.
    pub build: Build,
    /// The machine of the load generator; of a merged run, that of its first shard, without how busy it was.
    pub machine: Machine,
    /// The clock of the load generator; of a merged run, that of its first shard.
    pub clock: ClockInfo,
    /// The runs of shards that were merged into this one, by index; empty if it is no merged run.
    pub merged_from: Vec<MergedShard>,
    /// What the cost is computed from.
    pub prices: Prices,
}

/// How a run ended, and what its rates are computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct End {
    /// The time in UTC at which the last invocation had ended and was counted.
    pub time: String,
    /// Invocations that were due.
    pub issued: u64,
    /// Rate that was asked for until the end of the window, in requests a second; null for a closed loop.
    pub target_rps: Option<f64>,
    /// Length of the window over which rates are computed, in nanoseconds.
    pub window_ns: u64,
    /// From the start of the run until every invocation had ended, in nanoseconds.
    pub finished_ns: u64,
    /// From the start of the run to the signal that ended it early, in nanoseconds; null if none did.
    pub interrupted_ns: Option<u64>,
    /// Requests that were sent within the window.
    pub sent_in_window: u64,
    /// How far the wall clock moved against the monotonic one during the run, in nanoseconds.
    pub wall_jump_ns: i64,
    /// What happened beside the calls.
    pub circumstances: Circumstances,
    /// What was done about fresh environments at each target; empty if none were asked for.
    #[serde(default)]
    pub restarts: Vec<TargetRestarts>,
}

/// How the load generator was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Build {
    /// The commit of git, with `-dirty` if files differed from it; null if git was not there.
    pub commit: Option<String>,
    /// Cargo's profile: `release`, `debug` or another.
    pub profile: String,
}

/// What was loaded, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Configuration {
    /// Where the endpoints were. Each endpoint and each function names its target by its index in this list.
    pub targets: Vec<TargetInfo>,
    /// The functions that were called.
    pub functions: Vec<FunctionInfo>,
    /// The file that the endpoints were read from.
    pub endpoints_file: EndpointsFile,
    /// What was called.
    pub endpoints: Vec<EndpointInfo>,
    /// Whether the load waited for answers.
    pub load: LoadKind,
    /// Rate that was asked for, over all endpoints, in requests a second: the mean if it changed; null for a closed loop.
    pub rps: Option<f64>,
    /// Length of the load in seconds.
    pub time_s: f64,
    /// The rates over time; empty if the schedule comes from a file, and for a closed loop.
    pub stages: Vec<StageInfo>,
    /// The file with the schedule, if it comes from one.
    pub schedule: Option<ScheduleFile>,
    /// Callers of a closed loop.
    pub concurrency: Option<u32>,
    /// What made functions cold before each call; null if nothing did.
    pub cold: Option<ColdInfo>,
    /// How requests follow one another; null for a closed loop, and if a file has the time of each request.
    pub arrivals: Option<Arrivals>,
    /// The order in which the endpoints were called; null if a file has the endpoint of each request.
    pub order: Option<Order>,
    /// What everything random is drawn from.
    pub seed: u64,
    /// Which part of a common load was sent; null if all of it was. Then `stages` are those of the common load.
    pub shard: Option<ShardInfo>,
    /// What was called before the run and not counted.
    pub warm_up: Option<WarmUp>,
    /// The calls before the run and before the warm-up that let the platform have environments ready; not counted.
    pub prewarm: Option<Prewarm>,
    /// Number of requests; with random arrivals only the expected number; null for a closed loop.
    pub expected_requests: Option<u64>,
    /// What a call may take before it counts as timed out, in seconds.
    pub timeout_s: f64,
    /// Calls in flight at once.
    pub max_in_flight: u32,
    /// Threads of the load generator that made calls and read answers.
    pub workers: u16,
    /// Whether the load generator spun for the last moments before each request was due, instead of sleeping: it looked at the
    /// clock again and again, so that it was not late by the time that waking up takes. Earlier versions never did, and do not
    /// tell.
    #[serde(default)]
    pub spin: bool,
    /// The distance of the boundaries at which all functions got fresh environments, in seconds; the first one lies so far
    /// from the start of the run. Null if they kept theirs.
    pub restart_every_s: Option<f64>,
    /// What was demanded of the result, as it was written.
    pub thresholds: Vec<String>,
    /// How busy the machine might be before and during the run, in percent; null if that did not matter.
    pub require_idle_percent: Option<f64>,
}

/// Whether a load waits for answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    /// It does not: requests are sent when they are due.
    Open,
    /// It does: each caller makes its next call when its last one has ended, so slow answers make the load smaller.
    Closed,
    /// It does: one caller makes a call when its last one has ended and the function was made cold. What made it cold is not
    /// part of a call.
    Cold,
}

/// What made functions cold before each call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ColdInfo {
    /// What comes before a cold start. Latencies after the one and after the other are not to be mixed.
    pub after: ColdAfter,
    /// How long a function was not called before each call, in seconds; null if it was updated.
    pub idle_s: Option<f64>,
    /// How many calls each endpoint had at most; null if time alone ended the run.
    pub calls_per_endpoint: Option<u64>,
}

/// What comes before a cold start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColdAfter {
    /// The function was updated, as by a deployment. `end.restarts` tells how.
    Update,
    /// The function was not called for a time. Whether its platform took its environments away is told by each sample.
    Idle,
}

/// A time with one rate, or with a rate that changes linearly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StageInfo {
    /// How long it lasted, in seconds.
    pub time_s: f64,
    /// The rate at its start, in requests a second.
    pub from_rps: f64,
    /// The rate at its end, in requests a second.
    pub to_rps: f64,
}

/// A file with a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ScheduleFile {
    /// Its path.
    pub path: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Its format.
    pub format: ScheduleFormat,
    /// What its times were multiplied by.
    pub time_scale: f64,
}

/// The format of a file with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleFormat {
    /// A time and an endpoint for each request.
    Schedule,
    /// The samples of an earlier run.
    Samples,
    /// Counts of requests per minute, as invitro has them.
    Invitro,
    /// The end and the duration of each request, as Azure Functions published them in 2021.
    Azure2021,
}

/// What was called before a run and not counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WarmUp {
    /// How long it lasted, in seconds, without the wait for the last answers.
    pub time_s: f64,
    /// Requests that were due.
    pub requests: u64,
    /// Those of them whose outcome was not ok.
    pub failed: u64,
}

/// Calls that let the platform have environments ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Prewarm {
    /// Calls of each endpoint at once.
    pub calls_per_endpoint: u32,
    /// Those of all calls whose outcome was not ok.
    pub failed: u64,
    /// Environments that answered; null if no answer told its own.
    pub environments: Option<u64>,
}

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At equal distances, the first at 0. Requests of a trace that counts them per minute start at a random time.
    Constant,
    /// At exponentially distributed distances, drawn from the seed.
    Poisson,
    /// At uniformly distributed distances, up to twice the mean, drawn from the seed.
    Uniform,
}

/// The order in which endpoints are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The entries of the endpoints file in turn.
    RoundRobin,
    /// Each round of entries in another order, drawn from the seed.
    Shuffled,
}

/// The endpoints file, and the order in which its entries are called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointsFile {
    /// Its path.
    pub path: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// How many calls a round has: each entry as often as its weight says.
    pub entries: u64,
    /// For each call of a round the index of its endpoint, of the first thousand calls.
    pub order: Vec<u64>,
}

/// One thing that was called with one payload.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointInfo {
    /// Name, unique in the run.
    pub name: String,
    /// Whom it called.
    pub hostname: String,
    /// How it was called.
    pub protocol: Protocol,
    /// The index of its target.
    pub target: usize,
    /// Which function it was, for a comparison of systems.
    pub function: String,
    /// Which of the compared systems it belonged to.
    pub system: String,
    /// Whether calls were asynchronous.
    pub asynchronous: bool,
    /// The JSON document that was sent, as it was written; with `payload_template`, the one whose placeholders were filled.
    pub payload: Box<RawValue>,
    /// What filled the placeholders of `payload`; null if each request was sent `payload` as it is.
    pub payload_template: Option<PayloadTemplate>,
    /// Its entries among all entries of the endpoints file, each as often as its weight says, from 0 to 1.
    pub share: f64,
    /// What it answered before the run; null if it was not called then.
    pub preflight: Option<PreflightCall>,
}

impl EndpointInfo {
    /// The payload, and with a template its values and their seed, in a form in which equal ones are equal texts. Endpoints
    /// with the same text were sent the same: the request of each number had the same payload.
    pub fn sent(&self) -> String {
        match &self.payload_template {
            None => self.sent_from_any_seed(),
            Some(template) => format!("{} from seed {}", self.sent_from_any_seed(), template.seed),
        }
    }

    /// The same without the seed.
    pub fn sent_from_any_seed(&self) -> String {
        // What was read as JSON is JSON.
        let text = |json: &RawValue| canonical(json.get()).unwrap_or_else(|_| json.get().to_owned());
        let payload = text(&self.payload);
        match &self.payload_template {
            None => payload,
            Some(template) => format!("{payload} with {}", text(&template.values)),
        }
    }
}

impl Configuration {
    /// What is known of the function of an endpoint.
    pub fn function_of(&self, endpoint: &EndpointInfo) -> Option<&FunctionInfo> {
        let is_it = |function: &&FunctionInfo| {
            function.name == endpoint.hostname && function.target == endpoint.target
        };
        self.functions.iter().find(is_it)
    }

    /// What was called by an endpoint, for people: where it was, what it was given, and which version it was. What is not known
    /// is left out.
    pub fn called_text(&self, endpoint: &EndpointInfo) -> String {
        let target = self.targets.get(endpoint.target).map(TargetInfo::text);
        let function = self.function_of(endpoint).map(FunctionInfo::text);
        target.into_iter().chain(function).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// The requests of the run among those of all shards.
    pub fn own_requests(&self) -> OwnRequests {
        match self.shard.map(|shard| shard.shard()) {
            None => OwnRequests::All,
            Some(shard) => match shard.zip(self.order) {
                Some((shard, _)) => OwnRequests::Rounds(shard, self.endpoints_file.entries),
                None => OwnRequests::Unknown,
            },
        }
    }
}

impl RunInfo {
    /// The machine of the load generator for people; of a merged run, those of all shards.
    pub fn machines_text(&self) -> String {
        let shards: BTreeSet<String> = self.merged_from.iter().map(|shard| shard.machine.text()).collect();
        if shards.is_empty() {
            self.machine.text()
        } else {
            shards.into_iter().collect::<Vec<_>>().join(" and ")
        }
    }

    /// That the machine was busier with other things than it might be.
    pub fn disturbance(&self) -> Option<Warning> {
        let limit_percent = self.configuration.require_idle_percent?;
        let others_percent = self.machine.during.as_ref()?.others_percent();
        (others_percent > limit_percent).then_some(Warning::Disturbed { others_percent, limit_percent })
    }

    /// That the run started late, or what is wrong with the shards that it was merged from.
    pub(crate) fn start_reasons(&self) -> Vec<Reason> {
        let shards = &self.merged_from;
        if shards.is_empty() {
            let late_ns = self.clock.late_ns.filter(|late_ns| *late_ns > 0);
            return late_ns.map(|ns| Reason::StartedLate { by_s: units::s(ns) }).into_iter().collect();
        }
        started_apart(shards).into_iter().chain(invalid_shards(shards)).collect()
    }

    /// That it is not known of the shards of a merged run how close together they started.
    pub(crate) fn clocks_not_kept(&self) -> Option<Warning> {
        let is_kept = |shard: &&MergedShard| shard.clock.time_service.synchronised == Some(true);
        let of = self.merged_from.len() as u64;
        let shards = of - self.merged_from.iter().filter(is_kept).count() as u64;
        (shards > 0).then_some(Warning::ClocksNotKept { shards, of })
    }

    /// The names of the endpoints, in order.
    pub fn endpoint_names(&self) -> Vec<String> {
        self.configuration.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()
    }
}

/// A run of `f` and `g` on a local Lambda.
#[cfg(test)]
pub(crate) fn test_run_info() -> RunInfo {
    let endpoint = |name: &str, payload: &str| EndpointInfo {
        name: name.to_owned(),
        hostname: name.to_owned(),
        protocol: Protocol::Lambda,
        target: 0,
        function: name.to_owned(),
        system: "lambda-local".to_owned(),
        asynchronous: false,
        payload: serde_json::from_str(payload).expect("it is JSON"),
        payload_template: None,
        share: 0.5,
        preflight: None,
    };
    RunInfo {
        schema: SCHEMA,
        start: "2023-11-14T22:13:20.000Z".to_owned(),
        end: Some(End {
            time: "2023-11-14T22:13:30.000Z".to_owned(),
            issued: 3000,
            target_rps: Some(300.0),
            window_ns: 10_000_000_000,
            finished_ns: 10_100_000_000,
            interrupted_ns: None,
            sent_in_window: 3000,
            wall_jump_ns: -7,
            circumstances: Circumstances::default(),
            restarts: Vec::new(),
        }),
        command_line: vec!["awsinvoker".to_owned(), "--local".to_owned()],
        configuration: Configuration {
            targets: vec![test_target_info()],
            functions: ["f", "g"]
                .map(|name| FunctionInfo { name: name.to_owned(), ..Default::default() })
                .to_vec(),
            endpoints_file: EndpointsFile { entries: 2, order: vec![0, 1], ..EndpointsFile::default() },
            endpoints: vec![
                endpoint("f", r#"{"n": 1180591620717411303424, "a": [1.0, null]}"#),
                endpoint("g", "null"),
            ],
            load: LoadKind::Open,
            rps: Some(300.0),
            time_s: 10.0,
            stages: vec![StageInfo { time_s: 10.0, from_rps: 200.0, to_rps: 400.0 }],
            schedule: None,
            concurrency: None,
            cold: None,
            arrivals: Some(Arrivals::Poisson),
            order: Some(Order::Shuffled),
            seed: 7,
            shard: None,
            warm_up: Some(WarmUp { time_s: 1.0, requests: 200, failed: 1 }),
            prewarm: Some(Prewarm { calls_per_endpoint: 4, failed: 0, environments: Some(4) }),
            expected_requests: Some(3000),
            timeout_s: 60.0,
            max_in_flight: 1000,
            workers: 1,
            spin: true,
            restart_every_s: None,
            thresholds: vec!["f.response.p99<9ms".to_owned()],
            require_idle_percent: None,
        },
        versions: BTreeMap::from([("awsinvoker".to_owned(), "0.1.0".to_owned())]),
        build: Build { commit: None, profile: "debug".to_owned() },
        machine: Machine {
            cpu: None,
            is_virtual: Some(true),
            product: None,
            cores: Some(2),
            memory_kib: Some(1),
            kernel: "Linux".to_owned(),
            scheduling: Scheduling::RealTime,
            before: None,
            during: Some(Load {
                seconds: 10.0,
                busy_percent: 30.0,
                own_percent: 25.5,
                steal_percent: 1.0,
                load_average: Some([0.1, 0.2, 0.3]),
            }),
            after: None,
        },
        clock: ClockInfo::default(),
        merged_from: Vec::new(),
        prices: Prices::default(),
    }
}

/// A local Lambda.
#[cfg(test)]
fn test_target_info() -> TargetInfo {
    TargetInfo {
        platform: PlatformKind::Lambda,
        address: "http://127.0.0.1:9000".to_owned(),
        region: Some("us-east-1".to_owned()),
        profile: None,
        local: Some(LocalInfo { version: None, command_line: vec!["lambda-local".to_owned()] }),
        instances: Vec::new(),
        docker: Some(DockerInfo { version: "20".to_owned(), storage_driver: "overlay2".to_owned() }),
        env: vec!["A=1".to_owned()],
        connection: ConnectionInfo {
            http: "1.1".to_owned(),
            reuse: Connections::Pooled,
            warm_connections: 2,
        },
    }
}

#[cfg(test)]
mod start_tests;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::json;

    #[test]
    fn payloads_are_kept_as_they_are_written() {
        let text = json::write(&test_run_info()).unwrap();
        let read: RunInfo = json::read(text.as_slice(), SCHEMA).unwrap();
        assert_eq!(
            read.configuration.endpoints[0].payload.get(),
            r#"{"n": 1180591620717411303424, "a": [1.0, null]}"#
        );
        assert_eq!(read.configuration.endpoints[1].payload.get(), "null");
        assert_eq!(read.endpoint_names(), ["f", "g"]);
        assert_eq!(read.machine.during.unwrap().others_percent().to_bits(), 5.5_f64.to_bits());
    }

    #[test]
    fn a_target_is_told_by_its_address_and_by_what_is_special() {
        let local = test_target_info();
        let other = TargetInfo { local: None, profile: Some("test".to_owned()), ..local.clone() };
        assert_eq!(local.text(), "lambda-local at http://127.0.0.1:9000");
        assert_eq!(other.text(), "http://127.0.0.1:9000 with the profile test");
        let instances =
            |count| TargetInfo { local: None, instances: vec![String::new(); count], ..local.clone() }.text();
        assert_eq!(instances(1), "an instance at http://127.0.0.1:9000");
        assert_eq!(instances(2), "2 instances, the first at http://127.0.0.1:9000");
    }

    #[test]
    fn a_run_is_disturbed_beyond_the_limit_that_was_set() {
        let disturbance = |require_idle_percent| {
            let mut info = test_run_info();
            info.configuration.require_idle_percent = require_idle_percent;
            info.disturbance()
        };
        assert_eq!((disturbance(None), disturbance(Some(6.0))), (None, None));
        let expected = Warning::Disturbed { others_percent: 5.5, limit_percent: 5.0 };
        assert_eq!(disturbance(Some(5.0)), Some(expected));
    }

    proptest! {
        #[test]
        fn infos_read_back(command_line in prop::collection::vec(".*", 0..4), rps in 0.001..1e5_f64, seed: u64) {
            let mut info = RunInfo { command_line, ..test_run_info() };
            info.configuration.rps = Some(rps);
            info.configuration.seed = seed;
            let text = json::write(&info).unwrap();
            let read: RunInfo = json::read(text.as_slice(), SCHEMA).unwrap();
            prop_assert_eq!(json::write(&read).unwrap(), text);
        }
    }
}
