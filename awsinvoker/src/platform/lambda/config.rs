//! Which Lambdas to call, and as whom.

use std::time::Duration;

use run_record::run_info::{FunctionInfo, PlatformKind, TargetInfo};

use super::client::{Connection, Credentials};
use super::function_name;
use super::inspect;
use super::invoke::Lambda;
use super::transport::HttpVersion;
use crate::cli::{ConnectionsArg, HttpArg, PlatformArgs};
use crate::plan::Plan;
use crate::plan::endpoints::{Endpoint, Endpoints, Place};
use crate::platform::description::{EndpointDescription, TargetDescription, connection_info};
use crate::platform::error::{ConfigError, StartError};
use crate::platform::http::Origin;
use crate::platform::local::{LocalConfig, LocalLambda};
use crate::platform::local_functions::{LocalFunction, Program, Wanted, check_not_local};
use crate::platform::programs::Programs;
use crate::platform::tools;
use crate::text::shortened;

/// A longer host name is cut in messages.
const MAX_HOSTNAME_CHARS: usize = 100;

/// How long an operation other than a call may take.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);

/// The domains of AWS's own addresses.
const AWS_DOMAINS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];

/// A Lambda to call.
#[derive(Clone, Debug)]
pub struct Config {
    connection: Connection,
    /// The local Lambda to start, if it is one.
    local: Option<LocalConfig>,
    /// The indices of its endpoints in the plan, in order.
    pub(in crate::platform) endpoints: Vec<usize>,
}

impl Config {
    /// Resolves the command line for these endpoints of a plan, whose protocol is Lambda's. Endpoints that are called in
    /// the same way share a Lambda. They are in the order of their first endpoints.
    pub(in crate::platform) fn resolve(
        args: &PlatformArgs,
        plan: &Plan,
        programs: &Programs,
        indices: &[usize],
    ) -> Result<Vec<Self>, ConfigError> {
        check_warm_connections(args, plan.max_in_flight)?;
        if indices.is_empty() {
            check_no_flags(args)?;
        }
        args.endpoint_url.as_deref().map_or(Ok(()), check_url)?;
        let (mut configs, mut wanted) = (Vec::<Self>::new(), Vec::new());
        for &index in indices {
            let function = function_name(&plan.endpoints, index)?;
            let is_local = args.local && !plan.endpoints.list[index].is_elsewhere();
            if is_local {
                wanted.push(Wanted { endpoint: index, function });
            } else {
                check_not_local(&plan.endpoints, index)?;
            }
            let connection = connection(args, plan, &plan.endpoints.list[index]);
            match configs.iter_mut().find(|config| config.connection == connection) {
                Some(config) => config.endpoints.push(index),
                None => configs.push(Self { connection, local: None, endpoints: vec![index] }),
            }
        }
        if let Some(&Wanted { endpoint: first, .. }) = wanted.first() {
            let local = LocalConfig::resolve(args, &plan.endpoints, &wanted, programs)?;
            if let Some(config) = configs.iter_mut().find(|config| config.endpoints.contains(&first)) {
                config.local = Some(local);
            }
        }
        Ok(configs)
    }

    /// Whether it is a lambda-local that is started for the run.
    pub(in crate::platform) fn is_started(&self) -> bool {
        self.local.is_some()
    }

    /// What it is called before it is reached.
    pub(in crate::platform) fn name(&self) -> String {
        let Connection { endpoint_url, region, profile, .. } = &self.connection;
        let server = match (&self.local, endpoint_url) {
            (Some(_), _) => "lambda-local",
            (None, Some(url)) => url,
            (None, None) => "AWS Lambda",
        };
        let region = region.as_ref().map(|region| format!(" in {region}"));
        let profile = profile.as_ref().map(|name| format!(" with the profile {name}"));
        format!("{server}{}{}", region.unwrap_or_default(), profile.unwrap_or_default())
    }

