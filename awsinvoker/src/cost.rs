//! `--prices` and `--max-cost`: what calls are billed, and what a run may cost before it begins.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use run_record::cost::{EndpointPrice, Prices};
use run_record::price_list::{PriceList, PriceListError};
use run_record::run_info::{FunctionInfo, PlatformKind};

use crate::plan::endpoints::Endpoint;
use crate::plan::{ColdLoop, Plan, Workload};
use crate::platform::{Description, EndpointDescription};

/// A larger file of prices is refused.
const MAX_PRICES_BYTES: u64 = 32 << 20;
/// An environment may take so long to initialise, which is billed as well.
const MAX_INIT_S: f64 = 10.0;
/// What to do if nothing is known of a function.
const ALLOW_DESCRIPTION: &str = "; allow awsinvoker lambda:GetFunctionConfiguration, which tells it";
/// Lambda tries an asynchronous event up to so many times if it fails.
const ASYNCHRONOUS_ATTEMPTS: f64 = 3.0;

/// What a run may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostLimit {
    /// US dollars.
    pub usd: f64,
    /// What a call is expected to be billed, in seconds. Without it, a call may take as long as its function may.
    pub expected_s: Option<f64>,
}

/// What a run costs at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ExpectedCost {
    /// US dollars.
    pub(crate) usd: f64,
    /// Its calls.
    pub(crate) calls: u64,
}

/// Why a file of prices cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PricesError {
    #[error("--prices {}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("--prices {}: the file has more than 32 MiB", .0.display())]
    TooLarge(PathBuf),
    #[error("--prices {}: {source}", path.display())]
    Content { path: PathBuf, source: PriceListError },
}

/// Why a run does not begin that must not cost too much.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum CostError {
    #[error(
        "--max-cost is {limit_usd} USD, but {calls} calls may cost {estimate_usd:.6} USD if each is billed {basis}: \
         make the load smaller, or allow more{advice}"
    )]
    TooExpensive { limit_usd: f64, estimate_usd: f64, calls: u64, basis: String, advice: &'static str },
    #[error("--max-cost: the cost of a call of {endpoint} is not known: {reason}{advice}")]
    Unknown { endpoint: String, reason: String, advice: &'static str },
    #[error(
        "--max-cost: a closed loop has no number of calls, so its cost is not known before; use --rps or --stages"
    )]
    ClosedLoop,
}

/// Reads a file of prices, or takes those that are known.
pub(crate) fn price_list(path: Option<&Path>) -> Result<PriceList, PricesError> {
    let Some(path) = path else { return Ok(PriceList::built_in()) };
    let mut json = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PRICES_BYTES + 1).read_to_end(&mut json));
    read.map_err(|source| PricesError::Read { path: path.to_owned(), source })?;
    if json.len() as u64 > MAX_PRICES_BYTES {
        return Err(PricesError::TooLarge(path.to_owned()));
    }
    PriceList::read(&json).map_err(|source| PricesError::Content { path: path.to_owned(), source })
}

/// The prices of the endpoints of a plan on a platform.
pub(crate) fn prices(list: &PriceList, plan: &Plan, platform: &Description) -> Prices {
    let endpoints = plan.endpoints.list.iter().zip(&platform.endpoints).map(|(endpoint, described)| {
        let function = function(platform, endpoint, described);
        let architecture = function.and_then(|function| function.architecture.clone());
        let target = platform.targets.get(described.target)?;
        if target.platform != PlatformKind::Lambda {
            return None;
        }
        let region = target.region.clone();
        Some(EndpointPrice {
            on_aws: described.on_aws,
            price: region.as_ref().zip(architecture.as_ref()).and_then(|(region, it)| list.price(region, it)),
            region,
            architecture,
            memory_mib: function.and_then(|function| function.memory_mb).map(Into::into),
        })
    });
    Prices { date: list.date.clone(), source: list.source.clone(), endpoints: endpoints.collect() }
}

