//! One running program with its Runtime API, and what may happen between the two.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::serve::Listener;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::exit::Exit;
use super::launcher::{LaunchError, Launched, Launcher, Running};
use super::log::Log;
use crate::config::FunctionConfig;
use crate::invocation::Fault;
use crate::runtime_api::{self, Call, FunctionResult, NextEvent, Refusal, Reply, ShutdownEvent};

/// How often the memory of a working process is looked at, so that little of its peak is missed if it dies.
const MEMORY_SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// How long a process that asked to be told of its end may take for it.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);
/// How many calls may wait for the environment: its runtime makes one at a time.
const CALL_QUEUE: usize = 8;

/// A program and its Runtime API. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Sandbox {
    running: Running,
    #[expect(dead_code, reason = "held to stop serving with the sandbox")]
    api: AbortOnDropHandle<()>,
    calls: mpsc::Receiver<Call>,
    /// The runtime waits for an event.
    waiting: Option<Reply<NextEvent>>,
    extensions: Vec<Extension>,
    started: Instant,
    peak_memory_kib: u64,
}

/// Why the function did not get as far as asking for an event.
#[derive(Debug)]
pub(crate) enum InitFailure {
    /// The runtime said so, in these words.
    Reported(Bytes),
    Exited(Exit),
    TimedOut,
}

/// How the handling of an event ended.
#[derive(Debug)]
pub(crate) enum End {
    Answer(Bytes),
    /// The function failed, but the process goes on.
    Failed(Fault),
    Exited(Exit),
    TimedOut,
}

/// Whether the process can take another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Ready,
    Exited,
    /// It was still busy when the time was over.
    Busy,
}

#[derive(Debug)]
struct Extension {
    id: String,
    /// Wants to be told when the environment ends.
    shutdown: bool,
    waiting: Option<Reply<ShutdownEvent>>,
}

enum Occurrence {
    Call(Call),
    Exited(Exit),
}

impl Sandbox {
    /// Opens a Runtime API and starts the program, which finds the address in its environment.
    pub(crate) async fn start(
        launcher: &Launcher,
        function: &FunctionConfig,
        mut environment: Vec<(String, String)>,
        log: &mut Log,
    ) -> Result<Self, LaunchError> {
        let listener = launcher.listen(&function.program).await?;
        environment.push(("AWS_LAMBDA_RUNTIME_API".to_owned(), listener.local_addr()?.to_string()));
        let (sender, calls) = mpsc::channel(CALL_QUEUE);
        let peer = listener.peer();
        let api =
            AbortOnDropHandle::new(tokio::spawn(runtime_api::serve(listener, function.name.clone(), sender)));
        let Launched { running, output, at, address } = launcher.start(function, environment).await?;
        // It is set once.
        let _ = peer.set(address);
        log.attach(output)?;
        Ok(Self {
            running,
            api,
            calls,
            waiting: None,
            extensions: Vec::new(),
            started: at,
            peak_memory_kib: 0,
        })
    }

    /// When the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Waits until the runtime first asks for an event. Returns when it did, or failed to: what is done afterwards is
    /// not the function's time.
    pub(crate) async fn initialised(
        &mut self,
        deadline: Instant,
        log: &mut Log,
    ) -> (Result<(), InitFailure>, Instant) {
        let result = loop {
            match timeout_at(deadline, self.occurrence(log)).await {
                Err(_) => break Err(InitFailure::TimedOut),
                Ok(Occurrence::Exited(exit)) => break Err(InitFailure::Exited(exit)),
                Ok(Occurrence::Call(Call::InitError { body, reply })) => {
                    // It may exit as soon as it has its answer.
                    self.sample_memory();
                    accept(reply, ());
                    break Err(InitFailure::Reported(body));
                }
                Ok(Occurrence::Call(call)) => self.handle_idle(call),
            }
            if self.waiting.is_some() {
                break Ok(());
            }
        };
        let at = Instant::now();
        self.sample_memory();
        log.drain();
        (result, at)
    }

    /// Gives the runtime an event and waits for what it makes of it. Returns when that was, too: what is done
    /// afterwards is not the function's time.
    pub(crate) async fn invoke(
        &mut self,
        event: NextEvent,
        deadline: Instant,
        log: &mut Log,
    ) -> (End, Instant) {
        let request_id = event.request_id.clone();
        let mut undelivered = self.deliver(event);
        loop {
            let until = deadline.min(Instant::now() + MEMORY_SAMPLE_INTERVAL);
            let end = match timeout_at(until, self.occurrence(log)).await {
                Ok(Occurrence::Exited(exit)) => Some(End::Exited(exit)),
                Ok(Occurrence::Call(Call::Next(reply))) => {
                    undelivered = self.runtime_waits(reply, undelivered);
                    None
                }
                Ok(Occurrence::Call(call)) if undelivered.is_some() => {
                    self.handle_idle(call);
                    None
                }
                Ok(Occurrence::Call(call)) => self.handle_busy(call, &request_id),
                Err(_) if Instant::now() >= deadline => Some(End::TimedOut),
                Err(_) => None,
            };
            let at = Instant::now();
            if end.is_some() || at >= until {
                self.sample_memory();
            }
            if let Some(end) = end {
                log.drain();
                return (end, at);
            }
        }
    }

