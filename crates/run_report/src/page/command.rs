//! How a run is made again.

use run_record::RunInfo;

/// The command line as a shell takes it.
pub(crate) fn command(info: &RunInfo) -> String {
    let words = info.command_line.iter().map(String::as_str);
    shlex::try_join(words.clone()).unwrap_or_else(|_| words.collect::<Vec<_>>().join(" "))
}
