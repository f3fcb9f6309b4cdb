//! Where the time of an invocation went. The parts add up to its response latency exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::latency::Latency;
use crate::sample::{Sample, Start};
use crate::units;

/// The platform reports its Duration in hundredths of a millisecond. A handler that exceeds it by less is not at odds with it.
const DURATION_STEP_NS: u64 = 10_000;

/// A part of the time of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// From the intended time to handing the request to the client.
    Lag,
    /// From there until a connection was ready.
    Connection,
    /// What no other part explains: the network, and what the platform did before and after the function.
    NetworkAndPlatform,
    /// The initialisation of the environment, or its restoration from a snapshot. If the environment tells for how long it
    /// had been ready, only what the invocation waited for counts.
    Init,
    /// The platform's Duration without the handler: handing over the event, and taking the answer.
    Overhead,
    /// What the function measured itself.
    Handler,
}

/// One value for each [`Part`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Parts<T> {
    /// From the intended time to handing the request to the client.
    pub lag: T,
    /// From there until a connection was ready. If the client does not tell, it is part of `network_and_platform`.
    pub connection: T,
    /// What no other part explains: the network, and what the platform did before and after the function.
    pub network_and_platform: T,
    /// The initialisation of the environment, or its restoration from a snapshot.
    pub init: T,
    /// The platform's Duration without the handler: handing over the event, and taking the answer.
    pub overhead: T,
    /// What the function measured itself.
    pub handler: T,
}

/// The parts of one invocation in nanoseconds. A part that is not known, or that the invocation did not have, is absent;
/// what is not known lies in [`Part::NetworkAndPlatform`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(Parts<Option<u64>>);

/// Why an invocation has no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBudget {
    /// The platform or the function did not tell what is needed.
    Unknown,
    /// What was told cannot be: a part would be below zero.
    Inconsistent,
}

/// The budgets of many invocations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetTotals {
    /// Those of invocations by an environment that had answered before.
    pub warm: PartTotals,
    /// Those of cold starts.
    pub cold: PartTotals,
    /// Invocations whose budget is not known.
    pub unknown: u64,
    /// Invocations whose parts contradict each other.
    pub inconsistent: u64,
}

/// Sums and histograms of parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartTotals {
    count: u64,
    /// In nanoseconds: they give means that add up exactly.
    sums: Parts<u64>,
    histograms: Parts<Histogram>,
}

/// Where the time of successful invocations went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BudgetSummary {
    /// By an environment that had answered before; null if no such budget is known.
    pub warm: Option<PartsSummary>,
    /// With a cold start; null if no such budget is known.
    pub cold: Option<PartsSummary>,
    /// Invocations without a budget: the platform told no duration, or not whether it was a cold start, or the function
    /// reported no latency; or it was the first one of an environment that had been initialised before the request came, or
    /// waited for an initialisation that was reported with another one.
    pub unknown: u64,
    /// Invocations whose parts contradict each other, and are left out: the function reported more than the whole, or more
    /// than the platform's duration, which is rounded to 10 µs, or the platform more than the whole.
    pub inconsistent: u64,
}

/// The parts of many invocations, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PartsSummary {
    /// Invocations whose budget is known.
    pub count: u64,
    /// The mean of each part over all of these invocations.
    pub mean: PartMeans,
    /// The distribution of each part, over the invocations that had it.
    #[serde(flatten)]
    pub latencies: Parts<Latency>,
}

/// Means in microseconds that add up to `response`; null for a part that no invocation had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PartMeans {
    /// The mean of each part.
    #[serde(flatten)]
    pub parts: Parts<Option<f64>>,
    /// The mean of the response latency.
    pub response: f64,
}

impl Part {
    /// All parts, in the order in which they are published.
    pub const ALL: [Self; 6] =
        [Self::Lag, Self::Connection, Self::NetworkAndPlatform, Self::Init, Self::Overhead, Self::Handler];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lag => "lag",
            Self::Connection => "connection",
            Self::NetworkAndPlatform => "network_and_platform",
            Self::Init => "init",
            Self::Overhead => "overhead",
            Self::Handler => "handler",
        }
    }
}

