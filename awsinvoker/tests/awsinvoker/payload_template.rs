//! Payloads that are filled for each call: what arrives at servers and functions, and what is kept of it.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use awsinvoker::plan::endpoints::{self, Endpoint};
use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, program, stderr, stdout};

/// Numbers of calls that are not counted begin here.
const WARM_UP: u64 = 1_000_000_000_000;
const BEFORE_RUN: u64 = 2_000_000_000_000;

/// The names that were called, with what they were sent.
type Received = Arc<Mutex<Vec<(String, String)>>>;

/// A server of functions that answer all alike.
fn recorder() -> (SocketAddr, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, received) = (listener.local_addr().unwrap(), Received::default());
    let noted = Arc::clone(&received);
    let invoke = async move |Path(name): Path<String>, event: String| {
        noted.lock().unwrap().push((name, event));
        r#"{"latency": 0.001}"#
    };
    let app = Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    (address, received)
}

/// One function at two systems, which are called in turn.
fn entries(address: SocketAddr) -> Value {
    let entry = |system: &str| {
        json!({
            "hostname": system, "function": "f", "system": system, "endpoint_url": format!("http://{address}"),
            "payload": {"n": "{{number}}", "rows": "{{rows}}", "id": "{{size}}-{{id}}"},
            "payload_values": {
                "rows": {"integer": [1, 100]}, "size": {"choice": ["s", "m", 3]}, "id": {"hex": 8}
            },
        })
    };
    json!([entry("a"), entry("b")])
}

/// The endpoints of this file, whose templates draw from this seed.
fn read(entries: &str, seed: u64) -> Vec<Endpoint> {
    let mut list = endpoints::parse(entries, &mut |_| Err(std::io::ErrorKind::NotFound.into())).unwrap().list;
    list.iter_mut().filter_map(|it| it.template.as_mut()).for_each(|template| template.seed = seed);
    list
}

/// What was sent to a function, sorted.
fn sent_to(received: &Received, name: &str) -> Vec<String> {
    let received = received.lock().unwrap();
    let mut sent: Vec<_> = received.iter().filter(|it| it.0 == name).map(|it| it.1.clone()).collect();
    sent.sort_unstable();
    sent
}

/// What the calls of these numbers send, sorted.
fn of_numbers(entries: &Value, seed: u64, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let endpoint = &read(&entries.to_string(), seed)[0];
    let mut sent: Vec<_> =
        numbers.into_iter().map(|number| endpoint.payload_of(number).into_owned()).collect();
    sent.sort_unstable();
    sent
}

/// On a busy machine the load generator may have been late.
fn assert_ran(output: &std::process::Output) {
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}{}", stdout(output), stderr(output));
}

#[test]
fn both_systems_get_the_same_values_and_no_call_those_of_another() {
    let (address, received) = recorder();
    let entries = entries(address);
    let bench = Bench::new(&entries.to_string());
    let line = "-rps 40 -time 0.5 --seed 7 --order shuffled --warm-up 0.2 --prewarm 2 --out out";
    assert_ran(&bench.bare_command(line).output().unwrap());
    let numbers = (0..10).chain(WARM_UP..WARM_UP + 4).chain(BEFORE_RUN..BEFORE_RUN + 3);
    let expected = of_numbers(&entries, 7, numbers);
    assert_eq!(sent_to(&received, "a"), expected);
    assert_eq!(sent_to(&received, "b"), expected);
    for endpoint in 0..2 {
        let samples = bench.samples().into_iter().filter(|sample| sample.arrival.endpoint == endpoint);
        let mut numbers: Vec<_> = samples.map(|sample| sample.arrival.number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..10));
    }
    let info = bench.run_dir().read_info().unwrap();
    let template = info.configuration.endpoints[0].payload_template.as_ref().unwrap();
    let values: Value = serde_json::from_str(template.values.get()).unwrap();
    assert_eq!((template.seed, &values), (7, &entries[0]["payload_values"]));
}

#[test]
fn shards_and_closed_loops_number_the_calls_of_each_endpoint() {
    let (address, received) = recorder();
    let entries = entries(address);
    let bench = Bench::new(&entries.to_string());
    for shard in ["0/2", "1/2"] {
        let line = format!(
            "-rps 40 -time 0.5 --no-preflight --unlike --payload-seed 3 --shard {shard} --out s{shard}"
        );
        assert_ran(&bench.bare_command(&line.replace("s0/2", "s0").replace("s1/2", "s1")).output().unwrap());
    }
    let expected = of_numbers(&entries, 3, 0..10);
    assert_eq!((sent_to(&received, "a"), sent_to(&received, "b")), (expected.clone(), expected));
    received.lock().unwrap().clear();
    let line = "--concurrency 3 -time 0.3 --no-preflight --unlike --out out";
    assert_ran(&bench.bare_command(line).output().unwrap());
    let calls = sent_to(&received, "a").len() as u64;
    assert!(calls > 3);
    assert_eq!(sent_to(&received, "a"), of_numbers(&entries, 0, 0..calls));
}

