//! The real binary against the stub server: every kind of load.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use run_record::units::NS_PER_MS;
use run_record::{Outcome, Sample};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, stderr, stdout};

const THREE: &str = r#"[{"hostname": "string"}, {"hostname": "object", "weight": 2}, {"hostname": "cold"}]"#;

fn run(bench: &Bench, line: &str) -> String {
    let output = bench.run(line);
    assert_complete(&output);
    stdout(&output).to_owned()
}

fn configuration(bench: &Bench) -> Value {
    let run: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    run["configuration"].clone()
}

/// When each call was due, and whom it called.
fn calls(samples: &[Sample]) -> Vec<(u64, usize)> {
    samples.iter().map(|sample| (sample.arrival.intended_ns, sample.arrival.endpoint)).collect()
}

#[test]
fn stages_are_steps_ramps_and_rests() {
    let bench = Bench::new(THREE);
    let text = run(&bench, "--stages 500ms@40,200ms@0,1s@0..100,100ms@0");
    assert!(
        text.starts_with("70 requests in 1.8 s and 4 stages (mean 38.89/s) to string, object, cold on "),
        "{text}"
    );
    let due = |from_ms: u64, to_ms: u64| {
        let within = |(ns, _): &&(u64, usize)| (from_ms * NS_PER_MS..to_ms * NS_PER_MS).contains(ns);
        calls(&bench.samples()).iter().filter(within).count()
    };
    assert_eq!([due(0, 500), due(500, 700), due(700, 1700), due(1700, 1800)], [20, 0, 50, 0]);
    // A ramp from nothing has a quarter of its requests in its first half.
    assert_eq!([due(700, 1200), due(1200, 1700)], [13, 37]);
    let summary = bench.summary();
    assert_eq!((&summary["issued"], &summary["window_s"]), (&json!(70), &json!(1.8)));
    assert_eq!(summary["target_rps"], json!(70.0 / 1.8));
    let configuration = configuration(&bench);
    assert_eq!(configuration["stages"][2], json!({ "time_s": 1.0, "from_rps": 0.0, "to_rps": 100.0 }));
    assert_eq!((&configuration["load"], &configuration["order"]), (&json!("open"), &json!("round_robin")));
}

#[test]
fn shuffled_rounds_have_every_entry_and_repeat_with_the_seed() {
    let line = "-rps 200 -time 1 --order shuffled --seed";
    let order = |seed: u32| {
        let bench = Bench::new(THREE);
        run(&bench, &format!("{line} {seed}"));
        assert_eq!(configuration(&bench)["order"], "shuffled");
        calls(&bench.samples()).into_iter().map(|(_, endpoint)| endpoint).collect::<Vec<_>>()
    };
    let shuffled = order(1);
    for round in shuffled.chunks(4) {
        let count = |endpoint| round.iter().filter(|called| **called == endpoint).count();
        assert_eq!([count(0), count(1), count(2)], [1, 2, 1]);
    }
    assert_eq!(shuffled, order(1));
    assert_ne!(shuffled, order(2));
}

