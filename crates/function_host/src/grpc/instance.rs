//! What this process tells its callers about itself, as trailing metadata.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use uuid::Uuid;

use super::workers::Done;

/// The process. It is made when the function can serve.
#[derive(Debug)]
pub(crate) struct Instance {
    id: Uuid,
    /// How long the initialisation took.
    init: Duration,
    ready: Instant,
    requests: AtomicU64,
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// When it was complete.
    pub(crate) at: Instant,
    /// Its number, from 1.
    pub(crate) number: u64,
}

impl Instance {
    /// A process that was started at `started` and is ready at `ready`.
    pub(crate) fn new(started: Instant, ready: Instant) -> Self {
        Self { id: Uuid::new_v4(), init: ready - started, ready, requests: AtomicU64::new(0) }
    }

    /// Counts a request that arrived at `at`.
    pub(crate) fn count(&self, at: Instant) -> Arrival {
        Arrival { at, number: self.requests.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// The metadata for a request and what was done for it.
    pub(crate) fn metadata(&self, request: Arrival, done: &Done) -> MetadataMap {
        let mut metadata = MetadataMap::with_capacity(8);
        let id = self.id.simple().to_string();
        if let Ok(id) = MetadataValue::try_from(id) {
            metadata.insert("function-instance", id);
        }
        metadata.insert("function-request", MetadataValue::from(request.number));
        metadata.insert("function-init-ns", nanoseconds(self.init));
        metadata.insert("function-ready-ns", nanoseconds(request.at - self.ready));
        metadata.insert("function-queue-ns", nanoseconds(done.queued));
        metadata.insert("function-handler-ns", nanoseconds(done.ran));
        metadata.insert("function-answer-ns", nanoseconds(done.wrote));
        metadata
    }
}

/// The duration in whole nanoseconds, which fit for 584 years.
fn nanoseconds(duration: Duration) -> MetadataValue<Ascii> {
    MetadataValue::from(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_request_has_a_number_and_five_durations() {
        let started = clock::now();
        let after = |milliseconds| started + Duration::from_millis(milliseconds);
        let instance = Instance::new(started, after(5));
        assert_eq!(instance.count(after(6)).number, 1);
        let request = instance.count(after(9));
        let done = Done {
            result: Ok(String::new()),
            queued: Duration::from_nanos(17),
            ran: Duration::from_secs(3),
            wrote: Duration::from_micros(2),
        };
        let metadata = instance.metadata(request, &done);
        let value = |name: &str| metadata.get(name).unwrap().to_str().unwrap();
        assert_eq!(value("function-request"), "2");
        assert_eq!(value("function-init-ns"), "5000000");
        assert_eq!(value("function-ready-ns"), "4000000");
        assert_eq!(value("function-queue-ns"), "17");
        assert_eq!(value("function-handler-ns"), "3000000000");
        assert_eq!(value("function-answer-ns"), "2000");
        assert_eq!(metadata.len(), 7);
        let id = value("function-instance");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_ne!(id, Instance::new(started, started).id.simple().to_string());
    }
}
