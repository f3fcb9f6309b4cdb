//! Several load generators that send one load, and `awsinvoker merge`, with the real binary.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use run_record::format::{hlog, json, samples_csv};
use run_record::run_dir::RunDir;
use run_record::run_info::{ClockInfo, LoadKind, ShardInfo};
use run_record::summary::Course;
use run_record::{
    Arrival, Outcome, Reply, RunInfo, Sample, Shard, Summary, Timing, Totals, View, wall_clock,
};

use crate::support::{Bench, stderr, stdout};

const TWO: &str = r#"[{"hostname": "string", "weight": 2}, {"hostname": "throttled"}]"#;
const LOAD: &str = "-rps 100 -time 1.5 --arrivals poisson --order shuffled --seed 7";

/// So long after now that awsinvoker is ready, also on a busy machine.
fn soon() -> String {
    at(3.0)
}

/// The time so many seconds from now, or before it.
#[expect(clippy::disallowed_methods, reason = "runs start by the time of day")]
fn at(seconds: f64) -> String {
    wall_clock::rfc3339(
        SystemTime::now() + Duration::from_secs_f64(600.0 + seconds) - Duration::from_secs(600),
    )
}

fn start(bench: &Bench, line: &str) -> Child {
    bench.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Makes the runs of all shards at one time, in the folders `0`, `1` and so on.
fn make_shards(bench: &Bench, load: &str, total: u32) -> Vec<Output> {
    let start_at = soon();
    let line = |index| format!("{load} --shard {index}/{total} --start-at {start_at} --out {index}");
    let runs: Vec<_> = (0..total).map(|index| start(bench, &line(index))).collect();
    runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect()
}

fn merge(bench: &Bench, folders: &str) -> Output {
    bench.bare_command(&format!("merge {folders} --out out")).output().unwrap()
}

fn info(bench: &Bench, folder: &str) -> RunInfo {
    RunDir::open(&bench.path(folder)).read_info().unwrap()
}

/// Number, time and endpoint of each request.
fn arrivals(samples: &[Sample]) -> Vec<(u64, u64, usize)> {
    let arrivals = samples.iter().map(|sample| sample.arrival);
    arrivals.map(|arrival| (arrival.sequence, arrival.intended_ns, arrival.endpoint)).collect()
}

#[test]
fn shards_send_together_what_one_load_generator_sends() {
    let bench = Bench::new(TWO);
    let single = bench.run(LOAD);
    let (expected, single_info) = (arrivals(&bench.samples()), info(&bench, "out"));
    std::fs::rename(bench.path("out"), bench.path("single")).unwrap();
    let shards = make_shards(&bench, LOAD, 3);
    // What a shard left that was killed, and made again.
    std::fs::create_dir_all(bench.path("all/killed")).unwrap();
    let killed = RunInfo { end: None, ..info(&bench, "1") };
    std::fs::write(bench.path("all/killed/run.json"), json::write(&killed).unwrap()).unwrap();
    std::fs::rename(bench.path("2"), bench.path("all/2")).unwrap();
    let merged = merge(&bench, "all 0 1");
    assert!(matches!(merged.status.code(), Some(0 | 4)), "{}\n{}", stdout(&merged), stderr(&merged));
    let told = "all/killed is passed over: shard 1 did not end there, and was made again in 1";
    assert!(stderr(&merged).contains(told), "{}\n{}", stderr(&merged), stdout(&single));

    let (summary, merged_info) = (bench.run_dir().read_summary().unwrap(), info(&bench, "out"));
    let starts: Vec<_> = merged_info.merged_from.iter().map(|shard| shard.offset_ns).collect();
    if starts == [0, 0, 0] {
        assert_eq!(arrivals(&bench.samples()), expected);
        assert!(!stdout(&merged).contains("invalid: the shards started"), "{}", stdout(&merged));
    } else {
        // The machine was so busy that not all were ready in time, which has to be told.
        assert!(stdout(&merged).contains("later than --start-at asked for"), "{}", stdout(&merged));
    }
    assert_eq!(merged_info.end.as_ref().unwrap().target_rps, single_info.end.unwrap().target_rps);
    assert_eq!(merged_info.configuration.expected_requests, single_info.configuration.expected_requests);

    // What is published of the shards adds up.
    let of_shards: Vec<_> =
        ["0", "1", "all/2"].map(|folder| RunDir::open(&bench.path(folder)).read_summary().unwrap()).to_vec();
    let issued: Vec<_> = of_shards.iter().map(|shard| shard.issued).collect();
    assert_eq!((issued.iter().sum::<u64>(), summary.issued), (expected.len() as u64, expected.len() as u64));
    assert!(issued.iter().all(|count| *count > 0), "{issued:?}");
    let throttled = |summary: &Summary| summary.failures.causes.iter().map(|cause| cause.count).sum::<u64>();
    assert_eq!(of_shards.iter().map(throttled).sum::<u64>(), throttled(&summary));
    assert_eq!(throttled(&summary), summary.endpoints[1].outcomes.0[Outcome::Throttled as usize]);
    let response = run_record::names::Tag::latency("string", View::Response, Outcome::Ok);
    let intervals = bench.run_dir().read_intervals().unwrap().records;
    let logged = intervals
        .iter()
        .filter(|interval| interval.tag == response)
        .map(|interval| interval.histogram.count());
    assert_eq!(logged.sum::<u64>(), summary.completed);
    assert_eq!(bench.read("out/string.hgrm").matches("Total count").count(), 1);

    // It reads like any other run.
    let reported = bench.bare_command("report out").output().unwrap();
    assert_eq!((stdout(&reported), stderr(&reported)), (stdout(&merged), ""));
    // So does a shard.
    let reported = bench.bare_command("report 1").output().unwrap();
    assert_eq!(stdout(&reported), stdout(&shards[1]).split_once('\n').unwrap().1);
    let server = info(&bench, "1").clock.server.unwrap();
    assert!((-2_000_000_000..=0).contains(&server.ahead_min_ns), "the same clock, {server:?}");
    assert!((0..=3_000_000_000).contains(&server.ahead_max_ns), "{server:?}");
}

#[test]
fn what_is_not_one_load_is_not_merged_and_leaves_nothing() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "throttled"}]"#);
    make_shards(&bench, "-rps 100 -time 0.5", 2);
    let refused = |folders: &str| {
        let output = merge(&bench, folders);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""), "{}", stderr(&output));
        if bench.path("out").exists() {
            assert_eq!(bench.files("out"), [""; 0]);
        }
        stderr(&output).to_owned()
    };
    insta::assert_snapshot!(refused("1"), @"error: 1 of 2 shards are there, the first that is missing is shard 0; expected all of them");
    insta::assert_snapshot!(refused("1 1"), @"error: 1 and 1 are both shard 1; expected each shard once");
    bench.command("-rps 100 -time 0.5 --shard 1/2 --seed 8 --out other").output().unwrap();
    insta::assert_snapshot!(refused("0 other"), @"error: configuration.seed is 0 in 0 and 8 in other; expected parts of one load");
    bench.command("-rps 100 -time 0.1 --out whole").output().unwrap();
    insta::assert_snapshot!(refused("0 whole"), @"error: whole: the run was made without --shard, so it is no part of a load");
    let samples = bench.read("1/samples.csv");
    let (rest, last) = samples.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(bench.path("1/samples.csv"), format!("{rest}\n")).unwrap();
    insta::assert_snapshot!(refused("0 1"), @"error: 1/samples.csv: it has 23 of 24 requests; make the runs of all shards again");
    let before = rest.rsplit_once('\n').unwrap().1;
    std::fs::write(bench.path("1/samples.csv"), samples.replace(last, before)).unwrap();
    assert!(
        refused("0 1")
            .contains(" is not of shard 1, or another line has it, too; make the runs of all shards again")
    );
    // At the end of all nanoseconds, seconds cannot be counted on.
    std::fs::write(bench.path("1/samples.csv"), samples).unwrap();
    let log = bench.read("1/latency.hlog");
    std::fs::write(bench.path("1/latency.hlog"), log.replace(",0.000,", ",18446744073.709,")).unwrap();
    let late = refused("0 1");
    assert!(
        late.starts_with(
            "error: 1/latency.hlog: an interval begins at 18446744073.709 s, expected one before"
        ),
        "{late}"
    );
    let long = |line: &str| match line.split_once(",0.000,") {
        Some((tag, rest)) => {
            format!("{tag},0.000,18446744073709551615.999,{}\n", rest.split_once(',').unwrap().1)
        }
        None => format!("{line}\n"),
    };
    let log: String = log.lines().map(long).collect();
    assert!(log.contains("18446744073709551615"), "{log}");
    std::fs::write(bench.path("1/latency.hlog"), log).unwrap();
    assert!(stdout(&merge(&bench, "0 1")).contains("results: out"));
}

