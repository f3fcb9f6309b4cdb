//! Reports of a run. Each is a pure function of what `run_record` holds: no report sees a clock, a file or the network.
//!
//! - [`text`]: the end of a run, with its tables.
//! - [`compare`](mod@compare): whether and by how much systems differ. [`comparison`]: the same for people and programs.
//! - [`Page`]: runs and their comparison as one HTML page, with its [`Chart`]s, which are also files for a paper.
//! - [`data`]: what a page shows of a run.

mod chart;
mod charts;
pub mod compare;
pub mod comparison;
pub mod data;
mod draw;
mod page;
mod palette;
mod table;
mod text;
mod time_names;

#[cfg(test)]
mod test_data;

pub use chart::Chart;
pub use page::{MAX_RUNS, Page, PageError};
pub use text::text;
