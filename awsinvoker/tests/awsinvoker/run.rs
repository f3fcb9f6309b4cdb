//! The real binary against the stub server: what it prints, what it leaves, and how it ends.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use run_record::names::Tag;
use run_record::{Outcome, Totals, View};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, end_by, interrupted, stderr, stdout};

/// The outcomes of an endpoint that occurred.
fn outcomes(summary: &Value, endpoint: usize) -> BTreeMap<String, u64> {
    let outcomes = summary["endpoints"][endpoint]["outcomes"].as_object().unwrap();
    let counts = outcomes.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap()));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn the_original_command_line_as_it_stands() {
    let bench = Bench::new(
        r#"[{"hostname": "string"}, {"hostname": "object", "eventing": false, "matchers": null}]"#,
    );
    let output = bench.run("-latf 180_chameleon_cnn.csv -endpointsFile endpoints.json -time 1 -rps 40");
    assert_complete(&output);
    let files = ["latency.hlog", "object.hgrm", "run.json", "samples.csv", "string.hgrm", "summary.json"];
    assert_eq!(bench.files("out"), files);
    let legacy = "rps40.00_180_chameleon_cnn.csv";
    assert_eq!(bench.files("."), ["endpoints.json", "out", legacy]);
    assert_eq!(bench.read(legacy), "0.00123456789012\n".repeat(40));
    let first = stdout(&output).lines().next().unwrap();
    assert!(first.starts_with("40 requests in 1 s (40/s) to string, object on http://127.0.0.1:"), "{first}");
    assert!(
        first.ends_with(r#"2 of 2 endpoints with the default payload {"num_of_rows":1,"num_of_cols":3}"#),
        "{first}"
    );
    let counts = "Issued / completed requests: 40, 40";
    let end = format!("\n{counts}\nReal / target RPS: 40.00 / 40\nSent / target RPS: ");
    assert!(stdout(&output).contains(&end), "{}", stdout(&output));
    assert!(stdout(&output).ends_with("\nresults: out\n"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_sample_for_each_request_in_the_order_of_the_schedule() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "cold"}, {"hostname": "string"}]"#);
    assert_complete(&bench.run("-rps 300 -time 0.5"));
    let samples = bench.samples();
    assert_eq!(samples.len(), 150);
    for (n, sample) in (0..).zip(&samples) {
        let (arrival, timing, reply) = (sample.arrival, sample.timing.unwrap(), &sample.reply);
        assert_eq!((arrival.sequence, arrival.endpoint), (n, usize::from(n % 3 == 1)));
        assert_eq!(arrival.intended_ns, n * 1_000_000_000 / 300);
        assert!(arrival.intended_ns <= timing.issued_ns && timing.issued_ns < timing.done_ns, "{sample:?}");
        assert_eq!((reply.request_id.as_ref().unwrap().len(), reply.outcome), (36, Outcome::Ok));
        assert_eq!(sample.function_ns(), Some(1_234_568));
        let start = if n % 3 == 1 { (Some(true), Some(110_100_000)) } else { (Some(false), None) };
        assert_eq!((reply.cold, reply.report.init_ns), start);
    }
    let summary = bench.summary();
    assert_eq!(summary["endpoints"][0]["cold_starts"], 0);
    // The reports tell of initialisations that took longer than the requests, so that none of these waited for one.
    assert_eq!(
        (&summary["endpoints"][1]["cold_starts"], &summary["endpoints"][1]["init"]["count"]),
        (&json!(0), &json!(50))
    );
    let in_time = samples.iter().filter(|sample| sample.timing.unwrap().issued_ns < 500_000_000).count();
    assert_eq!(summary["sent_rps"].as_f64().unwrap().to_bits(), (in_time as f64 / 0.5).to_bits());
    assert_eq!(summary["interrupted_after_s"], Value::Null);
}

#[test]
fn the_address_of_the_service_in_the_environment_is_called_and_recorded() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let mut command = bench.bare_command("-rps 20 -time 0.2 --out out");
    let secrets = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "eu-west-1")];
    command.envs(secrets).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let output = command.env("AWS_ENDPOINT_URL_LAMBDA", bench.url()).output().unwrap();
    assert_complete(&output);
    let info: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    let target = &info["configuration"]["targets"][0];
    assert_eq!((&target["address"], &target["region"]), (&json!(bench.url()), &json!("eu-west-1")));
    // A flag counts for more.
    let mut command = bench.command("-rps 20 -time 0.2 --out flag");
    let output = command.env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1").output().unwrap();
    assert_complete(&output);
}

