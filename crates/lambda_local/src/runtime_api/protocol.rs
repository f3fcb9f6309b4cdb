//! What each call of a runtime means, by what its environment is doing: a pure state machine without I/O and clock.
//!
//! ```text
//! Starting ──next──► Waiting ◄──next── Away ◄──response, error── Busy
//!    │                  │                │                         ▲
//!    │init error        └─event─────────────────────────────────── ┤
//!    ▼                                   └─event─► Offered ──next──┘
//!  Ended
//! ```
//!
//! `C` stands for a caller: whoever waits for the answer to a call. A call is answered at once, or its caller is held
//! until the answer exists.

use bytes::Bytes;

use crate::outcome::{Failure, Outcome};
use crate::reply_stream::ReplyStream;

/// A call of the runtime, or of an extension within its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// The runtime is ready for an event.
    Next,
    /// The runtime ends the invocation `request_id`.
    Finish { request_id: String, outcome: Outcome },
    /// The runtime cannot initialise the function. The body says why.
    InitError(Bytes),
    /// An extension wants to be told of the end of the environment if `shutdown`, and of nothing else.
    RegisterExtension { id: String, shutdown: bool },
    /// An extension waits for an event.
    NextExtensionEvent { id: String },
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Event(Event),
    /// The environment ends, and is killed at this time, in milliseconds since 1970.
    Shutdown {
        deadline_ms: u64,
    },
    Refused(Refusal),
}

/// An event for the runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    /// When the function times out, in milliseconds since 1970.
    pub(crate) deadline_ms: u64,
    pub(crate) arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
    /// Where the reply goes if the runtime streams it.
    pub(crate) stream: Option<ReplyStream>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The call does not fit what the environment is doing.
    InvalidState(&'static str),
    /// No invocation with this id is under way.
    InvalidRequestId,
    /// The body ended early.
    Incomplete,
    /// No extension with this id has registered.
    UnknownExtension,
    /// Lambda does this. lambda-local does not.
    NotEmulated(&'static str),
    /// The body is larger than Lambda delivers.
    TooLarge,
    /// The streamed body is larger than Lambda streams.
    StreamTooLarge,
    /// The environment ends, or another call took the place of this one.
    Gone,
}

/// What the environment learns from a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// The runtime waits for an event.
    Ready,
    /// The runtime could not initialise the function.
    InitFailed(Failure),
    /// The runtime has handled its event.
    Finished(Outcome),
}

/// What follows from a call or an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict<C> {
    /// The answers to give now.
    pub(crate) answers: Vec<(C, Answer)>,
    pub(crate) news: Option<News>,
}

/// The state of one runtime and of the extensions in its process.
#[derive(Debug)]
pub(crate) struct Protocol<C> {
    state: State<C>,
    extensions: Vec<Extension<C>>,
}

#[derive(Debug)]
enum State<C> {
    /// The runtime has not asked for an event yet.
    Starting,
    /// The runtime waits for an event.
    Waiting(C),
    /// The runtime has handled its event and has not asked for the next one.
    Away,
    /// As `Away`, but there is an event for the runtime.
    Offered(Event),
    /// The runtime handles the event with this id.
    Busy(String),
    /// The initialisation failed.
    Ended,
}

#[derive(Debug)]
struct Extension<C> {
    id: String,
    shutdown: bool,
    waiting: Option<C>,
}

impl<C> Protocol<C> {
    /// The runtime is starting.
    pub(crate) fn new() -> Self {
        Self { state: State::Starting, extensions: Vec::new() }
    }

    /// Whether the runtime waits for an event.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Whether something in the process has to be told before the environment ends.
    pub(crate) fn has_extensions(&self) -> bool {
        !self.extensions.is_empty()
    }

    /// Decides what a call means.
    pub(crate) fn call(&mut self, caller: C, call: Call) -> Verdict<C> {
        if matches!(self.state, State::Ended) {
            return refused(caller, Refusal::Gone);
        }
        match call {
            Call::Next => self.next(caller),
            Call::Finish { request_id, outcome } => self.finish(caller, &request_id, outcome),
            Call::InitError(body) => self.init_error(caller, body),
            Call::RegisterExtension { id, shutdown } => {
                self.extensions.push(Extension { id, shutdown, waiting: None });
                Verdict { answers: vec![(caller, Answer::Accepted)], news: None }
            }
            Call::NextExtensionEvent { id } => self.next_extension_event(caller, &id),
        }
    }

