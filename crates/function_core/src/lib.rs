//! What the cores of the sample functions share. Nothing here knows a platform.
//!
//! - [`event`]: reads the fields of an event by the rules of the original Python handlers.
//! - [`error`]: why an invocation or an initialisation failed, in the words that clients see.
//! - [`python`]: numbers as Python prints them.

pub mod error;
pub mod event;
pub mod python;

pub use error::FunctionError;
