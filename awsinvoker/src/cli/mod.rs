//! The command line as inert data. Only its form is checked here.

mod compare;
mod experiment;
mod go_flags;
mod load;
mod merge;
mod numbers;
mod preflight;
mod report;
mod shard;
mod vswarm_flags;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

pub use compare::{CompareArgs, CompareFormatArg};
pub use experiment::ExperimentArgs;
pub use load::{ArrivalsArg, LoadArgs, OrderArg};
pub use merge::MergeArgs;
pub use preflight::PreflightArgs;
pub use report::ReportArgs;
pub use shard::ShardArg;

use numbers::{
    BILLED, CALLS, CONNECTIONS, IDLE_WITHIN, TIMEOUT, number, percent, seconds, seconds_within, usd,
};

const EXIT_CODES: &str = "\
Exit codes:
  0    the run is complete and saved; calls that failed are part of the result
  1    the run could not be made or saved
  2    the command line, or a file that it names, is wrong, or what is compared differs; nothing was measured
  3    the run is complete and saved, but not a single call succeeded
  4    the run is complete and saved, but it is not valid: the load was not the one that was asked for
  5    the run is complete, saved and valid, but a threshold is broken
  129  ended early by SIGHUP, as when the terminal is closed, all saved
  130  ended early by Ctrl-C, all saved
  143  ended early by SIGTERM, all saved
After a signal, calls in flight have 5 seconds to end; a second signal ends the wait. Signals that are ignored when \
awsinvoker starts, as under nohup, stay ignored.

`awsinvoker report DIR` prints the result of a run again, also of one that was killed, from what is in its folder. With \
--html FILE it makes a page of it.
`awsinvoker compare DIR` tells whether and by how much systems differ that a run loaded in turn.
`awsinvoker merge DIR DIR... --out DIR` joins the runs of --shard.
`awsinvoker experiment PLAN` makes the runs of a plan, goes on after an interruption, and compares its systems.

Flags may be written with one dash or two, and with a space or `=` before the value. The last one counts.
AWSINVOKER_LOG sets what is logged to stderr: error, warn, info or debug (default: info).

A function reports its own latency: its answer is a JSON object with a number `latency` in seconds, or a JSON string \
that holds such an object. JSON without it is a success whose function latency is not known.";

/// The first word of the command line with which awsinvoker starts itself to keep an instance of a function.
pub const KEEP_INSTANCE: &str = "keep-instance";

/// The name of the endpoints file that is read if none is given.
pub const DEFAULT_ENDPOINTS_FILE: &str = "endpoints.json";

