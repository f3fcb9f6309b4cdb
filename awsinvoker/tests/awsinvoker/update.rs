//! Updates of a function as AWS makes them: they take a while, the revision changes when they are complete, and one that
//! names another revision is refused. lambda-local and moto complete an update at once.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Bench, assert_complete, stderr};

/// How long an update takes.
const UPDATE: Duration = Duration::from_millis(250);

/// A function.
struct Function {
    variables: Value,
    /// Why its variables cannot be read.
    unreadable: bool,
    revision: u32,
    updating_since: Option<Instant>,
    /// The variables that were asked for, one after the other.
    updates: Vec<Value>,
    refused: u32,
    /// After so many updates, one is refused for another reason.
    fails_after: Option<usize>,
}

type Shared = Arc<Mutex<Function>>;

impl Function {
    fn start(unreadable: bool, fails_after: Option<usize>) -> (Shared, String) {
        let function = Self {
            variables: json!({"OWN": "1"}),
            unreadable,
            revision: 1,
            updating_since: None,
            updates: Vec::new(),
            refused: 0,
            fails_after,
        };
        let shared = Arc::new(Mutex::new(function));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/2015-03-31/functions/f/configuration", get(look).put(update))
            .route("/2015-03-31/functions/f/invocations", post(async || r#"{"latency": 0.001}"#))
            .with_state(Arc::clone(&shared));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
            });
        });
        (shared, url)
    }

    fn described(&mut self) -> Value {
        if self.updating_since.is_some_and(|since| since.elapsed() >= UPDATE) {
            self.updating_since = None;
            self.revision += 1;
        }
        let status = if self.updating_since.is_some() { "InProgress" } else { "Successful" };
        let environment = match self.unreadable {
            true => json!({"Error": {"ErrorCode": "AccessDeniedException", "Message": "no key"}}),
            false => json!({"Variables": self.variables}),
        };
        json!({"FunctionName": "f", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f", "MemorySize": 128,
               "RevisionId": self.revision.to_string(), "LastUpdateStatus": status, "Environment": environment})
    }
}

async fn look(State(function): State<Shared>) -> Json<Value> {
    Json(function.lock().unwrap().described())
}

async fn update(State(function): State<Shared>, body: Bytes) -> Response {
    let mut function = function.lock().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    if function.fails_after == Some(function.updates.len()) {
        function.fails_after = None;
        let refusal = json!({"Type": "User", "message": "not this one"});
        let name = ("x-amzn-errortype", "InvalidParameterValueException");
        return (StatusCode::BAD_REQUEST, [name], Json(refusal)).into_response();
    }
    let known = function.described();
    if known["LastUpdateStatus"] == "InProgress" || body["RevisionId"] != known["RevisionId"] {
        function.refused += 1;
        let refusal = json!({"Type": "User", "message": "not now"});
        let name = ("x-amzn-errortype", "PreconditionFailedException");
        return (StatusCode::PRECONDITION_FAILED, [name], Json(refusal)).into_response();
    }
    let variables = body["Environment"]["Variables"].clone();
    function.updates.push(variables.clone());
    function.variables = variables;
    function.updating_since = Some(Instant::now());
    function.revision += 1;
    Json(function.described()).into_response()
}

#[test]
fn an_update_is_waited_for_and_each_has_a_value_of_its_own() {
    let (function, url) = Function::start(false, None);
    let bench = Bench::new(r#"[{"hostname": "f"}]"#);
    let line = format!("--out out --restart-every 2 --rps 10 --time 6 --endpoint-url {url}");
    assert_complete(&bench.bare_command(&line).output().unwrap());
    let [restarts] = bench.run_dir().read_info().unwrap().end.unwrap().restarts.try_into().unwrap();
    assert_eq!((restarts.due, restarts.failed, restarts.not_restored), (2, 0, None));
    for restart in &restarts.restarts {
        assert!(restart.done_s.unwrap() - restart.begun_s.unwrap() >= UPDATE.as_secs_f64(), "{restart:?}");
    }
    // Once before the run, at two boundaries, and back again.
    let function = function.lock().unwrap();
    let values: Vec<_> = function.updates.iter().map(|it| it["AWSINVOKER_RESTART"].as_str()).collect();
    assert_eq!((values.len(), function.refused), (4, 0), "{values:?}");
    assert!(values[..3].iter().all(Option::is_some) && values[3].is_none(), "{values:?}");
    assert!(values[0] != values[1] && values[1] != values[2], "{values:?}");
    assert!(function.updates.iter().all(|variables| variables["OWN"] == "1"), "{:?}", function.updates);
}

#[test]
fn variables_that_cannot_be_read_are_not_overwritten() {
    let (function, url) = Function::start(true, None);
    let bench = Bench::new(r#"[{"hostname": "f"}]"#);
    let output =
        bench.bare_command(&format!("--out out --restart-every 1 --endpoint-url {url}")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("error: f: its variables cannot be read: no key"),
        "{}",
        stderr(&output)
    );
    assert_eq!(function.lock().unwrap().updates.len(), 0);
    assert!(!bench.path("out").exists());
}

#[test]
fn the_variable_is_taken_out_also_if_the_last_update_failed() {
    let (function, url) = Function::start(false, Some(2));
    let bench = Bench::new(r#"[{"hostname": "f"}]"#);
    let line = format!("--out out --restart-every 1 --rps 10 --time 3 --endpoint-url {url}");
    let output = bench.bare_command(&line).output().unwrap();
    let info = bench.run_dir().read_info().unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let [restarts] = info.end.unwrap().restarts.try_into().unwrap();
    assert_eq!((restarts.due, restarts.failed, &restarts.not_restored), (2, 1, &None), "{restarts:?}");
    assert!(restarts.restarts[1].failure.as_ref().unwrap().contains("not this one"), "{restarts:?}");
    let function = function.lock().unwrap();
    assert_eq!(function.variables, json!({"OWN": "1"}), "{:?}", function.updates);
}
