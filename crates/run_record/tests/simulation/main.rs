//! What intervals are worth: comparisons of simulated systems whose true ratio is known, always the same for a seed.
//!
//! A thousand comparisons of each kind take seconds with optimisation (`cargo test --release -p run_record --test simulation`),
//! and minutes without, so that they are ignored there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are what whoever runs this wants to see")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers and latencies")]

mod environments;
mod random;
mod streams;

use std::thread;

/// How many comparisons of each kind there are.
const COMPARISONS: u64 = 1_000;

/// Fails unless a count lies between these percentages of all.
#[track_caller]
fn assert_percent(what: &str, count: u64, all: u64, [low, high]: [f64; 2]) {
    let percent = count as f64 / all as f64 * 100.0;
    println!("{what}: {percent:.1} %");
    assert!((low..=high).contains(&percent), "{what}: {percent} %, expected {low} % to {high} %");
}

/// What becomes of each seed, on all cores.
fn of_each_seed<T: Send>(result: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let part = |core: u64| (core..COMPARISONS).step_by(cores as usize).map(&result).collect::<Vec<_>>();
    thread::scope(|scope| {
        let part = &part;
        let threads: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}
