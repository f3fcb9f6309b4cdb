//! Where functions are, and how they are called. Everything that is said of a platform stands here: its configuration,
//! addresses, client, the sorting of failures, and its description in `run.json`.
//!
//! A run calls one or several targets: a target is a server of one platform, with one client and its connections. Each
//! endpoint of the plan has a route, which says at which target it is.
//!
//! A second platform joins with a folder beside `lambda`, one arm in each of `TargetConfig`, `Target` and
//! [`PlatformAnswer`], and one line in [`Config::resolve`].

pub mod answer;
mod boundary;
mod call;
mod cause;
mod description;
mod error;
pub mod grpc;
mod http;
mod instances;
pub mod lambda;
mod local;
mod local_functions;
mod programs;
mod restart_command;
mod restarter;
mod started;
mod tools;

use std::sync::Arc;

use futures_util::future::join_all;
use run_record::run_info::ServerClock;
use run_record::{Arrival, Reply};

pub(crate) use boundary::{Boundary, Renewed, sleep_until};
pub use call::{Answer, Call, ReadyConnection, SocketTimes};
use description::TargetDescription;
pub(crate) use description::{Description, EndpointDescription};
pub use error::{ConfigError, StartError};
pub use instances::keep_instance;
pub use lambda::{SizedVersions, SizedVersionsError};
pub use programs::Programs;
pub(crate) use restarter::Restarter;
pub(crate) use started::{Ended, Local};

use crate::cli::PlatformArgs;
use crate::plan::Plan;
use crate::plan::endpoints::Endpoint;
use restart_command::Commands;
use restarter::Way;

/// The configuration of all targets.
#[derive(Clone, Debug)]
pub struct Config(Vec<TargetConfig>);

/// The configuration of a target.
#[derive(Clone, Debug)]
enum TargetConfig {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda(lambda::Config),
    /// A server of functions behind gRPC.
    Grpc(grpc::Server),
}

/// All targets, ready for calls of the plan's endpoints.
#[derive(Debug)]
pub struct Platform {
    targets: Vec<Target>,
    /// Where each endpoint of the plan is.
    routes: Vec<Route>,
}

/// A target that is ready for calls.
#[derive(Debug)]
enum Target {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda(Box<lambda::Lambda>),
    /// See `TargetConfig::Grpc`.
    Grpc(Arc<grpc::Balanced>),
}

/// Where an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Route {
    /// The index of its target.
    target: usize,
    /// Its index among the endpoints at this target.
    endpoint: usize,
}

/// An answer of a [`Platform`].
#[derive(Debug)]
pub enum PlatformAnswer {
    /// AWS Lambda, or a server that speaks its Invoke API.
    Lambda(lambda::LambdaAnswer),
    /// See `TargetConfig::Grpc`.
    Grpc(grpc::GrpcAnswer),
}

/// A platform that is ready, with what was started for it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) platform: Platform,
    pub(crate) description: Description,
    /// To be stopped after the run.
    pub(crate) local: Local,
    /// What can make environments fresh.
    pub(crate) restarters: Vec<Restarter>,
}

/// What a target is when it is ready.
type Ready = (Target, TargetDescription, Local, Vec<(Vec<usize>, Way)>);

impl Config {
    /// Resolves the command line for the endpoints of a plan. `programs` finds what `--local` starts.
    ///
    /// # Errors
    /// A value cannot be used, an endpoint is not one of its platform, entries contradict one another, or a program is
    /// missing.
    pub fn resolve(args: &PlatformArgs, plan: &Plan, programs: &Programs) -> Result<Self, ConfigError> {
        let (mut of_lambda, mut of_grpc) = (Vec::new(), Vec::new());
        for (index, endpoint) in plan.endpoints.list.iter().enumerate() {
            match grpc::Service::of_protocol(endpoint.place.protocol) {
                None => of_lambda.push(index),
                Some(service) => of_grpc.push((index, service)),
            }
        }
        check_local(args, plan)?;
        restarter::check(args, plan)?;
        let lambdas = lambda::Config::resolve(args, plan, programs, &of_lambda)?;
        let servers = grpc::Server::resolve(args, plan, programs, &of_grpc)?;
        let lambdas = lambdas.into_iter().map(TargetConfig::Lambda);
        let mut targets: Vec<_> = lambdas.chain(servers.into_iter().map(TargetConfig::Grpc)).collect();
        targets.sort_by_key(|target| target.endpoints().first().copied());
        Ok(Self(targets))
    }

    /// The number of servers that are connected to.
    pub(crate) fn servers(&self) -> usize {
        self.0.iter().map(TargetConfig::servers).sum()
    }

