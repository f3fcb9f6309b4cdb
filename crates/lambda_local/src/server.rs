//! A local Lambda from its preparation to its end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Uri};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::backend::{Backends, PrepareError};
use crate::client_grace::client_grace_is_over;
use crate::config::{Config, FunctionConfig, MAX_WAITING_BYTES};
use crate::environment::Blueprint;
use crate::events::Events;
use crate::invoke_api::{self, Api};
use crate::management_api::{self, Manager};
use crate::pool::Limits;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::watch::watch;
use crate::web_access::WebAccess;

/// How long the environments have to end after the clients have gone. Docker may be slow.
const ENVIRONMENT_GRACE: Duration = Duration::from_secs(30);

/// A local Lambda that is ready to serve.
#[derive(Debug)]
pub struct LocalLambda {
    config: Config,
    service: Arc<Service>,
    backends: Arc<Backends>,
    manager: Manager,
}

impl LocalLambda {
    /// Makes ready what the functions need. For images, it looks up their ids, makes a network in Docker, and removes
    /// what servers that died have left there.
    ///
    /// # Errors
    /// If processes cannot be started, or Docker or an image cannot be used.
    pub async fn prepare(config: Config) -> Result<Self, PrepareError> {
        let tasks = TaskTracker::new();
        let backends = Arc::new(Backends::prepare(&config, tasks.clone()).await?);
        let blueprints = config.functions.iter().map(|function| blueprint(&config, function, &backends));
        let blueprints = blueprints.collect::<Result<_, _>>()?;
        let limits = Limits {
            concurrency: config.concurrency,
            initialising: config.initialising.max(1),
            waiting_bytes: MAX_WAITING_BYTES,
        };
        let service = Service::new(config.region.clone(), blueprints, limits, tasks);
        let service = Arc::new(service);
        let manager =
            Manager::new(Arc::clone(&service), Arc::clone(&backends), &config.functions, config.concurrency);
        let manager = manager.map_err(|(function, reason)| PrepareError::Concurrency { function, reason })?;
        Ok(Self { config, service, backends, manager })
    }

    /// The name of each function that is an image, and the id of the image.
    pub fn images(&self) -> impl Iterator<Item = (&str, String)> {
        self.config.functions.iter().filter_map(|function| {
            let id = self.backends.image_id(function)?;
            Some((function.name.as_str(), id))
        })
    }

    /// Serves the Invoke API on `listener` until `shutdown` is ready. Then ends all environments and returns. If Docker
    /// does not remove the containers in time, that is logged, and [`Config::helper`] continues.
    ///
    /// Requests under way at that moment are answered with `ServiceException`. If the process of the server dies
    /// instead, processes of [`Config::helper`] end the environments' processes and remove their containers.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self { config, service, backends, manager } = self;
        let stopping = service.stopping().clone();
        if config.watch {
            service.tasks().spawn(watch(Arc::clone(&service), Arc::clone(&backends)));
        }
        let events = Events::new(Arc::clone(&service), &config.event_retries);
        let access = WebAccess {
            origins: config.allowed_origins,
            hosts: config.allowed_hosts,
            address: listener.local_addr()?,
        };
        let invoke_api = invoke_api::routes(Api { service: Arc::clone(&service), events });
        manager.begin();
        let routes = management_api::routes(manager).merge(invoke_api);
        let routes = routes.method_not_allowed_fallback(not_emulated).fallback(not_emulated);
        let routes = access.guard(routes);
        let listener = listener.tap_io(|stream| {
            // Without it, a client with more than one request on a connection waits for its own acknowledgements.
            let _ = stream.set_nodelay(true);
        });
        let server = axum::serve(listener, routes).with_graceful_shutdown({
            let service = Arc::clone(&service);
            async move {
                shutdown.await;
                service.stop();
            }
        });
        let served = tokio::select! {
            served = server => served,
            () = client_grace_is_over(&stopping) => Ok(()),
        };
        service.stop();
        service.tasks().close();
        let ended = tokio::time::timeout(ENVIRONMENT_GRACE, service.tasks().wait()).await.is_ok();
        if !ended {
            tracing::warn!("some environments have not ended within {ENVIRONMENT_GRACE:?}");
        }
        backends.finish(ended).await;
        served
    }
}

fn blueprint(
    config: &Config,
    function: &FunctionConfig,
    backends: &Backends,
) -> Result<Blueprint, PrepareError> {
    Ok(Blueprint {
        function: function.clone(),
        region: config.region.clone(),
        credentials: config.credentials.clone(),
        idle_timeout: config.idle_timeout,
        init_timeout: config.init_timeout,
        backend: backends.backend(function)?,
    })
}

async fn not_emulated(method: Method, uri: Uri) -> Refusal {
    Refusal::NotEmulated(format!("{method} {}", uri.path()))
}
