//! What a run will do, resolved from the command line and checked before anything starts.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::Args;
use crate::endpoints::{self, Endpoint, Endpoints, EndpointsError};
use crate::legacy::LegacyFile;
use crate::sample::seconds_to_ns;
use crate::schedule::{Rate, Schedule};
use crate::target::{Credentials, LambdaConfig, function_name};

const MAX_TIME_S: f64 = 7.0 * 24.0 * 3600.0;
const MIN_TIME_S: f64 = 1e-3;
const MAX_TIMEOUT_S: f64 = 3600.0;
const MAX_IN_FLIGHT: u32 = 100_000;

/// A run that can be made.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to call.
    pub endpoints: Endpoints,
    /// When to call.
    pub schedule: Schedule,
    /// Where the functions are.
    pub place: Place,
    /// How to speak to them.
    pub lambda: LambdaConfig,
    /// The folder for results, if not the default.
    pub out: Option<PathBuf>,
    /// The original's file of latencies.
    pub legacy: LegacyFile,
    /// Calls in flight at once.
    pub max_in_flight: u32,
    /// Whether to print a line for each request.
    pub debug: bool,
}

/// Where the functions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a local Lambda that has yet to be started.
    Local(LocalFunctions),
    /// At `LambdaConfig::endpoint_url`.
    Endpoint,
    /// At AWS.
    Aws,
}

/// What a local Lambda needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFunctions {
    /// Its own executable.
    pub lambda_local: PathBuf,
    /// Name and program of each function.
    pub functions: Vec<(String, Program)>,
    /// `KEY=VALUE` for the functions.
    pub env: Vec<String>,
}

/// What a local Lambda runs a function from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// This executable.
    Executable(PathBuf),
    /// The Docker image of this name.
    Image(String),
}

/// What is wrong with the command line or with a file that it names.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ConfigError {
    #[error("{flag} is {value}, expected {expected}")]
    Value { flag: &'static str, value: String, expected: String },
    #[error(transparent)]
    Endpoints(#[from] EndpointsError),
    #[error(
        "--endpoints-file {}: entry {index}: `hostname` is `{hostname}`, expected a Lambda function: \
         NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER",
        path.display()
    )]
    Hostname { path: PathBuf, index: usize, hostname: String },
    #[error("--local: no executable {} {purpose}; build it with `cargo build --release -p {package}`", path.display())]
    NoExecutable { path: PathBuf, purpose: String, package: String },
}

impl Config {
    /// Resolves the command line. `executables` is the folder of this executable.
    ///
    /// # Errors
    /// A value is out of bounds, or the endpoints file cannot be used.
    pub fn resolve(args: &Args, executables: &Path) -> Result<Self, ConfigError> {
        let rate = Rate::from_rps(args.rps).ok_or_else(|| {
            let expected = format!("a number from {} to {}", Rate::MIN_RPS, Rate::MAX_RPS);
            ConfigError::Value { flag: "--rps", value: args.rps.to_string(), expected }
        })?;
        let duration_ns = seconds_to_ns(within("--time", args.time, MIN_TIME_S, MAX_TIME_S)?);
        let timeout = Duration::from_secs_f64(within("--timeout", args.timeout, MIN_TIME_S, MAX_TIMEOUT_S)?);
        let endpoints = endpoints::read(&args.endpoints_file)?;
        let names = function_names(&endpoints, &args.endpoints_file)?;
        let slots = endpoints.slots.clone();
        Ok(Self {
            schedule: Schedule { rate, duration_ns, arrivals: args.arrivals, seed: args.seed, slots },
            place: place(args, &names, executables)?,
            lambda: LambdaConfig {
                endpoint_url: args.endpoint_url.clone().map(checked_url).transpose()?,
                credentials: credentials(args),
                region: args.region.clone(),
                profile: args.profile.clone(),
                timeout,
                connections: max_in_flight(args)? as usize,
            },
            endpoints,
            out: args.out.clone(),
            legacy: legacy_file(&args.latf)?,
            max_in_flight: max_in_flight(args)?,
            debug: args.dbg,
        })
    }

    /// The endpoints' names, in order.
    pub fn names(&self) -> Vec<String> {
        self.endpoints.list.iter().map(|endpoint| endpoint.name.clone()).collect()
    }
}

fn within(flag: &'static str, seconds: f64, min: f64, max: f64) -> Result<f64, ConfigError> {
    if (min..=max).contains(&seconds) {
        return Ok(seconds);
    }
    Err(ConfigError::Value {
        flag,
        value: seconds.to_string(),
        expected: format!("seconds from {min} to {max}"),
    })
}

fn max_in_flight(args: &Args) -> Result<u32, ConfigError> {
    match args.max_in_flight {
        calls @ 1..=MAX_IN_FLIGHT => Ok(calls),
        calls => Err(ConfigError::Value {
            flag: "--max-in-flight",
            value: calls.to_string(),
            expected: format!("a number from 1 to {MAX_IN_FLIGHT}"),
        }),
    }
}

fn legacy_file(latf: &Path) -> Result<LegacyFile, ConfigError> {
    LegacyFile::new(latf).ok_or_else(|| ConfigError::Value {
        flag: "--latf",
        value: format!("`{}`", latf.display()),
        expected: "the name of a file, with or without a folder".to_owned(),
    })
}

