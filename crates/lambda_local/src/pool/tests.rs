//! Single rules, and what holds whatever happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::start_rate::{PERIOD_NS, STARTS_PER_PERIOD};
use super::*;

const SECOND: u64 = 1_000_000_000;
const LIMITS: Limits = Limits { concurrency: 10, initialising: 10, waiting_bytes: 1000 };

fn id(number: u64) -> EnvironmentId {
    EnvironmentId(number)
}

fn serve(environment: u64, ticket: u64) -> Action {
    Action::Serve(id(environment), Ticket(ticket))
}

fn start(number: u64) -> Action {
    Action::Start { id: id(number), function: 0, provisioned: false }
}

fn start_provisioned(number: u64) -> Action {
    Action::Start { id: id(number), function: 0, provisioned: true }
}

fn pool(limits: Limits) -> Pool {
    Pool::new(&[1, 1], limits)
}

fn arrive(pool: &mut Pool) -> Vec<Action> {
    pool.arrive(0, 0, 1).unwrap().1
}

/// A pool whose function 0 has the idle environments 1 to `count`.
fn with_idle(count: u64, limits: Limits) -> Pool {
    let mut pool = pool(limits);
    for number in 1..=count {
        assert_eq!(arrive(&mut pool), [start(number)]);
    }
    for number in 1..=count {
        assert_eq!(pool.ready(0, id(number)), [serve(number, number)]);
    }
    for number in 1..=count {
        assert_eq!(pool.finished(id(number)), []);
        assert_eq!(pool.ready(0, id(number)), []);
    }
    pool
}

#[test]
fn the_environment_used_last_is_used_first() {
    let mut pool = with_idle(2, LIMITS);
    assert_eq!(arrive(&mut pool), [serve(2, 3)]);
    assert_eq!(arrive(&mut pool), [serve(1, 4)]);
    assert_eq!(arrive(&mut pool), [start(3)]);
}

#[test]
fn a_request_is_served_by_whichever_environment_is_free_first() {
    let mut pool = with_idle(1, LIMITS);
    assert_eq!(arrive(&mut pool), [serve(1, 2)]);
    assert_eq!(arrive(&mut pool), [start(2)]);
    pool.finished(id(1));
    assert_eq!(pool.ready(0, id(1)), [serve(1, 3)], "the request waited for environment 2");
    assert_eq!(pool.ready(0, id(2)), [], "it is idle");
    assert_eq!(arrive(&mut pool), [serve(2, 4)]);
}

#[test]
fn no_more_environments_initialise_than_may() {
    let mut pool = pool(Limits { initialising: 2, ..LIMITS });
    let started: Vec<_> = (0..5).map(|_| arrive(&mut pool)).collect();
    assert_eq!(started, [vec![start(1)], vec![start(2)], vec![], vec![], vec![]]);
    assert_eq!(pool.ready(0, id(1)), [serve(1, 1), start(3)]);
    assert_eq!(pool.end(0, id(2), &[]), [start(4)], "an environment that ended gives its place back");
}

#[test]
fn a_request_waits_for_an_environment_that_has_just_replied() {
    let mut pool = with_idle(1, LIMITS);
    arrive(&mut pool);
    pool.finished(id(1));
    assert_eq!(arrive(&mut pool), [], "environment 1 is about to be free");
    assert_eq!(arrive(&mut pool), [start(2)], "the second one needs an environment");
    assert_eq!(pool.lingers(0, id(1)), [start(3)], "environment 1 does something else");
    assert_eq!(pool.ready(0, id(1)), [serve(1, 3)]);
}

#[test]
fn an_environment_that_lingers_counts_but_one_that_settles_does_not() {
    let mut pool = with_idle(1, Limits { concurrency: 1, ..LIMITS });
    arrive(&mut pool);
    assert_eq!(pool.arrive(0, 0, 1), Err(Throttled::Concurrency));
    pool.finished(id(1));
    let (ticket, actions) = pool.arrive(0, 0, 1).unwrap();
    assert_eq!(actions, []);
    assert_eq!(pool.lingers(0, id(1)), [], "the function has as many environments as it may have");
    assert!(pool.leave(0, ticket));
    assert!(!pool.leave(0, ticket));
    assert_eq!(pool.arrive(0, 0, 1), Err(Throttled::Concurrency));
    assert_eq!(pool.arrive(0, 1, 1), Err(Throttled::Concurrency), "functions share the account");
    assert_eq!(pool.ready(0, id(1)), []);
    assert_eq!(arrive(&mut pool), [serve(1, 4)]);
}

