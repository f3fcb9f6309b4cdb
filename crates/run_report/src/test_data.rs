//! A run and a comparison for tests.

use run_record::comparison::{
    Arm, Claim, Comparison, Contrast, Design, Figure, Interval, Measure, Refusal, Scope, Source, Statistic,
    Value,
};
use run_record::observations::{Cell, Observations};
use run_record::sparse_histogram::SparseHistogram;
use run_record::summary::Course as SummaryCourse;
use run_record::{Arrival, Cause, Outcome, Reply, Report, RunInfo, Sample, Summary, Timing, Totals, View};
use serde_json::json;

use crate::data::{History, Run, Span};

const MS: u64 = 1_000_000;

/// A run of two endpoints for 100 s. The name of the second one, its payload and its failures are those of somebody who
/// means harm.
pub(crate) fn run() -> Run {
    let names = ["chameleon@lambda", HOSTILE];
    let samples: Vec<Sample> = (0..4_000).map(sample).collect();
    let mut totals = Totals::new(2);
    samples.iter().for_each(|sample| totals.record(sample));
    let history = SummaryCourse {
        endpoints: names.map(|name| (name, false)).to_vec(),
        target_rps: Some(40.0),
        issued: totals.samples(),
        window_ns: 100_000 * MS,
        interrupted_ns: None,
        sent_in_window: totals.samples(),
        wall_jump_ns: 0,
        thresholds: &["response.p99<8ms".parse().expect("it is a threshold")],
    };
    Run {
        folder: "runs/a".to_owned(),
        info: info(),
        summary: Summary::new(&history, &totals).expect("all samples are counted"),
        missing: vec!["3 <of> the requests".to_owned()],
        histories: [0, 1].map(|endpoint| history_of(endpoint, &samples)).to_vec(),
        span_s: 1.0,
        block_s: 10.0,
        window_s: 30.0,
    }
}

/// What nobody calls an endpoint.
pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script>&amp;$LATEST";

fn sample(number: u64) -> Sample {
    let endpoint = usize::from(number % 2 == 1);
    let (intended_ns, is_cold) = (number * 25 * MS, number < 4 || number.is_multiple_of(1_501));
    let took_ns =
        2 * MS + number * 7_919 % 997 * 1_000 * (1 + endpoint as u64) + if is_cold { 200 * MS } else { 0 };
    let mut reply = Reply::with_outcome(Outcome::Ok);
    if number % 397 == 1 {
        reply = Reply::without_answer(Outcome::Timeout, "no answer within <60 s>");
        reply.cause = Some(Cause { code: Some("<b>".to_owned()), ..reply.cause.unwrap_or_default() });
    } else {
        reply.function_latency_s = Some(0.001);
        reply.cold = Some(is_cold);
        let init_ns = is_cold.then_some(150 * MS);
        reply.report = Report { duration_ns: Some(MS + 10_000), init_ns, ..Report::default() };
    }
    Sample {
        arrival: Arrival { sequence: number, endpoint, number: 0, intended_ns },
        timing: Some(Timing::new(intended_ns + 20_000, intended_ns + took_ns)),
        reply,
    }
}

fn history_of(endpoint: usize, samples: &[Sample]) -> History {
    let mut history = History { spans: vec![Span::default(); 100], ..History::default() };
    let mut views = View::ALL.map(|_| vec![SparseHistogram::default(); 10]);
    for sample in samples.iter().filter(|sample| sample.arrival.endpoint == endpoint) {
        let at = usize::try_from(sample.arrival.intended_ns / (1_000 * MS)).expect("it is within 100 s");
        let span = &mut history.spans[at];
        if sample.reply.outcome != Outcome::Ok {
            span.failed += 1;
            continue;
        }
        span.succeeded += 1;
        span.p50_ns = sample.response_ns().min(Some(3 * MS));
        span.p99_ns = sample.response_ns().max(span.p99_ns);
        span.max_ns = span.p99_ns;
        if sample.reply.cold == Some(true) {
            (span.cold, span.cold_max_ns) = (span.cold + 1, sample.response_ns());
        }
        for (blocks, view) in views.iter_mut().zip(View::ALL) {
            view.latency_ns(sample).into_iter().for_each(|ns| blocks[at / 10].record(ns));
        }
    }
    let observations = |blocks: Vec<SparseHistogram>| {
        let cell = |(window, values)| Cell { window, environment: None, values };
        Observations::new(10, blocks.into_iter().enumerate().map(cell).collect())
    };
    history.views = views.map(observations).to_vec();
    history
}

