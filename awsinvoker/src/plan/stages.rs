//! The rate over time: steps, linear ramps and rests, in exact integers.
//!
//! The area under the rate is the number of requests. Areas are integers in units of half a billionth of a request per
//! second times a nanosecond, which hold the area of every step and of every ramp exactly.

use run_record::units::{self, NS_PER_MS, NS_PER_S};

use super::rate::Rate;

/// The area of one request.
pub(super) const REQUEST: u128 = 2 * NS_PER_S as u128 * NS_PER_S as u128;

/// The longest time of all stages together, in seconds.
pub(super) const MAX_TIME_S: u64 = 7 * 24 * 3600;

/// A time with one rate, or with a rate that changes linearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How long it lasts; not 0.
    pub duration_ns: u64,
    /// The rate at its start.
    pub from: Rate,
    /// The rate at its end.
    pub to: Rate,
}

/// Stages one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    stages: Vec<Stage>,
}

/// Why `--stages` cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum StagesError {
    #[error(
        "--stages: stage {number} is `{stage}`, expected TIME@RATE or TIME@RATE..RATE, such as 30s@10, 2m@10..50 or 5s@0"
    )]
    Form { number: usize, stage: String },
    #[error(
        "--stages: the time of stage {number} is `{time}`, expected from 1ms to {}h, in ms, s, m or h",
        MAX_TIME_S / 3600
    )]
    Time { number: usize, time: String },
    #[error(
        "--stages: the rate of stage {number} is `{rate}`, expected 0 or a number from {} to {}",
        Rate::MIN_RPS,
        Rate::MAX_RPS
    )]
    Rate { number: usize, rate: String },
    #[error("--stages: the stages take {seconds} s together, expected at most {MAX_TIME_S}")]
    TooLong { seconds: f64 },
    #[error("--stages: every rate is 0, expected at least one that is not")]
    Silent,
}

impl Stage {
    fn parse(number: usize, stage: &str) -> Result<Self, StagesError> {
        let form = || StagesError::Form { number, stage: stage.to_owned() };
        let (time, rates) = stage.split_once('@').ok_or_else(form)?;
        let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
        let rate = |text: &str| {
            let rps = text.trim().parse::<f64>().ok();
            let rate = rps.and_then(|rps| if rps == 0.0 { Some(Rate::ZERO) } else { Rate::from_rps(rps) });
            rate.ok_or_else(|| StagesError::Rate { number, rate: text.to_owned() })
        };
        let duration_ns =
            duration_ns(time.trim()).ok_or_else(|| StagesError::Time { number, time: time.to_owned() })?;
        Ok(Self { duration_ns, from: rate(from)?, to: rate(to)? })
    }

    fn area(&self) -> u128 {
        u128::from(self.from.nano_rps() + self.to.nano_rps()) * u128::from(self.duration_ns)
    }

    /// The area under the first `ns` nanoseconds, rounded up.
    fn area_until(&self, ns: u64) -> u128 {
        let (from, to) = (u128::from(self.from.nano_rps()), u128::from(self.to.nano_rps()));
        let (ns, duration_ns) = (u128::from(ns), u128::from(self.duration_ns));
        // The change of the rate times ns² / duration: in two steps, since the whole product has more than 128 bits.
        let product = from.abs_diff(to) * ns;
        let (whole, rest) = (product / duration_ns * ns, product % duration_ns * ns);
        if to < from {
            2 * from * ns - (whole + rest / duration_ns)
        } else {
            2 * from * ns + whole + rest.div_ceil(duration_ns)
        }
    }

    /// The time at which the area is reached, in nanoseconds since the start of the stage, rounded down. `area` is less
    /// than that of the stage.
    fn ns_at(&self, area: u128) -> u64 {
        if self.from == self.to {
            let ns = area / (2 * u128::from(self.from.nano_rps()).max(1));
            return u64::try_from(ns).unwrap_or(u64::MAX);
        }
        // Floating point finds the time to a nanosecond or two, and the integers decide.
        let mut ns = self.estimated_ns_at(area).min(self.duration_ns - 1);
        while ns > 0 && self.area_until(ns) > area {
            ns -= 1;
        }
        while ns + 1 < self.duration_ns && self.area_until(ns + 1) <= area {
            ns += 1;
        }
        ns
    }

    /// Solves the quadratic equation of a ramp from its end with the smaller rate. From the other end, two nearly
    /// equal numbers would be subtracted, which loses digits.
    fn estimated_ns_at(&self, area: u128) -> u64 {
        let (from, to) = (self.from.nano_rps(), self.to.nano_rps());
        let slope = from.abs_diff(to) as f64 / self.duration_ns as f64;
        let solve = |rate: u64, area: f64| {
            let rate = rate as f64;
            units::rounded(area / (rate + (rate * rate + slope * area).sqrt()))
        };
        if from < to {
            solve(from, area as f64)
        } else {
            self.duration_ns.saturating_sub(solve(to, self.area().saturating_sub(area) as f64))
        }
    }
}

