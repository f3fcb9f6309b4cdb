//! Where the files lie that `scripts/setup.sh` makes.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::settings::ASSETS;

/// The folder that holds the library, the model and the sample images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assets {
    root: PathBuf,
}

/// The folder cannot be found.
#[derive(Debug, Error)]
pub enum AssetsError {
    /// The folder that was named is not one.
    #[error("{ASSETS} is {}, which is not a folder; run ./scripts/setup.sh and name its folder `assets`", .0.display())]
    NotAFolder(PathBuf),
    /// No such folder near the executable.
    #[error(
        "found no folder `assets` in {} or a folder above it; run ./scripts/setup.sh, or set {ASSETS} to the folder",
        .0.display()
    )]
    NotFound(PathBuf),
    /// The place of the executable is not known.
    #[error("cannot tell where this program lies, so set {ASSETS} to the folder `assets`: {0}")]
    NoExecutable(#[from] io::Error),
}

impl Assets {
    /// Takes the folder `explicit`, or else the first folder `assets` beside the executable or in a folder above it.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn find(explicit: Option<&Path>) -> Result<Self, AssetsError> {
        match explicit {
            Some(root) => Self::at(root).ok_or_else(|| AssetsError::NotAFolder(root.to_owned())),
            None => Self::above(&env::current_exe()?),
        }
    }

    fn above(executable: &Path) -> Result<Self, AssetsError> {
        let folders = executable.ancestors().skip(1);
        folders
            .map(|folder| folder.join("assets"))
            .find_map(|root| Self::at(&root))
            .ok_or_else(|| AssetsError::NotFound(executable.parent().unwrap_or(executable).to_owned()))
    }

    /// The path is made absolute, as the dynamic linker searches elsewhere for relative ones.
    fn at(root: &Path) -> Option<Self> {
        let root = root.canonicalize().ok().filter(|root| root.is_dir())?;
        Some(Self { root })
    }

    /// The ONNX Runtime library.
    pub fn library(&self) -> PathBuf {
        self.root.join("onnxruntime/libonnxruntime.so.1")
    }

    /// The network.
    pub fn model(&self) -> PathBuf {
        self.root.join("model/squeezenet.onnx")
    }

    /// The sample image called `name`.
    pub fn image(&self, name: &str) -> PathBuf {
        self.root.join("images").join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_folder_above_the_executable_is_found() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let bin = root.join("target/release");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir(root.join("assets")).unwrap();
        assert_eq!(Assets::above(&bin.join("program")).unwrap().root, root.join("assets"));

        fs::create_dir(bin.join("assets")).unwrap();
        assert_eq!(Assets::above(&bin.join("program")).unwrap().root, bin.join("assets"));
    }

    #[test]
    fn a_file_of_that_name_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir(root.join("assets")).unwrap();
        fs::write(root.join("bin/assets"), "").unwrap();
        assert_eq!(Assets::above(&root.join("bin/program")).unwrap().root, root.join("assets"));
    }

    #[test]
    fn what_was_looked_for_is_named() {
        let error = Assets::above(Path::new("/nonexistent/bin/program")).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"found no folder `assets` in /nonexistent/bin or a folder above it; run ./scripts/setup.sh, or set CNN_SERVING_ASSETS to the folder"
        );
        let error = Assets::find(Some(Path::new("/nonexistent"))).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"CNN_SERVING_ASSETS is /nonexistent, which is not a folder; run ./scripts/setup.sh and name its folder `assets`"
        );
    }
}
