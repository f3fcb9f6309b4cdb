//! Calls of AWS Lambda's Invoke API through the SDK.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;

use super::failure::MAX_MESSAGE_CHARS;
use super::{ClientError, LambdaConfig, Reply, answer, client, failure, log_tail};
use crate::endpoints::Endpoint;
use crate::sample::{Outcome, seconds_to_ns};
use crate::text::shortened;

/// One client for all calls, and what to send to each endpoint.
#[derive(Debug)]
pub struct LambdaTarget {
    client: Client,
    place: String,
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

impl LambdaTarget {
    /// Makes the client.
    ///
    /// # Errors
    /// No region is configured, or no credentials are found.
    pub async fn new(config: &LambdaConfig, endpoints: &[Endpoint]) -> Result<Self, ClientError> {
        let (client, place) = client::connect(config).await?;
        let requests = endpoints.iter().map(|endpoint| Request {
            function: endpoint.hostname.clone(),
            payload: Blob::new(endpoint.payload.as_bytes()),
            asynchronous: endpoint.asynchronous,
        });
        Ok(Self { client, place, requests: requests.collect() })
    }

    /// Where calls go, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Calls the endpoint of this index and waits for the complete answer.
    pub async fn call(&self, endpoint: usize) -> LambdaAnswer {
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

impl LambdaAnswer {
    /// The size of what the function answered.
    pub fn payload_bytes(&self) -> usize {
        self.result.as_ref().map_or(0, |output| payload(output).len())
    }

    /// Reads the answer.
    pub fn read(self) -> Reply {
        match &self.result {
            Ok(output) if self.asynchronous => reply(output, Ok(None)),
            Ok(output) => reply(output, sync_latency(output).map(Some)),
            Err(error) => failure::reply(error),
        }
    }
}

fn reply(output: &InvokeOutput, latency: Result<Option<f64>, (Outcome, String)>) -> Reply {
    let start = output.log_result().and_then(log_tail::start);
    let (outcome, function_latency_s, error) = match latency {
        Ok(latency) => (Outcome::Ok, latency, None),
        Err((outcome, message)) => (outcome, None, Some(shortened(&message, MAX_MESSAGE_CHARS))),
    };
    Reply {
        outcome,
        request_id: output.request_id().map(str::to_owned),
        function_latency_s,
        cold: start.map(|start| start.cold),
        init_ns: start.and_then(|start| start.init_ms).map(|ms| seconds_to_ns(ms / 1e3)),
        error,
    }
}

fn sync_latency(output: &InvokeOutput) -> Result<f64, (Outcome, String)> {
    match output.function_error() {
        Some(kind) => Err((Outcome::FunctionError, function_error(kind, payload(output)))),
        None => answer::latency_s(payload(output)).map_err(|error| (Outcome::BadAnswer, error.to_string())),
    }
}

fn function_error(kind: &str, payload: &[u8]) -> String {
    match answer::object::<FunctionError>(payload) {
        Ok(FunctionError { error_type, error_message }) => {
            let error_type = error_type.unwrap_or_else(|| kind.to_owned());
            format!("{error_type}: {}", error_message.unwrap_or_else(|| "no message".to_owned()))
        }
        Err(_) => format!("{kind}: {}", String::from_utf8_lossy(payload)),
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
        assert_eq!(function_error("Unhandled", object), "Exit: died");
        assert_eq!(function_error("Unhandled", br#"["Exit", "died"]"#), r#"Unhandled: ["Exit", "died"]"#);
    }

    #[test]
    fn a_start_that_was_tried_again_is_cold_without_an_init_duration() {
        let log = "INIT_REPORT Init Duration: 9.00 ms\tPhase: init\tStatus: error\t\nREPORT RequestId: a\tDuration: 3 ms\t\n";
        let log = base64::engine::general_purpose::STANDARD.encode(log);
        let reply = reply(&InvokeOutput::builder().log_result(log).build(), Ok(None));
        assert_eq!((reply.cold, reply.init_ns), (Some(true), None));
    }
}
