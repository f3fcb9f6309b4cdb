//! Whether endpoints that are compared do the same: what their configuration and their answers before the run say.
//!
//! Endpoints of one function that stand at different systems are compared. Each of a system is set beside one of every
//! other system with the same payload. What finds no such partner is set beside one that is left over, or beside the first.

use std::collections::BTreeSet;

use crate::run_info::{Configuration, EndpointInfo, FunctionInfo};
use crate::sample::Outcome;
use crate::warning::{Property, Side, Warning};

/// Longer payloads are cut in messages.
const MAX_CHARS: usize = 60;
/// So many characters that are equal stand before the first difference of two long payloads.
const CONTEXT_CHARS: usize = 15;

/// Endpoints of one function that are compared, by their indexes: each of a system with one of another system.
pub fn partners(configuration: &Configuration, first: &[usize], second: &[usize]) -> Vec<[usize; 2]> {
    let compared = |indexes: &[usize]| -> Vec<Compared<'_>> {
        indexes.iter().map(|index| Compared::new(configuration, &configuration.endpoints[*index])).collect()
    };
    let (of_first, of_second) = (compared(first), compared(second));
    let index = |within: &[Compared<'_>], indexes: &[usize], it: &Compared<'_>| {
        within.iter().position(|other| std::ptr::eq(other, it)).map(|at| indexes[at])
    };
    let mut used = BTreeSet::new();
    let pairs = pairs(&of_first, &of_second).into_iter().filter_map(|(a, b)| {
        let pair = [index(&of_first, first, a)?, index(&of_second, second, b)?];
        // What is left over is set beside one that has a partner.
        let is_new = pair.iter().all(|index| !used.contains(index));
        is_new.then(|| used.extend(pair)).map(|()| pair)
    });
    pairs.collect()
}

/// What differs between two endpoints that are compared, what failed before the run, and whether that is not known.
pub fn findings_of_pair(configuration: &Configuration, [first, second]: [usize; 2]) -> Vec<Warning> {
    let pair = [first, second].map(|index| &configuration.endpoints[index]);
    let [a, b] = pair.map(|info| Compared::new(configuration, info));
    let failures = pair.into_iter().filter_map(failure);
    let function = &pair[0].function;
    let is_unchecked = pair.iter().any(|endpoint| endpoint.preflight.is_none());
    let unchecked = is_unchecked.then(|| Warning::NoPreflight { function: function.clone() });
    failures.chain(a.unlike(&b, function)).chain(unchecked).collect()
}

/// An endpoint, as far as it decides whether its latencies can be compared.
struct Compared<'a> {
    info: &'a EndpointInfo,
    /// What it was sent, with the seed of a template.
    payload: String,
    function: Option<&'a FunctionInfo>,
}

/// The functions that stand at more than one system, in the order of their first endpoints.
pub fn compared_functions(endpoints: &[EndpointInfo]) -> Vec<&str> {
    let is_compared = |endpoint: &EndpointInfo| {
        endpoints.iter().any(|it| it.function == endpoint.function && it.system != endpoint.system)
    };
    distinct(endpoints.iter().filter(|it| is_compared(it)).map(|it| it.function.as_str()))
}

/// What failed before the run, and what differs between endpoints that are compared.
pub fn findings(configuration: &Configuration) -> Vec<Warning> {
    let endpoints = &configuration.endpoints;
    let mut findings: Vec<_> = endpoints.iter().filter_map(failure).collect();
    for function in compared_functions(endpoints) {
        findings.extend(differences(configuration, function));
    }
    findings
}

/// Functions that are compared although their answers were not.
pub fn unchecked(configuration: &Configuration) -> Vec<Warning> {
    let endpoints = &configuration.endpoints;
    if endpoints.iter().any(|endpoint| endpoint.preflight.is_some()) {
        return Vec::new();
    }
    let functions = compared_functions(endpoints).into_iter();
    functions.map(|function| Warning::NoPreflight { function: function.to_owned() }).collect()
}