    /// Gives the runtime an event as soon as it waits for one.
    pub(crate) fn offer(&mut self, event: Event) -> Vec<(C, Answer)> {
        match std::mem::replace(&mut self.state, State::Away) {
            State::Waiting(runtime) => self.deliver(runtime, event),
            State::Ended => {
                self.state = State::Ended;
                Vec::new()
            }
            State::Starting | State::Away | State::Offered(_) | State::Busy(_) => {
                self.state = State::Offered(event);
                Vec::new()
            }
        }
    }

    /// The runtime hung up before this event reached it. It will ask again.
    pub(crate) fn undelivered(&mut self, event: Event) {
        self.state = State::Offered(event);
    }

    /// Tells the extensions that want to know that the environment ends.
    pub(crate) fn shut_down(&mut self, deadline_ms: u64) -> Vec<(C, Answer)> {
        let told = self.extensions.iter_mut().filter(|extension| extension.shutdown);
        let callers = told.filter_map(|extension| extension.waiting.take());
        callers.map(|caller| (caller, Answer::Shutdown { deadline_ms })).collect()
    }

    fn next(&mut self, caller: C) -> Verdict<C> {
        match std::mem::replace(&mut self.state, State::Away) {
            State::Starting | State::Away => {
                self.state = State::Waiting(caller);
                Verdict { answers: Vec::new(), news: Some(News::Ready) }
            }
            State::Waiting(earlier) => {
                self.state = State::Waiting(caller);
                refused(earlier, Refusal::Gone)
            }
            State::Offered(event) => Verdict { answers: self.deliver(caller, event), news: None },
            State::Busy(request_id) => {
                self.state = State::Busy(request_id);
                refused(caller, Refusal::InvalidState("the runtime has an event that it has not answered"))
            }
            State::Ended => {
                self.state = State::Ended;
                refused(caller, Refusal::Gone)
            }
        }
    }

    fn deliver(&mut self, runtime: C, event: Event) -> Vec<(C, Answer)> {
        self.state = State::Busy(event.request_id.clone());
        vec![(runtime, Answer::Event(event))]
    }

    fn finish(&mut self, caller: C, request_id: &str, outcome: Outcome) -> Verdict<C> {
        if !matches!(&self.state, State::Busy(current) if current == request_id) {
            return refused(caller, Refusal::InvalidRequestId);
        }
        self.state = State::Away;
        let answer = match &outcome {
            Err(Failure::ReplyTooLarge) => Answer::Refused(Refusal::TooLarge),
            Err(Failure::StreamTooLarge) => Answer::Refused(Refusal::StreamTooLarge),
            _ => Answer::Accepted,
        };
        Verdict { answers: vec![(caller, answer)], news: Some(News::Finished(outcome)) }
    }

    fn init_error(&mut self, caller: C, body: Bytes) -> Verdict<C> {
        if !matches!(self.state, State::Starting) {
            return refused(caller, Refusal::InvalidState("the function is initialised"));
        }
        self.state = State::Ended;
        let news = News::InitFailed(Failure::Reported(body));
        Verdict { answers: vec![(caller, Answer::Accepted)], news: Some(news) }
    }

    fn next_extension_event(&mut self, caller: C, id: &str) -> Verdict<C> {
        let Some(extension) = self.extensions.iter_mut().find(|extension| extension.id == id) else {
            return refused(caller, Refusal::UnknownExtension);
        };
        let earlier = extension.waiting.replace(caller);
        let gone = |earlier| (earlier, Answer::Refused(Refusal::Gone));
        Verdict { answers: earlier.map(gone).into_iter().collect(), news: None }
    }
}

fn refused<C>(caller: C, refusal: Refusal) -> Verdict<C> {
    Verdict { answers: vec![(caller, Answer::Refused(refusal))], news: None }
}

#[cfg(test)]
mod tests;
