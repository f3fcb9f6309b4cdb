//! An open-loop load generator for Lambda functions that records latencies.
//!
//! ```text
//! args ─► config ─► schedule ─► pacer ─► target ─► sample ─► recorder ─► run directory ─► report
//! ```
//!
//! A module uses only modules to its left in this flow, and [`sample`]. [`run`] puts them together.
//!
//! - The [`schedule`] says when each invocation is due. It is pure arithmetic and never sees a clock.
//! - The [`pacer`] is a thread that hands each invocation over when it is due. It never waits for an answer, so a slow
//!   function does not slow the load down, and latencies count from the intended time.
//! - Every issued invocation ends as exactly one [`sample::Sample`] with exactly one [`sample::Outcome`]; the
//!   [`summary`] checks the sums.
//! - The [`recorder`] is the only owner of histograms.

pub mod cli;
pub mod clock;
pub mod config;
pub mod csv;
pub mod dispatch;
pub mod endpoints;
pub mod env_vars;
pub mod go_flags;
pub mod hgrm;
pub mod histograms;
pub mod hlog;
pub mod interrupt;
pub mod legacy;
pub mod local;
pub mod machine;
pub mod pacer;
pub mod recorder;
pub mod report;
pub mod run;
pub mod run_dir;
pub mod run_info;
pub mod sample;
pub mod schedule;
pub mod sink;
pub mod summary;
pub mod target;
pub mod wall_clock;

mod text;
