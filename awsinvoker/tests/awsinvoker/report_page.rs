//! The page and the charts of `awsinvoker report`, with the real binary.

use std::fs;
use std::process::Output;

use rustix::process::Signal;

use crate::support::{Bench, assert_complete, interrupted, stderr, stdout, stub};

const HOSTILE: &str =
    r#"[{"hostname": "string", "label": "<script>alert(1)</script>"}, {"hostname": "throttled"}]"#;

fn report(bench: &Bench, arguments: &str) -> Output {
    bench.bare_command(&format!("report {arguments}")).output().unwrap()
}

#[test]
fn a_run_has_a_page_and_charts_with_their_data() {
    let bench = Bench::new(HOSTILE);
    assert_complete(&bench.run("-rps 200 -time 1"));
    let output = report(&bench, "out --html page.html --svg charts");
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    assert!(
        stdout(&output).ends_with("results: out\npage: page.html\ncharts: charts\n"),
        "{}",
        stdout(&output)
    );
    let page = bench.read("page.html");
    for part in ["throttled", "Open loop for 1.0 s", "&lt;script&gt;"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    assert!(!page.contains("<script"));
    let timeline = bench.read("charts/timeline-1.csv");
    let succeeded =
        timeline.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(succeeded.sum::<u64>(), 100);
    let failed = bench.read("charts/timeline-2.csv");
    let failed = failed.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(failed.sum::<u64>(), 100);
    assert!(bench.read("charts/percentiles-response.svg").contains("width=\"84mm\""));
}

#[test]
fn the_page_of_a_killed_run_tells_what_is_missing_at_its_top() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    interrupted(&bench, "-rps 100", &[Signal::KILL]);
    let output = report(&bench, "out --html page.html");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = bench.read("page.html");
    let top = page.split("What was called").next().unwrap();
    assert!(
        top.contains("✗ Not valid") && top.contains("the end of the run: it goes on, was killed"),
        "{top}"
    );
    // Without its samples, there is nothing to draw.
    fs::remove_file(bench.path("out/samples.csv")).unwrap();
    let output = report(&bench, "out --html page.html --svg charts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(bench.read("page.html").contains("nothing is known of the requests"));
    assert_eq!(fs::read_dir(bench.path("charts")).unwrap().count(), 0);
}

#[test]
fn separate_runs_stand_on_one_page_without_intervals() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    for out in ["a", "b"] {
        assert_complete(&bench.command(&format!("-rps 50 -time 0.4 --out {out}")).output().unwrap());
    }
    let output = report(&bench, "a b --html page.html --svg charts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).matches("verdict: ").count(), 2);
    assert!(bench.read("page.html").contains("Separate runs give no interval of a difference"));
    assert!(bench.path("charts/run2-percentiles-response.svg").exists());
}

#[test]
fn a_run_that_is_too_short_for_a_comparison_has_a_page_that_says_what_to_do() {
    let entry = |system: &str| {
        let url = format!("http://{}", stub::start());
        serde_json::json!({"hostname": "string", "endpoint_url": url, "function": "f", "system": system})
    };
    let bench = Bench::new(&serde_json::json!([entry("a"), entry("b")]).to_string());
    assert_complete(&bench.bare_command("-rps 50 -time 0.4 --out out --no-preflight").output().unwrap());
    let output = report(&bench, "out --html page.html");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = bench.read("page.html");
    assert!(page.contains("make the run longer, or use a shorter --window with `awsinvoker compare out`"));
    assert!(page.contains("There are no bands: 95 % intervals take at least 6 blocks of 10 s"));
}

#[test]
fn what_cannot_be_written_is_named() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    assert_complete(&bench.run("-rps 50 -time 0.2"));
    let output = report(&bench, "out --html no/such/page.html");
    let expected = "error: no/such/page.html: cannot be written: No such file or directory (os error 2)\n";
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), expected));
}

#[test]
fn summaries_are_written_in_the_forms_of_other_tools() {
    let bench = Bench::new(r#"[{"hostname": "string"}, {"hostname": "throttled"}]"#);
    let formats = ["vegeta", "oha", "k6", "prometheus"].map(|format| format!("--format {format}")).join(" ");
    assert_complete(&bench.run(&format!("-rps 100 -time 0.4 {formats}")));
    let json =
        |name: &str| serde_json::from_str::<serde_json::Value>(&bench.read(&format!("out/{name}"))).unwrap();
    let (vegeta, oha, k6) = (json("vegeta.json"), json("oha.json"), json("k6.json"));
    assert_eq!((&vegeta["requests"], &vegeta["success"]), (&40.into(), &0.5.into()));
    assert_eq!(oha["statusCodeDistribution"], serde_json::json!({ "200": 20, "429": 20 }));
    assert_eq!(k6["metrics"]["http_req_failed"]["passes"], 20);
    assert!(bench.read("out/prometheus.txt").contains("outcome=\"throttled\"} 20\n"));
    // The same median in nanoseconds, seconds and milliseconds.
    let median_ns = vegeta["latencies"]["50th"].as_f64().unwrap();
    let other = [
        oha["latencyPercentiles"]["p50"].as_f64().unwrap() * 1e9,
        k6["metrics"]["http_req_duration"]["med"].as_f64().unwrap() * 1e6,
    ];
    assert!(other.iter().all(|ns| (ns - median_ns).abs() < 1.0), "{median_ns} {other:?}");
}
