//! Tells the program which commit it was built from, and with which profile. Git need not be there.
#![expect(clippy::disallowed_methods, reason = "a build script gets its arguments from the environment")]

use std::path::PathBuf;
use std::process::Command;

fn main() {
    let commit = git(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]);
    println!("cargo::rustc-env=AWSINVOKER_COMMIT={}", commit.unwrap_or_default());
    println!("cargo::rustc-env=AWSINVOKER_PROFILE={}", profile().unwrap_or_default());
    // What changes the commit, and what makes the sources differ from it.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|path| PathBuf::from(path).exists());
    let sources = ["build.rs", "Cargo.toml", "src", "../crates/run_record/src", "../crates/run_report/src"];
    for path in sources.into_iter().chain(log.as_deref()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What git prints, if it is there and this folder is tracked: a copy of the sources may lie within another repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = |arguments: &[&str]| Command::new("git").args(arguments).output().ok();
    output(&["ls-files", "--error-unmatch", "build.rs"]).filter(|output| output.status.success())?;
    let output = output(arguments).filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The folder of the profile, as in `target/PROFILE/build/PACKAGE/out`: `PROFILE` does not tell custom ones.
fn profile() -> Option<String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR")?);
    out.ancestors().nth(3)?.file_name()?.to_str().map(str::to_owned)
}