#[test]
fn every_outcome_is_told_apart() {
    let names = [
        "function_error",
        "throttled",
        "hang",
        "reset",
        "service_error",
        "not_found",
        "garbage",
        "no_latency",
        "large",
        "untold",
        "cut_off",
    ];
    let entries: Vec<_> = names.iter().map(|name| json!({ "hostname": name })).collect();
    let bench = Bench::new(&json!(entries).to_string());
    let output = bench.run("-rps 44 -time 1 --timeout 4");
    assert_complete(&output);
    let summary = bench.summary();
    let expected = [
        "function_error",
        "throttled",
        "timeout",
        "transport",
        "service_error",
        "service_error",
        "bad_answer",
        "ok",
        "ok",
        "ok",
        "transport",
    ];
    for (endpoint, (name, outcome)) in names.iter().zip(expected).enumerate() {
        assert_eq!(outcomes(&summary, endpoint), BTreeMap::from([(outcome.to_owned(), 4)]), "{name}");
    }
    assert_eq!((&summary["issued"], &summary["completed"]), (&json!(44), &json!(12)));
    assert_eq!(summary["endpoints"][9]["cold_starts"], Value::Null);
    assert_eq!(summary["endpoints"][2]["views"]["response"], summary["endpoints"][3]["views"]["response"]);
    let causes = summary["failures"]["causes"].as_array().unwrap();
    let throttled = causes.iter().find(|cause| cause["endpoint"] == "throttled").unwrap();
    assert_eq!((&throttled["count"], &throttled["outcome"]), (&json!(4), &json!("throttled")));
    assert_eq!(
        (&throttled["cause"]["status"], &throttled["cause"]["message"]),
        (&json!(429), &json!("Rate Exceeded."))
    );
    let last_s = throttled["last_s"].as_f64().unwrap();
    assert!((last_s - throttled["first_s"].as_f64().unwrap() - 0.75).abs() < 1e-6, "{throttled}");
    let log = stderr(&output);
    for part in [
        r#"function_error: first function_error, request 0 (00000000-"#,
        r#"InvalidEvent: num_of_rows is "x""#,
        "HTTP 429, TooManyRequestsException: Rate Exceeded.",
        "HTTP 404, ResourceNotFoundException: Function not found",
        "garbage: 4 bad_answer in total",
    ] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
    // Failed calls have request ids too, where the service answered.
    let samples = bench.samples();
    let throttled = samples.iter().find(|sample| sample.reply.outcome == Outcome::Throttled).unwrap();
    assert_eq!(throttled.reply.request_id.as_ref().unwrap().len(), 36);
}

