//! Failures of the function, as gRPC tells them.

use function_core::FunctionError;
use function_core::error::{INVALID_EVENT, RESPONSE_TOO_LARGE};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use super::workers::Failure;

/// The metadata that holds the name of the error.
const ERROR_TYPE: &str = "function-error-type";
/// The name of the error if a handler panics.
const PANICKED: &str = "HandlerPanicked";
/// How much of an error's message is sent, in bytes; clients accept few kilobytes of metadata.
const MAX_MESSAGE: usize = 2048;

/// The status of a failure. `metadata` is sent with it.
pub(crate) fn status(failure: Failure, mut metadata: MetadataMap) -> Status {
    let (code, error) = match failure {
        Failure::Refused(error) => (code(error.error_type), error),
        Failure::Panicked(message) => (Code::Internal, FunctionError { error_type: PANICKED, message }),
    };
    if let Ok(name) = MetadataValue::try_from(error.error_type) {
        metadata.insert(ERROR_TYPE, name);
    }
    let mut message = error.to_string();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    Status::with_metadata(code, message, metadata)
}

/// Whether the caller has to change the event, as far as the name of the error tells it.
fn code(error_type: &str) -> Code {
    match error_type {
        INVALID_EVENT | RESPONSE_TOO_LARGE => Code::InvalidArgument,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_a_code_a_message_and_the_name_of_the_error() {
        let other = FunctionError { error_type: "NoSuchKey", message: "no".to_owned() };
        for (failure, code, message, name) in [
            (
                Failure::Refused(FunctionError::invalid_event("x is 2.0")),
                Code::InvalidArgument,
                "InvalidEvent: x is 2.0",
                "InvalidEvent",
            ),
            (
                Failure::Refused(FunctionError::response_too_large("7 MB")),
                Code::InvalidArgument,
                "ResponseTooLarge: 7 MB",
                "ResponseTooLarge",
            ),
            (Failure::Refused(other), Code::Unknown, "NoSuchKey: no", "NoSuchKey"),
            (Failure::Panicked("oh".to_owned()), Code::Internal, "HandlerPanicked: oh", "HandlerPanicked"),
        ] {
            let status = status(failure, MetadataMap::new());
            assert_eq!((status.code(), status.message()), (code, message));
            assert_eq!(status.metadata().get(ERROR_TYPE).unwrap(), name);
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let error = FunctionError::invalid_event("ä".repeat(MAX_MESSAGE));
        let status = status(Failure::Refused(error), MetadataMap::new());
        assert!(status.message().len() <= MAX_MESSAGE && status.message().ends_with('ä'));
    }
}
