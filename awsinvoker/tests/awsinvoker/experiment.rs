//! `awsinvoker experiment` with the real binary: its runs, what it leaves, and how it goes on after an interruption.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use run_record::Start;
use run_record::experiment::{Experiment, Run, RunState};
use run_record::run_dir::RunDir;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Bench, stderr, stdout, wait_until};

/// A bench with a plan of two systems at the stub server: windows of a second, and these lines before the tables.
fn bench(lines: &str, run: &str) -> Bench {
    let bench = Bench::new("[]");
    let plan = format!(
        "window = \"1s\"\n{lines}\n[run]\nrps = 60\nendpoint_url = \"{}\"\n{run}\n[systems]\na = {{}}\nb = {{}}\n\
         [functions]\nstring = {{}}\n",
        bench.url()
    );
    fs::write(bench.path("plan.toml"), plan).unwrap();
    bench
}

fn command(bench: &Bench, line: &str) -> Command {
    bench.bare_command(&format!("experiment {line}"))
}

fn experiment(bench: &Bench, line: &str) -> Output {
    command(bench, line).output().unwrap()
}

fn record(bench: &Bench) -> Experiment {
    RunDir::open(&bench.path("x")).read_experiment().unwrap()
}

fn runs(bench: &Bench) -> Vec<Run> {
    record(bench).runs
}

/// On a busy machine the load generator may have been late. Nothing else may be wrong.
fn assert_made(output: &Output) {
    let made = matches!(output.status.code(), Some(0 | 4));
    assert!(made, "{}\n{}\n{}", output.status, stdout(output), stderr(output));
}

/// Starts an experiment and waits until the samples of its first run hold more than this many of its 60 a second.
fn started(bench: &Bench, samples: usize) -> Child {
    let mut command = command(bench, "plan.toml --out x");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let path = bench.path("x/runs/001/samples.csv");
    let has_enough = || fs::read_to_string(&path).is_ok_and(|text| text.lines().count() > samples);
    wait_until(&mut child, "some windows are complete", has_enough);
    child
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(name: &str) -> jsonschema::Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/run_record/schema");
    jsonschema::validator_for(&read_json(&folder.join(name))).unwrap()
}

#[test]
fn all_systems_are_called_in_turn_in_one_ordinary_run() {
    let bench = bench("pairs = 2\nseed = 5\nname = \"both\"", "arrivals = \"poisson\"\nwarm_up = \"100ms\"");
    let output = experiment(&bench, "plan.toml --out x");
    assert_made(&output);
    let text = stdout(&output);
    assert!(text.contains("experiment: run 1 is over, 2 of 2 pairs of windows are complete\n"), "{text}");
    let written = read_json(&bench.path("x/experiment.json"));
    assert!(schema("experiment.schema.json").is_valid(&written), "{written}");
    assert_eq!(bench.read("plan.toml"), bench.read("x/plan.toml"));
    let compared = read_json(&bench.path("x/comparison.json"));
    assert!(schema("comparison.schema.json").is_valid(&compared), "{compared}");
    assert_eq!((&compared["design"], &compared["windows"]), (&"round_robin".into(), &2.into()));
    assert!(text.contains("string: b against a, the baseline\n"), "{text}");
    assert!(
        bench.read("x/comparison.md").contains("string") && bench.read("x/comparison.csv").contains("string")
    );
    let [run] = &runs(&bench)[..] else { panic!("{written}") };
    assert_eq!((run.windows, run.state, run.folder.as_str()), (Some(2), RunState::Complete, "runs/001"));
    // The same line by hand makes the same run.
    let run = RunDir::open(&bench.path("x/runs/001"));
    let info = run.read_info().unwrap();
    assert_eq!(info.configuration.warm_up.unwrap().time_s, 0.1);
    let mut again = Command::new(env!("CARGO_BIN_EXE_awsinvoker"));
    again.args(&info.command_line[1..]).args(["--out", "again"]).current_dir(bench.path(""));
    assert_made(&again.env_clear().output().unwrap());
    let times = |run: &RunDir| {
        let samples = run.read_samples(&run.read_info().unwrap()).unwrap().records;
        let mut arrivals: Vec<_> = samples
            .iter()
            .map(|sample| (sample.arrival.sequence, sample.arrival.intended_ns, sample.arrival.endpoint))
            .collect();
        arrivals.sort_unstable();
        arrivals
    };
    assert_eq!(times(&run), times(&RunDir::open(&bench.path("again"))));
}