/// Sends requests to functions by a schedule, even if they are too slow for it, and records their latencies.
#[derive(Clone, Debug, Parser)]
#[command(name = "awsinvoker", version, after_help = EXIT_CODES, args_override_self = true)]
pub struct Args {
    /// File with what to call: a JSON array of {"hostname": FUNCTION, "payload": ANY JSON, "eventing": BOOL}, with more
    /// keys in docs/reference.md. Only `hostname` is required [default: endpoints.json; if there is none, --local calls
    /// both functions of this project]
    #[arg(long, alias = "endpointsFile", value_name = "FILE")]
    pub endpoints_file: Option<PathBuf>,
    /// When to call.
    #[command(flatten)]
    pub load: LoadArgs,
    /// File for the latencies that the functions report. The rate of successful requests is put before its name, as in
    /// rps19.98_lat.csv
    #[arg(long, value_name = "FILE", default_value = "lat.csv")]
    pub latf: PathBuf,
    /// Print a line for each request
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value = "false", action = ArgAction::Set, value_parser = go_bool, hide_default_value = true)]
    pub dbg: bool,
    /// Show the progress also if standard error is no terminal: a line a second
    #[arg(long)]
    pub progress: bool,
    /// Show neither the progress nor the line at the start
    #[arg(long, conflicts_with = "progress")]
    pub quiet: bool,
    /// Wait until this machine is not busier than this, in percent of all its processors, as in 10%. A run during which
    /// other processes took more gets a warning
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub require_idle: Option<f64>,
    /// How long to wait for that, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60.0,
        value_parser = seconds(IDLE_WITHIN),
        allow_negative_numbers = true,
        requires = "require_idle"
    )]
    pub require_idle_within: f64,
    /// What is checked before the run.
    #[command(flatten)]
    pub preflight: PreflightArgs,
    /// Where the functions are.
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// Write the results also in the form of another tool, into the folder for the results; may be repeated
    #[arg(long, value_enum, action = ArgAction::Append)]
    pub format: Vec<FormatArg>,
    /// Folder for the results, new or empty [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Time-out of a call, in seconds
    #[arg(
        long,
        alias = "grpcTimeout",
        value_name = "SECONDS",
        default_value_t = 60.0,
        value_parser = seconds(TIMEOUT),
        allow_negative_numbers = true
    )]
    pub timeout: f64,
    /// Most calls in flight at once. A request that is due beyond that is not sent, and is recorded as dropped
    #[arg(long, value_name = "CALLS", default_value_t = 1000, value_parser = number::<u32>(CALLS))]
    pub max_in_flight: u32,
    /// Threads that make calls and read answers. One is best until it is busy: more of them take cores from what is
    /// measured
    #[arg(long, value_name = "THREADS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,
    /// How the system schedules these threads. With `auto`, before all other threads if the system permits it
    #[arg(long, value_enum, default_value_t)]
    pub scheduling: SchedulingArg,
    /// Whether to spin instead of sleeping for the last 0.3 ms before a request is due, to be less late. With `auto`, if there
    /// is one worker, and at most 110 requests a second, for which it takes 3.3 % of a processor
    #[arg(long, value_enum, default_value_t)]
    pub spin: SpinArg,
    /// File with the prices of AWS Lambda: AWS's price list (offer file) of a region, or one as in docs/reference.md
    /// [default: those of us-east-1]
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Do not begin if the run may cost more than this, in US dollars
    #[arg(long, value_name = "USD", value_parser = usd, allow_negative_numbers = true)]
    pub max_cost: Option<f64>,
    /// What a call is expected to be billed, in seconds, for --max-cost [default: the time-out of its function, and 10
    /// s for its initialisation]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_within(BILLED, 0.001..=900.0), requires = "max_cost", allow_negative_numbers = true)]
    pub expect_duration: Option<f64>,
    /// What the results have to keep, as in 'chameleon.response.p99<250ms' or 'ok>99%'; without an endpoint, or with *,
    /// for every endpoint; may be repeated
    #[arg(long, value_name = "THRESHOLD", action = ArgAction::Append)]
    pub threshold: Vec<String>,
}

/// Where the functions are whose entries do not say it. Without any of these flags they are on AWS, as AWS's own tools
/// are configured.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlatformArgs {
    /// Start the functions of the endpoints file for this run, and call them: a lambda-local with those of Lambda, and
    /// those behind gRPC as they are. Entries that say where their function is are called there instead: with an
    /// `endpoint_url`, a `region` or a `profile`, or behind gRPC with a `port`, `tls` or a host name with a dot. The
    /// programs of this project are looked for beside this program and in PATH, and all others beside this program,
    /// unless their entries name a `program`
    #[arg(long, conflicts_with_all = ["endpoint_url", "region", "profile"])]
    pub local: bool,
    /// Run the functions of --local from the Docker images of their names (NAME:latest), in containers
    #[arg(long, requires = "local", conflicts_with = "endpoint_url")]
    pub images: bool,
    /// How many instances of each function behind gRPC --local starts [default: 1]
    #[arg(long, value_name = "N", requires = "local", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub instances: Option<u16>,
    /// Environment variable for the functions of --local; may be repeated, and is saved in run.json
    #[arg(long, value_name = "KEY=VALUE", requires = "local", conflicts_with = "endpoint_url", action = ArgAction::Append)]
    pub env: Vec<String>,
    /// Address of a server that speaks Lambda's Invoke API. If it is on this machine and no credentials are
    /// configured, placeholders are used
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// AWS region [default: as AWS's own tools]
    #[arg(long)]
    pub region: Option<String>,
    /// Profile in AWS's configuration files [default: as AWS's own tools]
    #[arg(long)]
    pub profile: Option<String>,
    /// Port of the functions behind gRPC whose entries name none [default: 80, with TLS 443]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Version of HTTP of calls of Lambda. HTTP/2 is negotiated with TLS, and spoken at once without it. A server that does not
    /// speak it is not called
    #[arg(long, value_enum, value_name = "VERSION", default_value_t = HttpArg::Http1)]
    pub http: HttpArg,
    /// Whether connections are used again
    #[arg(long, value_enum, default_value_t = ConnectionsArg::Pooled)]
    pub connections: ConnectionsArg,
    /// Connections to make before the start, so that the first calls need not wait for them
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 0, value_parser = number::<u32>(CONNECTIONS))]
    pub warm_connections: u32,
}