#[test]
fn asynchronous_calls_end_when_they_are_accepted() {
    let bench = Bench::new(r#"[{"hostname": "hang", "eventing": true, "matchers": {"type": "done"}}]"#);
    let output = bench.run("-rps 20 -time 0.5");
    assert_complete(&output);
    let endpoint = &bench.summary()["endpoints"][0];
    assert_eq!((&endpoint["asynchronous"], &endpoint["outcomes"]["ok"]), (&json!(true), &json!(10)));
    assert_eq!(endpoint["views"]["function"]["count"], 0);
    assert!(stdout(&output).lines().next().unwrap().ends_with("; 1 called asynchronously"));
    assert!(stdout(&output).contains("hang is called asynchronously: ok means accepted, not completed"));
    assert_eq!(bench.read(&bench.legacy_file(".")), "");
}

#[test]
fn payloads_arrive_as_they_are_written() {
    let bench =
        Bench::new(r#"[{"hostname": "echo", "payload": {"n": 1180591620717411303424, "a": [1.0, null]}}]"#);
    let output = bench.run("-rps 1 -time 1");
    assert_complete(&output);
    assert!(!stdout(&output).contains("default payload"));
    assert!(
        bench.read("out/run.json").contains(r#""payload": {"n": 1180591620717411303424, "a": [1.0, null]}"#)
    );
}

#[test]
fn arrivals_beyond_max_in_flight_are_dropped_not_delayed() {
    let bench = Bench::new(r#"[{"hostname": "slow"}]"#);
    let output = bench.run("-rps 50 -time 1 --max-in-flight 1");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let outcomes = outcomes(&bench.summary(), 0);
    assert_eq!(outcomes["ok"] + outcomes["dropped"], 50);
    // A call takes 200 ms, so at most one in ten arrivals finds the place free.
    assert!((1..=5).contains(&outcomes["ok"]), "{outcomes:?}");
    let samples = bench.samples();
    let dropped = samples.iter().find(|sample| sample.reply.outcome == Outcome::Dropped).unwrap();
    assert_eq!(dropped.timing, None);
    let reason = format!(
        "verdict: invalid\ninvalid: {} requests were not sent, because --max-in-flight calls were in flight\n",
        outcomes["dropped"]
    );
    let lines = stdout(&output).lines().filter(|line| !line.contains("itself was late"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(text.contains(&reason), "{}", stdout(&output));
    assert_eq!(bench.summary()["verdict"]["valid"], false);
}

#[test]
fn a_slow_function_keeps_its_rate_and_broken_thresholds_are_told() {
    let bench = Bench::new(r#"[{"hostname": "slow"}, {"hostname": "string"}]"#);
    let line =
        "-rps 40 -time 0.5 --threshold slow.response.mean<1ms --threshold ok>99% --threshold response.p99<9s";
    let output = bench.run(line);
    let code = output.status.code();
    let summary = bench.summary();
    assert_eq!(code, Some(if summary["verdict"]["valid"] == true { 5 } else { 4 }), "{}", stdout(&output));
    let passed: Vec<_> =
        summary["thresholds"].as_array().unwrap().iter().map(|result| &result["passed"]).collect();
    // Ten calls do not tell a p99.
    assert_eq!(passed, [false, true, true, false, false]);
    assert!(
        stdout(&output).contains("threshold broken: slow.response.mean<1ms, slow: "),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).contains("threshold kept: ok>99%, string: 100.00 %\n"), "{}", stdout(&output));
    // The last call takes 200 ms and ends after the window.
    assert!(stdout(&output).contains("\nReal / target RPS: 40.00 / 40\n"), "{}", stdout(&output));
    let [completed, run_s] = ["completed_rps", "run_s"].map(|key| summary[key].as_f64().unwrap());
    assert!(completed < 40.0 && run_s > 0.6, "{summary}");
    assert!((completed * run_s - 20.0).abs() < 1e-6, "{summary}");
    let output = bench.command("--threshold strin.ok>1%").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "error: --threshold strin.ok>1%: there is no endpoint `strin`, expected one of slow, string\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn signals_end_the_run_early_with_everything_saved() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "slow"}]"#);
        let output = interrupted(&bench, "-rps 100", &[signal]);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        let summary = bench.summary();
        let counted: u64 = (0..2).flat_map(|endpoint| outcomes(&summary, endpoint).into_values()).sum();
        assert_eq!(summary["issued"], counted);
        assert_eq!(bench.samples().len() as u64, counted);
        assert_eq!(summary["completed"], counted, "calls in flight were waited for");
        assert_eq!(summary["interrupted"], true);
        let seconds = summary["interrupted_after_s"].as_f64().unwrap();
        let warning = format!("warning: the run was ended early, after {seconds:.1} s\n");
        assert!(stdout(&output).contains(&warning), "{}", stdout(&output));
        assert!(bench.legacy_file(".").ends_with("_lat.csv"));
        let told = stderr(&output)
            .matches(" in flight may take up to 5 s, and another signal ends the wait")
            .count();
        assert_eq!(told, 1, "{}", stderr(&output));
        // One line a request, because of -dbg, beside the others.
        let lines = stdout(&output).lines().filter(|line| line.contains(" ok response ")).count();
        assert_eq!(lines as u64, counted);
    }
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let run = bench.command("-rps 100 -time 60 -dbg --out out");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' INT HUP; exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    command.current_dir(bench.path(".")).env_clear().env("HOME", bench.path("."));
    let output = end_by(&bench, command, &[Signal::HUP, Signal::INT, Signal::TERM]);
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    assert!(stderr(&output).contains("SIGTERM: no more requests are sent; "), "{}", stderr(&output));
}

#[test]
fn calls_that_do_not_end_are_abandoned() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "hang"}]"#);
    // The second signal ends the waiting for calls in flight, which would last for five seconds.
    let output = interrupted(&bench, "-rps 100", &[Signal::INT, Signal::TERM]);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let summary = bench.summary();
    let (answered, hung) = (outcomes(&summary, 0), outcomes(&summary, 1));
    assert!(answered["ok"] > 0, "{answered:?}");
    assert_eq!(hung.keys().collect::<Vec<_>>(), ["abandoned"]);
    assert_eq!(summary["issued"], answered.values().chain(hung.values()).sum::<u64>());
}

#[test]
fn a_killed_run_leaves_its_samples() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let output = interrupted(&bench, "-rps 100", &[Signal::KILL]);
    assert_eq!(output.status.code(), None);
    assert!(bench.samples().len() > 2);
    assert!(bench.read("out/latency.hlog").contains("Tag=string:response,0.000,1.000,"));
    assert_eq!(bench.files("out"), ["latency.hlog", "run.json", "samples.csv"]);
}

#[test]
fn progress_is_a_line_a_second_for_those_who_ask_and_quiet_leaves_the_result() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let output = bench.run("-rps 100 -time 2.3 --progress");
    let lines: Vec<_> = stderr(&output).lines().filter(|line| line.contains(" of 2.3 s: sent ")).collect();
    let last = lines.last().unwrap_or_else(|| panic!("{}", stderr(&output)));
    assert!(last.contains(", failed 0, cold 0, response p50 "), "{last}");
    let output = bench.command("-rps 20 -time 0.2 --quiet --out quiet").output().unwrap();
    assert!(stdout(&output).starts_with("Issued / completed requests: 4, 4\n"), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_machine_that_does_not_become_idle_is_no_place_for_a_run() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let is_over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let output = bench.run("--require-idle 0% --require-idle-within 2");
        is_over.store(true, Ordering::Relaxed);
        output
    });
    assert_eq!(output.status.code(), Some(1));
    let log = stderr(&output);
    assert!(log.contains("--require-idle: the machine is ") && log.contains("waiting since 1 s"), "{log}");
    assert!(log.contains("error: --require-idle is 0 %, but the machine was "), "{log}");
    assert!(!bench.path("out").exists());
    let output = bench.run("-rps 10 -time 0.2 --require-idle 100%");
    assert_complete(&output);
}

