//! Which Lambdas to call, and as whom.

use run_record::run_info::{ConnectionInfo, Connections, FunctionInfo, PlatformKind, TargetInfo};

use super::client::{Connection, Credentials};
use super::function_name;
use super::inspect;
use super::invoke::Lambda;
use crate::cli::{ConnectionsArg, PlatformArgs};
use crate::plan::Plan;
use crate::plan::endpoints::{Endpoint, Endpoints, Place};
use crate::platform::description::{EndpointDescription, TargetDescription};
use crate::platform::error::{ConfigError, StartError};
use crate::platform::http::Origin;
use crate::platform::local::{LocalConfig, LocalLambda};
use crate::platform::local_functions::{LocalFunction, Program, Wanted};
use crate::platform::programs::Programs;
use crate::platform::tools;
use crate::text::shortened;

/// A longer host name is cut in messages.
const MAX_HOSTNAME_CHARS: usize = 100;

/// The version of HTTP that calls are made with.
const HTTP_VERSION: &str = "1.1";

/// The domains of AWS's own addresses.
const AWS_DOMAINS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];

/// A Lambda to call.
#[derive(Clone, Debug)]
pub struct Config {
    connection: Connection,
    /// The local Lambda to start, if it is one.
    local: Option<LocalConfig>,
    /// The indices of its endpoints in the plan, in order.
    pub(in crate::platform) endpoints: Vec<usize>,
}

impl Config {
    /// Resolves the command line for these endpoints of a plan, whose protocol is Lambda's. Endpoints that are called in
    /// the same way share a Lambda. They are in the order of their first endpoints.
    pub(in crate::platform) fn resolve(
        args: &PlatformArgs,
        plan: &Plan,
        programs: &Programs,
        indices: &[usize],
    ) -> Result<Vec<Self>, ConfigError> {
        check_warm_connections(args, plan.max_in_flight)?;
        let flag_url = args.endpoint_url.clone().map(checked_url).transpose()?;
        let (mut configs, mut wanted) = (Vec::<Self>::new(), Vec::new());
        for &index in indices {
            let place = &plan.endpoints.list[index].place;
            let function = function_name(&plan.endpoints, index)?;
            let is_local = args.local && !place.is_elsewhere();
            if is_local {
                wanted.push(Wanted { endpoint: index, function });
            } else {
                check_not_local(&plan.endpoints, index)?;
            }
            let connection = connection(args, plan, place, flag_url.as_deref());
            match configs.iter_mut().find(|config| config.connection == connection) {
                Some(config) => config.endpoints.push(index),
                None => configs.push(Self { connection, local: None, endpoints: vec![index] }),
            }
        }
        if args.local {
            let local = LocalConfig::resolve(args, &plan.endpoints, &wanted, programs)?;
            let first = wanted.first().map(|wanted| wanted.endpoint).ok_or_else(nothing_local)?;
            if let Some(config) = configs.iter_mut().find(|config| config.endpoints.contains(&first)) {
                config.local = Some(local);
            }
        }
        Ok(configs)
    }

    /// What it is called before it is reached.
    pub(in crate::platform) fn name(&self) -> String {
        let Connection { endpoint_url, region, profile, .. } = &self.connection;
        let server = match (&self.local, endpoint_url) {
            (Some(_), _) => "lambda-local",
            (None, Some(url)) => url,
            (None, None) => "AWS Lambda",
        };
        let region = region.as_ref().map(|region| format!(" in {region}"));
        let profile = profile.as_ref().map(|name| format!(" with the profile {name}"));
        format!("{server}{}{}", region.unwrap_or_default(), profile.unwrap_or_default())
    }

    /// Starts the local Lambda if there is one to start, and makes the client. `endpoints` are all of the plan. If it
    /// fails, nothing that was started runs on.
    pub(in crate::platform) async fn start(
        &self,
        endpoints: &[Endpoint],
    ) -> Result<(Lambda, TargetDescription, Option<LocalLambda>), StartError> {
        let endpoints: Vec<&Endpoint> = self.endpoints.iter().map(|&index| &endpoints[index]).collect();
        let mut connection = self.connection.clone();
        let local = match &self.local {
            Some(config) => Some(LocalLambda::start(config).await?),
            None => None,
        };
        if let Some(local) = &local {
            connection.endpoint_url = Some(local.url().to_owned());
        }
        match Lambda::connect(&connection, &endpoints).await {
            Ok(lambda) => {
                let description = self.description(&lambda, local.as_ref(), &endpoints).await;
                Ok((lambda, description, local))
            }
            Err(error) => {
                if let Some(local) = local {
                    local.stop().await;
                }
                Err(error)
            }
        }
    }

