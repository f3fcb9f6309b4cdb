//! The life of an environment in paused time, with scripts instead of programs.

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{advance, sleep};

use super::*;
use crate::backend::fake::{FakeBackend, Runtime};
use crate::config::{FunctionConfig, Program};
use crate::invocation::{Reply, Request, Throttled};
use crate::lease::Leases;
use crate::outcome::Failure;
use crate::runtime_api::{Answer, Call};

const TIMEOUT: Duration = Duration::from_secs(30);
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// An account that serves one request at a time, with one function.
struct Account {
    leases: Arc<Leases>,
    blueprint: Arc<Blueprint>,
    stopping: CancellationToken,
}

impl Account {
    fn new<F>(script: impl Fn(Runtime) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = i32> + Send + 'static,
    {
        let function =
            FunctionConfig { timeout: TIMEOUT, ..FunctionConfig::new("fake", Program::executable("/fake")) };
        let blueprint = Blueprint {
            function,
            region: "us-east-1".to_owned(),
            credentials: Vec::new(),
            idle_timeout: IDLE_TIMEOUT,
            init_timeout: INIT_TIMEOUT,
            backend: Arc::new(FakeBackend::new(script)),
        };
        Self { leases: Leases::new(1, 1), blueprint: Arc::new(blueprint), stopping: CancellationToken::new() }
    }

    /// Sends a request, whose payload is `text`. True with the reply to come if it got a new environment.
    fn send(&self, text: &'static str) -> Result<(bool, oneshot::Receiver<Reply>), Throttled> {
        let (reply_to, reply) = oneshot::channel();
        let request_id = "ID".to_owned();
        let request = Request { request_id, payload: Bytes::from(text), ..Request::default() };
        let lease = self.leases.assign(0, Invocation { request, reply_to })?;
        let new = lease.is_some();
        if let Some(lease) = lease {
            let environment = Environment::new(lease, &self.blueprint, self.stopping.clone());
            tokio::spawn(environment.run());
        }
        Ok((new, reply))
    }

    /// Sends a request and waits for its reply. Says how long that took, too.
    async fn ask(&self, text: &'static str) -> (Reply, Duration) {
        let sent = Instant::now();
        let reply = self.send(text).unwrap().1.await.unwrap();
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
        let (started, reply) = account.send("1").unwrap();
        assert_eq!(started, new, "after {pause:?}");
        reply.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_environment_is_idle_before_the_client_has_its_reply() {
    let account = Account::new(echo);
    let (_, reply) = account.send("1").unwrap();
    assert!(account.is_full());
    reply.await.unwrap();
    assert!(!account.send("2").unwrap().0, "the environment is used again");
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
async fn a_reply_waits_a_moment_for_the_runtime_to_ask_again() {
    let account = lingering(Duration::from_millis(20));
    assert_eq!(account.ask("1").await.1, Duration::from_millis(20));
    assert!(!account.send("2").unwrap().0);
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_lingers_is_busy_until_it_asks_again() {
    let account = lingering(Duration::from_secs(3));
    assert_eq!(account.ask("1").await.1, SETTLE_GRACE);
    assert!(account.is_full());
    sleep(Duration::from_secs(3)).await;
    assert!(!account.send("2").unwrap().0, "it can serve again");
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_never_asks_again_is_ended_after_the_timeout() {
    let account = lingering(Duration::from_secs(3600));
    assert_eq!(account.ask("1").await.1, SETTLE_GRACE);
    sleep(TIMEOUT - Duration::from_secs(1)).await;
    assert!(account.is_full());
    sleep(Duration::from_secs(2)).await;
    assert!(account.send("2").unwrap().0, "its place is free");
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
    assert!(account.send("2").unwrap().0, "it is replaced");
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
    assert!(account.send("2").unwrap().0, "its place is free");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_initialisation_is_passed_on() {
    let account = Account::new(|runtime| async move {
        let body = Bytes::from(r#"{"errorType":"My.Error"}"#);
        assert_eq!(runtime.call(Call::InitError(body)).await, Answer::Accepted);
        1
    });
    let (reply, _) = account.ask("1").await;
    assert_eq!(reply.outcome, Err(Failure::Reported(Bytes::from(r#"{"errorType":"My.Error"}"#))));
    assert_eq!(log(&reply).matches("\tError Type: Runtime.InitError\t\n").count(), 2, "{}", log(&reply));
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
    let (new, reply) = account.send("2").unwrap();
    assert!(new);
    assert_eq!(reply.await.unwrap().outcome, Ok(Bytes::from("2")));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_exits_after_its_reply_is_gone_before_the_client_has_it() {
    let account = Account::new(|runtime| async move {
        let event = runtime.next().await;
        runtime.echo(event).await;
        0
    });
    for text in ["1", "2"] {
        let (new, reply) = account.send(text).unwrap();
        assert!(new);
        assert_eq!(reply.await.unwrap().outcome, Ok(Bytes::from(text)));
    }
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
    let (_, reply) = account.send("1").unwrap();
    sleep(Duration::from_secs(1)).await;
    account.stopping.cancel();
    reply.await.unwrap_err();
    let answer = was_told.recv().await.unwrap();
    assert!(matches!(answer, Answer::Shutdown { .. }), "{answer:?}");
    advance(Duration::from_secs(1)).await;
    assert!(account.send("2").unwrap().0, "its place is free");
}