#[test]
fn a_failed_initialisation_is_told_to_the_request_that_waits_longest() {
    let mut pool = pool(LIMITS);
    for number in 1..=2 {
        assert_eq!(arrive(&mut pool), [start(number)]);
    }
    assert_eq!(pool.adopt(id(2)), Some(Ticket(1)));
    assert_eq!(pool.initialised(0, id(2)), []);
    assert_eq!(pool.ready(0, id(1)), [serve(1, 2)]);
    assert_eq!(pool.adopt(id(1)), None, "no request waits");
    assert_eq!(pool.end(0, id(2), &[]), []);
    assert_eq!(pool.end(0, id(2), &[]), [], "it has ended already");
}

#[test]
fn a_request_that_no_runtime_saw_goes_to_another_environment_or_waits_in_its_place() {
    let mut pool = with_idle(2, LIMITS);
    assert_eq!(arrive(&mut pool), [serve(2, 3)]);
    assert_eq!(pool.end(0, id(2), &[(Ticket(3), 1)]), [serve(1, 3)]);
    for number in [3, 4] {
        assert_eq!(arrive(&mut pool), [start(number)]);
    }
    assert_eq!(pool.end(0, id(1), &[(Ticket(3), 1)]), [start(5)]);
    assert_eq!((pool.waiting_bytes, pool.functions[0].under_way()), (3, 3));
    for (number, ticket) in [(3, 3), (4, 4), (5, 5)] {
        assert_eq!(pool.ready(0, id(number)), [serve(number, ticket)]);
    }
}

#[test]
fn an_environment_that_was_given_a_request_cannot_end_as_idle() {
    let mut pool = with_idle(1, LIMITS);
    assert_eq!(arrive(&mut pool), [serve(1, 2)]);
    assert_eq!(pool.end_idle(0, id(1)), None);
    pool.finished(id(1));
    pool.ready(0, id(1));
    assert_eq!(pool.end_idle(0, id(1)), Some(vec![]));
    assert_eq!(arrive(&mut pool), [start(2)]);
}

#[test]
fn a_reserved_share_is_a_limit_and_is_kept_from_others() {
    let mut pool = pool(Limits { concurrency: 3, ..LIMITS });
    pool.set_reserved(0, 0, Some(2));
    for number in 1..=2 {
        assert_eq!(arrive(&mut pool), [start(number)]);
    }
    assert_eq!(pool.arrive(0, 0, 1), Err(Throttled::ReservedConcurrency));
    assert!(pool.arrive(0, 1, 1).is_ok());
    assert_eq!(pool.arrive(0, 1, 1), Err(Throttled::Concurrency));
    pool.set_reserved(0, 0, Some(0));
    assert_eq!(pool.arrive(0, 0, 1), Err(Throttled::ReservedConcurrency));
}

#[test]
fn what_waits_is_bounded_in_bytes() {
    let mut pool = pool(Limits { initialising: 1, ..LIMITS });
    let (ticket, _) = pool.arrive(0, 0, 600).unwrap();
    assert_eq!(pool.arrive(0, 0, 600), Err(Throttled::QueueMemory));
    assert!(pool.leave(0, ticket));
    assert!(pool.arrive(0, 0, 600).is_ok());
    pool.ready(0, id(1));
    assert!(pool.arrive(0, 0, 600).is_ok(), "what is served does not wait");
}

#[test]
fn a_function_gets_new_environments_at_the_rate_of_lambda() {
    let mut pool = pool(Limits { concurrency: 5000, initialising: 5000, waiting_bytes: usize::MAX });
    for _ in 0..STARTS_PER_PERIOD {
        assert_eq!(pool.arrive(SECOND, 0, 1).unwrap().1.len(), 1);
    }
    let throttled = Err(Throttled::StartRate { wait_ns: PERIOD_NS - SECOND });
    assert_eq!(pool.arrive(2 * SECOND, 0, 1), throttled);
    assert!(pool.arrive(2 * SECOND, 1, 1).is_ok(), "each function has its own rate");
    // A request that had been accepted waits instead.
    pool.end(2 * SECOND, id(1), &[]);
    assert_eq!(pool.next_start_at(2 * SECOND), Some(SECOND + PERIOD_NS));
    assert_eq!(pool.starts(SECOND + PERIOD_NS).len(), 1);
}

