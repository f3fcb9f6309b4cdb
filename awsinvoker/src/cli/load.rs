//! The flags that say when to call.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::ValueEnum;

use super::numbers::{CALLS, DISTANCE, LENGTH, RATE, SEED, TIME_SCALE, number, seconds};
use super::shard::{ShardArg, shard, time_of_day};

/// When to call. Without any of these flags, once a second for five seconds.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LoadArgs {
    /// Requests per second, over all endpoints [default: 1]
    #[arg(long, value_name = "RATE", value_parser = number::<f64>(RATE), allow_negative_numbers = true,
          conflicts_with_all = ["stages", "schedule", "concurrency"])]
    pub rps: Option<f64>,
    /// How long to send requests, in seconds [default: 5; with --schedule all of it]
    #[arg(long, value_name = "SECONDS", value_parser = seconds(LENGTH), allow_negative_numbers = true,
          conflicts_with = "stages")]
    pub time: Option<f64>,
    /// Rates one after the other, such as 30s@10,2m@10..50,5s@0: a step, a linear ramp, and a rest. Times are in ms, s,
    /// m or h
    #[arg(long, value_name = "STAGES", conflicts_with_all = ["schedule", "concurrency"])]
    pub stages: Option<String>,
    /// File with the time of each call: from --schedule-out, samples.csv of an earlier run, or a trace (invitro, Azure
    /// Functions 2021)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["concurrency", "order"])]
    pub schedule: Option<PathBuf>,
    /// Multiply the times of --schedule by this: 0.5 is twice as fast [default: 1]
    #[arg(long, value_name = "FACTOR", value_parser = number::<f64>(TIME_SCALE), requires = "schedule",
          allow_negative_numbers = true)]
    pub time_scale: Option<f64>,
    /// Write the time and the endpoint of each call to this file, for --schedule
    #[arg(long, value_name = "FILE", conflicts_with = "concurrency")]
    pub schedule_out: Option<PathBuf>,
    /// Closed loop: this many callers, each of which makes its next call when its last one has ended. Its latencies
    /// hide stalls, since a slow function is called less often
    #[arg(long, value_name = "CALLERS", value_parser = number::<u32>(CALLS), conflicts_with_all = ["arrivals", "max_in_flight"])]
    pub concurrency: Option<u32>,
    /// Make one call at a time, each of which meets a fresh environment: the function is updated before, or, with --idle, left
    /// alone. What makes it cold is not part of the call
    #[arg(long, conflicts_with_all = ["rps", "stages", "schedule", "schedule_out", "concurrency", "arrivals", "max_in_flight",
          "warm_up", "prewarm", "restart_every"])]
    pub cold_every_call: bool,
    /// With --cold-every-call, call each function after so many seconds of rest, in which its platform has to take its
    /// environments away, instead of updating it
    #[arg(long, value_name = "SECONDS", value_parser = seconds(LENGTH), allow_negative_numbers = true,
          requires = "cold_every_call")]
    pub idle: Option<f64>,
    /// With --cold-every-call, end when each endpoint has had so many calls [default: only --time ends the run]
    #[arg(long, value_name = "CALLS", value_parser = number::<u32>(CALLS), requires = "cold_every_call")]
    pub calls: Option<u32>,
    /// Time between requests [default: constant]
    #[arg(long, value_enum)]
    pub arrivals: Option<ArrivalsArg>,
    /// Order of the calls [default: round-robin]
    #[arg(long, value_enum)]
    pub order: Option<OrderArg>,
    /// Seed that everything random is drawn from
    #[arg(long, default_value_t = 0, value_parser = number::<u64>(SEED))]
    pub seed: u64,
    /// Seed that the values of payload_values in the endpoints file are drawn from, if not --seed
    #[arg(long, value_name = "SEED", value_parser = number::<u64>(SEED))]
    pub payload_seed: Option<u64>,
    /// Send only this part of the load, as in 0/4: the first of four. The parts are whole rounds of the endpoints file, in turn.
    /// Rates are those of all parts together. With auto, an array job of Kubernetes, AWS Batch or Slurm says which part it is
    #[arg(long, value_name = "INDEX/TOTAL", value_parser = shard, conflicts_with_all = ["concurrency", "schedule_out",
          "restart_every", "cold_every_call"])]
    pub shard: Option<ShardArg>,
    /// Start at this time of day, as in 2026-11-30T19:30:00Z, so that several awsinvokers start together. A warm-up ends before
    #[arg(long, value_name = "TIME", value_parser = time_of_day)]
    pub start_at: Option<SystemTime>,
    /// Make so many calls of each endpoint at once before the run, and before --warm-up, so that the platform has environments
    /// ready. They are not counted
    #[arg(long, value_name = "CALLS")]
    pub prewarm: Option<u32>,
    /// Make the first seconds of the load once before the run, and do not count them
    #[arg(long, value_name = "SECONDS", value_parser = seconds(LENGTH), allow_negative_numbers = true)]
    pub warm_up: Option<f64>,
    /// Give all functions fresh environments each time that so many seconds have passed since the start of the run, while calls
    /// go on by the schedule
    #[arg(long, value_name = "SECONDS", value_parser = seconds(DISTANCE), allow_negative_numbers = true)]
    pub restart_every: Option<f64>,
}

/// Time between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsArg {
    /// At equal distances, the first at 0
    Constant,
    /// At exponentially distributed distances, drawn from the seed
    Poisson,
    /// At uniformly distributed distances, up to twice the mean, drawn from the seed
    Uniform,
}

/// Order of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    /// The entries of the endpoints file in turn
    RoundRobin,
    /// Each round of entries in another order, drawn from the seed
    Shuffled,
}
