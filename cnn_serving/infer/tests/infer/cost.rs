//! What the largest pictures cost.

use std::process::Command;

use cnn_serving::settings::ASSETS;

use crate::common;

/// For the whole process, with the network loaded.
const MAX_KB: u64 = 256_000_000 / 1024;

/// CPU time in seconds. Only the decoders are optimised in a debug build.
const MAX_CPU_S: f64 = if cfg!(debug_assertions) { 6.0 } else { 3.0 };

/// Also under a limit of address space, which a large allocation would break even if it were not used.
#[test]
fn the_largest_pictures_of_each_format_fit_into_256_mb_and_3_s() {
    let root = common::repository();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(root.join("assets/venv/bin/python"))
        .arg(root.join("cnn_serving/infer/tests/infer/cost.py"))
        .arg(env!("CARGO_BIN_EXE_infer"))
        .arg(folder.path())
        .env(ASSETS, common::assets_folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 16, "{lines}");
    for line in lines.lines() {
        let fields: Vec<_> = line.splitn(4, ' ').collect();
        let [_, kilobytes, cpu_s, "ok"] = fields[..] else { panic!("{lines}") };
        assert!(cpu_s.parse::<f64>().unwrap() < MAX_CPU_S, "{lines}");
        assert!(kilobytes.parse::<u64>().unwrap() < MAX_KB, "{lines}");
    }
}