impl Profile {
    /// One rate for this time.
    pub fn constant(rate: Rate, duration_ns: u64) -> Self {
        Self { stages: vec![Stage { duration_ns, from: rate, to: rate }] }
    }

    /// Reads the value of `--stages`, such as `30s@10,60s@10..50,5s@0`.
    ///
    /// # Errors
    /// A stage is not as documented, all together take too long, or there is no request.
    pub fn parse(text: &str) -> Result<Self, StagesError> {
        let stages = (1..).zip(text.split(',')).map(|(number, stage)| Stage::parse(number, stage.trim()));
        let profile = Self { stages: stages.collect::<Result<_, _>>()? };
        let total_ns: u128 = profile.stages.iter().map(|stage| u128::from(stage.duration_ns)).sum();
        if total_ns > u128::from(MAX_TIME_S) * u128::from(NS_PER_S) {
            return Err(StagesError::TooLong { seconds: total_ns as f64 / NS_PER_S as f64 });
        }
        if profile.area() == 0 { Err(StagesError::Silent) } else { Ok(profile) }
    }

    /// The stages, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The one rate, if there is only one.
    pub fn only_rate(&self) -> Option<Rate> {
        match self.stages[..] {
            [Stage { from, to, .. }] if from == to => Some(from),
            _ => None,
        }
    }

    /// The beginning, of at most this length. A single rate lasts as long as is asked for.
    pub(super) fn beginning(&self, duration_ns: u64) -> Self {
        if let Some(rate) = self.only_rate() {
            return Self::constant(rate, duration_ns);
        }
        let mut left_ns = duration_ns;
        let mut stages = Vec::new();
        for stage in &self.stages {
            if left_ns == 0 {
                break;
            }
            stages.push(stage.beginning(left_ns));
            left_ns = left_ns.saturating_sub(stage.duration_ns);
        }
        Self { stages }
    }

    /// The greatest rate.
    pub(super) fn peak(&self) -> Rate {
        let rates = self.stages.iter().flat_map(|stage| [stage.from, stage.to]);
        rates.max_by_key(|rate| rate.nano_rps()).unwrap_or(Rate::ZERO)
    }

    /// All stages together, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.stages.iter().map(|stage| stage.duration_ns).sum()
    }

    /// The mean rate over all stages, in requests per second.
    pub(super) fn mean_rps(&self) -> f64 {
        let mean = || self.area() as f64 / REQUEST as f64 / units::s(self.duration_ns());
        self.only_rate().map_or_else(mean, Rate::rps)
    }

    /// How many requests there are, the first one where the area is 0.
    pub(super) fn requests(&self) -> u64 {
        u64::try_from(self.area().div_ceil(REQUEST)).unwrap_or(u64::MAX)
    }

    /// When the first request is due that is not part of the stages, if the last rate went on; the end of the stages if
    /// they end with a rest.
    pub(super) fn next_request_ns(&self) -> u64 {
        let last = self.stages.last().map_or(0, |stage| 2 * u128::from(stage.to.nano_rps()));
        let missing = u128::from(self.requests()) * REQUEST - self.area();
        let further_ns = missing.checked_div(last).unwrap_or(0);
        self.duration_ns().saturating_add(u64::try_from(further_ns).unwrap_or(u64::MAX))
    }

    /// The times at which the areas are reached, in nanoseconds, each with what belongs to its area. The areas do not
    /// decrease; the first one beyond the stages ends the times.
    pub(super) fn times_ns<T: Send>(
        &self,
        mut areas: impl Iterator<Item = (u128, T)> + Send,
    ) -> impl Iterator<Item = (u64, T)> + Send {
        let mut stages = self.stages.iter();
        let mut current = stages.next();
        let (mut start_area, mut start_ns) = (0_u128, 0_u64);
        std::iter::from_fn(move || {
            let (area, at) = areas.next()?;
            loop {
                let stage = current?;
                if area - start_area < stage.area() {
                    return Some((start_ns + stage.ns_at(area - start_area), at));
                }
                start_area += stage.area();
                start_ns += stage.duration_ns;
                current = stages.next();
            }
        })
    }

    fn area(&self) -> u128 {
        self.stages.iter().map(Stage::area).sum()
    }
}

impl Stage {
    /// The first `ns` nanoseconds, or all if it is shorter.
    fn beginning(&self, ns: u64) -> Self {
        if ns >= self.duration_ns {
            return *self;
        }
        let share = ns as f64 / self.duration_ns as f64;
        let rps = self.from.rps() + (self.to.rps() - self.from.rps()) * share;
        Self { duration_ns: ns, from: self.from, to: Rate::from_rps(rps).unwrap_or(Rate::ZERO) }
    }
}

