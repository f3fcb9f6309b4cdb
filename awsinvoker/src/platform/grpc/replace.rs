//! Fresh instances in the place of those that calls go to, while calls go on.
//!
//! They are started before their time. What is due from then on is called at them. The old ones end when their last call
//! has ended.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use run_record::units::NS_PER_S;
use tokio::task::{JoinHandle, JoinSet};

use super::balance::{Balanced, Generation};
use super::server::Server;
use crate::platform::boundary::{Boundary, Renewed, sleep_until};
use crate::platform::instances::{Instances, InstancesConfig, SharedInstances};

/// How long before a boundary instances are started. They wait idle until then.
const START_AHEAD_NS: u64 = 10 * NS_PER_S;
/// How long after a boundary what was due before may still be issued. A load generator that is later is not valid.
const LATE_NS: u64 = NS_PER_S / 10;
/// The time between two looks whether old instances still have calls.
const LOOK: Duration = Duration::from_millis(20);
/// Calls end within their time-out. Beyond this, old instances end in spite of them.
const GRACE: Duration = Duration::from_secs(5);

/// Replaces the instances of one function.
#[derive(Debug)]
pub(in crate::platform) struct Replacement {
    server: Server,
    config: InstancesConfig,
    balanced: Arc<Balanced>,
    instances: SharedInstances,
    /// The last replacement, until calls go to the new instances.
    switching: JoinSet<JoinHandle<()>>,
    /// Old instances, until they have ended.
    retiring: Vec<JoinHandle<()>>,
}

impl Replacement {
    /// For the instances of a server that calls of `balanced` go to; `None` if the server is not started for the run.
    pub(in crate::platform) fn new(
        server: &Server,
        balanced: &Arc<Balanced>,
        instances: &SharedInstances,
    ) -> Option<Self> {
        Some(Self {
            config: server.local()?.clone(),
            server: server.clone(),
            balanced: Arc::clone(balanced),
            instances: Arc::clone(instances),
            switching: JoinSet::new(),
            retiring: Vec::new(),
        })
    }

    /// The name of the function.
    pub(in crate::platform) fn function(&self) -> &str {
        &self.config.function.name
    }

    /// Starts instances before the boundary, and lets calls go to them that are due from it on; or, if they are not ready
    /// then, from the time on at which they are.
    pub(in crate::platform) async fn restart(&mut self, boundary: &Boundary) -> Result<Renewed, String> {
        self.settle().await;
        boundary.wait_until_ahead(START_AHEAD_NS).await;
        let info = self.instances.lock().await.info.clone();
        let mut fresh = Instances::start_as(&self.config, info).await.map_err(|error| error.to_string())?;
        let generation = match self.server.connect(Some(&fresh)).await {
            Ok(generation) => generation,
            Err(error) => {
                fresh.stop().await;
                return Err(error.to_string());
            }
        };
        let from_ns = boundary.at_ns.max(boundary.clock.now_ns());
        self.balanced.expect(from_ns, generation);
        let (balanced, instances) = (Arc::clone(&self.balanced), Arc::clone(&self.instances));
        let (clock, most) = (boundary.clock, self.server.timeout() + GRACE);
        #[expect(clippy::async_yields_async, reason = "the end of the old instances is waited for later")]
        let switched = async move {
            sleep_until(clock, from_ns.saturating_add(LATE_NS)).await;
            let old = balanced.switch();
            let replaced = instances.lock().await.replace(fresh).await;
            tokio::spawn(retire(old, replaced, most))
        };
        self.switching.spawn(switched);
        sleep_until(clock, from_ns).await;
        Ok(Renewed { begun_ns: from_ns, done_ns: from_ns })
    }

    /// Waits until all calls go to the instances that were started last.
    async fn settle(&mut self) {
        self.retiring.retain(|retiring| !retiring.is_finished());
        while let Some(switched) = self.switching.join_next().await {
            // One that was given up has dropped its instances, which ends them.
            self.retiring.extend(switched.ok());
        }
    }

    /// Ends a replacement for which no call is left, and waits until all instances that were replaced have ended.
    pub(in crate::platform) async fn end(&mut self) {
        self.switching.abort_all();
        self.settle().await;
        join_all(self.retiring.drain(..)).await;
    }
}

/// Lets instances end when no call needs them any more.
async fn retire(generation: Option<Arc<Generation>>, mut instances: Instances, most: Duration) {
    let unused = async {
        // Each call holds its generation.
        while generation.as_ref().is_some_and(|generation| Arc::strong_count(generation) > 1) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(most, unused).await.is_err() {
        tracing::warn!("old instances of {} end with calls in flight", instances.info.name);
    }
    // Its connections close, for which the instances would wait.
    drop(generation);
    instances.stop().await;
}