impl<T> Parts<T> {
    /// Makes the value of each part.
    pub fn from_fn(mut value: impl FnMut(Part) -> T) -> Self {
        Self {
            lag: value(Part::Lag),
            connection: value(Part::Connection),
            network_and_platform: value(Part::NetworkAndPlatform),
            init: value(Part::Init),
            overhead: value(Part::Overhead),
            handler: value(Part::Handler),
        }
    }

    /// The value of a part.
    pub fn get(&self, part: Part) -> &T {
        match part {
            Part::Lag => &self.lag,
            Part::Connection => &self.connection,
            Part::NetworkAndPlatform => &self.network_and_platform,
            Part::Init => &self.init,
            Part::Overhead => &self.overhead,
            Part::Handler => &self.handler,
        }
    }

    /// The value of a part, to be changed.
    pub fn get_mut(&mut self, part: Part) -> &mut T {
        match part {
            Part::Lag => &mut self.lag,
            Part::Connection => &mut self.connection,
            Part::NetworkAndPlatform => &mut self.network_and_platform,
            Part::Init => &mut self.init,
            Part::Overhead => &mut self.overhead,
            Part::Handler => &mut self.handler,
        }
    }

    /// The values in the order of [`Part::ALL`].
    pub fn values(&self) -> [&T; Part::ALL.len()] {
        Part::ALL.map(|part| self.get(part))
    }
}

impl Budget {
    /// Divides the time of an invocation.
    ///
    /// # Errors
    /// Something is not known, or what is known contradicts itself.
    pub fn new(sample: &Sample) -> Result<Self, NoBudget> {
        let report = sample.reply.report;
        let timing = sample.timing.ok_or(NoBudget::Unknown)?;
        let handler = sample.function_ns().ok_or(NoBudget::Unknown)?;
        difference(timing.done_ns, timing.issued_ns.saturating_add(handler))?;
        let duration = report.duration_ns.ok_or(NoBudget::Unknown)?;
        let init = match (sample.start(), report.init_ns, report.restore_ns) {
            (Start::Warm, ..) => None,
            (Start::Other, ..) | (Start::Cold, None, None) => return Err(NoBudget::Unknown),
            (Start::Cold, init, restore) => Some(init.unwrap_or(0).saturating_add(restore.unwrap_or(0))),
        };
        let lag = difference(timing.issued_ns, sample.arrival.intended_ns)?;
        let connection = timing.connection.map(|it| difference(it.ready_ns, timing.issued_ns)).transpose()?;
        // Rounding may make the Duration shorter than the handler. Then there is no overhead to be seen.
        let overhead =
            difference(duration.saturating_add(DURATION_STEP_NS), handler)?.saturating_sub(DURATION_STEP_NS);
        let mut rest = difference(timing.done_ns, sample.arrival.intended_ns)?;
        for part in [Some(lag), connection, Some(overhead), Some(handler)].into_iter().flatten() {
            rest = difference(rest, part)?;
        }
        let init = match (init, report.age_ns) {
            // It began before the invocation, which waited only for what was left of it.
            (Some(init), Some(age)) => Some(init.min(rest.saturating_sub(age))),
            (init, _) => init,
        };
        rest = difference(rest, init.unwrap_or(0))?;
        Ok(Self(Parts {
            lag: Some(lag),
            connection,
            network_and_platform: Some(rest),
            init,
            overhead: Some(overhead),
            handler: Some(handler),
        }))
    }

    /// One part in nanoseconds; absent if it is not known, or if the invocation had none.
    pub fn part(&self, part: Part) -> Option<u64> {
        *self.0.get(part)
    }
}

fn difference(whole: u64, part: u64) -> Result<u64, NoBudget> {
    whole.checked_sub(part).ok_or(NoBudget::Inconsistent)
}

impl BudgetTotals {
    /// Divides the time of an invocation and adds its parts. Returns how many values were above an hour.
    pub(crate) fn record(&mut self, sample: &Sample) -> u64 {
        match Budget::new(sample) {
            Ok(budget) if sample.start() == Start::Cold => return self.cold.record(budget),
            Ok(budget) => return self.warm.record(budget),
            Err(NoBudget::Unknown) => self.unknown += 1,
            Err(NoBudget::Inconsistent) => self.inconsistent += 1,
        }
        0
    }
}

