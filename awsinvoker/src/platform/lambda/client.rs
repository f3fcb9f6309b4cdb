//! The SDK client: configured so that it measures, neither retrying nor waiting without end.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{
    Credentials as AwsCredentials, ProvideCredentials as _, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_types::timeout::TimeoutConfig;

use crate::platform::error::StartError;
use crate::text::with_causes;

/// A connection that takes longer to be made counts as timed out, whatever the whole call is allowed.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// Idle connections are kept for this long. Servers of AWS close them sooner or later; the client notices.
const IDLE: Duration = Duration::from_secs(60);

/// The region that requests to a server on this machine are signed for, if none is configured.
const LOCAL_REGION: Region = Region::from_static("us-east-1");

/// How long a call may take unless it is configured.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where a Lambda is and how to speak to it.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The address of an Invoke API, if not AWS's own.
    pub(super) endpoint_url: Option<String>,
    /// Who calls.
    pub(super) credentials: Credentials,
    /// The AWS region, if not the configured one.
    pub(super) region: Option<String>,
    /// The profile in AWS's configuration files, if not the configured one.
    pub(super) profile: Option<String>,
    /// What a call may take altogether.
    pub(super) timeout: Duration,
    /// How many connections may be open at once.
    pub(super) connections: usize,
}

/// Where credentials and a default region come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// AWS's ordinary sources.
    Aws,
    /// Environment and profile, else placeholders: for a server on this machine. Never asks the network.
    AwsOrPlaceholder,
    /// Placeholders, so that no real ones reach a server that checks none.
    Placeholder,
}

impl Connection {
    /// To a server that checks no credentials.
    pub(super) fn at(endpoint_url: &str) -> Self {
        Self {
            endpoint_url: Some(endpoint_url.to_owned()),
            credentials: Credentials::Placeholder,
            region: None,
            profile: None,
            timeout: TIMEOUT,
            connections: 100,
        }
    }
}

/// Makes the client and checks that it has a region and credentials, so that a run does not fail call by call. Also
/// says where the client sends its calls.
pub(super) async fn connect(config: &Connection) -> Result<(Client, String), StartError> {
    let sdk_config = load(config).await;
    let region = sdk_config.region().ok_or(StartError::NoRegion)?;
    // The address may come from AWS_ENDPOINT_URL or a profile.
    let address = sdk_config.endpoint_url().map_or_else(|| format!("AWS Lambda in {region}"), str::to_owned);
    if let Some(provider) = sdk_config.credentials_provider() {
        let credentials = provider.provide_credentials().await;
        credentials.map_err(|error| StartError::NoCredentials(with_causes(&error)))?;
    }
    Ok((Client::new(&sdk_config), address))
}

async fn load(config: &Connection) -> SdkConfig {
    let http_client = http_client(config);
    let loader = common(config, http_client.clone());
    let given = config.region.clone().map(Region::new);
    let loader = match config.credentials {
        Credentials::Aws => match given {
            Some(region) => loader.region(region),
            None => loader,
        },
        Credentials::AwsOrPlaceholder => {
            let region = local_region(config, given).await;
            let credentials = local_credentials(config, region.clone(), http_client);
            loader.region(region).credentials_provider(credentials)
        }
        Credentials::Placeholder => {
            loader.region(given.unwrap_or(LOCAL_REGION)).credentials_provider(placeholder())
        }
    };
    loader.load().await
}

fn common(config: &Connection, http_client: SharedHttpClient) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(config.timeout.min(MAX_CONNECT))
        .operation_timeout(config.timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    loader
}

fn http_client(config: &Connection) -> SharedHttpClient {
    let builder = Builder::new()
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(config.connections)
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    let plain = config.endpoint_url.as_ref().is_some_and(|url| url.starts_with("http://"));
    // Reading the system's certificates takes milliseconds of the first call, for nothing if there is no TLS.
    match TlsContext::builder().with_trust_store(TrustStore::empty()).build() {
        Ok(no_roots) if plain => builder.tls_context(no_roots).build_https(),
        _ => builder.build_https(),
    }
}

/// The given region, or the one that the environment or the profile configures, or else any: nothing depends on it on
/// this machine.
async fn local_region(config: &Connection, given: Option<Region>) -> Region {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &config.profile {
        profile = profile.profile_name(name);
    }
    let configured = RegionProviderChain::first_try(given)
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    configured.region().await.unwrap_or(LOCAL_REGION)
}

fn local_credentials(
    config: &Connection,
    region: Region,
    http_client: SharedHttpClient,
) -> CredentialsProviderChain {
    let provider_config =
        ProviderConfig::without_region().with_region(Some(region)).with_http_client(http_client);
    let mut profile = ProfileFileCredentialsProvider::builder().configure(&provider_config);
    if let Some(name) = &config.profile {
        profile = profile.profile_name(name);
    }
    CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", profile.build())
        .or_else("Placeholder", placeholder())
}

fn placeholder() -> AwsCredentials {
    AwsCredentials::new("local", "local", None, None, "placeholder")
}
