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

/// A server that takes longer to be connected to counts as unreachable, whatever the whole fetch is allowed.
const MAX_CONNECT: Duration = Duration::from_secs(3);
/// So many attempts are made, as the SDK does by default. One that hangs gets its share of the whole, so that others
/// may follow; the whole bounds them and the pauses between.
const ATTEMPTS: u32 = 3;
/// Idle connections are kept for so long. S3 closes them after some seconds, and a frozen environment does not see it.
const IDLE: Duration = Duration::from_secs(15);

/// Makes the client; nothing is asked of S3 yet.
pub(super) async fn connect(timeout: Duration) -> Result<Client, Problem> {
    let attempt = timeout / ATTEMPTS;
    let timeouts =
        TimeoutConfig::builder().connect_timeout(attempt.min(MAX_CONNECT)).read_timeout(attempt).build();
    let http_client =
        Builder::new().pool_idle_timeout(IDLE).tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    // A body that comes slowly, or stops coming, is a matter of the time-out of the whole.
    let no_least_speed = StalledStreamProtectionConfig::disabled();
    let loader = loader.http_client(http_client).timeout_config(timeouts);
    let sdk_config = loader.stalled_stream_protection(no_least_speed).load().await;
    if sdk_config.region().is_none() {
        return Err(Problem::NoRegion);
    }
    // A store at an address of its own has seldom a host name for each bucket; AWS itself prefers one.
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
