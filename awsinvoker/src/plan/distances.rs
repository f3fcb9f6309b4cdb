//! Random distances between arrivals, of mean 1.

/// An exponentially distributed distance, from a number in [0, 1).
pub(super) fn exponential(random: f64) -> f64 {
    // 1 - random lies in (0, 1], whose logarithm is finite.
    -(1.0 - random).ln()
}

/// A uniformly distributed distance, from a number in [0, 1).
pub(super) fn uniform(random: f64) -> f64 {
    2.0 * random
}

/// The distance from the start to the first arrival, if the start is any moment among uniformly distributed distances.
/// With it, the expected number of arrivals is rate × duration.
pub(super) fn first_uniform(random: f64) -> f64 {
    2.0 * (1.0 - (1.0 - random).sqrt())
}
