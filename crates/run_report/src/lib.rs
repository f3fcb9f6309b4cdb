//! Reports of a run. Each is a pure function of what `run_record` holds: no report sees a clock, a file or the network.
//!
//! - [`text`]: the table at the end of a run.

mod text;

pub use text::text;
