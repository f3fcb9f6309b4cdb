//! Several targets in one run: each endpoint reaches its own server, with the credentials that are meant for it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, program, stderr, stdout};

/// A server of injected functions, which tells in a file what really happened to each request.
struct Injected {
    process: Child,
    url: String,
    truth: String,
}

impl Injected {
    fn start(bench: &Bench, name: &str) -> Self {
        let (plan, truth) = (format!("{name}.toml"), format!("{name}.csv"));
        let content = format!(
            "seed = 1\n[functions.f]\nlatency.constant = {{ ms = 1 }}\n[functions.{name}]\nlatency.constant = {{ ms = 1 }}\n"
        );
        std::fs::write(bench.path(&plan), content).unwrap();
        let mut command = Command::new(program("lambda-local"));
        command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin", "--inject"]).arg(bench.path(&plan));
        command.arg("--truth").arg(bench.path(&truth)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, url, truth }
    }

    fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// How many requests each function got. The server ends first.
    fn requests(mut self, bench: &Bench) -> BTreeMap<String, u64> {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
        let mut requests = BTreeMap::new();
        for line in bench.read(&self.truth).lines().skip(1) {
            *requests.entry(line.split(',').nth(1).unwrap().to_owned()).or_default() += 1;
        }
        requests
    }
}

fn run_json(bench: &Bench) -> Value {
    serde_json::from_str(&bench.read("out/run.json")).unwrap()
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn each_endpoint_reaches_its_own_server() {
    let bench = Bench::new("");
    let (first, second) = (Injected::start(&bench, "first"), Injected::start(&bench, "second"));
    let endpoints = json!([
        {"hostname": "f", "endpoint_url": first.url, "system": "old"},
        {"hostname": "f", "endpoint_url": second.url},
        {"hostname": "first", "endpoint_url": first.url, "weight": 2, "label": "one", "function": "shared"},
        {"hostname": "second", "function": "shared"},
        {"hostname": "f", "endpoint_url": first.url, "payload": 1},
    ]);
    std::fs::write(bench.path("endpoints.json"), endpoints.to_string()).unwrap();
    let output = bench
        .bare_command("-rps 60 -time 1 --warm-connections 1 --no-preflight --unlike --out out --endpoint-url")
        .arg(&second.url)
        .output()
        .unwrap();
    assert_complete(&output);
    let names =
        ["f@old".to_owned(), format!("f@{}", second.authority()), "one".to_owned(), "second".to_owned()];
    let names = [names.to_vec(), vec![format!("f@{}", first.authority())]].concat();
    let summary = bench.summary();
    for (index, (name, count)) in names.iter().zip([10, 10, 20, 10, 10]).enumerate() {
        let endpoint = &summary["endpoints"][index];
        assert_eq!((&endpoint["name"], &endpoint["outcomes"]["ok"]), (&json!(name), &json!(count)));
    }
    let start = stdout(&output).lines().next().unwrap();
    assert!(
        start.contains(&format!(" on {} and {} and {}, saved in out", first.url, second.url, second.url)),
        "{start}"
    );

    let configuration = &run_json(&bench)["configuration"];
    // An entry's own address on this machine gets placeholders, the one of a flag does not: they are two targets.
    let addresses: Vec<_> =
        configuration["targets"].as_array().unwrap().iter().map(|target| &target["address"]).collect();
    assert_eq!(addresses, [&json!(first.url), &json!(second.url), &json!(second.url)]);
    let endpoints = configuration["endpoints"].as_array().unwrap();
    let told: Vec<_> =
        endpoints.iter().map(|it| json!([it["target"], it["function"], it["system"]])).collect();
    let (first_at, second_at) = (first.authority().to_owned(), second.authority().to_owned());
    let expected = [
        json!([0, "f", "old"]),
        json!([1, "f", second_at]),
        json!([0, "shared", first_at]),
        json!([2, "shared", second_at]),
        json!([0, "f", first_at]),
    ];
    assert_eq!(told, expected);
    let functions: Vec<_> = configuration["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["target"], it["name"]]))
        .collect();
    assert_eq!(functions, [json!([0, "f"]), json!([0, "first"]), json!([1, "f"]), json!([2, "second"])]);
    assert_eq!(first.requests(&bench), counts(&[("f", 20), ("first", 20)]));
    assert_eq!(second.requests(&bench), counts(&[("f", 10), ("second", 10)]));
}

#[test]
fn a_local_lambda_is_compared_with_another_server() {
    let bench = Bench::new("");
    let other = Injected::start(&bench, "other");
    let chameleon = program("chameleon");
    let endpoints = json!([
        {"hostname": "small", "program": chameleon, "memory_mb": 256, "function": "chameleon"},
        {"hostname": "f", "endpoint_url": other.url, "function": "chameleon"},
        {"hostname": "large", "program": chameleon, "memory_mb": 1024, "function": "chameleon", "system": "local-1024"},
    ]);
    std::fs::write(bench.path("endpoints.json"), endpoints.to_string()).unwrap();
    assert_complete(
        &bench.bare_command("--local -rps 30 -time 1 --no-preflight --unlike --out out").output().unwrap(),
    );
    let summary = bench.summary();
    for endpoint in 0..3 {
        assert_eq!(summary["endpoints"][endpoint]["outcomes"]["ok"], 10, "{summary}");
    }
    let memory = |endpoint: usize| {
        let samples = bench.samples().into_iter().filter(move |sample| sample.arrival.endpoint == endpoint);
        samples.map(|sample| sample.reply.report.memory_mib.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((memory(0), memory(2)), (vec![256; 10], vec![1024; 10]));
    let configuration = &run_json(&bench)["configuration"];
    let (local, remote) = (&configuration["targets"][0], &configuration["targets"][1]);
    let command_line = local["local"]["command_line"].as_array().unwrap();
    assert_eq!(command_line[command_line.len() - 4..], ["--memory", "small=256", "--memory", "large=1024"]);
    assert_eq!((&remote["address"], &remote["local"]), (&json!(other.url), &Value::Null));
    let told: Vec<_> = configuration["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["target"], it["function"], it["system"]]))
        .collect();
    let expected = [
        json!([0, "chameleon", "lambda-local"]),
        json!([1, "chameleon", other.authority()]),
        json!([0, "chameleon", "local-1024"]),
    ];
    assert_eq!(told, expected);
    assert_eq!(other.requests(&bench), counts(&[("f", 10)]));
}

/// A server that keeps the headers of every request that say who calls.
#[derive(Clone, Default)]
struct Callers(Arc<Mutex<Vec<String>>>);

impl Callers {
    fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(Self::note).with_state(self.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
            });
        });
        address
    }

    async fn note(State(callers): State<Self>, headers: HeaderMap, _: Uri) -> &'static str {
        callers.0.lock().unwrap().push(format!("{headers:?}"));
        "{}"
    }

    /// Everything that was said, and how often.
    fn said(&self) -> (String, usize) {
        let said = self.0.lock().unwrap();
        (said.concat(), said.len())
    }
}

