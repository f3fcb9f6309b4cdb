//! Whether the shards of a schedule make up the whole.

use proptest::prelude::*;
use run_record::run_info::{ScheduleFile, ScheduleFormat};

use super::super::endpoints;
use super::super::recording::Calls;
use super::super::stages::Profile;
use super::super::walk::Walk;
use super::*;

fn generated(stages: &str, arrivals: Arrivals, order: Order, slots: Vec<usize>, seed: u64) -> Schedule {
    let (profile, walk) = (Profile::parse(stages).unwrap(), Walk { order, seed, slots });
    Schedule::Generated(Generated { profile, arrivals, seed, walk })
}

fn recorded(calls: &[(i64, usize)]) -> Schedule {
    let mut read = Calls::default();
    calls.iter().for_each(|(ns, endpoint)| read.push(*ns, *endpoint).unwrap());
    let file = ScheduleFile {
        path: String::new(),
        sha256: String::new(),
        format: ScheduleFormat::Schedule,
        time_scale: 1.0,
    };
    Schedule::Recorded(read.finish(None, None, file, None).unwrap())
}

fn shards(whole: &Schedule, total: u32) -> Vec<Schedule> {
    let shards = (0..total).filter_map(|index| Shard::new(index, total));
    shards.map(|shard| whole.clone().of_shard(shard)).collect()
}

/// Checks that each arrival of the whole is one of exactly one shard, at the same time.
fn check_partition(whole: &Schedule, shards: &[Schedule]) -> Result<(), TestCaseError> {
    let mut arrivals: Vec<_> = shards.iter().flat_map(Schedule::iter).collect();
    arrivals.sort_by_key(|arrival| arrival.sequence);
    prop_assert_eq!(&arrivals, &whole.iter().collect::<Vec<_>>());
    for endpoint in 0..3 {
        let numbers = arrivals.iter().filter(|it| it.endpoint == endpoint).map(|it| it.number);
        prop_assert!(numbers.eq((0..).take(arrivals.iter().filter(|it| it.endpoint == endpoint).count())));
    }
    for sharded in shards {
        prop_assert_eq!(sharded.end_ns(), whole.end_ns());
        prop_assert!(sharded.iter().is_sorted_by_key(|arrival| arrival.intended_ns));
        prop_assert!(whole.is_random() || sharded.iter().count() as u64 == sharded.expected());
    }
    let target_rps: f64 = shards.iter().map(Schedule::target_rps).sum();
    prop_assert!((target_rps / whole.target_rps() - 1.0).abs() < 1e-9);
    Ok(())
}

proptest! {
    #[test]
    fn shards_send_whole_rounds_and_make_up_the_whole(
        stages in prop::sample::select(vec!["2s@70", "500ms@0..300,1s@0,1s@50", "1s@33.3,700ms@90..10"]),
        arrivals in prop::sample::select(vec![Arrivals::Constant, Arrivals::Poisson, Arrivals::Uniform]),
        order in prop::sample::select(vec![Order::RoundRobin, Order::Shuffled]),
        slots in prop::collection::vec(0..3_usize, 1..7),
        seed: u64,
        total in 1..6_u32,
    ) {
        let round_len = slots.len();
        let mut sorted = slots.clone();
        sorted.sort_unstable();
        let whole = generated(stages, arrivals, order, slots, seed);
        let shards = shards(&whole, total);
        check_partition(&whole, &shards)?;
        for sharded in &shards {
            let arrivals: Vec<_> = sharded.iter().collect();
            let rounds: Vec<_> = arrivals.chunk_by(|a, b| a.sequence + 1 == b.sequence
                && !b.sequence.is_multiple_of(round_len as u64)).collect();
            for round in &rounds[..rounds.len().saturating_sub(1)] {
                let mut endpoints: Vec<_> = round.iter().map(|arrival| arrival.endpoint).collect();
                endpoints.sort_unstable();
                prop_assert_eq!(&endpoints, &sorted, "a round has each entry");
            }
        }
    }

    /// Endpoints 0 and 1 are one function at two systems.
    #[test]
    fn systems_get_equal_payloads_and_shards_together_those_of_the_whole(
        order in prop::sample::select(vec![Order::RoundRobin, Order::Shuffled]),
        arrivals in prop::sample::select(vec![Arrivals::Constant, Arrivals::Poisson]),
        weight in 1..4_usize,
        seed: u64,
        total in 1..6_u32,
    ) {
        let entry = |system: &str| format!(
            r#"{{"hostname": "f", "system": "{system}", "weight": {weight}, "payload": ["{{{{number}}}}", "{{{{n}}}}", "{{{{id}}}}"],
                "payload_values": {{"n": {{"integer": [1, 1000]}}, "id": {{"hex": 8}}}}}}"#
        );
        let text = format!("[{}, {}, {{\"hostname\": \"g\"}}]", entry("a"), entry("b"));
        let mut endpoints = endpoints::parse(&text, &mut |_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        endpoints.seed_templates(seed);
        let whole = generated("1s@90", arrivals, order, endpoints.slots.clone(), seed);
        let sent = |schedule: &Schedule, endpoint: usize| -> Vec<String> {
            let of_endpoint = schedule.iter().filter(|arrival| arrival.endpoint == endpoint);
            of_endpoint.map(|arrival| endpoints.list[endpoint].payload_of(arrival.number).into_owned()).collect()
        };
        let (a, b) = (sent(&whole, 0), sent(&whole, 1));
        let both = a.len().min(b.len());
        prop_assert!(both > 0 && a[..both] == b[..both]);
        for (endpoint, mut expected) in [(0, a), (1, b)] {
            let mut found: Vec<_> = shards(&whole, total).iter().flat_map(|shard| sent(shard, endpoint)).collect();
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_calls_of_each_endpoint_of_a_file_are_dealt_out_in_turn(
        calls in prop::collection::vec((0..1_000_i64, 0..3_usize), 1..200),
        total in 1..6_u32,
    ) {
        let whole = recorded(&calls);
        let shards = shards(&whole, total);
        check_partition(&whole, &shards)?;
        for endpoint in 0..3 {
            let counts: Vec<_> =
                shards.iter().map(|sharded| sharded.iter().filter(|it| it.endpoint == endpoint).count()).collect();
            prop_assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] - counts[counts.len() - 1] <= 1);
        }
    }
}

#[test]
fn a_shard_of_a_million_a_second_is_computed_without_the_times_of_the_others() {
    let whole = generated("1000s@1000000", Arrivals::Constant, Order::RoundRobin, vec![0, 1], 0);
    let sharded = ShardSchedule::new(whole, Shard::new(99, 100).unwrap());
    assert_eq!((sharded.requests(), sharded.share().to_bits()), (10_000_000, 0.01_f64.to_bits()));
    let expected = Arrival { sequence: 198, endpoint: 0, number: 99, intended_ns: 198_000 };
    assert_eq!(sharded.iter().next(), Some(expected));
}

#[test]
fn rounds_are_counted() {
    assert_eq!(generated("1s@7", Arrivals::Constant, Order::Shuffled, vec![0, 1, 0], 0).rounds(), 2);
    assert_eq!(recorded(&[(0, 2), (1, 2), (2, 2), (3, 0), (4, 0)]).rounds(), 2);
}
