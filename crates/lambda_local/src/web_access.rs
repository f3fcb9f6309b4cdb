//! Which requests the servers of this crate answer, although web pages can send requests to it, too.
//!
//! A browser sends what any page asks it to, also to loopback, and a page under an attacker's name can have that name
//! resolve to loopback. So a request is refused if it
//!
//! - has an `Origin`, unless that page was allowed,
//! - has a `Sec-Fetch-Site` that says that another page sent it, or
//! - is for a `Host` that is neither this machine nor a name that was allowed.
//!
//! Programs other than browsers send neither `Origin` nor `Sec-Fetch-Site`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, VARY,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::refusal::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Who may send requests.
#[derive(Debug, Clone)]
pub(crate) struct WebAccess {
    /// The origins of the pages that may.
    pub(crate) origins: Vec<String>,
    /// The names, beside loopback and its address, under which the server may be called.
    pub(crate) hosts: Vec<String>,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
}

impl WebAccess {
    /// Access for programs of this machine alone.
    pub(crate) fn for_programs(address: SocketAddr) -> Self {
        Self { origins: Vec::new(), hosts: Vec::new(), address }
    }

    /// Puts the check in front of all routes.
    pub(crate) fn guard(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self), admit))
    }

    /// Decides on a request. Returns the origin of the page that sent it, if it is one that may.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        self.check_host(uri, headers)?;
        let mut allowed = None;
        for origin in headers.get_all(ORIGIN) {
            if !self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()) {
                return Err(refused(
                    "Origin",
                    origin,
                    "start lambda-local with --allow-origin and this origin if the page may call the functions",
                ));
            }
            allowed = Some(origin.clone());
        }
        let site = headers.get(SEC_FETCH_SITE).filter(|_| allowed.is_none());
        match site.filter(|site| *site != "same-origin" && *site != "none") {
            None => Ok(allowed),
            Some(site) => Err(refused("Sec-Fetch-Site", site, "expected same-origin or none")),
        }
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(authority) = uri.authority().filter(|authority| !self.is_own(authority.host())) {
            return Err(not_own(&HeaderValue::from_str(authority.as_str()).unwrap_or(INVALID)));
        }
        for host in headers.get_all(HOST) {
            let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
            if !authority.is_some_and(|authority| self.is_own(authority.host())) {
                return Err(not_own(host));
            }
        }
        Ok(())
    }

    /// Whether `host` means this machine whoever resolves it, or was allowed. If the server listens on all addresses,
    /// each address that a client used is one of them. No page can have an address that is not its own.
    fn is_own(&self, host: &str) -> bool {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match address.map(|address| address.to_canonical()) {
            Some(address) => {
                let own = self.address.ip();
                address.is_loopback() || own.is_unspecified() || address == own.to_canonical()
            }
            None => {
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name))
            }
        }
    }
}

const INVALID: HeaderValue = HeaderValue::from_static("?");

fn not_own(host: &HeaderValue) -> Refusal {
    refused(
        "Host",
        host,
        "expected localhost or the address that lambda-local listens on; start it with --allow-host and this name if \
         that is meant",
    )
}

fn refused(header: &str, value: &HeaderValue, advice: &str) -> Refusal {
    let value = String::from_utf8_lossy(value.as_bytes());
    Refusal::NotForWebPages(format!("{header} is {value:?}; {advice}"))
}

async fn admit(State(access): State<Arc<WebAccess>>, request: Request, next: Next) -> Response {
    let origin = match access.check(request.uri(), request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(origin)) => origin,
        Err(refusal) => return refusal.into_response(),
    };
    let asks =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if asks { permission(request.headers()) } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// The answer to a browser that asks whether its page may send a request.
