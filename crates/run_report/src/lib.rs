//! Reports of a run. Each is a pure function of what `run_record` holds: no report sees a clock, a file or the network.
//!
//! - [`text`]: the end of a run, with its tables.
//! - [`compare`](mod@compare): whether and by how much systems differ. [`comparison`]: the same for people and programs.

pub mod compare;
pub mod comparison;
mod table;
mod text;

pub use text::text;
