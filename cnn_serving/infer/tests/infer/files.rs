//! Events and files: what `infer` prints, and how it fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use cnn_serving::CnnServing;
use cnn_serving::settings::{ASSETS, Settings};

use crate::common;

const INFER: &str = env!("CARGO_BIN_EXE_infer");
const IMAGE: &str = "images/camera.png";

fn infer(assets: &Path, args: &[&str]) -> Output {
    Command::new(INFER).env(ASSETS, assets).args(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Cuts off the one part of an answer that differs from call to call.
fn without_latency(answer: &str) -> &str {
    answer.split_once("latency").unwrap().0
}

#[test]
fn without_arguments_it_prints_what_the_function_answers() {
    let mut function = CnnServing::load(&common::assets(), &Settings::default()).unwrap();
    let answer = function.answer("{}").unwrap();
    let output = infer(&common::assets_folder(), &[]);
    assert_eq!(without_latency(stdout(&output)), without_latency(answer.get()));
    assert_eq!(stderr(&output), "");
}

#[test]
fn json_is_the_answer_unwrapped() {
    let output = infer(&common::assets_folder(), &["--event", r#"{"input_file_seq": 1}"#, "--json"]);
    let start = r#"{"result": [[["n07920052", "espresso", "#;
    assert!(stdout(&output).starts_with(start), "{output:?}");
}

#[test]
fn a_refused_event_is_an_error() {
    let output = infer(&common::assets_folder(), &["--event", r#"{"input_file_seq": 4}"#]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @"infer: InvalidEvent: `input_file_seq` is 4; expected -4 to 3");
}

#[test]
fn all_images_are_classified_even_if_one_is_broken() {
    let assets = common::assets_folder();
    let images = ["images/chelsea.png", "missing.png", "images/coffee.png"];
    // Relative paths, so that the table has the same width everywhere; and images whose scores round the same way on
    // every processor.
    let output = Command::new(INFER).env(ASSETS, &assets).current_dir(&assets).args(images).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout.clone()).unwrap().replace(assets.to_str().unwrap(), "assets");
    insta::assert_snapshot!(table, @r"
    image                score  class            WordNet id
    images/chelsea.png  0.4867  Egyptian_cat     n02124075
                        0.3079  tiger_cat        n02123159
                        0.1994  tabby            n02123045
                        0.0051  lynx             n02127052
                        0.0004  cheetah          n02130308
    images/coffee.png   0.9998  espresso         n07920052
                        0.0001  cup              n07930864
                        0.0000  consomme         n07584110
                        0.0000  chocolate_sauce  n07836838
                        0.0000  coffee_mug       n03063599
    ");
    assert!(stderr(&output).starts_with("infer: cannot load the image "), "{output:?}");
    assert!(stderr(&output).contains("missing.png: No such file"), "{output:?}");
}

#[test]
fn images_as_json() {
    let assets = common::assets_folder();
    let output = infer(&assets, &["--json", assets.join(IMAGE).to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(json[0]["predictions"][0]["name"], "tripod");
    assert_eq!(json[0]["predictions"][0]["wnid"], "n04485082");
    assert!(json[0]["latency"].is_f64());
    assert_eq!(json[0]["predictions"].as_array().unwrap().len(), 5);
}

/// As the shell makes them: `infer <(cat picture.png)`.
#[test]
fn pipes_are_read_within_bounds() {
    let assets = common::assets_folder();
    let script = format!(r#""$0" --json <(cat '{}') <(cat /dev/zero)"#, assets.join(IMAGE).display());
    let output = Command::new("bash").env(ASSETS, &assets).args(["-c", &script, INFER]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[0]["predictions"][0]["name"], "tripod");
    let error = json[1]["error"].as_str().unwrap();
    assert!(error.ends_with("the file is longer than 33554432 bytes; expected a smaller image"), "{error}");
}

#[test]
fn a_decoder_that_panics_takes_no_other_result_along() {
    let assets = common::assets_folder();
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.png");
    fs::write(&broken, include_bytes!("../../../tests/data/odd_palette.png")).unwrap();
    let image = assets.join(IMAGE);
    let output = infer(
        &assets,
        &["--json", image.to_str().unwrap(), broken.to_str().unwrap(), image.to_str().unwrap()],
    );
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[0]["predictions"], json[2]["predictions"]);
    assert!(json[1]["error"].as_str().unwrap().contains("its decoder cannot cope with: "), "{json}");
    assert!(!stderr(&output).contains("panicked"), "{output:?}");
}

#[test]
fn arguments_without_sense_are_a_usage_error() {
    let output = infer(Path::new("/nonexistent"), &["--event", "{}", "cat.png"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_setting_without_sense_is_an_error() {
    let output = Command::new(INFER).env("CNN_SERVING_INTRA_THREADS", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(
        stderr(&output),
        @r#"infer: CNN_SERVING_INTRA_THREADS is "many"; expected a whole number from 1 to 64"#
    );
}

#[test]
fn missing_assets_are_named_with_what_to_run() {
    let output = infer(Path::new("/nonexistent"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("CNN_SERVING_ASSETS is /nonexistent"), "{output:?}");

    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("images")).unwrap();
    let output = infer(empty.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("infer: InitFailed: "), "{output:?}");
    assert!(stderr(&output).contains("run ./scripts/setup.sh"), "{output:?}");
}
