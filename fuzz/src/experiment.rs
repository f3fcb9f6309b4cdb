//! Plans of experiments, and what was made of them so far.

#[path = "../../awsinvoker/src/experiment/parts.rs"]
mod parts;
#[path = "../../awsinvoker/src/experiment/plan/mod.rs"]
mod plan;

use std::path::Path;

use run_record::experiment::Experiment;

use plan::ExperimentPlan;

/// Reads a plan. If it can be used, goes on with the experiment as far as it was made, and returns the endpoints file of its
/// runs.
pub fn go_on(plan: &str, a_a: bool, made: Option<Experiment>) -> Option<String> {
    let plan = ExperimentPlan::read(plan, Path::new("/plans"), a_a).ok()?;
    assert!(plan.systems.len() >= 2 && plan.entries.len() >= plan.systems.len());
    let shares: f64 = plan.systems.iter().map(|system| plan.share_of(Some(system))).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    if let Some(mut made) = made {
        parts::discard_incomplete(&plan, &mut made.parts);
        let done = parts::done(&plan, &made.parts);
        if let Some(next) = parts::next(&plan, &made.parts) {
            assert!(done < plan.pairs && next.windows >= 1 && next.windows <= plan.pairs);
            assert_eq!(next.index, made.parts.len());
        } else {
            assert!(done >= plan.pairs);
        }
    }
    Some(plan::endpoints_file(plan.entries.iter()))
}
