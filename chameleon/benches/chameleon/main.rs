//! Times rendering, and event bytes to answer bytes, beside the same written by hand and plain copies.
//!
//! All variants of one size take turns in one run, so that what disturbs the machine disturbs them alike. Each
//! turn runs the variant once untimed, to bring caches and allocator into its own state. Ratios are to be
//! trusted more than times.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark takes times and prints them"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use chameleon::{Table, handle};

mod by_hand;

const SIZES: [(usize, usize); 4] = [(1, 3), (10, 15), (100, 100), (1000, 100)];

/// How long all variants of one size are measured together.
const TIME_PER_SIZE: Duration = Duration::from_secs(3);

/// How long one sample takes at least, so that the clock's resolution does not matter.
const SAMPLE: Duration = Duration::from_micros(20);

/// What is compared with its counterpart written by hand, and how many times slower it may be at 100 x 100.
const TARGETS: [(&str, &str, f64); 2] =
    [("render", "render by hand", 1.3), ("event to answer", "event to answer by hand", 1.5)];

type Variant<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn main() {
    for (rows, columns) in SIZES {
        let event = format!(r#"{{"num_of_rows":{rows},"num_of_cols":{columns}}}"#);
        let table = Table::new(rows, columns).expect("an answer can hold it");
        let html = table.render().as_str().to_owned();
        let answer = answer(&event);
        check_by_hand(&event, (rows, columns), &html, &answer);

        println!("{rows} rows of {columns}: {} bytes of HTML, {} bytes of answer", html.len(), answer.len());
        report(&measure(&[
            variant("render", || black_box(table).render()),
            variant("render by hand", || by_hand::render(black_box(rows), black_box(columns))),
            variant("memcpy of the HTML", || black_box(&html).clone()),
            variant("event to answer", || self::answer(black_box(&event))),
            variant("event to answer by hand", || by_hand::answer(black_box(event.as_bytes()))),
            variant("memcpy of the answer", || black_box(&answer).clone()),
        ]));
    }
}

fn variant<'a, T>(name: &'static str, run: impl Fn() -> T + 'a) -> Variant<'a> {
    (name, Box::new(move || drop(black_box(run()))))
}

/// Event bytes to the bytes that are sent; `lambda_runtime` serialises like this.
fn answer(event: &str) -> Vec<u8> {
    let answer = handle(event).expect("the event is valid");
    serde_json::to_vec(&answer).expect("an answer can be serialised")
}

/// A comparison with something that does other work would be worthless.
fn check_by_hand(event: &str, (rows, columns): (usize, usize), html: &str, answer: &[u8]) {
    // The latencies before it differ.
    let data = |answer: &[u8]| answer.iter().position(|byte| *byte == b',').map(|at| answer[at..].to_owned());
    assert_eq!(by_hand::render(rows, columns), html.as_bytes());
    assert_eq!(data(&by_hand::answer(event.as_bytes())), data(answer));
}

struct Row {
    name: &'static str,
    p5: f64,
    p50: f64,
}

/// Nanoseconds of one call.
fn measure(variants: &[Variant<'_>]) -> Vec<Row> {
    let calls: Vec<u32> = variants.iter().map(|(_, run)| calls_per_sample(run)).collect();
    let mut samples = vec![Vec::new(); variants.len()];
    let started = Instant::now();
    while started.elapsed() < TIME_PER_SIZE {
        for (((_, run), calls), samples) in variants.iter().zip(&calls).zip(&mut samples) {
            run();
            samples.push(time(run, *calls).as_secs_f64() * 1e9 / f64::from(*calls));
        }
    }
    variants
        .iter()
        .zip(&mut samples)
        .map(|((name, _), samples)| {
            samples.sort_by(f64::total_cmp);
            Row { name, p5: samples[samples.len() / 20], p50: samples[samples.len() / 2] }
        })
        .collect()
}

fn calls_per_sample(run: &dyn Fn()) -> u32 {
    let mut calls = 1;
    while time(run, calls) < SAMPLE {
        calls *= 2;
    }
    calls
}

fn time(run: &dyn Fn(), calls: u32) -> Duration {
    let started = Instant::now();
    for _ in 0..calls {
        run();
    }
    started.elapsed()
}

fn report(rows: &[Row]) {
    println!("  {:30} {:>12} {:>12}", "nanoseconds", "p5", "p50");
    for row in rows {
        println!("  {:30} {:12.0} {:12.0}", row.name, row.p5, row.p50);
    }
    for (ours, by_hand, limit) in TARGETS {
        let find = |name| rows.iter().find(|row| row.name == name);
        if let (Some(ours), Some(by_hand)) = (find(ours), find(by_hand)) {
            println!(
                "  {:30} {:12.2} {:12.2}   (at 100 x 100 at most {limit})",
                format!("ratio {}", ours.name),
                ours.p5 / by_hand.p5,
                ours.p50 / by_hand.p50
            );
        }
    }
    println!();
}
