//! Where the programs are that `--local` starts.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::ConfigError;

/// The functions of this project, each the name of its program and of its package.
const OWN_FUNCTIONS: [&str; 2] = ["chameleon", "cnn_serving"];

/// The folders in which programs are looked for.
#[derive(Clone, Debug)]
pub struct Programs {
    beside: PathBuf,
    path: Vec<PathBuf>,
}

impl Programs {
    /// Looks in the folder of this executable first, then in the folders of `PATH`.
    pub fn new(executable: &Path, path: Option<&OsStr>) -> Self {
        Self {
            beside: executable.parent().unwrap_or(executable).to_owned(),
            path: path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default(),
        }
    }

    /// The program of a package of this project, beside this one or in `PATH`.
    pub(super) fn own(&self, program: &str, package: &str, folder: &str) -> Result<PathBuf, ConfigError> {
        self.named(program).ok_or_else(|| ConfigError::NoProgram {
            program: program.to_owned(),
            folders: format!("{} or in PATH", self.beside.display()),
            advice: format!(
                "build it with `cargo build --release -p {package}`, or install it with `cargo install --path {folder}`"
            ),
        })
    }

    /// The program that has the name of a function. Those of this project may be in `PATH`. Any other has to be beside
    /// this program: `PATH` has many programs that are no functions.
    pub(super) fn of_function(&self, name: &str) -> Result<PathBuf, ConfigError> {
        if OWN_FUNCTIONS.contains(&name) {
            return self.own(name, name, name);
        }
        let path = self.beside.join(name);
        let missing = || ConfigError::NoProgram {
            program: name.to_owned(),
            folders: self.beside.display().to_string(),
            advice:
                "for a function of your own, give `program` or `image` in its entry of the endpoints file"
                    .to_owned(),
        };
        is_executable(&path).then_some(path).ok_or_else(missing)
    }

    /// A program that the user names: beside this one, or in `PATH`.
    pub(super) fn named(&self, program: &str) -> Option<PathBuf> {
        let mut folders = std::iter::once(&self.beside).chain(&self.path);
        folders.find_map(|folder| Some(folder.join(program)).filter(|path| is_executable(path)))
    }
}

/// Whether there is a program at this path.
pub(super) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
