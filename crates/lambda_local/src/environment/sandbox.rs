//! One running program and the calls of its runtime.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::log::Log;
use crate::backend::{Backend, RunningProgram, Started};
use crate::clock;
use crate::outcome::{Exit, Failure, Outcome};
use crate::runtime_api::{Answer, Caller, Event, IncomingCall, News, Protocol, ReplyTo, RuntimeApi};

/// How often the memory of a working program is looked at, so that little of its peak is missed if the program dies.
const MEMORY_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
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

/// Whether the program can take another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The runtime waits for an event.
    Ready,
    /// The runtime does something else.
    Busy,
    /// The program has exited.
    Gone,
}

/// What happens in a sandbox.
enum Occurrence {
    News(News),
    Exited(Exit),
}

impl Sandbox {
    /// Starts a program, and follows its output.
    pub(super) async fn start(
        backend: &dyn Backend,
        variables: Vec<(String, String)>,
        log: &mut Log,
    ) -> Result<Self, Failure> {
        let (caller, calls) = Caller::new();
        let Started { program, api, output, at } = backend.start(variables, caller).await?;
        log.attach(output)
            .map_err(|error| Failure::Unavailable(format!("cannot follow the program's output: {error}")))?;
        Ok(Self { program, api, calls, protocol: Protocol::new(), started: at, peak_memory_kib: 0 })
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
                Ok((Occurrence::News(News::Finished(_)), _)) => {}
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

    /// Gives the runtime an event and waits for its outcome. The function may take `limit` after `started`.
    pub(super) async fn invoke(
        &mut self,
        event: Event,
        started: Instant,
        limit: Duration,
        log: &mut Log,
    ) -> Timed<Bytes> {
        let deadline = started + limit;
        let answers = self.protocol.offer(event);
        self.answer(answers);
        let (result, ended): (Outcome, Instant) = loop {
            let until = deadline.min(Instant::now() + MEMORY_SAMPLE_INTERVAL);
            match timeout_at(until, self.finished(log)).await {
                Ok(finished) => break finished,
                // The duration of a time-out is the limit, however late the timer was.
                Err(_) if Instant::now() >= deadline => break (Err(Failure::TimedOut(limit)), deadline),
                Err(_) => self.sample_memory(),
            }
        };
        self.sample_memory();
        log.drain();
        Timed { started, ended, result }
    }

    /// After an event: waits until the runtime asks for the next one.
    pub(super) async fn settle(&mut self, deadline: Instant, log: &mut Log) -> Readiness {
        while !self.protocol.is_waiting() {
            match timeout_at(deadline, self.occurrence(log)).await {
                Err(_) => return Readiness::Busy,
                Ok((Occurrence::Exited(_), _)) => return Readiness::Gone,
                Ok((Occurrence::News(_), _)) => {}
            }
        }
        Readiness::Ready
    }

    /// Without an event: returns when the program exits. May be cancelled.
    pub(super) async fn exited(&mut self, log: &mut Log) -> Exit {
        loop {
            if let (Occurrence::Exited(exit), _) = self.occurrence(log).await {
                return exit;
            }
        }
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
            let _ = timeout(SHUTDOWN_GRACE, self.exited(log)).await;
        }
        self.program.end().await;
        log.drain();
    }

    /// The most memory that the program had resident when it was looked at, in MB.
    pub(super) fn peak_memory_mb(&self) -> u64 {
        self.peak_memory_kib.div_ceil(1024)
    }

    /// Waits until the runtime has handled its event, or the program has exited. May be cancelled.
    async fn finished(&mut self, log: &mut Log) -> (Outcome, Instant) {
        loop {
            match self.occurrence(log).await {
                (Occurrence::Exited(exit), at) => return (Err(Failure::Exited(exit)), at),
                (Occurrence::News(News::Finished(outcome)), at) => return (outcome, at),
                (Occurrence::News(News::Ready | News::InitFailed(_)), _) => {}
            }
        }
    }

    /// The next thing to happen, and when it happened. Answers calls and follows the log meanwhile. May be cancelled.
    async fn occurrence(&mut self, log: &mut Log) -> (Occurrence, Instant) {
        loop {
            tokio::select! {
                // What a program asked before it exited counts.
                biased;
                Some((call, reply_to)) = self.calls.recv() => {
                    let verdict = self.protocol.call(reply_to, call);
                    let at = Instant::now();
                    if let Some(News::InitFailed(_)) = verdict.news {
                        // The program may exit as soon as it has its answer.
                        self.sample_memory();
                    }
                    self.answer(verdict.answers);
                    if let Some(news) = verdict.news {
                        return (Occurrence::News(news), at);
                    }
                }
                exit = self.program.exited() => {
                    let at = Instant::now();
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

    fn answer(&mut self, answers: Vec<(ReplyTo, Answer)>) {
        for (reply_to, answer) in answers {
            // Whoever has hung up misses nothing that it still wants, but an event must reach the runtime.
            if let Err(Answer::Event(event)) = reply_to.send(answer) {
                self.protocol.undelivered(event);
            }
        }
    }

    fn sample_memory(&mut self) {
        if let Some(peak) = self.program.peak_memory_kib() {
            self.peak_memory_kib = peak;
        }
    }
}
