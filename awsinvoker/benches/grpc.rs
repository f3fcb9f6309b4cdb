//! What a call costs the client for gRPC, beside a client of tonic, against the same server in a process of its own.
//!
//! One call after the other on one thread, in rounds that take turns, so that a machine that becomes slower slows both.
#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/awsinvoker/support/functions.rs"]
mod functions;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use awsinvoker::platform::grpc::{Config, Grpc, GrpcEndpoint, Service};
use awsinvoker::platform::{Answer as _, Call as _};
use functions::{HelloReply, HelloRequest};
use http::uri::PathAndQuery;
use rustix::time::{ClockId, clock_gettime};
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

const ROUNDS: usize = 15;
const CALLS: u32 = 2_000;
const WARM_UP_CALLS: u32 = 500;
const EVENT: &str = r#"{"num_of_rows":1,"num_of_cols":3}"#;
const TIMEOUT: Duration = Duration::from_secs(60);
const STUB: &str = "--stub";

fn main() {
    if std::env::args().any(|arg| arg == STUB) {
        println!("{}", functions::start());
        // Ends with its standard input, so with the benchmark.
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut stub = command.arg(STUB).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(stub.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(compare(address.trim().parse().unwrap()));
    drop(stub.stdin.take());
    stub.wait().unwrap();
}

async fn compare(address: SocketAddr) {
    let own = own(address).await;
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.timeout(TIMEOUT).tcp_nodelay(true).connect().await.unwrap();
    let mut tonic = tonic::client::Grpc::new(channel);
    cpu_of_calls(WARM_UP_CALLS, async || call_own(&own).await).await;
    cpu_of_calls(WARM_UP_CALLS, async || call_tonic(&mut tonic).await).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let own = cpu_of_calls(CALLS, async || call_own(&own).await).await;
        let tonic = cpu_of_calls(CALLS, async || call_tonic(&mut tonic).await).await;
        rounds.push((own, tonic));
    }
    let us = |durations: Vec<Duration>| {
        let per_call = durations.into_iter().map(|cpu| cpu.as_secs_f64() * 1e6 / f64::from(CALLS));
        median(per_call.collect())
    };
    let (own_us, tonic_us) = rounds.iter().copied().unzip();
    let ratios = rounds.iter().map(|(own, tonic)| own.as_secs_f64() / tonic.as_secs_f64()).collect();
    println!(
        "CPU/request, median of {ROUNDS} rounds of {CALLS} calls: {:.1} µs by awsinvoker's client, {:.1} µs by tonic's, \
         {:.2} times as much",
        us(own_us),
        us(tonic_us),
        median(ratios)
    );
}

async fn own(address: SocketAddr) -> Grpc {
    let endpoint = GrpcEndpoint {
        hostname: address.ip().to_string(),
        port: address.port(),
        tls: false,
        service: Service::Greeter,
        payload: EVENT.to_owned(),
        template: None,
    };
    let config = Config { timeout: TIMEOUT, pooled: true, warm_connections: 0, ca_bundle: None };
    Grpc::connect(&config, &[endpoint]).await.unwrap()
}

/// The answer is read as in a run.
async fn call_own(grpc: &Grpc) {
    let reply = grpc.call(0, 0).await.read();
    assert_eq!(reply.function_latency_s, Some(0.25), "{:?}", reply.cause);
}

async fn call_tonic(grpc: &mut tonic::client::Grpc<Channel>) {
    grpc.ready().await.unwrap();
    let request = tonic::Request::new(HelloRequest { name: EVENT.to_owned() });
    let path = PathAndQuery::from_static("/helloworld.Greeter/SayHello");
    let codec = ProstCodec::<HelloRequest, HelloReply>::default();
    let reply = grpc.unary(request, path, codec).await.unwrap().into_inner();
    assert!(reply.message.starts_with('{'));
}

/// The CPU time of this thread for so many calls, one after the other.
async fn cpu_of_calls(calls: u32, mut call: impl AsyncFnMut()) -> Duration {
    let before = thread_cpu();
    for _ in 0..calls {
        call().await;
    }
    thread_cpu() - before
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}