    async fn description(
        &self,
        lambda: &Lambda,
        local: Option<&LocalLambda>,
        endpoints: &[&Endpoint],
    ) -> TargetDescription {
        let sdk = ("aws_sdk_lambda".to_owned(), aws_sdk_lambda::meta::PKG_VERSION.to_owned());
        let mut names: Vec<&str> = Vec::new();
        for Endpoint { hostname, .. } in endpoints {
            if !names.contains(&hostname.as_str()) {
                names.push(hostname);
            }
        }
        let mut description = TargetDescription {
            target: self.target(lambda),
            functions: inspect::functions(&lambda.sdk, &names).await,
            endpoints: endpoints.iter().map(|endpoint| self.described(endpoint, lambda)).collect(),
            versions: vec![sdk],
        };
        if let Some((config, local)) = self.local.as_ref().zip(local) {
            let target = &mut description.target;
            target.env.clone_from(&config.env);
            target.local = Some(local.info().clone());
            if config.has_images() {
                target.docker = tools::docker().await;
            }
            for function in &mut description.functions {
                complete(function, config, local);
            }
        }
        description
    }

    /// The target without what is known of a local Lambda.
    fn target(&self, lambda: &Lambda) -> TargetInfo {
        let Connection { profile, pooled, warm_connections, .. } = &self.connection;
        TargetInfo {
            platform: PlatformKind::Lambda,
            address: lambda.address.clone(),
            region: Some(lambda.region.clone()),
            profile: profile.clone(),
            local: None,
            docker: None,
            env: Vec::new(),
            connection: ConnectionInfo {
                http: HTTP_VERSION.to_owned(),
                reuse: if *pooled { Connections::Pooled } else { Connections::PerCall },
                warm_connections: *warm_connections,
            },
        }
    }

    fn described(&self, endpoint: &Endpoint, lambda: &Lambda) -> EndpointDescription {
        let function = || function_name::bare(&endpoint.hostname).unwrap_or(&endpoint.hostname).to_owned();
        let system = || match &self.local {
            Some(_) => "lambda-local".to_owned(),
            None => system_at(&lambda.address),
        };
        EndpointDescription {
            function: endpoint.function.clone().unwrap_or_else(function),
            system: endpoint.system.clone().unwrap_or_else(system),
            ..EndpointDescription::default()
        }
    }
}

/// Adds what is known of a function because it was started for the run.
fn complete(function: &mut FunctionInfo, config: &LocalConfig, local: &LocalLambda) {
    let name = function_name::bare(&function.name).unwrap_or_default();
    match config.function(name).map(|LocalFunction { program, .. }| program) {
        Some(Program::Executable(path)) => {
            function.program.get_or_insert_with(|| path.display().to_string());
        }
        Some(Program::Image(image)) => {
            function.image_id = function.image_id.take().or_else(|| local.images().get(name).cloned());
            function.image.get_or_insert_with(|| image.clone());
        }
        None => {}
    }
}

/// The name of the system at an address that was really called: `lambda`, or host and port of another server.
fn system_at(address: &str) -> String {
    let Some(origin) = origin(address) else { return address.to_owned() };
    if AWS_DOMAINS.iter().any(|domain| origin.host().ends_with(domain)) {
        return "lambda".to_owned();
    }
    origin.authority().to_owned()
}

/// The bare name of the function of an endpoint.
fn function_name(endpoints: &Endpoints, index: usize) -> Result<&str, ConfigError> {
    let hostname = &endpoints.list[index].hostname;
    function_name::bare(hostname).ok_or_else(|| ConfigError::Hostname {
        path: endpoints.path.display().to_string(),
        index: endpoints.entry(index),
        hostname: shortened(hostname, MAX_HOSTNAME_CHARS),
    })
}

/// An endpoint that is not started has no settings for that: they would be ignored.
fn check_not_local(endpoints: &Endpoints, index: usize) -> Result<(), ConfigError> {
    let Some(key) = endpoints.list[index].place.local.given_key() else { return Ok(()) };
    let path = endpoints.path.display().to_string();
    Err(ConfigError::NotLocal { path, index: endpoints.entry(index), key })
}

fn nothing_local() -> ConfigError {
    let expected =
        "an entry without `endpoint_url`, `region` and `profile`, since no other is started".to_owned();
    ConfigError::Value { flag: "--local", value: "given".to_owned(), expected }
}

