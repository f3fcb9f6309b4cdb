//! The file that says which functions there are and how each answers. Whatever is wrong with it is named.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Value;

use super::distribution::{Distribution, MAX_LATENCY_NS, whole_ns};
use super::model::{Behaviour, Kind};
use crate::config::{MAX_NAME, is_function_name};
use crate::toml_fields::{FieldError, Fields};

/// The largest plan, in bytes.
const MAX_PLAN_BYTES: u64 = 1 << 20;
/// The largest file of latencies, in bytes.
const MAX_LATENCIES_BYTES: u64 = 64 << 20;

/// A longer text is cut in a message.
const MAX_SHOWN_CHARS: usize = 40;

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// The reasons for which Lambda throttles a request.
const THROTTLE_REASONS: [&str; 5] = [
    "ConcurrentInvocationLimitExceeded",
    "ReservedFunctionConcurrentInvocationLimitExceeded",
    "FunctionInvocationRateLimitExceeded",
    "ReservedFunctionInvocationRateLimitExceeded",
    "CallerRateLimitExceeded",
];

/// A plan: functions whose answers are drawn.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Where all random numbers come from.
    pub(crate) seed: u64,
    /// How each function answers, by its name.
    pub(crate) functions: BTreeMap<String, Behaviour>,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has more than {limit} bytes; expected a shorter file", path.display())]
    TooLong { path: PathBuf, limit: u64 },
    #[error("{}: {source}", path.display())]
    Field { path: PathBuf, source: FieldError },
    #[error("{}, line {line}: {text:?} is not a latency; expected {expected}", path.display())]
    Latency { path: PathBuf, line: usize, text: String, expected: String },
    #[error("{} is empty; expected one latency on each line", path.display())]
    NoLatencies { path: PathBuf },
}

/// Why a table cannot be used. Its file is named later.
enum TableError {
    Field(FieldError),
    /// A file that the table names.
    File(PlanError),
}

impl From<FieldError> for TableError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl Plan {
    /// Reads the plan from a TOML file, and the files of latencies that it names.
    ///
    /// # Errors
    /// If a file cannot be read or is not of the documented form.
    pub(crate) fn read(path: &Path) -> Result<Self, PlanError> {
        let text = read_text(path, MAX_PLAN_BYTES)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        plan(&text, folder).map_err(|error| match error {
            TableError::Field(source) => PlanError::Field { path: path.to_owned(), source },
            TableError::File(error) => error,
        })
    }
}

/// Reads a plan. Files that it names are relative to `folder`.
fn plan(text: &str, folder: &Path) -> Result<Plan, TableError> {
    let mut fields = Fields::parse(text)?;
    let seed =
        fields.optional("seed", "a whole number from 0", |value| u64::try_from(value.as_integer()?).ok())?;
    let named = "a table [functions.NAME] for each";
    let tables =
        fields.table("functions")?.ok_or_else(|| fields.missing("functions", named))?.into_tables()?;
    if tables.is_empty() {
        return Err(fields.missing("functions", named).into());
    }
    fields.finish(&["seed", "functions"])?;
    let functions = tables.into_iter().map(|(name, fields)| {
        let behaviour = behaviour(&name, fields, folder)?;
        Ok((name, behaviour))
    });
    Ok(Plan { seed: seed.unwrap_or(0), functions: functions.collect::<Result<_, TableError>>()? })
}

fn behaviour(name: &str, mut fields: Fields, folder: &Path) -> Result<Behaviour, TableError> {
    if !is_function_name(name) {
        let expected = format!("a name of 1 to {MAX_NAME} letters, digits, - and _");
        return Err(FieldError::Unknown { field: format!("functions.{name}"), expected }.into());
    }
    let latency = distribution(&mut fields, "latency", folder)?;
    let cold_starts = match fields.table("cold_starts")? {
        Some(mut table) => {
            let (share, init) = (share(&mut table, "share")?, distribution(&mut table, "init", folder)?);
            table.finish(&["share", "init"])?;
            Some((share, init))
        }
        None => None,
    };
    let faults = faults(&mut fields)?;
    let sum: f64 = faults.iter().map(|(share, _)| share).sum();
    // Shares such as 0.1 are not exact, and neither is their sum.
    if sum > 1.0 + 1e-9 {
        return Err(fields.wrong("(all shares of faults)", sum.to_string(), "at most 1").into());
    }
    fields.finish(&[
        "latency",
        "cold_starts",
        "throttles",
        "function_errors",
        "resets",
        "garbage",
        "stalls",
    ])?;
    Ok(Behaviour { latency, cold_starts, faults })
}

