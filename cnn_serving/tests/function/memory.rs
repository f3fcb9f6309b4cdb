//! What an environment takes of memory while it lives.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::local_lambda::Local;

/// After so many calls, an environment has the memory that a call takes.
const WARMED_UP: u32 = 10;
const CALLS: u32 = 100;
/// Where freed tensors were not used again, an environment took 4 MB more with each call.
const MAX_GROWTH_MB: u32 = 20;

/// Not each environment took more: it depended on where its first blocks of memory lay.
#[test]
fn an_environment_does_not_grow_with_its_calls() {
    for environment in 0..4 {
        let local = Local::start(&[]);
        let call = || {
            let answer = local.invoke(&json!({}));
            assert!(answer.body.is_string(), "{}", answer.body);
            max_memory_mb(&answer.headers)
        };
        let first = (0..WARMED_UP).map(|_| call()).max().unwrap();
        let last = (0..CALLS).map(|_| call()).max().unwrap();
        assert!(last <= first + MAX_GROWTH_MB, "environment {environment}: from {first} to {last} MB");
    }
}

/// `Max Memory Used` of the report at the end of a log.
fn max_memory_mb(headers: &str) -> u32 {
    let fields: BTreeMap<_, _> = headers.lines().filter_map(|line| line.split_once(": ")).collect();
    let log = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-log-result")).unwrap().1;
    let log = String::from_utf8(BASE64_STANDARD.decode(log).unwrap()).unwrap();
    let (_, rest) = log.rsplit_once("Max Memory Used: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}