fn failure(endpoint: &EndpointInfo) -> Option<Warning> {
    let call = endpoint.preflight.as_ref().filter(|call| call.outcome != Outcome::Ok)?;
    let cause = call.cause.as_ref().map_or_else(|| "no cause is known".to_owned(), ToString::to_string);
    Some(Warning::PreflightFailed { endpoint: endpoint.name.clone(), outcome: call.outcome, cause })
}

/// The differences between the first system of a function and each of its others.
fn differences(configuration: &Configuration, function: &str) -> Vec<Warning> {
    let of_function: Vec<_> =
        configuration.endpoints.iter().filter(|endpoint| endpoint.function == function).collect();
    let at = |system: &str| -> Vec<Compared<'_>> {
        let here = of_function.iter().filter(|endpoint| endpoint.system == system);
        here.map(|info| Compared::new(configuration, info)).collect()
    };
    let systems = distinct(of_function.iter().map(|endpoint| endpoint.system.as_str()));
    let Some((first, others)) = systems.split_first() else { return Vec::new() };
    let first = at(first);
    let mut found = Vec::new();
    for other in others {
        let other = at(other);
        for (a, b) in pairs(&first, &other) {
            found.extend(a.unlike(b, function));
        }
    }
    found
}

/// Each endpoint of either system in at least one pair, if both have one.
fn pairs<'a>(
    first: &'a [Compared<'a>],
    second: &'a [Compared<'a>],
) -> Vec<(&'a Compared<'a>, &'a Compared<'a>)> {
    let mut free: Vec<_> = second.iter().collect();
    let (mut pairs, mut left) = (Vec::new(), Vec::new());
    for a in first {
        match free.iter().position(|b| b.payload == a.payload) {
            Some(index) => pairs.push((a, free.remove(index))),
            None => left.push(a),
        }
    }
    for index in 0..left.len().max(free.len()) {
        pairs.extend(match (left.get(index), free.get(index)) {
            (Some(a), Some(b)) => Some((*a, *b)),
            (Some(a), None) => nearest(second, a).map(|b| (*a, b)),
            (None, Some(b)) => nearest(first, b).map(|a| (a, *b)),
            (None, None) => None,
        });
    }
    pairs
}

/// An endpoint with the same payload, or the first.
fn nearest<'a>(endpoints: &'a [Compared<'a>], to: &Compared<'_>) -> Option<&'a Compared<'a>> {
    endpoints.iter().find(|it| it.payload == to.payload).or(endpoints.first())
}

impl<'a> Compared<'a> {
    fn new(configuration: &'a Configuration, info: &'a EndpointInfo) -> Self {
        let is_called =
            |function: &&FunctionInfo| function.target == info.target && function.name == info.hostname;
        Self { info, payload: info.sent(), function: configuration.functions.iter().find(is_called) }
    }

    /// What differs from another endpoint of this function, as warnings.
    fn unlike(&self, other: &Self, function: &str) -> Vec<Warning> {
        let side = |of: &Self, value| Side { endpoint: of.info.name.clone(), value };
        let warning = |(property, [of_first, of_second]): (Property, [String; 2])| Warning::Unlike {
            function: function.to_owned(),
            property,
            first: side(self, of_first),
            second: side(other, of_second),
        };
        self.differences(other).into_iter().map(warning).collect()
    }

    /// What differs from another endpoint, with both values. What is not known of one of them does not differ.
    fn differences(&self, other: &Self) -> Vec<(Property, [String; 2])> {
        let mut found = Vec::new();
        if self.payload != other.payload {
            found.push((Property::Payload, excerpts(&self.payload, &other.payload)));
        }
        let properties =
            [Property::Call, Property::Answer, Property::Memory, Property::Cpu, Property::Architecture];
        found.extend(properties.into_iter().filter_map(|property| {
            let (a, b) = self.value(property).zip(other.value(property))?;
            (a != b).then_some((property, [a, b]))
        }));
        found
    }

