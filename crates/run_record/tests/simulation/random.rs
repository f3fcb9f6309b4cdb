//! Random numbers, always the same for a seed.

/// SplitMix64, with a normal number that is left over.
pub(crate) struct Random {
    state: u64,
    left: Option<f64>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self { state: seed, left: None };
        // Neighbouring seeds are the states of one stream, a step apart, unless they are mixed.
        random.state = random.bits();
        random
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From the standard normal distribution.
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(left) = self.left.take() {
            return left;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.left = Some(radius * sine);
        radius * cosine
    }
}

/// A process that remembers its last value with this weight, and has the standard normal distribution at any time.
pub(crate) struct Remembering {
    memory: f64,
    news: f64,
    value: f64,
}

impl Remembering {
    /// It forgets within this time constant, in steps of this length.
    pub(crate) fn new(random: &mut Random, time_constant: f64, step: f64) -> Self {
        let memory = (-step / time_constant).exp();
        Self { memory, news: (1.0 - memory * memory).sqrt(), value: random.normal() }
    }

    pub(crate) fn next(&mut self, random: &mut Random) -> f64 {
        self.value = self.memory * self.value + self.news * random.normal();
        self.value
    }
}