    /// Whether no call is billed: each is of a function that is started for the run, or behind gRPC.
    pub(crate) fn is_free(&self) -> bool {
        self.0.iter().all(|target| match target {
            TargetConfig::Lambda(config) => config.is_started(),
            TargetConfig::Grpc(_) => true,
        })
    }

    /// Makes all targets ready for calls of these endpoints, at the same time. If one fails, the others are stopped.
    pub(crate) async fn start(&self, endpoints: &[Endpoint]) -> Result<Started, StartError> {
        let all = join_all(self.0.iter().map(|target| target.start(endpoints))).await;
        let (mut ready, mut failure) = (Vec::new(), None);
        for (config, started) in self.0.iter().zip(all) {
            match started {
                Ok(target) => ready.push((config.endpoints(), target)),
                Err(error) => failure = failure.or_else(|| Some(self.failure(config, error))),
            }
        }
        match failure {
            None => Ok(Started::new(endpoints.len(), ready)),
            Some(error) => {
                let started = ready.into_iter().map(|(_, (_, _, local, _))| local);
                started.fold(Local::default(), Local::with).stop().await;
                Err(error)
            }
        }
    }

    /// Names the target of a failure, unless there is no other.
    fn failure(&self, config: &TargetConfig, source: StartError) -> StartError {
        match self.0.as_slice() {
            [_] => source,
            _ => StartError::Target { target: config.name(), source: Box::new(source) },
        }
    }
}

impl TargetConfig {
    /// The indices of its endpoints in the plan, in order.
    fn endpoints(&self) -> &[usize] {
        match self {
            Self::Lambda(config) => &config.endpoints,
            Self::Grpc(server) => &server.endpoints,
        }
    }

    /// The number of servers that are connected to.
    fn servers(&self) -> usize {
        match self {
            Self::Lambda(_) => 1,
            Self::Grpc(server) => server.instances(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Lambda(config) => config.name(),
            Self::Grpc(server) => server.name().to_owned(),
        }
    }

    async fn start(&self, endpoints: &[Endpoint]) -> Result<Ready, StartError> {
        match self {
            Self::Lambda(config) => {
                let (lambda, description, local) = config.start(endpoints).await?;
                let ways = self.ways(endpoints, |without| {
                    let names = without.iter().map(|&index| endpoints[index].hostname.as_str());
                    Some(Way::Update(lambda.updates(names)))
                });
                Ok((Target::Lambda(Box::new(lambda)), description, Local::lambda(local), ways))
            }
            Self::Grpc(server) => {
                let (grpc, description, instances) = server.start(endpoints).await?;
                let ways = self.ways(endpoints, |_| {
                    let replacement = grpc::Replacement::new(server, &grpc, instances.as_ref()?)?;
                    Some(Way::Replace(Box::new(replacement)))
                });
                Ok((Target::Grpc(grpc), description, Local::instances(instances), ways))
            }
        }
    }

    /// How the environments of its endpoints are made fresh: by the commands that entries name, and for those without one by
    /// the platform's own way, if it has one.
    fn ways(
        &self,
        endpoints: &[Endpoint],
        own_way: impl FnOnce(&[usize]) -> Option<Way>,
    ) -> Vec<(Vec<usize>, Way)> {
        let command = |index: usize| endpoints[index].place.restart.as_ref().map(|it| it.command.as_slice());
        let (with, without): (Vec<usize>, Vec<usize>) =
            self.endpoints().iter().partition(|&&index| command(index).is_some());
        let commands = Commands::new(with.iter().filter_map(|&index| command(index)));
        let by_command = (!with.is_empty()).then_some((with, Way::Run(commands)));
        let own_way = if without.is_empty() { None } else { own_way(&without) };
        by_command.into_iter().chain(own_way.map(|way| (without, way))).collect()
    }
}

impl Platform {
    /// For how long calls of any target have had credentials that had expired, in nanoseconds.
    pub(crate) fn expired_credentials_ns(&self) -> u64 {
        let of = |target: &Target| match target {
            Target::Lambda(lambda) => lambda.expired_credentials_ns(),
            // Its calls are not signed.
            Target::Grpc(_) => 0,
        };
        self.targets.iter().map(of).max().unwrap_or(0)
    }

