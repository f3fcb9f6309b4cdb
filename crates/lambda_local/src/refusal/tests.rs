use super::*;

fn refused(refusal: Refusal) -> (u16, &'static str, Value) {
    let (status, name, body) = refusal.describe();
    (status.as_u16(), name, body)
}

#[test]
fn each_refusal_has_the_status_the_exception_and_the_message_of_lambda() {
    let violation =
        Violation { parameter: "qualifier", value: "!".to_owned(), constraint: Constraint::Longest(0) };
    for (refusal, status, name, message) in [
        (
            Refusal::FunctionNotFound("ARN".to_owned()),
            404,
            "ResourceNotFoundException",
            "Function not found: ARN",
        ),
        (
            Refusal::OtherRegion { asked: "A".to_owned(), own: "B".to_owned() },
            404,
            "ResourceNotFoundException",
            "Functions from 'A' are not reachable in this region ('B')",
        ),
        (
            violation.into(),
            400,
            "ValidationException",
            "1 validation error detected: Value '!' at 'qualifier' failed to satisfy constraint: Member must have length \
             less than or equal to 0",
        ),
        (Refusal::InvalidParameter("m".to_owned()), 400, "InvalidParameterValueException", "m"),
        (
            Refusal::InvalidContent("m".to_owned()),
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: m",
        ),
        (
            Refusal::InvalidBody("m".to_owned()),
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: m",
        ),
        (
            Refusal::AliasNotFound("ARN".to_owned()),
            404,
            "ResourceNotFoundException",
            "Cannot find alias arn: ARN",
        ),
        (
            Refusal::NothingProvisioned,
            404,
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
        ),
        (
            Refusal::OtherRevision,
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        ),
        (
            Refusal::InvalidContext,
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ),
        (
            Refusal::TooLarge { limit: 7, operation: "InvokeFunction" },
            413,
            "RequestEntityTooLargeException",
            "Request must be smaller than 7 bytes for the InvokeFunction operation",
        ),
        (
            Refusal::EventTooLarge { bytes: 9, limit: 8 },
            413,
            "RequestEntityTooLargeException",
            "9 byte payload is too large for the Event invocation type (limit 8 bytes)",
        ),
        (Throttled::Concurrency.into(), 429, "TooManyRequestsException", "Rate Exceeded."),
        (Throttled::EventQueue.into(), 429, "TooManyRequestsException", "Rate Exceeded."),
        (Refusal::ThrottledFor("R"), 429, "TooManyRequestsException", "Rate Exceeded."),
        (Refusal::Incomplete, 400, "InvalidRequestContentException", "the body ended early"),
        (
            Refusal::NotForWebPages("m".to_owned()),
            403,
            "AccessDeniedException",
            "lambda-local refuses what a web page may have sent: m",
        ),
        (
            Refusal::NotEmulated("X".to_owned()),
            501,
            "NotEmulatedException",
            "lambda-local does not emulate X",
        ),
        (
            Refusal::Unavailable("m".to_owned()),
            500,
            "ServiceException",
            "lambda-local cannot run the function: m",
        ),
        (Refusal::Stopping, 500, "ServiceException", "lambda-local is stopping"),
    ] {
        let (found_status, found_name, body) = refused(refusal);
        assert_eq!((found_status, found_name), (status, name));
        assert_eq!(body.get("message").or(body.get("Message")), Some(&json!(message)));
    }
}

#[test]
fn a_throttled_client_learns_why_and_when_to_try_again() {
    let account = "ConcurrentInvocationLimitExceeded";
    for (throttled, reason, retry_after) in [
        (Throttled::Concurrency, account, "1"),
        (Throttled::StartRate { wait_ns: 1 }, account, "1"),
        (Throttled::StartRate { wait_ns: 2_000_000_001 }, account, "3"),
        (Throttled::ReservedConcurrency, "ReservedFunctionConcurrentInvocationLimitExceeded", "1"),
        (Throttled::QueueMemory, "CallerRateLimitExceeded", "1"),
    ] {
        let refusal = Refusal::from(throttled);
        assert_eq!(refusal.clone().describe().2["Reason"], reason);
        let response = refusal.into_response();
        assert_eq!(response.headers()[RETRY_AFTER], retry_after, "{throttled:?}");
    }
}
