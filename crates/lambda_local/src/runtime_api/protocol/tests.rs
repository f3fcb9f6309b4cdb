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

fn init_error() -> Call {
    Call::InitError(Bytes::from("{}"))
}

/// A protocol in each of its states, by name. Its callers have the numbers below 10.
fn in_state(name: &str) -> Protocol<u32> {
    let mut protocol = Protocol::new();
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
    let done = || Some(News::Finished(Ok(Bytes::from("1"))));
    let failed = || Some(News::InitFailed(Failure::Reported(Bytes::from("{}"))));
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
        let news = Some(News::Finished(Err(failure)));
        assert_eq!(verdict, Verdict { answers: vec![(10, answer)], news });
        let wrong_id = in_state("busy").call(10, finish("b", Err(Failure::ReplyTooLarge)));
        assert_eq!(wrong_id.answers, [(10, Answer::Refused(Refusal::InvalidRequestId))]);
    }
}

#[test]
fn an_event_reaches_the_runtime_at_once_or_when_it_asks() {
    for (state, answers) in [
        ("starting", vec![]),
        ("waiting", vec![(0, Answer::Event(event("b")))]),
        ("away", vec![]),
        ("ended", vec![]),
    ] {
        assert_eq!(in_state(state).offer(event("b")), answers, "{state}");
    }
    let mut protocol = in_state("waiting");
    protocol.offer(event("a"));
    protocol.undelivered(event("a"));
    assert_eq!(protocol.call(10, Call::Next).answers, [(10, Answer::Event(event("a")))]);
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
    let finish = (0..6_u8, outcome).prop_map(|(id, outcome)| finish(&id.to_string(), outcome));
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
    /// at most once and only after it was delivered.
    #[test]
    fn any_order_of_calls(steps in prop::collection::vec((any_call(), any::<bool>()), 0..60)) {
        let mut protocol = Protocol::new();
        let mut waiting = BTreeSet::new();
        let (mut offered, mut delivered, mut finished) = (0_u32, 0, 0);
        for (number, (call, offer)) in steps.into_iter().enumerate() {
            waiting.insert(number);
            let Verdict { mut answers, news } = protocol.call(number, call);
            if let Some(News::Finished(_)) = news {
                finished += 1;
            }
            // As an environment does: the next event comes when the one before has been finished.
            if offer && protocol.is_waiting() && offered == finished {
                answers.extend(protocol.offer(event(&offered.to_string())));
                offered += 1;
            }
            for (caller, answer) in answers {
                prop_assert!(waiting.remove(&caller), "{} is answered twice", caller);
                if let Answer::Event(event) = answer {
                    prop_assert_eq!(event.request_id, delivered.to_string());
                    delivered += 1;
                }
            }
            prop_assert!(finished <= delivered && delivered <= offered && offered <= finished + 1);
        }
    }
}
