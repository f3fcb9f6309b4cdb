//! Which Lambda to call, and as whom.

use run_record::run_info::{ConnectionInfo, Connections, FunctionInfo};

use super::client::{Connection, Credentials};
use super::function_name;
use super::inspect;
use super::invoke::Lambda;
use crate::cli::{ConnectionsArg, PlatformArgs};
use crate::plan::Plan;
use crate::plan::endpoints::{Endpoint, Endpoints};
use crate::platform::description::Description;
use crate::platform::error::{ConfigError, StartError};
use crate::platform::http::Origin;
use crate::platform::local::{LocalConfig, LocalLambda, Program, Programs};
use crate::platform::tools;
use crate::text::shortened;

/// A longer host name is cut in messages.
const MAX_HOSTNAME_CHARS: usize = 100;

/// The version of HTTP that calls are made with.
const HTTP_VERSION: &str = "1.1";

/// A Lambda to call.
#[derive(Clone, Debug)]
pub struct Config {
    connection: Connection,
    /// The local Lambda to start, if it is one.
    local: Option<LocalConfig>,
}

impl Config {
    /// Resolves the command line for the endpoints of a plan.
    pub(in crate::platform) fn resolve(
        args: &PlatformArgs,
        plan: &Plan,
        programs: &Programs,
    ) -> Result<Self, ConfigError> {
        let names = function_names(&plan.endpoints)?;
        check_warm_connections(args, plan.max_in_flight)?;
        Ok(Self {
            connection: Connection {
                endpoint_url: args.endpoint_url.clone().map(checked_url).transpose()?,
                credentials: credentials(args),
                region: args.region.clone(),
                profile: args.profile.clone(),
                timeout: plan.timeout,
                pooled: args.connections == ConnectionsArg::Pooled,
                warm_connections: args.warm_connections,
            },
            local: args.local.then(|| LocalConfig::resolve(args, &names, programs)).transpose()?,
        })
    }

    /// Starts the local Lambda if there is one to start, and makes the client.
    pub(in crate::platform) async fn start(
        &self,
        endpoints: &[Endpoint],
    ) -> Result<(Lambda, Description, Option<LocalLambda>), StartError> {
        let mut connection = self.connection.clone();
        let local = match &self.local {
            Some(config) => Some(LocalLambda::start(config).await?),
            None => None,
        };
        if let Some(local) = &local {
            connection.endpoint_url = Some(local.url().to_owned());
        }
        let lambda = Lambda::connect(&connection, endpoints).await?;
        let description = self.description(&lambda, local.as_ref(), endpoints).await;
        Ok((lambda, description, local))
    }

    async fn description(
        &self,
        lambda: &Lambda,
        local: Option<&LocalLambda>,
        endpoints: &[Endpoint],
    ) -> Description {
        let sdk = ("aws_sdk_lambda".to_owned(), aws_sdk_lambda::meta::PKG_VERSION.to_owned());
        let reuse = if self.connection.pooled { Connections::Pooled } else { Connections::PerCall };
        let warm_connections = self.connection.warm_connections;
        let mut names: Vec<&str> = Vec::new();
        for Endpoint { hostname, .. } in endpoints {
            if !names.contains(&hostname.as_str()) {
                names.push(hostname);
            }
        }
        let mut description = Description {
            target: lambda.address.clone(),
            local: None,
            docker: None,
            functions: inspect::functions(&lambda.sdk, &names).await,
            env: Vec::new(),
            connection: ConnectionInfo { http: HTTP_VERSION.to_owned(), reuse, warm_connections },
            versions: vec![sdk],
        };
        if let Some((config, local)) = self.local.as_ref().zip(local) {
            description.target = format!("lambda-local at {}", local.url());
            description.env.clone_from(&config.env);
            description.local = Some(local.info().clone());
            for function in &mut description.functions {
                complete(function, config, local);
            }
            if config.functions.iter().any(|(_, program)| matches!(program, Program::Image(_))) {
                description.docker = tools::docker().await;
            }
        }
        description
    }
}