    /// The clock of the first target that tells its time. Servers behind gRPC do not.
    pub(crate) async fn server_clock(&self) -> Option<ServerClock> {
        let lambda = self.targets.iter().find_map(|target| match target {
            Target::Lambda(lambda) => Some(lambda),
            Target::Grpc(_) => None,
        })?;
        lambda.server_clock().await
    }
}

impl Started {
    /// Puts together what became ready: each target with the indices of its endpoints, of so many in the plan.
    fn new(endpoints: usize, ready: Vec<(&[usize], Ready)>) -> Self {
        let indices: Vec<&[usize]> = ready.iter().map(|(indices, _)| *indices).collect();
        let routes = routes(endpoints, &indices);
        let (mut targets, mut description) = (Vec::new(), Description::of_endpoints(endpoints));
        let (mut started, mut restarters) = (Local::default(), Vec::new());
        for (indices, (target, described, local, ways)) in ready {
            let target_index = targets.len();
            restarters.extend(ways.into_iter().map(|(endpoints, way)| Restarter {
                target: target_index,
                endpoints,
                way,
            }));
            targets.push(target);
            description.add(described, indices);
            started = started.with(local);
        }
        Self { platform: Platform { targets, routes }, description, local: started, restarters }
    }
}

/// Where each endpoint is, from the indices of the endpoints at each target.
fn routes(endpoints: usize, targets: &[&[usize]]) -> Vec<Route> {
    let mut routes = vec![Route::default(); endpoints];
    for (target, indices) in targets.iter().enumerate() {
        for (endpoint, &index) in indices.iter().enumerate() {
            routes[index] = Route { target, endpoint };
        }
    }
    routes
}

/// Checks what `--local` and its flags say together with the endpoints.
fn check_local(args: &PlatformArgs, plan: &Plan) -> Result<(), ConfigError> {
    if let Some(value) = args.env.iter().find(|pair| !pair.contains('=') || pair.starts_with('=')) {
        let expected = "KEY=VALUE".to_owned();
        return Err(ConfigError::Value { flag: "--env", value: format!("`{value}`"), expected });
    }
    let is_behind_grpc = |endpoint: &Endpoint| grpc::Service::of_protocol(endpoint.place.protocol).is_some();
    let started: Vec<_> = plan.endpoints.list.iter().filter(|endpoint| !endpoint.is_elsewhere()).collect();
    let (flag, value, expected) = match args.instances {
        _ if args.local && started.is_empty() => {
            let expected = "an entry that does not say where its function is, since no other is started";
            ("--local", "given".to_owned(), expected)
        }
        Some(instances) if !started.iter().any(|endpoint| is_behind_grpc(endpoint)) => {
            let expected =
                "an entry for a function behind gRPC that --local starts, since lambda-local decides itself";
            ("--instances", instances.to_string(), expected)
        }
        _ => return Ok(()),
    };
    Err(ConfigError::Value { flag, value, expected: expected.to_owned() })
}

impl Call for Platform {
    type Answer = PlatformAnswer;

    async fn call(&self, endpoint: usize, number: u64) -> PlatformAnswer {
        let Route { target, endpoint } = self.routes[endpoint];
        match &self.targets[target] {
            Target::Lambda(lambda) => PlatformAnswer::Lambda(lambda.call(endpoint, number).await),
            Target::Grpc(grpc) => PlatformAnswer::Grpc(grpc.call(endpoint, number).await),
        }
    }

    async fn call_due(&self, arrival: Arrival) -> PlatformAnswer {
        let Route { target, endpoint } = self.routes[arrival.endpoint];
        match &self.targets[target] {
            Target::Lambda(lambda) => PlatformAnswer::Lambda(lambda.call(endpoint, arrival.number).await),
            Target::Grpc(grpc) => PlatformAnswer::Grpc(grpc.call_due(Arrival { endpoint, ..arrival }).await),
        }
    }
}

impl Answer for PlatformAnswer {
    fn is_large(&self) -> bool {
        match self {
            Self::Lambda(answer) => answer.is_large(),
            Self::Grpc(answer) => answer.is_large(),
        }
    }

    fn socket_times(&self) -> SocketTimes {
        match self {
            Self::Lambda(answer) => answer.socket_times(),
            Self::Grpc(answer) => answer.socket_times(),
        }
    }

    fn digest(&self) -> Option<String> {
        match self {
            Self::Lambda(answer) => answer.digest(),
            Self::Grpc(answer) => answer.digest(),
        }
    }

    fn read(self) -> Reply {
        match self {
            Self::Lambda(answer) => answer.read(),
            Self::Grpc(answer) => answer.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_has_its_route() {
        let route = |target, endpoint| Route { target, endpoint };
        let expected = [route(0, 0), route(1, 0), route(0, 1), route(1, 1), route(1, 2)];
        assert_eq!(routes(5, &[&[0, 2], &[1, 3, 4]]), expected);
    }
}