#[test]
fn what_a_reviewer_asks_is_on_record() {
    let endpoints =
        r#"[{"hostname": "string"}, {"hostname": "denied"}, {"hostname": "untold"}, {"hostname": "string"}]"#;
    let bench = Bench::new(endpoints);
    let output = bench.run("-rps 40 -time 0.3");
    let told =
        "run.json lacks what the functions are: GetFunctionConfiguration: AccessDeniedException: not you";
    assert_eq!(stderr(&output).matches(told).count(), 1, "{}", stderr(&output));
    let info = bench.run_dir().read_info().unwrap();
    let [string, denied, untold] = &info.configuration.functions[..] else { panic!("{info:?}") };
    assert_eq!((string.memory_mb, string.kind.as_deref()), (Some(128), Some("Zip")));
    assert_eq!(string.environment, ["TABLE"], "values may be secrets");
    assert_eq!([denied.memory_mb, untold.memory_mb], [None; 2]);
    let file = &info.configuration.endpoints_file;
    assert_eq!(
        (file.path.as_str(), &file.order[..], file.sha256.len()),
        ("endpoints.json", &[0, 1, 2, 0][..], 64)
    );
    let end = info.end.unwrap();
    assert_eq!((end.issued, end.window_ns, end.interrupted_ns), (12, 300_000_000, None));
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    assert!(end.time > info.start && info.build.profile == profile, "{:?}", info.build);
    let machine = info.machine;
    for load in [machine.before, machine.during, machine.after] {
        let load = load.unwrap();
        assert!(load.seconds > 0.1 && load.busy_percent <= 100.0 && load.load_average.is_some(), "{load:?}");
    }
}

