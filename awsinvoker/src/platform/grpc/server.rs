//! Which servers of functions to call.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use run_record::run_info::{PlatformKind, TargetInfo};
use tokio::sync::Mutex;

use super::balance::{Balanced, Generation};
use super::client::Config;
use super::endpoint::{GrpcEndpoint, Service};
use crate::cli::{ConnectionsArg, PlatformArgs};
use crate::env_vars;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use crate::platform::description::{EndpointDescription, TargetDescription, connection_info};
use crate::platform::error::{ConfigError, StartError};
use crate::platform::instances::{Instances, InstancesConfig, SharedInstances};
use crate::platform::local_functions::{self, LocalFunction, Program, Wanted, check_not_local};
use crate::platform::programs::Programs;
use crate::platform::tools;

/// The version of HTTP that calls are made with.
const HTTP_VERSION: &str = "2";

/// The system of an endpoint that tells none.
const SYSTEM: &str = "grpc";

/// A server to call, or a function to start and to call.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Server {
    /// Its address, or the name of the function.
    name: String,
    /// What is to be started of the function.
    local: Option<InstancesConfig>,
    config: Config,
    /// What is called at it.
    functions: Vec<GrpcEndpoint>,
    /// The indices of its endpoints in the plan, in order.
    pub(in crate::platform) endpoints: Vec<usize>,
}

impl Server {
    /// Resolves the command line for endpoints of a plan: their indices, and which service each of them offers. Endpoints at the same host and port
    /// share a server, and those of the same function that is started share its instances. They are in the order of their
    /// first endpoints.
    pub(in crate::platform) fn resolve(
        args: &PlatformArgs,
        plan: &Plan,
        programs: &Programs,
        offered: &[(usize, Service)],
    ) -> Result<Vec<Self>, ConfigError> {
        let (mut servers, mut wanted) = (Vec::<Self>::new(), Vec::new());
        for &(index, service) in offered {
            let function = function(args, &plan.endpoints.list[index], service);
            let checked = function.address().and_then(|address| function.check().map(|()| address));
            let address = checked.map_err(|error| ConfigError::Grpc {
                path: plan.endpoints.path.display().to_string(),
                index: plan.endpoints.entry(index),
                reason: error.to_string(),
            })?;
            let hostname = &plan.endpoints.list[index].hostname;
            let name = if args.local && !plan.endpoints.list[index].is_elsewhere() {
                wanted.push(Wanted { endpoint: index, function: hostname });
                hostname.clone()
            } else {
                check_not_local(&plan.endpoints, index)?;
                address
            };
            match servers.iter_mut().find(|server| server.name == name) {
                Some(server) => {
                    server.functions.push(function);
                    server.endpoints.push(index);
                }
                None => servers.push(Self {
                    name,
                    local: None,
                    config: config(args, plan),
                    functions: vec![function],
                    endpoints: vec![index],
                }),
            }
        }
        for function in local_functions::resolve(&plan.endpoints, &wanted, args.images, programs)? {
            check_limits(plan, &wanted, &function)?;
            let local = InstancesConfig::resolve(args, function, programs)?;
            if let Some(server) = servers.iter_mut().find(|server| server.name == local.function.name) {
                server.local = Some(local);
            }
        }
        Ok(servers)
    }

    /// What it is called before it is reached.
    pub(in crate::platform) fn name(&self) -> &str {
        &self.name
    }

    /// The number of servers that are connected to.
    pub(in crate::platform) fn instances(&self) -> usize {
        self.local.as_ref().map_or(1, |local| local.count)
    }

    /// Starts the function if it is one to start, and makes the clients. `endpoints` are all of the plan. If it fails,
    /// nothing that was started runs on.
    pub(in crate::platform) async fn start(
        &self,
        endpoints: &[Endpoint],
    ) -> Result<(Arc<Balanced>, TargetDescription, Option<SharedInstances>), StartError> {
        let instances = match &self.local {
            Some(config) => Some(Instances::start(config).await?),
            None => None,
        };
        match self.connect(instances.as_ref()).await {
            Ok(generation) => {
                let described = self.endpoints.iter().map(|&index| described(&endpoints[index])).collect();
                let description = TargetDescription {
                    target: self.target(instances.as_ref()).await,
                    functions: instances.iter().map(|instances| instances.info.clone()).collect(),
                    endpoints: described,
                    versions: Vec::new(),
                };
                let shared = instances.map(|instances| Arc::new(Mutex::new(instances)));
                Ok((Arc::new(Balanced::new(generation)), description, shared))
            }
            Err(error) => {
                if let Some(mut instances) = instances {
                    instances.stop().await;
                }
                Err(error)
            }
        }
    }

