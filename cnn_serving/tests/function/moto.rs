//! moto's S3 on this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::common;

/// A server with the objects that `serve_s3.py` puts there. It ends with its standard input, so with this process.
#[allow(dead_code, reason = "one of the two test programs that share this file uses the rest")]
pub(crate) struct Moto {
    pub(crate) url: String,
    /// The access key of a user who may do nothing, and its secret.
    pub(crate) nobody: Option<(String, String)>,
    _process: Child,
}

/// The server that lets everyone do everything; all tests share it, since it takes seconds to start.
pub(crate) fn open() -> &'static Moto {
    static SERVER: OnceLock<Moto> = OnceLock::new();
    SERVER.get_or_init(|| start(&[]))
}

/// A server that checks permissions.
#[allow(dead_code, reason = "one of the two test programs that share this file uses it")]
pub(crate) fn strict() -> Moto {
    start(&["strict"])
}

fn start(args: &[&str]) -> Moto {
    let root = common::repository();
    let python = root.join("assets/venv/bin/python");
    assert!(python.exists(), "{} is missing: run ./scripts/setup.sh", python.display());
    let mut process = Command::new(python)
        .arg(root.join("cnn_serving/tests/function/serve_s3.py"))
        .arg(common::assets_folder().join("images"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A line for every request, and the reason if it cannot start.
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.next().expect("moto did not start, see above");
    let nobody = (!args.is_empty()).then(|| {
        let line = lines.next().expect("moto did not make the user, see above");
        let (key, secret) = line.split_once(' ').unwrap();
        (key.to_owned(), secret.to_owned())
    });
    Moto { url, nobody, _process: process }
}
