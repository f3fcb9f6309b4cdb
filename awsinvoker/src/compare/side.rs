//! From the samples of runs to the sides of a comparison.

use run_record::comparison::{Design, Source};
use run_record::run_info::TargetInfo;
use run_record::verdict::Reason;
use run_record::{Warning, units};
use run_report::compare::{Collected, MAX_WINDOWS, Side};

use super::choice::Choice;
use super::error::CompareError;
use super::joined::Joined;
use super::runs::ComparedRuns;
use crate::reading;

/// Reads runs, one after the other.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) sides: Vec<Side>,
    /// For each run and each of its endpoints, the side that it belongs to.
    sides_of_endpoints: Vec<Vec<Option<usize>>>,
}

/// What a run comes to.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) source: Source,
    /// Why it is not valid.
    pub(super) reasons: Vec<String>,
    /// How many of its windows count.
    pub(super) windows: usize,
    /// How much of it lies in no complete window.
    pub(super) left_out_s: f64,
}

impl Reader {
    pub(super) fn new(joined: &Joined, choice: &Choice) -> Self {
        let side = |endpoint: usize| {
            let info = &joined.configuration.endpoints[endpoint];
            Side {
                label: if choice.is_of_endpoints { &info.name } else { &info.system }.clone(),
                system: info.system.clone(),
                endpoint: info.name.clone(),
                called: joined.configuration.called_text(info),
                protocol: info.protocol,
                share: info.share,
                samples: Collected::default(),
            }
        };
        let of = |endpoint: &usize| choice.sides.iter().position(|side| side == endpoint);
        Self {
            sides: choice.sides.iter().copied().map(side).collect(),
            sides_of_endpoints: joined.endpoints.iter().map(|run| run.iter().map(of).collect()).collect(),
        }
    }

    /// Reads the run of this index, whose samples go to the sides.
    pub(super) fn read(&mut self, compared: &ComparedRuns, index: usize) -> Result<Read, CompareError> {
        let run = &compared.runs[index];
        let Self { sides, sides_of_endpoints } = self;
        let of_endpoint = &sides_of_endpoints[index];
        let info = run.run_dir.read_info()?;
        let configuration = &info.configuration;
        for (endpoint, side) in configuration.endpoints.iter().zip(of_endpoint) {
            if let Some(side) = side
                && configuration.targets.get(endpoint.target).is_none_or(was_started)
            {
                sides[*side].samples.begin_run();
            }
        }
        let window_ns = compared.window_ns.unwrap_or(u64::MAX).max(1);
        let most = run.windows.unwrap_or(MAX_WINDOWS);
        let reading = reading::read(&run.run_dir, &info, &mut |sample| {
            let window = usize::try_from(sample.arrival.intended_ns / window_ns).unwrap_or(usize::MAX);
            if let Some(Some(side)) = of_endpoint.get(sample.arrival.endpoint).copied()
                && window < most
            {
                sides[side].samples.record(run.first_window + window, sample);
            }
        })?;
        let windows = self.complete(compared, index, reading.window_ns)?;
        // Of each window that counts, all requests are known.
        let is_counted = run.windows.is_some();
        let counts = |reason: &&Reason| !(is_counted && matches!(reason, Reason::Incomplete { .. }));
        let reasons: Vec<_> = reading.summary.verdict.reasons.iter().filter(counts).collect();
        let used_ns = window_ns.saturating_mul(windows as u64).min(reading.window_ns);
        Ok(Read {
            reasons: reasons.iter().map(ToString::to_string).collect(),
            source: Source {
                folder: run.name(),
                machine: info.machines_text(),
                version: info.versions.get("awsinvoker").cloned().unwrap_or_default(),
                start: info.start,
                requests: reading.summary.issued,
                valid: reasons.is_empty(),
                missing: if is_counted { Vec::new() } else { reading.missing },
                warnings: warnings(reading.summary.warnings),
            },
            windows,
            left_out_s: units::s(reading.window_ns - used_ns),
        })
    }

    /// How many windows of a run are complete. What comes after them is left out.
    fn complete(
        &mut self,
        compared: &ComparedRuns,
        index: usize,
        lasted_ns: u64,
    ) -> Result<usize, CompareError> {
        let run = &compared.runs[index];
        let (None, Some(window_ns)) = (run.windows, compared.window_ns) else {
            return Ok(run.windows.unwrap_or(1));
        };
        let windows = lasted_ns / window_ns.max(1);
        let windows = match usize::try_from(windows) {
            Ok(0) if compared.design != Design::SeparateRuns => {
                let (lasted_s, window_s) = (units::s(lasted_ns), units::s(window_ns));
                let folder = run.run_dir.path().to_owned();
                return Err(CompareError::NoWindow { folder, lasted_s, window_s });
            }
            // Separate runs have no pairs of windows, so a short one is a single window.
            Ok(0) => 1,
            Ok(windows) if windows <= MAX_WINDOWS => windows,
            _ => return Err(CompareError::ManyWindows { windows }),
        };
        for side in self.sides_of_endpoints[index].iter().flatten() {
            self.sides[*side].samples.truncate(run.first_window + windows);
        }
        Ok(windows)
    }
}

/// Whether a target was started for its run. Its environments are then others than those of another run, also where they have
/// the same names. At a target that outlives runs, a name stands for the same environment.
fn was_started(target: &TargetInfo) -> bool {
    target.local.is_some() || !target.instances.is_empty()
}

/// The warnings of a run, but for those that are notes of a comparison.
fn warnings(mut warnings: Vec<Warning>) -> Vec<Warning> {
    let is_note = |warning: &Warning| {
        matches!(
            warning,
            Warning::ClosedLoop
                | Warning::Unlike { .. }
                | Warning::PreflightFailed { .. }
                | Warning::NoPreflight { .. }
        )
    };
    warnings.retain(|warning| !is_note(warning));
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn environments_of_a_target_outlive_a_run_unless_it_was_started_for_it() {
        let target = |local, instances| -> TargetInfo {
            let connection = json!({ "http": "1.1", "reuse": "pooled", "warm_connections": 0 });
            let target = json!({
                "platform": "lambda", "address": "a", "region": null, "profile": null, "local": local, "instances": instances,
                "docker": null, "env": [], "connection": connection
            });
            serde_json::from_value(target).unwrap()
        };
        let local = json!({ "version": null, "command_line": [] });
        assert!(was_started(&target(local, json!([]))));
        assert!(was_started(&target(json!(null), json!(["127.0.0.1:1"]))));
        assert!(!was_started(&target(json!(null), json!([]))));
    }
}