#[test]
fn provisioned_environments_are_started_kept_and_used_first() {
    let mut pool = with_idle(1, LIMITS);
    assert_eq!(pool.set_provisioned(0, 0, 2), [start_provisioned(2), start_provisioned(3)]);
    assert_eq!(pool.provisioned(0), 0);
    pool.ready(0, id(2));
    pool.ready(0, id(3));
    assert_eq!(pool.provisioned(0), 2);
    assert_eq!(arrive(&mut pool), [serve(3, 2)]);
    assert_eq!(arrive(&mut pool), [serve(2, 3)]);
    assert_eq!(arrive(&mut pool), [serve(1, 4)]);
    assert_eq!(pool.end(0, id(2), &[]), [start_provisioned(4)], "it is replaced");
    pool.ready(0, id(4));
    assert_eq!(pool.set_provisioned(0, 0, 1), [Action::End(id(4))], "the busy one is kept");
    assert_eq!(pool.set_provisioned(0, 0, 0), []);
    assert_eq!(pool.finished(id(3)), [Action::End(id(3))]);
}

#[test]
fn a_provisioned_environment_that_fails_is_not_started_again_at_once() {
    let mut pool = pool(LIMITS);
    assert_eq!(pool.set_provisioned(0, 0, 1), [start_provisioned(1)]);
    let (mut now, mut pauses) = (0, Vec::new());
    for number in 1..=9 {
        assert_eq!(pool.end(now, id(number), &[]), []);
        let next = pool.next_start_at(now).unwrap();
        pauses.push((next - now) / SECOND);
        now = next;
        assert_eq!(pool.starts(now), [start_provisioned(number + 1)]);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    pool.ready(now, id(10));
    assert_eq!(pool.end(now, id(10), &[]), [], "it has initialised, but was of no use");
    now = pool.next_start_at(now).unwrap();
    assert_eq!(pool.starts(now), [start_provisioned(11)]);
    pool.ready(now, id(11));
    assert_eq!(arrive(&mut pool), [serve(11, 1)]);
    pool.finished(id(11));
    assert_eq!(pool.end(now, id(11), &[]), [start_provisioned(12)], "it has served a request");
    assert_eq!(pool.end(now, id(12), &[]), []);
    assert_eq!(pool.next_start_at(now), Some(now + SECOND), "the pause begins anew");
}

#[test]
fn an_environment_that_ends_because_of_its_request_is_replaced_at_once() {
    let mut pool = pool(LIMITS);
    pool.set_provisioned(0, 0, 1);
    pool.ready(0, id(1));
    assert_eq!(arrive(&mut pool), [serve(1, 1)]);
    assert_eq!(pool.end(0, id(1), &[]), [start_provisioned(2)]);
    pool.ready(0, id(2));
    assert_eq!(arrive(&mut pool), [serve(2, 2)]);
    assert_eq!(pool.end(0, id(2), &[(Ticket(2), 1)]), [start(3)], "the request did not reach the runtime");
    assert_eq!(pool.next_start_at(0), Some(SECOND));
}

#[test]
fn provisioned_environments_that_are_replaced_or_too_many_have_not_failed() {
    let mut pool = pool(LIMITS);
    assert_eq!(pool.set_provisioned(0, 0, 1), [start_provisioned(1)]);
    for number in 1..=5 {
        assert_eq!(pool.replace(0, 0), [Action::End(id(number)), start_provisioned(number + 1)]);
        assert_eq!(pool.end(0, id(number), &[]), []);
    }
    assert_eq!(pool.set_provisioned(0, 0, 0), [Action::End(id(6))]);
    assert_eq!(pool.end(0, id(6), &[]), []);
    assert_eq!(pool.set_provisioned(0, 0, 1), [start_provisioned(7)], "no pause");
    assert_eq!(pool.end(0, id(7), &[]), []);
    assert_eq!(pool.next_start_at(0), Some(SECOND), "one that ends by itself has failed");
    assert_eq!(pool.replace(0, 0), [start_provisioned(8)], "a changed function is tried at once");
}

#[test]
fn a_provisioned_share_is_kept_from_others_and_is_no_limit() {
    let mut pool = pool(Limits { concurrency: 5, ..LIMITS });
    pool.set_provisioned(0, 0, 2);
    for _ in 0..3 {
        assert!(pool.arrive(0, 1, 1).is_ok());
    }
    assert_eq!(pool.arrive(0, 1, 1), Err(Throttled::Concurrency), "two are provisioned for function 0");
    let (last, _) = [0, 0].map(|function| pool.arrive(0, function, 1).unwrap())[1].clone();
    assert_eq!(pool.arrive(0, 0, 1), Err(Throttled::Concurrency), "the account is full");
    assert!(pool.leave(0, last));
    assert_eq!(pool.arrive(0, 1, 1), Err(Throttled::Concurrency));
    pool.set_provisioned(0, 0, 0);
    assert!(pool.arrive(0, 1, 1).is_ok());
    let mut pool = self::pool(Limits { concurrency: 5, ..LIMITS });
    pool.set_provisioned(0, 0, 2);
    for _ in 0..5 {
        assert!(pool.arrive(0, 0, 1).is_ok(), "more than are provisioned");
    }
}

#[test]
fn a_replaced_function_loses_no_request() {
    let mut pool = with_idle(2, LIMITS);
    assert_eq!(arrive(&mut pool), [serve(2, 3)]);
    assert_eq!(pool.replace(0, 0), [Action::End(id(1))]);
    assert_eq!(arrive(&mut pool), [start(3)]);
    assert_eq!(pool.finished(id(2)), [Action::End(id(2))]);
    assert_eq!(pool.ready(0, id(2)), [Action::End(id(2))]);
    assert_eq!(pool.replace(0, 0), [Action::End(id(3)), start(4)], "a request waits");
    assert_eq!(pool.ready(0, id(4)), [serve(4, 4)]);
}

#[test]
fn an_environment_serves_as_many_requests_at_a_time_as_its_runtime_asks_for() {
    let mut pool = Pool::new(&[3], LIMITS);
    let arrivals: Vec<_> = (0..4).map(|_| arrive(&mut pool)).collect();
    assert_eq!(arrivals, [vec![start(1)], vec![], vec![], vec![start(2)]]);
    for ticket in 1..=3 {
        assert_eq!(pool.ready(0, id(1)), [serve(1, ticket)]);
    }
    assert_eq!(pool.ready(0, id(1)), [], "it asked too often");
    pool.finished(id(1));
    assert_eq!(pool.ready(0, id(1)), [serve(1, 4)]);
    // A runtime that asks for one event only is used for one.
    assert_eq!(pool.ready(0, id(2)), []);
    for _ in 0..2 {
        assert_eq!(pool.lingers(0, id(2)), []);
    }
    assert_eq!(arrive(&mut pool), [serve(2, 5)]);
    assert_eq!(arrive(&mut pool), [start(3)]);
    // One that is to end serves its three requests first.
    assert_eq!(pool.retire(0, id(1)), []);
    assert_eq!(pool.finished(id(1)), []);
    assert_eq!(pool.ready(0, id(1)), []);
    assert_eq!(pool.finished(id(1)), []);
    assert_eq!(pool.finished(id(1)), [Action::End(id(1))]);
}

/// What happens to the pool. Numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Arrive { function: usize, bytes: usize },
    Leave(usize),
    Ready(usize),
    Adopt(usize),
    Finished(usize),
    Lingers(usize),
    EndIdle(usize),
    End(usize),
    Reserve { function: usize, limit: Option<usize> },
    Provision { function: usize, count: usize },
    Replace { function: usize },
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let function = 0..3_usize;
    prop_oneof![
        8 => (function.clone(), 0..300_usize).prop_map(|(function, bytes)| Step::Arrive { function, bytes }),
        1 => (0..9_usize).prop_map(Step::Leave),
        8 => (0..9_usize).prop_map(Step::Ready),
        1 => (0..9_usize).prop_map(Step::Adopt),
        5 => (0..9_usize).prop_map(Step::Finished),
        2 => (0..9_usize).prop_map(Step::Lingers),
        1 => (0..9_usize).prop_map(Step::EndIdle),
        1 => (0..9_usize).prop_map(Step::End),
        1 => (function.clone(), prop::option::of(0..5_usize))
            .prop_map(|(function, limit)| Step::Reserve { function, limit }),
        1 => (function.clone(), 0..3_usize).prop_map(|(function, count)| Step::Provision { function, count }),
        1 => function.prop_map(|function| Step::Replace { function }),
        1 => (0..3 * SECOND).prop_map(Step::Pass),
    ]
}

