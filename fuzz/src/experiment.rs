//! Plans of experiments, and what was made of them so far.

#[path = "../../awsinvoker/src/experiment/run_order.rs"]
mod run_order;
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
        run_order::discard_incomplete(&plan, &mut made.runs);
        let done = run_order::done(&plan, &made.runs);
        if let Some(next) = run_order::next(&plan, &made.runs) {
            assert!(done < plan.pairs && next.windows >= 1 && next.windows <= plan.pairs);
            assert_eq!(next.index, made.runs.len());
        } else {
            assert!(done >= plan.pairs);
        }
    }
    Some(plan::endpoints_file(plan.entries.iter()))
}
