//! Asynchronous invocations: accepted at once, served when there is room, tried again when the function fails.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::invocation::{Completed, Request, Unavailable};
use crate::service::Service;
use crate::service_error::ServiceError;

/// How much memory the events that wait may take, in KiB.
const QUEUE_KIB: usize = 256 * 1024;

/// Room for events that wait.
#[derive(Debug, Clone)]
pub(crate) struct EventQueue(Arc<Semaphore>);

impl EventQueue {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(QUEUE_KIB)))
    }

    fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024 + 1).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(kib).ok()
    }
}

/// Takes an event, to be served in the background.
///
/// # Errors
/// `EventQueueFull` if too many wait already.
pub(crate) fn accept(service: &Arc<Service>, function: usize, request: Request) -> Result<(), ServiceError> {
    let room = service.event_queue().reserve(request.payload.len()).ok_or(ServiceError::EventQueueFull)?;
    let service = Arc::clone(service);
    let stopping = service.stopping().clone();
    service.tasks().clone().spawn(async move {
        let _room = room;
        let id = request.request_id.clone();
        if stopping.run_until_cancelled(deliver(&service, function, request)).await.is_none() {
            tracing::warn!("lambda-local stops before event {id} was served");
        }
    });
    Ok(())
}

async fn deliver(service: &Arc<Service>, function: usize, request: Request) {
    let mut pauses = service.config().event_retries.iter();
    loop {
        match serve(service, function, request.clone()).await {
            Some(Ok(completed)) if !completed.failed => return,
            Some(_) => {}
            None => return,
        }
        let Some(pause) = pauses.next() else {
            tracing::warn!("event {} is dropped: it was not served at any attempt", request.request_id);
            return;
        };
        tokio::time::sleep(*pause).await;
    }
}

/// Serves the event once, as soon as there is room. `None` if the server stops.
async fn serve(
    service: &Arc<Service>,
    function: usize,
    request: Request,
) -> Option<Result<Completed, Unavailable>> {
    loop {
        let capacity = service.capacity();
        match service.invoke(function, request.clone()) {
            Ok(outcome) => return outcome.wait().await,
            Err(_) => capacity.await,
        }
    }
}