/// A time such as `30s` in nanoseconds; `None` if it has another form, or is out of bounds.
pub(crate) fn duration_ns(text: &str) -> Option<u64> {
    let (number, unit_ns) = units::with_unit(text)?;
    let ns = number * unit_ns as f64;
    let bounds = NS_PER_MS as f64..=(MAX_TIME_S * NS_PER_S) as f64;
    bounds.contains(&ns).then(|| units::rounded(ns))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constant_times(profile: &Profile) -> Vec<u64> {
        profile.times_ns((0..).map(|n| (n * REQUEST, ()))).map(|(ns, ())| ns).collect()
    }

    #[test]
    fn steps_ramps_and_rests_have_exact_counts() {
        let profile = Profile::parse("30s@10, 60s@10..50,5s@0,500ms@4").unwrap();
        assert_eq!((profile.duration_ns(), profile.requests()), (95_500_000_000, 300 + 1800 + 2));
        let times = constant_times(&profile);
        let within = |from: u64, to: u64| {
            times.iter().filter(|ns| (from * NS_PER_S..to * NS_PER_S).contains(ns)).count()
        };
        assert_eq!([within(0, 30), within(30, 90), within(90, 95), within(95, 96)], [300, 1800, 0, 2]);
        // After a rest, the first request is due immediately.
        assert_eq!(times[2100..], [95_000_000_000, 95_250_000_000]);
        assert_eq!(profile.next_request_ns(), profile.duration_ns());
    }

    #[test]
    fn a_ramp_down_to_nothing_mirrors_a_ramp_up_from_nothing() {
        let up = constant_times(&Profile::parse("7h@0..100").unwrap());
        assert_eq!(up.len(), 7 * 3600 * 50);
        // After a share s of the requests, the share √s of the time is over.
        assert_eq!(up[up.len() / 4], 7 * 3600 * NS_PER_S / 2);
        let down = constant_times(&Profile::parse("7h@100..0").unwrap());
        for (up, down) in up[1..].iter().zip(down[1..].iter().rev()) {
            assert!((up + down).abs_diff(7 * 3600 * NS_PER_S) <= 1, "{up} {down}");
        }
    }

    #[test]
    fn the_beginning_of_stages_is_cut_and_a_single_rate_goes_on() {
        let beginning =
            |stages: &str, seconds: u64| Profile::parse(stages).unwrap().beginning(seconds * NS_PER_S);
        assert_eq!(beginning("2s@1,10s@0..10,9s@3", 7), Profile::parse("2s@1,5s@0..5").unwrap());
        assert_eq!(beginning("2s@1", 7), Profile::parse("7s@1").unwrap());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |text: &str| Profile::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(message("30s@10,5s"), @"--stages: stage 2 is `5s`, expected TIME@RATE or TIME@RATE..RATE, such as 30s@10, 2m@10..50 or 5s@0");
        insta::assert_snapshot!(message(""), @"--stages: stage 1 is ``, expected TIME@RATE or TIME@RATE..RATE, such as 30s@10, 2m@10..50 or 5s@0");
        insta::assert_snapshot!(message("30@10"), @"--stages: the time of stage 1 is `30`, expected from 1ms to 168h, in ms, s, m or h");
        insta::assert_snapshot!(message("30s@1..x"), @"--stages: the rate of stage 1 is `x`, expected 0 or a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("30s@-1"), @"--stages: the rate of stage 1 is `-1`, expected 0 or a number from 0.000001 to 100000");
        insta::assert_snapshot!(message("100h@1,100h@1"), @"--stages: the stages take 720000 s together, expected at most 604800");
        insta::assert_snapshot!(message("5s@0"), @"--stages: every rate is 0, expected at least one that is not");
    }

    proptest! {
        #[test]
        fn request_n_is_due_when_the_area_reaches_n(
            stages in prop::collection::vec((1_u64..5_000, 0..3_000_u32, 0..3_000_u32, prop::bool::ANY), 1..5),
        ) {
            let rate = |rps: u32| Rate::from_rps(f64::from(rps) / 7.0).unwrap_or(Rate::ZERO);
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(ms, from, to, is_step)| Stage {
                    duration_ns: ms * NS_PER_MS,
                    from: rate(from),
                    to: rate(if is_step { from } else { to }),
                })
                .collect();
            let profile = Profile { stages };
            let times = constant_times(&profile);
            prop_assert_eq!(times.len() as u64, profile.requests());
            prop_assert!(times.is_sorted());
            let (mut start_ns, mut start_area) = (0, 0);
            let mut left = times.iter().zip(0_u128..).peekable();
            for stage in &profile.stages {
                while let Some((ns, n)) = left.next_if(|(ns, _)| **ns < start_ns + stage.duration_ns) {
                    // Not after the area is reached, and a nanosecond later it is exceeded.
                    prop_assert!(start_area + stage.area_until(ns - start_ns) <= n * REQUEST);
                    prop_assert!(start_area + stage.area_until(ns - start_ns + 1) > n * REQUEST);
                }
                start_ns += stage.duration_ns;
                start_area += stage.area();
            }
            prop_assert!(left.next().is_none());
        }
    }
}
