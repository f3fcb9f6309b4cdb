//! The command line of `lambda-local`: plain data, checked without a look at anything else.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgGroup, CommandFactory, FromArgMatches, Parser};

use super::web_args::WebArgs;
use crate::config::{MAX_CONCURRENCY, MEMORY_MB, PROVISIONED, RESERVED, TIMEOUT_S, is_function_name};

/// Runs functions on this machine as AWS Lambda does.
///
/// Prints `image NAME ID` on standard output for every --image, then `listening on http://ADDRESS` once it serves, and
/// logs to standard error (RUST_LOG selects what; `debug` adds the START, END and REPORT lines). Ctrl-C, SIGTERM and
/// SIGHUP end all functions, and then lambda-local with exit code 0. A second signal stops it immediately with exit
/// code 1. Signals that were ignored at the start, as under nohup, stay ignored.
#[derive(Debug, Clone, Parser)]
#[command(name = "lambda-local", version, group = ArgGroup::new("any function").required(true).multiple(true))]
pub struct Args {
    /// Address to serve the Invoke API on: an IP address or a name of this machine, and a port. Port 0 picks a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000", value_parser = parse_listen)]
    pub(super) listen: ListenArg,

    /// A function: its name, and the program that speaks the Runtime API, as a shell would start it: `f=./bootstrap`,
    /// or `"f=python -m app"`. A program that is given by its path runs in the folder it lies in, one that is found in
    /// PATH in the current folder. May be repeated.
    #[arg(long = "function", value_name = "NAME=COMMAND", group = "any function", value_parser = parse_function)]
    pub(super) functions: Vec<FunctionArg>,

    /// A function: its name, and the Docker image that holds it. It runs in containers. May be repeated, and mixed with
    /// --function.
    #[arg(long = "image", value_name = "NAME=IMAGE", group = "any function", value_parser = parse_image)]
    pub(super) images: Vec<ImageArg>,

    /// A function: its name, and the Docker image that holds it. Its program runs as a process that sees the files of
    /// the image, without the limits and the confinement of --image. Needs root or user namespaces. May be repeated.
    #[arg(long = "image-as-process", value_name = "NAME=IMAGE", group = "any function", value_parser = parse_image)]
    pub(super) images_as_processes: Vec<ImageArg>,

    /// A file in TOML with a table `[functions.NAME]` for each function. It holds `command`, `image` or
    /// `image-as-process`, and may hold `memory`, `timeout`, `max-concurrency`, `reserved-concurrency`,
    /// `provisioned-concurrency`, `env` (a table) and `inherit` (names of variables that are passed on). Paths are
    /// relative to the folder of the file. May be mixed with the flags for functions.
    #[arg(long, value_name = "FILE", group = "any function")]
    pub(super) config: Option<PathBuf>,

    /// Functions whose answers are drawn instead of computed, to test a load generator. A file in TOML says how long
    /// each takes, and which share of its requests fails, and how. Equal seeds give equal answers.
    #[arg(long, value_name = "FILE", group = "any function")]
    pub(super) inject: Option<PathBuf>,

    /// With --inject: a new file, which gets one line for each request: what was drawn, and what really happened.
    #[arg(long, value_name = "CSV", default_value = "truth.csv", requires = "inject")]
    pub(super) truth: PathBuf,

    /// Memory in MB: of all functions that have no value of their own (512 if not given), or of the function NAME. May
    /// be repeated. Containers are limited to it, and to the share of the CPUs that Lambda gives with it: one CPU for
    /// 1769 MB. For processes, the value is only reported.
    #[arg(long, value_name = "[NAME=]MB", value_parser = parse_memory)]
    pub(super) memory: Vec<Setting<u32>>,

    /// How long an invocation may take, in seconds: for all functions that have no value of their own (30 if not
    /// given), or for the function NAME. May be repeated.
    #[arg(long, value_name = "[NAME=]SECONDS", value_parser = parse_timeout)]
    pub(super) timeout: Vec<Setting<u64>>,