#[test]
fn a_pair_of_interleaved_runs_gets_the_same_values() {
    let (address, received) = recorder();
    let bench = Bench::new("[]");
    let plan = format!(
        "mode = \"interleaved\"\nwindow = \"1s\"\npairs = 2\nseed = 5\n[run]\nrps = 40\nno_preflight = true\nendpoint_url = \
         \"http://{address}\"\n[systems]\na = {{ hostname = \"a\" }}\nb = {{ hostname = \"b\" }}\n[functions.f]\n\
         payload = {{ n = \"{{{{number}}}}\", id = \"{{{{id}}}}\" }}\npayload_values = {{ id = {{ hex = 8 }} }}\n"
    );
    std::fs::write(bench.path("plan.toml"), plan).unwrap();
    let output = bench.bare_command("experiment plan.toml --out x").output().unwrap();
    assert_ran(&output);
    let (a, b) = (sent_to(&received, "a"), sent_to(&received, "b"));
    assert_eq!((a.len(), &a), (40, &b), "{}", stderr(&output));
    let ids: std::collections::BTreeSet<_> = a.iter().collect();
    assert_eq!(ids.len(), 40, "each pair has values of its own");
}

#[test]
fn runs_from_unlike_seeds_are_not_compared() {
    let (address, _) = recorder();
    let mut only = entries(address);
    only.as_array_mut().unwrap().truncate(1);
    let bench = Bench::new(&only.to_string());
    for (seed, out) in [(1, "one"), (1, "same"), (2, "other")] {
        let line = format!("-rps 60 -time 1 --preflight --seed {seed} --out {out}");
        assert_ran(&bench.bare_command(&line).output().unwrap());
    }
    let compared = |other: &str| {
        stdout(&bench.bare_command(&format!("compare one {other}")).output().unwrap()).to_owned()
    };
    assert!(!compared("same").contains("unlike"), "{}", compared("same"));
    assert!(compared("other").contains("unlike payload"), "{}", compared("other"));
}

#[test]
fn the_functions_of_both_platforms_do_what_the_values_say() {
    ["awsinvoker", "lambda-local", "chameleon"].into_iter().for_each(|name| _ = program(name));
    let entry = |label: &str, protocol: &str| {
        json!({
            "hostname": "chameleon", "label": label, "system": label, "protocol": protocol,
            "payload": {"num_of_rows": "{{rows}}", "num_of_cols": 3},
            "payload_values": {"rows": {"choice": [1, 1, 200]}},
        })
    };
    let entries = json!([entry("lambda", "lambda"), entry("grpc", "greeter")]);
    let bench = Bench::new(&entries.to_string());
    assert_complete(&bench.bare_command("--local -rps 40 -time 1 --seed 1 --out out").output().unwrap());
    let endpoints = read(&entries.to_string(), 1);
    let (samples, mut large) = (bench.samples(), 0);
    assert_eq!(samples.len(), 40);
    for sample in samples {
        let sent = endpoints[sample.arrival.endpoint].payload_of(sample.arrival.number);
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let is_large = sent["num_of_rows"] == 200;
        large += usize::from(is_large);
        // A row has more than ten bytes, and the rest of an answer far less than a thousand.
        assert_eq!(sample.reply.answer_bytes.unwrap() > 2_000, is_large, "{sent}: {:?}", sample.reply);
    }
    assert!((1..40).contains(&large), "{large}");
}

#[test]
fn what_a_template_can_make_is_checked_before_anything_is_called() {
    let refused = |entry: Value| {
        let bench = Bench::new(&json!([entry]).to_string());
        let output = bench.bare_command("-rps 1 -time 1 --out out").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(!bench.path("out").exists());
        stderr(&output).to_owned()
    };
    let digits = "0".repeat(6 << 20);
    let said = refused(json!({
        "hostname": "f", "payload": "{{n}}", "payload_values": {"n": {"choice": ["", digits]}},
    }));
    assert!(said.contains("entry 0: the payload has 6291458 bytes, expected at most 6291456"), "{said}");
    let said = refused(json!({
        "hostname": "f.example", "protocol": "executor", "payload": {"runtime_ms": "{{ms}}", "memory_mib": 1},
        "payload_values": {"ms": {"integer": [-1, 10]}},
    }));
    assert!(
        said.contains(r#"`payload` is `{"memory_mib":1,"runtime_ms":-1}`, expected a JSON object"#),
        "{said}"
    );
}