#[test]
fn real_credentials_go_to_the_service_and_never_to_a_server_on_this_machine_that_an_entry_names() {
    let (service, own, profiled) = (Callers::default(), Callers::default(), Callers::default());
    let at = |callers: &Callers| format!("http://{}", callers.start());
    let bench = Bench::new("");
    let endpoints = json!([
        {"hostname": "f"},
        {"hostname": "f", "endpoint_url": at(&own)},
        {"hostname": "f", "endpoint_url": at(&profiled), "profile": "test"},
    ]);
    std::fs::write(bench.path("endpoints.json"), endpoints.to_string()).unwrap();
    std::fs::create_dir(bench.path(".aws")).unwrap();
    let profile = "[test]\naws_access_key_id = PROFILEID\naws_secret_access_key = profile-secret\n";
    std::fs::write(bench.path(".aws/credentials"), profile).unwrap();
    let mut command = bench.bare_command("-rps 30 -time 1 --no-preflight --out out");
    command
        .env("AWS_ACCESS_KEY_ID", "REALID")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_SESSION_TOKEN", "real-token");
    command.env("AWS_REGION", "eu-west-1").env("AWS_ENDPOINT_URL_LAMBDA", at(&service));
    assert_complete(&command.output().unwrap());
    // Ten calls each, and one question about the function.
    let (said, requests) = service.said();
    assert_eq!((said.matches("Credential=REALID/").count(), requests), (11, 11), "{said}");
    assert_eq!(said.matches("real-token").count(), 11);
    let (said, requests) = own.said();
    assert_eq!((said.matches("Credential=local/").count(), requests), (11, 11), "{said}");
    assert!(!said.contains("REALID") && !said.contains("real-token"), "{said}");
    let (said, requests) = profiled.said();
    assert_eq!((said.matches("Credential=PROFILEID/").count(), requests), (11, 11), "{said}");
    assert!(!said.contains("REALID") && !said.contains("real-token"), "{said}");
    let targets = run_json(&bench)["configuration"]["targets"].clone();
    assert_eq!(
        targets.as_array().unwrap().iter().map(|target| &target["profile"]).collect::<Vec<_>>(),
        [&Value::Null, &Value::Null, &json!("test")]
    );
}

#[test]
fn a_target_that_cannot_be_used_is_named_and_the_others_are_stopped() {
    let chameleon = program("chameleon");
    let endpoints = json!([
        {"hostname": "f", "program": chameleon},
        {"hostname": "f", "endpoint_url": "http://127.0.0.1:1", "region": "eu-west-1"},
    ]);
    let bench = Bench::new(&endpoints.to_string());
    // This returns when nobody holds the standard error any more, so also not the local Lambda.
    let output = bench.bare_command("--local --warm-connections 1 --out out").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let last = stderr(&output).lines().last().unwrap();
    insta::assert_snapshot!(last, @"error: http://127.0.0.1:1 in eu-west-1: --warm-connections: http://127.0.0.1:1: cannot connect: Connection refused (os error 111)");
    assert!(!bench.path("out").exists(), "nothing is left of a run that never was");
}
