//! Which servers of functions to call.

use std::net::IpAddr;

use run_record::run_info::{ConnectionInfo, Connections, PlatformKind, Protocol, TargetInfo};

use super::client::{Config, Grpc};
use super::endpoint::{GrpcEndpoint, Service};
use crate::cli::{ConnectionsArg, PlatformArgs};
use crate::env_vars;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use crate::platform::description::{EndpointDescription, TargetDescription};
use crate::platform::error::{ConfigError, StartError};

/// The version of HTTP that calls are made with.
const HTTP_VERSION: &str = "2";

/// The system of an endpoint that tells none.
const SYSTEM: &str = "grpc";

/// A server to call.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Server {
    address: String,
    config: Config,
    /// What is called at it.
    functions: Vec<GrpcEndpoint>,
    /// The indices of its endpoints in the plan, in order.
    pub(in crate::platform) endpoints: Vec<usize>,
}

impl Server {
    /// Resolves the command line for these endpoints of a plan, which are behind gRPC. Endpoints at the same host and port
    /// share a server. They are in the order of their first endpoints.
    pub(in crate::platform) fn resolve(
        args: &PlatformArgs,
        plan: &Plan,
        indices: &[usize],
    ) -> Result<Vec<Self>, ConfigError> {
        let mut servers = Vec::<Self>::new();
        for &index in indices {
            let function = function(args, &plan.endpoints.list[index]);
            let checked = function.address().and_then(|address| function.check().map(|()| address));
            let address = checked.map_err(|error| ConfigError::Grpc {
                path: plan.endpoints.path.display().to_string(),
                index: plan.endpoints.entry(index),
                reason: error.to_string(),
            })?;
            match servers.iter_mut().find(|server| server.address == address) {
                Some(server) => {
                    server.functions.push(function);
                    server.endpoints.push(index);
                }
                None => servers.push(Self {
                    address,
                    config: config(args, plan),
                    functions: vec![function],
                    endpoints: vec![index],
                }),
            }
        }
        Ok(servers)
    }

    /// What it is called before it is reached.
    pub(in crate::platform) fn name(&self) -> &str {
        &self.address
    }

    /// Makes the client. `endpoints` are all of the plan.
    pub(in crate::platform) async fn start(
        &self,
        endpoints: &[Endpoint],
    ) -> Result<(Grpc, TargetDescription), StartError> {
        let grpc = Grpc::connect(&self.config, &self.functions).await?;
        let described = self.endpoints.iter().map(|&index| described(&endpoints[index])).collect();
        let description = TargetDescription {
            target: self.target(),
            functions: Vec::new(),
            endpoints: described,
            versions: Vec::new(),
        };
        Ok((grpc, description))
    }

    fn target(&self) -> TargetInfo {
        let Config { pooled, warm_connections, .. } = self.config;
        TargetInfo {
            platform: PlatformKind::Grpc,
            address: self.address.clone(),
            region: None,
            profile: None,
            local: None,
            docker: None,
            env: Vec::new(),
            connection: ConnectionInfo {
                http: HTTP_VERSION.to_owned(),
                reuse: if pooled { Connections::Pooled } else { Connections::PerCall },
                warm_connections,
            },
        }
    }
}

fn config(args: &PlatformArgs, plan: &Plan) -> Config {
    Config {
        timeout: plan.timeout,
        pooled: args.connections == ConnectionsArg::Pooled,
        warm_connections: args.warm_connections,
        ca_bundle: env_vars::ca_bundle(),
    }
}

fn function(args: &PlatformArgs, endpoint: &Endpoint) -> GrpcEndpoint {
    GrpcEndpoint {
        hostname: endpoint.hostname.clone(),
        port: endpoint.place.port.unwrap_or(args.port),
        tls: endpoint.place.tls,
        service: match endpoint.place.protocol {
            Protocol::Executor => Service::Executor,
            Protocol::Lambda | Protocol::Greeter => Service::Greeter,
        },
        payload: endpoint.payload.clone(),
    }
}

/// A function of which the entry tells no name has the first part of the name of its host.
fn described(endpoint: &Endpoint) -> EndpointDescription {
    let hostname = endpoint.hostname.as_str();
    let is_address = hostname.parse::<IpAddr>().is_ok();
    let host = hostname.split('.').next().filter(|_| !is_address).unwrap_or(hostname);
    EndpointDescription {
        function: endpoint.function.clone().unwrap_or_else(|| host.to_owned()),
        system: endpoint.system.clone().unwrap_or_else(|| SYSTEM.to_owned()),
        ..EndpointDescription::default()
    }
}
