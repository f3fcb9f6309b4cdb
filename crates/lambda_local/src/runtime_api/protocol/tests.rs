//! Every call in every state, and what holds of any order of calls.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOT_ANSWERED: Refusal = Refusal::InvalidState("the runtime has an event that it has not answered");
const INITIALISED: Refusal = Refusal::InvalidState("the function is initialised");

fn event(request_id: &str) -> Event {
    Event { request_id: request_id.to_owned(), ..Event::default() }
}

fn finish(request_id: &str, outcome: Outcome) -> Call {
    Call::Finish { request_id: request_id.to_owned(), outcome }
}

fn reply(request_id: &str) -> Call {
    finish(request_id, Ok(Bytes::from("1")))
}

fn reported() -> Failure {
    Failure::InitReported { error_type: None, body: Bytes::from("{}") }
}

fn init_error() -> Call {
    Call::InitError(reported())
}

/// A protocol in each of its states, by name. Its callers have the numbers below 10.
fn in_state(name: &str) -> Protocol<u32> {
    let mut protocol = Protocol::new(1);
    let calls: &[Call] = match name {
        "starting" => &[],
        "ended" => &[init_error()],
        _ => &[Call::Next],
    };
    for call in calls {
        protocol.call(0, call.clone());
    }
    if matches!(name, "away" | "offered" | "busy") {
        protocol.offer(event("a"));
    }
    if matches!(name, "away" | "offered") {
        protocol.call(1, reply("a"));
    }
    if name == "offered" {
        protocol.offer(event("a"));
    }
    protocol
}

#[test]
fn what_a_call_means_in_each_state() {
    let accepted = || vec![(10, Answer::Accepted)];
    let refused = |refusal| vec![(10, Answer::Refused(refusal))];
    let done = || Some(News::Finished("a".to_owned(), Ok(Bytes::from("1"))));
    let failed = || Some(News::InitFailed(reported()));
    for (state, call, answers, news) in [
        ("starting", Call::Next, vec![], Some(News::Ready)),
        ("waiting", Call::Next, vec![(0, Answer::Refused(Refusal::Gone))], None),
        ("away", Call::Next, vec![], Some(News::Ready)),
        ("offered", Call::Next, vec![(10, Answer::Event(event("a")))], None),
        ("busy", Call::Next, refused(NOT_ANSWERED), None),
        ("ended", Call::Next, refused(Refusal::Gone), None),
        ("starting", reply("a"), refused(Refusal::InvalidRequestId), None),
        ("waiting", reply("a"), refused(Refusal::InvalidRequestId), None),
        ("away", reply("a"), refused(Refusal::InvalidRequestId), None),
        ("offered", reply("a"), refused(Refusal::InvalidRequestId), None),
        ("busy", reply("b"), refused(Refusal::InvalidRequestId), None),
        ("busy", reply("a"), accepted(), done()),
        ("ended", reply("a"), refused(Refusal::Gone), None),
        ("starting", init_error(), accepted(), failed()),
        ("waiting", init_error(), refused(INITIALISED), None),
        ("away", init_error(), refused(INITIALISED), None),
        ("offered", init_error(), refused(INITIALISED), None),
        ("busy", init_error(), refused(INITIALISED), None),
        ("ended", init_error(), refused(Refusal::Gone), None),
    ] {
        let verdict = in_state(state).call(10, call.clone());
        assert_eq!(verdict, Verdict { answers, news }, "{call:?} while {state}");
    }
}

#[test]
fn the_runtime_is_told_what_lambda_does_not_take() {
    for (failure, answer) in [
        (Failure::ReplyTooLarge, Answer::Refused(Refusal::TooLarge)),
        (Failure::StreamTooLarge, Answer::Refused(Refusal::StreamTooLarge)),
        (Failure::Reported(Bytes::from("{}")), Answer::Accepted),
    ] {
        let verdict = in_state("busy").call(10, finish("a", Err(failure.clone())));
        let news = Some(News::Finished("a".to_owned(), Err(failure)));
        assert_eq!(verdict, Verdict { answers: vec![(10, answer)], news });
        let wrong_id = in_state("busy").call(10, finish("b", Err(Failure::ReplyTooLarge)));
        assert_eq!(wrong_id.answers, [(10, Answer::Refused(Refusal::InvalidRequestId))]);
    }
}

#[test]
fn an_event_reaches_the_runtime_at_once_or_when_it_asks() {
    for (state, answers) in [
        ("starting", None),
        ("waiting", Some((0, Answer::Event(event("b"))))),
        ("away", None),
        ("ended", None),
    ] {
        assert_eq!(in_state(state).offer(event("b")), answers, "{state}");
    }
    let mut protocol = in_state("waiting");
    protocol.offer(event("a"));
    protocol.undelivered(event("a"));
    assert_eq!(protocol.call(10, Call::Next).answers, [(10, Answer::Event(event("a")))]);
}

