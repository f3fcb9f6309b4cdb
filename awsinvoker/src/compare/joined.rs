//! What was loaded in all runs, as if it had been loaded in one.

use std::mem;

use run_record::comparison::Design;
use run_record::run_info::{Configuration, EndpointInfo};

use super::error::{CompareError, JoinError};
use super::runs::{ComparedRun, ComparedRuns};

/// One configuration for all runs.
#[derive(Debug)]
pub(super) struct Joined {
    /// That of the first run, with the endpoints of all, and their targets and functions.
    pub(super) configuration: Configuration,
    /// For each run and each of its endpoints, the index among the endpoints of all.
    pub(super) endpoints: Vec<Vec<usize>>,
}

impl Joined {
    /// Endpoints of one system with the same name are one endpoint, unless the runs are separate. The endpoints are in the
    /// order of the systems of an experiment, whatever the order was in which these were loaded.
    pub(super) fn new(compared: &ComparedRuns) -> Result<Self, CompareError> {
        let first = compared.runs.first().ok_or(CompareError::NoFolder)?;
        let mut joined = Self::without_endpoints(first.run_dir.read_info()?.configuration);
        for run in &compared.runs {
            let configuration = run.run_dir.read_info()?.configuration;
            joined.add(run, &configuration, compared.design == Design::SeparateRuns)?;
        }
        joined.order(&compared.systems);
        Ok(joined)
    }

    fn without_endpoints(mut configuration: Configuration) -> Self {
        configuration.targets.clear();
        configuration.functions.clear();
        configuration.endpoints.clear();
        Self { configuration, endpoints: Vec::new() }
    }

    /// Adds what a run loaded. Only of endpoints that are new are targets and functions added.
    fn add(&mut self, run: &ComparedRun, other: &Configuration, is_separate: bool) -> Result<(), JoinError> {
        let (known, first_target) = (self.configuration.endpoints.len(), self.configuration.targets.len());
        let mut indexes = Vec::new();
        for endpoint in &other.endpoints {
            let mut endpoint = EndpointInfo { target: endpoint.target + first_target, ..endpoint.clone() };
            if is_separate {
                endpoint.system = system_of_run(run, other, &endpoint);
            }
            indexes.push(self.index(run, endpoint)?);
        }
        self.endpoints.push(indexes);
        if self.configuration.endpoints.len() > known {
            self.configuration.targets.extend(other.targets.iter().cloned());
            self.configuration.functions.extend(other.functions.iter().cloned().map(|mut function| {
                function.target += first_target;
                function
            }));
        }
        Ok(())
    }

    /// The index of an endpoint, which is added if it is new.
    fn index(&mut self, run: &ComparedRun, endpoint: EndpointInfo) -> Result<usize, JoinError> {
        let endpoints = &mut self.configuration.endpoints;
        let is_known = |it: &EndpointInfo| it.system == endpoint.system && it.name == endpoint.name;
        let Some(index) = endpoints.iter().position(is_known) else {
            endpoints.push(endpoint);
            return Ok(endpoints.len() - 1);
        };
        let work = |it: &EndpointInfo| (it.function.clone(), it.sent_from_any_seed());
        if work(&endpoints[index]) == work(&endpoint) {
            return Ok(index);
        }
        Err(JoinError::OtherEndpoint { folder: run.name(), endpoint: endpoint.name })
    }

    /// Brings the endpoints into the order of these systems. Others come after them.
    fn order(&mut self, systems: &[String]) {
        let mut ordered: Vec<_> =
            mem::take(&mut self.configuration.endpoints).into_iter().enumerate().collect();
        let place = |system: &String| systems.iter().position(|it| it == system).unwrap_or(systems.len());
        ordered.sort_by_key(|(_, endpoint)| place(&endpoint.system));
        let mut moved = vec![0; ordered.len()];
        for (to, (from, endpoint)) in ordered.into_iter().enumerate() {
            moved[from] = to;
            self.configuration.endpoints.push(endpoint);
        }
        self.endpoints.iter_mut().flatten().for_each(|index| *index = moved[*index]);
    }
}

/// Systems of separate runs are told apart by their folders.
fn system_of_run(run: &ComparedRun, configuration: &Configuration, endpoint: &EndpointInfo) -> String {
    let is_only = configuration.endpoints.iter().all(|other| other.system == endpoint.system);
    if is_only { run.name() } else { format!("{} of {}", endpoint.system, run.name()) }
}
