//! awsinvoker against functions whose answers are drawn: what it reports has to be what was done to it.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use run_record::{Histogram, Outcome, Sample, View, units};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, assert_complete, program, wait_until};

/// Each function has one kind of latency. Between them, they have all kinds of faults.
const PLAN: &str = r#"
seed = 7

[functions.constant]
latency.constant = { ms = 20 }
function_errors = { share = 0.2 }
garbage = { share = 0.1 }

[functions.lognormal]
latency.lognormal = { p50_ms = 15, p99_ms = 60 }
cold_starts = { share = 0.2, init.constant = { ms = 33.21 } }
resets = { share = 0.2 }

[functions.bimodal]
latency.bimodal = { fast_ms = 10, slow_ms = 80, slow_share = 0.3 }
throttles = { share = 0.2, reason = "CallerRateLimitExceeded" }

# The client never waits for the longest latency, and always for a stall, however busy the machine is.
[functions.empirical]
latency.empirical = { file = "latencies" }
stalls = { share = 0.2, ms = 1200 }
"#;

const ENDPOINTS: &str = r#"[{"hostname": "constant"}, {"hostname": "lognormal"}, {"hostname": "bimodal"},
    {"hostname": "empirical"}]"#;

/// A line of the truth file.
#[derive(Debug)]
struct Truth {
    function: String,
    number: u64,
    kind: String,
    ending: String,
    latency_ns: Option<u64>,
    init_ns: Option<u64>,
    intended_ns: u64,
    /// From the arrival to the end.
    really_ns: u64,
}

/// The truth, by request id.
fn truth(text: &str) -> HashMap<String, Truth> {
    let (head, lines) = text.split_once('\n').unwrap();
    let columns = "request_id,function,number,kind,arrival_ns,latency_ns,init_ns,intended_ns,ended_ns,ending";
    assert_eq!(head, columns);
    let rows = lines.lines().map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<u64>().ok();
        let truth = Truth {
            function: fields[1].to_owned(),
            number: number(2).unwrap(),
            kind: fields[3].to_owned(),
            latency_ns: number(5),
            init_ns: number(6),
            intended_ns: number(7).unwrap(),
            really_ns: number(8).unwrap() - number(4).unwrap(),
            ending: fields[9].to_owned(),
        };
        (fields[0].to_owned(), truth)
    });
    rows.collect()
}

/// What a client sees of a request.
fn outcome(truth: &Truth) -> Outcome {
    match (truth.kind.as_str(), truth.ending.as_str()) {
        ("answer" | "stall", "written") => Outcome::Ok,
        ("answer" | "stall", "client_gone") => Outcome::Timeout,
        ("throttle", "written") => Outcome::Throttled,
        ("function_error", "written") => Outcome::FunctionError,
        ("reset", "reset") | ("garbage", "written") => Outcome::Transport,
        _ => panic!("{truth:?}"),
    }
}

/// A server of all kinds of latencies and faults.
fn serve(bench: &Bench) -> (Child, String) {
    std::fs::write(bench.path("plan.toml"), PLAN).unwrap();
    std::fs::write(bench.path("latencies"), "5\n10\n40\n60000\n").unwrap();
    serve_plan(bench)
}

