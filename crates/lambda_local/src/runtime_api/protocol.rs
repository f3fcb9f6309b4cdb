//! What each call of a runtime means, by what its environment is doing: a pure state machine without I/O and clock.
//!
//! ```text
//!              ┌── next: the runtime waits ◄── next ── it is away ◄── response, error ──┐
//! starting ────┤                 │                         │                             │
//!              │                 └────────► event ► it is busy with the event ───────────┤
//!              │                           event: it is offered ── next ──► busy ────────┘
//!              └── init error: ended
//! ```
//!
//! A runtime that serves several requests at a time makes as many calls at a time, and each of them goes this way.
//!
//! `C` stands for a caller: whoever waits for the answer to a call. A call is answered at once, or its caller is held
//! until the answer exists.

use std::collections::VecDeque;

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
    /// The runtime cannot initialise the function, for this reason.
    InitError(Failure),
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
    /// The runtime has handled the event of this request.
    Finished(String, Outcome),
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
    stage: Stage,
    /// How many events the runtime may have at a time.
    slots: usize,
    /// The calls that wait for an event.
    waiting: VecDeque<C>,
    /// The events that no call waited for.
    offered: VecDeque<Event>,
    /// The requests whose events the runtime handles.
    busy: Vec<String>,
    extensions: Vec<Extension<C>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The runtime has not asked for an event yet.
    Starting,
    Initialised,
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
    /// The runtime is starting. It may have `slots` events at a time.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            stage: Stage::Starting,
            slots,
            waiting: VecDeque::new(),
            offered: VecDeque::new(),
            busy: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// Whether something in the process has to be told before the environment ends.
    pub(crate) fn has_extensions(&self) -> bool {
        !self.extensions.is_empty()
    }

    /// Decides what a call means.
    pub(crate) fn call(&mut self, caller: C, call: Call) -> Verdict<C> {
        if self.stage == Stage::Ended {
            return refused(caller, Refusal::Gone);
        }
        match call {
            Call::Next => self.next(caller),
            Call::Finish { request_id, outcome } => self.finish(caller, &request_id, outcome),
            Call::InitError(failure) => self.init_error(caller, failure),
            Call::RegisterExtension { id, shutdown } => {
                self.extensions.push(Extension { id, shutdown, waiting: None });
                Verdict { answers: vec![(caller, Answer::Accepted)], news: None }
            }
            Call::NextExtensionEvent { id } => self.next_extension_event(caller, &id),
        }
    }

    /// Gives the runtime an event as soon as it waits for one.
    pub(crate) fn offer(&mut self, event: Event) -> Option<(C, Answer)> {
        if self.stage == Stage::Ended {
            return None;
        }
        match self.waiting.pop_front() {
            Some(runtime) => Some(self.deliver(runtime, event)),
            None => {
                self.offered.push_back(event);
                None
            }
        }
    }

    /// The runtime hung up before this event reached it. It gets the event with a call that waits or comes.
    pub(crate) fn undelivered(&mut self, event: Event) -> Option<(C, Answer)> {
        self.busy.retain(|request_id| *request_id != event.request_id);
        self.offer(event)
    }

    /// The event of this request is of no use any more.
    pub(crate) fn withdraw(&mut self, request_id: &str) {
        self.busy.retain(|busy| busy != request_id);
        self.offered.retain(|event| event.request_id != request_id);
    }

    /// Tells the extensions that want to know that the environment ends.
    pub(crate) fn shut_down(&mut self, deadline_ms: u64) -> Vec<(C, Answer)> {
        let told = self.extensions.iter_mut().filter(|extension| extension.shutdown);
        let callers = told.filter_map(|extension| extension.waiting.take());
        callers.map(|caller| (caller, Answer::Shutdown { deadline_ms })).collect()
    }

    fn next(&mut self, caller: C) -> Verdict<C> {
        self.stage = Stage::Initialised;
        if let Some(event) = self.offered.pop_front() {
            return Verdict { answers: vec![self.deliver(caller, event)], news: None };
        }
        if self.waiting.len() + self.busy.len() < self.slots {
            self.waiting.push_back(caller);
            return Verdict { answers: Vec::new(), news: Some(News::Ready) };
        }
        match self.waiting.pop_front() {
            // The runtime has hung up and asks again.
            Some(earlier) => {
                self.waiting.push_back(caller);
                refused(earlier, Refusal::Gone)
            }
            None => {
                refused(caller, Refusal::InvalidState("the runtime has an event that it has not answered"))
            }
        }
    }

    fn deliver(&mut self, runtime: C, event: Event) -> (C, Answer) {
        self.busy.push(event.request_id.clone());
        (runtime, Answer::Event(event))
    }

    fn finish(&mut self, caller: C, request_id: &str, outcome: Outcome) -> Verdict<C> {
        let Some(position) = self.busy.iter().position(|busy| busy == request_id) else {
            return refused(caller, Refusal::InvalidRequestId);
        };
        let request_id = self.busy.swap_remove(position);
        let answer = match &outcome {
            Err(Failure::ReplyTooLarge) => Answer::Refused(Refusal::TooLarge),
            Err(Failure::StreamTooLarge) => Answer::Refused(Refusal::StreamTooLarge),
            _ => Answer::Accepted,
        };
        Verdict { answers: vec![(caller, answer)], news: Some(News::Finished(request_id, outcome)) }
    }

    fn init_error(&mut self, caller: C, failure: Failure) -> Verdict<C> {
        if self.stage != Stage::Starting {
            return refused(caller, Refusal::InvalidState("the function is initialised"));
        }
        self.stage = Stage::Ended;
        let answer = match failure {
            Failure::ReplyTooLarge => Answer::Refused(Refusal::TooLarge),
            _ => Answer::Accepted,
        };
        Verdict { answers: vec![(caller, answer)], news: Some(News::InitFailed(failure)) }
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