/// Adds what is known of a function because it was started for the run.
fn complete(function: &mut FunctionInfo, config: &LocalConfig, local: &LocalLambda) {
    let name = function_name::bare(&function.name).unwrap_or_default();
    let program = config.functions.iter().find(|(other, _)| other == name);
    match program.map(|(_, program)| program) {
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

/// The bare name of the function of each endpoint.
fn function_names(endpoints: &Endpoints) -> Result<Vec<&str>, ConfigError> {
    let names = endpoints.list.iter().enumerate().map(|(index, endpoint)| {
        function_name::bare(&endpoint.hostname).ok_or_else(|| ConfigError::Hostname {
            path: endpoints.path.display().to_string(),
            index: endpoints.entry(index),
            hostname: shortened(&endpoint.hostname, MAX_HOSTNAME_CHARS),
        })
    });
    names.collect()
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

fn credentials(args: &PlatformArgs) -> Credentials {
    match &args.endpoint_url {
        _ if args.local => Credentials::Placeholder,
        Some(url) if is_loopback(url) => Credentials::AwsOrPlaceholder,
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

    /// Resolves a line in a folder with the program lambda-local, and with nothing in `PATH`.
    fn resolve(line: &str, endpoints: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, endpoints).unwrap();
        make_program(&folder.path().join("lambda-local"));
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        let args = Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap();
        let place = folder.path().to_str().unwrap();
        let programs = Programs::new(&folder.path().join("awsinvoker"), None);
        Config::resolve(&args.platform, &Plan::resolve(&args).unwrap(), &programs)
            .map_err(|error| error.to_string().replace(place, "DIR"))
    }

    const ONE: &str = r#"[{"hostname": "f"}]"#;

    #[test]
    fn placeholders_are_for_this_machine_alone() {
        let credentials = |line: &str| resolve(line, ONE).unwrap().connection.credentials;
        assert_eq!(credentials(""), Credentials::Aws);
        assert_eq!(credentials("--endpoint-url https://lambda.example.com"), Credentials::Aws);
        for url in ["http://localhost:9000", "http://127.0.0.3", "http://[::1]:80/"] {
            assert_eq!(credentials(&format!("--endpoint-url {url}")), Credentials::AwsOrPlaceholder, "{url}");
        }
    }

    #[test]
    fn images_have_the_names_of_their_functions() {
        let config = resolve("--local --images", r#"[{"hostname": "f:prod"}, {"hostname": "f"}]"#).unwrap();
        let functions = config.local.unwrap().functions;
        assert_eq!(functions, [("f".to_owned(), Program::Image("f:latest".to_owned()))]);
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
        let args = PlatformArgs { local: true, ..PlatformArgs::default() };
        let local = LocalConfig::resolve(&args, &["chameleon"], &programs).unwrap();
        assert_eq!(local.functions, [("chameleon".to_owned(), Program::Executable(chameleon))]);
        assert_eq!(local.lambda_local, beside.path().join("lambda-local"));
        assert!(LocalConfig::resolve(&args, &["f"], &programs).is_err(), "no function of this project");
        let nothing = Programs::new(Path::new("/nonexistent/awsinvoker"), None);
        let error = LocalConfig::resolve(&args, &["f"], &nothing).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"--local: there is no program `lambda-local` in /nonexistent or in PATH; build it with `cargo build --release -p lambda_local`, or install it with `cargo install --path crates/lambda_local`");
    }

    #[test]
    fn messages_name_flag_value_and_what_was_expected() {
        let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
        insta::assert_snapshot!(message("--endpoint-url 127.0.0.1:9000", ONE), @"--endpoint-url is `127.0.0.1:9000`, expected an address like http://127.0.0.1:9000");
        insta::assert_snapshot!(message("--warm-connections 3 --max-in-flight 2", ONE), @"--warm-connections is 3, expected at most 2, as many as --max-in-flight can use");
        insta::assert_snapshot!(message("--warm-connections 1 --connections per-call", ONE), @"--warm-connections is 1, expected 0, since --connections per-call uses no connection again");
        insta::assert_snapshot!(message("--local --env =x", ONE), @"--env is `=x`, expected KEY=VALUE");
        insta::assert_snapshot!(message("--local", ONE), @"--local: there is no program `f` in DIR; for a function of your own, start `lambda-local --function f=PROGRAM` and give --endpoint-url");
        insta::assert_snapshot!(message("--local", r#"[{"hostname": "chameleon"}]"#), @"--local: there is no program `chameleon` in DIR or in PATH; build it with `cargo build --release -p chameleon`, or install it with `cargo install --path chameleon`");
        insta::assert_snapshot!(message("", r#"[{"hostname": "f"}, {"hostname": "f.example.com"}]"#), @"--endpoints-file DIR/e.json: entry 1: `hostname` is `f.example.com`, expected a Lambda function: NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER");
    }
}