#[test]
fn runs_without_a_folder_get_one_each() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    for _ in 0..2 {
        assert_complete(&bench.command("-rps 10 -time 0.1").output().unwrap());
    }
    assert_eq!(bench.files("runs").len(), 2);
}

#[test]
fn random_arrivals_are_announced_by_their_expected_number() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let output = bench.run("-rps 100 -time 0.3 --arrivals poisson");
    assert!(stdout(&output).starts_with("about 30 requests in 0.3 s (100/s) to "), "{}", stdout(&output));
}

#[test]
fn nothing_but_failures_is_saved_and_has_an_exit_code_of_its_own() {
    let bench = Bench::new(r#"[{"hostname": "throttled"}]"#);
    assert_eq!(bench.run("-rps 10 -time 0.5").status.code(), Some(3));
    assert_eq!(outcomes(&bench.summary(), 0), BTreeMap::from([("throttled".to_owned(), 5)]));
    assert_eq!(bench.files("out"), ["latency.hlog", "run.json", "samples.csv", "summary.json"]);
}

#[test]
fn a_latency_file_in_a_folder() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    assert_complete(&bench.run("-rps 10 -time 0.5 -latf a/b/x.csv"));
    assert_eq!(bench.files("a/b").len(), 1);
    assert!(bench.legacy_file("a/b").ends_with("_x.csv"));
}

#[test]
fn what_cannot_be_run_is_said_before_anything_is_sent() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    std::fs::write(bench.path("file"), "").unwrap();
    let ends = |line: &str| {
        let output = bench.command(line).output().unwrap();
        (output.status.code(), stderr(&output).to_owned())
    };
    let (code, error) = ends("--out .");
    assert_eq!(
        (code, error.as_str()),
        (Some(1), "error: --out .: the folder is not empty, expected a new or an empty one\n")
    );
    let (code, error) = ends("-latf file/x.csv --out out1");
    assert_eq!(code, Some(1));
    assert!(error.starts_with("error: --latf file/.x.csv."), "{error}");
    assert_eq!(error.matches("(os error").count(), 1, "the cause is told once: {error}");
    assert_eq!(bench.files("."), ["endpoints.json", "file"], "nothing is left of what did not start");
    let (code, error) = ends("-rps 0");
    assert_eq!(
        (code, error.as_str()),
        (Some(2), "error: --rps is 0, expected a number from 0.000001 to 100000\n")
    );
    let (code, error) = ends("-endpointsFile missing.json");
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "error: --endpoints-file missing.json: cannot be read: No such file or directory (os error 2)\n"
    );
    std::fs::remove_file(bench.path("endpoints.json")).unwrap();
    let (code, error) = ends("");
    assert_eq!(code, Some(2));
    assert!(
        error.starts_with("error: endpoints.json, which is read if --endpoints-file is not given"),
        "{error}"
    );
    let (code, error) = ends("-durf dur.csv");
    assert_eq!(code, Some(2));
    assert!(error.starts_with("error: vSwarm's flag -durf named a file of durations"), "{error}");
    let (code, error) = ends("--schedule file --concurrency 2");
    assert_eq!(code, Some(2));
    assert!(error.contains("'--schedule <FILE>' cannot be used with '--concurrency <CALLERS>'"), "{error}");
}

