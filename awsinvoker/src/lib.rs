//! An open-loop load generator for functions that records their latencies.
//!
//! ```text
//! args ─► plan ─► load ─► platform ─► events ─► observers ─► run directory ─► report
//! ```
//!
//! - [`Clock`]: the run's only clock.
//! - [`logging`]: what is logged to standard error, above the view of the run.
//! - [`cli`]: the command line, as inert data.
//! - [`plan`]: whom to call and when. The schedule is pure arithmetic and never sees a clock.
//! - [`platform`]: where functions are and how they are called. Nothing outside knows what a platform is.
//! - [`load`]: calls the platform by the schedule, and emits one stream of events. Every invocation that was due ends as
//!   exactly one sample with exactly one outcome.
//! - [`observe`]: counts and writes what the events say. None of the observers knows another.
//! - [`run`]: puts these together. [`report`]: the result again, from what a run left. [`compare()`]: whether
//!   systems differ. [`merge`]: one run from those of shards. [`run_record`] owns the form of the results, [`run_report`]
//!   words them.
//!
//! A module uses only modules above it in this list.

mod ask;
pub mod cli;
mod clock;
mod compare;
mod config;
mod cost;
mod describe;
pub mod env_vars;
mod error;
mod experiment;
mod generator_load;
mod idle;
pub mod load;
pub mod logging;
mod machine;
mod merge;
pub mod observe;
pub mod plan;
pub mod platform;
mod preflight;
mod prewarm;
mod reading;
mod recorded;
mod report;
mod restarts;
mod run;
pub mod scheduling;
mod screen;
mod start_at;
mod text;
mod time_service;
mod warm_up;

pub use clock::Clock;
pub use compare::{CompareError, CompareOptions, compare, compare_and_write};
pub use config::{Config, ConfigError, Display, Threads};
pub use cost::{CostError, CostLimit, PricesError};
pub use error::Error;
pub use experiment::{Experiment, ExperimentError, FieldError, PlanError as ExperimentPlanError};
pub use idle::{IdleLimit, NotIdle};
pub use merge::{MergeError, merge, wait_for_shards};
pub use preflight::NotAlike;
pub use report::{ReportError, report};
pub use run::{Ending, RunError, run};
pub use start_at::StartAtError;
