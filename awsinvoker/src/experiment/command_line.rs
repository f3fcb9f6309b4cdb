//! The command line of each run of an experiment: one that people can give themselves.

use std::path::Path;

use run_record::experiment::Mode;
use run_record::run_info::Protocol;
use run_record::units;

use super::plan::{ExperimentPlan, Flag};
use super::run_order::NextRun;
use crate::plan::endpoints::Endpoint;

/// The name of the program, as it stands before the words.
const PROGRAM: &str = "awsinvoker";

/// The words of the command line for a run, which reads these endpoints and leaves its results in this folder.
pub(super) fn words(plan: &ExperimentPlan, run: &NextRun, endpoints_file: &Path, out: &Path) -> Vec<String> {
    let mut words = vec![PROGRAM.to_owned()];
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    let system = run.system.as_deref();
    add("--endpoints-file", path(endpoints_file));
    match &plan.cold {
        None => {
            add("--rps", (plan.rps.unwrap_or(1.0) * plan.share_of(system)).to_string());
            add("--time", time_s(plan, run).to_string());
        }
        Some(cold) => {
            add("--calls", cold.calls.to_string());
            if let Some(idle_ns) = cold.idle_ns {
                add("--idle", units::s(idle_ns).to_string());
            }
        }
    }
    // Each run has times of its own, and those of the plan alone decide which.
    add("--seed", plan.seed.wrapping_add(run.index as u64).to_string());
    // Systems that are called in different runs get the same values.
    if let Some(pair) = run.pair.filter(|_| plan.has_templates()) {
        add("--payload-seed", plan.seed.wrapping_add(pair.into()).to_string());
    }
    if plan.cold.is_some() {
        words.push("--cold-every-call".to_owned());
    }
    for flag in plan.flags.iter().filter(|flag| concerns(plan, flag, system)) {
        words.push(flag.name.to_owned());
        words.extend(flag.value.clone());
    }
    // In a fixed order, what follows a slow function on the same machine is slower for that alone.
    if !plan.has_flag("--order") {
        words.extend(["--order", "shuffled"].map(str::to_owned));
    }
    // A run of one system compares nothing by itself, but its answers are compared with those of the others.
    if system.is_some() && !plan.has_flag("--preflight") && !plan.has_flag("--no-preflight") {
        words.push("--preflight".to_owned());
    }
    let latencies = out.with_file_name(format!("{}.csv", run_name(run)));
    words.extend(["--latf".to_owned(), path(&latencies), "--out".to_owned(), path(out)]);
    words
}

/// The name of a run's folder.
pub(super) fn run_name(run: &NextRun) -> String {
    format!("{:03}", run.index + 1)
}

/// How long a run is, in seconds.
fn time_s(plan: &ExperimentPlan, run: &NextRun) -> f64 {
    match plan.mode {
        Mode::RoundRobin | Mode::Cold => units::s(plan.window_ns.saturating_mul(run.windows.into())),
        Mode::Interleaved => units::s(plan.window_ns),
    }
}

/// Whether a flag is for a run of this system: those for nothing that the run calls are refused.
fn concerns(plan: &ExperimentPlan, flag: &Flag, system: Option<&str>) -> bool {
    let of = |system| plan.entries_of(system).any(|entry| is_about(flag, &entry.endpoint));
    // One that is for no system at all is refused with the run.
    of(system) || !of(None)
}

/// Whether a flag can be for this endpoint.
fn is_about(flag: &Flag, endpoint: &Endpoint) -> bool {
    let is_lambda = endpoint.place.protocol == Protocol::Lambda;
    match flag.name {
        "--local" | "--images" | "--env" => !endpoint.is_elsewhere(),
        "--instances" => !endpoint.is_elsewhere() && !is_lambda,
        "--endpoint-url" | "--http" | "--region" | "--profile" => is_lambda,
        _ => flag.endpoint().is_none_or(|name| name == endpoint.name),
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, run: &NextRun) -> String {
        let plan = ExperimentPlan::read(text, Path::new("/plans"), false).unwrap();
        words(&plan, run, Path::new("x/endpoints.json"), Path::new("x/runs/003")).join(" ")
    }

    const PLAN: &str = r#"
        window = "30s"
        seed = 7
        mode = "interleaved"
        [run]
        rps = 50
        arrivals = "poisson"
        local = true
        warm_up = "1500ms"
        env = { A = "1", B = "2" }
        prices = "prices.json"
        thresholds = ["ok>99%", "f@a.response.p99<1s", "f@b.ok>1%"]
        [systems]
        a = {}
        b = { protocol = "greeter" }
        [functions]
        f = { weight = 2 }
        g = {}
    "#;

    #[test]
    fn all_systems_in_turn() {
        let run = NextRun { index: 2, system: None, pair: None, windows: 4 };
        let plan = PLAN.replace("interleaved", "round_robin");
        insta::assert_snapshot!(line(&plan, &run), @"awsinvoker --endpoints-file x/endpoints.json --rps 50 --time 120 --seed 9 --arrivals poisson --env A=1 --env B=2 --local --prices /plans/prices.json --threshold ok>99% --threshold f@a.response.p99<1s --threshold f@b.ok>1% --warm-up 1.5 --order shuffled --latf x/runs/003.csv --out x/runs/003");
    }

    #[test]
    fn a_run_gets_the_flags_that_concern_its_system() {
        let plan = PLAN.replace("b = { protocol = \"greeter\" }", "b = { protocol = \"greeter\", port = 1 }");
        let plan = plan.replace("local = true", "local = true\nimages = true\nregion = 'eu-west-1'");
        let run =
            |system: &str| NextRun { index: 0, system: Some(system.to_owned()), pair: Some(0), windows: 1 };
        insta::assert_snapshot!(line(&plan, &run("b")), @"awsinvoker --endpoints-file x/endpoints.json --rps 25 --time 30 --seed 7 --arrivals poisson --prices /plans/prices.json --threshold ok>99% --threshold f@b.ok>1% --warm-up 1.5 --order shuffled --preflight --latf x/runs/001.csv --out x/runs/003");
    }

    #[test]
    fn a_campaign_of_cold_starts_calls_one_at_a_time() {
        let plan = "mode = 'cold'\n[cold]\nafter = 'idle'\nidle = '90s'\ncalls = 7\n[run]\nlocal = true\n[systems]\na = {}\n\
                    b = {}\n[functions]\nf = {}\n";
        let run = NextRun { index: 0, system: None, pair: None, windows: 1 };
        insta::assert_snapshot!(line(plan, &run), @"awsinvoker --endpoints-file x/endpoints.json --calls 7 --idle 90 --seed 0 --cold-every-call --local --order shuffled --latf x/runs/001.csv --out x/runs/003");
    }

    #[test]
    fn a_system_gets_its_share_of_the_load() {
        let run = NextRun { index: 2, system: Some("a".to_owned()), pair: Some(1), windows: 1 };
        insta::assert_snapshot!(line(PLAN, &run), @"awsinvoker --endpoints-file x/endpoints.json --rps 25 --time 30 --seed 9 --arrivals poisson --env A=1 --env B=2 --local --prices /plans/prices.json --threshold ok>99% --threshold f@a.response.p99<1s --warm-up 1.5 --order shuffled --preflight --latf x/runs/003.csv --out x/runs/003");
    }
}
