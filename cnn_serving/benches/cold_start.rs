//! How long a cold start takes, from exec to the first answer: `cargo bench -p cnn_serving --bench cold_start`
//! (after `./scripts/setup.sh`).
//!
//! The function is compared with the anchor: a minimal program that loads the same library and model and runs the
//! network once. That program is this one, told so by its first argument.
//!
//! `-- --other PROGRAM` compares another build of the function with this one as well, with the assets of
//! `--other-assets FOLDER` if they are others. `-- --pairs N` sets how often.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark takes and prints times")]

#[path = "cold_start/runtime_api.rs"]
mod runtime_api;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cnn_serving::assets::Assets;
use cnn_serving::image::{TENSOR_SHAPE, Tensor};
use cnn_serving::model::Model;
use cnn_serving::process;
use cnn_serving::settings::{self, Settings};

use self::runtime_api::RuntimeApi;

const ANCHOR: &str = "--anchor";
const FUNCTION: &str = env!("CARGO_BIN_EXE_cnn_serving");
/// What the answer to `{}` begins with; a wrong answer must not count.
const EXPECTED: &str = r#""{\"result\": [[[\"n02124075\", \"Egyptian_cat\", \"0.4867"#;

#[expect(unsafe_code, reason = "see `prepare`")]
fn main() -> Result<()> {
    // SAFETY: no thread has been started yet.
    unsafe { process::prepare() };
    let args: Vec<_> = env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == ANCHOR) {
        run_anchor()
    } else {
        compare(&Options::parse(&args)?)
    }
}

/// The anchor itself.
fn run_anchor() -> Result<()> {
    let settings = Settings::from_env()?;
    let assets = Assets::find(settings.assets.as_deref())?;
    let mut model = Model::load(&assets.library(), &assets.model(), &settings.session)?;
    let probabilities = model.run(&Tensor::zeros(TENSOR_SHAPE))?;
    println!("{}", probabilities[0]);
    Ok(())
}

struct Options {
    pairs: usize,
    other: Option<PathBuf>,
    other_assets: Option<PathBuf>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self { pairs: 40, other: None, other_assets: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} has no value"));
            match arg.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--pairs" => options.pairs = value()?.parse().context("--pairs needs a whole number")?,
                "--other" => options.other = Some(value()?.into()),
                "--other-assets" => options.other_assets = Some(value()?.into()),
                _ => bail!(
                    "unknown argument {arg}; expected --pairs N, --other PROGRAM or --other-assets FOLDER"
                ),
            }
        }
        Ok(options)
    }
}

/// Starts the arms in turns, so that a disturbance meets them all alike.
fn compare(options: &Options) -> Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets").canonicalize()?;
    let api = RuntimeApi::start()?;
    let anchor = || time_anchor(&assets);
    let function = || time_function(&api, FUNCTION.as_ref(), &assets);
    let other_assets = options.other_assets.as_deref().unwrap_or(&assets);
    let other = options.other.as_deref().map(|program| || time_function(&api, program, other_assets));
    let (mut anchors, mut functions, mut others) = (Vec::new(), Vec::new(), Vec::new());
    // The first round fills the page cache, and does not count.
    for round in 0..=options.pairs {
        let times = (anchor()?, function()?, other.as_ref().map(|other| other()).transpose()?);
        if round > 0 {
            anchors.push(times.0);
            functions.push(times.1);
            others.extend(times.2);
        }
    }
    println!("{:<20} {:>8} {:>8}   ms from exec to the first answer", "", "p5", "p50");
    print_times("anchor", &anchors);
    print_times("function", &functions);
    print_ratio("function / anchor", &functions, &anchors);
    if options.other.is_some() {
        print_times("other", &others);
        print_ratio("function / other", &functions, &others);
    }
    Ok(())
}

fn time_anchor(assets: &Path) -> Result<Duration> {
    let mut command = Command::new(env::current_exe()?);
    let start = Instant::now();
    let mut child = spawn(command.arg(ANCHOR).stdout(Stdio::piped()), assets)?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
    let time = start.elapsed();
    let status = child.wait()?;
    if !status.success() || line.trim().parse::<f32>().is_err() {
        bail!("the anchor ended with {status} and printed {line:?}");
    }
    Ok(time)
}

fn time_function(api: &RuntimeApi, program: &Path, assets: &Path) -> Result<Duration> {
    let mut command = Command::new(program);
    command
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", "cnn_serving")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    let start = Instant::now();
    let mut child = spawn(&mut command, assets)?;
    let answer = api.first_answer();
    let time = start.elapsed();
    child.kill()?;
    child.wait()?;
    let (answer, _connection) = answer?;
    if !answer.starts_with(EXPECTED) {
        bail!("{} answered {answer}; expected {EXPECTED}...", program.display());
    }
    Ok(time)
}

fn spawn(command: &mut Command, assets: &Path) -> Result<Child> {
    Ok(command.env(settings::ASSETS, assets).spawn()?)
}

fn print_times(name: &str, times: &[Duration]) {
    let mut ms: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    ms.sort_unstable_by(f64::total_cmp);
    println!("{name:<20} {:>8.1} {:>8.1}", ms[ms.len() * 5 / 100], ms[ms.len() / 2]);
}

/// The median of the ratios within a round, and the interval that holds the true one with 95 % confidence whatever the
/// distribution (the sign test's).
fn print_ratio(name: &str, of: &[Duration], to: &[Duration]) {
    let mut ratios: Vec<_> = of.iter().zip(to).map(|(of, to)| of.div_duration_f64(*to)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let count = ratios.len() as f64;
    let low = ((count - 1.96 * count.sqrt()) / 2.0).max(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index, not negative")]
    let low = low as usize;
    let (median, high) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1 - low]);
    println!("{name:<20} {:>8} {median:>8.3}   ({:.3} to {high:.3})", "", ratios[low]);
}
