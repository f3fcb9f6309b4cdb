//! What `--local` started for a run.

use futures_util::future::join_all;

use super::instances::SharedInstances;
use super::local::LocalLambda;

/// What was started for a run. All of it ends when this process does.
#[derive(Debug, Default)]
pub(crate) struct Local {
    lambda: Option<LocalLambda>,
    /// Of each function behind gRPC.
    instances: Vec<SharedInstances>,
}

/// How programs ended though nobody stopped them.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// The lambda-local.
    pub(crate) lambda: Option<String>,
    /// The first instance of a function behind gRPC, with the name of the function.
    pub(crate) instance: Option<String>,
}

impl Local {
    pub(super) fn lambda(lambda: Option<LocalLambda>) -> Self {
        Self { lambda, instances: Vec::new() }
    }

    pub(super) fn instances(instances: Option<SharedInstances>) -> Self {
        Self { lambda: None, instances: instances.into_iter().collect() }
    }

    /// Both together. There is one lambda-local at most.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.instances.extend(other.instances);
        Self { lambda: self.lambda.or(other.lambda), instances: self.instances }
    }

    /// What ended by itself so far.
    pub(crate) async fn ended(&mut self) -> Ended {
        let lambda = self.lambda.as_mut().and_then(LocalLambda::ended);
        for instances in &self.instances {
            if let Some(instance) = instances.lock().await.ended().await {
                return Ended { lambda, instance: Some(instance) };
            }
        }
        Ended { lambda, instance: None }
    }

    /// Lets everything end, all at the same time.
    pub(crate) async fn stop(self) {
        let lambda = async {
            if let Some(lambda) = self.lambda {
                lambda.stop().await;
            }
        };
        let stop = async |instances: &SharedInstances| instances.lock().await.stop().await;
        tokio::join!(lambda, join_all(self.instances.iter().map(stop)));
    }
}
