use run_record::budget::Part;
use run_record::comparison::{
    Claim, Comparison, Design, Figure, Measure, Note, Refusal, Scope, Source, Statistic,
};
use run_record::run_info::Protocol;
use run_record::{Arrival, Outcome, Reply, Report, Sample, Timing, View};

use super::*;
use crate::comparison::{Extent, csv, markdown, text};

const US: u64 = 1_000;
const PER_WINDOW: u64 = 200;

/// How one side answers.
#[derive(Clone, Copy)]
struct Answers {
    /// What its times are multiplied by.
    factor: f64,
    /// Environments that answer in turn.
    environments: u64,
    /// How late requests are sent.
    lag_us: u64,
    /// Each of so many requests is a cold start.
    cold_each: u64,
    /// Each of so many requests fails.
    failed_each: u64,
}

const USUAL: Answers =
    Answers { factor: 1.0, environments: 10, lag_us: 20, cold_each: u64::MAX, failed_each: u64::MAX };

impl Answers {
    fn slower(factor: f64) -> Self {
        Self { factor, ..USUAL }
    }

    /// The request of this number. Times vary from request to request and from window to window.
    fn sample(self, window: u64, number: u64) -> Sample {
        let sequence = window * PER_WINDOW + number;
        let is_cold = sequence % self.cold_each == self.cold_each - 1;
        let wave = (sequence * 7_919 % 1_000) as f64 / 1_000.0 + (window * 37 % 11) as f64 / 40.0;
        let function_us = 200.0 * self.factor * (1.0 + 0.2 * wave);
        let us = 1_000.0 * self.factor * (1.0 + wave) + if is_cold { 500_000.0 } else { 0.0 };
        let ns = |us: f64| run_record::units::rounded(us * 1e3);
        let outcome = if sequence % self.failed_each == self.failed_each - 1 {
            Outcome::FunctionError
        } else {
            Outcome::Ok
        };
        // Each is sent after the one before was answered.
        let intended_ns = sequence * 1_000_000 * US;
        let issued_ns = intended_ns + self.lag_us * US;
        Sample {
            arrival: Arrival { sequence, endpoint: 0, number: 0, intended_ns },
            timing: Some(Timing::new(issued_ns, issued_ns + ns(us))),
            reply: Reply {
                function_latency_s: Some(function_us / 1e6),
                cold: Some(is_cold),
                report: Report {
                    duration_ns: Some(ns(function_us) + 100 * US),
                    init_ns: is_cold.then_some(400_000 * US),
                    ..Report::default()
                },
                environment: Some(format!("environment {}", sequence % self.environments)),
                ..Reply::with_outcome(outcome)
            },
        }
    }

    fn side(self, system: &str, windows: usize) -> Side {
        let mut samples = Collected::default();
        samples.begin_run();
        for window in 0..windows {
            for number in 0..PER_WINDOW {
                samples.record(window, &self.sample(window as u64, number));
            }
        }
        Side {
            label: system.to_owned(),
            system: system.to_owned(),
            endpoint: format!("f@{system}"),
            called: format!("http://{system}, 512 MB"),
            protocol: Protocol::Lambda,
            share: 0.5,
            samples,
        }
    }
}

fn input(sides: [Answers; 2], windows: usize) -> Input {
    Input {
        design: Design::RoundRobin,
        runs: vec![Source {
            folder: "runs/1".to_owned(),
            start: "2026-11-30T00:00:00.000Z".to_owned(),
            machine: "2 cores of a processor, 16.0 GiB, Linux".to_owned(),
            version: "0.1.0".to_owned(),
            requests: 2 * windows as u64 * PER_WINDOW,
            valid: true,
            missing: Vec::new(),
            warnings: Vec::new(),
        }],
        reasons: Vec::new(),
        window_s: Some(30.0),
        windows,
        left_out_s: 0.0,
        margin: 0.05,
        headline: Scope::All,
        notes: Vec::new(),
        sides: vec![sides[0].side("lambda", windows), sides[1].side("knative", windows)],
        pairings: vec![Pairing { function: "f".to_owned(), baseline: 0, candidate: 1, notes: Vec::new() }],
    }
}

