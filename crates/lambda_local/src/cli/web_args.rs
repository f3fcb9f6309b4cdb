//! The flags that say which web pages may send requests, and by which host names clients may call the server.

use axum::http::Uri;
use clap::Args;

#[derive(Debug, Clone, Args)]
pub(super) struct WebArgs {
    /// A web page, by its origin (http://localhost:3000), that may call the functions. Requests of all other pages are
    /// refused. May be repeated.
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(super) origins: Vec<String>,

    /// A name of this machine that clients may call it by, beside localhost and the address of --listen. Others are
    /// refused, since web pages can use them. May be repeated.
    #[arg(long = "allow-host", value_name = "NAME", value_parser = parse_host)]
    pub(super) hosts: Vec<String>,
}

/// An origin as browsers send it: the scheme, the host and, if it is not that of the scheme, the port.
fn parse_origin(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok().filter(|uri: &Uri| uri.path() == "/" && uri.query().is_none());
    let known =
        uri.as_ref().and_then(Uri::scheme_str).is_some_and(|scheme| ["http", "https"].contains(&scheme));
    let plain = !text.ends_with('/') && !text.contains(['@', '*']) && *text == text.to_ascii_lowercase();
    if known && plain {
        Ok(text.to_owned())
    } else {
        Err("expected the origin of a page, as a browser sends it: http://localhost:3000".to_owned())
    }
}

fn parse_host(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !text.is_empty() && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a host, without a port".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for origin in
            ["http://localhost:3000", "https://app.example", "http://[::1]:8080", "http://127.0.0.1"]
        {
            assert_eq!(parse_origin(origin).as_deref(), Ok(origin));
        }
        for other in [
            "*",
            "null",
            "localhost:3000",
            "http://a/",
            "http://a/b",
            "http://A",
            "file:///x",
            "http://a?b",
            "",
        ] {
            assert!(parse_origin(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_host_is_a_name_without_a_port() {
        assert_eq!(parse_host("lambda.local").as_deref(), Ok("lambda.local"));
        for other in ["a:1", "", "a b", "http://a", "*"] {
            assert!(parse_host(other).is_err(), "{other}");
        }
    }
}
