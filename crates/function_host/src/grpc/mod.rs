//! The front end for vHive and Knative: serves the function with gRPC. `docs/grpc.md` describes it for users.
//!
//! ```text
//! connections ─► router ─► admission ─► services ─► workers ─► handler
//! (HTTP/2)                 (limits)     (Greeter,   (queue)
//!                                        Executor)
//! └───────────────── one async thread ─────────────┘           └ one thread each
//! ```
//!
//! - `flags` and `address` read the command line and listen.
//! - `connections` accept clients, and `router` finds the service of a call.
//! - `admission` bounds calls, their memory and their time (`deadline`), and `trailers` sends metadata after a reply.
//! - `workers` have the handlers, one call at a time each, in the order of arrival.
//! - `instance` tells callers about the process, and `failure` why there is no answer.
//! - `services` serve the calls, and `server` puts all this together.

mod address;
mod admission;
mod connections;
mod deadline;
mod failure;
mod flags;
mod greeting;
mod instance;
mod proto;
mod router;
mod server;
mod services;
mod trailers;
mod workers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use function_core::FunctionError;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::function::Function;
use crate::{async_runtime, clock, env_vars};
use address::Address;
use flags::{Command, Flags};
use instance::Instance;
use server::Signals;
use services::Services;
use workers::Workers;

/// Why the front end ended, as a message for the log.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line or a variable is wrong.
    Usage(String),
    /// The function cannot be initialised, or not be served.
    Failed(String),
}

/// Initialises the function, then serves it until a signal ends the process. `arguments` is the command line without the
/// name of the program.
///
/// # Errors
/// If the command line is wrong, the function cannot be initialised, or nothing can be served at the address.
pub(crate) fn run<I, H, A>(function: &Function<I>, arguments: Vec<OsString>) -> Result<(), Error>
where
    I: Fn() -> Result<H, FunctionError>,
    H: FnMut(&str) -> Result<A, FunctionError> + Send + 'static,
    A: Serialize,
{
    let started = clock::now();
    let Some(Flags { address, concurrency }) = read_flags(arguments)? else { return Ok(()) };
    let host = Host::prepare(address)?;
    let handlers: Result<Vec<H>, _> = (0..concurrency).map(|_| (function.init)()).collect();
    let handlers = handlers.map_err(|error| Error::Failed(error.to_string()))?;
    let workers = Workers::start(handlers).map_err(Error::Failed)?;
    host.serve(started, workers, function.event_of_name)
}

/// The flags with what the variables add; none if they only asked for help, which is then printed.
// Not inlined, as all that is not generic: it stays in this crate, which is compiled for size; see `Cargo.toml`.
#[inline(never)]
fn read_flags(arguments: Vec<OsString>) -> Result<Option<Flags>, Error> {
    let Flags { address, concurrency } = match flags::parse(arguments).map_err(Error::Usage)? {
        Command::Serve(flags) => flags,
        Command::Help => {
            // Nobody may be reading it.
            let _ = io::stdout().write_all(flags::HELP.as_bytes());
            return Ok(None);
        }
    };
    let address = address.with_variables(env_vars::ports()).map_err(Error::Usage)?;
    if env_vars::tracing_is_enabled() {
        tracing::warn!("ENABLE_TRACING asks for spans, but this program sends none");
    }
    Ok(Some(Flags { address, concurrency }))
}

/// What serves a function, whichever it is.
struct Host {
    address: Address,
    runtime: Runtime,
    signals: Signals,
}

impl Host {
    /// Everything that is done before the initialisation of the function.
    #[inline(never)]
    fn prepare(address: Address) -> Result<Self, Error> {
        let runtime = async_runtime::start().map_err(Error::Failed)?;
        let context = runtime.enter();
        // Before the initialisation: the first process of a container does not get a signal that it does not catch.
        let signals =
            Signals::catch().map_err(|error| Error::Failed(format!("cannot catch signals: {error}")))?;
        drop(context);
        Ok(Self { address, runtime, signals })
    }

    /// Serves until a signal ends the process.
    #[inline(never)]
    fn serve(
        self,
        started: Instant,
        workers: Workers,
        event_of_name: fn(&str) -> &'static str,
    ) -> Result<(), Error> {
        let Self { address, runtime, signals } = self;
        let services = Box::new(move || {
            let instance = Arc::new(Instance::new(started, clock::now()));
            Services { instance, workers, event_of_name }
        });
        runtime.block_on(server::serve(&address, signals, services)).map_err(Error::Failed)
    }
}
