//! The command line of `lambda-local`: plain data, checked without a look at anything else.

use std::net::SocketAddr;

use clap::{ArgGroup, Parser};

use crate::config::is_function_name;

/// Runs functions on this machine as AWS Lambda does.
///
/// Prints `image NAME ID` on standard output for every --image, then `listening on http://ADDRESS` once it serves, and
/// logs to standard error (RUST_LOG selects what; `debug` adds the START, END and REPORT lines). Ctrl-C, SIGTERM and
/// SIGHUP end all functions, and then lambda-local with exit code 0. A second signal stops it immediately with exit
/// code 1.
#[derive(Debug, Clone, Parser)]
#[command(name = "lambda-local", version, group = ArgGroup::new("any function").required(true).multiple(true))]
pub struct Args {
    /// Address to serve the Invoke API on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(super) listen: SocketAddr,

    /// A function: its name, and the program that speaks the Runtime API, as a shell would start it: `f=./bootstrap`,
    /// or `"f=python -m app"`. A program that is given by its path runs in the folder it lies in, one that is found in
    /// PATH in the current folder. May be repeated.
    #[arg(long = "function", value_name = "NAME=COMMAND", group = "any function", value_parser = parse_function)]
    pub(super) functions: Vec<FunctionArg>,

    /// A function: its name, and the Docker image that holds it. It runs in containers. May be repeated, and mixed with
    /// --function.
    #[arg(long = "image", value_name = "NAME=IMAGE", group = "any function", value_parser = parse_image)]
    pub(super) images: Vec<ImageArg>,

    /// Memory of a function in MB. Containers are limited to it, and to the share of the CPUs that Lambda gives with
    /// it: one CPU for 1769 MB. For processes, the value is only reported.
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10240))]
    pub(super) memory: u32,

    /// How long an invocation may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub(super) timeout: u64,

    /// How many requests are served at a time, over all functions. Further requests are throttled.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) concurrency: u32,

    /// Seconds after which an idle environment ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) idle_timeout: u64,

    /// Region in ARNs and in the functions' AWS_REGION.
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = parse_region)]
    pub(super) region: String,

    /// Environment variable for all functions. Without a value, the value that lambda-local has is passed on. May be
    /// repeated. Functions inherit no other variables than these and AWS credentials.
    #[arg(long = "env", value_name = "KEY[=VALUE]", value_parser = parse_variable)]
    pub(super) variables: Vec<VariableArg>,

    /// End when standard input ends, and so with the program that started lambda-local.
    #[arg(long)]
    pub(super) exit_with_stdin: bool,
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

/// `KEY=VALUE` or `KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VariableArg {
    pub(super) key: String,
    pub(super) value: Option<String>,
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
    // Docker says whether there is such an image. This check keeps the name from changing the path of a request to
    // Docker.
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
            (vec!["--function", "chameleon"], "expected NAME=COMMAND"),
            (vec!["--function", "a b=x"], "the name is \"a b\""),
            (vec!["--function", "f="], "the command is empty"),
            (vec!["--image", "chameleon"], "expected NAME=IMAGE"),
            (vec!["--image", "a b=x"], "the name is \"a b\""),
            (vec!["--image", "f="], "the image is \"\""),
            (vec!["--image", "f=x y"], "the image is \"x y\""),
            (vec!["--image", "f=x", "--memory", "64"], "64 is not in 128..=10240"),
            (vec!["--function", "f=x", "--memory", "64"], "64 is not in 128..=10240"),
            (vec!["--function", "f=x", "--timeout", "901"], "901 is not in 1..=900"),
            (vec!["--function", "f=x", "--region", "a/b"], "expected letters, digits and -"),
            (vec!["--function", "f=x", "--env", "=1"], "expected KEY or KEY=VALUE"),
            (vec![], "<--function <NAME=COMMAND>|--image <NAME=IMAGE>>"),
        ] {
            let error = Args::try_parse_from([vec!["lambda-local"], args].concat()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