fn info() -> RunInfo {
    let endpoint = |name: &str, system: &str| {
        json!({
            "name": name, "hostname": "chameleon", "protocol": "lambda", "target": 0, "function": "chameleon",
            "system": system, "asynchronous": false, "payload": { "<i>": 1 }, "payload_template": null,
            "share": 0.5, "preflight": null
        })
    };
    let load = json!({ "seconds": 1.0, "busy_percent": 30.0, "own_percent": 20.0, "steal_percent": 1.0, "load_average": null });
    let info = json!({
        "schema": run_record::run_info::SCHEMA, "start": "2026-11-30T12:00:00.000Z", "end": null,
        "command_line": ["awsinvoker", "--local", "--env", "A='b' <c>"],
        "configuration": {
            "targets": [{
                "platform": "lambda", "address": "http://127.0.0.1:9000", "region": "us-east-1", "profile": null, "local": null,
                "instances": [], "docker": null, "env": [],
                "connection": { "http": "1.1", "reuse": "pooled", "warm_connections": 0 }
            }],
            "functions": [{
                "name": "chameleon", "target": 0, "kind": "process", "program": "/chameleon", "arguments": [],
                "sha256": "0123456789abcdef", "image": null, "image_id": null, "code_sha256": null, "memory_mb": 512,
                "timeout_s": 3, "architecture": "x86_64", "version": "$LATEST", "last_modified": null, "environment": []
            }],
            "endpoints_file": { "path": "e.json", "sha256": "00", "entries": 2, "order": [0, 1] },
            "endpoints": [endpoint("chameleon@lambda", "lambda"), endpoint(HOSTILE, "<grpc>")],
            "load": "open", "rps": 40.0, "time_s": 100.0, "stages": [], "schedule": null, "concurrency": null,
            "arrivals": "poisson", "order": "round_robin", "seed": 7,
            "warm_up": { "time_s": 1.0, "requests": 40, "failed": 0 }, "prewarm": null, "expected_requests": 4000,
            "timeout_s": 60.0, "max_in_flight": 1000, "workers": 1, "spin": true, "thresholds": ["response.p99<8ms"],
            "require_idle_percent": null
        },
        "clock": {
            "start_at": null, "late_ns": null, "server": null,
            "time_service": { "asked": null, "synchronised": null, "error_ns": null }
        },
        "merged_from": [], "versions": { "awsinvoker": "0.1.0" }, "build": { "commit": null, "profile": "release" },
        "machine": {
            "cpu": "a processor", "is_virtual": true, "product": null, "cores": 2, "memory_kib": 16777216,
            "kernel": "Linux 6.1 x86_64", "scheduling": "real_time", "before": load, "during": load, "after": null
        },
        "prices": { "date": "2026-11-01", "source": "s", "endpoints": [null, null] }
    });
    serde_json::from_value(info).expect("it is a run.json")
}

/// A comparison of two systems with one ratio of each kind.
pub(crate) fn comparison() -> Comparison {
    let arm = |system: &str| Arm {
        label: system.to_owned(),
        system: system.to_owned(),
        endpoint: format!("chameleon@{system}"),
        called: "lambda-local at http://127.0.0.1:9000, process, 512 MB, CPU time: no limit, x86_64"
            .to_owned(),
        requests: 6_000,
        succeeded: 5_990,
        cold: Some(4),
        cold_percent: Some(0.07),
        environments: None,
    };
    let value = |us: f64| Value {
        us,
        low_us: Some(us * 0.98),
        high_us: None,
        count: 5_990,
        effective_count: Some(900.0),
    };
    let figure = |statistic, ratio: Option<f64>, claim, refusal| Figure {
        scope: Scope::All,
        measure: Measure::RESPONSE,
        statistic,
        baseline: Some(value(3_000.0)),
        candidate: Some(value(2_200.0)),
        ratio: ratio.map(|ratio| Interval {
            estimate: ratio,
            low: Some(ratio * 0.97),
            high: (ratio < 1.0).then_some(ratio * 1.04),
        }),
        difference_us: None,
        claim,
        equivalent: false,
        refusal,
        approximate: false,
        drifting: statistic == Statistic::P90,
        in_cold_gap: false,
    };
    Comparison {
        schema: run_record::comparison::SCHEMA,
        valid: true,
        reasons: Vec::new(),
        design: Design::RoundRobin,
        runs: vec![Source {
            folder: "runs/a".to_owned(),
            start: "2026-11-30T12:00:00.000Z".to_owned(),
            machine: "2 cores of a processor, 16.0 GiB, Linux".to_owned(),
            version: "0.1.0".to_owned(),
            requests: 12_000,
            valid: true,
            missing: Vec::new(),
            warnings: Vec::new(),
        }],
        window_s: Some(30.0),
        windows: 10,
        left_out_s: 10.0,
        margin: 0.05,
        notes: Vec::new(),
        contrasts: vec![Contrast {
            function: "chameleon".to_owned(),
            baseline: arm("lambda"),
            candidate: arm("<grpc>"),
            windows: 10,
            windows_left_out: 0,
            headline: Scope::All,
            sentences: vec!["<grpc> answers 1.31 to 1.38 times as fast at p50".to_owned()],
            notes: Vec::new(),
            cold_effect: Vec::new(),
            figures: vec![
                figure(Statistic::P50, Some(0.7), Claim::CandidateFaster, None),
                figure(Statistic::P90, Some(1.25), Claim::Undecided, None),
                figure(
                    Statistic::P999,
                    None,
                    Claim::Nothing,
                    Some(Refusal::FewAbove { effective: 1.0, longer: 4.0 }),
                ),
            ],
        }],
        intervals: 2,
        expected_false: 0.1,
    }
}