#[test]
fn systems_that_cannot_be_loaded_at_once_are_loaded_in_turn() {
    let bench =
        bench("pairs = 2\nmode = \"interleaved\"", "thresholds = [\"string@a.ok>1%\", \"string@b.ok>1%\"]");
    let output = experiment(&bench, "plan.toml --out x");
    assert_made(&output);
    let runs = runs(&bench);
    let pairs: Vec<_> = runs.iter().map(|run| (run.pair, run.windows, run.state)).collect();
    let complete = |pair| (Some(pair), Some(1), RunState::Complete);
    assert_eq!(pairs, [complete(0), complete(0), complete(1), complete(1)]);
    for pair in runs.chunks(2) {
        let mut systems: Vec<_> = pair.iter().map(|run| run.system.as_deref().unwrap()).collect();
        systems.sort_unstable();
        assert_eq!(systems, ["a", "b"]);
    }
    for run in &runs {
        let info = RunDir::open(&bench.path("x").join(&run.folder)).read_info().unwrap();
        let endpoints = &info.configuration.endpoints;
        assert_eq!((endpoints.len(), Some(&endpoints[0].system)), (1, run.system.as_ref()));
        // Each system has the load that it would have in one run with the other.
        assert_eq!((info.configuration.rps, info.configuration.time_s), (Some(30.0), 1.0));
        assert!(endpoints[0].preflight.is_some(), "what each answers is known, so that it can be compared");
    }
    let compared = read_json(&bench.path("x/comparison.json"));
    assert_eq!((&compared["design"], &compared["windows"]), (&"interleaved".into(), &2.into()));
    assert_eq!(runs.len(), 4, "nothing is made again");
    let again = experiment(&bench, "plan.toml --out x");
    assert_made(&again);
    // What a busy machine made invalid is made again, and nothing else.
    let is_valid = compared["valid"] == Value::Bool(true);
    assert_eq!(self::runs(&bench) == runs, is_valid, "{compared}");
}

#[test]
fn after_a_kill_only_what_is_missing_is_made() {
    let bench = bench("pairs = 5", "");
    let mut child = started(&bench, 150);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(runs(&bench)[0].state, RunState::Unfinished);
    assert_made(&experiment(&bench, "plan.toml --out x"));
    let runs = runs(&bench);
    let [first, second] = &runs[..] else { panic!("{runs:?}") };
    let windows = [first, second].map(|run| run.windows.unwrap());
    assert!(windows[0] >= 2 && windows[0] + windows[1] == 5, "{runs:?}");
    assert_eq!((first.state, second.state), (RunState::Interrupted, RunState::Complete));
    let planned = |run: &Run| RunDir::open(&bench.path("x").join(&run.folder)).read_info().unwrap();
    assert_eq!(planned(second).configuration.time_s, f64::from(windows[1]));
    assert_ne!(planned(first).configuration.seed, planned(second).configuration.seed);
    // What is missing of the killed run lies in no window that counts.
    let compared = read_json(&bench.path("x/comparison.json"));
    assert_eq!(
        (&compared["windows"], &compared["contrasts"][0]["baseline"]["requests"]),
        (&5.into(), &150.into())
    );
    assert_eq!(compared["runs"][0]["missing"], Value::Array(Vec::new()));
    let incomplete = |reason: &Value| reason.as_str().unwrap().contains("missing");
    assert!(!compared["reasons"].as_array().unwrap().iter().any(incomplete), "{compared}");
}

