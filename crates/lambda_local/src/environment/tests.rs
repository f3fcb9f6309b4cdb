//! The life of an environment in paused time, with scripts instead of programs.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::work::SETTLE_GRACE;
use super::*;
use crate::backend::fake::{FakeBackend, Runtime};
use crate::config::{FunctionConfig, Program};
use crate::invocation::{Reply, Request, Throttled};
use crate::lease::Leases;
use crate::outcome::Failure;
use crate::pool::Limits;
use crate::runtime_api::{Answer, Call};

const TIMEOUT: Duration = Duration::from_secs(30);
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// An account that serves one request at a time, with one function.
struct Account {
    leases: Arc<Leases>,
    /// How many programs have been started.
    starts: Arc<AtomicUsize>,
    stopping: CancellationToken,
}

impl Account {
    fn new<F>(script: impl Fn(Runtime) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        Self::with_limits(1, 1, script)
    }

    fn with_limits<F>(
        concurrency: usize,
        initialising: usize,
        script: impl Fn(Runtime) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        Self::managed(None, Limits { concurrency, initialising, waiting_bytes: 1 << 20 }, script)
    }

    /// An account whose environments serve `slots` requests at a time.
    fn managed<F>(
        slots: Option<NonZero<usize>>,
        limits: Limits,
        script: impl Fn(Runtime) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        let function = FunctionConfig {
            timeout: TIMEOUT,
            max_concurrency: slots,
            ..FunctionConfig::new("fake", Program::executable("/fake"))
        };
        let backend = FakeBackend::new(script);
        let starts = Arc::clone(&backend.starts);
        let blueprint = Arc::new(Blueprint {
            function,
            region: "us-east-1".to_owned(),
            credentials: Vec::new(),
            idle_timeout: IDLE_TIMEOUT,
            init_timeout: INIT_TIMEOUT,
            backend: Arc::new(backend),
        });
        let stopping = CancellationToken::new();
        let token = stopping.clone();
        let launch = Box::new(move |lease| {
            tokio::spawn(Environment::new(lease, Arc::clone(&blueprint), token.clone()).run());
        });
        Self { leases: Leases::new(&[slots.map_or(1, NonZero::get)], limits, launch), starts, stopping }
    }

    /// Sends a request, whose payload is `text`.
    fn send(&self, text: &'static str) -> Result<oneshot::Receiver<Reply>, Throttled> {
        let (reply_to, reply) = oneshot::channel();
        let request_id = "ID".to_owned();
        let request =
            Request { request_id, wants_log: true, payload: Bytes::from(text), ..Request::default() };
        self.leases.assign(0, Invocation::new(request, reply_to))?;
        Ok(reply)
    }

    /// How many programs have been started.
    fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for its reply. Says how long that took, too.
    async fn ask(&self, text: &'static str) -> (Reply, Duration) {
        let sent = Instant::now();
        let reply = self.send(text).unwrap().await.unwrap();
        (reply, sent.elapsed())
    }

    /// Whether a request would be throttled.
    fn is_full(&self) -> bool {
        match self.send("probe") {
            Err(Throttled::Concurrency) => true,
            other => panic!("expected a full account: {other:?}"),
        }
    }
}

fn log(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.log_tail).unwrap()
}

