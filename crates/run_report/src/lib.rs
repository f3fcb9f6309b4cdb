//! Reports of a run. Each is a pure function of what `run_record` holds: no report sees a clock, a file or the network.
//!
//! - [`text`]: the end of a run, with its tables.

mod table;
mod text;

pub use text::text;
