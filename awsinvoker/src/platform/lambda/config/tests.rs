//! What the command line and the entries come to.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::cli::Args;

fn make_program(path: &Path) {
    std::fs::write(path, "").unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Resolves a line in a folder with the programs lambda-local and `g`, and with nothing in `PATH`.
fn resolve(line: &str, endpoints: &str) -> Result<Vec<Config>, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.json");
    std::fs::write(&file, endpoints).unwrap();
    ["lambda-local", "g"].into_iter().for_each(|name| make_program(&folder.path().join(name)));
    let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
    let args = Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap();
    let place = folder.path().to_str().unwrap();
    let programs = Programs::new(&folder.path().join("awsinvoker"), None);
    let plan = Plan::resolve(&args).map_err(|error| error.to_string().replace(place, "DIR"))?;
    let indices: Vec<usize> = (0..plan.endpoints.list.len()).collect();
    crate::platform::check_local(&args.platform, &plan)
        .and_then(|()| Config::resolve(&args.platform, &plan, &programs, &indices))
        .map_err(|error| error.to_string().replace(place, "DIR"))
}

const ONE: &str = r#"[{"hostname": "f"}]"#;
const FOUR: &str = r#"[
    {"hostname": "g"}, {"hostname": "f", "endpoint_url": "http://127.0.0.1:9001"}, {"hostname": "g", "payload": 1},
    {"hostname": "h", "endpoint_url": "http://127.0.0.1:9001"}, {"hostname": "g", "region": "eu-west-1"},
    {"hostname": "g", "endpoint_url": "https://x.example.com", "profile": "p"}
]"#;

#[test]
fn placeholders_are_for_this_machine_alone() {
    let credentials = |line: &str| resolve(line, ONE).unwrap().remove(0).connection.credentials;
    assert_eq!(credentials(""), Credentials::Aws);
    assert_eq!(credentials("--endpoint-url https://lambda.example.com"), Credentials::Aws);
    for url in [
        "http://localhost:9000",
        "http://127.0.0.3",
        "http://[::1]:80/",
        "http://0.0.0.0:9000",
        "http://LOCALHOST.",
    ] {
        assert_eq!(credentials(&format!("--endpoint-url {url}")), Credentials::AwsOrPlaceholder, "{url}");
    }
}