impl PartTotals {
    fn record(&mut self, budget: Budget) -> u64 {
        self.count += 1;
        let mut saturated = 0;
        for part in Part::ALL {
            if let Some(value) = budget.part(part) {
                let sum = self.sums.get_mut(part);
                *sum = sum.saturating_add(value);
                saturated += u64::from(self.histograms.get_mut(part).record(value));
            }
        }
        saturated
    }
}

impl BudgetSummary {
    /// Sums up budgets.
    pub(crate) fn new(totals: &BudgetTotals) -> Self {
        Self {
            warm: PartsSummary::new(&totals.warm),
            cold: PartsSummary::new(&totals.cold),
            unknown: totals.unknown,
            inconsistent: totals.inconsistent,
        }
    }
}

impl PartsSummary {
    fn new(totals: &PartTotals) -> Option<Self> {
        (totals.count > 0).then(|| Self {
            count: totals.count,
            mean: PartMeans::new(totals),
            latencies: Parts::from_fn(|part| Latency::new(totals.histograms.get(part))),
        })
    }
}

impl PartMeans {
    fn new(totals: &PartTotals) -> Self {
        let mean = |sum: u64| units::us(sum) / totals.count as f64;
        let part = |part| {
            let is_known = totals.histograms.get(part).count() > 0;
            is_known.then(|| mean(*totals.sums.get(part)))
        };
        Self {
            parts: Parts::from_fn(part),
            response: mean(totals.sums.values().into_iter().fold(0, |sum, part| sum.saturating_add(*part))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Connection, Outcome, Report};
    use crate::test_data::{sample, samples};

    /// Due at 0, sent after 50 µs, ready after 60 µs, answered after 10 ms; the function took 2 of 3 ms.
    fn warm() -> Sample {
        let mut sample = sample(0, Outcome::Ok, 10_000_000);
        let timing = sample.timing.as_mut().unwrap();
        timing.connection = Some(Connection { ready_ns: 60_000, handshake: None });
        sample.reply.cold = Some(false);
        sample.reply.function_latency_s = Some(0.002);
        sample.reply.report = Report { duration_ns: Some(3_000_000), ..Report::default() };
        sample
    }

    fn cold() -> Sample {
        let mut sample = warm();
        sample.reply.cold = Some(true);
        sample.reply.report.init_ns = Some(4_000_000);
        sample
    }

    #[test]
    fn each_part_has_its_place() {
        let us = |sample: &Sample| {
            Budget::new(sample).map(|budget| budget.0.values().map(|ns| ns.map(|ns| ns / 1_000)))
        };
        let parts = [Some(50), Some(10), Some(6_940), None, Some(1_000), Some(2_000)];
        assert_eq!(us(&warm()), Ok(parts));
        let parts = [Some(50), Some(10), Some(2_940), Some(4_000), Some(1_000), Some(2_000)];
        assert_eq!(us(&cold()), Ok(parts));
        let mut untold = warm();
        untold.timing.as_mut().unwrap().connection = None;
        assert_eq!(us(&untold), Ok([Some(50), None, Some(6_950), None, Some(1_000), Some(2_000)]));
        let mut rounded = warm();
        rounded.reply.function_latency_s = Some(0.003_010);
        assert_eq!(us(&rounded), Ok([Some(50), Some(10), Some(6_930), None, Some(0), Some(3_010)]));
    }

    /// Of 10 ms, 50 µs are lag, 10 µs the connection, 1 ms overhead and 2 ms the handler: 6,940 µs are left.
    #[test]
    fn an_initialisation_that_began_before_the_invocation_counts_only_as_far_as_it_was_waited_for() {
        let parts = |init_us: u64, age_us: u64| {
            let mut sample = cold();
            sample.reply.report.init_ns = Some(init_us * 1_000);
            sample.reply.report.age_ns = Some(age_us * 1_000);
            let us = |budget: Budget, part| budget.part(part).map(|ns| ns / 1_000);
            Budget::new(&sample).map(|budget| (us(budget, Part::NetworkAndPlatform), us(budget, Part::Init)))
        };
        assert_eq!(parts(6_000, 940), Ok((Some(940), Some(6_000))));
        assert_eq!(parts(9_000, 940), Ok((Some(940), Some(6_000))));
        assert_eq!(parts(9_000, 6_940), Ok((Some(6_940), Some(0))));
        // It became ready while the connection was made.
        assert_eq!(parts(1, 6_941), Ok((Some(6_940), Some(0))));
    }

    #[test]
    fn what_is_not_known_has_no_budget_and_what_cannot_be_is_told() {
        type Change = fn(&mut Sample);
        let unknown: [Change; 6] = [
            // It was initialised before the invocation.
            |it| it.reply.report.init_ns = Some(6_950_001),
            |it| it.timing = None,
            |it| it.reply.cold = None,
            |it| it.reply.function_latency_s = None,
            |it| it.reply.report.duration_ns = None,
            |it| it.reply.report.init_ns = None,
        ];
        let inconsistent: [Change; 4] = [
            |it| it.reply.function_latency_s = Some(0.003_010_001),
            |it| it.reply.report.init_ns = Some(6_940_001),
            |it| (it.reply.cold, it.reply.report.duration_ns) = (Some(false), Some(10_000_000)),
            |it| it.arrival.intended_ns = 50_001,
        ];
        let changed = |change: Change| {
            let mut sample = cold();
            change(&mut sample);
            Budget::new(&sample)
        };
        assert_eq!(unknown.map(changed), [Err(NoBudget::Unknown); 6]);
        assert_eq!(inconsistent.map(changed), [Err(NoBudget::Inconsistent); 4]);
    }

    #[test]
    fn means_add_up_and_warm_and_cold_are_apart() {
        let mut totals = BudgetTotals::default();
        let mut untold = warm();
        untold.timing.as_mut().unwrap().connection = None;
        let mut wrong = warm();
        wrong.reply.function_latency_s = Some(1.0);
        for sample in [&warm(), &untold, &cold(), &wrong, &sample(0, Outcome::Ok, 1_000_000)] {
            totals.record(sample);
        }
        let summary = BudgetSummary::new(&totals);
        assert_eq!((summary.unknown, summary.inconsistent), (1, 1));
        let warm = summary.warm.unwrap();
        assert_eq!((warm.count, warm.latencies.connection.count, warm.latencies.init.count), (2, 1, 0));
        let PartMeans { parts, response } = warm.mean;
        assert_eq!((parts.values().into_iter().flatten().sum::<f64>(), parts.init), (response, None));
        assert_eq!((parts.connection, response), (Some(5.0), 10_000.0));
        assert_eq!(summary.cold.unwrap().mean.parts.init, Some(4_000.0));
    }

    #[test]
    fn each_part_is_found_under_its_name() {
        let names = Parts::from_fn(Part::name);
        let text = serde_json::to_string(&names).unwrap();
        assert_eq!(
            serde_json::from_str::<Parts<String>>(&text).unwrap().values().map(|name| &**name),
            Part::ALL.map(Part::name)
        );
        assert_eq!(
            serde_json::to_string(&Part::ALL).unwrap(),
            serde_json::to_string(&Part::ALL.map(Part::name)).unwrap()
        );
        for part in Part::ALL {
            let mut values = names;
            *values.get_mut(part) = "";
            assert_eq!(
                (*values.get(part), values.values().iter().filter(|it| it.is_empty()).count()),
                ("", 1)
            );
        }
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_response(
            samples in samples(1),
            init in any::<Option<u32>>(),
            age in any::<Option<u32>>(),
            duration in 0..1_u64 << 40,
        ) {
            for mut sample in samples {
                sample.reply.report.duration_ns = Some(duration);
                sample.reply.report.init_ns = init.map(u64::from);
                sample.reply.report.age_ns = age.map(u64::from);
                sample.reply.function_latency_s = Some(units::s(duration / 2));
                if let Ok(budget) = Budget::new(&sample) {
                    let sum = Part::ALL.into_iter().filter_map(|part| budget.part(part)).sum::<u64>();
                    prop_assert_eq!(Some(sum), sample.response_ns());
                }
            }
        }
    }
}