/// How many requests an environment of each function serves at a time.
const SLOTS: [usize; 3] = [1, 1, 4];

/// What the outside knows of the pool.
#[derive(Default)]
struct Model {
    now: u64,
    /// The function of each environment, whether it has initialised, and how many requests it serves.
    environments: BTreeMap<EnvironmentId, (usize, bool, usize)>,
    told_to_end: BTreeSet<EnvironmentId>,
    waiting: [VecDeque<Ticket>; 3],
    served: BTreeSet<Ticket>,
}

impl Model {
    fn apply(
        &mut self,
        actions: Vec<Action>,
        arriving: Option<(usize, Ticket)>,
    ) -> Result<(), TestCaseError> {
        if let Some((function, ticket)) = arriving {
            self.waiting[function].push_back(ticket);
        }
        for action in actions {
            match action {
                Action::Serve(id, ticket) => {
                    prop_assert!(!self.told_to_end.contains(&id), "{id:?} was told to end");
                    let (function, initialised, serving) = self.environments.get_mut(&id).unwrap();
                    prop_assert!(*initialised && *serving < SLOTS[*function]);
                    *serving += 1;
                    prop_assert_eq!(
                        self.waiting[*function].pop_front(),
                        Some(ticket),
                        "the order of arrival"
                    );
                    prop_assert!(self.served.insert(ticket), "served twice");
                }
                Action::Start { id, function, .. } => {
                    prop_assert!(self.environments.insert(id, (function, false, 0)).is_none());
                }
                Action::End(id) => {
                    prop_assert_eq!(self.environments[&id].2, 0, "{:?} serves a request", id);
                    self.told_to_end.insert(id);
                }
            }
        }
        Ok(())
    }

