//! Where the time of one answer goes: `cargo bench -p cnn_serving` (after `./scripts/setup.sh`).
//!
//! All stages take turns in one run, so that a disturbance meets them all alike.

#![expect(clippy::disallowed_methods, reason = "a benchmark takes times")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use cnn_serving::assets::Assets;
use cnn_serving::image::{self, TENSOR_SHAPE, Tensor};
use cnn_serving::model::Model;
use cnn_serving::settings::Settings;
use cnn_serving::{CnnServing, answer, labels, process, samples};

const ROUNDS: usize = 300;
/// Decoding takes part in every tenth round only; it is no part of an answer once the image is in memory.
const DECODE_EVERY: usize = 10;
const EVENT: &str = "{}";

#[expect(unsafe_code, reason = "see `prepare`")]
fn main() -> Result<()> {
    // SAFETY: no thread has been started yet.
    unsafe { process::prepare() };
    let settings = Settings::from_env()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
    let assets = Assets::find(Some(settings.assets.as_deref().unwrap_or(&folder)))?;
    let mut function = CnnServing::load(&assets, &settings)?;
    let mut model = Model::load(&assets.library(), &assets.model(), &settings.session)?;
    let picture = image::load(&assets.image(samples::NAMES[0]))?;
    let mut tensor = Tensor::zeros(TENSOR_SHAPE);

    let mut stages = ["preprocess", "network", "post-process", "whole handler"].map(Stage::new);
    let mut decoding = samples::NAMES.map(Stage::new);
    for round in 0..ROUNDS {
        let [preprocess, network, post_process, handler] = &mut stages;
        preprocess.time(|| image::preprocess(black_box(&picture), &mut tensor));
        let probabilities = network.time(|| model.run(&tensor))?;
        post_process.time(|| answer::encode(&labels::top(&probabilities), Duration::from_millis(5)))?;
        handler.time(|| function.answer(EVENT))?;
        if round % DECODE_EVERY == 0 {
            for stage in &mut decoding {
                let path = assets.image(stage.name);
                stage.time(|| image::load(&path))?;
            }
        }
    }
    report(&mut decoding, &mut stages);
    Ok(())
}

/// One stage of an answer, and how long it took each time.
struct Stage {
    name: &'static str,
    times: Vec<Duration>,
}

impl Stage {
    fn new(name: &'static str) -> Self {
        Self { name, times: Vec::with_capacity(ROUNDS) }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = black_box(work());
        self.times.push(start.elapsed());
        result
    }

    /// Microseconds that `percent` of the times do not exceed.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.times.sort_unstable();
        self.times[self.times.len() * percent / 100].as_secs_f64() * 1e6
    }
}

#[expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
fn report(decoding: &mut [Stage], stages: &mut [Stage; 4]) {
    println!("{:<20} {:>10} {:>10}", "stage", "p5 µs", "p50 µs");
    for (kind, stage) in decoding.iter_mut().map(|s| ("decode ", s)).chain(stages.iter_mut().map(|s| ("", s)))
    {
        let name = format!("{kind}{}", stage.name);
        println!("{name:<20} {:>10.1} {:>10.1}", stage.percentile(5), stage.percentile(50));
    }
    let [_, network, _, handler] = stages;
    let [p5, p50] = [5, 50].map(|percent| handler.percentile(percent) / network.percentile(percent));
    println!("{:<20} {p5:>10.3} {p50:>10.3}", "handler / network");
}