    /// Starts the local Lambda if there is one to start, and makes the client. `endpoints` are all of the plan. If it
    /// fails, nothing that was started runs on.
    pub(in crate::platform) async fn start(
        &self,
        endpoints: &[Endpoint],
    ) -> Result<(Lambda, TargetDescription, Option<LocalLambda>), StartError> {
        let endpoints: Vec<&Endpoint> = self.endpoints.iter().map(|&index| &endpoints[index]).collect();
        let mut connection = self.connection.clone();
        let local = match &self.local {
            Some(config) => Some(LocalLambda::start(config).await?),
            None => None,
        };
        if let Some(local) = &local {
            connection.endpoint_url = Some(local.url().to_owned());
        }
        match Lambda::connect(&connection, &endpoints).await {
            Ok(lambda) => {
                let description = self.description(&lambda, local.as_ref(), &endpoints).await;
                Ok((lambda, description, local))
            }
            Err(error) => {
                if let Some(local) = local {
                    local.stop().await;
                }
                Err(error)
            }
        }
    }

    async fn description(
        &self,
        lambda: &Lambda,
        local: Option<&LocalLambda>,
        endpoints: &[&Endpoint],
    ) -> TargetDescription {
        let sdk = ("aws_sdk_lambda".to_owned(), aws_sdk_lambda::meta::PKG_VERSION.to_owned());
        let mut names: Vec<&str> = Vec::new();
        for Endpoint { hostname, .. } in endpoints {
            if !names.contains(&hostname.as_str()) {
                names.push(hostname);
            }
        }
        let mut description = TargetDescription {
            target: self.target(lambda),
            functions: inspect::functions(&lambda.sdk, &names).await,
            endpoints: endpoints.iter().map(|endpoint| self.described(endpoint, lambda)).collect(),
            versions: vec![sdk],
        };
        if let Some((config, local)) = self.local.as_ref().zip(local) {
            let target = &mut description.target;
            target.env.clone_from(&config.env);
            target.local = Some(local.info().clone());
            if config.has_images() {
                target.docker = tools::docker().await;
            }
            for function in &mut description.functions {
                complete(function, config, local);
            }
        }
        description
    }

    /// The target without what is known of a local Lambda.
    fn target(&self, lambda: &Lambda) -> TargetInfo {
        let Connection { profile, pooled, warm_connections, http, .. } = &self.connection;
        TargetInfo {
            platform: PlatformKind::Lambda,
            address: lambda.address.clone(),
            region: Some(lambda.region.clone()),
            profile: profile.clone(),
            local: None,
            instances: Vec::new(),
            docker: None,
            env: Vec::new(),
            connection: connection_info(http.name(), *pooled, *warm_connections),
        }
    }

    fn described(&self, endpoint: &Endpoint, lambda: &Lambda) -> EndpointDescription {
        let function = || function_name::bare(&endpoint.hostname).unwrap_or(&endpoint.hostname).to_owned();
        let system = || match &self.local {
            Some(_) => "lambda-local".to_owned(),
            None => system_at(&lambda.address),
        };
        EndpointDescription {
            function: endpoint.function.clone().unwrap_or_else(function),
            system: endpoint.system.clone().unwrap_or_else(system),
            on_aws: is_aws(&lambda.address),
            ..EndpointDescription::default()
        }
    }
}

/// Adds what is known of a function because it was started for the run.
fn complete(function: &mut FunctionInfo, config: &LocalConfig, local: &LocalLambda) {
    let name = function_name::bare(&function.name).unwrap_or_default();
    match config.function(name).map(|LocalFunction { program, .. }| program) {
        Some(Program::Executable(path)) => {
            function.program.get_or_insert_with(|| path.display().to_string());
        }
        Some(Program::Image(image)) => {
            function.image_id = function.image_id.take().or_else(|| local.images().get(name).cloned());
            function.image.get_or_insert_with(|| image.clone());
        }
        None => {}
    }
}

/// The name of the system at an address that was really called: `lambda`, or host and port of another server.
fn system_at(address: &str) -> String {
    match origin(address) {
        _ if is_aws(address) => "lambda".to_owned(),
        Some(origin) => origin.authority().to_owned(),
        None => address.to_owned(),
    }
}

/// Whether AWS itself is called, which bills the calls.
fn is_aws(address: &str) -> bool {
    let is_aws = |origin: &Origin| AWS_DOMAINS.iter().any(|domain| origin.host().ends_with(domain));
    origin(address).is_some_and(|origin| is_aws(&origin))
}

