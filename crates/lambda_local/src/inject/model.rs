//! What is to happen to each request, decided in advance: a pure function of the seed, the function's name and the
//! number of the request.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::distribution::{Distribution, MAX_LATENCY_NS};

/// How a request is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The function answers.
    Answer,
    /// The platform refuses the request for this reason.
    Throttle(&'static str),
    /// The function fails.
    FunctionError,
    /// The connection is reset instead of an answer.
    Reset,
    /// Bytes that are not HTTP come instead of an answer, and the connection is closed.
    Garbage,
    /// The function answers, but nothing arrives until this time more has passed.
    Stall { ns: u64 },
}

impl Kind {
    /// The name in the truth file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Throttle(_) => "throttle",
            Self::FunctionError => "function_error",
            Self::Reset => "reset",
            Self::Garbage => "garbage",
            Self::Stall { .. } => "stall",
        }
    }
}

/// What is to happen to one request. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw {
    pub(crate) kind: Kind,
    /// How long the function works. A throttled request has none.
    pub(crate) latency_ns: Option<u64>,
    /// How long its environment takes to initialise, if it is a cold start.
    pub(crate) init_ns: Option<u64>,
}

impl Draw {
    /// From the arrival of the request to its end.
    pub(crate) fn intended_ns(&self) -> u64 {
        let stall_ns = if let Kind::Stall { ns } = self.kind { ns } else { 0 };
        self.latency_ns.unwrap_or(0) + self.init_ns.unwrap_or(0) + stall_ns
    }
}

/// How a function answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) latency: Distribution,
    /// The share of cold starts among the requests that reach the function, and how long they take.
    pub(crate) cold_starts: Option<(f64, Distribution)>,
    /// What happens to a share of the requests instead of an ordinary answer. The shares add up to at most 1.
    pub(crate) faults: Vec<(f64, Kind)>,
}

/// A function whose answers are drawn.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    behaviour: Behaviour,
    /// The random numbers of this function, from the first on.
    random: ChaCha8Rng,
}

impl Model {
    /// The model of the function `name`. Functions with other names draw other random numbers.
    pub(crate) fn new(seed: u64, name: &str, behaviour: Behaviour) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(fingerprint(name));
        Self { behaviour, random }
    }

    /// What is to happen to the request with this number. Numbers begin at 0.
    ///
    /// Every request has the same random numbers for the same purpose, whatever the shares are. So another share of
    /// faults leaves the latencies of all other requests as they were.
    pub(crate) fn draw(&self, number: u64) -> Draw {
        let mut random = self.random.clone();
        random.set_word_pos(u128::from(number) * WORDS_PER_REQUEST);
        let mut next = || uniform(random.next_u64());
        let (fault, cold, latency, init) = (next(), next(), [next(), next()], [next(), next()]);
        let kind = self.kind(fault);
        if let Kind::Throttle(_) = kind {
            return Draw { kind, latency_ns: None, init_ns: None };
        }
        let latency_ns = Some(self.behaviour.latency.sample(latency));
        let init_ns = match &self.behaviour.cold_starts {
            Some((share, distribution)) if cold < *share => Some(distribution.sample(init)),
            _ => None,
        };
        Draw { kind, latency_ns, init_ns }
    }

    fn kind(&self, random: f64) -> Kind {
        let mut below = 0.0;
        for (share, kind) in &self.behaviour.faults {
            below += share;
            if random < below {
                return *kind;
            }
        }
        Kind::Answer
    }
}

/// The words of 32 bits that the generator makes at a time. Six random numbers of 64 bits take 12 of them.
const WORDS_PER_REQUEST: u128 = 16;