#[test]
fn a_signal_ends_the_run_in_order_and_tells_how_to_go_on() {
    let bench = bench("pairs = 4", "");
    let child = started(&bench, 70);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.ends_with("to go on: awsinvoker experiment plan.toml --out x\n"), "{text}");
    assert_eq!(runs(&bench)[0].state, RunState::Interrupted);
    let before = runs(&bench)[0].windows.unwrap();
    assert!((1..4).contains(&before), "{before}");
    assert_made(&experiment(&bench, "plan.toml --out x"));
    let windows: u32 = runs(&bench).iter().filter(|run| run.is_used()).filter_map(|run| run.windows).sum();
    assert_eq!(windows, 4);
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_made() {
    let bench = bench("pairs = 1", "");
    let refused = |line: &str| {
        let output = experiment(&bench, line);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output).lines().last().unwrap().to_owned()
    };
    assert_made(&experiment(&bench, "plan.toml --out x"));
    let with = |from: &str, to: &str| {
        fs::write(bench.path("other.toml"), bench.read("plan.toml").replace(from, to)).unwrap();
    };
    with("pairs = 1", "pairs = 2");
    let message = refused("other.toml --out x");
    assert!(message.contains("--out x: the folder holds another experiment"), "{message}");
    let message = refused("plan.toml --out x --a-a");
    assert!(message.contains("without --a-a, expected one with it"), "{message}");
    with("rps = 60", "rps = 60\nprewarm = 0");
    let expected = "error: other.toml: line 5: the command line of a run cannot be used: --prewarm is 0, expected a number \
                    from 1 to 1000, as many as may be in flight";
    assert_eq!(refused("other.toml --out y"), expected);
    with("rps = 60", "rps = 60\narrivals = \"x\"");
    let message = refused("other.toml --out y");
    assert!(message.starts_with("error: other.toml: line 5: ") && message.contains("'x'"), "{message}");
    with("rps = 60", "rps = 60\nthresholds = [\"c.ok>1%\"]");
    let message = refused("other.toml --out y");
    assert!(message.contains("there is no endpoint `c`, expected one of string@a, string@b"), "{message}");
    with("rps = 60", "rsp = 60");
    let message = refused("other.toml --out y");
    assert!(message.ends_with("line 4: the key `run.rsp` is not known, expected `rps`"), "{message}");
    let message = refused("missing.toml --out y");
    assert_eq!(message, "error: missing.toml: cannot be read: No such file or directory (os error 2)");
    assert!(!bench.path("y").exists());
}

#[test]
fn the_worst_of_the_runs_is_the_exit_code() {
    let code = |run: &str, functions: &str| {
        let bench = bench("pairs = 1\nmode = \"interleaved\"", run);
        let plan = bench.read("plan.toml").replace("string = {}", functions);
        fs::write(bench.path("plan.toml"), plan).unwrap();
        let output = experiment(&bench, "plan.toml --out x");
        (output.status.code(), stdout(&output).to_owned(), runs(&bench))
    };
    let (code_of, text, _) = code("thresholds = [\"string@b.response.p50<1ns\"]", "string = {}");
    assert!(matches!(code_of, Some(4 | 5)), "{code_of:?} {text}");
    let (code_of, text, _) = code("max_in_flight = 1", "slow = {}");
    assert_eq!(code_of, Some(4), "{text}");
    let (code_of, text, runs) = code("unlike = true", "throttled = {}");
    assert_eq!((code_of, runs.len()), (Some(3), 1), "{text}");
    assert_eq!(runs[0].state, RunState::Discarded, "it is made again");
}

#[test]
fn a_run_that_failed_before_it_began_is_not_in_the_way_of_the_next() {
    let bench = bench("pairs = 1", "");
    assert_made(&experiment(&bench, "plan.toml --out x"));
    // As if nothing had been made yet, but the folder of the first run holds something.
    let mut made = read_json(&bench.path("x/experiment.json"));
    made["runs"] = Value::Array(Vec::new());
    fs::write(bench.path("x/experiment.json"), made.to_string()).unwrap();
    fs::remove_file(bench.path("x/runs/001/run.json")).unwrap();
    let failed = experiment(&bench, "plan.toml --out x");
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("runs/001: the folder is not empty"), "{}", stderr(&failed));
    assert_made(&experiment(&bench, "plan.toml --out x"));
    let runs = runs(&bench);
    let states: Vec<_> = runs.iter().map(|run| (run.folder.as_str(), run.state)).collect();
    assert_eq!(states, [("runs/001", RunState::Discarded), ("runs/002", RunState::Complete)]);
}