/// What is known of the function that an endpoint calls.
fn function<'a>(
    platform: &'a Description,
    endpoint: &Endpoint,
    described: &EndpointDescription,
) -> Option<&'a FunctionInfo> {
    let is_called =
        |function: &&FunctionInfo| function.target == described.target && function.name == endpoint.hostname;
    platform.functions.iter().find(is_called)
}

/// Why it is not known what calls of an endpoint on AWS cost; `None` if it is known of all.
pub(crate) fn unknown_on_aws(prices: &Prices, plan: &Plan) -> Option<String> {
    let on_aws = prices.endpoints.iter().zip(&plan.endpoints.list);
    let mut on_aws =
        on_aws.filter_map(|(price, endpoint)| Some((price.as_ref().filter(|it| it.on_aws)?, endpoint)));
    on_aws.find_map(|(price, endpoint)| Some(format!("{}: {}", endpoint.name, price.unknown()?)))
}

/// Checks that a run cannot cost more than it may.
pub(crate) fn check(
    limit: CostLimit,
    plan: &Plan,
    prices: &Prices,
    platform: &Description,
    has_preflight: bool,
) -> Result<(), CostError> {
    let ExpectedCost { usd, calls } = estimate(limit.expected_s, plan, prices, platform, has_preflight)?;
    if usd <= limit.usd {
        return Ok(());
    }
    let advice = match limit.expected_s {
        Some(_) => "",
        None => ", or say what a call is billed with --expect-duration SECONDS",
    };
    let (limit_usd, basis) = (limit.usd, basis(limit.expected_s));
    Err(CostError::TooExpensive { limit_usd, estimate_usd: usd, calls, basis, advice })
}

/// What each call is taken to be billed, in words.
pub(crate) fn basis(expected_s: Option<f64>) -> String {
    match expected_s {
        Some(seconds) => format!("{seconds} s"),
        None => format!(
            "the time-out of its function and {MAX_INIT_S} s of initialisation, which is the worst case"
        ),
    }
}

/// What a run costs at most, with its warm-up, its prewarming calls and its preflight, if it has them. A call is billed
/// `expected_s` seconds, or in the worst case what its function may take.
pub(crate) fn estimate(
    expected_s: Option<f64>,
    plan: &Plan,
    prices: &Prices,
    platform: &Description,
    has_preflight: bool,
) -> Result<ExpectedCost, CostError> {
    let mut calls = calls(plan).ok_or(CostError::ClosedLoop)?;
    if has_preflight {
        calls.iter_mut().for_each(|calls| *calls = calls.saturating_add(1));
    }
    if let Some(prewarm) = plan.prewarm {
        calls.iter_mut().for_each(|calls| *calls = calls.saturating_add(prewarm.get().into()));
    }
    let mut estimated_usd = 0.0;
    let endpoints = plan.endpoints.list.iter().zip(&platform.endpoints);
    for (((endpoint, described), price), calls) in endpoints.zip(&prices.endpoints).zip(&calls) {
        let Some(price) = price else { continue };
        let timeout_s = function(platform, endpoint, described).and_then(|function| function.timeout_s);
        let attempts = if endpoint.asynchronous { ASYNCHRONOUS_ATTEMPTS } else { 1.0 };
        let usd = call_usd(expected_s, price, timeout_s, attempts);
        let name = || endpoint.name.clone();
        let usd = usd.map_err(|(reason, advice)| CostError::Unknown { endpoint: name(), reason, advice })?;
        estimated_usd += usd * *calls as f64;
    }
    Ok(ExpectedCost { usd: estimated_usd, calls: calls.iter().sum() })
}

/// How often each endpoint is called at most, with the warm-up; `None` for a closed loop, which has no number of calls, and
/// for a loop of cold calls that time alone ends.
fn calls(plan: &Plan) -> Option<Vec<u64>> {
    let warm_up = plan.warm_up_ns.map(|ns| plan.workload.beginning(ns));
    let mut calls = vec![0; plan.endpoints.list.len()];
    for workload in std::iter::once(&plan.workload).chain(&warm_up) {
        match workload {
            Workload::Open(schedule) => schedule.iter().for_each(|arrival| calls[arrival.endpoint] += 1),
            Workload::Cold(ColdLoop { calls: Some(most), .. }) => calls.fill(*most),
            Workload::Closed(_) | Workload::Cold(_) => return None,
        }
    }
    Some(calls)
}

