//! What a run will do: whom it calls, when, and within which bounds. The command line is resolved and checked here before
//! anything starts.

pub mod endpoints;
pub mod schedule;

use std::path::{Path, PathBuf};
use std::time::Duration;

use run_record::run_info::Arrivals;
use run_record::threshold::ThresholdError;
use run_record::{Threshold, units};

use crate::cli::{Args, ArrivalsArg};
use endpoints::{Endpoints, EndpointsError};
use schedule::{Rate, Schedule};

const MAX_TIME_S: f64 = 7.0 * 24.0 * 3600.0;
const MIN_TIME_S: f64 = 1e-3;
const MAX_TIMEOUT_S: f64 = 3600.0;
const MAX_IN_FLIGHT: u32 = 100_000;

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to call.
    pub endpoints: Endpoints,
    /// When to call.
    pub schedule: Schedule,
    /// What a call may take altogether.
    pub timeout: Duration,
    /// Calls in flight at once.
    pub max_in_flight: u32,
    /// The folder for results, if not the default.
    pub out: Option<PathBuf>,
    /// The file of latencies of the original invoker.
    pub latency_file: LatencyFile,
    /// Whether to print a line for each request.
    pub print_requests: bool,
    /// What is demanded of the results.
    pub thresholds: Vec<Threshold>,
}

/// Where the file of latencies goes. Its name is known at the end, since it holds the rate of successful requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyFile {
    /// The folder; empty for the working directory.
    pub folder: PathBuf,
    /// The name that the user chose.
    pub name: String,
}

