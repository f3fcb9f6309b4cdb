//! What the tests of the whole function share.

use std::path::{Path, PathBuf};

use cnn_serving::assets::Assets;
use cnn_serving::settings::ASSETS;

/// The folder that `scripts/setup.sh` makes. Without it these tests fail; they are never skipped.
pub(crate) fn assets_folder() -> PathBuf {
    let folder = std::env::var_os(ASSETS).map_or(repository().join("assets"), PathBuf::from);
    assert!(
        folder.join("model/squeezenet.onnx").is_file(),
        "{} does not hold the model; run ./scripts/setup.sh",
        folder.display()
    );
    folder.canonicalize().unwrap()
}

/// The folder of the workspace, above that of the package whose tests these are.
pub(crate) fn repository() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").is_file()).unwrap()
}

/// The same as the function sees it.
pub(crate) fn assets() -> Assets {
    Assets::find(Some(&assets_folder())).unwrap()
}