fn compared(sides: [Answers; 2], windows: usize) -> Comparison {
    compare(input(sides, windows))
}

fn figure(comparison: &Comparison, scope: Scope, measure: Measure, statistic: Statistic) -> &Figure {
    let mut figures = comparison.contrasts[0].figures.iter();
    let is_it = |it: &&Figure| (it.scope, it.measure, it.statistic) == (scope, measure, statistic);
    figures.find(is_it).unwrap_or_else(|| panic!("no {scope:?} {measure:?} {statistic:?}"))
}

fn response(comparison: &Comparison, statistic: Statistic) -> &Figure {
    figure(comparison, Scope::All, Measure::RESPONSE, statistic)
}

#[test]
fn a_slower_candidate_is_told_in_every_form() {
    let comparison = compared([USUAL, Answers::slower(1.5)], 12);
    for statistic in [Statistic::P50, Statistic::P90, Statistic::Mean] {
        let figure = response(&comparison, statistic);
        let ratio = figure.ratio.unwrap();
        assert!((ratio.estimate - 1.5).abs() < 0.03, "{statistic:?}: {ratio:?}");
        assert_eq!(figure.claim, Claim::BaselineFaster, "{statistic:?}");
        let difference = figure.difference_us.unwrap();
        let of_values = figure.candidate.as_ref().unwrap().us - figure.baseline.as_ref().unwrap().us;
        assert!((difference.estimate - of_values).abs() < 1e-6 && difference.low.unwrap() > 0.0);
    }
    assert!(comparison.valid && comparison.intervals > 0);
    insta::assert_snapshot!(text(&comparison, Extent::Short), @"
    verdict: valid
    note: equivalence is seldom recognised with 12 pairs of windows; 30 or more are
      needed
    note: there are 42 intervals in all, each with 95 %: about 2.1 of them miss the
      truth by chance, on average
    made of: 1 run, in turn, 12 windows of 30 s

    f: knative against lambda, the baseline
      f on lambda answers 1.49 to 1.50 times as fast as on knative at p50 (response)
      nothing is claimed about f on knative and on lambda at p99 (response): 2.9
        independent values lie above it, expected at least 4; make the run 1.4 times
        as long
      f on lambda answers 1.50 to 1.50 times as fast as on knative at p50 (service)
      nothing is claimed about f on knative and on lambda at p99 (service): 2.9
        independent values lie above it, expected at least 4; make the run 1.4 times
        as long
      f on lambda answers 1.50 to 1.50 times as fast as on knative at p50 (function)
      nothing is claimed about f on knative and on lambda at p99 (function): 2.9
        independent values lie above it, expected at least 4; make the run 1.4 times
        as long
      lambda: 2400 of 2400 requests succeeded, 0 cold starts (0.00 %), 10
        environments (10 a window)
      knative: 2400 of 2400 requests succeeded, 0 cold starts (0.00 %), 10
        environments (10 a window)

      time                 baseline candidate  ratio             95 % candidate is
      response p50          1.64 ms   2.44 ms   1.49     1.49 to 1.50 slower
      response p99          2.20 ms   3.29 ms      -                - refused
      service p50           1.62 ms   2.42 ms   1.50     1.50 to 1.50 slower
      service p99           2.18 ms   3.27 ms      -                - refused
      function p50           225 µs    337 µs   1.50     1.50 to 1.50 slower
      function p99           247 µs    371 µs      -                - refused
    ");
    let all = text(&comparison, Extent::All);
    assert!(all.lines().all(|line| line.chars().count() <= 80), "{all}");
    let difference = "response p50               +808 µs  +781 µs to +835 µs";
    assert!(all.contains(difference), "{all}");
    insta::assert_snapshot!(markdown(&comparison, Extent::Short), @"
    # Comparison

    Verdict: **valid**. Made of 1 run, in turn, 12 windows of 30 s.

    - note: equivalence is seldom recognised with 12 pairs of windows; 30 or more are needed
    - note: there are 42 intervals in all, each with 95 %: about 2.1 of them miss the truth by chance, on average
    - run runs/1: begun at 2026-11-30T00:00:00.000Z, 4800 requests
    - measured by awsinvoker 0.1.0 on 2 cores of a processor, 16.0 GiB, Linux

    ## f: knative against lambda

    - f on lambda answers 1.49 to 1.50 times as fast as on knative at p50 (response)
    - nothing is claimed about f on knative and on lambda at p99 (response): 2.9 independent values lie above it, expected at least 4; make the run 1.4 times as long
    - f on lambda answers 1.50 to 1.50 times as fast as on knative at p50 (service)
    - nothing is claimed about f on knative and on lambda at p99 (service): 2.9 independent values lie above it, expected at least 4; make the run 1.4 times as long
    - f on lambda answers 1.50 to 1.50 times as fast as on knative at p50 (function)
    - nothing is claimed about f on knative and on lambda at p99 (function): 2.9 independent values lie above it, expected at least 4; make the run 1.4 times as long
    - lambda: 2400 of 2400 requests succeeded, 0 cold starts (0.00 %), 10 environments (10 a window)
    - lambda was http://lambda, 512 MB
    - knative: 2400 of 2400 requests succeeded, 0 cold starts (0.00 %), 10 environments (10 a window)
    - knative was http://knative, 512 MB

    | time | lambda | knative | ratio | 95 % | candidate is | difference | 95 % |
    |:---|---:|---:|---:|---:|:---|---:|---:|
    | response p50 | 1.64 ms | 2.44 ms | 1.49 | 1.49 to 1.50 | slower | +808 µs | +781 µs to +835 µs |
    | response p99 | 2.20 ms | 3.29 ms | - | - | refused | - | - |
    | service p50 | 1.62 ms | 2.42 ms | 1.50 | 1.50 to 1.50 | slower | +807 µs | +779 µs to +836 µs |
    | service p99 | 2.18 ms | 3.27 ms | - | - | refused | - | - |
    | function p50 | 225 µs | 337 µs | 1.50 | 1.50 to 1.50 | slower | +113 µs | +111 µs to +113 µs |
    | function p99 | 247 µs | 371 µs | - | - | refused | - | - |

    - ratio: knative, the candidate, divided by lambda, the baseline; below 1, the candidate is faster
    ");
    let csv = String::from_utf8(csv(&comparison).unwrap()).unwrap();
    assert_eq!(csv.lines().count(), 1 + comparison.contrasts[0].figures.len());
}

#[test]
fn equal_sides_are_equivalent_and_no_difference_is_claimed() {
    let comparison = compared([USUAL, USUAL], 30);
    let p50 = response(&comparison, Statistic::P50);
    assert_eq!((p50.claim, p50.equivalent), (Claim::Undecided, true));
    insta::assert_snapshot!(comparison.contrasts[0].sentences[0], @"f on knative and on lambda are equivalent within 5 % at p50 (response), by the 90 % interval: f on knative answers 0.998 to 1.002 times as fast as on lambda (95 % interval)");
    assert!(comparison.notes.is_empty(), "{:?}", comparison.notes);
}

#[test]
fn a_delay_of_the_load_generator_that_is_a_good_part_of_responses_is_told() {
    let comparison = compared([USUAL, Answers { lag_us: 200, ..USUAL }], 30);
    let notes: Vec<String> = comparison.contrasts[0].notes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @"the load generator's own delay (schedule lag) is 11 % of the warm response latency of knative (200 µs of 1.82 ms at p50), and so a part of the response ratios: the service latency is without it");
}

#[test]
fn too_few_windows_are_refused_and_few_are_told() {
    let refused = compared([USUAL, Answers::slower(2.0)], 5);
    let p50 = response(&refused, Statistic::P50);
    assert_eq!((p50.refusal.clone(), p50.claim), (Some(Refusal::FewPairs { pairs: 5 }), Claim::Nothing));
    assert!(p50.ratio.is_none() && p50.baseline.is_some(), "the values are shown without a ratio");
    assert_eq!(refused.intervals, 0);
    let few = compared([USUAL, Answers::slower(2.0)], 6);
    assert!(response(&few, Statistic::P50).approximate);
    assert!(few.contrasts[0].sentences[0].ends_with(" at p50 (response, approximate)"));
    assert_eq!(few.notes, [Note::FewPairs { pairs: 6 }, Note::FewForEquivalence { pairs: 6 }]);
}

#[test]
fn too_few_values_above_a_percentile_are_refused_with_what_to_do() {
    let comparison = compared([USUAL, USUAL], 12);
    let refusal = response(&comparison, Statistic::P999).refusal.clone().unwrap();
    assert!(matches!(refusal, Refusal::FewAbove { longer, .. } if longer > 1.0), "{refusal:?}");
    assert!(refusal.to_string().contains(" times as long"), "{refusal}");
}

#[test]
fn the_time_of_a_function_is_not_compared_between_single_environments() {
    let one = Answers { environments: 1, ..USUAL };
    let slower = Answers::slower(2.0);
    for sides in [[one, slower], [slower, one], [one, one]] {
        let comparison = compared(sides, 12);
        for (scope, measure) in
            [(Scope::All, Measure::View(View::Function)), (Scope::Warm, Measure::Part(Part::Handler))]
        {
            let figure = figure(&comparison, scope, measure, Statistic::P50);
            let expected = Refusal::OneEnvironment { effective: Some(1.0) };
            assert_eq!((figure.refusal.clone(), figure.claim), (Some(expected), Claim::Nothing));
            assert!(figure.ratio.unwrap().low.is_none(), "a ratio without an interval claims nothing");
        }
        assert!(response(&comparison, Statistic::P50).ratio.unwrap().low.is_some());
        let is_told = |note: &Note| matches!(note, Note::OneEnvironment { .. });
        assert!(comparison.contrasts[0].notes.iter().any(is_told));
    }
    let several = compared([USUAL, Answers::slower(2.0)], 12);
    assert_eq!(
        figure(&several, Scope::All, Measure::View(View::Function), Statistic::P50).claim,
        Claim::BaselineFaster
    );
    let environments = several.contrasts[0].baseline.environments.clone().unwrap();
    assert_eq!(
        (environments.distinct, environments.per_window_min, environments.per_window_max),
        (10, 10, 10)
    );
}

#[test]
fn environments_of_another_run_are_others() {
    let mut samples = Collected::default();
    for window in 0..2 {
        samples.begin_run();
        (0..4).for_each(|number| samples.record(window, &USUAL.sample(0, number)));
    }
    assert_eq!(samples.environments(&[0, 1]), Some(8));
    assert_eq!(samples.environments_by_window(&[0, 1]), [4, 4]);
    samples.truncate(1);
    assert_eq!(samples.environments(&[0, 1]), Some(4));
    // Those of a platform that outlives runs are the same: there, no run begins.
    let mut samples = Collected::default();
    (0..8).for_each(|number| samples.record(number / 4, &USUAL.sample(0, number as u64 % 4)));
    assert_eq!(samples.environments(&[0, 1]), Some(4));
}

#[test]
fn cold_starts_are_apart_and_a_percentile_in_their_gap_is_marked() {
    let cold = Answers { cold_each: 50, ..USUAL };
    let comparison = compared([cold, USUAL], 12);
    let arm = &comparison.contrasts[0].baseline;
    assert_eq!((arm.cold, arm.cold_percent), (Some(48), Some(2.0)));
    assert!(
        response(&comparison, Statistic::P99).in_cold_gap
            && !response(&comparison, Statistic::P50).in_cold_gap
    );
    let warm = figure(&comparison, Scope::Warm, Measure::RESPONSE, Statistic::P99);
    assert!(warm.baseline.as_ref().unwrap().us < 3_000.0);
    let effect = |statistic| {
        let effects = &comparison.contrasts[0].cold_effect;
        effects.iter().find(|effect| effect.statistic == statistic).unwrap().clone()
    };
    assert_eq!(effect(Statistic::P999).baseline_with_us, None, "2400 values do not tell a p99.9");
    let effect = effect(Statistic::P99);
    assert!(effect.baseline_with_us.unwrap() > 500_000.0 && effect.baseline_without_us.unwrap() < 3_000.0);
    assert_eq!(effect.candidate_with_us, effect.candidate_without_us);
    let init = figure(&comparison, Scope::Cold, Measure::Part(Part::Init), Statistic::P50);
    assert_eq!((init.refusal.clone(), init.candidate.is_none()), (Some(Refusal::NoValue), true));
}

#[test]
fn separate_runs_stand_side_by_side_without_intervals() {
    let mut input = input([USUAL, Answers::slower(2.0)], 12);
    input.design = Design::SeparateRuns;
    input.reasons = vec!["the runs are separate".to_owned()];
    let comparison = compare(input);
    assert_eq!((comparison.valid, comparison.intervals), (false, 0));
    for figure in &comparison.contrasts[0].figures {
        assert_eq!((figure.claim, figure.equivalent), (Claim::Nothing, false));
        assert_eq!(figure.refusal, Some(Refusal::SeparateRuns));
        assert!(figure.ratio.is_none_or(|ratio| ratio.low.is_none() && ratio.high.is_none()), "{figure:?}");
    }
    assert!(response(&comparison, Statistic::P50).ratio.is_some());
}

#[test]
fn what_makes_the_sides_unequal_is_told() {
    let mut input = input([USUAL, Answers { failed_each: 10, ..USUAL }], 12);
    input.sides[0].share = 0.6;
    input.sides[1].share = 0.4;
    input.window_s = Some(1.0);
    let comparison = compare(input);
    let notes: Vec<String> = comparison.contrasts[0].notes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @"
    not called in turn: the baseline got 60.0 % of the requests and the candidate 40.0 %
    0.00 % of the baseline's requests failed and 10.00 % of the candidate's: the latencies are those of the others
    ");
    assert!(comparison.notes.contains(&Note::ShortWindows { window_s: 1.0 }));
}

#[test]
fn an_outage_is_told_and_leaves_nothing_to_claim() {
    let mut input = input([USUAL, USUAL], 12);
    input.sides[1] = USUAL.side("knative", 8);
    let down = Answers { failed_each: 1, ..USUAL };
    for window in 8..12 {
        let number = |number| input.sides[1].samples.record(window, &down.sample(window as u64, number));
        (0..PER_WINDOW).for_each(number);
    }
    let comparison = compare(input);
    let contrast = &comparison.contrasts[0];
    assert_eq!((contrast.windows, contrast.windows_left_out), (8, 4));
    assert_eq!((contrast.candidate.requests, contrast.candidate.succeeded), (2_400, 1_600));
    assert_eq!(contrast.baseline.requests, 2_400, "both sides have all complete windows");
    assert!(contrast.notes.contains(&Note::Outage { label: "knative".to_owned(), windows: 4, of: 12 }));
    for figure in &contrast.figures {
        assert_eq!((figure.claim, figure.equivalent), (Claim::Nothing, false), "{figure:?}");
    }
    let page = format!("{:?}", crate::page::Compared::new(&comparison));
    for told in ["knative failed all its calls in 4 of 12 windows", "4 windows of 12 left out"] {
        assert!(text(&comparison, Extent::Short).replace("\n    ", " ").contains(told), "{told}");
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn percentiles_that_failures_may_decide_are_refused() {
    // Of a hundred and sixty calls one fails: a tenth of what lies above the p90 is more, of what lies above the p99 is less.
    let some = Answers { failed_each: 160, ..USUAL };
    for sides in [[USUAL, some], [some, some]] {
        let comparison = compared(sides, 40);
        for statistic in [Statistic::P99, Statistic::P999, Statistic::Mean] {
            let figure = response(&comparison, statistic);
            assert!(matches!(figure.refusal, Some(Refusal::Failures { .. })), "{statistic:?} {figure:?}");
            assert_eq!((figure.claim, figure.equivalent), (Claim::Nothing, false));
        }
        let p50 = response(&comparison, Statistic::P50);
        assert!(p50.refusal.is_none() && p50.equivalent);
        assert!(comparison.contrasts[0].notes.iter().any(|note| matches!(note, Note::Failures { .. })));
    }
    let half = Answers { failed_each: 2, ..USUAL };
    assert!(!response(&compared([half, half], 40), Statistic::P50).equivalent);
}

#[test]
fn parts_that_mean_something_else_by_another_protocol_are_not_compared() {
    let mut input = input([USUAL, Answers::slower(1.5)], 12);
    input.sides[1].protocol = Protocol::Greeter;
    let comparison = compare(input);
    for (measure, expected) in [
        (Measure::Part(Part::NetworkAndPlatform), Some(Refusal::UnlikeProtocols)),
        (Measure::Part(Part::Overhead), Some(Refusal::UnlikeProtocols)),
        (Measure::Part(Part::Handler), None),
    ] {
        let figure = figure(&comparison, Scope::Warm, measure, Statistic::P50);
        assert_eq!(figure.refusal, expected, "{measure:?}");
        assert_eq!(figure.claim == Claim::Nothing, expected.is_some(), "{measure:?}");
    }
}

#[test]
fn cold_starts_that_restarts_caused_are_not_in_the_sentences() {
    let mut input = input([Answers { cold_each: 40, ..USUAL }, USUAL], 12);
    input.headline = Scope::Warm;
    let comparison = compare(input);
    let contrast = &comparison.contrasts[0];
    insta::assert_snapshot!(contrast.sentences[0], @"f on knative and on lambda are equivalent within 5 % at p50 (response, warm), by the 90 % interval: f on knative answers 0.997 to 1.001 times as fast as on lambda (95 % interval)");
    assert!(contrast.notes.contains(&Note::RestartsWereCold { label: "lambda".to_owned(), alone: true }));
    let cold_starts = "### Cold starts\n\n- cold starts make the response p99: lambda";
    assert!(markdown(&comparison, Extent::Short).contains(cold_starts));
}

#[test]
fn cold_starts_are_not_compared_with_none() {
    let mut input = input([Answers { cold_each: 1, ..USUAL }, USUAL], 12);
    input.headline = Scope::Cold;
    let contrast = &compare(input).contrasts[0];
    insta::assert_snapshot!(contrast.sentences.join("\n"), @"nothing is claimed about f on knative and on lambda at p50 and p99 (response, cold): one side has no value");
    assert!(contrast.notes.contains(&Note::NoColdStart { label: "knative".to_owned() }));
}

#[test]
fn factors_show_on_which_side_of_one_they_lie() {
    let factors = [
        0.0, 0.000_12, 0.001_23, 0.012_34, 0.123_4, 0.78, 0.997, 0.999_6, 1.0, 1.000_02, 1.005, 1.25, 12.34,
        123.4,
    ];
    let expected = [
        "0", "1.2e-4", "0.0012", "0.0123", "0.123", "0.780", "0.997", "0.9996", "1.00", "1.00002", "1.005",
        "1.25", "12.3", "123",
    ];
    assert_eq!(factors.map(times), expected);
}

#[test]
fn what_one_environment_did_is_said_of_it() {
    let comparison = compared([USUAL, Answers { environments: 1, ..Answers::slower(2.0) }], 12);
    let sentence = &comparison.contrasts[0].sentences[0];
    assert!(sentence.ends_with("at p50 (response, for one environment of knative)"), "{sentence}");
}