/// A value of the command line that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PlanError {
    #[error("{flag} is {value}, expected {expected}")]
    Value { flag: &'static str, value: String, expected: String },
    #[error("--threshold {threshold}: {source}")]
    Threshold { threshold: String, source: ThresholdError },
    #[error("--threshold {threshold}: there is no endpoint `{name}`, expected one of {known}")]
    ThresholdEndpoint { threshold: String, name: String, known: String },
    #[error(transparent)]
    Endpoints(#[from] EndpointsError),
}

impl Plan {
    /// Resolves the command line.
    ///
    /// # Errors
    /// A value is out of bounds, or the endpoints file cannot be used.
    pub fn resolve(args: &Args) -> Result<Self, PlanError> {
        let rate = Rate::from_rps(args.rps).ok_or_else(|| {
            let expected = format!("a number from {} to {}", Rate::MIN_RPS, Rate::MAX_RPS);
            PlanError::Value { flag: "--rps", value: args.rps.to_string(), expected }
        })?;
        let duration_ns = units::ns_from_s(seconds_within("--time", args.time, MAX_TIME_S)?);
        let timeout = Duration::from_secs_f64(seconds_within("--timeout", args.timeout, MAX_TIMEOUT_S)?);
        let max_in_flight = max_in_flight(args.max_in_flight)?;
        let latency_file = LatencyFile::new(&args.latf)?;
        let endpoints = endpoints::read(args.endpoints_file.as_deref())?;
        let arrivals = match args.arrivals {
            ArrivalsArg::Constant => Arrivals::Constant,
            ArrivalsArg::Poisson => Arrivals::Poisson,
        };
        let thresholds = thresholds(&args.threshold, &endpoints.names())?;
        let slots = endpoints.slots.clone();
        Ok(Self {
            schedule: Schedule { rate, duration_ns, arrivals, seed: args.seed, slots },
            endpoints,
            timeout,
            max_in_flight,
            out: args.out.clone(),
            latency_file,
            print_requests: args.dbg,
            thresholds,
        })
    }
}

impl LatencyFile {
    fn new(latf: &Path) -> Result<Self, PlanError> {
        let parts = latf.parent().zip(latf.file_name().and_then(|name| name.to_str()));
        match parts {
            Some((folder, name)) if !latf.as_os_str().to_string_lossy().ends_with('/') => {
                Ok(Self { folder: folder.to_owned(), name: name.to_owned() })
            }
            _ => Err(PlanError::Value {
                flag: "--latf",
                value: format!("`{}`", latf.display()),
                expected: "the name of a file, with or without a folder".to_owned(),
            }),
        }
    }
}

fn seconds_within(flag: &'static str, seconds: f64, max: f64) -> Result<f64, PlanError> {
    if (MIN_TIME_S..=max).contains(&seconds) {
        return Ok(seconds);
    }
    let expected = format!("seconds from {MIN_TIME_S} to {max}");
    Err(PlanError::Value { flag, value: seconds.to_string(), expected })
}

/// Reads thresholds, which may be about these endpoints.
fn thresholds(texts: &[String], names: &[String]) -> Result<Vec<Threshold>, PlanError> {
    let read = |text: &String| {
        let parsed: Result<Threshold, _> = text.parse();
        let threshold = parsed.map_err(|source| PlanError::Threshold { threshold: text.clone(), source })?;
        match threshold.endpoint().filter(|name| !names.iter().any(|known| known == name)) {
            None => Ok(threshold),
            Some(name) => Err(PlanError::ThresholdEndpoint {
                threshold: text.clone(),
                name: name.to_owned(),
                known: names.join(", "),
            }),
        }
    };
    texts.iter().map(read).collect()
}

fn max_in_flight(calls: u32) -> Result<u32, PlanError> {
    if (1..=MAX_IN_FLIGHT).contains(&calls) {
        return Ok(calls);
    }
    let expected = format!("a number from 1 to {MAX_IN_FLIGHT}");
    Err(PlanError::Value { flag: "--max-in-flight", value: calls.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str, endpoints: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, endpoints).unwrap();
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        let args = Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap();
        let place = folder.path().to_str().unwrap();
        Plan::resolve(&args).map_err(|error| error.to_string().replace(place, "DIR"))
    }

    const ONE: &str = r#"[{"hostname": "f"}]"#;

    #[test]
    fn messages_name_flag_value_and_what_was_expected() {
        let message = |line: &str, endpoints: &str| resolve(line, endpoints).unwrap_err();
        insta::assert_snapshot!(message("-rps 0", ONE), @"--rps is 0, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-rps NaN", ONE), @"--rps is NaN, expected a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("-time -3", ONE), @"--time is -3, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("-time inf", ONE), @"--time is inf, expected seconds from 0.001 to 604800");
        insta::assert_snapshot!(message("--timeout 0", ONE), @"--timeout is 0, expected seconds from 0.001 to 3600");
        insta::assert_snapshot!(message("--max-in-flight 0", ONE), @"--max-in-flight is 0, expected a number from 1 to 100000");
        insta::assert_snapshot!(message("--threshold g.ok>1%", ONE), @"--threshold g.ok>1%: there is no endpoint `g`, expected one of f");
        insta::assert_snapshot!(message("--threshold response.p99<9", ONE), @"--threshold response.p99<9: the bound is `9`, expected a duration from 0 on with its unit: ns, us, ms or s, as in 250ms");
        insta::assert_snapshot!(message("", "[]"), @r#"--endpoints-file DIR/e.json: the array is empty, expected at least one entry like {"hostname": "chameleon"}"#);
    }

    #[test]
    fn the_latency_file_needs_a_name() {
        for latf in ["", "/", "dir/", ".."] {
            let error = LatencyFile::new(Path::new(latf)).unwrap_err().to_string();
            let expected =
                format!("--latf is `{latf}`, expected the name of a file, with or without a folder");
            assert_eq!(error, expected);
        }
        let file = LatencyFile::new(Path::new("dir/x.csv")).unwrap();
        assert_eq!(file, LatencyFile { folder: "dir".into(), name: "x.csv".to_owned() });
    }

    #[test]
    fn the_endpoints_file_has_a_default() {
        let args = Args::parse_from_go_style(["awsinvoker".into()]).unwrap();
        // The tests run in the folder of the package, where there is none.
        let error = Plan::resolve(&args).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r#"endpoints.json, which is read if --endpoints-file is not given: cannot be read: No such file or directory (os error 2); make one like [{"hostname": "chameleon"}]"#);
    }
}
