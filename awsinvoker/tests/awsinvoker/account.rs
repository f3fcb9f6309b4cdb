//! What awsinvoker changes of functions in an account: moto simulates it. It records what AWS's operations do, and runs
//! nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use awsinvoker::cli::PlatformArgs;
use awsinvoker::plan::endpoints::Place;
use awsinvoker::platform::{SizedVersions, SizedVersionsError};
use run_record::experiment::RunState;
use run_record::run_dir::RunDir;
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

    fn args(&self) -> PlatformArgs {
        PlatformArgs { endpoint_url: Some(self.url.clone()), ..PlatformArgs::default() }
    }

    fn look(&self, function: &str, sizes: &[u32], mark: &str) -> Result<SizedVersions, SizedVersionsError> {
        block_on(SizedVersions::look(&self.args(), &Place::default(), function, sizes, mark))
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
    let sizes = account.look("f", &[128, 512, 1769], "one").unwrap();
    assert!(block_on(sizes.make(|| false)).unwrap());
    let aliases = [128, 512, 1769].map(|memory_mb| (memory_mb, SizedVersions::alias(memory_mb)));
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
    let second = account.look("f", &[256, 128], "two").unwrap();
    let refused = block_on(second.make(|| false)).unwrap_err().to_string();
    assert!(refused.contains("CreateAlias") && refused.contains("has to go first"), "{refused}");
    assert_eq!(account.ask("show")["memory_mb"], 512);
    block_on(second.remove()).unwrap();
    assert_eq!(account.ask("show"), during);
    block_on(sizes.remove()).unwrap();
    assert_eq!(account.ask("show"), before);
    let missing = account.look("g", &[128], "one").unwrap_err().to_string();
    assert!(missing.contains("g: GetFunctionConfiguration: ResourceNotFound"), "{missing}");
}

/// moto runs nothing, so that the calls fail. What is looked at is what the experiment leaves in the account.
#[test]
fn what_an_experiment_that_was_killed_has_left_is_removed_when_it_goes_on() {
    let account = Account::start();
    let before = account.ask("show");
    let bench = Bench::new("[]");
    let plan = format!(
        "window = \"4s\"\npairs = 1\n[run]\nrps = 4\nno_preflight = true\nendpoint_url = \"{}\"\n[systems]\na = {{}}\n\
         [functions]\nf = {{}}\n[sweep]\nmemory = [128, 1769]\n",
        account.url
    );
    fs::write(bench.path("plan.toml"), plan).unwrap();
    let mut child =
        bench.bare_command("experiment plan.toml --out x").stderr(Stdio::piped()).spawn().unwrap();
    // It is written before anything is changed.
    let sizes = bench.path("x/sizes.json");
    wait_until(&mut child, "something was made", || {
        sizes.exists() && account.ask("show")["versions"] != before["versions"]
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ne!(account.ask("show"), before);
    let output = bench.bare_command("experiment plan.toml --out x").output().unwrap();
    assert!(!stderr(&output).contains("CreateAlias"), "{}", stderr(&output));
    // The first run, or the second if the first was noted before the experiment was killed.
    let experiment = RunDir::open(&bench.path("x")).read_experiment().unwrap();
    let run = experiment.runs.last().unwrap();
    assert_eq!(run.state, RunState::Complete, "{}", stderr(&output));
    assert!(bench.path("x").join(&run.folder).exists() && !sizes.exists(), "{}", stderr(&output));
    assert_eq!(account.ask("show"), before);
}

/// A process that was killed while a version was made leaves a foreign memory, and nothing but its mark.
#[test]
fn the_memory_before_and_the_mark_are_enough_to_remove_what_is_left() {
    let account = Account::start();
    assert!(block_on(account.look("f", &[128, 256], "one").unwrap().make(|| false)).unwrap());
    let place = Place::default();
    let left =
        block_on(SizedVersions::with_memory(&account.args(), &place, "f", &[128, 256], "one", 300)).unwrap();
    block_on(left.remove()).unwrap();
    let after = account.ask("show");
    assert_eq!(after, json!({"memory_mb": 300, "variables": {"OWN": "1"}, "versions": {}, "aliases": {}}));
    // What was stopped before its first size has made nothing.
    assert!(!block_on(account.look("f", &[128], "two").unwrap().make(|| true)).unwrap());
    assert_eq!(account.ask("show"), after);
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