/// A function that echoes its events, each after a second.
async fn echo(runtime: Runtime) -> i32 {
    sleep(Duration::from_millis(110)).await;
    loop {
        let event = runtime.next().await;
        sleep(Duration::from_secs(1)).await;
        runtime.echo(event).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_and_a_warm_one_are_measured() {
    let account = Account::new(echo);
    let (cold, took) = account.ask("1").await;
    assert_eq!(cold.outcome, Ok(Bytes::from("1")));
    assert_eq!(took, Duration::from_millis(1110));
    assert_eq!(
        log(&cold),
        "START RequestId: ID Version: $LATEST\nEND RequestId: ID\nREPORT RequestId: ID\tDuration: 1000.00 ms\t\
         Billed Duration: 1110 ms\tMemory Size: 512 MB\tMax Memory Used: 2 MB\tInit Duration: 110.00 ms\t\n"
    );
    let (warm, took) = account.ask("2").await;
    assert_eq!((warm.outcome.clone(), took), (Ok(Bytes::from("2")), Duration::from_secs(1)));
    assert!(!log(&warm).contains("Init Duration"), "{}", log(&warm));
}

#[tokio::test(start_paused = true)]
async fn an_environment_ends_when_it_was_idle_for_long_enough() {
    let account = Account::new(echo);
    for (pause, new) in [
        (Duration::ZERO, true),
        (IDLE_TIMEOUT - Duration::from_millis(1), false),
        (IDLE_TIMEOUT + Duration::from_millis(1), true),
    ] {
        sleep(pause).await;
        let before = account.starts();
        account.ask("1").await;
        assert_eq!(account.starts() > before, new, "after {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_on_a_cold_function_starts_few_environments() {
    // More than 300 requests a second. An initialisation takes 15 ms, an event 1 ms.
    let account = Account::with_limits(1000, 2, |runtime| async move {
        sleep(Duration::from_millis(15)).await;
        loop {
            let event = runtime.next().await;
            sleep(Duration::from_millis(1)).await;
            runtime.echo(event).await;
        }
    });
    let mut calls = JoinSet::new();
    for _ in 0..3000 {
        let (sent, reply) = (Instant::now(), account.send("1").expect("none is refused"));
        calls.spawn(async move {
            reply.await.unwrap().outcome.unwrap();
            sent.elapsed()
        });
        sleep(Duration::from_millis(3)).await;
    }
    let mut took = calls.join_all().await;
    took.sort();
    assert!(account.starts() < 10, "{} environments", account.starts());
    let (slowest, p99) = (took[2999], took[2970]);
    assert!(slowest < Duration::from_millis(30) && p99 < Duration::from_millis(5), "{slowest:?} {p99:?}");
}

/// A function that does something else for a while after its reply.
fn lingering(pause: Duration) -> Account {
    Account::new(move |runtime| async move {
        loop {
            let event = runtime.next().await;
            runtime.echo(event).await;
            sleep(pause).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_sent_at_once_and_the_next_request_waits_for_the_runtime_to_ask_again() {
    let account = lingering(Duration::from_millis(20));
    assert_eq!(account.ask("1").await.1, Duration::ZERO);
    assert_eq!(account.ask("2").await.1, Duration::from_millis(20));
    assert_eq!(account.starts(), 1, "one client causes one cold start");
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_lingers_is_busy_until_it_asks_again() {
    let account = lingering(Duration::from_secs(3));
    assert_eq!(account.ask("1").await.1, Duration::ZERO);
    sleep(SETTLE_GRACE + Duration::from_millis(1)).await;
    assert!(account.is_full());
    sleep(Duration::from_secs(3)).await;
    account.ask("2").await;
    assert_eq!(account.starts(), 1, "it can serve again");
}

#[tokio::test(start_paused = true)]
async fn a_request_gets_a_new_environment_when_the_other_one_lingers() {
    let account = Account::with_limits(2, 1, |runtime| async move {
        let event = runtime.next().await;
        runtime.echo(event).await;
        sleep(Duration::from_secs(3)).await;
        0
    });
    account.ask("1").await;
    assert_eq!(account.ask("2").await.1, SETTLE_GRACE);
    assert_eq!(account.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_never_asks_again_is_ended_after_the_timeout() {
    let account = lingering(Duration::from_secs(3600));
    account.ask("1").await;
    sleep(TIMEOUT - Duration::from_secs(1)).await;
    assert!(account.is_full());
    sleep(Duration::from_secs(2)).await;
    account.ask("2").await;
    assert_eq!(account.starts(), 2, "its place is free");
}

/// An account of two requests, whose environments may serve two requests at a time.
fn with_two_slots<F>(script: impl Fn(Runtime) -> F + Send + Sync + 'static) -> Account
where
    F: Future<Output = i32> + Send + 'static,
{
    Account::managed(
        NonZero::new(2),
        Limits { concurrency: 2, initialising: 1, waiting_bytes: 1 << 20 },
        script,
    )
}

#[tokio::test(start_paused = true)]
async fn a_provisioned_environment_without_a_slot_that_comes_back_is_replaced() {
    let account = with_two_slots(|runtime| async move {
        let slot = async || {
            let event = runtime.next().await;
            runtime.echo(event).await;
            std::future::pending::<()>().await;
        };
        tokio::join!(slot(), slot());
        0
    });
    account.leases.set_provisioned(0, 1);
    sleep(Duration::from_secs(1)).await;
    account.ask("1").await;
    sleep(TIMEOUT * 2).await;
    assert_eq!(account.starts(), 1, "one slot is left");
    account.ask("2").await;
    sleep(TIMEOUT + Duration::from_secs(1)).await;
    assert_eq!((account.starts(), account.leases.provisioned(0)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_environment_serves_those_that_waited_for_others() {
    // Each start takes a second, each event 10 ms.
    let account = Account::with_limits(100, 2, |runtime| async move {
        sleep(Duration::from_secs(1)).await;
        loop {
            let event = runtime.next().await;
            sleep(Duration::from_millis(10)).await;
            runtime.echo(event).await;
        }
    });
    let replies: Vec<_> = (0..100).map(|_| account.send("1").unwrap()).collect();
    let sent = Instant::now();
    for reply in replies {
        assert_eq!(reply.await.unwrap().outcome, Ok(Bytes::from("1")));
    }
    assert_eq!(sent.elapsed(), Duration::from_millis(1500));
    assert_eq!(account.starts(), 4, "two served all, and two more had been started meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_does_not_reply_times_out() {
    let account = Account::new(|runtime| async move {
        let _event = runtime.next().await;
        std::future::pending().await
    });
    let (reply, took) = account.ask("1").await;
    assert_eq!((reply.outcome.clone(), took), (Err(Failure::TimedOut(TIMEOUT)), TIMEOUT));
    assert!(log(&reply).contains("ID Error: Task timed out after 30.00 seconds\nSandbox.Timedout\nEND "));
    assert!(log(&reply).contains("\tDuration: 30000.00 ms\t"), "{}", log(&reply));
    assert!(log(&reply).ends_with("\tStatus: timeout\t\n"), "{}", log(&reply));
    drop(account.send("2").unwrap());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(account.starts(), 2, "it is replaced");
}

#[tokio::test(start_paused = true)]
async fn an_initialisation_that_fails_is_repeated_within_the_invocation() {
    let account = Account::new(|runtime| async move {
        if runtime.start == 1 {
            sleep(Duration::from_secs(2)).await;
            return 9;
        }
        sleep(Duration::from_secs(15)).await;
        echo(runtime).await
    });
    let (reply, took) = account.ask("1").await;
    assert_eq!(reply.outcome, Ok(Bytes::from("1")));
    assert_eq!(took, Duration::from_millis(2000 + 15_110 + 1000));
    let first = "INIT_REPORT Init Duration: 2000.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\t\n";
    assert!(log(&reply).starts_with(&format!("{first}START ")), "{}", log(&reply));
    assert!(log(&reply).contains("\tDuration: 16110.00 ms\t"), "{}", log(&reply));
}

#[tokio::test(start_paused = true)]
async fn an_initialisation_that_never_ends_times_out_twice() {
    let account = Account::new(|_| std::future::pending());
    let (reply, took) = account.ask("1").await;
    assert_eq!(reply.outcome, Err(Failure::TimedOut(TIMEOUT)));
    assert_eq!(took, INIT_TIMEOUT + TIMEOUT);
    assert!(log(&reply).contains("Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\t\nSTART "));
    assert!(log(&reply).contains("Init Duration: 30000.00 ms\tPhase: invoke\tStatus: timeout\t\n"));
    assert!(account.send("2").is_ok(), "its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_failed_initialisation_is_told_to_one_request_and_not_to_those_that_others_serve() {
    let account = Account::with_limits(100, 2, |runtime| async move {
        if runtime.start == 2 {
            sleep(Duration::from_millis(10)).await;
            return 9;
        }
        sleep(Duration::from_millis(if runtime.start == 1 { 1000 } else { 3000 })).await;
        echo(runtime).await
    });
    let replies: Vec<_> = (0..2).map(|_| account.send("1").unwrap()).collect();
    let mut outcomes = Vec::new();
    for reply in replies {
        let reply = reply.await.unwrap();
        outcomes.push((log(&reply).contains("INIT_REPORT"), reply.outcome.is_ok()));
    }
    // The first request waited longest, so the repetition is its own.
    assert_eq!(outcomes, [(true, true), (false, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_initialisation_that_no_request_waits_for_is_only_logged() {
    let account = Account::with_limits(2, 2, |runtime| async move {
        if runtime.start == 2 {
            sleep(Duration::from_secs(5)).await;
            return 9;
        }
        echo(runtime).await
    });
    let replies = [account.send("1").unwrap(), account.send("2").unwrap()];
    for reply in replies {
        reply.await.unwrap().outcome.unwrap();
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(account.starts(), 2);
    account.ask("3").await.0.outcome.unwrap();
    assert_eq!(account.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provisioned_environment_is_kept_and_counts_no_cold_start() {
    let account = Account::new(echo);
    account.leases.set_provisioned(0, 1);
    assert_eq!(account.leases.provisioned(0), 0);
    sleep(IDLE_TIMEOUT * 3).await;
    assert_eq!(account.leases.provisioned(0), 1);
    let (reply, took) = account.ask("1").await;
    assert_eq!(took, Duration::from_secs(1));
    assert!(!log(&reply).contains("Init Duration"), "{}", log(&reply));
    assert!(log(&reply).contains("\tBilled Duration: 1000 ms\t"), "{}", log(&reply));
    assert_eq!(account.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_environment_ends_after_its_reply() {
    let account = Account::new(echo);
    let reply = account.send("1").unwrap();
    sleep(Duration::from_millis(500)).await;
    account.leases.replace(0);
    assert_eq!(reply.await.unwrap().outcome, Ok(Bytes::from("1")));
    let (second, _) = account.ask("2").await;
    assert!(log(&second).contains("Init Duration"), "{}", log(&second));
    account.leases.replace(0);
    account.ask("3").await;
    assert_eq!(account.starts(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_initialisation_is_passed_on() {
    let account = Account::new(|runtime| async move {
        let body = Bytes::from(r#"{"errorType":"My.Error"}"#);
        let failure = Failure::InitReported { error_type: None, body };
        assert_eq!(runtime.call(Call::InitError(failure)).await, Answer::Accepted);
        1
    });
    let (reply, _) = account.ask("1").await;
    let Err(Failure::InitReported { body, .. }) = &reply.outcome else { panic!("{:?}", reply.outcome) };
    assert_eq!(body, r#"{"errorType":"My.Error"}"#);
    assert_eq!(log(&reply).matches("\tError Type: My.Error\t\n").count(), 2, "{}", log(&reply));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_exits_while_idle_is_replaced() {
    let account = Account::new(|runtime| async move {
        let event = runtime.next().await;
        runtime.echo(event).await;
        tokio::select! {
            _ = runtime.next() => 0,
            () = sleep(Duration::from_secs(5)) => 1,
        }
    });
    account.ask("1").await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(account.ask("2").await.0.outcome, Ok(Bytes::from("2")));
    assert_eq!(account.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_always_exits_when_it_should_serve_fails_its_request() {
    let account = Account::new(|runtime| async move {
        tokio::select! {
            biased;
            _ = runtime.next() => {}
            () = tokio::task::yield_now() => {}
        }
        9
    });
    let failure = account.ask("1").await.0.outcome.unwrap_err();
    assert!(matches!(failure, Failure::Exited(_)), "{failure:?}");
    assert!(account.starts() <= 3, "{}", account.starts());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_exits_after_its_reply_fails_no_request() {
    let account = Account::new(|runtime| async move {
        let event = runtime.next().await;
        runtime.echo(event).await;
        0
    });
    for text in ["1", "2"] {
        assert_eq!(account.ask(text).await.0.outcome, Ok(Bytes::from(text)));
    }
    assert_eq!(account.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_environment_stops_with_the_server_and_gives_its_extensions_a_moment() {
    let (told, mut was_told) = tokio::sync::mpsc::channel(1);
    let account = Account::new(move |runtime| {
        let told = told.clone();
        async move {
            let id = "extension".to_owned();
            runtime.call(Call::RegisterExtension { id: id.clone(), shutdown: true }).await;
            let shutdown = runtime.call(Call::NextExtensionEvent { id });
            tokio::pin!(shutdown);
            tokio::select! {
                _ = runtime.next() => {}
                _ = &mut shutdown => panic!("too early"),
            }
            let answer = shutdown.await;
            sleep(Duration::from_millis(100)).await;
            told.send(answer).await.unwrap();
            0
        }
    });
    let reply = account.send("1").unwrap();
    sleep(Duration::from_secs(1)).await;
    account.stopping.cancel();
    reply.await.unwrap_err();
    let answer = was_told.recv().await.unwrap();
    assert!(matches!(answer, Answer::Shutdown { .. }), "{answer:?}");
    advance(Duration::from_secs(1)).await;
    assert!(account.send("2").is_ok(), "its place is free");
}
