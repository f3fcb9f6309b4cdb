//! Asynchronous invocations: an event is accepted immediately, served when there is room, and tried again if its
//! invocation fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::invocation::{Reply, Request, Throttled};
use crate::outcome::Failure;
use crate::service::Service;

/// How much memory the events that wait may take, in KiB.
const QUEUE_KIB: usize = 256 * 1024;

/// The events that wait or are being served.
#[derive(Debug)]
pub(crate) struct Events {
    service: Arc<Service>,
    room: Arc<Semaphore>,
    /// The pauses before an event is tried again.
    pauses: Arc<[Duration]>,
}

impl Events {
    pub(crate) fn new(service: Arc<Service>, pauses: &[Duration]) -> Self {
        Self { service, room: Arc::new(Semaphore::new(QUEUE_KIB)), pauses: pauses.into() }
    }

    /// Accepts an event, which is served in the background.
    ///
    /// # Errors
    /// If too many events wait already.
    pub(crate) fn accept(&self, function: usize, request: Request) -> Result<(), Throttled> {
        let room = self.reserve(request.payload.len()).ok_or(Throttled::EventQueue)?;
        let (service, pauses) = (Arc::clone(&self.service), Arc::clone(&self.pauses));
        self.service.tasks().spawn(async move {
            let _room = room;
            let id = request.request_id.clone();
            let delivered = deliver(&service, function, request, &pauses);
            if service.stopping().run_until_cancelled(delivered).await.is_none() {
                tracing::warn!("lambda-local stops before event {id} was served");
            }
        });
        Ok(())
    }

    fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024 + 1).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(kib).ok()
    }
}

async fn deliver(service: &Service, function: usize, request: Request, pauses: &[Duration]) {
    let mut pauses = pauses.iter();
    while let Err(failure) = serve(service, function, request.clone()).await.outcome {
        if failure == Failure::Stopping {
            return;
        }
        let Some(pause) = pauses.next() else {
            tracing::warn!("event {} is dropped: it was not served at any attempt", request.request_id);
            return;
        };
        tokio::time::sleep(*pause).await;
    }
}

/// Serves the event once, as soon as there is room.
async fn serve(service: &Service, function: usize, request: Request) -> Reply {
    loop {
        match service.invoke(function, request.clone()) {
            Ok(pending) => return pending.wait().await,
            Err(throttled) => service.room(function, throttled).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::backend::fake::FakeBackend;
    use crate::runtime_api::Call;
    use crate::service::tests::service;

    const PAUSES: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

    /// A function that notes when it gets an event, handles it for a second, and fails the first `failures` times.
    fn noting(failures: usize) -> (FakeBackend, Arc<Mutex<Vec<u64>>>) {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (kept, began) = (Arc::clone(&notes), Instant::now());
        let backend = FakeBackend::new(move |runtime| {
            let notes = Arc::clone(&kept);
            async move {
                loop {
                    let event = runtime.next().await;
                    let count = {
                        let mut notes = notes.lock().unwrap();
                        notes.push(began.elapsed().as_secs());
                        notes.len()
                    };
                    sleep(Duration::from_secs(1)).await;
                    if count > failures {
                        runtime.echo(event).await;
                    } else {
                        let outcome = Err(Failure::Reported(Bytes::new()));
                        runtime.call(Call::Finish { request_id: event.request_id, outcome }).await;
                    }
                }
            }
        });
        (backend, notes)
    }

    fn events(backend: FakeBackend) -> Events {
        Events::new(Arc::new(service(backend, 1)), &PAUSES)
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_is_tried_again_after_each_pause_and_then_dropped() {
        for (failures, expected) in
            [(0, vec![0]), (1, vec![0, 61]), (2, vec![0, 61, 182]), (9, vec![0, 61, 182])]
        {
            let (backend, notes) = noting(failures);
            let events = events(backend);
            events.accept(0, Request::default()).unwrap();
            sleep(Duration::from_secs(1000)).await;
            assert_eq!(*notes.lock().unwrap(), expected, "{failures} failures");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_wait_for_room_in_the_account() {
        let (backend, notes) = noting(0);
        let events = events(backend);
        for _ in 0..3 {
            events.accept(0, Request::default()).unwrap();
        }
        sleep(Duration::from_secs(10)).await;
        assert_eq!(*notes.lock().unwrap(), [0, 1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn events_beyond_the_memory_of_the_queue_are_throttled() {
        let events = events(FakeBackend::new(|_| std::future::pending()));
        let large = || Request { payload: Bytes::from(vec![0; 1 << 20]), ..Request::default() };
        let accepted = (0..1000).take_while(|_| events.accept(0, large()).is_ok()).count();
        assert_eq!(accepted, QUEUE_KIB / 1025);
        assert_eq!(events.accept(0, large()), Err(Throttled::EventQueue));
    }
}
