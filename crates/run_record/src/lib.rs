//! What a run of a load generator leaves behind, and the only owner of its form.
//!
//! ```text
//! Sample ──► Totals ──► Summary ──► summary.json
//!    │          └─────► Distribution ──► NAME.hgrm
//!    ├──► samples.csv, rpsX.XX_NAME
//!    └──► Histogram ──► latency.hlog
//! RunInfo ──► run.json
//! ```
//!
//! - [`sample`]: one invocation as it was seen. [`units`]: times are nanoseconds in `u64` inside; only the edges convert.
//! - [`histogram`], [`totals`]: what is counted and recorded of many samples. Both can be merged.
//! - [`latency`], [`budget`], [`environments`], [`cost`], [`failures`]: the parts of the published result, with what they are made
//!   from.
//! - [`price_list`]: files of prices, AWS's own among them.
//! - [`observations`]: values by window of time and environment. [`sparse_histogram`]: what they are kept in. [`spread`]: how
//!   widely windows and environments differ.
//! - [`percentile_interval`], [`mean_interval`]: how well percentiles and means and their ratios are known where requests depend
//!   on each other.
//! - [`summary`], [`warning`]: the published result, and why it may mislead. [`verdict`]: whether it may be published at
//!   all. [`threshold`]: whether it is what a user demanded.
//! - [`run_info`]: how the run was made. [`circumstances`]: what happened beside its calls. [`restarts`]: how its
//!   environments were made fresh.
//! - [`comparison`]: whether and by how much systems differ, as it is published.
//! - [`likeness`]: whether endpoints that are compared do the same. [`canonical_json`]: what it compares documents by.
//! - [`experiment`]: the runs that one comparison is made of.
//! - [`mod@format`]: each file format, its writer beside its reader.
//! - [`number_set`]: which numbers of requests were seen.
//! - [`run_dir`]: the folder of a run, written while it runs and read afterwards. [`whole_file`]: files that are never seen half
//!   written.
//!
//! Nothing here reads a clock, the environment or the network.

pub mod budget;
pub mod canonical_json;
pub mod circumstances;
pub mod comparison;
pub mod cost;
pub mod environments;
pub mod experiment;
pub mod failures;
pub mod format;
pub mod histogram;
pub mod latency;
pub mod likeness;
pub mod mean_interval;
pub mod names;
pub mod number_set;
pub mod observations;
mod order_statistics;
mod outcomes;
pub mod percentile_interval;
pub mod price_list;
pub mod restarts;
pub mod run_dir;
pub mod run_info;
pub mod sample;
pub mod schema;
pub mod shard;
pub mod sink;
pub mod sparse_histogram;
pub mod spread;
pub mod summary;
pub mod threshold;
pub mod totals;
pub mod units;
pub mod verdict;
pub mod wall_clock;
pub mod warning;
pub mod whole_file;

#[cfg(test)]
mod test_data;

pub use histogram::{Histogram, View};
pub use outcomes::Outcomes;
pub use run_info::RunInfo;
pub use sample::{Arrival, Cause, Connection, Handshake, Outcome, Reply, Report, Sample, Start, Timing};
pub use shard::{OwnRequests, Shard};
pub use summary::Summary;
pub use threshold::Threshold;
pub use totals::Totals;
pub use warning::Warning;
