//! Runs the function once, or classifies any pictures, without Lambda.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use cnn_serving::CnnServing;
use cnn_serving::assets::Assets;
use cnn_serving::classifier::Classifier;
use cnn_serving::image;
use cnn_serving::labels::Prediction;
use cnn_serving::object_store::{ObjectStore, ObjectUri, UriError};
use cnn_serving::process;
use cnn_serving::settings::Settings;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Classify pictures with SqueezeNet, or answer one event as the Lambda function does.
///
/// Without arguments, answers the event {}. Run ./scripts/setup.sh once before.
#[derive(Debug, Parser)]
#[command(name = "infer", version)]
#[command(
    after_help = "Exit codes:\n  0  every image or event was answered\n  1  something failed\n  2  the command line is wrong"
)]
struct Args {
    /// Files or pipes with a PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI image, or S3 objects as s3://BUCKET/KEY. Credentials
    /// and region come from the same places as for the AWS CLI
    #[arg(value_name = "IMAGE", value_parser = OsStringValueParser::new().try_map(parse_source))]
    images: Vec<Source>,

    /// Answer this event, with exactly what the Lambda function answers
    #[arg(long, value_name = "JSON", default_value = "{}", conflicts_with = "images")]
    event: String,

    /// Print plain JSON: for an event what the answer's string holds, for images a list
    #[arg(long)]
    json: bool,
}

/// Where an image is.
#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Object(ObjectUri),
}

fn parse_source(argument: OsString) -> Result<Source, UriError> {
    match argument.to_str().filter(|text| ObjectUri::is_meant_by(text)) {
        Some(text) => text.parse().map(Source::Object),
        None => Ok(Source::File(argument.into())),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(uri) => uri.fmt(f),
        }
    }
}

/// The result for one image.
#[derive(Debug, Serialize)]
struct Outcome {
    image: String,
    #[serde(flatten)]
    result: Classified,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Classified {
    /// `latency` in seconds.
    Ok {
        predictions: Vec<Prediction>,
        latency: f64,
    },
    Failed {
        error: String,
    },
}

#[expect(unsafe_code, reason = "see `prepare`")]
fn main() -> ExitCode {
    // SAFETY: no thread has been started yet.
    unsafe { process::prepare() };
    run(&Args::parse()).unwrap_or_else(|error| fail(&format!("{error:#}")))
}

fn run(args: &Args) -> Result<ExitCode> {
    let settings = Settings::from_env()?;
    let assets = Assets::find(settings.assets.as_deref())?;
    if args.images.is_empty() {
        let mut function = CnnServing::load(&assets, &settings)?;
        let answer = function.answer(&args.event)?;
        let inner = || serde_json::from_str(answer.get()).context("the answer is not a JSON string");
        print(&if args.json { inner()? } else { answer.get().to_owned() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut classifier = Classifier::load(&assets, &settings.session)?;
    let mut objects = ObjectStore::new(settings.objects);
    let outcomes: Vec<_> =
        args.images.iter().map(|source| classify(&mut classifier, &mut objects, source)).collect();
    print(&if args.json { serde_json::to_string_pretty(&outcomes)? } else { table(&outcomes) })?;
    Ok(report_failures(&outcomes))
}

fn classify(classifier: &mut Classifier, objects: &mut ObjectStore, source: &Source) -> Outcome {
    let result = try_classify(classifier, objects, source)
        .unwrap_or_else(|error| Classified::Failed { error: format!("{error:#}") });
    Outcome { image: source.to_string(), result }
}

fn try_classify(
    classifier: &mut Classifier,
    objects: &mut ObjectStore,
    source: &Source,
) -> Result<Classified> {
    let image = match source {
        Source::File(path) => image::load(path)?,
        Source::Object(uri) => objects.load(uri)?,
    };
    let (predictions, latency) = cnn_serving::timed(|| classifier.classify(&image));
    Ok(Classified::Ok { predictions: predictions?.to_vec(), latency: latency.as_secs_f64() })
}

fn table(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["image", "score", "class", "WordNet id"]);
    for Outcome { image, result } in outcomes {
        let Classified::Ok { predictions, .. } = result else { continue };
        for (rank, Prediction { class, score }) in predictions.iter().enumerate() {
            let image = if rank == 0 { image } else { "" };
            table.add_row([image, &format!("{score:.4}"), class.name, class.wnid]);
        }
    }
    if let Some(score) = table.column_mut(1) {
        score.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn print(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}

/// Prints the errors of the images that failed.
fn report_failures(outcomes: &[Outcome]) -> ExitCode {
    let errors = outcomes.iter().filter_map(|outcome| match &outcome.result {
        Classified::Failed { error } => Some(error),
        Classified::Ok { .. } => None,
    });
    errors.fold(ExitCode::SUCCESS, |_, error| fail(error))
}

#[expect(clippy::print_stderr, reason = "errors of a command line program go to standard error")]
fn fail(error: &str) -> ExitCode {
    eprintln!("infer: {error}");
    ExitCode::FAILURE
}
