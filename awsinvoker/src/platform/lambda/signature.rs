//! Signatures, version 4, by AWS's own crate for them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::template::Template;
use crate::text::sha256;

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignatureError {
    /// The crate refuses it.
    #[error("the request cannot be signed: {0}")]
    Signing(#[from] SigningError),
    /// A header of the request, or the session token, has characters that no header may have.
    #[error(
        "the request cannot be signed: a header or the session token has characters that no header may have"
    )]
    Header,
}

/// Signs the calls of one endpoint. A signature holds for a second: that is how exact its time is.
#[derive(Debug)]
pub(super) struct Signer {
    template: Template,
    payload_hash: String,
    latest: Mutex<Option<Signed>>,
}

/// Headers with a signature.
#[derive(Debug)]
struct Signed {
    second: u64,
    identity: Arc<Identity>,
    headers: HeaderMap,
}

impl Signer {
    /// For calls like this one.
    pub(super) fn new(template: Template, payload: &[u8]) -> Self {
        Self { template, payload_hash: sha256(payload), latest: Mutex::new(None) }
    }

    /// All headers of a call that is made now by this caller.
    pub(super) fn headers(
        &self,
        identity: &Arc<Identity>,
        now: SystemTime,
    ) -> Result<HeaderMap, SignatureError> {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = latest.as_ref()
            && signed.second == second
            && Arc::ptr_eq(&signed.identity, identity)
        {
            return Ok(signed.headers.clone());
        }
        let headers = self.sign(identity, now, &self.template.headers, self.payload_hash.clone())?;
        *latest = Some(Signed { second, identity: Arc::clone(identity), headers: headers.clone() });
        Ok(headers)
    }

