//! The client of S3, configured by AWS's ordinary environment variables and profiles.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;

use super::error::Problem;

/// A connection that takes longer counts as failed, whatever the whole fetch may take.
const MAX_CONNECT: Duration = Duration::from_secs(3);
/// The number of attempts, which is the SDK's default. An attempt that hangs gets this share of the whole time-out, so
/// that the next one has time left.
const ATTEMPTS: u32 = 3;
/// Idle connections are kept for this long. S3 closes them after some seconds, and a frozen environment does not notice.
const IDLE: Duration = Duration::from_secs(15);

/// Makes the client without a request to S3.
pub(super) async fn connect(timeout: Duration) -> Result<Client, Problem> {
    let attempt = timeout / ATTEMPTS;
    let timeouts =
        TimeoutConfig::builder().connect_timeout(attempt.min(MAX_CONNECT)).read_timeout(attempt).build();
    let http_client =
        Builder::new().pool_idle_timeout(IDLE).tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    // The time-out of the whole fetch covers a body that comes slowly or stops.
    let no_least_speed = StalledStreamProtectionConfig::disabled();
    let loader = loader.http_client(http_client).timeout_config(timeouts);
    let sdk_config = loader.stalled_stream_protection(no_least_speed).load().await;
    if sdk_config.region().is_none() {
        return Err(Problem::NoRegion);
    }
    // AWS has a host name for each bucket. A server at a configured address seldom has.
    let config = config::Builder::from(&sdk_config).force_path_style(has_endpoint(&sdk_config));
    Ok(Client::from_conf(config.build()))
}

/// Whether `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` or the profile names an address.
fn has_endpoint(sdk_config: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
    let own =
        sdk_config.service_config().zip(key.build().ok()).and_then(|(config, key)| config.load_config(key));
    own.is_some() || sdk_config.endpoint_url().is_some()
}
