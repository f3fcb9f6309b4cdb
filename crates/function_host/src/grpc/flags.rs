//! The command line of a function that serves gRPC, as plain data.

use std::ffi::OsString;
use std::fmt::Display;

use super::address::{Address, read_port};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Usage: FUNCTION [--addr HOST:PORT] [--port N] [--concurrency N] [--zipkin URL] [--help]

Serves the function with gRPC: helloworld.Greeter, faas.Executor, grpc.health.v1.Health and reflection.
If the variable AWS_LAMBDA_RUNTIME_API is set and not empty, the program serves Lambda's Runtime API
instead, and ignores its arguments.

  --addr HOST:PORT   where to listen; HOST, :PORT and [IPV6]:PORT will do (default: all addresses)
  --port N           the port, 0 for any that is free (default: 50051)
  --concurrency N    how many requests are served at a time, 1 to 256 (default: 1)
  --zipkin URL       accepted, since vSwarm's manifests have it; no spans are sent
  --help             print this

A flag may begin with one dash or two, and have its value behind `=` or as the next argument. It may be
given again only with the same value.

Environment:
  PORT, GRPC_PORT    the port, if no flag names one; PORT wins
  RUST_LOG           what is logged to standard error: a level, or a list of TARGET=LEVEL (default: warn)

When the program can serve, it prints `listening on ADDRESS`.
";

const MAX_CONCURRENCY: usize = 256;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Print [`HELP`].
    Help,
    /// Serve.
    Serve(Flags),
}

/// The flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Where to listen, as far as flags tell it.
    pub(crate) address: Address,
    /// How many requests are served at a time.
    pub(crate) concurrency: usize,
}

/// Reads the arguments, without the name of the program.
///
/// # Errors
/// If there is an unknown argument, a value is missing or wrong, or a flag has two values: which one, and what was expected.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let (mut address, mut port, mut concurrency) = (None, None, None);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = text(argument)?;
        let (name, value) = split(&argument).ok_or_else(|| unknown(&argument))?;
        match name {
            "help" | "h" if value.is_none() => return Ok(Command::Help),
            "addr" => set(&mut address, name, value_of(name, value, &mut arguments)?)?,
            "port" => set(&mut port, name, read_port("--port", &value_of(name, value, &mut arguments)?)?)?,
            "concurrency" => {
                set(&mut concurrency, name, read_concurrency(&value_of(name, value, &mut arguments)?)?)?;
            }
            "zipkin" => drop(value_of(name, value, &mut arguments)?),
            _ => return Err(unknown(&argument)),
        }
    }
    let address = address.as_deref().map_or_else(|| Ok(Address::default()), Address::parse)?;
    Ok(Command::Serve(Flags { address: address.with_port(port)?, concurrency: concurrency.unwrap_or(1) }))
}

/// The name of a flag, and the value that stands behind `=`.
fn split(argument: &str) -> Option<(&str, Option<&str>)> {
    let flag = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    Some(flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value))))
}

fn value_of(
    name: &str,
    value: Option<&str>,
    arguments: &mut impl Iterator<Item = OsString>,
) -> Result<String, String> {
    match value {
        Some(value) => Ok(value.to_owned()),
        None => arguments.next().map_or_else(|| Err(format!("--{name} needs a value; see --help")), text),
    }
}

/// Takes the value of a flag. Of two values, only one could count.
fn set<T: PartialEq + Display>(flag: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    match flag {
        Some(before) if *before != value => {
            Err(format!("--{name} is given twice, as {before} and as {value}; give it once"))
        }
        _ => {
            *flag = Some(value);
            Ok(())
        }
    }
}

fn read_concurrency(value: &str) -> Result<usize, String> {
    value.parse().ok().filter(|count| (1..=MAX_CONCURRENCY).contains(count)).ok_or_else(|| {
        format!("--concurrency is {value:?}; expected a whole number from 1 to {MAX_CONCURRENCY}")
    })
}

fn text(argument: OsString) -> Result<String, String> {
    argument.into_string().map_err(|argument| format!("{argument:?} is not Unicode text; see --help"))
}

fn unknown(argument: &str) -> String {
    format!("unknown argument {argument:?}; expected --addr, --port, --concurrency, --zipkin or --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn serve(host: Option<&str>, port: Option<u16>, concurrency: usize) -> Result<Command, String> {
        let address = Address { host: host.map(str::to_owned), port };
        Ok(Command::Serve(Flags { address, concurrency }))
    }

    #[test]
    fn flags_are_read_in_the_forms_of_go_and_python() {
        for (line, expected) in [
            ("", serve(None, None, 1)),
            ("--addr 127.0.0.1:0", serve(Some("127.0.0.1"), Some(0), 1)),
            ("-addr 0.0.0.0:50051 -zipkin http://zipkin:9411", serve(Some("0.0.0.0"), Some(50051), 1)),
            ("--addr=0.0.0.0 --port=80", serve(Some("0.0.0.0"), Some(80), 1)),
            ("-port 80 -addr :80", serve(None, Some(80), 1)),
            ("--concurrency 256 --port 2 -port=2", serve(None, Some(2), 256)),
            ("--zipkin=", serve(None, None, 1)),
            ("--port 1 --help", Ok(Command::Help)),
            ("-h --nonsense", Ok(Command::Help)),
        ] {
            assert_eq!(parsed(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let known = "expected --addr, --port, --concurrency, --zipkin or --help";
        for (line, message) in [
            ("--adr x", format!("unknown argument \"--adr\"; {known}")),
            ("serve", format!("unknown argument \"serve\"; {known}")),
            ("--help=yes", format!("unknown argument \"--help=yes\"; {known}")),
            ("--", format!("unknown argument \"--\"; {known}")),
            ("--addr", "--addr needs a value; see --help".to_owned()),
            ("--port x", "--port is \"x\"; expected a whole number from 0 to 65535".to_owned()),
            ("--port 65536", "--port is \"65536\"; expected a whole number from 0 to 65535".to_owned()),
            ("--concurrency 0", "--concurrency is \"0\"; expected a whole number from 1 to 256".to_owned()),
            (
                "--concurrency=257",
                "--concurrency is \"257\"; expected a whole number from 1 to 256".to_owned(),
            ),
            ("--port 1 --port 2", "--port is given twice, as 1 and as 2; give it once".to_owned()),
            ("--addr a --addr=b:1", "--addr is given twice, as a and as b:1; give it once".to_owned()),
            (
                "-concurrency 1 --concurrency 2",
                "--concurrency is given twice, as 1 and as 2; give it once".to_owned(),
            ),
            ("--addr a:1 --port 2", "--addr names the port 1, and --port the port 2; name one".to_owned()),
        ] {
            assert_eq!(parsed(line), Err(message), "{line}");
        }
    }
}