    fn choose(
        &self,
        choice: usize,
        condition: impl Fn(&(usize, bool, usize)) -> bool,
    ) -> Option<EnvironmentId> {
        let fitting: Vec<_> = self.environments.iter().filter(|(_, found)| condition(found)).collect();
        fitting.get(choice % fitting.len().max(1)).map(|(id, _)| **id)
    }

    fn step(&mut self, pool: &mut Pool, step: Step) -> Result<(), TestCaseError> {
        let now = self.now;
        let actions = match step {
            Step::Arrive { function, bytes } => {
                let Ok((ticket, actions)) = pool.arrive(now, function, bytes) else { return Ok(()) };
                return self.apply(actions, Some((function, ticket)));
            }
            Step::Leave(choice) => {
                for (function, waiting) in self.waiting.iter_mut().enumerate() {
                    if let Some(ticket) = waiting.remove(choice) {
                        prop_assert!(pool.leave(function, ticket));
                    }
                }
                Vec::new()
            }
            Step::Ready(choice) => {
                let Some(id) = self.choose(choice, |(function, _, serving)| *serving < SLOTS[*function])
                else {
                    return Ok(());
                };
                self.environments.get_mut(&id).unwrap().1 = true;
                pool.ready(now, id)
            }
            Step::Adopt(choice) => {
                let Some(id) = self.choose(choice, |found| !found.1 && found.2 == 0) else { return Ok(()) };
                let function = self.environments[&id].0;
                match pool.adopt(id) {
                    Some(ticket) => {
                        prop_assert_eq!(self.waiting[function].pop_front(), Some(ticket));
                        prop_assert!(self.served.insert(ticket));
                        let environment = self.environments.get_mut(&id).unwrap();
                        (environment.1, environment.2) = (true, 1);
                        pool.initialised(now, id)
                    }
                    None => {
                        prop_assert!(self.told_to_end.contains(&id) || self.waiting[function].is_empty());
                        Vec::new()
                    }
                }
            }
            Step::Finished(choice) => {
                let Some(id) = self.choose(choice, |found| found.2 > 0) else { return Ok(()) };
                self.environments.get_mut(&id).unwrap().2 -= 1;
                pool.finished(id)
            }
            Step::Lingers(choice) => {
                let Some(id) = self.choose(choice, |_| true) else { return Ok(()) };
                pool.lingers(now, id)
            }
            Step::EndIdle(choice) => {
                let Some(id) = self.choose(choice, |_| true) else { return Ok(()) };
                let serving = self.environments[&id].2;
                let Some(actions) = pool.end_idle(now, id) else {
                    prop_assert!(serving > 0);
                    return Ok(());
                };
                prop_assert_eq!(serving, 0);
                self.environments.remove(&id);
                actions
            }
            Step::End(choice) => {
                let Some(id) = self.choose(choice, |_| true) else { return Ok(()) };
                self.environments.remove(&id);
                pool.end(now, id, &[])
            }
            Step::Reserve { function, limit } => pool.set_reserved(now, function, limit),
            Step::Provision { function, count } => pool.set_provisioned(now, function, count),
            Step::Replace { function } => pool.replace(now, function),
            Step::Pass(time) => {
                self.now += time;
                pool.starts(self.now)
            }
        };
        self.apply(actions, None)
    }
}

