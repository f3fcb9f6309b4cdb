//! Functions whose answers are drawn instead of computed: the instrument by which a load generator is tested.
//!
//! ```text
//!  plan ──► model ◄── distribution      what happens to the n-th request: pure, and the same for the same seed
//!             │
//!  routes: a request comes ──► draw ──► answer ──► connection holds it back
//!                                                      │
//!                                        alarm ──► ending: bytes to the kernel, on time
//!                                                      │
//!                                                    truth: one line for each request
//! ```

mod alarm;
mod answer;
mod connection;
mod distribution;
mod ending;
mod model;
mod plan;
mod routes;
mod truth;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::alarm::Alarm;
use self::connection::{Caller, HoldingListener};
use self::ending::Job;
use self::model::Model;
pub(crate) use self::plan::Plan;
use self::routes::{Api, Function, routes};
use self::truth::Truth;
use crate::client_grace::client_grace_is_over;
use crate::web_access::WebAccess;

/// Why functions cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InjectError {
    #[error("the truth file {} exists already; expected the name of a new file: remove it, or name another with --truth", .0.display())]
    TruthExists(PathBuf),
    #[error("cannot write the truth file {}: {source}", path.display())]
    Truth { path: PathBuf, source: io::Error },
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A server of injected functions that is ready.
#[derive(Debug)]
pub(crate) struct InjectedLambda {
    path: PathBuf,
    api: Arc<Api>,
    alarm: Arc<Alarm<Job>>,
    /// Cancelled if the truth cannot be written.
    failed: CancellationToken,
}

impl InjectedLambda {
    /// Starts the truth file, which must not exist yet, and the thread that ends requests.
    ///
    /// # Errors
    /// If the file exists or cannot be made, or the machine has no thread to spare.
    pub(crate) fn prepare(plan: Plan, region: String, path: PathBuf) -> Result<Self, InjectError> {
        let failed = CancellationToken::new();
        let truth = Truth::create(&path, failed.clone()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => InjectError::TruthExists(path.clone()),
            _ => InjectError::Truth { path: path.clone(), source },
        })?;
        let alarm = Arc::new(Alarm::start(Job::ring)?);
        let Plan { seed, functions } = plan;
        let functions = functions.into_iter().map(|(name, behaviour)| {
            let function = Function::new(&name, Model::new(seed, &name, behaviour));
            (name, function)
        });
        let api = Api { region, functions: functions.collect(), truth, alarm: Arc::clone(&alarm) };
        Ok(Self { path, api: Arc::new(api), alarm, failed })
    }

    /// Serves the functions on `listener` to the clients that `access` admits, until `shutdown` is ready. Requests that are
    /// under way then get no answer.
    ///
    /// # Errors
    /// If the listener fails, or the truth cannot be written.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        access: WebAccess,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), InjectError> {
        let Self { path, api, alarm, failed } = self;
        let stopping = CancellationToken::new();
        let service = access.guard(routes(Arc::clone(&api))).into_make_service_with_connect_info::<Caller>();
        let server = axum::serve(HoldingListener(listener), service).with_graceful_shutdown({
            let (stopping, api) = (stopping.clone(), Arc::clone(&api));
            async move {
                tokio::select! {
                    () = shutdown => {}
                    () = failed.cancelled() => {}
                }
                api.truth.close();
                alarm.stop().into_iter().for_each(Job::stop);
                stopping.cancel();
            }
        });
        let served = tokio::select! {
            served = server => served,
            () = client_grace_is_over(&stopping) => Ok(()),
        };
        let written = tokio::task::spawn_blocking(move || api.truth.finish()).await;
        written.map_err(io::Error::other)?.map_err(|source| InjectError::Truth { path, source })?;
        Ok(served?)
    }
}
