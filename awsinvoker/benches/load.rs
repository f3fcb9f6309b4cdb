//! How well the invoker keeps its schedule and what a request costs it, against a stub in a process of its own; the highest
//! rate that it keeps; and what its client costs alone, beside AWS's SDK.
//!
//! Runs the real binary. On a machine that does other work the figures say more about that than about the invoker.
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/awsinvoker/support/stub.rs"]
mod stub;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_lambda::Client as Sdk;
use aws_sdk_lambda::config::Credentials;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use awsinvoker::plan::endpoints;
use awsinvoker::platform::Call as _;
use awsinvoker::platform::lambda::Lambda;
use run_record::latency::Lag;
use run_record::run_dir::RunDir;
use rustix::time::{ClockId, clock_gettime};

const RATES: [u32; 4] = [300, 1000, 1001, 3000];
const SECONDS: u32 = 8;
/// Tried in turn until one is not kept.
const HIGH_RATES: [u32; 9] = [4_000, 6_000, 8_000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000];
const HIGH_SECONDS: u32 = 3;
/// A rate is kept if this share of it is sent in time, and answered.
const KEPT: f64 = 0.9995;
const PAYLOAD: &str = r#"{"num_of_rows":1,"num_of_cols":3}"#;
/// An endpoint whose calls all send the same.
const SAME: &str = r#"[{"hostname": "string", "payload": {"num_of_rows":1,"num_of_cols":3}}]"#;
/// One with a payload of the same size, of which each call has values of its own.
const FILLED: &str = r#"[{"hostname": "string", "payload": {"num_of_rows":"{{rows}}","num_of_cols":3},
    "payload_values": {"rows": {"integer": [1, 9]}}}]"#;
const CLOSED_LOOP_CALLS: u32 = 10_000;
const WARM_UP_CALLS: u32 = 500;
const STUB: &str = "--stub";

struct Figures {
    requests: u64,
    completed: u64,
    achieved: f64,
    lag: Lag,
    service_p50: f64,
    cpu: Duration,
}

fn main() {
    if std::env::args().any(|arg| arg == STUB) {
        println!("{}", stub::start());
        // Ends with its standard input, so with the benchmark.
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let mut stub = Stub::start();
    println!(
        "{:>6} {:>9} {:>16} {:>36} {:>12} {:>12}",
        "rate",
        "requests",
        "achieved/target",
        "schedule lag µs p50/p99/p99.9/max",
        "service p50",
        "CPU/request"
    );
    for rate in RATES {
        let Figures { requests, achieved, lag, service_p50, cpu, .. } = measure(rate, SECONDS, &stub.address);
        let lag = [lag.p50, lag.p99, lag.p999, lag.max].map(|us| format!("{:.1}", us.unwrap())).join(" / ");
        let cpu_us = cpu.as_secs_f64() * 1e6 / requests as f64;
        println!("{rate:>6} {requests:>9} {achieved:>16.5} {lag:>36} {service_p50:>9.1} µs {cpu_us:>9.1} µs");
    }
    println!("the highest rate that is kept: {} a second", highest(&stub.address));
    let per_call = |cpu: Duration| cpu.as_secs_f64() * 1e6 / f64::from(CLOSED_LOOP_CALLS);
    let own = |entry: &str| per_call(closed_loop_own(&stub.address, entry));
    let (same, filled) = (own(SAME), own(FILLED));
    let sdk = per_call(closed_loop_sdk(&stub.address));
    println!(
        "one call after the other on one thread, CPU/request: {same:.1} µs by its client, {filled:.1} µs with a payload that \
         is filled for each call, {sdk:.1} µs by the SDK"
    );
    drop(stub.process.stdin.take());
    stub.process.wait().unwrap();
}

struct Stub {
    process: Child,
    address: String,
}

impl Stub {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg(STUB).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }
}

/// The highest of the rates that is kept, 0 if none is.
fn highest(address: &str) -> u32 {
    let kept = HIGH_RATES.into_iter().take_while(|rate| {
        let figures = measure(*rate, HIGH_SECONDS, address);
        figures.achieved >= KEPT && figures.completed == figures.requests
    });
    kept.last().unwrap_or(0)
}

fn measure(rate: u32, seconds: u32, address: &str) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("endpoints.json"), r#"[{"hostname": "string"}]"#).unwrap();
    let line = format!("-rps {rate} -time {seconds} --out out --endpoint-url http://{address}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_awsinvoker"));
    command.args(line.split(' ')).current_dir(folder.path()).stdout(Stdio::null());
    let before = children_cpu();
    // 4: the machine was too busy for a valid run, as the figures show.
    assert!(matches!(command.status().unwrap().code(), Some(0 | 4)));
    let cpu = children_cpu() - before;
    let summary = RunDir::open(&folder.path().join("out")).read_summary().unwrap();
    Figures {
        requests: summary.issued,
        completed: summary.completed,
        achieved: summary.sent_rps / summary.target_rps.unwrap(),
        lag: summary.schedule_lag_us,
        service_p50: summary.endpoints[0].views.service.p50.unwrap(),
        cpu,
    }
}

/// The CPU time of calls through the same client without pacing, concurrency and recording: what is left of a
/// request's cost if the invoker itself cost nothing.
fn closed_loop_own(address: &str, entry: &str) -> Duration {
    let endpoints = endpoints::parse(entry, &mut |_| Err(std::io::ErrorKind::NotFound.into())).unwrap().list;
    runtime().block_on(async {
        let lambda = Lambda::at(&format!("http://{address}"), &endpoints).await.unwrap();
        let mut number = 0;
        cpu_of_calls(async || {
            number += 1;
            drop(std::hint::black_box(lambda.call(0, number).await));
        })
        .await
    })
}

/// The CPU time of the same calls through AWS's SDK.
fn closed_loop_sdk(address: &str) -> Duration {
    runtime().block_on(async {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
            .endpoint_url(format!("http://{address}"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled());
        let sdk = Sdk::from_conf(config.build());
        let payload = Blob::new(PAYLOAD);
        cpu_of_calls(async || {
            let call = sdk.invoke().function_name("string").payload(payload.clone()).log_type(LogType::Tail);
            drop(std::hint::black_box(call.send().await.unwrap()));
        })
        .await
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The CPU time of this thread for calls one after the other.
async fn cpu_of_calls(mut call: impl AsyncFnMut()) -> Duration {
    for _ in 0..WARM_UP_CALLS {
        call().await;
    }
    let before = thread_cpu();
    for _ in 0..CLOSED_LOOP_CALLS {
        call().await;
    }
    thread_cpu() - before
}

/// The CPU time of this thread, to the nanosecond: ticks would miss what is shorter than one.
fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

/// User and system time of all child processes that have ended.
fn children_cpu() -> Duration {
    cpu("/proc/self/stat", [16, 17])
}

/// The sum of two fields of a `stat` file, numbered as in proc(5), in ticks of a hundredth of a second.
fn cpu(stat: &str, fields: [usize; 2]) -> Duration {
    let stat = std::fs::read_to_string(stat).unwrap();
    // The name in field 2 may hold spaces.
    let values: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields.iter().map(|field| values[field - 3].parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}