/// The bare name of the function of an endpoint.
fn function_name(endpoints: &Endpoints, index: usize) -> Result<&str, ConfigError> {
    let hostname = &endpoints.list[index].hostname;
    function_name::bare(hostname).ok_or_else(|| ConfigError::Hostname {
        path: endpoints.path.display().to_string(),
        index: endpoints.entry(index),
        hostname: shortened(hostname, MAX_HOSTNAME_CHARS),
    })
}

/// How an endpoint is called. What its entry says counts for more than the flags.
fn connection(args: &PlatformArgs, plan: &Plan, endpoint: &Endpoint) -> Connection {
    Connection {
        credentials: credentials(args, &endpoint.place, args.local && !endpoint.is_elsewhere()),
        timeout: plan.timeout,
        pooled: args.connections == ConnectionsArg::Pooled,
        warm_connections: args.warm_connections,
        http: match args.http {
            HttpArg::Http1 => HttpVersion::Http1,
            HttpArg::Http2 => HttpVersion::Http2,
        },
        ..connection_of(args, &endpoint.place)
    }
}

/// How a function at this place is reached, for other operations than calls.
pub(super) fn connection_of(args: &PlatformArgs, place: &Place) -> Connection {
    Connection {
        credentials: credentials(args, place, false),
        endpoint_url: place.endpoint_url.clone().or_else(|| args.endpoint_url.clone()),
        region: place.region.clone().or_else(|| args.region.clone()),
        profile: place.profile.clone().or_else(|| args.profile.clone()),
        timeout: OPERATION_TIMEOUT,
        pooled: true,
        warm_connections: 0,
        http: HttpVersion::default(),
    }
}

fn check_warm_connections(args: &PlatformArgs, max_in_flight: u32) -> Result<(), ConfigError> {
    let expected = match args.connections {
        ConnectionsArg::PerCall if args.warm_connections > 0 => {
            "0, since --connections per-call uses no connection again".to_owned()
        }
        _ if args.warm_connections > max_in_flight => {
            format!("at most {max_in_flight}, as many as --max-in-flight can use")
        }
        _ => return Ok(()),
    };
    let value = args.warm_connections.to_string();
    Err(ConfigError::Value { flag: "--warm-connections", value, expected })
}

/// Flags that say where Lambda functions are would be ignored where there is none.
fn check_no_flags(args: &PlatformArgs) -> Result<(), ConfigError> {
    let PlatformArgs { endpoint_url, region, profile, .. } = args;
    let flags = [("--endpoint-url", endpoint_url), ("--region", region), ("--profile", profile)];
    let given = flags.into_iter().find_map(|(flag, value)| Some((flag, value.as_deref()?)));
    let Some((flag, value)) = given else { return Ok(()) };
    let expected = "an entry for a Lambda function in the endpoints file, since those behind gRPC are at their `hostname`";
    Err(ConfigError::Value { flag, value: format!("`{value}`"), expected: expected.to_owned() })
}

fn check_url(url: &str) -> Result<(), ConfigError> {
    if origin(url).is_some() {
        return Ok(());
    }
    let expected = "an address like http://127.0.0.1:9000".to_owned();
    Err(ConfigError::Value { flag: "--endpoint-url", value: format!("`{url}`"), expected })
}

/// Whose credentials an endpoint gets. Another endpoint of the run may need real ones. So a server on this machine that an
/// entry names gets none of them, unless the entry names a profile for it.
fn credentials(args: &PlatformArgs, place: &Place, is_local: bool) -> Credentials {
    match (&place.endpoint_url, &args.endpoint_url) {
        (Some(url), _) if is_this_machine(url) && place.profile.is_none() => Credentials::Placeholder,
        (Some(url), _) | (None, Some(url)) if is_this_machine(url) => Credentials::AwsOrPlaceholder,
        _ if is_local => Credentials::Placeholder,
        _ => Credentials::Aws,
    }
}

fn is_this_machine(url: &str) -> bool {
    origin(url).is_some_and(|origin| origin.is_this_machine())
}

fn origin(url: &str) -> Option<Origin> {
    url.parse().ok().and_then(|uri| Origin::new(&uri))
}

#[cfg(test)]
mod tests;