/// How an endpoint is called. What its entry says counts for more than the flags.
fn connection(args: &PlatformArgs, plan: &Plan, place: &Place, flag_url: Option<&str>) -> Connection {
    let Place { endpoint_url, region, profile, .. } = place.clone();
    Connection {
        credentials: credentials(args, place),
        endpoint_url: endpoint_url.or_else(|| flag_url.map(str::to_owned)),
        region: region.or_else(|| args.region.clone()),
        profile: profile.or_else(|| args.profile.clone()),
        timeout: plan.timeout,
        pooled: args.connections == ConnectionsArg::Pooled,
        warm_connections: args.warm_connections,
    }
}

fn check_warm_connections(args: &PlatformArgs, max_in_flight: u32) -> Result<(), ConfigError> {
    let expected = match args.connections {
        ConnectionsArg::PerCall if args.warm_connections > 0 => {
            "0, since --connections per-call uses no connection again".to_owned()
        }
        _ if args.warm_connections > max_in_flight => {
            format!("at most {max_in_flight}, as many as --max-in-flight can use")
        }
        _ => return Ok(()),
    };
    let value = args.warm_connections.to_string();
    Err(ConfigError::Value { flag: "--warm-connections", value, expected })
}

fn checked_url(url: String) -> Result<String, ConfigError> {
    if origin(&url).is_some() {
        return Ok(url);
    }
    let expected = "an address like http://127.0.0.1:9000".to_owned();
    Err(ConfigError::Value { flag: "--endpoint-url", value: format!("`{url}`"), expected })
}

/// Whose credentials an endpoint gets. Another endpoint of the run may need real ones. So a server on this machine that an
/// entry names gets none of them, unless the entry names a profile for it.
fn credentials(args: &PlatformArgs, place: &Place) -> Credentials {
    match (&place.endpoint_url, &args.endpoint_url) {
        (Some(url), _) if is_loopback(url) && place.profile.is_none() => Credentials::Placeholder,
        (Some(url), _) | (None, Some(url)) if is_loopback(url) => Credentials::AwsOrPlaceholder,
        _ if args.local && !place.is_elsewhere() => Credentials::Placeholder,
        _ => Credentials::Aws,
    }
}

fn is_loopback(url: &str) -> bool {
    origin(url).is_some_and(|origin| origin.is_loopback())
}

fn origin(url: &str) -> Option<Origin> {
    url.parse().ok().and_then(|uri| Origin::new(&uri))
}

#[cfg(test)]
mod tests {
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
        Config::resolve(&args.platform, &plan, &programs, &indices)
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
        for url in ["http://localhost:9000", "http://127.0.0.3", "http://[::1]:80/"] {
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
        let (here, there) =
            (r#""endpoint_url": "http://[::1]:1""#, r#""endpoint_url": "https://x.example.com""#);
        for line in ["", "--local", "--endpoint-url https://y.example.com", "--profile p --region x"] {
            assert_eq!(credentials(line, here), Placeholder, "{line}");
            assert_eq!(credentials(line, &format!(r#"{here}, "region": "x""#)), Placeholder, "{line}");
            assert_eq!(credentials(line, &format!(r#"{here}, "profile": "p""#)), AwsOrPlaceholder, "{line}");
            assert_eq!(credentials(line, there), Aws, "{line}");
            assert_eq!(credentials(line, r#""region": "x""#), Aws, "{line}");
        }
        assert_eq!(credentials("--endpoint-url http://localhost", r#""region": "x""#), AwsOrPlaceholder);
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
        let expected = [
            ("f", "g", Some(256)),
            ("h", "image i:1", None),
            ("k", "image k:latest", None),
            ("l", "g", None),
        ];
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
        let error =
            LocalConfig::resolve(&args, &Endpoints::default(), &[], &nothing).unwrap_err().to_string();
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
        insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "endpoint_url": "http://127.0.0.1:1"}]"#), @"--local is given, expected an entry without `endpoint_url`, `region` and `profile`, since no other is started");
        insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "memory_mb": 128}, {"hostname": "h", "image": "h"}, {"hostname": "g:1", "memory_mb": 129}]"#), @"--endpoints-file DIR/e.json: entries 0 and 2: the function `g` has `memory_mb` 128 and `memory_mb` 129, expected one of them; another `hostname` makes it another function");
        insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "program": "./g"}, {"hostname": "g", "image": "g:1"}]"#), @"--endpoints-file DIR/e.json: entries 0 and 1: the function `g` has `program` ./g and `image` g:1, expected one of them; another `hostname` makes it another function");
        insta::assert_snapshot!(message("--local", r#"[{"hostname": "g", "program": "bin/g"}]"#), @"--endpoints-file DIR/e.json: entry 0: `program` is `bin/g`, expected the path of a program with a slash, relative to the folder of the endpoints file, or the name of one beside awsinvoker or in PATH");
    }
}