    fn value(&self, property: Property) -> Option<String> {
        match property {
            Property::Payload => Some(self.payload.clone()),
            Property::Call => {
                Some(if self.info.asynchronous { "asynchronous" } else { "waited for" }.to_owned())
            }
            Property::Answer => self.info.preflight.as_ref()?.answer_sha256.clone(),
            Property::Memory => {
                let told = self.function.and_then(|function| function.memory_mb).map(u64::from);
                let reported = self.info.preflight.as_ref().and_then(|call| call.memory_mb);
                told.or(reported).map(|mb| format!("{mb} MB"))
            }
            Property::Cpu => self.function?.cpu_text(),
            Property::Architecture => self.function?.architecture.clone(),
        }
    }
}

/// Both texts, cut to where they begin to differ.
fn excerpts(a: &str, b: &str) -> [String; 2] {
    let equal = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    [a, b].map(|text| {
        let is_long = text.chars().count() > MAX_CHARS;
        let start = if is_long { equal.saturating_sub(CONTEXT_CHARS) } else { 0 };
        let mut chars = text.chars().skip(start);
        let shown: String = chars.by_ref().take(MAX_CHARS).collect();
        let (before, after) =
            (if start > 0 { "…" } else { "" }, if chars.next().is_some() { "…" } else { "" });
        format!("{before}{shown}{after}")
    })
}