#[test]
fn two_processes_do_not_make_one_experiment() {
    let bench = bench("pairs = 20", "");
    let mut child = started(&bench, 5);
    let output = experiment(&bench, "plan.toml --out x");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("another awsinvoker makes this experiment now"), "{}", stderr(&output));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn runs_that_are_not_valid_are_made_again_by_the_same_command() {
    let bench = bench("pairs = 1\nmode = \"interleaved\"", "max_in_flight = 1");
    let plan = bench.read("plan.toml").replace("string = {}", "slow = {}");
    fs::write(bench.path("plan.toml"), plan).unwrap();
    let output = experiment(&bench, "plan.toml --out x");
    let advice = "to repeat the runs that are not valid: awsinvoker experiment plan.toml --out x\n";
    assert!(output.status.code() == Some(4) && stdout(&output).contains(advice), "{}", stdout(&output));
    experiment(&bench, "plan.toml --out x");
    let states: Vec<_> = runs(&bench).iter().map(|run| run.state).collect();
    use RunState::{Complete, Discarded};
    assert_eq!(states, [Discarded, Discarded, Complete, Complete]);
}

#[test]
fn the_baseline_is_compared_with_itself() {
    let bench = bench("pairs = 1\nbaseline = \"b\"", "");
    let output = experiment(&bench, "plan.toml --out x --a-a");
    assert_made(&output);
    let record = record(&bench);
    assert_eq!((record.a_a, record.systems.join(" ")), (true, "b-a b-b".to_owned()));
    let info = RunDir::open(&bench.path("x/runs/001")).read_info().unwrap();
    let hosts: Vec<_> =
        info.configuration.endpoints.iter().map(|endpoint| endpoint.hostname.as_str()).collect();
    let found = record.false_differences.unwrap();
    assert_eq!((found.intervals, found.differences), (0, 0), "one pair has no interval");
    assert!(stdout(&output).contains("the system was compared with itself: "), "{}", stdout(&output));
    assert_eq!(hosts, ["string", "string"], "one function under two names, as it is not started for the run");
}

/// How many of the differences are false is not judged: these are few and short windows.
#[test]
fn both_functions_are_compared_with_themselves() {
    let bench = Bench::new("[]");
    ["lambda-local", "chameleon", "cnn_serving"]
        .into_iter()
        .for_each(|name| _ = crate::support::program(name));
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
    let plan = format!(
        "pairs = 8\nwindow = \"1s\"\n[run]\nrps = 32\nlocal = true\nprewarm = 2\nenv = {{ CNN_SERVING_ASSETS = {:?} }}\n\
         [systems]\nhere = {{}}\n[functions.cnn_serving]\n[functions.chameleon]\n\
         payload = {{ num_of_rows = 10, num_of_cols = 15 }}\n",
        assets.display().to_string()
    );
    fs::write(bench.path("plan.toml"), plan).unwrap();
    let output = experiment(&bench, "plan.toml --out x --a-a");
    assert_made(&output);
    let text = stdout(&output);
    let compared = read_json(&bench.path("x/comparison.json"));
    let functions: Vec<_> =
        compared["contrasts"].as_array().unwrap().iter().map(|it| &it["function"]).collect();
    assert_eq!(functions, ["cnn_serving", "chameleon"]);
    for function in ["chameleon", "cnn_serving"] {
        assert!(text.contains(&format!("{function}: here-b against here-a, the baseline\n")), "{text}");
    }
    let found = record(&bench).false_differences.unwrap();
    assert!(found.intervals > 0 && found.differences <= found.intervals, "{found:?} {text}");
    let worded =
        format!("the system was compared with itself: {} of {} ", found.differences, found.intervals);
    assert!(text.contains(&worded), "{text}");
}

#[test]
fn what_an_experiment_takes_is_told_before() {
    let bench = bench("pairs = 30\nmode = \"interleaved\"", "warm_up = \"500ms\"\nprewarm = 2");
    let told = |line: &str| {
        let output = experiment(&bench, line);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).to_owned()
    };
    let text = told("plan.toml --estimate --out x");
    // Of each of 60 runs of a second: half a second of warm-up, two calls ahead and one that checks the answer.
    assert!(text.starts_with("time: 1 min 30 s in 60 runs, "), "{text}");
    assert!(text.contains("\nrequests: 1800, and 1080 before the measurement\n"), "{text}");
    // The stub server is not AWS, and says nothing of its functions.
    assert!(text.contains("\ncost: not known: ") && text.contains("\nintervals: "), "{text}");
    assert!(!bench.path("x").exists(), "nothing is made");
}