#[test]
fn a_runtime_that_serves_several_requests_asks_for_as_many_events_at_a_time() {
    let mut protocol = Protocol::new(3);
    for caller in 0..3 {
        assert_eq!(protocol.call(caller, Call::Next), Verdict { answers: vec![], news: Some(News::Ready) });
    }
    let again = protocol.call(3, Call::Next);
    assert_eq!(again.answers, [(0, Answer::Refused(Refusal::Gone))], "one has hung up and asks again");
    for (caller, id) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(protocol.offer(event(id)), Some((caller, Answer::Event(event(id)))));
    }
    assert_eq!(protocol.call(4, Call::Next).answers, [(4, Answer::Refused(NOT_ANSWERED))]);
    let finished = protocol.call(5, reply("b"));
    assert_eq!(finished.news, Some(News::Finished("b".to_owned(), Ok(Bytes::from("1")))));
    assert_eq!(protocol.call(6, Call::Next).news, Some(News::Ready));
    // An event that did not arrive goes to the call that waits.
    assert_eq!(protocol.undelivered(event("c")), Some((6, Answer::Event(event("c")))));
    protocol.withdraw("c");
    assert_eq!(protocol.call(7, reply("c")).answers, [(7, Answer::Refused(Refusal::InvalidRequestId))]);
}

#[test]
fn an_error_of_the_initialisation_that_is_too_large_ends_it_all_the_same() {
    let verdict = in_state("starting").call(10, Call::InitError(Failure::ReplyTooLarge));
    assert_eq!(verdict.answers, [(10, Answer::Refused(Refusal::TooLarge))]);
    assert_eq!(verdict.news, Some(News::InitFailed(Failure::ReplyTooLarge)));
}

#[test]
fn an_extension_is_told_of_the_end_if_it_asked_for_it() {
    let mut protocol = in_state("busy");
    assert!(!protocol.has_extensions());
    for (caller, id, shutdown) in [(10, "told", true), (11, "not told", false)] {
        let register = Call::RegisterExtension { id: id.to_owned(), shutdown };
        assert_eq!(protocol.call(caller, register).answers, [(caller, Answer::Accepted)]);
        let next = protocol.call(caller + 10, Call::NextExtensionEvent { id: id.to_owned() });
        assert_eq!(next, Verdict { answers: vec![], news: None });
    }
    let again = protocol.call(30, Call::NextExtensionEvent { id: "told".to_owned() });
    assert_eq!(again.answers, [(20, Answer::Refused(Refusal::Gone))]);
    let unknown = protocol.call(31, Call::NextExtensionEvent { id: "nobody".to_owned() });
    assert_eq!(unknown.answers, [(31, Answer::Refused(Refusal::UnknownExtension))]);
    assert!(protocol.has_extensions());
    assert_eq!(protocol.shut_down(7), [(30, Answer::Shutdown { deadline_ms: 7 })]);
    assert_eq!(protocol.shut_down(7), []);
}

fn any_call() -> impl Strategy<Value = Call> {
    let outcome = prop_oneof![
        Just(Ok(Bytes::from("1"))),
        Just(Err(Failure::ReplyTooLarge)),
        Just(Err(Failure::Reported(Bytes::from("{}"))))
    ];
    let finish = (0..8_u8, outcome).prop_map(|(id, outcome)| finish(&id.to_string(), outcome));
    let extension = (0..3_u8, any::<bool>());
    prop_oneof![
        4 => Just(Call::Next),
        4 => finish,
        1 => Just(init_error()),
        1 => extension.prop_map(|(id, shutdown)| Call::RegisterExtension { id: id.to_string(), shutdown }),
        1 => (0..3_u8).prop_map(|id| Call::NextExtensionEvent { id: id.to_string() }),
    ]
}

proptest! {
    /// Whatever a runtime does, no caller is answered twice, each event is delivered at most once, and it is finished
    /// at most once and only after it was delivered. The runtime never has more events than it may.
    #[test]
    fn any_order_of_calls(
        slots in 1..4_usize,
        steps in prop::collection::vec((any_call(), any::<bool>()), 0..60),
    ) {
        let mut protocol = Protocol::new(slots);
        let (mut waiting, mut delivered, mut finished) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut offered, mut ready) = (0_usize, 0_usize);
        for (number, (call, offer)) in steps.into_iter().enumerate() {
            waiting.insert(number);
            let Verdict { mut answers, news } = protocol.call(number, call);
            match news {
                Some(News::Finished(id, _)) => prop_assert!(delivered.contains(&id) && finished.insert(id)),
                Some(News::Ready) => ready += 1,
                _ => {}
            }
            // As an environment does: there is an event for each call that waits.
            if offer && offered < ready {
                answers.extend(protocol.offer(event(&offered.to_string())));
                offered += 1;
            }
            for (caller, answer) in answers {
                prop_assert!(waiting.remove(&caller), "{} is answered twice", caller);
                if let Answer::Event(event) = answer {
                    prop_assert!(delivered.insert(event.request_id));
                }
            }
            prop_assert!(delivered.len() <= offered && delivered.len() - finished.len() <= slots);
        }
    }
}
