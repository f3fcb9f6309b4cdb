//! The command line of `lambda-local`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser};
use lambda_local::is_function_name;

/// A faithful AWS Lambda on this machine.
///
/// Prints `image NAME ID` on standard output for every --image, then `listening on http://ADDRESS` once it serves, and
/// logs to standard error (RUST_LOG selects what; `debug` adds the START, END and REPORT lines). Ends with exit code 0
/// on Ctrl-C or SIGTERM, and ends all functions with it; told once more meanwhile, it waits for nothing and ends with 1.
#[derive(Debug, Clone, Parser)]
#[command(name = "lambda-local", version, group = ArgGroup::new("any function").required(true).multiple(true))]
pub(crate) struct Args {
    /// Address to serve the Invoke API on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) listen: SocketAddr,

    /// A function: its name, and the program that speaks the Runtime API. May be repeated.
    #[arg(long = "function", value_name = "NAME=PATH", group = "any function", value_parser = parse_function)]
    pub(crate) functions: Vec<FunctionArg>,

    /// A function: its name, and the Docker image that holds it, which is run in containers. May be repeated, and
    /// mixed with --function.
    #[arg(long = "image", value_name = "NAME=IMAGE", group = "any function", value_parser = parse_image)]
    pub(crate) images: Vec<ImageArg>,

    /// Memory of a function in MB. Containers are limited to it, and to the share of the CPUs that Lambda gives with
    /// it: one CPU for 1769 MB. To processes it is only reported.
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

/// `NAME=IMAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageArg {
    pub(crate) name: String,
    pub(crate) image: String,
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
    let (name, path) = parse_pair(text, "NAME=PATH")?;
    if path.is_empty() {
        return Err("the path is empty; expected the path of a program".to_owned());
    }
    Ok(FunctionArg { name, path: PathBuf::from(path) })
}

fn parse_image(text: &str) -> Result<ImageArg, String> {
    let (name, image) = parse_pair(text, "NAME=IMAGE")?;
    // Whether there is such an image is for Docker to say; this much keeps the name one part of a path.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(&byte);
    if image.is_empty() || !image.bytes().all(allowed) {
        return Err(format!("the image is {image:?}; expected the name of a Docker image"));
    }
    Ok(ImageArg { name, image: image.to_owned() })
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
            (vec!["--image", "chameleon"], "expected NAME=IMAGE"),
            (vec!["--image", "a b=x"], "the name is \"a b\""),
            (vec!["--image", "f="], "the image is \"\""),
            (vec!["--image", "f=x y"], "the image is \"x y\""),
            (vec!["--image", "f=x", "--memory", "64"], "64 is not in 128..=10240"),
            (vec!["--function", "f=x", "--memory", "64"], "64 is not in 128..=10240"),
            (vec!["--function", "f=x", "--timeout", "901"], "901 is not in 1..=900"),
            (vec!["--function", "f=x", "--region", "a/b"], "expected letters, digits and -"),
            (vec!["--function", "f=x", "--env", "=1"], "expected KEY or KEY=VALUE"),
            (vec![], "<--function <NAME=PATH>|--image <NAME=IMAGE>>"),
        ] {
            let error = Args::try_parse_from([vec!["lambda-local"], args].concat()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