/// The most that a call of an endpoint costs. Otherwise why that is not known, and what to do.
fn call_usd(
    expected_s: Option<f64>,
    endpoint: &EndpointPrice,
    timeout_s: Option<u32>,
    attempts: f64,
) -> Result<f64, (String, &'static str)> {
    let price = endpoint.price.ok_or_else(|| {
        let advice = match (&endpoint.region, &endpoint.architecture) {
            (_, None) => ALLOW_DESCRIPTION,
            (None, Some(_)) => "; name it with --region",
            (Some(_), Some(_)) => "; give its price with --prices FILE",
        };
        (endpoint.unknown().unwrap_or_default(), advice)
    })?;
    let memory_mib =
        endpoint.memory_mib.ok_or_else(|| ("its memory is not known".to_owned(), ALLOW_DESCRIPTION))?;
    let seconds = match (expected_s, timeout_s) {
        (Some(seconds), _) => seconds,
        (None, Some(timeout_s)) => (f64::from(timeout_s) + MAX_INIT_S) * attempts,
        (None, None) => {
            return Err(("its time-out is not known".to_owned(), "; give --expect-duration SECONDS"));
        }
    };
    let attempts = if expected_s.is_some() { 1.0 } else { attempts };
    Ok(price.request_usd(memory_mib, seconds) + price.request_usd(0, 0.0) * (attempts - 1.0))
}

/// The limit that the command line sets.
pub(crate) fn limit(usd: Option<f64>, expected_s: Option<f64>) -> Option<CostLimit> {
    usd.map(|usd| CostLimit { usd, expected_s })
}

#[cfg(test)]
mod tests {
    use run_record::run_info::{ConnectionInfo, Connections, PlatformKind, TargetInfo};

    use super::*;
    use crate::cli::Args;