/// A form of results that another tool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// invitro.csv: a line for each request, with the columns of invitro
    Invitro,
    /// vegeta.json: what `vegeta report -type=json` prints
    Vegeta,
    /// oha.json: what `oha --output-format json` prints
    Oha,
    /// k6.json: what k6 writes for --summary-export
    K6,
    /// prometheus.txt: metrics for Prometheus, as its textfile collector reads them
    Prometheus,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HttpArg {
    /// HTTP/1.1
    #[default]
    #[value(name = "1.1")]
    Http1,
    /// HTTP/2, one call at a time on each connection
    #[value(name = "2")]
    Http2,
}

/// Whether connections are used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ConnectionsArg {
    /// A call takes an idle connection, or makes one
    #[default]
    Pooled,
    /// A call makes a connection, and closes it
    PerCall,
}

/// How the system schedules the threads that make calls and read answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchedulingArg {
    /// Before all others if that is permitted, else fairly
    #[default]
    Auto,
    /// Fairly, among all threads of this machine
    Normal,
    /// Before all others, or not at all
    RealTime,
}

/// Whether the load generator spins before requests are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpinArg {
    /// If that takes little of a processor
    #[default]
    Auto,
    /// At every rate. Near 3000 requests a second, that takes a whole processor
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make a run.
    Run(Box<Args>),
    /// Print the results of runs again.
    Report(ReportArgs),
    /// Join the runs of shards.
    Merge(MergeArgs),
    /// Compare systems.
    Compare(CompareArgs),
    /// Compare systems as a plan says.
    Experiment(ExperimentArgs),
    /// Run one instance of a function. awsinvoker starts itself so.
    Keep(Vec<OsString>),
}

impl Command {
    /// Reads a command line, the first word being the program's name.
    ///
    /// # Errors
    /// The form is wrong, or help or the version was asked for.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        match args.get(1) {
            Some(word) if word == KEEP_INSTANCE => Ok(Self::Keep(args[2..].to_vec())),
            Some(word) if word == "compare" => CompareArgs::try_parse_from(&args[1..]).map(Self::Compare),
            Some(word) if word == "experiment" => {
                ExperimentArgs::try_parse_from(&args[1..]).map(Self::Experiment)
            }
            Some(word) if word == "report" => ReportArgs::try_parse_from(&args[1..]).map(Self::Report),
            Some(word) if word == "merge" => MergeArgs::try_parse_from(&args[1..]).map(Self::Merge),
            _ => Args::parse_from_go_style(args).map(|args| Self::Run(Box::new(args))),
        }
    }
}

impl Args {
    /// Reads a command line, the first word being the program's name.
    ///
    /// # Errors
    /// The form is wrong, or help or the version was asked for.
    pub fn parse_from_go_style(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(go_flags::to_gnu(args)).map_err(vswarm_flags::explained)
    }
}

