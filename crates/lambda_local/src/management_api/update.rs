//! What a client changes, read from the body of its request. Pure.

use super::body::Fields;
use super::variables::check_variables;
use crate::config::{MEMORY_MB, TIMEOUT_S};
use crate::refusal::{Constraint, Refusal};

/// The largest body of a request, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 5120;
/// The longest description of a function, in characters.
const MAX_DESCRIPTION: usize = 256;
/// The largest count that the API has a type for.
const MAX_COUNT: usize = 0x7fff_ffff;

/// What `UpdateFunctionConfiguration` changes. What is `None` stays as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) memory_mb: Option<u32>,
    /// In seconds.
    pub(super) timeout: Option<u64>,
    /// All variables of the function.
    pub(super) environment: Option<Vec<(String, String)>>,
    pub(super) description: Option<String>,
    /// The revision that the client has seen. Another one is not changed.
    pub(super) revision: Option<String>,
}

impl Update {
    /// Reads the body.
    ///
    /// # Errors
    /// If the body is not a JSON object, or a field has a value that it cannot have, or is not emulated.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut fields = Fields::read(body)?;
        let memory = fields.number("MemorySize", "memorySize", &MEMORY_MB)?;
        let timeout = fields.number("Timeout", "timeout", &TIMEOUT_S)?;
        let description = fields.string("Description")?;
        if let Some(text) = description.as_ref().filter(|text| text.chars().count() > MAX_DESCRIPTION) {
            fields.violate("description", text, Constraint::Longest(MAX_DESCRIPTION));
        }
        let revision = fields.string("RevisionId")?;
        let environment = fields.variables()?;
        fields.finish("UpdateFunctionConfiguration")?;
        if let Some(variables) = &environment {
            check_variables(variables)?;
        }
        Ok(Self { memory_mb: memory, timeout, environment, description, revision })
    }
}

/// Reads the body of `PutFunctionConcurrency`.
///
/// # Errors
/// If it does not hold how many requests are to be reserved, and nothing else.
pub(super) fn read_reserved(body: &[u8]) -> Result<usize, Refusal> {
    read_count(body, "ReservedConcurrentExecutions", "reservedConcurrentExecutions", 0)
}

/// Reads the body of `PutProvisionedConcurrencyConfig`.
///
/// # Errors
/// If it does not hold how many environments are to be provisioned, and nothing else.
pub(super) fn read_provisioned(body: &[u8]) -> Result<usize, Refusal> {
    read_count(body, "ProvisionedConcurrentExecutions", "provisionedConcurrentExecutions", 1)
}