/// A server of the plan in the folder. It ends with its standard input, so with the test.
fn serve_plan(bench: &Bench) -> (Child, String) {
    let mut command = Command::new(program("lambda-local"));
    command.args(["--listen", "127.0.0.1:0", "--exit-with-stdin", "--inject"]).arg(bench.path("plan.toml"));
    command.arg("--truth").arg(bench.path("truth.csv")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (process, line.trim_end().strip_prefix("listening on ").unwrap().to_owned())
}

/// A load of 6 s, and what was done to it.
fn load() -> (Bench, Vec<Sample>, HashMap<String, Truth>) {
    let bench = Bench::new(ENDPOINTS);
    let (mut server, url) = serve(&bench);
    let run =
        bench.bare_command("--rps 200 --time 6 --timeout 10 --out out --endpoint-url").arg(&url).output();
    let run = run.unwrap();
    assert_complete(&run);
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    let (samples, truth) = (bench.samples(), truth(&bench.read("truth.csv")));
    (bench, samples, truth)
}

/// Counts by function and outcome.
type Counts = BTreeMap<(String, Outcome), u64>;

fn counts(of: impl Iterator<Item = (String, Outcome)>) -> Counts {
    of.fold(Counts::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

const NAMES: [&str; 4] = ["constant", "lognormal", "bimodal", "empirical"];

#[test]
fn what_is_reported_is_what_was_done() {
    let (bench, samples, truth) = load();
    assert_eq!((samples.len(), truth.len()), (1200, 1200));
    let endpoint = |sample: &Sample| NAMES[sample.arrival.endpoint].to_owned();

    // Each outcome as often as it was caused, in the samples and in the summary.
    let caused = counts(truth.values().map(|truth| (truth.function.clone(), outcome(truth))));
    assert_eq!(counts(samples.iter().map(|sample| (endpoint(sample), sample.reply.outcome))), caused);
    let summary = bench.run_dir().read_summary().unwrap();
    for (endpoint, name) in summary.endpoints.iter().zip(NAMES) {
        for outcome in Outcome::ALL {
            let expected = caused.get(&(name.to_owned(), outcome)).copied().unwrap_or(0);
            assert_eq!(endpoint.outcomes.get(outcome), expected, "{name} {outcome:?}");
        }
        let cold =
            |truth: &&Truth| truth.function == name && truth.init_ns.is_some() && truth.ending == "written";
        assert_eq!(endpoint.cold_starts, Some(truth.values().filter(cold).count() as u64), "{name}");
    }
    for outcome in
        [Outcome::Ok, Outcome::FunctionError, Outcome::Throttled, Outcome::Transport, Outcome::Timeout]
    {
        assert!(caused.keys().any(|(_, caused)| *caused == outcome), "no {outcome:?}: {caused:?}");
    }

    // Every request has a number of its own.
    for name in NAMES {
        let mut numbers: Vec<_> =
            truth.values().filter(|truth| truth.function == name).map(|truth| truth.number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..300), "{name}");
    }

    // Request by request, wherever an answer brought the id.
    for sample in samples.iter().filter(|sample| sample.reply.outcome == Outcome::Ok) {
        let truth = &truth[sample.reply.request_id.as_ref().unwrap()];
        assert_eq!(outcome(truth), Outcome::Ok);
        assert_eq!(sample.function_ns(), truth.latency_ns, "{sample:?} {truth:?}");
        assert_eq!(sample.reply.report.init_ns, truth.init_ns, "{sample:?} {truth:?}");
        assert!(truth.really_ns >= truth.intended_ns, "{truth:?}");
        // What the client saw contains what the server did.
        let service_ns = sample.service_ns().unwrap();
        assert!(service_ns > truth.really_ns, "{sample:?} {truth:?}");
    }
    percentiles_hold(&bench, &samples, &truth);
    every_view_is_that_of_the_samples(&bench, &samples);
    sums_agree(&bench, &samples, &truth);
}

/// The percentiles of the summary lie between those of the truth and those of the truth with what the client adds. The
/// histograms keep three digits.
fn percentiles_hold(bench: &Bench, samples: &[Sample], truth: &HashMap<String, Truth>) {
    let summary = bench.run_dir().read_summary().unwrap();
    for (at, endpoint) in summary.endpoints.iter().enumerate() {
        let ok = samples
            .iter()
            .filter(|sample| sample.arrival.endpoint == at && sample.reply.outcome == Outcome::Ok);
        let (mut really, mut seen, mut most_extra) = (Vec::new(), Vec::new(), 0);
        for sample in ok {
            let really_ns = truth[sample.reply.request_id.as_ref().unwrap()].really_ns;
            let seen_ns = View::Response.latency_ns(sample).unwrap();
            most_extra = most_extra.max(seen_ns - really_ns);
            really.push(really_ns);
            seen.push(seen_ns);
        }
        really.sort_unstable();
        seen.sort_unstable();
        let response = &endpoint.views.response;
        assert_eq!(response.count, really.len() as u64);
        for (percent, us) in [(50, response.p50), (90, response.p90), (99, response.p99), (100, response.max)]
        {
            // What too few values carry is not published.
            let Some(us) = us else { continue };
            let rank = (percent * really.len()).div_ceil(100) - 1;
            let found_ns = us * 1e3;
            let exact = found_ns / seen[rank] as f64;
            assert!((exact - 1.0).abs() < 0.001, "{}: p{percent}: {found_ns} ns", endpoint.name);
            let (least, most) = (really[rank] as f64 * 0.999, (really[rank] + most_extra) as f64 * 1.001);
            assert!(least <= found_ns && found_ns <= most, "{}: p{percent}: {found_ns} ns", endpoint.name);
        }
    }
}

/// Each percentile, the mean and the ends of each view are those of the samples, within a thousandth and the width of a step.
fn every_view_is_that_of_the_samples(bench: &Bench, samples: &[Sample]) {
    let summary = bench.run_dir().read_summary().unwrap();
    for (at, endpoint) in summary.endpoints.iter().enumerate() {
        let groups = [(&endpoint.views, None), (&endpoint.warm, Some(false)), (&endpoint.cold, Some(true))];
        for ((views, cold), view) in groups.into_iter().flat_map(|group| View::ALL.map(|view| (group, view)))
        {
            let latencies = samples.iter().filter(|sample| {
                let reply = &sample.reply;
                sample.arrival.endpoint == at
                    && reply.outcome == Outcome::Ok
                    && (cold.is_none() || reply.cold == cold)
            });
            let mut exact: Vec<u64> = latencies.filter_map(|sample| view.latency_ns(sample)).collect();
            exact.sort_unstable();
            let (found, name) = (views.get(view), format!("{} {} {cold:?}", endpoint.name, view.name()));
            assert_eq!(found.count, exact.len() as u64, "{name}");
            let Some((least, most)) = exact.first().copied().zip(exact.last().copied()) else { continue };
            let mean = exact.iter().sum::<u64>() as f64 / exact.len() as f64;
            let rank = |share: f64| {
                exact[usize::try_from(units::rounded((share * exact.len() as f64).ceil())).unwrap() - 1]
                    as f64
            };
            for (what, found_us, exact_ns) in [
                ("min", found.min, least as f64),
                ("mean", found.mean, mean),
                ("p50", found.p50, rank(0.5)),
                ("p90", found.p90, rank(0.9)),
                ("p95", found.p95, rank(0.95)),
                ("p99", found.p99, rank(0.99)),
                ("p99.9", found.p999, rank(0.999)),
                ("max", found.max, most as f64),
            ] {
                // What too few values carry is not published.
                let Some(found_us) = found_us else { continue };
                let tolerated_ns = exact_ns / 1e3 + 1.0;
                assert!(
                    (found_us * 1e3 - exact_ns).abs() <= tolerated_ns,
                    "{name} {what}: {found_us} µs, {exact_ns} ns"
                );
            }
        }
    }
}

/// The sums over all answers agree with those of the server, request by request and all together.
fn sums_agree(bench: &Bench, samples: &[Sample], truth: &HashMap<String, Truth>) {
    let answered: Vec<(&Sample, &Truth)> = samples
        .iter()
        .filter(|sample| sample.reply.outcome == Outcome::Ok)
        .map(|sample| (sample, &truth[sample.reply.request_id.as_ref().unwrap()]))
        .collect();
    let sum = |ns: &dyn Fn(&(&Sample, &Truth)) -> u64| answered.iter().map(ns).sum::<u64>();
    let function = sum(&|(sample, _)| sample.function_ns().unwrap());
    assert_eq!(function, sum(&|(_, truth)| truth.latency_ns.unwrap()));
    let (service, response) =
        (sum(&|(sample, _)| sample.service_ns().unwrap()), sum(&|(sample, _)| sample.response_ns().unwrap()));
    let lag = sum(&|(sample, _)| sample.lag_ns().unwrap());
    assert_eq!(response, service + lag);
    let really = sum(&|(_, truth)| truth.really_ns);
    assert!(service > really && really >= sum(&|(_, truth)| truth.intended_ns), "{service} {really}");
    // The log of the intervals holds each answer once.
    let mut logged = Histogram::default();
    for interval in bench.run_dir().read_intervals().unwrap().records {
        if interval.tag == run_record::names::Tag::All {
            logged.merge(&interval.histogram);
        }
    }
    assert_eq!(logged.count(), answered.len() as u64);
    let mean = response as f64 / answered.len() as f64;
    assert!((logged.mean_ns().unwrap() / mean - 1.0).abs() < 1e-3, "{mean}");
}

/// The state of a process, as the system tells it.
fn state(process: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// A server that answers nothing for two seconds lets every request wait that is due meanwhile, for what is left of the two
/// seconds. A load generator that waited for answers would show the stall in a handful of requests.
#[test]
#[expect(clippy::disallowed_methods, reason = "it compares a time of this process with those of a run")]
fn a_stall_of_the_server_is_in_the_response_of_every_request_that_it_delayed() {
    const RPS: u64 = 100;
    let bench = Bench::new(r#"[{"hostname": "constant"}]"#);
    std::fs::write(bench.path("plan.toml"), "[functions.constant]\nlatency.constant = { ms = 1 }\n").unwrap();
    let (mut server, url) = serve_plan(&bench);
    let line = format!("--rps {RPS} --time 5 --out out --endpoint-url {url}");
    let mut command = bench.bare_command(&line);
    let mut load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bench.wait_for_samples(&mut load);
    let pid = Pid::from_child(&server);
    kill_process(pid, Signal::STOP).unwrap();
    let id = server.id();
    wait_until(&mut server, "it is stopped", || state(id) == 'T');
    let (stopped, at) = (SystemTime::now(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let stall_ns = u64::try_from(at.elapsed().as_nanos()).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    let output = load.wait_with_output().unwrap();
    assert_complete(&output);
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());

    // run.json tells the time of the start in milliseconds.
    let start = bench.run_dir().read_info().unwrap().start;
    let start = time::OffsetDateTime::parse(&start, &time::format_description::well_known::Rfc3339).unwrap();
    let from_ns = u64::try_from(stopped.duration_since(start.into()).unwrap().as_nanos()).unwrap();
    let end_ns = from_ns + stall_ns - 2 * units::NS_PER_MS;
    let samples = bench.samples();
    assert_eq!(samples.len() as u64, 5 * RPS);
    // Whoever was due within the stall was not answered before its end.
    let due = samples
        .iter()
        .filter(|sample| (from_ns + 2 * units::NS_PER_MS..end_ns).contains(&sample.arrival.intended_ns));
    let mut waited = 0;
    for sample in due {
        assert_eq!(sample.reply.outcome, Outcome::Ok);
        let left_ns = end_ns - sample.arrival.intended_ns;
        assert!(sample.response_ns().unwrap() >= left_ns, "{sample:?}: {left_ns} ns were left");
        waited += 1;
    }
    let expected = (end_ns - from_ns) * RPS / units::NS_PER_S;
    assert!((expected - 2..=expected + 1).contains(&waited), "{waited} of {expected} requests");
    // So two of five requests saw a part of it, and the percentiles tell.
    let summary = bench.run_dir().read_summary().unwrap();
    let response = &summary.endpoints[0].views.response;
    let (p90, p99) = (response.p90.unwrap(), response.p99.unwrap());
    assert!(p90 >= 1_400_000.0 && p99 >= 1_850_000.0, "p90 {p90} µs, p99 {p99} µs");
}

/// What was drawn for each request: function and number, and then kind, latency and initialisation.
type Drawn = BTreeMap<(String, u64), (String, Option<u64>, Option<u64>)>;

/// A load on a server that is killed once its truth file has `lines` lines. All requests are told that ended until then.
fn killed_after(lines: usize) -> Drawn {
    let bench = Bench::new(ENDPOINTS);
    let (mut server, url) = serve(&bench);
    let line = "--rps 200 --time 2 --timeout 10 --out out --endpoint-url";
    let mut load =
        bench.bare_command(line).arg(&url).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while bench.read("truth.csv").lines().count() < lines {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    load.wait().unwrap();
    let text = bench.read("truth.csv");
    assert!(text.ends_with('\n'), "{text}");
    let rows = truth(&text).into_values();
    rows.map(|row| ((row.function, row.number), (row.kind, row.latency_ns, row.init_ns))).collect()
}

#[test]
fn equal_seeds_give_equal_answers_and_a_killed_server_leaves_whole_lines() {
    let [first, second] = [100, 300].map(killed_after);
    let common: Vec<_> = first.iter().filter(|(key, _)| second.contains_key(key)).collect();
    assert!(common.len() > 50, "{first:?} {second:?}");
    for (key, drawn) in common {
        assert_eq!(second[key], *drawn, "{key:?}");
    }
}
