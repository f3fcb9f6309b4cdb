//! What the function says when a file is missing or broken.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::{common, program};

const LIBRARY: &str = "onnxruntime/libonnxruntime.so.1";
const MODEL: &str = "model/squeezenet.onnx";
const WEIGHTS: &str = "model/squeezenet.weights";
const IMAGE: &str = "images/camera.png";
const FILES: [&str; 7] =
    [LIBRARY, MODEL, WEIGHTS, "images/chelsea.png", "images/coffee.png", IMAGE, "images/rocket.jpg"];

/// A folder with links to the real assets, but for `damaged`, which is made by `damage`. The model is a copy, since
/// ONNX Runtime looks for the weights beside the file that a link leads to.
fn assets_with(damaged: &str, damage: impl Fn(&Path)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let original = common::assets_folder().join(name);
        if name == damaged {
            damage(&path);
        } else if name.starts_with("model/") {
            fs::copy(original, path).unwrap();
        } else {
            symlink(original, path).unwrap();
        }
    }
    folder
}

/// Checks that the function fails at once, and names the path and what to run.
fn check(damaged: &str, expected: &str, damage: impl Fn(&Path)) {
    check_names(damaged, damaged, expected, damage);
}

/// The same, where the message names another file than the damaged one.
fn check_names(damaged: &str, named: &str, expected: &str, damage: impl Fn(&Path)) {
    let assets = assets_with(damaged, damage);
    let output = program::function(assets.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(output.stdout, b"");
    let message = std::str::from_utf8(&output.stderr).unwrap();
    let path = assets.path().canonicalize().unwrap().join(named);
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("InitFailed") && message.contains("run ./scripts/setup.sh"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
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
fn missing_weights() {
    check(WEIGHTS, "External data path does not exist", |_| {});
}

#[test]
fn weights_cut_short() {
    check_names(WEIGHTS, MODEL, "can not be read in full", write(&cut(WEIGHTS)));
    check_names(WEIGHTS, MODEL, "can not be read in full", write(b""));
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