#[test]
fn loads_one_after_the_other_are_not_merged() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    for index in 0..2 {
        bench.command(&format!("-rps 100 -time 0.1 --shard {index}/2 --out {index}")).output().unwrap();
    }
    let output = merge(&bench, "0 1");
    assert_eq!(output.status.code(), Some(1));
    let (error, throttled) =
        (stderr(&output), "an array that is throttled, as by Slurm's `%`, cannot make one load together");
    assert!(error.starts_with("error: 0 ended its load 0.") && error.contains(throttled), "{error}");
}

#[test]
fn a_merge_that_is_started_first_waits_for_all_shards() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let merge = |wait: u32| {
        let mut command = bench.bare_command(&format!("merge runs --out out --wait {wait}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // There is not even the folder yet.
    let waiting = merge(60);
    let start_at = soon();
    let line = |index| format!("-rps 40 -time 1 --shard {index}/2 --start-at {start_at} --out runs/{index}");
    let shards = [0, 1].map(|index| start(&bench, &line(index)));
    for shard in shards {
        shard.wait_with_output().unwrap();
    }
    let merged = waiting.wait_with_output().unwrap();
    assert!(stdout(&merged).starts_with("Issued / completed requests: 40, 40\n"), "{}", stderr(&merged));

    // The merge says what is missing when it has waited long enough.
    std::fs::remove_dir_all(bench.path("runs/1")).unwrap();
    std::fs::remove_dir_all(bench.path("out")).unwrap();
    let missing = merge(1).wait_with_output().unwrap();
    assert_eq!((missing.status.code(), stdout(&missing)), (Some(1), ""));
    assert!(stderr(&missing).contains("shard 1"), "{}", stderr(&missing));
}

#[test]
fn who_comes_late_is_told_and_who_comes_too_late_measures_nothing() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let late =
        bench.command(&format!("-rps 20 -time 3 --start-at {} --out late", at(-0.5))).output().unwrap();
    assert_eq!(late.status.code(), Some(4), "{}", stderr(&late));
    assert!(stdout(&late).contains("s later than --start-at asked for"), "{}", stdout(&late));
    let late_ns = info(&bench, "late").clock.late_ns.unwrap();
    assert!(late_ns >= 500_000_000, "{late_ns}");
    let over =
        bench.command(&format!("-rps 20 -time 1 --start-at {} --out over", at(-25.0))).output().unwrap();
    assert_eq!((over.status.code(), stdout(&over), bench.path("over").exists()), (Some(1), "", false));
    assert!(stderr(&over).contains(": the load would have been over 2"), "{}", stderr(&over));
}

#[test]
fn a_shard_that_comes_late_makes_no_valid_load() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let start_at = soon();
    let line = |index| format!("-rps 50 -time 4 --shard {index}/2 --start-at {start_at} --out {index}");
    let first = start(&bench, &line(0));
    std::thread::sleep(Duration::from_secs(4));
    bench.command(&line(1)).output().unwrap();
    first.wait_with_output().unwrap();
    let merged = merge(&bench, "0 1");
    assert_eq!(merged.status.code(), Some(4), "{}", stderr(&merged));
    let text = stdout(&merged);
    assert!(text.contains("\ninvalid: the shards started up to "), "{text}");
    assert!(text.starts_with("Issued / completed requests: 200, 200\n"), "{text}");
    let info = info(&bench, "out");
    let [in_time, late] = &info.merged_from[..] else { panic!("{:?}", info.merged_from) };
    assert_eq!(Some(late.offset_ns), late.clock.late_ns);
    assert!(late.offset_ns > in_time.offset_ns && !late.verdict.valid);
    // The times of the late one are by the clock of the other.
    let mut samples = bench.samples();
    samples.retain(|sample| sample.arrival.sequence % 2 == 1);
    assert_eq!(samples[0].arrival.intended_ns, late.offset_ns + 20_000_000);
    assert_eq!(info.end.unwrap().window_ns, late.offset_ns + 4_000_000_000);
}

