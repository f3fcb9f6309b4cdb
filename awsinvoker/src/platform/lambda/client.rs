//! What AWS's SDK finds in flags, variables and files: the region, the credentials, the address, and whom to trust.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{
    Credentials as AwsCredentials, ProvideCredentials as _, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::os_shim_internal::{Env, Fs};

use super::transport::HttpVersion;
use crate::env_vars;
use crate::platform::error::StartError;
use crate::platform::http::{Settings, TlsError, Trust};
use crate::text::with_causes;

/// The region that requests to a server on this machine are signed for, if none is configured.
const LOCAL_REGION: Region = Region::from_static("us-east-1");

/// For the sources of credentials, and for calls of other operations.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call may take unless it is configured.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where a Lambda is and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Whether connections are used again.
    pub(super) pooled: bool,
    /// How many connections are made before the start.
    pub(super) warm_connections: u32,
    /// What calls speak.
    pub(super) http: HttpVersion,
}

/// What the SDK found.
#[derive(Debug)]
pub(super) struct Sdk {
    /// All of it, also for calls of other operations.
    pub(super) config: SdkConfig,
    /// Who calls at first.
    pub(super) credentials: AwsCredentials,
    /// Which servers are trusted.
    pub(super) trust: Trust,
}

/// Where credentials and a default region come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// AWS's ordinary sources. A profile that is named counts for more than the environment, as with AWS's own tools.
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
            pooled: true,
            warm_connections: 0,
            http: HttpVersion::default(),
        }
    }

    /// How calls are made.
    pub(super) fn settings(&self, trust: Trust) -> Settings {
        Settings { timeout: self.timeout, pooled: self.pooled, trust }
    }
}

/// Finds the configuration, and checks that it has a region and credentials, so that a run does not fail call by call.
pub(super) async fn load(config: &Connection) -> Result<Sdk, StartError> {
    let profiles = profiles(config).await?;
    let trust = trust(&profiles);
    let http_client = http_client(config, &trust).map_err(|error| StartError::Tls(error.to_string()))?;
    let config = sdk_config(config, http_client).await;
    config.region().ok_or(StartError::NoRegion)?;
    let provider = config.credentials_provider();
    let provider = provider.ok_or_else(|| StartError::NoCredentials("no source is configured".to_owned()))?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|error| StartError::NoCredentials(with_causes(&error)))?;
    Ok(Sdk { config, credentials, trust })
}

/// AWS's configuration files, in which the profile that was asked for has to be.
async fn profiles(config: &Connection) -> Result<ProfileSet, StartError> {
    let name = config.profile.clone().map(Into::into);
    let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), name).await;
    let profiles = loaded.map_err(|error| StartError::Profiles(with_causes(&error)))?;
    match &config.profile {
        Some(name) if profiles.get_profile(name).is_none() => {
            let mut known: Vec<&str> = profiles.profiles().collect();
            known.sort_unstable();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(StartError::NoProfile { name: name.clone(), known })
        }
        _ => Ok(profiles),
    }
}

fn trust(profiles: &ProfileSet) -> Trust {
    let file = env_vars::ca_bundle().or_else(|| profiles.get("ca_bundle").map(PathBuf::from));
    file.map_or(Trust::System, Trust::File)
}

async fn sdk_config(config: &Connection, http_client: SharedHttpClient) -> SdkConfig {
    let loader = common(config, http_client.clone());
    let given = config.region.clone().map(Region::new);
    let loader = match config.credentials {
        Credentials::Aws if config.profile.is_some() => {
            let region = configured_region(config, given).await;
            let credentials = profile_credentials(config, region.clone(), http_client);
            let loader = loader.credentials_provider(credentials);
            match region {
                Some(region) => loader.region(region),
                None => loader,
            }
        }
        Credentials::Aws => match given {
            Some(region) => loader.region(region),
            None => loader,
        },
        Credentials::AwsOrPlaceholder => {
            let region = configured_region(config, given).await.unwrap_or(LOCAL_REGION);
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
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(config.timeout).build();
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

/// For the sources of credentials, and for calls of other operations.
fn http_client(config: &Connection, trust: &Trust) -> Result<SharedHttpClient, TlsError> {
    let plain = config.endpoint_url.as_ref().is_some_and(|url| url.starts_with("http://"));
    let store = match trust.pem()? {
        // Reading the system's certificates takes milliseconds, for nothing if there is no TLS.
        None if plain => TrustStore::empty(),
        None => TrustStore::default(),
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
    };
    let context = TlsContext::builder().with_trust_store(store).build().unwrap_or_default();
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
        builder.tls_context(context.clone()).build()
    }))
}

/// The given region, or the one that the environment or the profile configures.
async fn configured_region(config: &Connection, given: Option<Region>) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &config.profile {
        profile = profile.profile_name(name);
    }
    let configured = RegionProviderChain::first_try(given)
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build());
    configured.region().await
}

/// The credentials of the profile: of the one that is named, or else of the configured one.
fn profile_credentials(
    config: &Connection,
    region: Option<Region>,
    http_client: SharedHttpClient,
) -> ProfileFileCredentialsProvider {
    let provider_config = ProviderConfig::without_region().with_region(region).with_http_client(http_client);
    let mut profile = ProfileFileCredentialsProvider::builder().configure(&provider_config);
    if let Some(name) = &config.profile {
        profile = profile.profile_name(name);
    }
    profile.build()
}

/// For a server on this machine. A profile that is named counts for more than the environment.
fn local_credentials(
    config: &Connection,
    region: Region,
    http_client: SharedHttpClient,
) -> CredentialsProviderChain {
    let profile = profile_credentials(config, Some(region), http_client);
    let chain = if config.profile.is_some() {
        CredentialsProviderChain::first_try("Profile", profile)
    } else {
        let environment = EnvironmentVariableCredentialsProvider::new();
        CredentialsProviderChain::first_try("Environment", environment).or_else("Profile", profile)
    };
    chain.or_else("Placeholder", placeholder())
}

fn placeholder() -> AwsCredentials {
    AwsCredentials::new("local", "local", None, None, "placeholder")
}