    /// Makes the clients of these instances, or, without any, of the server.
    pub(super) async fn connect(&self, instances: Option<&Instances>) -> Result<Generation, StartError> {
        let functions = match instances {
            Some(instances) => instances.addresses().into_iter().map(|address| self.at(address)).collect(),
            None => vec![self.functions.clone()],
        };
        Generation::connect(&self.config, &functions).await
    }

    /// What a call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// What is started of the function.
    pub(super) fn local(&self) -> Option<&InstancesConfig> {
        self.local.as_ref()
    }

    /// What is called at the instance of this address.
    fn at(&self, address: SocketAddr) -> Vec<GrpcEndpoint> {
        let (hostname, port) = (address.ip().to_string(), address.port());
        let functions = self.functions.iter().cloned();
        functions.map(|function| GrpcEndpoint { hostname: hostname.clone(), port, ..function }).collect()
    }

    async fn target(&self, instances: Option<&Instances>) -> TargetInfo {
        let Config { pooled, warm_connections, .. } = self.config;
        let function = self.local.as_ref().map(|local| &local.function);
        let addresses = instances.map(Instances::addresses).unwrap_or_default();
        let addresses: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
        let from_image = function.is_some_and(|function| matches!(function.program, Program::Image(_)));
        TargetInfo {
            platform: PlatformKind::Grpc,
            address: addresses.first().unwrap_or(&self.name).clone(),
            region: None,
            profile: None,
            local: None,
            instances: addresses,
            docker: if from_image { tools::docker().await } else { None },
            env: function.map(|function| function.env.clone()).unwrap_or_default(),
            connection: connection_info(HTTP_VERSION, pooled, warm_connections),
        }
    }
}

/// A process without a container gets as much memory as it likes. A number that is not kept would be taken for one that is.
fn check_limits(plan: &Plan, wanted: &[Wanted<'_>], function: &LocalFunction) -> Result<(), ConfigError> {
    let has_memory = |wanted: &&Wanted<'_>| {
        wanted.function == function.name
            && plan.endpoints.list[wanted.endpoint].place.local.memory_mb.is_some()
    };
    match (&function.program, wanted.iter().find(has_memory)) {
        (Program::Executable(_), Some(wanted)) => Err(ConfigError::Unlimited {
            path: plan.endpoints.path.display().to_string(),
            index: plan.endpoints.entry(wanted.endpoint),
        }),
        _ => Ok(()),
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

fn function(args: &PlatformArgs, endpoint: &Endpoint, service: Service) -> GrpcEndpoint {
    let tls = endpoint.place.tls;
    GrpcEndpoint {
        hostname: endpoint.hostname.clone(),
        port: port(endpoint.place.port, args.port, tls),
        tls,
        service,
        payload: endpoint.payload.clone(),
        template: endpoint.template.clone(),
    }
}

/// The port that the entry names, or else that of the flag, or else the usual one of HTTP.
fn port(entry: Option<u16>, flag: Option<u16>, tls: bool) -> u16 {
    entry.or(flag).unwrap_or(if tls { 443 } else { 80 })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_names_the_port_or_else_the_flag_or_else_the_scheme() {
        let cases = [
            (Some(1), Some(2), true, 1),
            (Some(80), None, true, 80),
            (None, Some(2), true, 2),
            (None, Some(2), false, 2),
            (None, None, false, 80),
            (None, None, true, 443),
        ];
        for (entry, flag, tls, expected) in cases {
            assert_eq!(port(entry, flag, tls), expected, "{entry:?} {flag:?} {tls}");
        }
    }
}