fn permission(asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE"));
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    if asked.contains_key(REQUEST_PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listening: &str) -> WebAccess {
        WebAccess {
            origins: vec!["http://app.example:3000".to_owned()],
            hosts: vec!["lambda".to_owned()],
            address: listening.parse().unwrap(),
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn only_this_machine_is_a_host() {
        for (listening, host, expected) in [
            ("127.0.0.1:9000", "localhost:9000", true),
            ("127.0.0.1:9000", "LOCALHOST", true),
            ("127.0.0.1:9000", "localhost.", true),
            ("127.0.0.1:9000", "f.localhost:1", true),
            ("127.0.0.1:9000", "127.0.0.1:9000", true),
            ("127.0.0.1:9000", "127.8.9.1", true),
            ("127.0.0.1:9000", "[::1]:9000", true),
            ("127.0.0.1:9000", "[::ffff:127.0.0.1]:9000", true),
            ("127.0.0.1:9000", "lambda:9000", true),
            ("127.0.0.1:9000", "evil.example:9000", false),
            ("127.0.0.1:9000", "localhost.evil.example", false),
            ("127.0.0.1:9000", "127.0.0.1.evil.example", false),
            ("127.0.0.1:9000", "notlocalhost", false),
            ("127.0.0.1:9000", "192.168.0.5:9000", false),
            ("127.0.0.1:9000", "", false),
            ("127.0.0.1:9000", "a b", false),
            ("127.0.0.1:9000", "ä", false),
            ("192.168.0.5:9000", "192.168.0.5:9000", true),
            ("192.168.0.5:9000", "192.168.0.6:9000", false),
            ("0.0.0.0:9000", "192.168.0.5:9000", true),
            ("[::]:9000", "[fe80::1]:9000", true),
            ("0.0.0.0:9000", "evil.example", false),
        ] {
            let checked = access(listening).check(&Uri::from_static("/"), &headers(&[("host", host)]));
            assert_eq!(checked.is_ok(), expected, "{host} at {listening}: {checked:?}");
        }
        let access = access("127.0.0.1:9000");
        let both = headers(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(access.check(&Uri::from_static("/"), &both).is_err(), "one of two hosts is another one");
        let none = HeaderMap::new();
        assert!(access.check(&Uri::from_static("/"), &none).is_ok(), "a client of HTTP/1.0 is no browser");
        assert!(access.check(&Uri::from_static("http://evil.example/"), &none).is_err());
        assert!(access.check(&Uri::from_static("http://localhost:9000/"), &none).is_ok());
    }

    #[test]
    fn pages_are_refused_unless_their_origin_was_allowed() {
        const OWN: &str = "http://app.example:3000";
        for (lines, expected) in [
            (&[][..], Some(None)),
            (&[("origin", OWN)], Some(Some(OWN))),
            (&[("origin", OWN), ("sec-fetch-site", "cross-site")], Some(Some(OWN))),
            (&[("sec-fetch-site", "none")], Some(None)),
            (&[("sec-fetch-site", "same-origin")], Some(None)),
            (&[("sec-fetch-site", "cross-site")], None),
            (&[("sec-fetch-site", "same-site")], None),
            (&[("origin", "http://evil.example")], None),
            (&[("origin", "http://app.example")], None),
            (&[("origin", "null")], None),
            (&[("origin", "")], None),
            (&[("origin", OWN), ("origin", "http://evil.example")], None),
        ] {
            let checked = access("127.0.0.1:9000").check(&Uri::from_static("/"), &headers(lines));
            let found = checked.as_ref().ok().map(|origin| origin.as_ref().map(|o| o.to_str().unwrap()));
            assert_eq!(found, expected, "{lines:?}: {checked:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let page = headers(&[("origin", "http://evil.example")]);
        let Err(Refusal::NotForWebPages(reason)) =
            access("127.0.0.1:9000").check(&Uri::from_static("/"), &page)
        else {
            panic!("not refused")
        };
        assert!(
            reason.contains("Origin is \"http://evil.example\"; start lambda-local with --allow-origin"),
            "{reason}"
        );
    }
}
