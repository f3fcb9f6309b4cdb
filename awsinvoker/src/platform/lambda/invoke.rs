//! Calls of the Invoke API, and what their answers hold.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use run_record::{Cause, Outcome, Reply, Report, units};
use serde::Deserialize;

use super::client::{self, Connection};
use super::failure::{self, MAX_MESSAGE_CHARS};
use super::log_tail;
use crate::plan::endpoints::Endpoint;
use crate::platform::answer;
use crate::platform::call::{Answer, Call, SocketTimes};
use crate::platform::error::StartError;
use crate::text::shortened;

/// A larger answer takes so long to read that it would delay others on the same thread.
const LARGE_BYTES: usize = 64 << 10;

/// One client for all calls, and what to send to each endpoint.
#[derive(Debug)]
pub struct Lambda {
    client: Client,
    pub(super) address: String,
    requests: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    function: String,
    payload: Blob,
    asynchronous: bool,
}

/// The answer to one call.
#[derive(Debug)]
pub struct LambdaAnswer {
    result: Result<InvokeOutput, Box<SdkError<InvokeError, HttpResponse>>>,
    asynchronous: bool,
}

/// What runtimes send when a function fails.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl Lambda {
    /// Makes a client for a server on this machine that checks no credentials, such as lambda-local.
    ///
    /// # Errors
    /// None for an address like `http://127.0.0.1:9000`.
    pub async fn at(endpoint_url: &str, endpoints: &[Endpoint]) -> Result<Self, StartError> {
        Self::connect(&Connection::at(endpoint_url), endpoints).await
    }

    /// Makes the client.
    pub(super) async fn connect(connection: &Connection, endpoints: &[Endpoint]) -> Result<Self, StartError> {
        let (client, address) = client::connect(connection).await?;
        let requests = endpoints.iter().map(|endpoint| Request {
            function: endpoint.hostname.clone(),
            payload: Blob::new(endpoint.payload.as_bytes()),
            asynchronous: endpoint.asynchronous,
        });
        Ok(Self { client, address, requests: requests.collect() })
    }
}

impl Call for Lambda {
    type Answer = LambdaAnswer;

    async fn call(&self, endpoint: usize) -> LambdaAnswer {
        let Request { function, payload, asynchronous } = &self.requests[endpoint];
        let call = self.client.invoke().function_name(function).payload(payload.clone());
        let call = if *asynchronous {
            call.invocation_type(InvocationType::Event)
        } else {
            call.log_type(LogType::Tail)
        };
        LambdaAnswer { result: call.send().await.map_err(Box::new), asynchronous: *asynchronous }
    }
}

impl Answer for LambdaAnswer {
    fn is_large(&self) -> bool {
        self.result.as_ref().is_ok_and(|output| payload(output).len() > LARGE_BYTES)
    }

    fn socket_times(&self) -> SocketTimes {
        SocketTimes::default()
    }

    fn read(self) -> Reply {
        match &self.result {
            Ok(output) if self.asynchronous => reply(output, Ok(None)),
            Ok(output) => reply(output, sync_latency(output).map(Some)),
            Err(error) => failure::reply(error),
        }
    }
}

fn reply(output: &InvokeOutput, latency: Result<Option<f64>, (Outcome, Cause)>) -> Reply {
    let start = output.log_result().and_then(log_tail::start);
    let (outcome, function_latency_s, cause) = match latency {
        Ok(latency) => (Outcome::Ok, latency, None),
        Err((outcome, cause)) => (outcome, None, Some(cause)),
    };
    let init_ns = start.and_then(|start| start.init_ms).map(units::ns_from_ms);
    Reply {
        request_id: output.request_id().map(str::to_owned),
        function_latency_s,
        cold: start.map(|start| start.cold),
        report: Report { init_ns, ..Report::default() },
        cause,
        ..Reply::with_outcome(outcome)
    }
}

fn sync_latency(output: &InvokeOutput) -> Result<f64, (Outcome, Cause)> {
    match output.function_error() {
        Some(kind) => Err((Outcome::FunctionError, function_error(kind, payload(output)))),
        None => answer::latency_s(payload(output)).map_err(|error| {
            let message = shortened(&error.to_string(), MAX_MESSAGE_CHARS);
            (Outcome::BadAnswer, Cause { message, ..Cause::default() })
        }),
    }
}

fn function_error(kind: &str, payload: &[u8]) -> Cause {
    let (code, message) = match answer::object::<FunctionError>(payload) {
        Ok(FunctionError { error_type, error_message }) => {
            (error_type, error_message.unwrap_or_else(|| "no message".to_owned()))
        }
        Err(_) => (None, String::from_utf8_lossy(payload).into_owned()),
    };
    Cause {
        code: Some(code.unwrap_or_else(|| kind.to_owned())),
        message: shortened(&message, MAX_MESSAGE_CHARS),
        ..Cause::default()
    }
}

fn payload(output: &InvokeOutput) -> &[u8] {
    output.payload().map_or(&[], AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn function_errors_are_read_from_objects_alone() {
        let object = br#"{"errorType": "Exit", "errorMessage": "died"}"#;
        assert_eq!(function_error("Unhandled", object).to_string(), "Exit: died");
        let array = br#"["Exit", "died"]"#;
        assert_eq!(function_error("Unhandled", array).to_string(), r#"Unhandled: ["Exit", "died"]"#);
    }

    #[test]
    fn a_start_that_was_tried_again_is_cold_without_an_init_duration() {
        let log = "INIT_REPORT Init Duration: 9.00 ms\tPhase: init\tStatus: error\t\nREPORT RequestId: a\tDuration: 3 ms\t\n";
        let log = base64::engine::general_purpose::STANDARD.encode(log);
        let reply = reply(&InvokeOutput::builder().log_result(log).build(), Ok(None));
        assert_eq!((reply.cold, reply.report.init_ns), (Some(true), None));
    }
}
