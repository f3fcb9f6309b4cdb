//! `--restart-every`: fresh environments at the boundaries of a run, on the real platforms of this machine.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use run_record::restarts::{RestartWay, TargetRestarts};
use run_record::units::{self, NS_PER_S};
use run_record::{Outcome, Sample, Start};
use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::json;

use crate::support::lambda_local::Server;
use crate::support::{Bench, assert_complete, end_by, functions, program, stderr, stdout, wait_until};

/// Writes a schedule of calls of these endpoints, at these times in milliseconds after each full second.
fn write_schedule(bench: &Bench, seconds: u64, calls: &[(u64, &str)]) {
    let mut schedule = "intended_ns,endpoint\n".to_owned();
    for second in 0..seconds {
        for (ms, endpoint) in calls {
            schedule += &format!("{},{endpoint}\n", second * NS_PER_S + ms * 1_000_000);
        }
    }
    std::fs::write(bench.path("schedule.csv"), schedule).unwrap();
}

/// The environments that an endpoint met before, between and after the restarts of its target. Every call has succeeded. A
/// call counts if it was due after one restart was complete, and `ended_ns` is before the next was begun: on a busy machine,
/// restarts come late.
fn environments(
    samples: &[Sample],
    endpoint: usize,
    restarts: &TargetRestarts,
    ended_ns: fn(&Sample) -> u64,
) -> Vec<BTreeSet<String>> {
    let begun = restarts.restarts.iter().map(|restart| restart.begun_s.unwrap()).chain([f64::INFINITY]);
    let done = [0.0].into_iter().chain(restarts.restarts.iter().map(|restart| restart.done_s.unwrap()));
    let own = || samples.iter().filter(|sample| sample.arrival.endpoint == endpoint);
    assert!(own().all(|sample| sample.reply.outcome == Outcome::Ok), "{samples:?}");
    let met = |(from_s, to_s): (f64, f64)| {
        let within =
            own().filter(|it| units::s(it.arrival.intended_ns) >= from_s && units::s(ended_ns(it)) < to_s);
        within.map(|sample| sample.reply.environment.clone().unwrap()).collect()
    };
    done.zip(begun).map(met).collect()
}

/// When a call of a Lambda function had its answer: until then, it may have met any environment that there was.
fn done_ns(sample: &Sample) -> u64 {
    sample.timing.unwrap().done_ns
}

/// When a call behind gRPC was due, which alone decides unless it was sent more than a tenth of a second later.
fn due_ns(sample: &Sample) -> u64 {
    let (due_ns, sent_ns) = (sample.arrival.intended_ns, sample.timing.unwrap().issued_ns);
    if sent_ns < due_ns + NS_PER_S / 10 { due_ns } else { sent_ns }
}

/// No environment was met in two windows. On a busy machine, calls of some windows may not count.
fn assert_fresh(windows: &[BTreeSet<String>]) {
    assert!(windows.iter().filter(|window| !window.is_empty()).count() >= 2, "{windows:?}");
    for (index, window) in windows.iter().enumerate() {
        assert!(windows[..index].iter().all(|earlier| earlier.is_disjoint(window)), "{windows:?}");
    }
}

fn restarts(bench: &Bench) -> Vec<TargetRestarts> {
    bench.run_dir().read_info().unwrap().end.unwrap().restarts
}

fn command(bench: &Bench, line: &str) -> Command {
    bench.bare_command(&format!("--out out --restart-every 1 {line}"))
}

fn run(bench: &Bench, line: &str) -> Output {
    command(bench, line).output().unwrap()
}