    /// All headers of a call with another payload that is made now by this caller. They are of no use for another call.
    pub(super) fn headers_for(
        &self,
        payload: &[u8],
        identity: &Arc<Identity>,
        now: SystemTime,
    ) -> Result<HeaderMap, SignatureError> {
        let mut headers = self.template.headers.clone();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(payload.len()));
        self.sign(identity, now, &headers, sha256(payload))
    }

    fn sign(
        &self,
        identity: &Identity,
        time: SystemTime,
        headers: &HeaderMap,
        payload_hash: String,
    ) -> Result<HeaderMap, SignatureError> {
        let Template { url, scope, .. } = &self.template;
        let params = SigningParams::builder()
            .identity(identity)
            .region(&scope.region)
            .name(&scope.service)
            .time(time)
            .settings(SigningSettings::default())
            .build();
        let Ok(params) = params else { return Err(SignatureError::Header) };
        let text =
            |value: &HeaderValue| value.to_str().map(str::to_owned).map_err(|_| SignatureError::Header);
        let texts: Vec<(&str, String)> = headers
            .iter()
            .map(|(name, value)| Ok((name.as_str(), text(value)?)))
            .collect::<Result<_, SignatureError>>()?;
        let signable = SignableRequest::new(
            "POST",
            url.as_str(),
            texts.iter().map(|(name, value)| (*name, value.as_str())),
            SignableBody::Precomputed(payload_hash),
        )?;
        let (added, _) = sign(signable, &params.into())?.into_parts();
        let mut signed = headers.clone();
        for header in added.into_parts().0 {
            let mut value = HeaderValue::from_str(header.value()).map_err(|_| SignatureError::Header)?;
            value.set_sensitive(header.sensitive());
            signed.insert(HeaderName::from_static(header.name()), value);
        }
        Ok(signed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_lambda::config::Credentials;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

    use super::*;
    use crate::plan::endpoints::Endpoint;
    use crate::platform::lambda::template;

    fn sdk(region: &'static str, url: Option<&str>) -> SdkConfig {
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(region));
        builder.set_endpoint_url(url.map(str::to_owned));
        builder.build()
    }

    /// The time at which the SDK signed a request.
    fn time(request: &HttpRequest) -> SystemTime {
        let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = request.headers().get("x-amz-date").unwrap();
        time::PrimitiveDateTime::parse(date, format).unwrap().assume_utc().into()
    }

    /// What the SDK sends, and what is sent here, for the same call by the same caller at the same time. With another payload,
    /// what is sent here is made from the request for that.
    async fn both(
        sdk: &SdkConfig,
        credentials: &Credentials,
        endpoint: &Endpoint,
        other_payload: Option<&str>,
    ) -> [(String, String, HeaderMap); 2] {
        let theirs = template::caught(sdk, credentials.clone(), endpoint).await.unwrap();
        let payload = other_payload.unwrap_or(&endpoint.payload);
        let like = Endpoint { payload: payload.to_owned(), ..endpoint.clone() };
        let template = Template::new(sdk, credentials.clone(), &like).await.unwrap();
        let (url, path) = (template.url.clone(), template.uri.to_string());
        let signer = Signer::new(template, payload.as_bytes());
        let (identity, now) = (Arc::new(Identity::from(credentials.clone())), time(&theirs));
        let ours = match other_payload {
            None => signer.headers(&identity, now),
            Some(_) => signer.headers_for(endpoint.payload.as_bytes(), &identity, now),
        };
        let mut ours = ours.unwrap();
        // The SDK leaves this one to its HTTP client.
        assert_eq!(ours.remove("host").unwrap(), url.split('/').nth(2).unwrap().trim_end_matches(":443"));
        let mut headers = HeaderMap::new();
        for (name, value) in theirs.headers().iter().filter(|(name, _)| !name.starts_with("amz-sdk-")) {
            headers.append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        assert_eq!(theirs.method(), "POST");
        let sent = theirs.uri().splitn(4, '/').last().unwrap();
        [(theirs.uri().to_owned(), format!("/{sent}"), headers), (url, path, ours)]
    }

    #[tokio::test]
    async fn requests_are_those_of_the_sdk() {
        let static_key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let token = "IQoJb3JpZ2luX2VjEA//////////wEaCXVz+/=".to_owned();
        let temporary = Credentials::new("ASIAEXAMPLE", "sec/ret+", Some(token), None, "test");
        let names = [
            "chameleon",
            "cnn_serving:prod",
            "f:$LATEST",
            "123456789012:function:f",
            "arn:aws:lambda:eu-west-1:123456789012:function:f:7",
            "odd name/with ü%25 and+.~",
        ];
        let places = [
            sdk("eu-west-1", None),
            sdk("us-gov-west-1", None),
            sdk("us-east-1", Some("http://127.0.0.1:9000")),
            sdk("us-east-1", Some("https://proxy.example:443/prefix/")),
        ];
        for place in &places {
            for (name, credentials) in names.iter().zip([&static_key, &temporary].into_iter().cycle()) {
                for asynchronous in [false, true] {
                    let endpoint = Endpoint { asynchronous, ..Endpoint::new(name, r#"{"n": 1}"#) };
                    // The calls of a template are made from the request with another payload.
                    for other_payload in [None, Some(r#"{"n": "{{number}}"}"#)] {
                        let [theirs, ours] = both(place, credentials, &endpoint, other_payload).await;
                        assert!(theirs.2.contains_key("authorization"), "{theirs:?}");
                        assert_eq!(ours, theirs, "{name}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_signature_is_made_again_for_another_second_or_another_caller() {
        let caller = |id: &str| Credentials::new(id, "secret", None, None, "test");
        let endpoint = Endpoint::new("f", "null");
        let template = Template::new(&sdk("eu-west-1", None), caller("a"), &endpoint).await.unwrap();
        assert_eq!(template.address(), "https://lambda.eu-west-1.amazonaws.com");
        let signer = Signer::new(template, b"null");
        let authorization = |identity: &Arc<Identity>, ms: u64| {
            let headers = signer.headers(identity, UNIX_EPOCH + Duration::from_millis(ms)).unwrap();
            headers["authorization"].to_str().unwrap().to_owned()
        };
        let (a, b) = (Arc::new(caller("a").into()), Arc::new(caller("b").into()));
        let first = authorization(&a, 5_000);
        assert!(first.contains("Credential=a/19700101/eu-west-1/lambda/aws4_request"), "{first}");
        assert_eq!(authorization(&a, 5_999), first);
        assert_ne!(authorization(&a, 6_000), first);
        assert_eq!(authorization(&a, 5_000), first);
        assert!(authorization(&b, 5_000).contains("Credential=b/"));
    }
}