    fn plan(line: &str, endpoints: &str) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.json");
        std::fs::write(&file, endpoints).unwrap();
        let line = format!("awsinvoker {line} -endpointsFile {}", file.display());
        Plan::resolve(&Args::parse_from_go_style(line.split_whitespace().map(Into::into)).unwrap()).unwrap()
    }

    /// A platform with the functions `f` and `g`; `g` has twice the memory of `f`.
    fn platform(region: &str) -> Description {
        let function = |name: &str, memory_mb| FunctionInfo {
            name: name.to_owned(),
            memory_mb: Some(memory_mb),
            timeout_s: Some(10),
            architecture: Some("arm64".to_owned()),
            ..FunctionInfo::default()
        };
        let target = TargetInfo {
            platform: PlatformKind::Lambda,
            address: String::new(),
            region: Some(region.to_owned()),
            profile: None,
            local: None,
            instances: Vec::new(),
            docker: None,
            env: Vec::new(),
            connection: ConnectionInfo {
                http: "1.1".to_owned(),
                reuse: Connections::Pooled,
                warm_connections: 0,
            },
        };
        let endpoint = EndpointDescription { on_aws: true, ..EndpointDescription::default() };
        Description {
            targets: vec![target],
            functions: vec![function("f", 1024), function("g", 2048)],
            endpoints: vec![endpoint; 2],
            versions: Vec::new(),
        }
    }

    const BOTH: &str = r#"[{"hostname": "f"}, {"hostname": "g", "weight": 3}]"#;

    fn checked(line: &str, usd: f64, expected_s: Option<f64>, platform: &Description) -> String {
        let plan = plan(line, BOTH);
        let prices = prices(&PriceList::built_in(), &plan, platform);
        let checked =
            check(CostLimit { usd, expected_s }, &plan, &prices, platform, line.contains("--preflight"));
        checked.map_or_else(|error| error.to_string(), |()| "allowed".to_owned())
    }

    #[test]
    fn a_run_may_cost_what_its_calls_are_billed() {
        let aws = platform("us-east-1");
        // 1,000 calls of (1 + 3 * 2) / 4 GB on average, for 2 s each, and 500 more in the warm-up.
        let per_call = 0.20 / 1e6 + 1.75 * 2.0 * 0.000_013_333_4;
        let line = "-rps 100 -time 10 --warm-up 5";
        assert_eq!(checked(line, per_call * 1500.0 * 1.001, Some(2.0), &aws), "allowed");
        insta::assert_snapshot!(checked(line, 0.07, Some(2.0), &aws), @"--max-cost is 0.07 USD, but 1500 calls may cost 0.070300 USD if each is billed 2 s: make the load smaller, or allow more");
        insta::assert_snapshot!(checked("-rps 100 -time 10", 0.4, None, &aws), @"--max-cost is 0.4 USD, but 1000 calls may cost 0.466869 USD if each is billed the time-out of its function and 10 s of initialisation, which is the worst case: make the load smaller, or allow more, or say what a call is billed with --expect-duration SECONDS");
        // Each endpoint once: 1 GB and 2 GB for 2 s each.
        let before = 2.0 * 0.20 / 1e6 + 3.0 * 2.0 * 0.000_013_333_4;
        let line = "-rps 100 -time 10 --preflight";
        assert_eq!(checked(line, (per_call * 1000.0 + before) * 1.000_001, Some(2.0), &aws), "allowed");
        assert!(checked(line, per_call * 1000.0 + before * 0.9, Some(2.0), &aws).contains("1002 calls"));
    }

    #[test]
    fn what_is_not_known_is_no_reason_to_begin() {
        let mut unknown = platform("us-east-1");
        unknown.functions[1].timeout_s = None;
        insta::assert_snapshot!(checked("", 1.0, None, &unknown), @"--max-cost: the cost of a call of g is not known: its time-out is not known; give --expect-duration SECONDS");
        assert_eq!(checked("", 1.0, Some(1.0), &unknown), "allowed");
        unknown.functions.clear();
        insta::assert_snapshot!(checked("", 1.0, Some(1.0), &unknown), @"--max-cost: the cost of a call of f is not known: the function's architecture is not known; allow awsinvoker lambda:GetFunctionConfiguration, which tells it");
        insta::assert_snapshot!(checked("", 1.0, None, &platform("eu-west-1")), @"--max-cost: the cost of a call of f is not known: no price for arm64 in eu-west-1; give its price with --prices FILE");
        insta::assert_snapshot!(checked("--concurrency 2", 1.0, Some(1.0), &platform("us-east-1")), @"--max-cost: a closed loop has no number of calls, so its cost is not known before; use --rps or --stages");
    }

    #[test]
    fn prices_of_other_regions_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.json");
        let text = r#"{"date": "2026-01-01", "source": "a contract", "regions": {"eu-west-1":
            {"usd_per_million_requests": 0.1, "usd_per_gb_s": {"arm64": 0.00001}}}}"#;
        std::fs::write(&path, text).unwrap();
        let list = price_list(Some(&path)).unwrap();
        let prices = prices(&list, &plan("", BOTH), &platform("eu-west-1"));
        assert_eq!((prices.date.as_str(), prices.source.as_str()), ("2026-01-01", "a contract"));
        let endpoint = prices.endpoints[1].as_ref().unwrap();
        assert_eq!((endpoint.on_aws, endpoint.memory_mib, endpoint.unknown()), (true, Some(2048), None));
        assert_eq!(endpoint.price, list.price("eu-west-1", "arm64"));
        let error = |path: &Path| {
            let error = price_list(Some(path)).unwrap_err().to_string();
            error.replace(folder.path().to_str().unwrap(), "DIR")
        };
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(error(&path), "--prices DIR/prices.json: missing field `date` at line 1 column 2");
        let missing = "--prices DIR/missing: cannot be read: No such file or directory (os error 2)";
        assert_eq!(error(&folder.path().join("missing")), missing);
        assert_eq!(error(Path::new("/dev/zero")), "--prices /dev/zero: the file has more than 32 MiB");
    }
}
