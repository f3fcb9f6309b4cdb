//! What was loaded in all runs, as if it had been loaded in one.

use run_record::canonical_json::canonical;
use run_record::comparison::Design;
use run_record::run_info::{Configuration, EndpointInfo};

use super::error::JoinError;
use super::parts::{Part, Parts};

/// One configuration for all runs.
#[derive(Debug)]
pub(super) struct Joined {
    /// That of the first run, with the targets, functions and endpoints of all.
    pub(super) configuration: Configuration,
    /// For each run and each of its endpoints, the index among the endpoints of all.
    pub(super) endpoints: Vec<Vec<usize>>,
}

impl Joined {
    /// Endpoints of one system with the same name are one endpoint, unless the runs are separate.
    pub(super) fn new(parts: &Parts) -> Result<Self, JoinError> {
        let first = parts.parts.first().map(|part| part.info.configuration.clone());
        let mut joined = Self {
            // There is a folder, because the command line demands one.
            configuration: first.expect("there is a run"),
            endpoints: Vec::new(),
        };
        joined.configuration.targets.clear();
        joined.configuration.functions.clear();
        joined.configuration.endpoints.clear();
        for part in &parts.parts {
            joined.add(part, parts.design == Design::SeparateRuns)?;
        }
        Ok(joined)
    }

    fn add(&mut self, part: &Part, is_separate: bool) -> Result<(), JoinError> {
        let other = &part.info.configuration;
        let first_target = self.configuration.targets.len();
        self.configuration.targets.extend(other.targets.iter().cloned());
        self.configuration.functions.extend(other.functions.iter().cloned().map(|mut function| {
            function.target += first_target;
            function
        }));
        let mut indexes = Vec::new();
        for endpoint in &other.endpoints {
            let mut endpoint = EndpointInfo { target: endpoint.target + first_target, ..endpoint.clone() };
            if is_separate {
                endpoint.system = system_of_run(part, &endpoint);
            }
            indexes.push(self.index(part, endpoint)?);
        }
        self.endpoints.push(indexes);
        Ok(())
    }

    /// The index of an endpoint, which is added if it is new.
    fn index(&mut self, part: &Part, endpoint: EndpointInfo) -> Result<usize, JoinError> {
        let endpoints = &mut self.configuration.endpoints;
        let is_known = |it: &EndpointInfo| it.system == endpoint.system && it.name == endpoint.name;
        let Some(index) = endpoints.iter().position(is_known) else {
            endpoints.push(endpoint);
            return Ok(endpoints.len() - 1);
        };
        let work = |it: &EndpointInfo| (it.function.clone(), canonical(it.payload.get()).ok());
        if work(&endpoints[index]) == work(&endpoint) {
            return Ok(index);
        }
        Err(JoinError::OtherEndpoint { folder: part.name(), endpoint: endpoint.name })
    }
}

/// Systems of separate runs are told apart by their folders.
fn system_of_run(part: &Part, endpoint: &EndpointInfo) -> String {
    let endpoints = &part.info.configuration.endpoints;
    let is_only = endpoints.iter().all(|other| other.system == endpoint.system);
    if is_only { part.name() } else { format!("{} of {}", endpoint.system, part.name()) }
}