#[test]
fn what_was_called_to_warm_up_is_not_counted() {
    let bench = Bench::new(r#"[{"hostname": "cold_once"}, {"hostname": "throttled"}]"#);
    let output = bench.run("-rps 40 -time 0.5 --warm-up 0.3");
    assert_complete(&output);
    let first = stdout(&output).lines().next().unwrap();
    assert!(first.contains("; after a warm-up of 0.3 s"), "{first}");
    let told = "the warm-up of 0.3 s made 12 requests, 6 of which failed; none is counted";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    let summary = bench.summary();
    assert_eq!((&summary["issued"], &summary["endpoints"][0]["cold_starts"]), (&json!(20), &json!(0)));
    assert_eq!(bench.samples().len(), 20);
    let expected = json!({ "time_s": 0.3, "requests": 12, "failed": 6 });
    assert_eq!(configuration(&bench)["warm_up"], expected);
}

#[test]
fn a_run_that_is_interrupted_in_its_warm_up_is_saved_without_a_call() {
    let bench = Bench::new(THREE);
    let mut command = bench.command("-rps 100 --warm-up 60 --out out");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    assert!(first.starts_with("500 requests in 5 s (100/s) to string"), "{first}");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    stdout.read_to_string(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{first}");
    let summary = bench.summary();
    assert_eq!((&summary["issued"], &summary["interrupted_after_s"]), (&json!(0), &json!(0.0)));
    assert_eq!(bench.samples(), []);
}

#[test]
fn the_samples_of_a_run_are_a_schedule() {
    let first = Bench::new(THREE);
    run(&first, "-rps 100 -time 0.5 --arrivals poisson --seed 3 --order shuffled --schedule-out calls.csv");
    let expected = calls(&first.samples());
    for file in ["out/samples.csv", "calls.csv"] {
        let again = Bench::new(THREE);
        std::fs::copy(first.path(file), again.path("s.csv")).unwrap();
        let text = run(&again, "--schedule s.csv");
        assert!(text.starts_with(&format!("{} requests in ", expected.len())), "{text}");
        assert_eq!(calls(&again.samples()), expected, "{file}");
        let mut configuration = configuration(&again);
        let sha256 = configuration["schedule"]["sha256"].take();
        assert_eq!(sha256.as_str().map(str::len), Some(64));
        let format = if file == "calls.csv" { "schedule" } else { "samples" };
        assert_eq!(
            configuration["schedule"],
            json!({ "path": "s.csv", "sha256": null, "format": format, "time_scale": 1.0 })
        );
        assert_eq!((&configuration["arrivals"], &configuration["order"]), (&Value::Null, &Value::Null));
        std::fs::remove_dir_all(again.path("out")).unwrap();
        run(&again, "--schedule s.csv --time-scale 0.5 --time 0.1");
        let half: Vec<_> = expected.iter().map(|(ns, endpoint)| (ns.div_ceil(2), *endpoint)).collect();
        let cut = half.partition_point(|(ns, _)| *ns < 100 * NS_PER_MS);
        assert_eq!(calls(&again.samples()), half[..cut]);
    }
}

#[test]
fn a_trace_calls_the_endpoints_in_turn() {
    let bench = Bench::new(THREE);
    let trace = "HashOwner,HashApp,HashFunction,Trigger,1\no,a,x,http,30\no,a,y,http,0\no,a,z,queue,12\n";
    std::fs::write(bench.path("invocations.csv"), trace).unwrap();
    let output = bench.run("--schedule invocations.csv --time-scale 0.01 --arrivals uniform");
    assert_complete(&output);
    let told = "the 3 functions of the trace call the endpoints in turn: o/a/x calls string, o/a/y calls object, o/a/z calls \
        cold";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    let summary = bench.summary();
    assert_eq!((&summary["issued"], &summary["target_rps"]), (&json!(42), &json!(70.0)));
    let ok = |endpoint: usize| &summary["endpoints"][endpoint]["outcomes"]["ok"];
    assert_eq!([ok(0), ok(1), ok(2)], [30, 0, 12]);
    assert_eq!(configuration(&bench)["arrivals"], "uniform");
}

#[test]
fn a_closed_loop_is_marked_as_one() {
    let bench = Bench::new(r#"[{"hostname": "slow"}, {"hostname": "string"}]"#);
    let text = run(&bench, "--concurrency 2 -time 1");
    assert!(text.starts_with("closed loop of 2 callers for 1 s to slow, string on "), "{text}");
    assert!(text.contains("warning: the load was a closed loop"), "{text}");
    assert!(text.contains(" / -\n"), "there is no target: {text}");
    let samples = bench.samples();
    // A call of `slow` takes 200 ms, so each caller makes at most five of them, and one of `string` after each.
    assert!((4..=22).contains(&samples.len()), "{} calls", samples.len());
    let mut in_flight = Vec::new();
    for sample in &samples {
        let timing = sample.timing.unwrap();
        assert_eq!((sample.arrival.intended_ns, sample.reply.outcome), (timing.issued_ns, Outcome::Ok));
        in_flight.retain(|done_ns| *done_ns > timing.issued_ns);
        in_flight.push(timing.done_ns);
        assert!(in_flight.len() <= 2 && timing.issued_ns < 1000 * NS_PER_MS, "{sample:?}");
    }
    let summary = bench.summary();
    assert_eq!(
        (&summary["target_rps"], &summary["warnings"][0]),
        (&Value::Null, &json!({ "kind": "closed_loop" }))
    );
    let configuration = configuration(&bench);
    assert_eq!((&configuration["load"], &configuration["concurrency"]), (&json!("closed"), &json!(2)));
    assert_eq!((&configuration["rps"], &configuration["expected_requests"]), (&Value::Null, &Value::Null));
}