/// The bare name of the function of each endpoint.
fn function_names(endpoints: &Endpoints, path: &Path) -> Result<Vec<String>, ConfigError> {
    let name = |(slot, endpoint): (usize, &Endpoint)| {
        function_name::bare(&endpoint.hostname).map(str::to_owned).ok_or_else(|| ConfigError::Hostname {
            path: path.to_owned(),
            index: endpoints.slots.iter().position(|&other| other == slot).unwrap_or(slot),
            hostname: crate::text::shortened(&endpoint.hostname, 100),
        })
    };
    endpoints.list.iter().enumerate().map(name).collect()
}

fn place(args: &Args, names: &[String], executables: &Path) -> Result<Place, ConfigError> {
    if !args.local {
        return Ok(if args.endpoint_url.is_some() { Place::Endpoint } else { Place::Aws });
    }
    if let Some(value) = args.env.iter().find(|pair| !pair.contains('=') || pair.starts_with('=')) {
        let expected = "KEY=VALUE".to_owned();
        return Err(ConfigError::Value { flag: "--env", value: format!("`{value}`"), expected });
    }
    let lambda_local = executable(executables, "lambda-local", "to run functions on", "lambda_local")?;
    let mut functions = Vec::new();
    for name in names {
        if !functions.iter().any(|(other, _)| other == name) {
            functions.push((name.clone(), program(args, name, executables)?));
        }
    }
    Ok(Place::Local(LocalFunctions { lambda_local, functions, env: args.env.clone() }))
}

fn program(args: &Args, name: &str, executables: &Path) -> Result<Program, ConfigError> {
    if args.images {
        return Ok(Program::Image(format!("{name}:latest")));
    }
    let purpose = format!("for the function `{name}`");
    Ok(Program::Executable(executable(executables, name, &purpose, name)?))
}

fn executable(folder: &Path, name: &str, purpose: &str, package: &str) -> Result<PathBuf, ConfigError> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(ConfigError::NoExecutable { path, purpose: purpose.to_owned(), package: package.to_owned() })
}

fn checked_url(url: String) -> Result<String, ConfigError> {
    let parsed = url.parse::<http::Uri>().ok();
    let usable = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if parsed.as_ref().is_some_and(usable) {
        return Ok(url);
    }
    let expected = "an address like http://127.0.0.1:9000".to_owned();
    Err(ConfigError::Value { flag: "--endpoint-url", value: format!("`{url}`"), expected })
}

fn credentials(args: &Args) -> Credentials {
    match &args.endpoint_url {
        _ if args.local => Credentials::Placeholder,
        Some(url) if is_loopback(url) => Credentials::AwsOrPlaceholder,
        _ => Credentials::Aws,
    }
}

fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str, endpoints: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, endpoints).unwrap();
        std::fs::write(folder.path().join("lambda-local"), "").unwrap();
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        let args = Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap();
        let place = folder.path().to_str().unwrap();
        Config::resolve(&args, folder.path()).map_err(|error| error.to_string().replace(place, "DIR"))
    }

    const ONE: &str = r#"[{"hostname": "f"}]"#;

    #[test]
    fn placeholders_are_for_this_machine_alone() {
        let credentials = |line: &str| resolve(line, ONE).unwrap().lambda.credentials;
        assert_eq!(credentials(""), Credentials::Aws);
        assert_eq!(credentials("--endpoint-url https://lambda.example.com"), Credentials::Aws);
        for url in ["http://localhost:9000", "http://127.0.0.3", "http://[::1]:80/"] {
            assert_eq!(credentials(&format!("--endpoint-url {url}")), Credentials::AwsOrPlaceholder, "{url}");
        }
    }

    #[test]
    fn images_have_the_names_of_their_functions() {
        let config = resolve("--local --images", r#"[{"hostname": "f:prod"}, {"hostname": "f"}]"#).unwrap();
        let Place::Local(local) = config.place else { panic!("it is local") };
        assert_eq!(local.functions, [("f".to_owned(), Program::Image("f:latest".to_owned()))]);
    }

    #[test]
    fn messages_name_flag_value_and_what_was_expected() {
        let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
        insta::assert_snapshot!(message("-rps 0", ONE), @"--rps is 0, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-rps NaN", ONE), @"--rps is NaN, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-time -3", ONE), @"--time is -3, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("-time inf", ONE), @"--time is inf, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("--timeout 0", ONE), @"--timeout is 0, expected seconds from 0.001 to 3600");
        insta::assert_snapshot!(message("--max-in-flight 0", ONE), @"--max-in-flight is 0, expected a number from 1 to 100000");
        insta::assert_snapshot!(message("-latf dir/", ONE), @"--latf is `dir/`, expected the name of a file, with or without a folder");
        insta::assert_snapshot!(message("--endpoint-url 127.0.0.1:9000", ONE), @"--endpoint-url is `127.0.0.1:9000`, expected an address like http://127.0.0.1:9000");
        insta::assert_snapshot!(message("--local --env =x", ONE), @"--env is `=x`, expected KEY=VALUE");
        insta::assert_snapshot!(message("--local", ONE), @"--local: no executable DIR/f for the function `f`; build it with `cargo build --release -p f`");
        insta::assert_snapshot!(message("", r#"[{"hostname": "f"}, {"hostname": "f.example.com"}]"#), @"--endpoints-file DIR/e.json: entry 1: `hostname` is `f.example.com`, expected a Lambda function: NAME, ACCOUNT:function:NAME or arn:aws:lambda:REGION:ACCOUNT:function:NAME, each with or without :QUALIFIER");
        insta::assert_snapshot!(message("", "[]"), @r#"--endpoints-file DIR/e.json: the array is empty, expected at least one entry like {"hostname": "chameleon"}"#);
    }
}