#[test]
fn a_signal_ends_the_wait_for_the_start() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let mut run = start(&bench, &format!("-rps 1 --start-at {} --out out", at(600.0)));
    std::thread::sleep(Duration::from_millis(300));
    assert!(run.try_wait().unwrap().is_none(), "it waits");
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(143));
}

/// Writes the run of a shard that made these of all samples, as `info` describes all of them.
fn write_shard(folder: &Path, info: &RunInfo, index: u32, total: u32, samples: &[Sample]) {
    let shard = Shard::new(index, total).unwrap();
    let own: Vec<_> =
        samples.iter().filter(|it| shard.has_request(it.arrival.sequence, 3)).cloned().collect();
    let together = samples.len() as u64;
    let mut info = info.clone();
    info.configuration.shard =
        Some(ShardInfo { index, total, rps_together: 100.0, requests_together: together });
    let end = info.end.as_mut().unwrap();
    (end.issued, end.sent_in_window) = (own.len() as u64, own.len() as u64);
    end.finished_ns = u64::MAX / 2;
    let run_dir = RunDir::create(Some(folder), SystemTime::UNIX_EPOCH).unwrap();
    run_dir.write("run.json", &json::write(&info).unwrap()).unwrap();
    let (names, mut csv, mut log) = (info.endpoint_names(), Vec::from(samples_csv::HEADER), Vec::new());
    own.iter().for_each(|it| samples_csv::write(&mut csv, it, &names[it.arrival.endpoint]).unwrap());
    hlog::write_header(&mut log, SystemTime::UNIX_EPOCH).unwrap();
    run_dir.write("samples.csv", &csv).unwrap();
    run_dir.write("latency.hlog", &log).unwrap();
    run_dir.write("summary.json", &json::write(&summary(&info, &totals(&own))).unwrap()).unwrap();
}

