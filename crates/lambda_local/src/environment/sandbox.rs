//! One running program and the calls of its runtime.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::log::Log;
use crate::backend::{Backend, RunningProgram, Started};
use crate::clock;
use crate::outcome::{Exit, Failure};
use crate::runtime_api::{Answer, Caller, Event, IncomingCall, News, Protocol, ReplyTo, RuntimeApi, Verdict};

/// How long after the exit of a program its last calls are handled.
const LAST_CALLS_GRACE: Duration = Duration::from_secs(1);
/// How long a program that wants to be told of its end may take afterwards.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// A program and its Runtime API. Dropping it kills the program.
#[derive(Debug)]
pub(super) struct Sandbox {
    program: Box<dyn RunningProgram>,
    api: Option<RuntimeApi>,
    calls: mpsc::Receiver<IncomingCall>,
    protocol: Protocol<ReplyTo>,
    started: Instant,
    exited_at: Option<Instant>,
    peak_memory_kib: u64,
}

/// An initialisation or an invocation. What is done after it has ended is not the function's time.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) started: Instant,
    pub(super) ended: Instant,
    pub(super) result: Result<T, Failure>,
}

impl<T> Timed<T> {
    pub(super) fn duration(&self) -> Duration {
        self.ended - self.started
    }
}

/// What happens in a sandbox.
#[derive(Debug)]
pub(super) enum Occurrence {
    News(News),
    /// The program has exited, and everything that it sent before has been handled.
    Exited(Exit),
}

impl Sandbox {
    /// Starts a program, whose runtime may have `slots` events at a time, and follows its output.
    pub(super) async fn start(
        backend: &dyn Backend,
        variables: Vec<(String, String)>,
        slots: usize,
        log: &mut Log,
    ) -> Result<Self, Failure> {
        let (caller, calls) = Caller::new();
        let Started { program, api, output, at } = backend.start(variables, caller).await?;
        log.attach(output)
            .map_err(|error| Failure::Unavailable(format!("cannot follow the program's output: {error}")))?;
        Ok(Self {
            program,
            api,
            calls,
            protocol: Protocol::new(slots),
            started: at,
            exited_at: None,
            peak_memory_kib: 0,
        })
    }

    /// Waits until the runtime first asks for an event, which has to be within `limit` after the start.
    pub(super) async fn initialise(&mut self, limit: Duration, log: &mut Log) -> Timed<()> {
        let deadline = self.started + limit;
        let (result, ended) = loop {
            match timeout_at(deadline, self.occurrence(log)).await {
                Err(_) => break (Err(Failure::TimedOut(limit)), deadline),
                Ok((Occurrence::Exited(exit), at)) => break (Err(Failure::Exited(exit)), at),
                Ok((Occurrence::News(News::InitFailed(failure)), at)) => break (Err(failure), at),
                Ok((Occurrence::News(News::Ready), at)) => break (Ok(()), self.asked(at)),
                Ok((Occurrence::News(News::Finished(..)), _)) => {}
            }
        };
        // What this takes is the time of this machine.
        let result = match result {
            Ok(()) => self.program.initialised().await,
            failed => failed,
        };
        self.sample_memory();
        log.drain();
        Timed { started: self.started, ended, result }
    }

    /// Gives the runtime an event, now or when it asks for one.
    pub(super) fn offer(&mut self, event: Event) {
        let answer = self.protocol.offer(event);
        self.answer(answer);
    }

    /// The runtime no longer has to handle the event of this request.
    pub(super) fn withdraw(&mut self, request_id: &str) {
        self.protocol.withdraw(request_id);
    }

    /// Ends the program, whatever it does.
    pub(super) async fn kill(self) {
        self.program.kill().await;
    }

    /// Ends the program in order: if it wants to be told, it is told first and has a moment to finish.
    pub(super) async fn end(mut self, log: &mut Log) {
        if self.protocol.has_extensions() {
            let answers = self.protocol.shut_down(clock::epoch_ms(SHUTDOWN_GRACE));
            self.answer(answers);
            self.program.terminate();
            // Whether it has ended by itself or not, it is ended now.
            let _ = timeout(SHUTDOWN_GRACE, async {
                while let (Occurrence::News(_), _) = self.occurrence(log).await {}
            })
            .await;
        }
        self.program.end().await;
        log.drain();
    }

    /// The most memory that the program had resident when it was looked at, in MB.
    pub(super) fn peak_memory_mb(&self) -> u64 {
        self.peak_memory_kib.div_ceil(1024)
    }

    /// The next thing to happen, and when it happened. Answers calls and follows the log meanwhile. May be cancelled.
    pub(super) async fn occurrence(&mut self, log: &mut Log) -> (Occurrence, Instant) {
        loop {
            tokio::select! {
                // What a program asked before it exited counts.
                biased;
                Some(call) = self.calls.recv() => {
                    let at = call.at;
                    if let Some(news) = self.call(call) {
                        return (Occurrence::News(news), at);
                    }
                }
                (exit, at) = exited(&mut *self.program, self.api.as_ref(), &mut self.exited_at) => {
                    log.drain();
                    return (Occurrence::Exited(exit), at);
                }
                () = log.follow() => {}
            }
        }
    }

    /// When the runtime first asked for an event, which was noticed at `noticed`. The call may have waited for Docker; but
    /// if there are extensions, it was one of theirs.
    fn asked(&self, noticed: Instant) -> Instant {
        let early = self.api.as_ref().and_then(RuntimeApi::early_call);
        early.filter(|_| !self.protocol.has_extensions()).unwrap_or(noticed)
    }

    fn call(&mut self, IncomingCall { call, reply_to, .. }: IncomingCall) -> Option<News> {
        let Verdict { answers, news } = self.protocol.call(reply_to, call);
        if let Some(News::InitFailed(_)) = news {
            // The program may exit as soon as it has its answer.
            self.sample_memory();
        }
        self.answer(answers);
        news
    }

    fn answer(&mut self, answers: impl IntoIterator<Item = (ReplyTo, Answer)>) {
        for (reply_to, answer) in answers {
            // Whoever has hung up misses nothing that it still wants, but an event must reach the runtime.
            let mut unsent = reply_to.send(answer).err();
            while let Some(Answer::Event(event)) = unsent.take() {
                if let Some((reply_to, answer)) = self.protocol.undelivered(event) {
                    unsent = reply_to.send(answer).err();
                }
            }
        }
    }

    /// Looks at the memory of the program.
    pub(super) fn sample_memory(&mut self) {
        if let Some(peak) = self.program.peak_memory_kib() {
            self.peak_memory_kib = peak;
        }
    }
}

/// Waits until the program has exited, and until everything that it sent before has been handled: an answer counts, even
/// if the program exited before anybody read it. May be cancelled.
async fn exited(
    program: &mut dyn RunningProgram,
    api: Option<&RuntimeApi>,
    exited_at: &mut Option<Instant>,
) -> (Exit, Instant) {
    let exit = program.exited().await;
    let at = *exited_at.get_or_insert_with(Instant::now);
    if let Some(api) = api {
        // A process that outlives the program may keep a connection open.
        let _ = timeout_at(at + LAST_CALLS_GRACE, api.last_calls()).await;
    }
    (exit, at)
}
