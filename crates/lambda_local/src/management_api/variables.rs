//! What environment variables a client may give to a function. Pure.

use serde_json::{Map, Value};

use crate::refusal::{Constraint, Refusal, Violation};

/// Lambda's pattern of a variable's name. A refusal shows it.
const NAME: &str = "[a-zA-Z]([a-zA-Z0-9_])+";
/// How much the variables of a function may have together, as JSON, in bytes.
const MAX_BYTES: usize = 4096;
/// What Lambda sets itself.
const RESERVED: [&str; 16] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Checks variables that a client gives.
///
/// # Errors
/// If a name is not one of a variable, or is one that Lambda sets, or all together are too large.
pub(super) fn check_variables(variables: &[(String, String)]) -> Result<(), Refusal> {
    if variables.iter().any(|(name, _)| !is_name(name)) {
        let constraint = Constraint::Keys(NAME);
        let violation = Violation { parameter: "environment.variables", value: String::new(), constraint };
        return Err(violation.into());
    }
    let reserved = variables.iter().map(|(name, _)| name.as_str()).filter(|name| RESERVED.contains(name));
    let reserved: Vec<&str> = reserved.collect();
    if !reserved.is_empty() {
        return Err(Refusal::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let measured: Map<String, Value> =
        variables.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    let measured = Value::Object(measured).to_string();
    if measured.len() > MAX_BYTES {
        return Err(Refusal::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    // The system ends a value there.
    if let Some((name, _)) = variables.iter().find(|(_, value)| value.contains('\0')) {
        return Err(Refusal::InvalidParameter(format!(
            "the variable {name} contains the character U+0000; expected none"
        )));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)]) -> Result<(), String> {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check_variables(&variables).map_err(|refusal| refusal.describe().2["message"].to_string())
    }

    #[test]
    fn names_of_variables() {
        for name in ["AB", "a1", "PATH", "A_", "zz9"] {
            assert_eq!(check(&[(name, "1")]), Ok(()), "{name}");
        }
        for name in ["", "A", "1A", "_A", "A-B", "A B", "Ä1", "A=B"] {
            let error = check(&[(name, "1")]).unwrap_err();
            assert!(error.contains("Value at 'environment.variables' failed"), "{name}: {error}");
        }
        let error = check(&[("AWS_REGION", "x"), ("AB", ""), ("LAMBDA_TASK_ROOT", "y")]).unwrap_err();
        assert!(error.ends_with("used in this request: AWS_REGION, LAMBDA_TASK_ROOT\""), "{error}");
    }

    #[test]
    fn all_variables_together_have_4096_bytes() {
        // {"AB":"..."} has nine bytes more than the value.
        assert_eq!(check(&[("AB", &"x".repeat(4087))]), Ok(()));
        let error = check(&[("AB", &"x".repeat(4088))]).unwrap_err();
        assert!(error.contains(r#"exceeded the 4KB limit. String measured: {\"AB\":\"xxx"#), "{error}");
        let error = check(&[("AB", "a\0b")]).unwrap_err();
        assert!(error.contains("the variable AB contains the character U+0000"), "{error}");
    }
}
