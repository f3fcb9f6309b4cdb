//! The status of an answer, sorted into outcomes.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use run_record::Outcome;

/// The codes of gRPC by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A code of gRPC that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u8);

impl Code {
    pub(super) const OK: Self = Self(0);
    const UNKNOWN: Self = Self(2);

    /// The code that `grpc-status` names. One that is not known stands for UNKNOWN, as the specification demands.
    pub(super) fn read(grpc_status: &str) -> Self {
        let known = grpc_status.parse().ok().filter(|code| usize::from(*code) < NAMES.len());
        known.map_or(Self::UNKNOWN, Self)
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// How a call with this code ended. `is_function` says whether the function named the type of its error, and `is_late`
    /// whether the time-out was over when the answer came.
    pub(super) fn outcome(self, is_function: bool, is_late: bool) -> Outcome {
        match self.name() {
            "OK" => Outcome::Ok,
            // A server that keeps the time-out itself says so, sometimes before the client looks at the time.
            "CANCELLED" if is_late => Outcome::Timeout,
            _ if is_function => Outcome::FunctionError,
            // What servers answer with if a handler fails or refuses what it was given.
            "UNKNOWN" | "INVALID_ARGUMENT" => Outcome::FunctionError,
            "DEADLINE_EXCEEDED" => Outcome::Timeout,
            "RESOURCE_EXHAUSTED" => Outcome::Throttled,
            // A proxy on the way says so if it has no connection to the function, or if that broke.
            "UNAVAILABLE" => Outcome::Transport,
            _ => Outcome::ServiceError,
        }
    }
}

/// How a call ended whose answer has no status of gRPC: as it would on Lambda.
pub(super) fn http_outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Throttled,
        _ => Outcome::ServiceError,
    }
}

/// The text of `grpc-message`, which is percent-encoded.
pub(super) fn message(grpc_message: &str) -> String {
    percent_decode_str(grpc_message).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_an_outcome() {
        let table: Vec<String> = (0..=17)
            .map(|code: u8| {
                let code = Code::read(&code.to_string());
                format!(
                    "{} {} {}",
                    code.name(),
                    code.outcome(false, false).name(),
                    code.outcome(true, false).name()
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        OK ok ok
        CANCELLED service_error function_error
        UNKNOWN function_error function_error
        INVALID_ARGUMENT function_error function_error
        DEADLINE_EXCEEDED timeout function_error
        NOT_FOUND service_error function_error
        ALREADY_EXISTS service_error function_error
        PERMISSION_DENIED service_error function_error
        RESOURCE_EXHAUSTED throttled function_error
        FAILED_PRECONDITION service_error function_error
        ABORTED service_error function_error
        OUT_OF_RANGE service_error function_error
        UNIMPLEMENTED service_error function_error
        INTERNAL service_error function_error
        UNAVAILABLE transport function_error
        DATA_LOSS service_error function_error
        UNAUTHENTICATED service_error function_error
        UNKNOWN function_error function_error
        ");
        assert_eq!(Code::read("1").outcome(false, true), Outcome::Timeout);
        assert_eq!(Code::read("0").outcome(false, true), Outcome::Ok);
        for text in ["", "-1", "OK", "256", "0x0"] {
            assert_eq!(Code::read(text), Code::UNKNOWN, "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_status_is_sorted_as_on_lambda() {
        let outcome = |status: u16| http_outcome(StatusCode::from_u16(status).unwrap());
        assert_eq!(
            [404, 429, 500, 503].map(outcome),
            [Outcome::ServiceError, Outcome::Throttled, Outcome::ServiceError, Outcome::ServiceError]
        );
    }

    #[test]
    fn messages_are_decoded_whatever_they_are() {
        assert_eq!(message("caf%C3%A9 100%25"), "café 100%");
        assert_eq!(message("%zz%E9%"), "%zz\u{fffd}%");
    }
}