#[test]
fn a_server_on_this_machine_that_an_entry_names_gets_no_real_credentials() {
    use Credentials::{Aws, AwsOrPlaceholder, Placeholder};
    let credentials = |line: &str, fields: &str| {
        let entry = format!(r#"[{{"hostname": "f", {fields}}}, {{"hostname": "g"}}]"#);
        resolve(line, &entry).unwrap().remove(0).connection.credentials
    };
    let (here, there) = (r#""endpoint_url": "http://[::1]:1""#, r#""endpoint_url": "https://x.example.com""#);
    for line in ["", "--local", "--endpoint-url https://y.example.com", "--profile p --region x"] {
        assert_eq!(credentials(line, here), Placeholder, "{line}");
        assert_eq!(credentials(line, &format!(r#"{here}, "region": "x""#)), Placeholder, "{line}");
        assert_eq!(credentials(line, &format!(r#"{here}, "profile": "p""#)), AwsOrPlaceholder, "{line}");
        assert_eq!(credentials(line, there), Aws, "{line}");
        assert_eq!(credentials(line, r#""region": "x""#), Aws, "{line}");
    }
    assert_eq!(credentials("--endpoint-url http://localhost", r#""region": "x""#), AwsOrPlaceholder);
    for url in ["http://0.0.0.0:9000", "http://[::]:1", "http://Localhost:1", "http://[::ffff:127.0.0.1]:1"] {
        assert_eq!(credentials("", &format!(r#""endpoint_url": "{url}""#)), Placeholder, "{url}");
    }
}

#[test]
fn endpoints_that_are_called_in_the_same_way_share_a_target() {
    let targets = |line: &str| {
        let configs = resolve(line, FOUR).unwrap();
        let parts = |config: Config| (config.name(), config.endpoints, config.local.is_some());
        configs.into_iter().map(parts).collect::<Vec<_>>()
    };
    let target =
        |name: &str, endpoints: &[usize]| (name.to_owned(), endpoints.to_vec(), name == "lambda-local");
    let elsewhere = [
        target("http://127.0.0.1:9001", &[1, 3]),
        target("AWS Lambda in eu-west-1", &[4]),
        target("https://x.example.com with the profile p", &[5]),
    ];
    let all = |first: &str| [vec![target(first, &[0, 2])], elsewhere.to_vec()].concat();
    assert_eq!(targets("--local"), all("lambda-local"));
    assert_eq!(targets(""), all("AWS Lambda"));
    let flags = targets("--endpoint-url http://127.0.0.1:9001 --region us-east-2");
    let expected = [
        // The credentials differ.
        target("http://127.0.0.1:9001 in us-east-2", &[0, 2]),
        target("http://127.0.0.1:9001 in us-east-2", &[1, 3]),
        target("http://127.0.0.1:9001 in eu-west-1", &[4]),
        target("https://x.example.com in us-east-2 with the profile p", &[5]),
    ];
    assert_eq!(flags, expected);
}

#[test]
fn the_system_at_an_address() {
    let cases = [
        ("https://lambda.eu-west-1.amazonaws.com", "lambda"),
        ("https://lambda.cn-north-1.amazonaws.com.cn", "lambda"),
        ("https://lambda.eu-west-1.api.aws", "lambda"),
        ("http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("http://lambda.amazonaws.com.example.org/x", "lambda.amazonaws.com.example.org"),
    ];
    for (address, system) in cases {
        assert_eq!(system_at(address), system);
    }
}

/// The functions of a local Lambda.
fn local(line: &str, endpoints: &str) -> Vec<LocalFunction> {
    let configs = resolve(line, endpoints).unwrap();
    configs.into_iter().find_map(|config| config.local).unwrap().functions
}

#[test]
fn images_have_the_names_of_their_functions() {
    let functions = local("--local --images", r#"[{"hostname": "f:prod"}, {"hostname": "f"}]"#);
    let program = Program::Image("f:latest".to_owned());
    assert_eq!(functions, [LocalFunction { name: "f".to_owned(), program, memory_mb: None }]);
}

#[test]
fn entries_say_what_is_started_and_with_how_much_memory() {
    let endpoints = r#"[
        {"hostname": "f", "program": "./g"}, {"hostname": "f:prod", "memory_mb": 256}, {"hostname": "h", "image": "i:1"},
        {"hostname": "f", "memory_mb": 256, "program": "./g"}, {"hostname": "k"}, {"hostname": "l", "program": "g"}
    ]"#;
    let found: Vec<_> = local("--local --images", endpoints)
        .into_iter()
        .map(|LocalFunction { name, program, memory_mb }| {
            let program = match program {
                Program::Executable(path) => path.file_name().unwrap().to_str().unwrap().to_owned(),
                Program::Image(image) => format!("image {image}"),
            };
            (name, program, memory_mb)
        })
        .collect();
    let expected =
        [("f", "g", Some(256)), ("h", "image i:1", None), ("k", "image k:latest", None), ("l", "g", None)];
    assert_eq!(found, expected.map(|(name, program, mb)| (name.to_owned(), program.to_owned(), mb)));
}

#[test]
fn programs_of_this_project_are_found_in_path() {
    let (beside, in_path) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // A file that is no program is passed over.
    std::fs::write(beside.path().join("chameleon"), "").unwrap();
    make_program(&beside.path().join("lambda-local"));
    let (chameleon, other) = (in_path.path().join("chameleon"), in_path.path().join("f"));
    [&chameleon, &other].into_iter().for_each(|path| make_program(path));
    let path = format!("/nonexistent:{}", in_path.path().display());
    let programs = Programs::new(&beside.path().join("awsinvoker"), Some(path.as_ref()));
    assert_eq!(programs.of_function("chameleon").unwrap(), chameleon);
    assert_eq!(programs.own("lambda-local", "", "").unwrap(), beside.path().join("lambda-local"));
    assert!(programs.of_function("f").is_err(), "no function of this project");
    assert_eq!(programs.named("f"), Some(other), "but an entry may name it");
    let nothing = Programs::new(Path::new("/nonexistent/awsinvoker"), None);
    let args = PlatformArgs { local: true, ..PlatformArgs::default() };
    let error = LocalConfig::resolve(&args, &Endpoints::default(), &[], &nothing).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"--local: there is no program `lambda-local` in /nonexistent or in PATH; build it with `cargo build --release -p lambda_local`, or install it with `cargo install --path crates/lambda_local`");
}

#[test]
fn messages_name_flag_value_and_what_was_expected() {
    let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
    insta::assert_snapshot!(message("--endpoint-url 127.0.0.1:9000", ONE), @"--endpoint-url is `127.0.0.1:9000`, expected an address like http://127.0.0.1:9000");
    insta::assert_snapshot!(message("--warm-connections 3 --max-in-flight 2", ONE), @"--warm-connections is 3, expected at most 2, as many as --max-in-flight can use");
    insta::assert_snapshot!(message("--warm-connections 1 --connections per-call", ONE), @"--warm-connections is 1, expected 0, since --connections per-call uses no connection again");
    insta::assert_snapshot!(message("--local --env =x", ONE), @"--env is `=x`, expected KEY=VALUE");
    insta::assert_snapshot!(message("--local", ONE), @"--local: there is no program `f` in DIR; for a function of your own, give `program` or `image` in its entry of the endpoints file");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "chameleon"}]"#), @"--local: there is no program `chameleon` in DIR or in PATH; build it with `cargo build --release -p chameleon`, or install it with `cargo install --path chameleon`");
    insta::assert_snapshot!(message("", r#"[{"hostname": "f"}, {"hostname": "f.example.com"}]"#), @"--endpoints-file DIR/e.json: entry 1: `hostname` is `f.example.com`, expected a Lambda function: NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER");
}

#[test]
fn messages_about_entries_name_key_value_and_what_was_expected() {
    let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
    insta::assert_snapshot!(message("", r#"[{"hostname": "f", "memory_mb": 128}]"#), @"--endpoints-file DIR/e.json: entry 0: `memory_mb` is given, which is for functions that --local starts, expected --local, and none of `endpoint_url`, `region` and `profile` in the entry");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "g"}, {"hostname": "g", "image": "g", "region": "x"}]"#), @"--endpoints-file DIR/e.json: entry 1: `image` is given, which is for functions that --local starts, expected --local, and none of `endpoint_url`, `region` and `profile` in the entry");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "endpoint_url": "http://127.0.0.1:1"}]"#), @"--local is given, expected an entry that does not say where its function is, since no other is started");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "memory_mb": 128}, {"hostname": "h", "image": "h"}, {"hostname": "g:1", "memory_mb": 129}]"#), @"--endpoints-file DIR/e.json: entries 0 and 2: the function `g` has `memory_mb` 128 and `memory_mb` 129, expected one of them; another `hostname` makes it another function");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "program": "./g"}, {"hostname": "g", "image": "g:1"}]"#), @"--endpoints-file DIR/e.json: entries 0 and 1: the function `g` has `program` ./g and `image` g:1, expected one of them; another `hostname` makes it another function");
    insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "program": "bin/g"}]"#), @"--endpoints-file DIR/e.json: entry 0: `program` is `bin/g`, expected the path of a program with a slash, relative to the folder of the endpoints file, or the name of one beside awsinvoker or in PATH");
}
