//! How a client names a function: by name, partial ARN or ARN, each with or without a version.

use crate::config::{ACCOUNT_ID, MAX_NAME, VERSION, function_arn, is_function_name};
use crate::refusal::Refusal;

/// Finds the name of the function that `reference` and `qualifier` ask for, in `region`.
///
/// # Errors
/// `InvalidParameter` if it cannot be the name of a function. `FunctionNotFound` if it names another account, region or
/// version.
pub(crate) fn resolve(reference: &str, qualifier: Option<&str>, region: &str) -> Result<String, Refusal> {
    let own_arn_prefix = function_arn(region, "");
    let own_partial_prefix = format!("{ACCOUNT_ID}:function:");
    let local = reference
        .strip_prefix(&own_arn_prefix)
        .or_else(|| reference.strip_prefix(&own_partial_prefix))
        .or_else(|| reference.strip_prefix("function:"))
        .unwrap_or(reference);
    if local.starts_with("arn:") {
        return Err(Refusal::FunctionNotFound(reference.to_owned()));
    }
    let (name, version) = match local.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (local, None),
    };
    check_name(name, reference)?;
    let qualifier = qualifier.filter(|qualifier| !qualifier.is_empty());
    if let (Some(version), Some(qualifier)) = (version, qualifier)
        && version != qualifier
    {
        return Err(Refusal::InvalidParameter(format!(
            "the function's name has the qualifier {version:?} but Qualifier is {qualifier:?}; expected the same"
        )));
    }
    match version.or(qualifier) {
        None | Some(VERSION) => Ok(name.to_owned()),
        Some(other) => Err(Refusal::FunctionNotFound(format!("{}:{other}", function_arn(region, name)))),
    }
}

fn check_name(name: &str, reference: &str) -> Result<(), Refusal> {
    if is_function_name(name) {
        return Ok(());
    }
    Err(Refusal::InvalidParameter(format!(
        "the function is {reference:?}; expected a name of 1 to {MAX_NAME} letters, digits, - and _, or an ARN"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_name_a_function() {
        for reference in [
            "f",
            "f:$LATEST",
            "function:f",
            "123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
        ] {
            assert_eq!(resolve(reference, None, "us-east-1"), Ok("f".to_owned()), "{reference}");
        }
        assert_eq!(resolve("f", Some("$LATEST"), "us-east-1"), Ok("f".to_owned()));
    }

    #[test]
    fn other_regions_accounts_and_versions_are_not_found() {
        for reference in [
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
            "f:3",
        ] {
            let error = resolve(reference, None, "us-east-1").unwrap_err();
            assert!(matches!(error, Refusal::FunctionNotFound(_)), "{reference}: {error:?}");
        }
        assert_eq!(
            resolve("f", Some("prod"), "us-east-1"),
            Err(Refusal::FunctionNotFound(
                "arn:aws:lambda:us-east-1:123456789012:function:f:prod".to_owned()
            ))
        );
    }

    #[test]
    fn qualifiers_that_differ_are_refused() {
        assert_eq!(resolve("f:$LATEST", Some("$LATEST"), "us-east-1"), Ok("f".to_owned()));
        let error = resolve("f:$LATEST", Some("7"), "us-east-1").unwrap_err();
        assert!(matches!(error, Refusal::InvalidParameter(_)), "{error:?}");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for reference in ["", "a b", "ä", &"x".repeat(65), "../etc/passwd"] {
            let error = resolve(reference, None, "us-east-1").unwrap_err();
            assert!(matches!(error, Refusal::InvalidParameter(_)), "{reference}: {error:?}");
        }
    }
}
