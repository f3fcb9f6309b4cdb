//! Samples for the tests of this crate.

use proptest::prelude::*;

use crate::histogram::Histogram;
use crate::sample::{Arrival, Connection, Handshake, Outcome, Reply, Report, Sample, Timing};

/// A histogram of these values, in nanoseconds.
pub(crate) fn histogram(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| _ = histogram.record(*value));
    histogram
}

/// A sample that was issued after 50 µs and is cold if it succeeded.
pub(crate) fn sample(endpoint: usize, outcome: Outcome, done_ns: u64) -> Sample {
    Sample {
        arrival: Arrival { sequence: 0, endpoint, number: 0, intended_ns: 0 },
        timing: Some(Timing::new(50_000, done_ns)),
        reply: Reply { cold: Some(outcome == Outcome::Ok), ..Reply::with_outcome(outcome) },
    }
}

/// Any samples of this number of endpoints, as a file can hold them: times do not decrease, function latencies are whole
/// nanoseconds, and there is no cause.
pub(crate) fn samples(endpoints: usize) -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec(any_sample(endpoints), 0..20)
}

fn any_sample(endpoints: usize) -> impl Strategy<Value = Sample> {
    let arrival = (any::<u64>(), 0..endpoints, any::<u64>(), ns());
    (arrival, any_timing(), any_reply()).prop_map(
        |((sequence, endpoint, number, intended_ns), timing, reply)| {
            let arrival = Arrival { sequence, endpoint, number, intended_ns };
            let timing = (reply.outcome != Outcome::Dropped).then(|| later(timing, intended_ns));
            Sample { arrival, timing, reply }
        },
    )
}

/// Times of a call that was due at 0.
fn any_timing() -> impl Strategy<Value = Timing> {
    let handshake =
        (ns(), ns(), ns()).prop_map(|(dns_ns, tcp_ns, tls_ns)| Handshake { dns_ns, tcp_ns, tls_ns });
    let connection = (0..=100_u64, prop::option::of(handshake));
    let percent = || prop::option::of(0..=100_u64);
    (ns(), ns(), prop::option::of(connection), percent(), percent()).prop_map(
        |(issued_ns, service_ns, connection, written, first_byte)| {
            let at = |percent: u64| issued_ns + service_ns / 100 * percent;
            Timing {
                issued_ns,
                connection: connection
                    .map(|(ready, handshake)| Connection { ready_ns: at(ready), handshake }),
                written_ns: written.map(at),
                first_byte_ns: first_byte.map(at),
                done_ns: issued_ns + service_ns,
            }
        },
    )
}

fn later(timing: Timing, by_ns: u64) -> Timing {
    let Timing { issued_ns, connection, written_ns, first_byte_ns, done_ns } = timing;
    let later = |ns: u64| ns + by_ns;
    Timing {
        issued_ns: later(issued_ns),
        connection: connection.map(|it| Connection { ready_ns: later(it.ready_ns), ..it }),
        written_ns: written_ns.map(later),
        first_byte_ns: first_byte_ns.map(later),
        done_ns: later(done_ns),
    }
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let some = || prop::option::of(ns());
    let text = || prop::option::of(".{1,40}");
    let report = (some(), some(), some(), some(), some(), some(), some()).prop_map(
        |(init_ns, restore_ns, duration_ns, billed_ns, memory_mib, max_memory_mib, age_ns)| Report {
            init_ns,
            restore_ns,
            duration_ns,
            billed_ns,
            memory_mib,
            max_memory_mib,
            age_ns,
        },
    );
    let outcome = prop::sample::select(Outcome::ALL.to_vec());
    (outcome, text(), some(), any::<Option<bool>>(), report, some(), text()).prop_map(
        |(outcome, request_id, function_ns, cold, report, answer_bytes, environment)| Reply {
            outcome,
            request_id,
            function_latency_s: function_ns.map(crate::units::s),
            cold,
            report,
            answer_bytes,
            environment,
            cause: None,
        },
    )
}

fn ns() -> std::ops::Range<u64> {
    0..4_000_000_000_000
}