    /// After an event: waits until the runtime asks for the next one.
    pub(crate) async fn settle(&mut self, deadline: Instant, log: &mut Log) -> Settled {
        while self.waiting.is_none() {
            match timeout_at(deadline, self.occurrence(log)).await {
                Err(_) => return Settled::Busy,
                Ok(Occurrence::Exited(_)) => return Settled::Exited,
                Ok(Occurrence::Call(call)) => self.handle_idle(call),
            }
        }
        Settled::Ready
    }

    /// Without an event: returns when the process exits.
    pub(crate) async fn idle(&mut self, log: &mut Log) -> Exit {
        loop {
            match self.occurrence(log).await {
                Occurrence::Exited(exit) => return exit,
                Occurrence::Call(call) => self.handle_idle(call),
            }
        }
    }

    /// Ends the process, if it has not exited.
    pub(crate) async fn kill(self) {
        self.running.kill().await;
    }

    /// Ends the process in order: one that asked for it is told first and has a moment to finish.
    pub(crate) async fn end(mut self, log: &mut Log) {
        if !self.extensions.is_empty() {
            let deadline_ms = epoch_ms(SHUTDOWN_GRACE);
            for extension in &mut self.extensions {
                if let Some(reply) = extension.waiting.take().filter(|_| extension.shutdown) {
                    accept(reply, ShutdownEvent { deadline_ms });
                }
            }
            self.running.terminate();
            // Whether it ended by itself or not, it is killed now.
            let _ = timeout(SHUTDOWN_GRACE, self.idle(log)).await;
        }
        self.running.end().await;
        log.drain();
    }

    /// The most memory the process had resident when it was looked at, in MB.
    pub(crate) fn peak_memory_mb(&self) -> u64 {
        self.peak_memory_kib.div_ceil(1024)
    }

    /// The next thing to happen; follows the log meanwhile. May be cancelled.
    async fn occurrence(&mut self, log: &mut Log) -> Occurrence {
        loop {
            tokio::select! {
                // What a process asked before it exited counts.
                biased;
                Some(call) = self.calls.recv() => return Occurrence::Call(call),
                exit = self.running.exited() => {
                    log.drain();
                    return Occurrence::Exited(exit);
                }
                () = log.follow() => {}
            }
        }
    }

    /// Gives the runtime the event if it waits for one; otherwise hands it back.
    fn deliver(&mut self, event: NextEvent) -> Option<NextEvent> {
        let Some(waiting) = self.waiting.take() else { return Some(event) };
        match waiting.send(Ok(event)) {
            Ok(()) => None,
            // The runtime hung up; it will ask again.
            Err(returned) => returned.ok(),
        }
    }

    /// The runtime asks for an event during an invocation: right if it has not got this one yet.
    fn runtime_waits(
        &mut self,
        reply: Reply<NextEvent>,
        undelivered: Option<NextEvent>,
    ) -> Option<NextEvent> {
        let Some(event) = undelivered else {
            refuse(reply, Refusal::InvalidState("the runtime has an event that it has not answered"));
            return None;
        };
        self.waiting = Some(reply);
        self.deliver(event)
    }

    /// A call while the runtime has an event.
    fn handle_busy(&mut self, call: Call, request_id: &str) -> Option<End> {
        match call {
            Call::Finish { id, result, reply } if id == request_id => {
                accept(reply, ());
                Some(match result {
                    FunctionResult::Answer(answer) => End::Answer(answer),
                    FunctionResult::AnswerTooLarge => End::Failed(Fault::answer_too_large()),
                    FunctionResult::Streamed => End::Failed(Fault::not_emulated("response streaming")),
                    FunctionResult::Error(body) => End::Failed(Fault::Function(body)),
                })
            }
            call => {
                self.handle_idle(call);
                None
            }
        }
    }

    /// A call that ends no invocation.
    fn handle_idle(&mut self, call: Call) {
        match call {
            Call::Next(reply) => self.waiting = Some(reply),
            Call::Finish { reply, .. } => refuse(reply, Refusal::InvalidRequestId),
            Call::InitError { reply, .. } => {
                refuse(reply, Refusal::InvalidState("the function is initialised"))
            }
            Call::RegisterExtension { id, shutdown, reply } => {
                self.extensions.push(Extension { id, shutdown, waiting: None });
                accept(reply, ());
            }
            Call::NextExtensionEvent { id, reply } => {
                match self.extensions.iter_mut().find(|extension| extension.id == id) {
                    Some(extension) => extension.waiting = Some(reply),
                    None => refuse(reply, Refusal::UnknownExtension),
                }
            }
        }
    }

    fn sample_memory(&mut self) {
        if let Some(peak) = self.running.peak_memory_kib() {
            self.peak_memory_kib = peak;
        }
    }
}

/// `after` from now in milliseconds since 1970.
pub(crate) fn epoch_ms(after: Duration) -> u128 {
    (SystemTime::now() + after).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

// A caller that has hung up misses nothing that it still wants.
fn accept<T>(reply: Reply<T>, answer: T) {
    let _ = reply.send(Ok(answer));
}

fn refuse<T>(reply: Reply<T>, refusal: Refusal) {
    let _ = reply.send(Err(refusal));
}