fn faults(fields: &mut Fields) -> Result<Vec<(f64, Kind)>, FieldError> {
    let mut faults = Vec::new();
    if let Some(mut table) = fields.table("throttles")? {
        let expected = format!("one of {}", THROTTLE_REASONS.join(", "));
        let reason = table.optional("reason", expected, |value| {
            THROTTLE_REASONS.into_iter().find(|reason| value.as_str() == Some(reason))
        })?;
        faults.push((share(&mut table, "share")?, Kind::Throttle(reason.unwrap_or(THROTTLE_REASONS[0]))));
        table.finish(&["share", "reason"])?;
    }
    for (key, kind) in
        [("function_errors", Kind::FunctionError), ("resets", Kind::Reset), ("garbage", Kind::Garbage)]
    {
        if let Some(mut table) = fields.table(key)? {
            faults.push((share(&mut table, "share")?, kind));
            table.finish(&["share"])?;
        }
    }
    if let Some(mut table) = fields.table("stalls")? {
        let ns = time(&mut table, "ms")?;
        faults.push((share(&mut table, "share")?, Kind::Stall { ns }));
        table.finish(&["share", "ms"])?;
    }
    Ok(faults)
}

/// The distribution in the table `key`, which names one kind of distribution.
fn distribution(fields: &mut Fields, key: &str, folder: &Path) -> Result<Distribution, TableError> {
    const KINDS: &str = "a table with constant, lognormal, bimodal or empirical";
    let mut kinds = fields.table(key)?.ok_or_else(|| fields.missing(key, KINDS))?;
    let distribution = if let Some(mut table) = kinds.table("constant")? {
        let ns = time(&mut table, "ms")?;
        table.finish(&["ms"])?;
        Distribution::Constant(ns)
    } else if let Some(table) = kinds.table("lognormal")? {
        lognormal(table)?
    } else if let Some(mut table) = kinds.table("bimodal")? {
        let (fast_ns, slow_ns) = (time(&mut table, "fast_ms")?, time(&mut table, "slow_ms")?);
        let slow_share = share(&mut table, "slow_share")?;
        table.finish(&["fast_ms", "slow_ms", "slow_share"])?;
        Distribution::Bimodal { fast_ns, slow_ns, slow_share }
    } else if let Some(table) = kinds.table("empirical")? {
        empirical(table, folder)?
    } else {
        kinds.finish(&["constant", "lognormal", "bimodal", "empirical"])?;
        return Err(fields.missing(key, KINDS).into());
    };
    kinds.finish(&["only one kind of distribution"])?;
    Ok(distribution)
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^53 ns")]
fn lognormal(mut table: Fields) -> Result<Distribution, FieldError> {
    let (p50_ns, p99_ns) = (time(&mut table, "p50_ms")?, time(&mut table, "p99_ms")?);
    let ms = |ns: u64| (ns as f64 / NS_PER_MS).to_string();
    if p50_ns == 0 {
        return Err(table.wrong("p50_ms", ms(p50_ns), "more than 0"));
    }
    if p99_ns < p50_ns {
        return Err(table.wrong("p99_ms", ms(p99_ns), format!("at least p50_ms, which is {}", ms(p50_ns))));
    }
    table.finish(&["p50_ms", "p99_ms"])?;
    Ok(Distribution::Lognormal { p50_ns: p50_ns as f64, p99_ns: p99_ns as f64 })
}

fn empirical(mut table: Fields, folder: &Path) -> Result<Distribution, TableError> {
    let file = table.optional("file", "the path of a file", |value| value.as_str().map(PathBuf::from))?;
    let file = file.ok_or_else(|| table.missing("file", "the path of a file"))?;
    let ns_per_unit = table.optional("unit", "\"ms\" or \"s\"", |value| match value.as_str()? {
        "ms" => Some(NS_PER_MS),
        "s" => Some(NS_PER_S),
        _ => None,
    })?;
    table.finish(&["file", "unit"])?;
    latencies(&folder.join(file), ns_per_unit.unwrap_or(NS_PER_MS)).map_err(TableError::File)
}

/// The latencies of a file with one on each line. Empty lines do not count.
fn latencies(path: &Path, ns_per_unit: f64) -> Result<Distribution, PlanError> {
    let text = read_text(path, MAX_LATENCIES_BYTES)?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let latency = |(line, text): (usize, &str)| {
        let ns = text.trim().parse().ok().and_then(|value| nanoseconds(value, ns_per_unit));
        ns.ok_or_else(|| PlanError::Latency {
            path: path.to_owned(),
            line,
            text: text.chars().take(MAX_SHOWN_CHARS).collect(),
            expected: time_expected(ns_per_unit),
        })
    };
    let latencies: Vec<u64> = lines.map(latency).collect::<Result<_, _>>()?;
    if latencies.is_empty() {
        return Err(PlanError::NoLatencies { path: path.to_owned() });
    }
    Ok(Distribution::Empirical(latencies.into()))
}

/// The time in the field `key`, in nanoseconds. The file has it in milliseconds.
fn time(fields: &mut Fields, key: &str) -> Result<u64, FieldError> {
    let expected = time_expected(NS_PER_MS);
    let ns = fields.optional(key, &expected, |value| nanoseconds(number(value)?, NS_PER_MS))?;
    ns.ok_or_else(|| fields.missing(key, expected))
}

fn share(fields: &mut Fields, key: &str) -> Result<f64, FieldError> {
    let expected = "a share from 0 to 1";
    let share =
        fields.optional(key, expected, |value| number(value).filter(|share| (0.0..=1.0).contains(share)))?;
    share.ok_or_else(|| fields.missing(key, expected))
}

#[expect(clippy::cast_precision_loss, reason = "what is compared with bounds far below 2^53")]
fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| Some(value.as_integer()? as f64))
}

