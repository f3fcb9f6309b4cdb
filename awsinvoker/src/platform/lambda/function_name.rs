//! Names by which Lambda functions are called.

/// The bare function name in `NAME[:QUALIFIER]`, `ACCOUNT:function:NAME[:QUALIFIER]` or
/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`; `None` if `hostname` is none of them.
pub(super) fn bare(hostname: &str) -> Option<&str> {
    let parts: Vec<&str> = hostname.split(':').collect();
    let name_and_qualifier = match parts.as_slice() {
        [partition_prefix, partition, "lambda", region, account, "function", rest @ ..] => {
            let valid =
                *partition_prefix == "arn" && is_token(partition) && is_token(region) && is_account(account);
            valid.then_some(rest)?
        }
        [account, "function", rest @ ..] if is_account(account) => rest,
        rest => rest,
    };
    match name_and_qualifier {
        [name] if is_name(name) => Some(name),
        [name, qualifier] if is_name(name) && is_qualifier(qualifier) => Some(name),
        _ => None,
    }
}

/// The qualifier of such a name, if it has one.
pub(in crate::platform) fn qualifier(hostname: &str) -> Option<&str> {
    let (unqualified, qualifier) = hostname.rsplit_once(':')?;
    // What stands behind the last colon is the name if nothing before it can be one.
    bare(unqualified).filter(|_| bare(hostname).is_some()).map(|_| qualifier)
}

/// Such a name without its qualifier.
pub(super) fn unqualified(hostname: &str) -> &str {
    qualifier(hostname).map_or(hostname, |qualifier| &hostname[..hostname.len() - qualifier.len() - 1])
}

fn is_name(text: &str) -> bool {
    text.len() <= 64 && is_token(text)
}

fn is_qualifier(text: &str) -> bool {
    text.len() <= 128 && (text == "$LATEST" || is_token(text))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_name() {
        let forms = [
            "cnn_serving",
            "cnn_serving:prod",
            "cnn_serving:$LATEST",
            "123456789012:function:cnn_serving",
            "123456789012:function:cnn_serving:7",
            "arn:aws:lambda:eu-west-1:123456789012:function:cnn_serving",
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:cnn_serving:$LATEST",
        ];
        for form in forms {
            assert_eq!(bare(form), Some("cnn_serving"), "{form}");
        }
        let qualifiers = [None, Some("prod"), Some("$LATEST"), None, Some("7"), None, Some("$LATEST")];
        assert_eq!(forms.map(qualifier), qualifiers);
        assert_eq!((unqualified(forms[4]), unqualified(forms[5])), (forms[3], forms[5]));
    }

    #[test]
    fn what_is_no_name() {
        let long = "n".repeat(65);
        let refused = [
            "",
            ":",
            "a b",
            "aes-go.default.127.0.0.1.sslip.io",
            "http://x",
            "f:",
            "f:a:b",
            "12:function:f",
            "é",
            &long,
            "arn:aws:s3:::bucket",
            "arn:aws:lambda:eu-west-1:1:function:f",
            "f,g",
            "f:$OTHER",
        ];
        for text in refused {
            assert_eq!(bare(text), None, "{text}");
        }
    }
}
