//! AWS Lambda, or a server that speaks its Invoke API.
//!
//! AWS's SDK finds the configuration, the credentials and the address, and shows how a call looks. The calls themselves go
//! another way, which costs a fraction of its CPU time and tells what happens at the socket.

mod client;
mod config;
mod credentials;
mod failure;
mod function_name;
mod inspect;
mod invoke;
pub mod log_tail;
mod reply;
mod server_clock;
mod signature;
mod sized_versions;
mod template;
mod transport;
mod update;

pub use config::Config;
pub(super) use function_name::qualifier;
pub use invoke::{Lambda, LambdaAnswer};
pub use sized_versions::{SizedVersions, SizedVersionsError};
pub(super) use update::Updates;
