//! ONNX Runtime's own record of its use.

use std::fs;

use crate::{common, program};

/// With telemetry, ONNX Runtime makes a database in the home folder and a file in that for temporary ones.
#[test]
fn onnx_runtime_leaves_nothing_behind() {
    let (home, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut function = program::function(&common::assets_folder());
    function.env("HOME", home.path()).env("TMPDIR", temporary.path()).env_remove("XDG_CACHE_HOME");
    function.env_remove("ORT_DISABLE_TELEMETRY");
    let output = function.output().unwrap();
    let message = std::str::from_utf8(&output.stderr).unwrap();
    // The function was initialised, and then found no Runtime API.
    assert!(message.contains("the runtime loop failed"), "{message}");
    for folder in [home, temporary] {
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
