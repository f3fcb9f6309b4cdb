//! Several instances of one function, of which each call goes to one.
//!
//! The client chooses, and there is no queue before the instances: a call waits at the instance that it was sent to, even
//! if another becomes free first. Knative's activator holds calls back until an instance is free.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use run_record::Arrival;

use super::client::{Config, Grpc, GrpcAnswer};
use super::endpoint::GrpcEndpoint;
use crate::platform::call::Call;
use crate::platform::error::StartError;

/// The instances of a function, or a server that stands for them. They can be replaced while calls go on.
#[derive(Debug)]
pub(in crate::platform) struct Balanced(RwLock<Generations>);

#[derive(Debug)]
struct Generations {
    current: Arc<Generation>,
    /// Which instances are called for what is due from this time of the run on.
    next: Option<(u64, Arc<Generation>)>,
}

/// Instances that are called at the same time.
#[derive(Debug)]
pub(super) struct Generation {
    instances: Vec<Instance>,
    /// For each endpoint, which instance is asked first whether it has the fewest calls. With one turn for all of them, two
    /// endpoints that are called alternately would each meet one of two instances only.
    turns: Vec<AtomicUsize>,
}

#[derive(Debug)]
struct Instance {
    grpc: Grpc,
    in_flight: AtomicU32,
}

/// A call in flight. It is over when this is dropped, also if the call was given up.
struct InFlight<'a>(&'a AtomicU32);

impl Balanced {
    /// Balances the calls of these instances.
    pub(super) fn new(generation: Generation) -> Self {
        Self(RwLock::new(Generations { current: Arc::new(generation), next: None }))
    }

    /// Calls that are due from this time of the run on go to these instances.
    pub(super) fn expect(&self, from_ns: u64, next: Generation) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).next = Some((from_ns, Arc::new(next)));
    }

    /// Lets all calls go to the instances that were expected, and returns those that calls went to before.
    pub(super) fn switch(&self) -> Option<Arc<Generation>> {
        let mut generations = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (_, next) = generations.next.take()?;
        Some(std::mem::replace(&mut generations.current, next))
    }

    /// The instances that calls go to which are due at this time, or, without one, now.
    fn generation(&self, due_ns: Option<u64>) -> Arc<Generation> {
        let generations = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match &generations.next {
            Some((from_ns, next)) if due_ns.is_some_and(|due_ns| due_ns >= *from_ns) => Arc::clone(next),
            _ => Arc::clone(&generations.current),
        }
    }
}

impl Generation {
    /// Makes the clients: for each instance what is called at it.
    pub(super) async fn connect(
        config: &Config,
        instances: &[Vec<GrpcEndpoint>],
    ) -> Result<Self, StartError> {
        let mut connected = Vec::with_capacity(instances.len());
        for endpoints in instances {
            let grpc = Grpc::connect(config, endpoints).await?;
            connected.push(Instance { grpc, in_flight: AtomicU32::new(0) });
        }
        let endpoints = instances.first().map_or(0, Vec::len);
        Ok(Self { instances: connected, turns: (0..endpoints).map(|_| AtomicUsize::new(0)).collect() })
    }

    fn choose(&self, endpoint: usize) -> &Instance {
        let turn = self.turns[endpoint].fetch_add(1, Ordering::Relaxed);
        let in_flight = self.instances.iter().map(|instance| instance.in_flight.load(Ordering::Relaxed));
        &self.instances[fewest(in_flight, turn)]
    }

    async fn call(&self, endpoint: usize, number: u64) -> GrpcAnswer {
        let Instance { grpc, in_flight } = self.choose(endpoint);
        in_flight.fetch_add(1, Ordering::Relaxed);
        let _in_flight = InFlight(in_flight);
        grpc.call(endpoint, number).await
    }
}

impl Call for Balanced {
    type Answer = GrpcAnswer;

    async fn call(&self, endpoint: usize, number: u64) -> GrpcAnswer {
        self.generation(None).call(endpoint, number).await
    }