#[test]
fn a_campaign_of_cold_starts_goes_on_until_its_percentile_is_known() {
    let bench = Bench::new("[]");
    crate::support::program("lambda-local");
    let plan = "mode = \"cold\"\npairs = 40\n[cold]\ncalls = 2\nuntil = \"p50 within 99%\"\n[run]\nlocal = true\n\
                unlike = true\n[systems]\na = { memory_mb = 512, program = \"chameleon\", hostname = \"one\" }\n\
                b = { memory_mb = 1024, program = \"chameleon\", hostname = \"two\" }\n[functions]\nchameleon = {}\n";
    fs::write(bench.path("plan.toml"), plan).unwrap();
    let output = experiment(&bench, "plan.toml --out x");
    assert_made(&output);
    let text = stdout(&output);
    assert!(
        text.contains("experiment: the campaign ends, since the p50 of each side is known within "),
        "{text}"
    );
    let runs = runs(&bench);
    // Fewer than six pairs have no interval.
    assert!((6..40).contains(&runs.len()), "{runs:?}");
    for run in &runs {
        assert_eq!((run.windows, run.state), (Some(1), RunState::Complete));
        let run = RunDir::open(&bench.path("x").join(&run.folder));
        let samples = run.read_samples(&run.read_info().unwrap()).unwrap().records;
        assert_eq!(samples.len(), 4);
        assert!(
            samples.iter().all(|sample| sample.start() == Start::Cold),
            "each call met a fresh environment"
        );
    }
}

#[test]
fn functions_that_are_started_are_compared_with_themselves_in_environments_of_their_own() {
    let plan = |tables: &str| {
        let bench = Bench::new("[]");
        crate::support::program("lambda-local");
        let text = format!(
            "pairs = 1\nwindow = \"500ms\"\n[run]\nrps = 40\nlocal = true\n[systems]\nhere = {{}}\n[functions.chameleon]\n\
             payload = {{ num_of_rows = 2, num_of_cols = 3 }}\n{tables}"
        );
        fs::write(bench.path("plan.toml"), text).unwrap();
        bench
    };
    let environments = |bench: &Bench| {
        let run = RunDir::open(&bench.path("x/runs/001"));
        let info = run.read_info().unwrap();
        let samples = run.read_samples(&info).unwrap().records;
        let of = |endpoint: usize| -> Vec<_> {
            let its = samples.iter().filter(|sample| sample.arrival.endpoint == endpoint);
            let mut names: Vec<_> = its.map(|sample| sample.reply.environment.clone()).collect();
            names.sort();
            names.dedup();
            names
        };
        (info, [of(0), of(1)])
    };
    let same = plan("");
    assert_made(&experiment(&same, "plan.toml --out x --a-a"));
    let (info, [first, second]) = environments(&same);
    assert_eq!(info.endpoint_names(), ["chameleon@here-a", "chameleon@here-b"]);
    assert!(!first.iter().any(|name| second.contains(name)), "{first:?} {second:?}");

    let sizes = plan("[sweep]\nmemory = [256, 1024]\n");
    let output = experiment(&sizes, "plan.toml --out x");
    assert_made(&output);
    let (info, _) = environments(&sizes);
    let memory: Vec<_> = info.configuration.functions.iter().map(|function| function.memory_mb).collect();
    assert_eq!(
        (record(&sizes).systems.join(" "), memory),
        ("256MB 1024MB".to_owned(), vec![Some(256), Some(1024)])
    );
    // The line of the cost of each size, which is what a size is chosen by.
    let text = stdout(&output);
    let told = text.lines().find(|line| line.starts_with("a million calls on AWS cost ")).unwrap();
    assert!(told.contains(" USD (chameleon@256MB)") && told.contains(" USD (chameleon@1024MB)"), "{text}");
    assert!(sizes.read("x/comparison.md").contains("\n| chameleon@256MB | "));
}
