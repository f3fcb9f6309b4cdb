//! The programs `infer` and `cnn_serving`: what they print, and what they do when a file is missing or broken.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use cnn_serving::CnnServing;
use cnn_serving::settings::{ASSETS, Settings};
use tempfile::TempDir;

const INFER: &str = env!("CARGO_BIN_EXE_infer");
const FUNCTION: &str = env!("CARGO_BIN_EXE_cnn_serving");

const LIBRARY: &str = "onnxruntime/libonnxruntime.so.1";
const MODEL: &str = "model/squeezenet.onnx";
const IMAGE: &str = "images/camera.png";
const FILES: [&str; 6] =
    [LIBRARY, MODEL, "images/chelsea.png", "images/coffee.png", IMAGE, "images/rocket.jpg"];

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

mod infer {
    use super::*;

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
        let output =
            Command::new(INFER).env(ASSETS, &assets).current_dir(&assets).args(images).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let table =
            String::from_utf8(output.stdout.clone()).unwrap().replace(assets.to_str().unwrap(), "assets");
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
}

mod broken_assets {
    use super::*;

    /// A folder with links to the real assets, but for `damaged`, which is made by `damage`.
    fn assets_with(damaged: &str, damage: impl Fn(&Path)) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in FILES {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name == damaged {
                damage(&path);
            } else {
                symlink(common::assets_folder().join(name), path).unwrap();
            }
        }
        folder
    }

    /// Checks that both programs fail at once, and say the same, with the path and what to run.
    fn check(damaged: &str, expected: &str, damage: impl Fn(&Path)) {
        let assets = assets_with(damaged, damage);
        for output in [infer(assets.path(), &[]), run_function(assets.path())] {
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert_eq!(output.stdout, b"");
            let message = stderr(&output);
            let path = assets.path().canonicalize().unwrap().join(damaged);
            assert!(message.contains(path.to_str().unwrap()), "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(
                message.contains("InitFailed") && message.contains("run ./scripts/setup.sh"),
                "{message}"
            );
            assert!(!message.contains("panicked"), "{message}");
        }
    }

    /// The Lambda function, in an environment whose Runtime API refuses connections.
    fn run_function(assets: &Path) -> Output {
        Command::new(FUNCTION)
            .env(ASSETS, assets)
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env("AWS_LAMBDA_FUNCTION_NAME", "cnn_serving")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .output()
            .unwrap()
    }

    fn write(content: &[u8]) -> impl Fn(&Path) {
        move |path| fs::write(path, content).unwrap()
    }

    fn cut(name: &str) -> Vec<u8> {
        let file = fs::read(common::assets_folder().join(name)).unwrap();
        file[..file.len() / 2].to_vec()
    }

    #[test]
    fn missing_library() {
        check(LIBRARY, "cannot load the ONNX Runtime library", |_| {});
    }

    #[test]
    fn broken_library() {
        check(LIBRARY, "cannot load the ONNX Runtime library", write(b"not a library"));
    }

    #[test]
    fn library_cut_short() {
        check(LIBRARY, "cannot load the ONNX Runtime library", write(&cut(LIBRARY)));
    }

    #[test]
    fn missing_model() {
        check(MODEL, "cannot load the model", |_| {});
    }

    #[test]
    fn broken_model() {
        check(MODEL, "cannot load the model", write(b"not a model"));
        check(MODEL, "cannot load the model", write(b""));
    }

    #[test]
    fn model_cut_short() {
        check(MODEL, "cannot load the model", write(&cut(MODEL)));
    }

    #[test]
    fn model_of_another_shape() {
        let expected = "expected one, image, of shape [1, 3, 227, 227] and type f32";
        check(MODEL, expected, write(&identity_model("image", &[1, 3, 224, 224])));
        check(MODEL, expected, write(&identity_model("data", &[1, 3, 227, 227])));
        let expected = "expected one, probabilities, of shape [1, 1000] and type f32";
        check(MODEL, expected, write(&identity_model("image", &[1, 3, 227, 227])));
    }

    #[test]
    fn missing_image() {
        check(IMAGE, "No such file", |_| {});
    }

    #[test]
    fn broken_image() {
        check(IMAGE, "neither a PNG nor a JPEG", write(b"not an image"));
        check(IMAGE, "broken", write(&cut(IMAGE)));
        check("images/rocket.jpg", "the file ends early", write(&cut("images/rocket.jpg")));
    }

    #[test]
    fn missing_folder() {
        let output = infer(Path::new("/nonexistent"), &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("CNN_SERVING_ASSETS is /nonexistent"), "{output:?}");
    }

    /// An ONNX file whose output `probabilities` is its input.
    fn identity_model(input: &str, shape: &[u8]) -> Vec<u8> {
        let dims = shape.iter().flat_map(|dim| field(1, &varint(1, *dim))).collect::<Vec<_>>();
        let tensor = [varint(1, 1), field(2, &dims)].concat();
        let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat();
        let node = [field(1, input.as_bytes()), field(2, b"probabilities"), field(4, b"Identity")].concat();
        let graph =
            [field(1, &node), field(2, b"g"), field(11, &value(input)), field(12, &value("probabilities"))]
                .concat();
        [varint(1, 8), field(7, &graph), field(8, &varint(2, 17))].concat()
    }

    /// A protobuf field of bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len();
        let low = u8::try_from(length & 0x7f).unwrap() | 0x80;
        [&[number << 3 | 2, low, u8::try_from(length >> 7).unwrap()], bytes].concat()
    }

    /// A protobuf field of a number.
    fn varint(number: u8, value: u8) -> Vec<u8> {
        vec![number << 3, value & 0x7f | 0x80, value >> 7]
    }
}
