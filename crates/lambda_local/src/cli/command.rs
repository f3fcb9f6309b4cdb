//! The command of a function: which program runs it, with which arguments, and where.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::Program;

/// Finds the program of a command.
///
/// - A command that is the path of a file as it stands is that file, even if the path contains spaces.
/// - Otherwise the command is split into words as a shell does it. The first word is the path of a program, or the name
///   of a program in one of the folders of `search_path`.
///
/// A program that is given by its path runs in the folder it lies in. One that is found by its name runs in `folder`,
/// the current one.
pub(super) fn program(command: &str, search_path: &OsStr, folder: &Path) -> Result<Program> {
    let as_it_stands = folder.join(command);
    if as_it_stands.is_file() {
        return Ok(Program::executable(executable(&as_it_stands)?));
    }
    let words = shlex::split(command).context("a quote is not closed; expected words as in a shell")?;
    let Some((first, arguments)) = words.split_first() else {
        bail!("there is no program; expected a program and its arguments");
    };
    let (program, folder) = if first.contains('/') {
        let program = executable(&folder.join(first))?;
        let own_folder = program.parent().unwrap_or(folder).to_owned();
        (program, own_folder)
    } else {
        let program = find(first, search_path, folder).with_context(|| {
            format!(
                "cannot find the program {first} in a folder of PATH; expected a name that is there, or a path \
                 (./{first})"
            )
        })?;
        (program, folder.to_owned())
    };
    Ok(Program::Command { program, arguments: arguments.to_vec(), folder })
}

/// The absolute path of a program that can be run.
fn executable(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).context("not a path")?;
    let metadata = path.metadata().with_context(|| format!("cannot find the program {}", path.display()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        bail!("{} is not a program that may be executed", path.display());
    }
    Ok(path)
}

/// The first program of this name in the folders of `search_path`.
fn find(name: &str, search_path: &OsStr, folder: &Path) -> Option<PathBuf> {
    let mut folders = std::env::split_paths(search_path);
    folders.find_map(|searched| executable(&folder.join(searched).join(name)).ok())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{self, Permissions};

    use tempfile::TempDir;

    use super::*;

    /// A current folder with programs in it and below it. `bin` is the only folder of PATH.
    fn folder() -> (TempDir, OsString) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["own", "with space", "bin/named", "deep/er/program"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(folder.path().join("bin/data"), "").unwrap();
        let search_path = folder.path().join("bin").into_os_string();
        (folder, search_path)
    }

    #[test]
    fn a_command_is_a_file_or_words_of_a_shell() {
        let (folder, search_path) = folder();
        for (command, expected, arguments, runs_in) in [
            ("own", "own", &[][..], ""),
            ("./own", "own", &[], ""),
            ("with space", "with space", &[], ""),
            ("deep/er/program", "deep/er/program", &[], "deep/er"),
            ("named", "bin/named", &[], ""),
            ("  named -m 'a b' c\\ d ", "bin/named", &["-m", "a b", "c d"], ""),
            ("deep/er/program --flag", "deep/er/program", &["--flag"], "deep/er"),
            ("'./with space' x", "with space", &["x"], ""),
        ] {
            let found = program(command, &search_path, folder.path()).unwrap();
            let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
            let program = folder.path().join(expected);
            let runs_in =
                if runs_in.is_empty() { folder.path().to_owned() } else { folder.path().join(runs_in) };
            assert_eq!(found, Program::Command { program, arguments, folder: runs_in }, "{command}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_named_with_what_was_expected() {
        let (folder, search_path) = folder();
        for (command, expected) in [
            (
                "nosuch",
                "cannot find the program nosuch in a folder of PATH; expected a name that is there, or a path (./nosuch)",
            ),
            ("data -m app", "cannot find the program data in a folder of PATH"),
            ("own -m app", "or a path (./own)"),
            ("bin/data", "bin/data is not a program that may be executed"),
            ("deep/er -x", "deep/er is not a program that may be executed"),
            ("./nosuch -m app", "cannot find the program "),
            ("named 'x", "a quote is not closed; expected words as in a shell"),
            ("# named", "there is no program; expected a program and its arguments"),
        ] {
            let error = program(command, &search_path, folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{command}: {error}");
        }
    }
}
