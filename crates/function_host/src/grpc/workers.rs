//! The threads of the handlers, and the queue in front of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use function_core::FunctionError;
use serde::Serialize;
use tokio::sync::oneshot;

use super::admission::Permit;
use crate::clock;

/// What a handler has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Answer the event.
    Answer(String),
    /// Answer the event, but throw the answer away.
    Sample(&'static str),
    /// Keep the processor busy for so long.
    Spin(Duration),
}

/// Work that is done.
#[derive(Debug)]
pub(crate) struct Done {
    /// The JSON text of the answer, empty if it was thrown away.
    pub(crate) result: Result<String, Failure>,
    /// How long the work waited for a handler.
    pub(crate) queued: Duration,
    /// How long the handler ran.
    pub(crate) ran: Duration,
    /// How long it took to write the answer as JSON.
    pub(crate) wrote: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The function says so.
    Refused(FunctionError),
    /// The handler panicked; this is what it said.
    Panicked(String),
}

/// The queue of the handlers, each of which has a thread.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    queue: Sender<Job>,
}

#[derive(Debug)]
struct Job {
    work: Work,
    arrived: Instant,
    done: oneshot::Sender<Done>,
    /// Held until the work is done, also for a caller that has gone.
    _permit: Option<Arc<Permit>>,
}

impl Workers {
    /// Starts a thread for each handler. The threads end when the queue is dropped.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub(crate) fn start<H, A>(handlers: Vec<H>) -> Result<Self, String>
    where
        H: FnMut(&str) -> Result<A, FunctionError> + Send + 'static,
        A: Serialize,
    {
        let (queue, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for handler in handlers {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name("handler".to_owned())
                .spawn(move || serve(handler, &jobs))
                .map_err(|error| format!("cannot start a thread for a handler: {error}"))?;
        }
        Ok(Self { queue })
    }

    /// Has the work done after all that was given before. If the future is dropped before a handler has begun the work, it
    /// is not done. `None` if there is no handler left.
    pub(crate) async fn run(
        &self,
        work: Work,
        arrived: Instant,
        permit: Option<Arc<Permit>>,
    ) -> Option<Done> {
        let (done, result) = oneshot::channel();
        self.queue.send(Job { work, arrived, done, _permit: permit }).ok()?;
        result.await.ok()
    }
}

fn serve<H, A>(mut handler: H, jobs: &Mutex<Receiver<Job>>)
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    loop {
        // One handler waits for the next job, and the others for that handler: jobs begin in order.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if job.done.is_closed() {
            continue;
        }
        let begun = clock::now();
        let mut ended = None;
        let result = catch_unwind(AssertUnwindSafe(|| perform(&mut handler, &job.work, &mut ended)));
        let written = clock::now();
        let ended = ended.unwrap_or(written);
        let result = result.unwrap_or_else(|panic| Err(Failure::Panicked(words(&*panic))));
        let (queued, ran, wrote) = (begun - job.arrived, ended - begun, written - ended);
        // A caller that has gone needs no answer.
        let _ = job.done.send(Done { result, queued, ran, wrote });
    }
}

/// Does the work. `ended` is when the handler ended; the answer is written afterwards.
fn perform<H, A>(handler: &mut H, work: &Work, ended: &mut Option<Instant>) -> Result<String, Failure>
where
    H: FnMut(&str) -> Result<A, FunctionError>,
    A: Serialize,
{
    let answer = match work {
        Work::Answer(event) => Some(handler(event)),
        // Without this, the compiler might leave out work whose result nobody sees.
        Work::Sample(event) => std::hint::black_box(handler(event)).map(drop).err().map(Err),
        Work::Spin(duration) => {
            spin(*duration);
            None
        }
    };
    *ended = Some(clock::now());
    let Some(answer) = answer else { return Ok(String::new()) };
    let answer = answer.map_err(Failure::Refused)?;
    serde_json::to_string(&answer)
        .map_err(|error| Failure::Panicked(format!("the answer cannot be written as JSON: {error}")))
}

fn spin(duration: Duration) {
    let begun = clock::now();
    while clock::now() - begun < duration {
        std::hint::spin_loop();
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has each work done, one after the other, by a handler that answers with the length of the event.
    fn results(works: Vec<Work>) -> Vec<Result<String, Failure>> {
        let handler = |event: &str| match event {
            "panic" => panic!("told to"),
            "" => Err(FunctionError::invalid_event("it is empty")),
            event => Ok(event.len()),
        };
        let workers = Workers::start(vec![handler]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let run = |work| runtime.block_on(workers.run(work, clock::now(), None)).unwrap().result;
        works.into_iter().map(run).collect()
    }

    fn answer(event: &str) -> Work {
        Work::Answer(event.to_owned())
    }

    #[test]
    fn answers_are_json_and_those_of_samples_are_thrown_away() {
        let found = results(vec![answer("four"), Work::Sample("four"), Work::Spin(Duration::ZERO)]);
        assert_eq!(found, ["4", "", ""].map(|text| Ok(text.to_owned())));
    }

    #[test]
    fn errors_of_the_function_are_told_also_for_samples() {
        let error = Failure::Refused(FunctionError::invalid_event("it is empty"));
        assert_eq!(results(vec![answer(""), Work::Sample("")]), [Err(error.clone()), Err(error)]);
    }

    #[test]
    fn a_panic_fails_its_call_alone() {
        let found = results(vec![answer("panic"), Work::Sample("panic"), answer("four")]);
        let panicked = || Err(Failure::Panicked("told to".to_owned()));
        assert_eq!(found, [panicked(), panicked(), Ok("4".to_owned())]);
    }

    #[test]
    fn work_whose_caller_has_gone_is_not_begun() {
        let (begun, seen) = mpsc::channel();
        let handler = move |event: &str| {
            begun.send(event.to_owned()).unwrap();
            Ok::<_, FunctionError>(())
        };
        let workers = Workers::start(vec![handler]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let busy = workers.run(Work::Spin(Duration::from_millis(50)), clock::now(), None);
            let gone = async {
                let _ = futures_util::future::select(
                    Box::pin(workers.run(answer("gone"), clock::now(), None)),
                    std::future::ready(()),
                )
                .await;
            };
            futures_util::future::join(busy, gone).await;
            workers.run(answer("last"), clock::now(), None).await.unwrap();
        });
        drop(workers);
        assert_eq!(seen.iter().collect::<Vec<_>>(), ["last"]);
    }
}
