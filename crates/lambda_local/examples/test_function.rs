//! A Lambda function on AWS's own Rust runtime that does what its event asks for: the subject of the tests.
//!
//! `{"do": ACTION, ...}`; without an action the event is the answer. The variable `INIT` makes the initialisation
//! fail: `exit`, `hang`, or `first` to fail only where the file named by `MARKER` does not exist yet. `spin` makes it use
//! a CPU for 100 ms.

#![expect(clippy::disallowed_methods, reason = "a function reads its own environment")]
#![expect(clippy::print_stdout, reason = "the output goes to the function's log")]

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("initialising");
    initialise()?;
    let invocations = Arc::new(AtomicU64::new(0));
    // One request at a time, unless AWS_LAMBDA_MAX_CONCURRENCY says otherwise.
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<Value>| {
        act(event, invocations.fetch_add(1, Ordering::Relaxed) + 1)
    }))
    .await
}

fn initialise() -> Result<(), Error> {
    match std::env::var("INIT").unwrap_or_default().as_str() {
        "exit" => std::process::exit(9),
        "hang" => std::thread::sleep(Duration::from_secs(3600)),
        "spin" => spin(100),
        "first" => {
            let marker = std::env::var("MARKER")?;
            if !Path::new(&marker).exists() {
                std::fs::write(&marker, "")?;
                std::process::exit(9);
            }
        }
        _ => {}
    }
    Ok(())
}

async fn act(event: LambdaEvent<Value>, invocations: u64) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let number = |name: &str| payload[name].as_u64().unwrap_or_default();
    match payload["do"].as_str().unwrap_or_default() {
        "sleep" => tokio::time::sleep(Duration::from_millis(number("ms"))).await,
        "exit" => std::process::exit(i32::try_from(number("code"))?),
        "exit_every_third" if invocations.is_multiple_of(3) => std::process::exit(1),
        "hang" => std::thread::sleep(Duration::from_secs(3600)),
        "abort" => std::process::abort(),
        "signal" => {
            let signal = Signal::from_named_raw(i32::try_from(number("number"))?).ok_or("no such signal")?;
            kill_process(getpid(), signal)?;
        }
        "answer" => return Ok(payload["value"].clone()),
        "request_id" => return Ok(context.request_id.into()),
        "arn" => return Ok(context.invoked_function_arn.into()),
        "fail" => return Err("as the event asked".into()),
        "print" => println!("{}", payload["text"].as_str().unwrap_or_default()),
        "flood" => (0..number("lines")).for_each(|line| println!("line {line}")),
        "record" => {
            let path = payload["path"].as_str().unwrap_or_default();
            let mut file = std::fs::File::options().create(true).append(true).open(path)?;
            file.write_all(b"invoked\n")?;
            if number("ms") > 0 {
                tokio::time::sleep(Duration::from_millis(number("ms"))).await;
                file.write_all(b"done\n")?;
            }
            if payload["fail"] == true {
                return Err("as the event asked".into());
            }
        }
        "large" => return Ok("x".repeat(usize::try_from(number("bytes"))?).into()),
        "allocate" => {
            let memory = vec![1_u8; usize::try_from(number("bytes"))?];
            std::hint::black_box(&memory);
        }
        "write" => {
            let path = payload["path"].as_str().unwrap_or_default();
            return Ok(json!({ "error": std::fs::write(path, "x").err().map(|error| error.to_string()) }));
        }
        "spin" => spin(number("ms")),
        "read" => return Ok(std::fs::read_to_string(payload["path"].as_str().unwrap_or_default())?.into()),
        "listen" => listen()?,
        "connect" => return Ok(connect(payload["address"].as_str().unwrap_or_default())),
        "identity" => return Ok(std::fs::read_to_string("/proc/self/status")?.into()),
        "child" => {
            let child = std::process::Command::new("sleep").arg("3600").spawn()?;
            return Ok(json!({ "child": child.id() }));
        }
        "describe" => return Ok(describe(&context)),
        _ => {}
    }
    let environment = std::env::var("AWS_LAMBDA_LOG_STREAM_NAME")?;
    let pid = std::process::id();
    Ok(json!({ "event": payload, "environment": environment, "pid": pid, "invocations": invocations }))
}

/// Uses a CPU for so many milliseconds, which takes longer where it is throttled.
fn spin(ms: u64) {
    // The kernel counts in ticks of 10 ms.
    let ticks = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>()
    };
    let end = ticks() + ms / 10;
    while ticks() < end {}
}

/// Says hello to whoever connects to port 8000.
fn listen() -> Result<(), Error> {
    let listener = std::net::TcpListener::bind("0.0.0.0:8000")?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The request is read first. Otherwise the connection would be reset.
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"hello");
        }
    });
    Ok(())
}

/// What a server says to a request.
fn connect(address: &str) -> Value {
    let talk = || -> Result<String, Error> {
        let limit = Duration::from_millis(500);
        let mut stream = std::net::TcpStream::connect_timeout(&address.parse()?, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    json!(talk().unwrap_or_default())
}

fn describe(context: &lambda_runtime::Context) -> Value {
    let variables: serde_json::Map<_, _> =
        std::env::vars().map(|(name, value)| (name, value.into())).collect();
    json!({
        "request_id": context.request_id,
        "deadline_ms": context.deadline,
        "arn": context.invoked_function_arn,
        "trace_id": context.xray_trace_id,
        "client_context": context.client_context,
        "working_directory": std::env::current_dir().unwrap_or_default(),
        "environment": variables,
    })
}