/// A number from [0, 1) with the 53 bits that a float has.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// FNV-1a: the same for a name on every machine and in every version.
fn fingerprint(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

// The sum of all times of a draw stays far within a u64.
const _: () = assert!(MAX_LATENCY_NS < u64::MAX / 4);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn behaviour() -> Behaviour {
        Behaviour {
            latency: Distribution::Lognormal { p50_ns: 1e7, p99_ns: 8e7 },
            cold_starts: Some((0.1, Distribution::Constant(100 * MS))),
            faults: vec![
                (0.05, Kind::Throttle("R")),
                (0.04, Kind::FunctionError),
                (0.03, Kind::Reset),
                (0.02, Kind::Garbage),
                (0.01, Kind::Stall { ns: 7 * MS }),
            ],
        }
    }

    fn draws(model: &Model, count: u64) -> Vec<Draw> {
        (0..count).map(|number| model.draw(number)).collect()
    }

    #[test]
    fn the_first_draws_of_a_seed_never_change() {
        let model = Model::new(42, "f", Behaviour { faults: Vec::new(), ..behaviour() });
        let first: Vec<_> = draws(&model, 4).iter().map(|draw| (draw.latency_ns, draw.init_ns)).collect();
        let expected = [2_028_670, 15_404_376, 28_149_212, 3_575_892].map(|ns| (Some(ns), None));
        assert_eq!(first, expected);
    }

    #[test]
    fn shares_and_percentiles_are_those_asked_for() {
        let draws = draws(&Model::new(1, "f", behaviour()), 200_000);
        let share = |is: &dyn Fn(&Draw) -> bool| {
            draws.iter().filter(|draw| is(draw)).count() as f64 / draws.len() as f64
        };
        for (kind, expected) in
            [("throttle", 0.05), ("function_error", 0.04), ("reset", 0.03), ("garbage", 0.02)]
        {
            let found = share(&|draw| draw.kind.name() == kind);
            // Five standard deviations.
            let tolerance = 5.0 * (expected * (1.0 - expected) / draws.len() as f64).sqrt();
            assert!((found - expected).abs() < tolerance, "{kind}: {found}");
        }
        let cold = share(&|draw| draw.init_ns.is_some());
        assert!((cold - 0.1 * 0.95).abs() < 0.004, "{cold}");
        let mut latencies: Vec<_> = draws.iter().filter_map(|draw| draw.latency_ns).collect();
        latencies.sort_unstable();
        for (percent, expected) in [(50, 1e7), (99, 8e7)] {
            let found = latencies[latencies.len() * percent / 100] as f64;
            assert!((found / expected - 1.0).abs() < 0.03, "p{percent}: {found}");
        }
    }

    #[test]
    fn a_cold_start_and_a_stall_take_longer() {
        let stall = Draw { kind: Kind::Stall { ns: 7 }, latency_ns: Some(10), init_ns: Some(100) };
        assert_eq!(stall.intended_ns(), 117);
        let throttle = Draw { kind: Kind::Throttle("R"), latency_ns: None, init_ns: None };
        assert_eq!(throttle.intended_ns(), 0);
    }

    proptest! {
        #[test]
        fn a_draw_depends_on_seed_name_and_number_alone(seed: u64, number in 0..u64::MAX / 2) {
            let model = Model::new(seed, "f", behaviour());
            let drawn = model.draw(number);
            prop_assert_eq!(drawn, Model::new(seed, "f", behaviour()).draw(number));
            // Other draws in between change nothing.
            model.draw(number + 1);
            prop_assert_eq!(drawn, model.draw(number));
        }

        #[test]
        fn other_faults_leave_the_latencies_as_they_were(seed: u64, number: u64, share in 0.0..1.0_f64) {
            let faulty = Behaviour { faults: vec![(share, Kind::Reset)], ..behaviour() };
            let draw = Model::new(seed, "f", faulty).draw(number);
            let plain = Model::new(seed, "f", Behaviour { faults: Vec::new(), ..behaviour() }).draw(number);
            prop_assert_eq!((draw.latency_ns, draw.init_ns), (plain.latency_ns, plain.init_ns));
        }

        #[test]
        fn seeds_names_and_numbers_differ(seed: u64, number in 0..u64::MAX / 2) {
            let plain = |seed, name, number| {
                let behaviour = Behaviour { faults: Vec::new(), ..behaviour() };
                Model::new(seed, name, behaviour).draw(number).latency_ns
            };
            let first = plain(seed, "f", number);
            prop_assert_ne!(first, plain(seed ^ 1, "f", number));
            prop_assert_ne!(first, plain(seed, "g", number));
            prop_assert_ne!(first, plain(seed, "f", number + 1));
        }
    }
}
