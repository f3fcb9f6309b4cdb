//! What one side did.

use run_record::comparison::{Arm, Environments, Measure, Scope};

use super::input::Side;

/// A side within all complete windows, also those in which it or the other side has no success.
pub(super) fn arm(side: &Side) -> Arm {
    let windows = &side.samples.windows();
    let counts = side.samples.counts(windows);
    let cold = (counts.told > 0).then_some(counts.cold);
    Arm {
        label: side.label.clone(),
        system: side.system.clone(),
        endpoint: side.endpoint.clone(),
        called: side.called.clone(),
        requests: counts.requests,
        succeeded: counts.succeeded,
        cold,
        cold_percent: cold.map(|cold| cold as f64 / counts.told as f64 * 100.0),
        environments: environments(side, windows),
    }
}

fn environments(side: &Side, windows: &[usize]) -> Option<Environments> {
    let distinct = side.samples.environments(windows)?;
    let by_window = side.samples.environments_by_window(windows);
    let effective = side.samples.observations(Scope::All, Measure::RESPONSE, windows).environments();
    Some(Environments {
        distinct,
        effective,
        per_window_min: by_window.iter().copied().min().unwrap_or(0),
        per_window_max: by_window.iter().copied().max().unwrap_or(0),
    })
}