/// What holds after every step.
fn check(pool: &Pool, model: &Model, limits: Limits) -> Result<(), TestCaseError> {
    let initialising = model.environments.values().filter(|found| !found.1).count();
    prop_assert!(initialising <= limits.initialising);
    prop_assert_eq!(initialising, pool.initialising);
    prop_assert_eq!(model.environments.len(), pool.environments.len());
    let serving: usize = model.environments.values().map(|found| found.2).sum();
    let waiting: usize = model.waiting.iter().map(VecDeque::len).sum();
    prop_assert!(serving + waiting <= limits.concurrency);
    prop_assert!(pool.waiting_bytes <= limits.waiting_bytes);
    for (number, function) in pool.functions.iter().enumerate() {
        prop_assert!(function.waiting.keys().eq(model.waiting[number].iter()), "no request is lost");
        let ready = function.ready.len() + function.ready_provisioned.len();
        prop_assert!(ready == 0 || function.waiting.is_empty(), "a request waits beside an idle environment");
        prop_assert_eq!(ready, function.slots[Slot::Ready]);
        let of_function = pool.environments.values().filter(|found| found.function == number);
        let slots = of_function.clone().map(|found| found.slots.total()).sum::<usize>();
        prop_assert_eq!(slots, function.slots.total());
        prop_assert_eq!(of_function.clone().count(), function.environments);
        let coming = of_function.filter(|found| found.initialising && !found.retiring).count();
        prop_assert_eq!(coming, function.initialising);
    }
    // A request that waits has an environment that comes, or one that serves or ends, or the limits forbid one.
    prop_assert!(waiting == 0 || initialising > 0 || !model.environments.is_empty());
    Ok(())
}

proptest! {
    /// Whatever happens: no environment serves more requests than it may, requests are served once and in order, none
    /// is lost, and the limits hold.
    #[test]
    fn whatever_happens(steps in prop::collection::vec(any_step(), 0..300)) {
        let limits = Limits { concurrency: 12, initialising: 3, waiting_bytes: 1000 };
        let (mut pool, mut model) = (Pool::new(&SLOTS, limits), Model::default());
        for step in steps {
            model.step(&mut pool, step)?;
            check(&pool, &model, limits)?;
        }
    }

    /// However many requests arrive at whatever times, no period has more starts than the rate allows.
    #[test]
    fn the_rate_holds(gaps in prop::collection::vec(0..20_000_000_u64, 3000)) {
        let limits = Limits { concurrency: 10_000, initialising: 10_000, waiting_bytes: usize::MAX };
        let (mut pool, mut now, mut starts) = (Pool::new(&[1], limits), 0, Vec::new());
        for gap in gaps {
            now += gap;
            match pool.arrive(now, 0, 0) {
                Ok((_, actions)) => starts.extend(actions.iter().map(|_| now)),
                Err(throttled) => {
                    let Throttled::StartRate { wait_ns } = throttled else { panic!("{throttled:?}") };
                    prop_assert!(wait_ns > 0 && wait_ns <= PERIOD_NS);
                }
            }
        }
        for window in starts.windows(STARTS_PER_PERIOD + 1) {
            prop_assert!(window[STARTS_PER_PERIOD] - window[0] >= PERIOD_NS);
        }
    }
}