fn totals(samples: &[Sample]) -> Totals {
    let mut totals = Totals::new(2);
    samples.iter().for_each(|sample| totals.record(sample));
    totals
}

fn summary(info: &RunInfo, totals: &Totals) -> Summary {
    let course = Course {
        endpoints: vec![("string", false), ("throttled", false)],
        target_rps: Some(100.0),
        issued: totals.samples(),
        window_ns: info.end.as_ref().unwrap().window_ns,
        interrupted_ns: None,
        sent_in_window: totals.samples(),
        wall_jump_ns: 0,
        thresholds: &[],
    };
    let mut summary = Summary::new(&course, totals).unwrap();
    summary.price(&info.prices.endpoints, totals);
    summary
}

/// What a request may come to: its endpoint, its outcome, how late it was, and how long it took, in microseconds.
fn made() -> impl Strategy<Value = Vec<(usize, Outcome, u64, u64, Option<bool>)>> {
    let outcome = prop::sample::select(vec![Outcome::Ok, Outcome::Ok, Outcome::Throttled, Outcome::Dropped]);
    prop::collection::vec((0..2_usize, outcome, 0..5_000_u64, 1..9_000_000_u64, any::<Option<bool>>()), 9..90)
}

/// The samples in the order in which they ended.
fn samples(made: &[(usize, Outcome, u64, u64, Option<bool>)]) -> Vec<Sample> {
    let sample = |(sequence, (endpoint, outcome, lag_us, service_us, cold)): (u64, &_)| {
        let (intended_ns, outcome): (u64, Outcome) = (sequence * 10_000_000, *outcome);
        let issued_ns = intended_ns + lag_us * 1_000;
        let timing =
            (outcome != Outcome::Dropped).then(|| Timing::new(issued_ns, issued_ns + service_us * 1_000));
        let arrival = Arrival { sequence, endpoint: *endpoint, number: 0, intended_ns };
        let environment = timing.map(|_| (sequence % 5).to_string());
        Sample { arrival, timing, reply: Reply { cold: *cold, environment, ..Reply::with_outcome(outcome) } }
    };
    let mut samples: Vec<_> = (0..).zip(made).map(sample).collect();
    samples.sort_by_key(|it: &Sample| it.timing.map_or(it.arrival.intended_ns, |timing| timing.done_ns));
    samples
}

#[test]
fn the_totals_of_any_shards_are_those_of_all_samples() {
    let bench = Bench::new(r#"[{"hostname": "string", "weight": 2}, {"hostname": "throttled"}]"#);
    bench.run("-rps 100 -time 0.05");
    let mut info = info(&bench, "out");
    info.clock = ClockInfo { start_at: Some(info.start.clone()), late_ns: Some(0), ..ClockInfo::default() };
    info.configuration.load = LoadKind::Open;
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(made(), 1..=3_u32), |(made, total)| {
        let (all, parent) = (samples(&made), tempfile::tempdir().unwrap());
        (0..total)
            .for_each(|index| write_shard(&parent.path().join(index.to_string()), &info, index, total, &all));
        let out = parent.path().join("out");
        awsinvoker::merge(&[parent.path().to_owned()], &out, &mut Vec::new()).unwrap();
        let (run_dir, mut expected) = (RunDir::open(&out), summary(&info, &totals(&all)));
        let merged_info = run_dir.read_info().unwrap();
        prop_assert_eq!(run_dir.read_samples(&merged_info).unwrap().records, all);
        let mut merged = run_dir.read_summary().unwrap();
        // Causes that are equally frequent come in any order.
        for summary in [&mut merged, &mut expected] {
            summary.failures.causes.sort_by_key(|it| (it.endpoint.clone(), it.outcome));
        }
        // What is said of the shards does not follow from the samples.
        (expected.verdict, expected.warnings) = (merged.verdict.clone(), merged.warnings.clone());
        prop_assert_eq!(merged, expected);
        Ok(())
    });
    result.unwrap();
}
