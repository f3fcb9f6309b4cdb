//! What the function says when a file is missing or broken.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use cnn_serving::settings::ASSETS;
use tempfile::TempDir;

use crate::common;

const FUNCTION: &str = env!("CARGO_BIN_EXE_cnn_serving");

const LIBRARY: &str = "onnxruntime/libonnxruntime.so.1";
const MODEL: &str = "model/squeezenet.onnx";
const IMAGE: &str = "images/camera.png";
const FILES: [&str; 6] =
    [LIBRARY, MODEL, "images/chelsea.png", "images/coffee.png", IMAGE, "images/rocket.jpg"];

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

/// Checks that the function fails at once, and names the path and what to run.
fn check(damaged: &str, expected: &str, damage: impl Fn(&Path)) {
    let assets = assets_with(damaged, damage);
    let output = run_function(assets.path());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stdout, b"");
    let message = std::str::from_utf8(&output.stderr).unwrap();
    let path = assets.path().canonicalize().unwrap().join(damaged);
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("InitFailed") && message.contains("run ./scripts/setup.sh"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
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
    check(IMAGE, "not an image of a supported format", write(b"not an image"));
    check(IMAGE, "broken", write(&cut(IMAGE)));
    check("images/rocket.jpg", "the file ends early", write(&cut("images/rocket.jpg")));
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
