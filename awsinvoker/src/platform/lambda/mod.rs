//! AWS Lambda, or a server that speaks its Invoke API, called through the SDK.

mod client;
mod config;
mod failure;
mod function_name;
mod invoke;
pub mod log_tail;

pub use config::Config;
pub use invoke::{Lambda, LambdaAnswer};
