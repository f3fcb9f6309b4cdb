//! AWS Lambda on this machine: the Invoke API for clients, the Runtime API for functions, and the execution
//! environments between the two.
//!
//! [`Config`] says what is served. [`LocalLambda`] serves it until it is told to stop.
//!
//! # Structure
//!
//! ```text
//!  client                                                        program of a function
//!    │ HTTP                                                           │ HTTP
//!    ▼                                                                ▼
//!  invoke_api ──► service ──► environment ──► backend ──────────► runtime_api
//!  reads the      finds or    one program,    starts, ends and    protocol decides
//!  request,       starts an   one request     looks at processes  what each call of
//!  words the      environment at a time       and containers      the runtime means
//!  answer            │             │
//!    ▲               └─► lease ◄───┘   the place of an environment in the pool
//!  events                  │
//!  asynchronous            ▼
//!  invocations            pool         decides: idle environment, queue, new environment, or throttled
//!
//!  below all: web_access, function_reference, refusal, invocation, reply_stream, outcome, config,
//!             toml_fields, http_body, clock, env_vars
//!  above all: management_api (looks at functions, changes their settings), watch, server, cli
//! ```
//!
//! # Invariants
//!
//! - A module uses only modules below it. There is no import circle.
//! - `pool`, `runtime_api::protocol` and `inject::model` are pure: they use no clock, no process, and no network.
//! - An environment serves one request at a time, or several if its function may. It uses its lease and its blueprint, but
//!   not the service.
//! - A lease ends exactly once, also if its environment is dropped by a panic or by the end of the async runtime.
//! - What happened in an environment is an `outcome::Outcome`. The response to a client is decided in
//!   `invoke_api::answer`, and nowhere else.
//! - The time of day comes from `clock`, and the environment from `env_vars`. What waits uses tokio's time, which tests
//!   pause.
//! - However the server ends, the program of a function does not outlive it for long: the spawner ends processes, and the
//!   reaper removes containers. If the spawner dies, the kernel ends the processes.
//!
//! # Injected functions
//!
//! `inject` stands between `server` and `cli`. It serves functions whose answers are drawn, with the Invoke API's own
//! reading of requests and wording of answers, and without environments.
//!
//! # Environments
//!
//! Every environment is a process or a container. A request that finds no idle environment waits for the one that is
//! free first, and a new one is started if more requests wait than environments are about to be free. Idle environments
//! end after a while. An environment that timed out or exited is replaced. If an initialisation fails, the environment
//! tries again as part of the request that waits longest, which is told if that fails as well. If no request waits, the
//! failure is only logged.
//!
//! A container has the memory of its function, and the share of the CPUs that Lambda gives with it, in periods of 20
//! ms. As on Lambda, the share is not limited before the runtime has asked for its first event. Its file system is
//! read-only except for `/tmp`, and what is written there counts as memory. It runs as a user of its own. On its network
//! it reaches its Runtime API, and what listens on all addresses of this machine, but nothing else. Four containers are
//! started or removed at a time.
//!
//! The output of a container arrives through Docker: some milliseconds late, and with standard error and standard output
//! not always in order. What arrives after the answer is in no log tail. The exit of a container is known about 100 ms
//! late. The calls of a container are answered once Docker has reported its address, but its first call counts from when
//! it came.
//!
//! The program of an image can also be a process, which sees the files of the image as the root of its file system.

mod backend;
pub mod cli;
mod client_grace;
mod clock;
mod config;
mod env_vars;
mod environment;
mod events;
mod function_reference;
mod http_body;
mod inject;
mod invocation;
mod invoke_api;
mod lease;
mod management_api;
mod outcome;
mod pool;
mod refusal;
mod reply_stream;
mod runtime_api;
mod server;
mod service;
mod toml_fields;
mod watch;
mod web_access;

pub use crate::backend::{DockerError, PrepareError};
pub use crate::config::{Config, FunctionConfig, Program};
pub use crate::server::LocalLambda;