/// Each of these once, in the order in which they come first.
pub fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_info::{CpuLimit, PreflightCall, test_run_info};
    use crate::sample::Cause;

    /// An endpoint of the function `f` that answered with this digest.
    fn endpoint(name: &str, system: &str, payload: &str, answer: &str) -> EndpointInfo {
        let [first, _] = test_run_info().configuration.endpoints.try_into().expect("there are two");
        EndpointInfo {
            name: name.to_owned(),
            hostname: name.to_owned(),
            system: system.to_owned(),
            payload: serde_json::from_str(payload).unwrap(),
            preflight: Some(PreflightCall { answer_sha256: Some(answer.to_owned()), ..PreflightCall::ok() }),
            ..first
        }
    }

    fn configuration(endpoints: Vec<EndpointInfo>) -> Configuration {
        Configuration { endpoints, functions: Vec::new(), ..test_run_info().configuration }
    }

    fn found(endpoints: Vec<EndpointInfo>) -> String {
        findings(&configuration(endpoints)).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn equal_endpoints_do_not_differ() {
        let alike = [r#"{"a": 1, "b": [2]}"#, r#"{"b":[2],"a":1}"#];
        assert_eq!(found(vec![endpoint("a", "x", alike[0], "1"), endpoint("b", "y", alike[1], "1")]), "");
        // Two of one system are not compared.
        assert_eq!(found(vec![endpoint("a", "x", "1", "1"), endpoint("b", "x", "2", "2")]), "");
    }

    #[test]
    fn templates_are_alike_with_equal_values_from_one_seed() {
        let of = |name: &str, system: &str, template: &str| EndpointInfo {
            payload_template: serde_json::from_str(template).unwrap(),
            ..endpoint(name, system, r#"{"n": "{{a}}"}"#, "1")
        };
        let a = || of("a", "x", r#"{"seed": 7, "values": {"a": {"hex": 4}, "b": {"hex": 8}}}"#);
        let b = |template: &str| found(vec![a(), of("b", "y", template)]);
        assert_eq!(b(r#"{"values": {"b": {"hex":8}, "a": {"hex": 4}}, "seed": 7}"#), "");
        insta::assert_snapshot!(b(r#"{"seed": 8, "values": {"a": {"hex": 4}, "b": {"hex": 8}}}"#), @r#"f: unlike payload: a has {"n":"{{a}}"} with {"a":{"hex":4},"b":{"hex":8}} from seed 7, b has {"n":"{{a}}"} with {"a":{"hex":4},"b":{"hex":8}} from seed 8"#);
        insta::assert_snapshot!(b(r#"{"seed": 7, "values": {"a": {"hex": 5}, "b": {"hex": 8}}}"#), @r#"f: unlike payload: a has {"n":"{{a}}"} with {"a":{"hex":4},"b":{"hex":8}} from seed 7, b has {"n":"{{a}}"} with {"a":{"hex":5},"b":{"hex":8}} from seed 7"#);
        insta::assert_snapshot!(b("null"), @r#"f: unlike payload: a has {"n":"{{a}}"} with {"a":{"hex":4},"b":{"hex":8}} from seed 7, b has {"n":"{{a}}"}"#);
    }

    #[test]
    fn each_difference_is_named_with_both_sides() {
        let (mut a, mut b) = (endpoint("a", "x", "1", "1"), endpoint("b", "y", "1.0", "2"));
        b.asynchronous = true;
        a.preflight = a.preflight.map(|call| PreflightCall { memory_mb: Some(128), ..call });
        b.target = 1;
        let function = |name: &str, target, memory_mb, architecture: &str| FunctionInfo {
            name: name.to_owned(),
            target,
            memory_mb,
            architecture: Some(architecture.to_owned()),
            ..FunctionInfo::default()
        };
        let functions = vec![
            function("a", 0, None, "x86_64"),
            function("b", 0, Some(128), "x86_64"),
            function("b", 1, Some(512), "arm64"),
        ];
        let configuration = Configuration { functions, ..configuration(vec![a, b]) };
        let texts: Vec<_> = findings(&configuration).iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"), @"
        f: unlike payload: a has 1, b has 1.0
        f: unlike way of calling: a has waited for, b has asynchronous
        f: unlike answer (SHA-256 without its latency): a has 1, b has 2
        f: unlike memory: a has 128 MB, b has 512 MB
        f: unlike architecture: a has x86_64, b has arm64
        ");
    }

    #[test]
    fn unlike_limits_of_the_cpu_time_are_told_if_both_are_known() {
        let told = |first: &FunctionInfo, second: &FunctionInfo| {
            let mut endpoints = vec![endpoint("a", "x", "1", "1"), endpoint("b", "y", "1", "1")];
            endpoints[1].target = 1;
            let functions = vec![
                FunctionInfo { name: "a".to_owned(), target: 0, ..first.clone() },
                FunctionInfo { name: "b".to_owned(), target: 1, ..second.clone() },
            ];
            let configuration = Configuration { functions, ..configuration(endpoints) };
            findings(&configuration).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let limited = |quota_us, period_us| FunctionInfo {
            kind: Some("docker".to_owned()),
            cpu_limit: Some(CpuLimit { quota_us, period_us }),
            ..FunctionInfo::default()
        };
        let process = FunctionInfo { kind: Some("process".to_owned()), ..FunctionInfo::default() };
        let container = limited(5788, 20_000);
        assert_eq!(told(&container, &container), "");
        assert_eq!(told(&process, &process), "");
        assert_eq!(told(&container, &FunctionInfo::default()), "", "of one of them nothing is known");
        // The same share is given out five times less often, which is what a tail of latencies is made of.
        let other = [told(&container, &limited(28_940, 100_000)), told(&container, &process)];
        insta::assert_snapshot!(other.join("\n"), @"
        f: unlike CPU time: a has 5788 µs of each 20000 µs, b has 28940 µs of each 100000 µs
        f: unlike CPU time: a has 5788 µs of each 20000 µs, b has no limit
        ");
    }

    #[test]
    fn what_is_not_known_does_not_differ() {
        let (a, mut b) = (endpoint("a", "x", "1", "1"), endpoint("b", "y", "1", "2"));
        b.preflight = None;
        assert_eq!(found(vec![a, b]), "");
    }

    #[test]
    fn endpoints_with_the_same_payload_are_set_side_by_side() {
        let (small, large) = ("\"small\"", "\"large\"");
        let of = |name: &str, system: &str, payload: &str| endpoint(name, system, payload, payload);
        assert_eq!(
            found(vec![of("a", "x", small), of("b", "x", large), of("c", "y", large), of("d", "y", small)]),
            ""
        );
        let several =
            found(vec![of("a", "x", small), of("b", "y", small), of("c", "y", large), of("d", "z", large)]);
        insta::assert_snapshot!(several, @r#"
        f: unlike payload: a has "small", c has "large"
        f: unlike answer (SHA-256 without its latency): a has "small", c has "large"
        f: unlike payload: a has "small", d has "large"
        f: unlike answer (SHA-256 without its latency): a has "small", d has "large"
        "#);
        let fewer = found(vec![of("a", "x", small), of("b", "x", large), of("c", "y", large)]);
        insta::assert_snapshot!(fewer, @r#"
        f: unlike payload: a has "small", c has "large"
        f: unlike answer (SHA-256 without its latency): a has "small", c has "large"
        "#);
    }

    #[test]
    fn partners_are_used_once_and_tell_what_differs() {
        let of = |name: &str, system: &str, payload: &str| endpoint(name, system, payload, payload);
        let mut endpoints = vec![of("a", "x", "1"), of("b", "x", "2"), of("c", "y", "2"), of("d", "y", "1")];
        endpoints.push(of("e", "y", "3"));
        let configuration = configuration(endpoints);
        assert_eq!(partners(&configuration, &[0, 1], &[2, 3, 4]), [[0, 3], [1, 2]], "e has no partner");
        assert_eq!(partners(&configuration, &[0], &[4]), [[0, 4]]);
        assert_eq!(findings_of_pair(&configuration, [0, 3]), []);
        let told = findings_of_pair(&configuration, [0, 4]);
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        f: unlike payload: a has 1, e has 3
        f: unlike answer (SHA-256 without its latency): a has 1, e has 3
        ");
    }

    #[test]
    fn a_call_that_failed_is_told_also_of_a_single_system() {
        let mut endpoint = endpoint("a", "x", "1", "1");
        let cause = Cause { message: "refused".to_owned(), ..Cause::default() };
        endpoint.preflight =
            Some(PreflightCall { outcome: Outcome::Transport, cause: Some(cause), ..PreflightCall::ok() });
        insta::assert_snapshot!(found(vec![endpoint]), @"the call of a before the run failed: transport: refused");
    }

    #[test]
    fn long_payloads_are_shown_where_they_differ() {
        let long = |middle: &str| format!("{}é{middle}é{}", "a".repeat(100), "b".repeat(100));
        let [a, b] = excerpts(&long("1"), &long("2"));
        assert_eq!(a, format!("…{}é1é{}…", "a".repeat(14), "b".repeat(43)));
        assert_eq!(b, format!("…{}é2é{}…", "a".repeat(14), "b".repeat(43)));
        assert_eq!(excerpts("", "x"), ["", "x"]);
        assert_eq!(excerpts("a", &long("1"))[0], "a");
    }

    #[test]
    fn a_comparison_without_preflight_is_told() {
        let mut endpoints = vec![endpoint("a", "x", "1", "1"), endpoint("b", "y", "1", "1")];
        assert_eq!(compared_functions(&endpoints), ["f"]);
        assert_eq!(unchecked(&configuration(endpoints.clone())), []);
        endpoints.iter_mut().for_each(|endpoint| endpoint.preflight = None);
        let expected = Warning::NoPreflight { function: "f".to_owned() };
        assert_eq!(unchecked(&configuration(endpoints.clone())), [expected]);
        endpoints.truncate(1);
        assert_eq!(unchecked(&configuration(endpoints)), []);
    }
}
