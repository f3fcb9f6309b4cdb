//! Functions behind gRPC that `--local` starts: the real binary, and the real functions.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use run_record::Start;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, program, stderr, stdout};

const ONE: &str = r#"[{"hostname": "f", "program": "./f", "protocol": "greeter", "payload": "x"}]"#;

/// A bench whose endpoints file names the program `./f`, which is this script.
fn with_script(endpoints: &str, script: &str) -> Bench {
    program("awsinvoker");
    let bench = Bench::new(endpoints);
    std::fs::write(bench.path("f"), format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(bench.path("f"), std::fs::Permissions::from_mode(0o755)).unwrap();
    bench
}

/// A script that becomes chameleon and tells its process id.
fn chameleon() -> String {
    format!("echo $$ >>pids; exec {} \"$@\"", program("chameleon").display())
}

fn pids(bench: &Bench) -> Vec<Pid> {
    bench.read("pids").lines().map(|line| Pid::from_raw(line.parse().unwrap()).unwrap()).collect()
}

fn run(bench: &Bench, line: &str) -> Output {
    bench.bare_command(&format!("{line} --out out")).output().unwrap()
}

fn run_json(bench: &Bench) -> Value {
    serde_json::from_str(&bench.read("out/run.json")).unwrap()
}

/// Waits until the process is gone, also from its parent.
fn wait_until_gone(pid: Pid) {
    for _ in 0..6_000 {
        if test_kill_process(pid).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{pid:?} runs on");
}

#[test]
fn both_functions_on_both_platforms() {
    for name in ["lambda-local", "chameleon", "cnn_serving"] {
        program(name);
    }
    let bench = Bench::new("");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = bench.bare_command("--local --rps 8 --time 3 --out out --endpoints-file");
    command.arg(root.join("examples/lambda_vs_grpc/endpoints.json"));
    command.arg("--env").arg(format!("CNN_SERVING_ASSETS={}", root.join("assets").display()));
    let output = command.output().unwrap();
    assert_complete(&output);
    let (summary, run) = (bench.summary(), run_json(&bench));
    let names = ["chameleon@lambda-local", "chameleon@grpc", "cnn_serving@lambda-local", "cnn_serving@grpc"];
    for (index, name) in names.into_iter().enumerate() {
        let endpoint = &summary["endpoints"][index];
        assert_eq!((&endpoint["name"], &endpoint["outcomes"]["ok"]), (&json!(name), &json!(6)), "{endpoint}");
    }
    let configuration = &run["configuration"];
    let targets: Vec<_> =
        configuration["targets"].as_array().unwrap().iter().map(|it| &it["platform"]).collect();
    assert_eq!(targets, ["lambda", "grpc", "grpc"]);
    let (on_lambda, on_grpc) = (&configuration["functions"][0], &configuration["functions"][2]);
    assert_eq!((&on_grpc["name"], &on_grpc["kind"]), (&json!("chameleon"), &json!("process")));
    assert_eq!((&on_grpc["program"], &on_grpc["sha256"]), (&on_lambda["program"], &on_lambda["sha256"]));
    assert_eq!((&on_grpc["memory_mb"], &on_grpc["target"]), (&Value::Null, &json!(1)), "it has no limit");
}

#[test]
fn each_instance_is_called_in_turn_and_ends_after_the_run() {
    let bench = with_script(ONE, &chameleon());
    let output = run(&bench, "--local --instances 3 --env RUST_LOG=warn --rps 30 --time 2");
    assert_complete(&output);
    assert_eq!(bench.summary()["endpoints"][0]["outcomes"]["ok"], 60, "{}", stderr(&output));
    let samples = bench.samples();
    let instances: BTreeSet<_> =
        samples.iter().map(|sample| sample.reply.environment.clone().unwrap()).collect();
    assert_eq!(instances.len(), 3);
    let starts = |start| samples.iter().filter(|sample| sample.start() == start).count();
    assert_eq!(
        [Start::Cold, Start::Other, Start::Warm].map(starts),
        [0, 3, 57],
        "all were ready before the run"
    );
    let configuration = &run_json(&bench)["configuration"];
    let target = &configuration["targets"][0];
    assert_eq!(target["instances"].as_array().unwrap().len(), 3, "{target}");
    assert_eq!((&target["address"], &target["env"]), (&target["instances"][0], &json!(["RUST_LOG=warn"])));
    assert_eq!(configuration["endpoints"][0]["system"], "grpc");
    let first = stdout(&output).lines().next().unwrap();
    assert!(first.contains(" to f on 3 instances, the first at http://127.0.0.1:"), "{first}");
    let pids = pids(&bench);
    assert_eq!(pids.len(), 3);
    pids.into_iter().for_each(wait_until_gone);
}

#[test]
fn a_program_has_the_variables_that_are_given_and_no_others() {
    let script = format!("env | sort >variables; exec {} \"$@\"", program("chameleon").display());
    let bench = with_script(ONE, &script);
    let mut command = bench.bare_command("--local --env A=1=2 --rps 5 --time 1 --out out");
    // The second one would make the function serve Lambda's Runtime API.
    command.env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    assert_complete(&command.output().unwrap());
    let variables = bench.read("variables");
    let names: Vec<_> = variables.lines().map(|line| line.split('=').next().unwrap()).collect();
    assert!(variables.contains("A=1=2\n") && !names.contains(&"AWS_LAMBDA_RUNTIME_API"), "{variables}");
    assert!(!variables.contains("secret"), "{variables}");
}

#[test]
fn a_start_that_fails_names_the_program_and_its_last_messages() {
    let failed = |script: &str| {
        let bench = with_script(ONE, script);
        let output = run(&bench, "--local");
        assert_eq!(output.status.code(), Some(1));
        assert!(!bench.path("out").exists(), "nothing is left of a run that never was");
        stderr(&output).replace(bench.path("").to_str().unwrap(), "DIR/")
    };
    let said = failed("echo first >&2; echo second >&2; exit 3");
    let expected = "error: f: no instance is ready: ./f ended before it listened: exit status: 3; its last messages:\n  \
        first\n  second\n";
    assert_eq!(said, format!("first\nsecond\n{expected}"));
    let said = failed("echo not this; echo listening on nowhere; exec sleep 60");
    let expected =
        "error: f: no instance is ready: ./f listens on `nowhere`, expected an IP address and a port\n";
    assert_eq!(said, format!("not this\n{expected}"));
}

#[test]
fn one_that_cannot_start_stops_the_others() {
    let script =
        format!("echo $$ >>pids; mkdir first && exec {} \"$@\"; exit 1", program("chameleon").display());
    let bench = with_script(ONE, &script);
    let output = run(&bench, "--local --instances 2");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    pids(&bench).into_iter().for_each(wait_until_gone);
}

#[test]
fn instances_end_with_awsinvoker_even_if_it_is_killed() {
    for signal in [Signal::KILL, Signal::INT] {
        let bench = with_script(ONE, &chameleon());
        let mut command = bench.bare_command("--local --instances 2 --rps 20 --time 60 --out out");
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !std::fs::read_to_string(bench.path("out/samples.csv"))
            .is_ok_and(|text| text.lines().count() > 3)
        {
            assert_eq!(process.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&process), signal).unwrap();
        process.wait().unwrap();
        assert_eq!(pids(&bench).len(), 2);
        pids(&bench).into_iter().for_each(wait_until_gone);
    }
}

#[test]
fn an_instance_that_is_killed_makes_the_run_invalid() {
    let bench = with_script(ONE, &chameleon());
    let mut command = bench.bare_command("--local --rps 50 --time 3 --out out");
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !std::fs::read_to_string(bench.path("out/samples.csv")).is_ok_and(|text| text.lines().count() > 3) {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(pids(&bench)[0], Signal::KILL).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let line = "invalid: an instance that was started for this run ended before the run did (f: signal: 9 (SIGKILL))";
    assert!(stdout(&output).lines().any(|found| found == line), "{}", stdout(&output));
    let summary = bench.summary();
    let died = json!({ "kind": "instance_died", "status": "f: signal: 9 (SIGKILL)" });
    assert!(summary["verdict"]["reasons"].as_array().unwrap().contains(&died), "{summary}");
    let outcomes = &summary["endpoints"][0]["outcomes"];
    assert!(outcomes["ok"].as_u64() > Some(0) && outcomes["transport"].as_u64() > Some(0), "{outcomes}");
}

#[test]
fn what_cannot_be_started_so_is_refused() {
    let refused = |line: &str, endpoints: &str| {
        let bench = with_script(endpoints, "exit 1");
        let output = run(&bench, line);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output).to_owned()
    };
    let limited =
        r#"[{"hostname": "f", "program": "./f", "protocol": "greeter", "payload": "x", "memory_mb": 128}]"#;
    let said = refused("--local", limited);
    assert!(
        said.contains("entry 0: `memory_mb` is given for a program behind gRPC, expected none"),
        "{said}"
    );
    let expected = "`program` is given, which is for functions that --local starts, expected --local, and neither `port`";
    assert!(refused("", ONE).contains(expected));
    let elsewhere =
        r#"[{"hostname": "f", "program": "./f", "protocol": "greeter", "payload": "x", "port": 1}]"#;
    let started = r#"{"hostname": "f", "program": "./f", "protocol": "executor"}"#;
    assert!(refused("--local", &elsewhere.replace('[', &format!("[{started}, "))).contains("`payload`"));
    let started = started.replace("\"executor\"", "\"greeter\", \"payload\": \"x\"");
    assert!(refused("--local", &elsewhere.replace('[', &format!("[{started}, "))).contains(expected));
    let there = r#"[{"hostname": "f", "protocol": "greeter", "payload": "x", "port": 1}]"#;
    assert!(refused("--local", there).starts_with("error: --local is given, expected an entry "));
    assert!(
        refused("--local --instances 2", r#"[{"hostname": "chameleon"}]"#)
            .starts_with("error: --instances is 2, ")
    );
    let event = r#"[{"hostname": "f", "protocol": "greeter", "payload": "x", "eventing": true}]"#;
    assert!(
        refused("--local", event)
            .contains("entry 0: `eventing` is true, expected false for a function behind gRPC")
    );
}

/// From `chameleon:latest`, which has to be there.
#[test]
#[ignore = "needs Docker"]
fn a_function_from_its_image() {
    let endpoints = r#"[{"hostname": "chameleon", "protocol": "greeter", "payload": {"num_of_rows": 2, "num_of_cols": 2},
        "memory_mb": 256}]"#;
    let bench = Bench::new(endpoints);
    let mut command = bench.bare_command("--local --images --instances 2 --rps 20 --time 2 --out out");
    let output = command.env("PATH", "/usr/local/bin:/usr/bin:/bin").output().unwrap();
    assert_complete(&output);
    assert_eq!(bench.summary()["endpoints"][0]["outcomes"]["ok"], 40, "{}", stderr(&output));
    let configuration = &run_json(&bench)["configuration"];
    let function = &configuration["functions"][0];
    assert!(function["image_id"].as_str().unwrap().starts_with("sha256:"), "{function}");
    assert_eq!((&function["kind"], &function["memory_mb"]), (&json!("docker"), &json!(256)));
    assert_eq!(function["cpu_limit"], json!({ "quota_us": 2894, "period_us": 20_000 }));
    assert_eq!(configuration["targets"][0]["instances"].as_array().unwrap().len(), 2);
}

/// What Docker limits the containers with this memory to that run: for those of lambda-local and of awsinvoker memory,
/// memory with swap, quota and period.
fn limits_of_containers(memory: &str) -> BTreeSet<String> {
    let docker = |words: &[&str]| {
        let output = std::process::Command::new("docker").args(words).output().unwrap();
        stdout(&output).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let format = "{{.Name}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}}";
    let all =
        docker(&["ps", "--quiet"]).into_iter().flat_map(|id| docker(&["inspect", "--format", format, &id]));
    let owner = |line: String| {
        let (name, limits) = line.split_once(' ')?;
        let owner = ["/lambda-local", "/awsinvoker"].into_iter().find(|owner| name.starts_with(owner))?;
        limits.starts_with(memory).then(|| format!("{owner} {limits}"))
    };
    all.filter_map(owner).collect()
}

/// From `chameleon:latest`, which has to be there.
#[test]
#[ignore = "needs Docker"]
fn containers_of_lambda_and_of_grpc_have_equal_limits() {
    let endpoints = r#"[
        {"hostname": "chameleon", "function": "f", "payload": {"num_of_rows": 2, "num_of_cols": 2}, "memory_mb": 300},
        {"hostname": "chameleon", "label": "grpc", "function": "f", "protocol": "greeter", "memory_mb": 300,
            "payload": {"num_of_rows": 2, "num_of_cols": 2}}]"#;
    let bench = Bench::new(endpoints);
    let mut command = bench.bare_command("--local --images --rps 20 --time 6 --out out");
    let running = command.env("PATH", "/usr/local/bin:/usr/bin:/bin").spawn().unwrap();
    // Docker needs some seconds for them. An environment of lambda-local is not limited while it initialises.
    let expected =
        ["/awsinvoker", "/lambda-local"].map(|owner| format!("{owner} 314572800 314572800 3391 20000"));
    let expected = BTreeSet::from(expected);
    let mut limits = BTreeSet::new();
    for _ in 0..200 {
        limits = limits_of_containers("314572800 ");
        if limits == expected {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(limits, expected);
    let output = running.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    let functions = &run_json(&bench)["configuration"]["functions"];
    for function in [&functions[0], &functions[1]] {
        assert_eq!(function["cpu_limit"], json!({ "quota_us": 3391, "period_us": 20_000 }), "{function}");
        assert_eq!(function["memory_mb"], 300);
    }
    // Another memory is another limit of CPU time, which is found before anything is measured.
    let unlike = Bench::new(&endpoints.replacen("300", "600", 1));
    let mut command = unlike.bare_command("--local --images --rps 20 --time 1 --out out");
    let refused = command.env("PATH", "/usr/local/bin:/usr/bin:/bin").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let told =
        "f: unlike CPU time: chameleon has 6783 µs of each 20000 µs, grpc has 3391 µs of each 20000 µs";
    assert!(stderr(&refused).contains(told), "{}", stderr(&refused));
}
