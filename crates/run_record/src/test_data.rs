//! Samples for the tests of this crate.

use proptest::prelude::*;

use crate::histogram::Histogram;
use crate::sample::{Arrival, Outcome, Reply, Sample, Timing};

/// A histogram of these values, in nanoseconds.
pub(crate) fn histogram(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| _ = histogram.record(*value));
    histogram
}

/// A sample that was sent after 50 µs and is cold if it succeeded.
pub(crate) fn sample(endpoint: usize, outcome: Outcome, done_ns: u64) -> Sample {
    Sample {
        arrival: Arrival { sequence: 0, endpoint, intended_ns: 0 },
        timing: Some(Timing { sent_ns: 50_000, done_ns }),
        reply: Reply {
            outcome,
            request_id: None,
            function_latency_s: None,
            cold: Some(outcome == Outcome::Ok),
            init_ns: None,
            error: None,
        },
    }
}

/// Any samples of this number of endpoints, as a file can hold them: times do not decrease, function latencies are whole
/// nanoseconds, and there is no message.
pub(crate) fn samples(endpoints: usize) -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec(any_sample(endpoints), 0..20)
}

fn any_sample(endpoints: usize) -> impl Strategy<Value = Sample> {
    let ns = || 0..4_000_000_000_000_u64;
    let arrival = (any::<u64>(), 0..endpoints, ns()).prop_map(|(sequence, endpoint, intended_ns)| Arrival {
        sequence,
        endpoint,
        intended_ns,
    });
    let delays = (ns(), ns());
    let reply = (
        prop::sample::select(Outcome::ALL.to_vec()),
        prop::option::of(".{1,40}"),
        prop::option::of(ns()),
        any::<Option<bool>>(),
        prop::option::of(ns()),
    );
    (arrival, delays, reply).prop_map(
        |(arrival, delays, (outcome, request_id, function_ns, cold, init_ns))| {
            let sent_ns = arrival.intended_ns + delays.0;
            let sent = outcome != Outcome::Dropped;
            let timing = sent.then_some(Timing { sent_ns, done_ns: sent_ns + delays.1 });
            let function_latency_s = function_ns.map(crate::units::s);
            let reply = Reply { outcome, request_id, function_latency_s, cold, init_ns, error: None };
            Sample { arrival, timing, reply }
        },
    )
}