fn read_count(
    body: &[u8],
    field: &'static str,
    parameter: &'static str,
    least: usize,
) -> Result<usize, Refusal> {
    let mut fields = Fields::read(body)?;
    let count = fields.required_number(field, parameter, &(least..=MAX_COUNT))?;
    fields.finish("this operation")?;
    count.ok_or_else(|| Refusal::InvalidBody(format!("{field} is not a count")))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn refused(refusal: &Refusal) -> (u16, &'static str, String) {
        let (status, name, body) = refusal.clone().describe();
        let message = body.get("message").or(body.get("Message")).and_then(Value::as_str).unwrap_or_default();
        (status.as_u16(), name, message.to_owned())
    }

    #[test]
    fn an_update_changes_what_it_names() {
        let all = r#"{"MemorySize": 1024, "Timeout": 900, "Description": "d", "RevisionId": "r",
                      "Environment": {"Variables": {"AB": "1", "CD": ""}}}"#;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            Update::read(all.as_bytes()),
            Ok(Update {
                memory_mb: Some(1024),
                timeout: Some(900),
                environment: Some(vec![pair("AB", "1"), pair("CD", "")]),
                description: Some("d".to_owned()),
                revision: Some("r".to_owned()),
            })
        );
        for nothing in ["", "{}", r#"{"MemorySize": null, "Environment": null, "Role": null}"#] {
            assert_eq!(Update::read(nothing.as_bytes()), Ok(Update::default()), "{nothing}");
        }
        for no_variables in [r#"{"Environment": {}}"#, r#"{"Environment": {"Variables": {}}}"#] {
            let update = Update::read(no_variables.as_bytes()).unwrap();
            assert_eq!(
                update,
                Update { environment: Some(Vec::new()), ..Update::default() },
                "{no_variables}"
            );
        }
    }

    #[test]
    fn bad_updates_are_refused_in_the_words_of_lambda() {
        let long = format!(r#"{{"Description": "{}"}}"#, "x".repeat(257));
        let one = "1 validation error detected: ";
        for (body, status, name, expected) in [
            (
                r#"{"MemorySize": 127}"#,
                400,
                "ValidationException",
                "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: Member must have \
                 value greater than or equal to 128",
            ),
            (
                r#"{"MemorySize": 10241, "Timeout": 0}"#,
                400,
                "ValidationException",
                "2 validation errors detected: Value '10241' at 'memorySize' failed to satisfy constraint: Member must \
                 have value less than or equal to 10240; Value '0' at 'timeout' failed to satisfy constraint: Member must \
                 have value greater than or equal to 1",
            ),
            (r#"{"MemorySize": -99999999999}"#, 400, "ValidationException", one),
            (r#"{"Timeout": 901}"#, 400, "ValidationException", one),
            (&long, 400, "ValidationException", one),
            (
                r#"{"Environment": {"Variables": {"A-B": "1"}}}"#,
                400,
                "ValidationException",
                "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys \
                 must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
            ),
            (
                r#"{"Environment": {"Variables": {"AWS_REGION": "x", "AB": "1"}}}"#,
                400,
                "InvalidParameterValueException",
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
                 this request: AWS_REGION",
            ),
            (
                r#"{"MemorySize": "512"}"#,
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: MemorySize is \"512\"; expected a whole number",
            ),
            (
                r#"{"MemorySize": 1.5}"#,
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: ",
            ),
            (
                r#"{"Environment": 1}"#,
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: ",
            ),
            (
                "[]",
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: expected an object",
            ),
            ("{", 400, "InvalidRequestContentException", "Could not parse request body into json: EOF"),
            (
                r#"{"Role": "r", "Layers": []}"#,
                501,
                "NotEmulatedException",
                "lambda-local does not emulate Layers, Role of UpdateFunctionConfiguration",
            ),
        ] {
            let refusal = Update::read(body.as_bytes()).unwrap_err();
            let (found_status, found_name, message) = refused(&refusal);
            assert_eq!((found_status, found_name), (status, name), "{body}: {message}");
            assert!(message.starts_with(expected), "{body}: {message}");
        }
    }

    #[test]
    fn counts_have_a_minimum() {
        let message = |refusal| refused(&refusal).2;
        let reserved = |body: &str| read_reserved(body.as_bytes()).map_err(message);
        let provisioned = |body: &str| read_provisioned(body.as_bytes()).map_err(message);
        assert_eq!(reserved(r#"{"ReservedConcurrentExecutions": 0}"#), Ok(0));
        assert_eq!(provisioned(r#"{"ProvisionedConcurrentExecutions": 7}"#), Ok(7));
        for (read, body, expected) in [
            (
                provisioned("{\"ProvisionedConcurrentExecutions\": 0}"),
                "0",
                "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy \
                 constraint: Member must have value greater than or equal to 1",
            ),
            (
                reserved("{}"),
                "nothing",
                "1 validation error detected: Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: \
                 Member must not be null",
            ),
            (
                reserved("{\"ReservedConcurrentExecutions\": -1}"),
                "-1",
                "1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: \
                 Member must have value greater than or equal to 0",
            ),
            (
                reserved("{\"ReservedConcurrentExecutions\": 1, \"Other\": 2}"),
                "another field",
                "lambda-local does not emulate Other of this operation",
            ),
        ] {
            assert_eq!(read, Err(expected.to_owned()), "{body}");
        }
    }
}