/// The spellings that Go's `strconv.ParseBool` takes.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("awsinvoker").chain(line.split_whitespace());
        Args::parse_from_go_style(words.map(OsString::from))
    }

    #[test]
    fn the_original_command_line() {
        let args = parse("-latf 180_chameleon_cnn.csv -endpointsFile e.json -time 180").unwrap();
        assert_eq!(args.latf, Path::new("180_chameleon_cnn.csv"));
        assert_eq!(args.endpoints_file.as_deref(), Some(Path::new("e.json")));
        assert_eq!((args.load.time, args.load.rps), (Some(180.0), None));
        assert!(!args.dbg);
    }

    #[test]
    fn go_and_gnu_forms_mix_and_the_last_counts() {
        let args =
            parse("-rps=3 --rps 4 -dbg -dbg=f -dbg=TRUE --endpoints-file a --endpointsFile b").unwrap();
        assert_eq!((args.load.rps, args.dbg), (Some(4.0), true));
        assert_eq!(args.endpoints_file.as_deref(), Some(Path::new("b")));
        assert!(!parse("-dbg -dbg=0").unwrap().dbg);
        assert_eq!(parse("--local --env A=1 --env B=2 --local").unwrap().platform.env, ["A=1", "B=2"]);
    }

    #[test]
    fn the_result_of_a_run_is_asked_for_by_its_first_word() {
        let command = |line: &str| Command::parse(line.split(' ').map(OsString::from));
        let Ok(Command::Report(args)) = command("awsinvoker report runs/1") else { panic!("no report") };
        assert_eq!(args.folders, [Path::new("runs/1")]);
        assert!(command("awsinvoker report").is_err());
        let Ok(Command::Run(args)) = command("awsinvoker -latf report --require-idle 7.5%") else {
            panic!("no run")
        };
        assert_eq!((args.latf.as_path(), args.require_idle), (Path::new("report"), Some(7.5)));
    }

    #[test]
    fn a_comparison_is_asked_for_by_its_first_word() {
        let command = |line: &str| Command::parse(line.split(' ').map(OsString::from));
        let Ok(Command::Compare(args)) = command("awsinvoker compare runs/1 --margin 2% --window 10s") else {
            panic!("no comparison")
        };
        assert_eq!((args.folders, args.margin), (vec![PathBuf::from("runs/1")], Some(2.0)));
        for wrong in
            ["awsinvoker compare", "awsinvoker compare a --margin 0", "awsinvoker compare a --margin x%"]
        {
            assert!(command(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wrong_forms() {
        let message = |line| parse(line).unwrap_err().to_string();
        insta::assert_snapshot!(message("-rps fast"), @"
        error: invalid value 'fast' for '--rps <RATE>': expected a number from 0.000001 to 100000

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("-prt 80"), @"
        error: unexpected argument '--prt' found

          tip: a similar argument exists: '--port'

        Usage: awsinvoker --port <PORT>

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("--local --endpoint-url http://127.0.0.1:1"), @"
        error: the argument '--local' cannot be used with '--endpoint-url <URL>'

        Usage: awsinvoker --local

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("--env A=1"), @"
        error: the following required arguments were not provided:
          --local

        Usage: awsinvoker --local --env <KEY=VALUE>

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("--images"), @"
        error: the following required arguments were not provided:
          --local

        Usage: awsinvoker --local --images

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("-dbg=maybe"), @"
        error: invalid value 'maybe' for '--dbg[=<BOOL>]': expected true or false

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("--require-idle=-5%"), @"
        error: invalid value '-5%' for '--require-idle <PERCENT>': expected 0% to 100%

        For more information, try '--help'.
        ");
        insta::assert_snapshot!(message("endpoints.json"), @"
        error: unexpected argument 'endpoints.json' found

        Usage: awsinvoker [OPTIONS]

        For more information, try '--help'.
        ");
    }
}
