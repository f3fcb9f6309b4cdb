//! What awsinvoker changes of functions in an account: moto simulates it. It records what AWS's operations do, and runs
//! nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use awsinvoker::cli::PlatformArgs;
use awsinvoker::plan::endpoints::Place;
use awsinvoker::platform::{SizedVersions, SizedVersionsError};
use serde_json::{Value, json};

use crate::support::{Bench, stderr, wait_until};

/// An account with the function `f`.
struct Account {
    process: Child,
    url: String,
}

fn python(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/venv/bin").join(name);
    assert!(path.exists(), "{} is missing: run ./scripts/setup.sh", path.display());
    path
}

impl Account {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new(python("moto_server"));
        // It finds a free port itself, and tells it there.
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        let process = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut account = Self { process, url: String::new() };
        let url = || {
            let text = std::fs::read_to_string(&log).unwrap();
            let (_, rest) = text.split_once("Running on ")?;
            rest.split_once('\n').map(|(url, _)| url.trim_end().to_owned())
        };
        wait_until(&mut account.process, "moto listens", || url().is_some());
        account.url = url().unwrap();
        account.ask("make");
        account
    }

    fn ask(&self, command: &str) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/account.py");
        let output =
            Command::new(python("python")).arg("-B").arg(script).args([&self.url, command]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn sizes(&self, function: &str, sizes: &[u32]) -> Result<SizedVersions, SizedVersionsError> {
        let args = PlatformArgs { endpoint_url: Some(self.url.clone()), ..PlatformArgs::default() };
        block_on(SizedVersions::create(&args, &Place::default(), function, sizes))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn each_size_has_a_version_and_an_alias_until_they_are_removed() {
    let account = Account::start();
    let before = account.ask("show");
    assert_eq!(before, json!({"memory_mb": 512, "variables": {"OWN": "1"}, "versions": {}, "aliases": {}}));
    let sizes = account.sizes("f", &[128, 512, 1769]).unwrap();
    let aliases: Vec<_> = sizes.aliases().map(|(memory_mb, alias)| (memory_mb, alias.to_owned())).collect();
    let during = account.ask("show");
    assert_eq!(during["memory_mb"], 512, "it has its own memory again at once");
    for (memory_mb, alias) in &aliases {
        let version = during["aliases"][alias].as_str().unwrap();
        assert_eq!(during["versions"][version], json!(memory_mb), "{during}");
    }
    let different: BTreeSet<_> =
        aliases.iter().map(|(_, alias)| &during["aliases"][alias]).map(Value::to_string).collect();
    assert_eq!(different.len(), 3, "{during}");
    // A second one would meet the aliases of the first, and leaves them and its own behind.
    let refused = account.sizes("f", &[256, 128]).unwrap_err().to_string();
    assert!(refused.contains("CreateAlias") && refused.contains("has to go first"), "{refused}");
    assert_eq!(account.ask("show"), during);
    block_on(sizes.remove()).unwrap();
    assert_eq!(account.ask("show"), before);
    let missing = account.sizes("g", &[128]).unwrap_err().to_string();
    assert!(missing.contains("g: GetFunctionConfiguration: ResourceNotFound"), "{missing}");
}

#[test]
fn a_run_with_restarts_changes_one_variable_and_takes_it_out_again() {
    let account = Account::start();
    let bench = Bench::new(r#"[{"hostname": "f"}]"#);
    let line = format!("--out out --restart-every 1 --rps 4 --time 3 --endpoint-url {}", account.url);
    let output = bench.bare_command(&line).output().unwrap();
    let restarts =
        bench.run_dir().read_info().unwrap_or_else(|_| panic!("{}", stderr(&output))).end.unwrap().restarts;
    assert_eq!((restarts[0].due, restarts[0].failed), (2, 0), "{restarts:?}");
    assert_eq!(account.ask("show")["variables"], json!({"OWN": "1"}));
}
