//! What the sample functions share, and nothing that only one of them needs.
//!
//! - [`event`]: reads the fields of an event by the rules of the original Python handlers.
//! - [`error`]: why an invocation or an initialisation failed, in the words that Lambda clients see.
//! - [`python`]: numbers as Python prints them.
//! - [`bootstrap`]: the Lambda front end, the only module that knows of Lambda.

pub mod bootstrap;
pub mod error;
pub mod event;
pub mod python;

pub use error::FunctionError;