fn nanoseconds(value: f64, ns_per_unit: f64) -> Option<u64> {
    (0.0..=longest(ns_per_unit)).contains(&value).then(|| whole_ns(value * ns_per_unit))
}

fn time_expected(ns_per_unit: f64) -> String {
    format!("a number from 0 to {}", longest(ns_per_unit))
}

/// The longest time, in a unit that has so many nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "900 s are far below 2^53 ns")]
fn longest(ns_per_unit: f64) -> f64 {
    MAX_LATENCY_NS as f64 / ns_per_unit
}

/// The text of a file of at most `limit` bytes.
fn read_text(path: &Path, limit: u64) -> Result<String, PlanError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_string(&mut text));
    let bytes = read.map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    if bytes as u64 > limit {
        return Err(PlanError::TooLong { path: path.to_owned(), limit });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a plan with this text, beside a file `latencies` with those values.
    fn read(text: &str, latencies: &str) -> Result<Plan, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("latencies"), latencies).unwrap();
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", folder.path().display());
        Plan::read(&path).map_err(|error| error.to_string().replace(&folder, ""))
    }

    #[test]
    fn everything_that_can_be_said() {
        let plan = read(
            r#"
            seed = 42
            [functions.f]
            latency.lognormal = { p50_ms = 10, p99_ms = 80.5 }
            cold_starts = { share = 0.05, init.constant = { ms = 150 } }
            throttles = { share = 0.1, reason = "CallerRateLimitExceeded" }
            function_errors = { share = 0.2 }
            resets = { share = 0.3 }
            garbage = { share = 0.3 }
            stalls = { share = 0.1, ms = 3000 }
            [functions.g]
            latency.bimodal = { fast_ms = 1, slow_ms = 100, slow_share = 0.25 }
            throttles = { share = 0.5 }
            [functions.h]
            latency.empirical = { file = "latencies" }
            [functions.i]
            latency.empirical = { file = "latencies", unit = "s" }
            "#,
            "1.5\n\n 2\n0\n",
        );
        let plan = plan.unwrap();
        assert_eq!(plan.seed, 42);
        let expected = Behaviour {
            latency: Distribution::Lognormal { p50_ns: 1e7, p99_ns: 8.05e7 },
            cold_starts: Some((0.05, Distribution::Constant(150_000_000))),
            faults: vec![
                (0.1, Kind::Throttle("CallerRateLimitExceeded")),
                (0.2, Kind::FunctionError),
                (0.3, Kind::Reset),
                (0.3, Kind::Garbage),
                (0.1, Kind::Stall { ns: 3_000_000_000 }),
            ],
        };
        assert_eq!(plan.functions["f"], expected);
        let bimodal = Distribution::Bimodal { fast_ns: 1_000_000, slow_ns: 100_000_000, slow_share: 0.25 };
        assert_eq!(plan.functions["g"].latency, bimodal);
        assert_eq!(plan.functions["g"].faults, [(0.5, Kind::Throttle("ConcurrentInvocationLimitExceeded"))]);
        let empirical = |values: [u64; 3]| Distribution::Empirical(values.into());
        assert_eq!(plan.functions["h"].latency, empirical([1_500_000, 2_000_000, 0]));
        assert_eq!(plan.functions["i"].latency, empirical([1_500_000_000, 2_000_000_000, 0]));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let function = |lines: &str| format!("[functions.f]\n{lines}");
        let constant = |lines: &str| function(&format!("latency.constant = {{ ms = 1 }}\n{lines}"));
        for (text, expected) in [
            ("x".to_owned(), "plan.toml: line 1: "),
            (String::new(), "plan.toml: functions is missing; expected a table [functions.NAME] for each"),
            ("[functions]".to_owned(), "plan.toml: functions is missing; expected a table"),
            (constant("[sed]"), "plan.toml: sed is unknown; expected seed, functions"),
            ("seed = -1".to_owned(), "plan.toml: seed is -1; expected a whole number from 0"),
            ("[functions.'a b']".to_owned(), "plan.toml: functions.a b is unknown; expected a name"),
            (
                function(""),
                "plan.toml: functions.f.latency is missing; expected a table with constant, lognormal",
            ),
            (function("latency = 3"), "plan.toml: functions.f.latency is 3; expected a table"),
            (
                function("latency = {}"),
                "plan.toml: functions.f.latency is missing; expected a table with constant",
            ),
            (
                function("latency.gamma = { k = 1 }"),
                "functions.f.latency.gamma is unknown; expected constant, lognormal",
            ),
            (
                constant("latency.bimodal = {}"),
                "functions.f.latency.bimodal is unknown; expected only one kind",
            ),
            (
                function("latency.constant = { s = 1 }"),
                "functions.f.latency.constant.ms is missing; expected a number from 0 to 900000",
            ),
            (
                function("latency.constant = { ms = 1, s = 1 }"),
                "functions.f.latency.constant.s is unknown; expected ms",
            ),
            (
                function("latency.constant = { ms = -1 }"),
                "functions.f.latency.constant.ms is -1; expected a number from 0 to 900000",
            ),
            (
                function("latency.constant = { ms = nan }"),
                "functions.f.latency.constant.ms is NaN; expected a number",
            ),
            (
                function("latency.constant = { ms = '1' }"),
                "functions.f.latency.constant.ms is \"1\"; expected a number",
            ),
            (
                function("latency.constant = { ms = 900001 }"),
                "functions.f.latency.constant.ms is 900001; expected a number",
            ),
            (
                function("latency.lognormal = { p50_ms = 0, p99_ms = 1 }"),
                "functions.f.latency.lognormal.p50_ms is 0; expected more than 0",
            ),
            (
                function("latency.lognormal = { p50_ms = 2, p99_ms = 1.5 }"),
                "functions.f.latency.lognormal.p99_ms is 1.5; expected at least p50_ms, which is 2",
            ),
            (
                function("latency.bimodal = { fast_ms = 1, slow_ms = 2, slow_share = 2 }"),
                "functions.f.latency.bimodal.slow_share is 2; expected a share from 0 to 1",
            ),
            (
                function("latency.empirical = {}"),
                "functions.f.latency.empirical.file is missing; expected the path of a file",
            ),
            (function("latency.empirical = { file = 'nosuch' }"), "cannot read nosuch: No such file"),
            (
                function("latency.empirical = { file = 'latencies', unit = 'us' }"),
                "functions.f.latency.empirical.unit is \"us\"; expected \"ms\" or \"s\"",
            ),
            (
                function("latency.empirical = { file = 'latencies' }"),
                "latencies, line 2: \"x\" is not a latency; expected a number from 0 to 900000",
            ),
            (
                constant("resets = { share = 1.5 }"),
                "plan.toml: functions.f.resets.share is 1.5; expected a share from 0 to 1",
            ),
            (
                constant("resets = {}"),
                "plan.toml: functions.f.resets.share is missing; expected a share from 0 to 1",
            ),
            (
                constant("resets = { share = 0.75 }\ngarbage = { share = 0.75 }"),
                "plan.toml: functions.f.(all shares of faults) is 1.5; expected at most 1",
            ),
            (constant("stalls = { share = 1, ms = inf }"), "functions.f.stalls.ms is inf; expected a number"),
            (
                constant("throttles = { share = 1, reason = 'x' }"),
                "functions.f.throttles.reason is \"x\"; expected one of ConcurrentInvocation",
            ),
            (
                constant("cold_starts = { share = 0.1 }"),
                "functions.f.cold_starts.init is missing; expected a table",
            ),
            (
                constant("drops = { share = 0.1 }"),
                "functions.f.drops is unknown; expected latency, cold_starts",
            ),
        ] {
            let error = read(&text, "1\nx\n").unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
        let empty = read(&function("latency.empirical = { file = 'latencies' }"), "\n").unwrap_err();
        assert_eq!(empty, "latencies is empty; expected one latency on each line");
        let long = read(&"# \n".repeat(1 << 19), "").unwrap_err();
        assert_eq!(long, "plan.toml has more than 1048576 bytes; expected a shorter file");
    }
}