    async fn call_due(&self, arrival: Arrival) -> GrpcAnswer {
        self.generation(Some(arrival.intended_ns)).call(arrival.endpoint, arrival.number).await
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The index of the fewest calls. Of several, it is the first one from the one whose turn it is.
fn fewest(in_flight: impl ExactSizeIterator<Item = u32>, turn: usize) -> usize {
    let count = in_flight.len().max(1);
    let first = turn % count;
    let by_turn = |(index, calls): &(usize, u32)| (*calls, (index + count - first) % count);
    in_flight.enumerate().min_by_key(by_turn).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::super::endpoint::Service;
    use super::*;

    #[test]
    fn the_fewest_calls_decide_and_then_the_turn() {
        let chosen = |in_flight: &[u32], turn| fewest(in_flight.iter().copied(), turn);
        let idle: Vec<usize> = (0..5).map(|turn| chosen(&[0, 0, 0], turn)).collect();
        assert_eq!(idle, [0, 1, 2, 0, 1]);
        assert_eq!([0, 1, 2].map(|turn| chosen(&[2, 1, 1], turn)), [1, 1, 2]);
        assert_eq!([0, 1, 2].map(|turn| chosen(&[3, 1, 2], turn)), [1, 1, 1]);
        assert_eq!(chosen(&[7], usize::MAX), 0);
        assert_eq!(chosen(&[], 3), 0);
    }

    /// As many instances, at a server whose connections are accepted by the system and where nobody answers.
    async fn generation(port: u16, instances: usize) -> Generation {
        let endpoint = GrpcEndpoint {
            hostname: "127.0.0.1".to_owned(),
            port,
            tls: false,
            service: Service::Greeter,
            payload: "\"x\"".to_owned(),
            template: None,
        };
        let config =
            Config { timeout: Duration::from_secs(60), pooled: true, warm_connections: 0, ca_bundle: None };
        let endpoints = vec![endpoint.clone(), endpoint];
        Generation::connect(&config, &vec![endpoints; instances]).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_due_from_a_time_on_goes_to_the_instances_that_are_expected_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let balanced = Balanced::new(generation(port, 1).await);
        assert!(balanced.switch().is_none(), "nothing is expected");
        let old = balanced.generation(None);
        balanced.expect(100, generation(port, 2).await);
        let has = |due_ns| balanced.generation(due_ns).instances.len();
        assert_eq!([None, Some(0), Some(99), Some(100), Some(u64::MAX)].map(has), [1, 1, 1, 2, 2]);
        let due = Arrival { sequence: 0, endpoint: 0, number: 0, intended_ns: 99 };
        let mut call = Box::pin(balanced.call_due(due));
        assert!(call.as_mut().now_or_never().is_none());
        let retired = balanced.switch().unwrap();
        assert!(Arc::ptr_eq(&retired, &old));
        drop(old);
        assert_eq!((has(None), has(Some(99)), Arc::strong_count(&retired)), (2, 2, 2), "its call holds it");
        drop(call);
        assert_eq!(Arc::strong_count(&retired), 1);
    }

    #[tokio::test]
    async fn calls_count_until_they_end_or_are_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let generation = generation(listener.local_addr().unwrap().port(), 2).await;
        let balanced = Balanced::new(generation);
        let generation = balanced.generation(None);
        let counts = || {
            let counts =
                generation.instances.iter().map(|instance| instance.in_flight.load(Ordering::Relaxed));
            counts.collect::<Vec<_>>()
        };
        let mut calls: Vec<_> = (0..3).map(|_| Box::pin(balanced.call(0, 0))).collect();
        assert_eq!(counts(), [0, 0]);
        for call in &mut calls {
            assert!(call.as_mut().now_or_never().is_none());
        }
        assert_eq!(counts(), [2, 1]);
        drop(calls.remove(0));
        assert_eq!(counts(), [1, 1]);
        drop(calls);
        assert_eq!(counts(), [0, 0]);
        // Each of two endpoints that are called alternately meets both instances.
        let met = [0, 1, 0, 1].map(|endpoint| {
            let chosen = generation.choose(endpoint);
            generation.instances.iter().position(|instance| std::ptr::eq(instance, chosen)).unwrap()
        });
        assert!(met[0] != met[2] && met[1] != met[3], "{met:?}");
    }
}
