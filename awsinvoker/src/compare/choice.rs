//! Who is compared with whom.

use run_record::likeness::{self, distinct};
use run_record::run_info::{Configuration, EndpointInfo};

use super::error::ChoiceError;

/// Which endpoints are compared, by their indexes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The baseline and the candidate of each comparison.
    pub(super) pairs: Vec<[usize; 2]>,
    /// All endpoints that are compared, each once.
    pub(super) sides: Vec<usize>,
    /// Endpoints of the chosen systems that are not compared.
    pub(super) without_partner: Vec<usize>,
    /// Whether endpoints were named, and not systems.
    pub(super) is_of_endpoints: bool,
}

impl Choice {
    /// By the names of the baseline and of the candidate.
    pub(super) fn new(
        configuration: &Configuration,
        [baseline, candidate]: [Option<&str>; 2],
    ) -> Result<Self, ChoiceError> {
        if let (Some(baseline), Some(candidate)) = (baseline, candidate)
            && baseline == candidate
        {
            return Err(ChoiceError::Same(baseline.to_owned()));
        }
        let endpoints = &configuration.endpoints;
        let kinds = [("baseline", baseline), ("candidate", candidate)]
            .map(|(flag, name)| name.map(|name| Kind::of(endpoints, flag, name)).transpose());
        let [baseline_kind, candidate_kind] = kinds;
        match (baseline_kind?, candidate_kind?) {
            (Some(Kind::Endpoint(baseline)), Some(Kind::Endpoint(candidate))) => {
                Self::of_endpoints(endpoints, baseline, &[candidate])
            }
            (Some(Kind::Endpoint(baseline)), None) => {
                Self::of_endpoints(endpoints, baseline, &others(endpoints, baseline))
            }
            (None, Some(Kind::Endpoint(candidate))) => {
                let first = others(endpoints, candidate).first().copied().unwrap_or(candidate);
                Self::of_endpoints(endpoints, first, &[candidate])
            }
            (None | Some(Kind::System), None | Some(Kind::System)) => {
                Self::of_systems(configuration, baseline, candidate)
            }
            _ => Err(ChoiceError::Mixed { expected: named(endpoints) }),
        }
    }

    fn of_endpoints(
        endpoints: &[EndpointInfo],
        baseline: usize,
        candidates: &[usize],
    ) -> Result<Self, ChoiceError> {
        let is_partner = |candidate: &&usize| {
            **candidate != baseline && endpoints[**candidate].function == endpoints[baseline].function
        };
        let pairs = candidates.iter().filter(is_partner).map(|candidate| [baseline, *candidate]).collect();
        Self::of_pairs(endpoints, pairs, &[baseline], true)
    }

    fn of_systems(
        configuration: &Configuration,
        baseline: Option<&str>,
        candidate: Option<&str>,
    ) -> Result<Self, ChoiceError> {
        let endpoints = &configuration.endpoints;
        let systems = distinct(endpoints.iter().map(|endpoint| endpoint.system.as_str()));
        if let [system] = systems[..] {
            return Err(ChoiceError::OneSystem { system: system.to_owned(), expected: named(endpoints) });
        }
        let first = systems.iter().copied().find(|system| Some(*system) != candidate);
        let baseline = baseline.or(first).unwrap_or_default();
        let candidates: Vec<&str> = match candidate {
            Some(candidate) => vec![candidate],
            None => systems.into_iter().filter(|system| *system != baseline).collect(),
        };
        let pairs =
            candidates.iter().flat_map(|candidate| pairs(configuration, baseline, candidate)).collect();
        let is_chosen = |endpoint: &EndpointInfo| {
            endpoint.system == baseline || candidates.contains(&endpoint.system.as_str())
        };
        let chosen: Vec<usize> = indexes(endpoints, is_chosen);
        Self::of_pairs(endpoints, pairs, &chosen, false)
    }

    fn of_pairs(
        endpoints: &[EndpointInfo],
        pairs: Vec<[usize; 2]>,
        chosen: &[usize],
        is_of_endpoints: bool,
    ) -> Result<Self, ChoiceError> {
        if pairs.is_empty() {
            let there =
                endpoints.iter().map(|it| format!("{} ({})", it.name, it.function)).collect::<Vec<_>>();
            return Err(ChoiceError::NoPair { there: there.join(", ") });
        }
        let sides = distinct(pairs.iter().flatten().copied());
        let without_partner = chosen.iter().copied().filter(|index| !sides.contains(index)).collect();
        Ok(Self { pairs, sides, without_partner, is_of_endpoints })
    }

    /// The place of an endpoint among those that are compared.
    pub(super) fn side(&self, endpoint: usize) -> usize {
        self.sides.iter().position(|side| *side == endpoint).unwrap_or_default()
    }
}

/// What a name means.
enum Kind {
    System,
    /// The index of the endpoint.
    Endpoint(usize),
}

impl Kind {
    fn of(endpoints: &[EndpointInfo], flag: &'static str, name: &str) -> Result<Self, ChoiceError> {
        if endpoints.iter().any(|endpoint| endpoint.system == name) {
            return Ok(Self::System);
        }
        let unknown = || ChoiceError::Unknown { flag, name: name.to_owned(), expected: named(endpoints) };
        endpoints.iter().position(|endpoint| endpoint.name == name).map(Self::Endpoint).ok_or_else(unknown)
    }
}

/// The pairs of two systems, function by function.
fn pairs(configuration: &Configuration, baseline: &str, candidate: &str) -> Vec<[usize; 2]> {
    let endpoints = &configuration.endpoints;
    let functions = distinct(endpoints.iter().map(|endpoint| endpoint.function.as_str()));
    let at = |system: &str, function: &str| {
        indexes(endpoints, |endpoint| endpoint.system == system && endpoint.function == function)
    };
    let of_function =
        |function| likeness::partners(configuration, &at(baseline, function), &at(candidate, function));
    functions.into_iter().flat_map(of_function).collect()
}

/// The other endpoints of the same function.
fn others(endpoints: &[EndpointInfo], of: usize) -> Vec<usize> {
    let mut others = indexes(endpoints, |endpoint| endpoint.function == endpoints[of].function);
    others.retain(|index| *index != of);
    others
}

fn indexes(endpoints: &[EndpointInfo], is_meant: impl Fn(&EndpointInfo) -> bool) -> Vec<usize> {
    (0..endpoints.len()).filter(|index| is_meant(&endpoints[*index])).collect()
}

/// The names that may be given.
fn named(endpoints: &[EndpointInfo]) -> String {
    let systems = distinct(endpoints.iter().map(|endpoint| endpoint.system.as_str())).join(", ");
    let names = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect::<Vec<_>>().join(", ");
    format!("a system ({systems}) or an endpoint ({names})")
}
