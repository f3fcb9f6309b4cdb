//! The way of a call from an HTTP connection to the environment, and of the answer back.

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::protocol::{Answer, Call, Refusal};

/// How many calls may wait for the environment. Further ones wait in their connections.
const QUEUE: usize = 8;

/// Where the answer to a call goes.
pub(crate) type ReplyTo = oneshot::Sender<Answer>;

/// A call that the environment has to answer.
#[derive(Debug)]
pub(crate) struct IncomingCall {
    pub(crate) call: Call,
    /// When the call had arrived completely.
    pub(crate) at: Instant,
    pub(crate) reply_to: ReplyTo,
}

/// Makes calls to one environment.
#[derive(Debug, Clone)]
pub(crate) struct Caller(mpsc::Sender<IncomingCall>);

impl Caller {
    /// A caller, and the environment's end of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<IncomingCall>) {
        let (sender, calls) = mpsc::channel(QUEUE);
        (Self(sender), calls)
    }

    /// Makes a call and waits for its answer.
    pub(crate) async fn call(&self, call: Call) -> Answer {
        let (reply_to, answer) = oneshot::channel();
        let gone = Answer::Refused(Refusal::Gone);
        let call = IncomingCall { call, at: Instant::now(), reply_to };
        match self.0.send(call).await {
            Ok(()) => answer.await.unwrap_or(gone),
            Err(_) => gone,
        }
    }
}
