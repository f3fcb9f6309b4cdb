//! Images for the tests, and what a server has made in Docker.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::example;

/// Marks the images of the tests: `docker image prune --all --filter label=lambda-local.test` removes them.
pub const LABEL: &str = "lambda-local.test";

/// The image that holds an example and the libraries that it needs. Each test binary makes it anew.
pub fn image_of(program: &str) -> String {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(make_images);
    format!("lambda-local-{}", program.replace('_', "-"))
}

fn make_images() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["test_function", "raw_function"] {
        let libraries = run("ldd", &[example(program).to_str().unwrap()]);
        let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        let target = folder.path().join("var/task");
        std::fs::create_dir_all(&target).unwrap();
        std::fs::copy(example(program), target.join(program)).unwrap();
        for library in libraries {
            let target = folder.path().join(&library[1..]);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(library, target).unwrap();
        }
    }
    for program in ["test_function", "raw_function"] {
        let entrypoint = format!(r#"ENTRYPOINT ["/var/task/{program}"]"#);
        import(folder.path(), &format!("lambda-local-{}", program.replace('_', "-")), &[&entrypoint]);
    }
}

/// Makes an image of the files in a folder. Removes the image that had the name before.
pub fn import(folder: &Path, name: &str, changes: &[&str]) {
    let before = run("docker", &["images", "--quiet", name]);
    let mut tar = Command::new("tar");
    let mut tar = tar.arg("-C").arg(folder).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
    let mut import = Command::new("docker");
    import.arg("import").arg(format!("--change=LABEL {LABEL}=1"));
    import.args(changes.iter().map(|change| format!("--change={change}"))).args(["-", name]);
    let output = import.stdin(tar.stdout.take().unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tar.wait().unwrap().success());
    if !before.is_empty() {
        // A test that was interrupted may still use it.
        let _ = Command::new("docker").args(["rmi", before.trim()]).output();
    }
}

/// The ids of the containers that the server with this process number has made and not removed.
pub fn containers_of(server: u32) -> Vec<String> {
    owned_by(server, &["ps", "--all"])
}

/// The ids of all that it has made and not removed.
pub fn left_of(server: u32) -> Vec<String> {
    [containers_of(server), owned_by(server, &["network", "ls"])].concat()
}

fn owned_by(server: u32, list: &[&str]) -> Vec<String> {
    let owner = "lambda-local.owner";
    let options =
        [&format!("--filter=label={owner}"), &format!("--format={{{{.ID}}}} {{{{.Label \"{owner}\"}}}}")];
    let listed = run("docker", &[list, &options.map(String::as_str)].concat());
    let lines = listed.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    // An id, and the owner: boot, namespace, process, start.
    lines.filter(|words| words[3] == server.to_string()).map(|words| words[0].to_owned()).collect()
}

/// What a command prints. The command has to succeed.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
