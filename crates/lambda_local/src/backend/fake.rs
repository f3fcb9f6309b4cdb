//! Programs that exist only in tests: asynchronous functions that make calls of the Runtime API.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::program::{Backend, RunningProgram, Started};
use crate::outcome::{Exit, Failure};
use crate::runtime_api::{Answer, Call, Caller, Event};

type Script = Arc<dyn Fn(Runtime) -> BoxFuture<'static, i32> + Send + Sync>;

/// Starts a script instead of a program.
pub(crate) struct FakeBackend {
    script: Script,
    pub(crate) starts: Arc<AtomicUsize>,
}

/// What a script gets.
pub(crate) struct Runtime {
    caller: Caller,
    /// How many programs the backend has started, this one included.
    pub(crate) start: usize,
}

impl Runtime {
    pub(crate) async fn call(&self, call: Call) -> Answer {
        self.caller.call(call).await
    }

    /// Asks for the next event.
    pub(crate) async fn next(&self) -> Event {
        match self.call(Call::Next).await {
            Answer::Event(event) => event,
            other => panic!("{other:?} instead of an event"),
        }
    }

    /// Replies with the event's own payload.
    pub(crate) async fn echo(&self, event: Event) {
        let outcome = Ok(event.payload);
        let answer = self.call(Call::Finish { request_id: event.request_id, outcome }).await;
        assert_eq!(answer, Answer::Accepted);
    }
}

impl FakeBackend {
    /// `script` returns the exit status of the program.
    pub(crate) fn new<F>(script: impl Fn(Runtime) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        Self { script: Arc::new(move |runtime| script(runtime).boxed()), starts: Arc::default() }
    }
}

impl fmt::Debug for FakeBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeBackend")
    }
}

impl Backend for FakeBackend {
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![("_HANDLER", "fake".to_owned())]
    }

    fn start(&self, _: Vec<(String, String)>, caller: Caller) -> BoxFuture<'_, Result<Started, Failure>> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let task: JoinHandle<i32> = tokio::spawn((self.script)(Runtime { caller, start }));
        let (output, _) = std::io::pipe().unwrap();
        let program = Box::new(FakeProgram(AbortOnDropHandle::new(task)));
        let started = Started { program, api: None, output: output.into(), at: Instant::now() };
        std::future::ready(Ok(started)).boxed()
    }
}

#[derive(Debug)]
struct FakeProgram(AbortOnDropHandle<i32>);

impl RunningProgram for FakeProgram {
    fn exited(&mut self) -> BoxFuture<'_, Exit> {
        async { Exit::Status(ExitStatus::from_raw((&mut self.0).await.unwrap() << 8)) }.boxed()
    }

    fn terminate(&self) {}

    fn kill(self: Box<Self>) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    fn peak_memory_kib(&self) -> Option<u64> {
        Some(2048)
    }
}