#[test]
fn aws_without_a_region_is_an_error_and_not_a_failing_run() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let mut command = bench.bare_command("-rps 10 -time 1");
    let output = command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected =
        "error: no AWS region is configured: give --region, set AWS_REGION, or add one to the profile\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn the_files_follow_their_schemas() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "untold"}, {"hostname": "throttled"}]"#);
    assert_complete(&bench.run("-rps 30 -time 0.5"));
    for (name, schema) in run_record::schema::files() {
        // A run alone has no comparison and no experiment, and its samples are no JSON.
        let is_written = |file: &&str| ["run", "summary"].contains(file);
        let Some(file) = name.strip_suffix(".schema.json").filter(is_written) else { continue };
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let mut document: Value = serde_json::from_str(&bench.read(&format!("out/{file}.json"))).unwrap();
        let errors: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{file}");
        document["schema"] = json!("one");
        assert!(!schema.is_valid(&document), "the schema of {file} takes anything");
    }
}

#[test]
fn the_run_reads_back_as_it_was_published() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "cold"}, {"hostname": "throttled"}]"#);
    assert_complete(&bench.run("-rps 300 -time 1.2"));
    let run_dir = bench.run_dir();
    let (info, summary) = (run_dir.read_info().unwrap(), run_dir.read_summary().unwrap());
    let mut totals = Totals::new(info.configuration.endpoints.len());
    bench.samples().iter().for_each(|sample| totals.record(sample));
    assert_eq!((totals.samples(), info.configuration.expected_requests), (summary.issued, Some(360)));
    for (endpoint, published) in totals.endpoints.iter().zip(&summary.endpoints) {
        assert_eq!(endpoint.outcomes, published.outcomes.0);
        let p50 = endpoint.view(View::Response).quantile_ns(0.5).map(run_record::units::us);
        assert_eq!(p50, published.views.response.p50, "{}", published.name);
    }
    let intervals = run_dir.read_intervals().unwrap().records;
    let logged = |tag: Tag| -> u64 {
        intervals
            .iter()
            .filter(|interval| interval.tag == tag)
            .map(|interval| interval.histogram.count())
            .sum()
    };
    assert_eq!(logged(Tag::ScheduleLag), 360);
    assert_eq!(logged(Tag::latency("throttled", View::Service, Outcome::Throttled)), 120);
    assert!(intervals.iter().any(|interval| interval.start.as_secs() == 1), "a second interval");
}

#[test]
fn the_official_reader_finds_what_the_summary_says() {
    let bench = Bench::new(
        r#"[{"hostname": "slow"}, {"hostname": "string", "payload": 1}, {"hostname": "string", "payload": 2},
            {"hostname": "throttled"}]"#,
    );
    assert_complete(&bench.run("-rps 200 -time 2.2"));
    let summary = bench.summary();
    let read: Value = serde_json::from_str(&bench.python("tests/awsinvoker/read_hdr.py")).unwrap();
    for endpoint in summary["endpoints"].as_array().unwrap().iter().take(3) {
        for view in ["response", "service", "function"] {
            let tag = format!("{}:{view}", endpoint["name"].as_str().unwrap());
            agree(&read["log"][&tag], &endpoint["views"][view], &tag);
        }
    }
    let throttled = &summary["endpoints"][3]["outcomes"]["throttled"];
    assert_eq!(&read["log"]["throttled:response:throttled"]["count"], throttled);
    assert_eq!(read["log"]["schedule_lag"]["count"], summary["issued"]);
    for tag in ["slow:response", "string:response", "string#2:response"] {
        let distribution = &read["distributions"][tag];
        assert!(distribution["rows"].as_u64().unwrap() > 10, "{tag}: {distribution}");
        assert_eq!(distribution["disagreement"], Value::Null, "{tag}");
    }
}

/// Both readings of a histogram agree to the nanosecond, and on how many values there are.
fn agree(read: &Value, published: &Value, tag: &str) {
    assert_eq!(read["count"], published["count"], "{tag}");
    for key in ["p50", "p99", "p999", "max"] {
        // What too few values carry is not published.
        let Some(published) = published[key].as_f64() else { continue };
        let read = read[key].as_f64().unwrap();
        assert!((read - published).abs() < 0.001, "{tag} {key}: {read} and {published}");
    }
}