    /// Reserve concurrency: the function NAME serves at most COUNT requests at a time, and no other function can use this
    /// share of --concurrency. May be repeated.
    #[arg(long, value_name = "NAME=COUNT", value_parser = parse_reserved)]
    pub(super) reserved_concurrency: Vec<Setting<u32>>,

    /// How many environments of the function NAME are started ahead of requests and kept. May be repeated.
    #[arg(long, value_name = "NAME=COUNT", value_parser = parse_provisioned)]
    pub(super) provisioned_concurrency: Vec<Setting<u32>>,

    /// Serve as many requests at a time in each environment as Lambda's Managed Instances do: COUNT for all functions
    /// that have no value of their own, or for the function NAME. The program must ask for as many events at a time
    /// (AWS_LAMBDA_MAX_CONCURRENCY tells it how many). May be repeated.
    #[arg(long, value_name = "[NAME=]COUNT", value_parser = parse_max_concurrency)]
    pub(super) max_concurrency: Vec<Setting<u32>>,

    /// How many requests are under way at a time, over all functions. Further requests are throttled.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) concurrency: u32,

    /// How many environments initialise at a time, over all functions. Further ones wait, because they share this
    /// machine; on Lambda they do not. The default is the number of CPUs.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) initialising: Option<u32>,

    /// Seconds after which an idle environment ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) idle_timeout: u64,

    /// Region in ARNs and in the functions' AWS_REGION.
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = parse_region)]
    pub(super) region: String,

    /// Environment variable for all functions, or for the function NAME. Without a value, the value that lambda-local
    /// has is passed on. May be repeated. Functions inherit no other variables than these and AWS credentials.
    #[arg(long = "env", value_name = "[NAME:]KEY[=VALUE]", value_parser = parse_variable)]
    pub(super) variables: Vec<VariableArg>,

    #[command(flatten)]
    pub(super) web: WebArgs,

    /// Watch programs and images: after a change, the new version serves the next request. Idle environments of the old
    /// one end, and busy ones after their answers. Of a command, the program is watched, and the files that its arguments name:
    /// app.handler names app.py.
    #[arg(long)]
    pub(super) watch: bool,

    /// End when standard input ends, and so with the program that started lambda-local.
    #[arg(long)]
    pub(super) exit_with_stdin: bool,
}

/// The arguments that have a meaning for functions whose answers are drawn. They are not run.
const WITH_INJECT: [&str; 9] =
    ["listen", "inject", "truth", "region", "origins", "hosts", "exit_with_stdin", "help", "version"];

impl Args {
    /// Reads the words of a command line, the first of which names the program.
    ///
    /// # Errors
    /// If they are wrong, or ask for help. A flag that would be ignored is wrong.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        if given("inject") {
            let mut names = command.get_arguments().filter(|argument| {
                let name = argument.get_id().as_str();
                !WITH_INJECT.contains(&name) && given(name)
            });
            let ignored = names.next().map(ToString::to_string);
            drop(names);
            if let Some(ignored) = ignored {
                let message = format!("--inject cannot be used with {ignored}: its functions are not run");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        Self::from_arg_matches(&matches)
    }
}

/// `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenArg {
    /// An IP address, without the brackets of IPv6, or a name.
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for ListenArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProgramArg {
    /// A command, as a shell would start it.
    Command(String),
    /// The name of a Docker image.
    Image(String),
    /// The name of a Docker image whose program runs as a process.
    ImageAsProcess(String),
}

/// `NAME=COMMAND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FunctionArg {
    pub(super) name: String,
    pub(super) command: String,
}

/// `NAME=IMAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageArg {
    pub(super) name: String,
    pub(super) image: String,
}

/// `VALUE` for all functions, or `NAME=VALUE` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<T> {
    pub(super) function: Option<String>,
    pub(super) value: T,
}

/// `KEY=VALUE` or `KEY`, for all functions or for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariableArg {
    pub(super) function: Option<String>,
    pub(super) key: String,
    pub(super) value: Option<String>,
}

/// Whether this can be the name of a Docker image. Docker says whether there is such an image. This check keeps the name
/// from changing the path of a request to Docker.
pub(super) fn is_image_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