#[test]
fn each_window_has_environments_of_its_own_on_both_platforms() {
    ["awsinvoker", "lambda-local"].into_iter().for_each(|name| _ = program(name));
    let bench = Bench::new(
        r#"[{"hostname": "chameleon", "label": "lambda", "payload": {"num_of_rows": 2, "num_of_cols": 2}},
            {"hostname": "chameleon", "label": "grpc", "protocol": "greeter", "program": "./f",
             "payload": {"num_of_rows": 2, "num_of_cols": 2}}]"#,
    );
    let script = format!("#!/bin/sh\necho $$ >>pids; exec {} \"$@\"\n", program("chameleon").display());
    std::fs::write(bench.path("f"), script).unwrap();
    std::fs::set_permissions(bench.path("f"), std::fs::Permissions::from_mode(0o755)).unwrap();
    // An update of a Lambda function takes effect about its boundary; behind gRPC, the boundary is exact.
    let calls: Vec<(u64, &str)> =
        [250, 400, 550, 700].into_iter().flat_map(|ms| [(ms, "lambda"), (ms, "grpc")]).collect();
    let exact: Vec<(u64, &str)> = [0, 100, 800, 900, 990, 999].map(|ms| (ms, "grpc")).to_vec();
    let mut calls = [calls, exact].concat();
    calls.sort_unstable();
    write_schedule(&bench, 4, &calls);
    let output = run(&bench, "--local --instances 2 --time 4 --schedule schedule.csv");
    assert_complete(&output);
    let samples = bench.samples();
    assert_eq!(samples.len(), 4 * (4 + 10), "{}", stderr(&output));
    let info = bench.run_dir().read_info().unwrap();
    assert_eq!(info.configuration.restart_every_s, Some(1.0));
    let restarts = restarts(&bench);
    let ways: Vec<_> = restarts.iter().map(|it| (it.target, it.way, it.due, it.failed)).collect();
    let expected = [(0, RestartWay::UpdateConfiguration, 3, 0), (1, RestartWay::NewInstances, 3, 0)];
    assert_eq!(ways, expected, "{restarts:?}");
    assert!(
        restarts.iter().all(|it| it.not_restored.is_none() && it.functions == ["chameleon"]),
        "{restarts:?}"
    );
    assert_fresh(&environments(&samples, 0, &restarts[0], done_ns));
    let windows = environments(&samples, 1, &restarts[1], due_ns);
    assert_fresh(&windows);
    assert!(windows.iter().all(|window| window.len() == 2), "all instances are fresh: {windows:?}");
    assert!(samples.iter().all(|it| it.arrival.endpoint == 0 || it.start() != Start::Cold), "no call waits");
    // No earlier, and later only where the machine was too busy to have the instances ready.
    assert!(restarts[1].restarts.iter().all(|it| it.done_s >= Some(it.due_s)), "{restarts:?}");
    // Two instances before the run, and two at each boundary.
    let pids: Vec<Pid> =
        bench.read("pids").lines().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect();
    assert_eq!(pids.len(), 8);
    for pid in pids {
        let mut looks = 0;
        while test_kill_process(pid).is_ok() {
            looks += 1;
            assert!(looks < 6_000, "{pid:?} runs on");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

#[test]
fn a_call_that_began_before_a_boundary_ends_at_its_old_instance() {
    ["awsinvoker", "chameleon"].into_iter().for_each(|name| _ = program(name));
    let bench = Bench::new(
        r#"[{"hostname": "chameleon", "label": "short", "protocol": "greeter", "payload": {"num_of_rows": 2}},
            {"hostname": "chameleon", "label": "long", "protocol": "executor", "payload": {"runtime_ms": 600, "memory_mib": 1}}]"#,
    );
    let schedule =
        "intended_ns,endpoint\n200000000,short\n900000000,long\n1000000000,short\n1100000000,short\n";
    std::fs::write(bench.path("schedule.csv"), schedule).unwrap();
    assert_complete(&run(&bench, "--local --no-preflight --schedule schedule.csv --time 2"));
    let samples = bench.samples();
    assert!(samples.iter().all(|sample| sample.reply.outcome == Outcome::Ok), "{samples:?}");
    let met: Vec<_> = samples.iter().map(|sample| sample.reply.environment.as_deref().unwrap()).collect();
    assert_eq!((met[0] == met[1], met[2] == met[3], met[1] == met[2]), (true, true, false), "{met:?}");
    assert!(
        samples[1].timing.unwrap().done_ns > samples[3].timing.unwrap().done_ns,
        "it outlived the boundary"
    );
}

#[test]
fn a_function_has_its_configuration_again_after_the_run() {
    let server = Server::start(&[]);
    let before = server.variables();
    assert_eq!(before, json!({"OWN": "1"}));
    let bench =
        Bench::new(r#"[{"hostname": "chameleon"}, {"hostname": "chameleon:$LATEST", "payload": {}}]"#);
    write_schedule(&bench, 3, &[(300, "chameleon"), (500, "chameleon:$LATEST"), (700, "chameleon")]);
    let url = format!("--endpoint-url http://{}", server.authority);
    let output = run(&bench, &format!("--schedule schedule.csv --time 3 {url}"));
    assert_complete(&output);
    let samples = bench.samples();
    let [restarts] = restarts(&bench).try_into().unwrap();
    assert_eq!((restarts.due, restarts.failed), (2, 0), "{restarts:?}");
    for endpoint in [0, 1] {
        assert_fresh(&environments(&samples, endpoint, &restarts, done_ns));
    }
    assert_eq!(restarts.functions, ["chameleon"], "one function is changed once");
    assert_eq!(server.variables(), before);
    // Also after a signal, and what a killed run has left is taken out.
    server
        .configuration("PUT", r#"{"Environment": {"Variables": {"OWN": "1", "AWSINVOKER_RESTART": "old"}}}"#);
    std::fs::rename(bench.path("out"), bench.path("first")).unwrap();
    let output = end_by(&bench, command(&bench, &format!("--rps 20 --time 60 {url}")), &[Signal::INT]);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_eq!(server.variables(), before);
}

#[test]
fn what_others_change_is_not_overwritten_and_makes_the_run_invalid() {
    let server = Server::start(&[]);
    let bench = Bench::new(r#"[{"hostname": "chameleon"}]"#);
    let mut command =
        command(&bench, &format!("--rps 20 --time 3 --endpoint-url http://{}", server.authority));
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(&mut run, "some samples are written", || {
        std::fs::read_to_string(bench.path("out/samples.csv")).is_ok_and(|text| text.lines().count() > 3)
    });
    server.configuration("PUT", r#"{"Environment": {"Variables": {"OWN": "2"}}}"#);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let [restarts] = restarts(&bench).try_into().unwrap();
    assert_eq!(restarts.due, 2);
    let cause = "chameleon: its variables were changed during the run, and not by it";
    let verdict = format!("not as fresh as asked for: of 2 restarts, {} failed ({cause})", restarts.failed);
    assert!(restarts.failed > 0 && stdout(&output).contains(&verdict), "{}", stdout(&output));
    assert_eq!(server.variables(), json!({"OWN": "2"}));
    assert_eq!(bench.summary()["issued"], 60, "the calls go on by the schedule");
}

#[test]
fn what_cannot_be_put_back_is_told() {
    let mut server = Server::start(&[]);
    let bench = Bench::new(r#"[{"hostname": "chameleon"}]"#);
    let line = format!("--rps 20 --time 3 --endpoint-url http://{}", server.authority);
    let mut run = command(&bench, &line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(&mut run, "some samples are written", || {
        std::fs::read_to_string(bench.path("out/samples.csv")).is_ok_and(|text| text.lines().count() > 3)
    });
    server.kill();
    let output = run.wait_with_output().unwrap();
    // The restart of the last boundary fails, or is under way when the run ends: either is told.
    assert_eq!(output.status.code(), Some(4), "{}{}", stdout(&output), stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("a function keeps the variable AWSINVOKER_RESTART") && said.contains("chameleon: Get"),
        "{said}"
    );
    let [restarts] = restarts(&bench).try_into().unwrap();
    assert!(restarts.due == 2 && restarts.failed > 0, "{restarts:?}");
    assert!(restarts.not_restored.unwrap().starts_with("chameleon: GetFunctionConfiguration: "));
}

#[test]
fn a_command_makes_the_environments_of_another_platform_fresh() {
    let port = functions::start().port();
    let entry = |command: &str| {
        json!([{"hostname": "127.0.0.1", "port": port, "protocol": "greeter", "payload": "x", "function": "f",
                "restart": {"command": ["sh", "-c", command]}}])
    };
    let bench = Bench::new(&entry("echo x >>restarted").to_string());
    assert_complete(&run(&bench, "--rps 10 --time 3"));
    assert_eq!(bench.read("restarted").lines().count(), 2);
    let [found] = restarts(&bench).try_into().unwrap();
    assert_eq!((found.way, found.due, found.failed), (RestartWay::Command, 2, 0));
    assert_eq!(found.commands, [["sh", "-c", "echo x >>restarted"].map(str::to_owned)]);

    let bench = Bench::new(&entry("echo no cluster >&2; exit 1").to_string());
    let output = run(&bench, "--rps 10 --time 2");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(
        stderr(&output)
            .contains("at 1 s, environments could not be made fresh: sh: exit status: 1: no cluster")
    );
    let reasons = bench.summary()["verdict"]["reasons"].clone();
    assert!(reasons.as_array().unwrap().iter().any(|reason| reason["kind"] == "not_fresh"), "{reasons}");
    let again = bench.bare_command("report out").output().unwrap();
    assert!(stdout(&again).contains("environments were not as fresh as asked for"), "{}", stdout(&again));
}

#[test]
fn what_cannot_have_fresh_environments_is_refused_before_anything_is_called() {
    let refused = |entry: &str, line: &str| {
        let bench = Bench::new(&format!("[{entry}]"));
        let output = run(&bench, line);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(!bench.path("out").exists());
        stderr(&output).to_owned()
    };
    let said = refused(r#"{"hostname": "f", "qualifier": "prod"}"#, "--endpoint-url http://127.0.0.1:1");
    assert!(
        said.contains("entry 0: `hostname` has the qualifier `prod`, expected none for --restart-every"),
        "{said}"
    );
    let said = refused(r#"{"hostname": "f.example", "payload": "x"}"#, "");
    assert!(said.contains("entry 0: `restart` is missing, expected it for --restart-every"), "{said}");
    let said = refused(
        r#"{"hostname": "f", "protocol": "greeter", "payload": "x", "restart": {"command": ["true"]}}"#,
        "--local",
    );
    assert!(
        said.contains("entry 0: `restart` is given, expected none for a function that --local starts"),
        "{said}"
    );

    // The stub serves the Invoke API alone.
    let bench = Bench::new(r#"[{"hostname": "ok"}]"#);
    let output = bench.command("--out out --restart-every 1").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("error: ok: GetFunctionConfiguration: ")
            && said.contains("UpdateFunctionConfiguration"),
        "{said}"
    );
    assert!(!bench.path("out").exists());
}
