//! Calls that the client reports as failed, sorted into outcomes.

use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use run_record::{Cause, Outcome, Reply};

use crate::text::{shortened, with_causes};

/// Longer messages are cut: they are for a line of the log.
pub(super) const MAX_MESSAGE_CHARS: usize = 300;

type Failure = SdkError<InvokeError, HttpResponse>;

/// What a failed call says.
pub(super) fn reply(failure: &Failure) -> Reply {
    let request_id = failure.request_id().map(str::to_owned);
    Reply { request_id, cause: Some(cause(failure)), ..Reply::with_outcome(outcome(failure)) }
}

/// The status decides rather than the exception's name, on which services and their documentation disagree.
fn outcome(failure: &Failure) -> Outcome {
    let status = failure.raw_response().map(|response| response.status().as_u16());
    match (failure, status) {
        (SdkError::TimeoutError(_), _) => Outcome::Timeout,
        (SdkError::DispatchFailure(dispatch), _) if dispatch.is_timeout() => Outcome::Timeout,
        (_, Some(429)) => Outcome::Throttled,
        (SdkError::ServiceError(_), _) | (_, Some(400..)) => Outcome::ServiceError,
        // What is left never became a complete answer: no connection, a broken one, or a request that could not be made.
        _ => Outcome::Transport,
    }
}

fn cause(failure: &Failure) -> Cause {
    let cause = |message: &str| Cause { message: shortened(message, MAX_MESSAGE_CHARS), ..Cause::default() };
    match failure {
        SdkError::ServiceError(service) => {
            let error = service.err().meta();
            Cause {
                status: Some(service.raw().status().as_u16()),
                code: error.code().map(str::to_owned),
                ..cause(error.message().unwrap_or("no message"))
            }
        }
        // The SDK's own words speak of retries, of which there are none.
        other if outcome(other) == Outcome::Timeout => cause("no complete answer within --timeout"),
        other => cause(&with_causes(other)),
    }
}