/// Whether this can be the name of an environment variable.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn parse_listen(text: &str) -> Result<ListenArg, String> {
    let invalid = || {
        "expected HOST:PORT, such as 127.0.0.1:9000 or localhost:9000; 0.0.0.0 stands for all addresses"
            .to_owned()
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    let port = port.parse().map_err(|_| invalid())?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) if address.contains(':') => address,
        None if !host.is_empty() && host.bytes().all(allowed) => host,
        _ => return Err(invalid()),
    };
    Ok(ListenArg { host: host.to_owned(), port })
}

fn parse_function(text: &str) -> Result<FunctionArg, String> {
    let (name, command) = parse_pair(text, "NAME=COMMAND")?;
    if command.trim().is_empty() {
        return Err("the command is empty; expected a program".to_owned());
    }
    Ok(FunctionArg { name, command: command.to_owned() })
}

fn parse_image(text: &str) -> Result<ImageArg, String> {
    let (name, image) = parse_pair(text, "NAME=IMAGE")?;
    if !is_image_name(image) {
        return Err(format!("the image is {image:?}; expected the name of a Docker image"));
    }
    Ok(ImageArg { name, image: image.to_owned() })
}

fn parse_memory(text: &str) -> Result<Setting<u32>, String> {
    parse_setting(text, "MB", &MEMORY_MB)
}

fn parse_timeout(text: &str) -> Result<Setting<u64>, String> {
    parse_setting(text, "seconds", &TIMEOUT_S)
}

fn parse_reserved(text: &str) -> Result<Setting<u32>, String> {
    parse_own_setting(text, "requests", &RESERVED)
}

fn parse_provisioned(text: &str) -> Result<Setting<u32>, String> {
    parse_own_setting(text, "environments", &PROVISIONED)
}

fn parse_own_setting(text: &str, unit: &str, range: &RangeInclusive<u32>) -> Result<Setting<u32>, String> {
    parse_pair(text, "NAME=COUNT")?;
    parse_setting(text, unit, range)
}

fn parse_max_concurrency(text: &str) -> Result<Setting<u32>, String> {
    parse_setting(text, "requests", &MAX_CONCURRENCY)
}

fn parse_setting<T>(text: &str, unit: &str, range: &RangeInclusive<T>) -> Result<Setting<T>, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let (function, value) = match text.split_once('=') {
        Some(_) => parse_pair(text, "NAME=VALUE").map(|(name, value)| (Some(name), value))?,
        None => (None, text),
    };
    match value.parse() {
        Ok(value) if range.contains(&value) => Ok(Setting { function, value }),
        _ => Err(format!("expected {} to {} {unit}", range.start(), range.end())),
    }
}

fn parse_pair<'a>(text: &'a str, expected: &str) -> Result<(String, &'a str), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("expected {expected}"))?;
    if !is_function_name(name) {
        return Err(format!("the name is {name:?}; expected 1 to 64 letters, digits, - and _"));
    }
    Ok((name.to_owned(), value))
}

fn parse_region(text: &str) -> Result<String, String> {
    let valid = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if valid { Ok(text.to_owned()) } else { Err("expected letters, digits and -".to_owned()) }
}

