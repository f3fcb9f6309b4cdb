//! What people read of a run beside its result.

use std::io::Write;
use std::path::Path;

use run_record::run_info::TargetInfo;
use run_record::units;

use crate::plan::Plan;
use crate::plan::endpoints::DEFAULT_PAYLOAD;

/// What is loaded with what, when a run begins.
pub(super) fn start_line(plan: &Plan, targets: &[TargetInfo], run_dir: &Path) -> String {
    let Plan { workload, endpoints, .. } = plan;
    let (names, run_dir) = (listed(&endpoints.names()), run_dir.display());
    let targets: Vec<String> = targets.iter().map(TargetInfo::text).collect();
    let mut line = format!("{workload} to {names} on {}, saved in {run_dir}", targets.join(" and "));
    if endpoints.are_own_functions {
        let payloads =
            endpoints.list.iter().map(|endpoint| format!("{} with {}", endpoint.name, endpoint.payload));
        line += &format!("; without an endpoints file, {}", payloads.collect::<Vec<_>>().join(" and "));
    }
    if let Some(warm_up_ns) = plan.warm_up_ns {
        line += &format!("; after a warm-up of {} s", units::s(warm_up_ns));
    }
    if endpoints.defaulted > 0 {
        let whom = format!("{} of {} endpoints", endpoints.defaulted, endpoints.list.len());
        line += &format!("; {whom} with the default payload {DEFAULT_PAYLOAD}");
    }
    let asynchronous = endpoints.list.iter().filter(|endpoint| endpoint.asynchronous).count();
    if asynchronous > 0 {
        line += &format!("; {asynchronous} called asynchronously");
    }
    line
}

/// Up to three names, and how many more there are.
fn listed(names: &[String]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}

/// Prints a line. A closed pipe must not cost the results that are still to be saved.
pub(crate) fn say(out: &mut dyn Write, line: &str) {
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::warn!("stdout could not be written: {error}");
    }
}
