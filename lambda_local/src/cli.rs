//! The command line of `lambda-local`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use lambda_local::is_function_name;

/// A faithful AWS Lambda on this machine.
///
/// Prints `listening on http://ADDRESS` on standard output once it serves, and logs to standard error (RUST_LOG
/// selects what; `debug` adds the START, END and REPORT lines). Ends with exit code 0 on Ctrl-C or SIGTERM, and
/// ends all functions with it.
#[derive(Debug, Clone, Parser)]
#[command(name = "lambda-local", version)]
pub(crate) struct Args {
    /// Address to serve the Invoke API on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) listen: SocketAddr,

    /// A function: its name, and the program that speaks the Runtime API. May be repeated.
    #[arg(long = "function", value_name = "NAME=PATH", required = true, value_parser = parse_function)]
    pub(crate) functions: Vec<FunctionArg>,

    /// Memory of a function in MB: reported to it, but processes are not limited to it.
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10240))]
    pub(crate) memory: u32,

    /// How long an invocation may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub(crate) timeout: u64,

    /// How many requests are served at a time, over all functions; more are throttled.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,

    /// How long an environment stays without a request, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) idle_timeout: u64,

    /// Region in ARNs and in the functions' AWS_REGION.
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = parse_region)]
    pub(crate) region: String,

    /// Environment variable for all functions; without a value, that of lambda-local is passed on. May be repeated.
    /// Functions inherit nothing else but AWS credentials.
    #[arg(long = "env", value_name = "KEY[=VALUE]", value_parser = parse_variable)]
    pub(crate) variables: Vec<VariableArg>,

    /// End when standard input ends: with whoever started lambda-local.
    #[arg(long)]
    pub(crate) exit_with_stdin: bool,
}

/// `NAME=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionArg {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// `KEY=VALUE` or `KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableArg {
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

impl Args {
    /// How long an invocation may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

fn parse_function(text: &str) -> Result<FunctionArg, String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
    if !is_function_name(name) {
        return Err(format!("the name is {name:?}; expected 1 to 64 letters, digits, - and _"));
    }
    if path.is_empty() {
        return Err("the path is empty; expected the path of a program".to_owned());
    }
    Ok(FunctionArg { name: name.to_owned(), path: PathBuf::from(path) })
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
    if key.is_empty() || text.contains('\0') {
        return Err("expected KEY or KEY=VALUE".to_owned());
    }
    Ok(VariableArg { key: key.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn bad_values_are_named() {
        for (args, expected) in [
            (vec!["--function", "chameleon"], "expected NAME=PATH"),
            (vec!["--function", "a b=x"], "the name is \"a b\""),
            (vec!["--function", "f="], "the path is empty"),
            (vec!["--function", "f=x", "--memory", "64"], "64 is not in 128..=10240"),
            (vec!["--function", "f=x", "--timeout", "901"], "901 is not in 1..=900"),
            (vec!["--function", "f=x", "--region", "a/b"], "expected letters, digits and -"),
            (vec!["--function", "f=x", "--env", "=1"], "expected KEY or KEY=VALUE"),
            (vec![], "--function <NAME=PATH>"),
        ] {
            let error = Args::try_parse_from([vec!["lambda-local"], args].concat()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