fn parse_variable(text: &str) -> Result<VariableArg, String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    let (function, key) = match key.split_once(':') {
        Some((name, key)) if is_function_name(name) => (Some(name.to_owned()), key),
        _ => (None, key),
    };
    if !is_variable_name(key) || text.contains('\0') {
        return Err("expected KEY or KEY=VALUE, or NAME:KEY=VALUE for the function NAME".to_owned());
    }
    Ok(VariableArg { function, key: key.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Args, clap::Error> {
        Args::read(["lambda-local"].iter().chain(args).map(OsString::from))
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn bad_values_are_named() {
        for (args, expected) in [
            (vec!["--function", "chameleon"], "expected NAME=COMMAND"),
            (vec!["--function", "a b=x"], "the name is \"a b\""),
            (vec!["--function", "f="], "the command is empty"),
            (vec!["--image", "chameleon"], "expected NAME=IMAGE"),
            (vec!["--image", "a b=x"], "the name is \"a b\""),
            (vec!["--image", "f="], "the image is \"\""),
            (vec!["--image", "f=x y"], "the image is \"x y\""),
            (vec!["--image", "f=x", "--memory", "64"], "expected 128 to 10240 MB"),
            (vec!["--function", "f=x", "--memory", "f=64"], "expected 128 to 10240 MB"),
            (vec!["--function", "f=x", "--memory", "a b=512"], "the name is \"a b\""),
            (vec!["--function", "f=x", "--reserved-concurrency", "5"], "expected NAME=COUNT"),
            (vec!["--function", "f=x", "--reserved-concurrency", "f=-1"], "expected 0 to 10000 requests"),
            (
                vec!["--function", "f=x", "--provisioned-concurrency", "f=0"],
                "expected 1 to 10000 environments",
            ),
            (vec!["--function", "f=x", "--max-concurrency", "0"], "expected 1 to 1600 requests"),
            (vec!["--function", "f=x", "--timeout", "901"], "expected 1 to 900 seconds"),
            (vec!["--function", "f=x", "--timeout", "f="], "expected 1 to 900 seconds"),
            (vec!["--function", "f=x", "--listen", "9000"], "expected HOST:PORT, such as 127.0.0.1:9000"),
            (vec!["--function", "f=x", "--listen", ":9000"], "expected HOST:PORT, such as 127.0.0.1:9000"),
            (vec!["--function", "f=x", "--listen", "*:9000"], "0.0.0.0 stands for all addresses"),
            (vec!["--function", "f=x", "--listen", "::1:9000"], "expected HOST:PORT"),
            (vec!["--function", "f=x", "--listen", "localhost:http"], "expected HOST:PORT"),
            (vec!["--function", "f=x", "--region", "a/b"], "expected letters, digits and -"),
            (vec!["--function", "f=x", "--env", "=1"], "expected KEY or KEY=VALUE"),
            (vec!["--inject", "p", "--function", "f=x"], "cannot be used with"),
            (vec!["--inject", "p", "--concurrency", "7"], "cannot be used with --concurrency"),
            (vec!["--inject", "p", "--watch"], "cannot be used with --watch"),
            (vec!["--function", "f=x", "--truth", "t"], "--inject <FILE>"),
            (
                vec![],
                "<--function <NAME=COMMAND>|--image <NAME=IMAGE>|--image-as-process <NAME=IMAGE>|--config <FILE>|--inject <FILE>>",
            ),
        ] {
            let error = read(&args).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn settings_are_for_all_functions_or_for_one() {
        let parse =
            |flag, value| Args::try_parse_from(["lambda-local", "--function", "f=x", flag, value]).unwrap();
        let name = || Some("f".to_owned());
        assert_eq!(parse("--memory", "128").memory, [Setting { function: None, value: 128 }]);
        assert_eq!(parse("--memory", "f=10240").memory, [Setting { function: name(), value: 10240 }]);
        assert_eq!(parse("--timeout", "f=900").timeout, [Setting { function: name(), value: 900 }]);
        for (text, function, key, value) in [
            ("A", None, "A", None),
            ("A=b:c=d", None, "A", Some("b:c=d")),
            ("f:A=1", Some("f"), "A", Some("1")),
            ("f:A", Some("f"), "A", None),
            ("a.b:c=1", None, "a.b:c", Some("1")),
        ] {
            let [VariableArg { function: found, key: found_key, value: found_value }] =
                parse("--env", text).variables.try_into().unwrap();
            let found = (found.as_deref(), found_key.as_str(), found_value.as_deref());
            assert_eq!(found, (function, key, value), "{text}");
        }
    }

    #[test]
    fn an_address_may_be_a_name() {
        for (text, host) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("localhost:0", "localhost"),
            ("[::1]:0", "::1"),
            ("my-host.lan:0", "my-host.lan"),
        ] {
            let listen = parse_listen(text).unwrap();
            assert_eq!((listen.host.as_str(), listen.port), (host, 0));
            assert_eq!(listen.to_string(), text);
        }
    }
}
