//! What makes the environments of functions fresh, whatever the platform.

use run_record::restarts::{RestartWay, TargetRestarts};

use super::boundary::{Boundary, Renewed};
use super::error::{ConfigError, StartError};
use super::grpc::{Replacement, Service};
use super::lambda::{self, Updates};
use super::restart_command::Commands;
use crate::cli::PlatformArgs;
use crate::plan::{Plan, Workload};

/// Makes the environments of some endpoints at one target fresh.
#[derive(Debug)]
pub(crate) struct Restarter {
    /// The index of the target.
    pub(super) target: usize,
    /// The indices of the endpoints in the plan, in order.
    pub(super) endpoints: Vec<usize>,
    pub(super) way: Way,
}

/// How environments are made fresh.
#[derive(Debug)]
pub(super) enum Way {
    /// By changes of the configuration of Lambda functions.
    Update(Updates),
    /// By new instances of a function that was started for the run.
    Replace(Box<Replacement>),
    /// By commands of the user.
    Run(Commands),
}

impl Restarter {
    /// Finds out whether it can be done, before the run.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) async fn begin(&mut self) -> Result<(), StartError> {
        match &mut self.way {
            Way::Update(updates) => updates.begin().await,
            // What `--local` starts was started already. A command may change what runs, so that it is not tried.
            Way::Replace(_) | Way::Run(_) => Ok(()),
        }
    }

    /// Whether it is for the endpoint of this index in the plan.
    pub(crate) fn is_for(&self, endpoint: usize) -> bool {
        self.endpoints.contains(&endpoint)
    }

    /// Makes the environments of all its endpoints fresh at this boundary, or those of the function of one endpoint. Fails
    /// with the reason. It may be given up at any time.
    pub(crate) async fn restart(
        &mut self,
        boundary: &Boundary,
        endpoint: Option<usize>,
    ) -> Result<Renewed, String> {
        let endpoint =
            endpoint.and_then(|endpoint| self.endpoints.iter().position(|known| *known == endpoint));
        match &mut self.way {
            Way::Update(updates) => updates.restart(boundary, endpoint).await,
            Way::Replace(replacement) => replacement.restart(boundary).await,
            Way::Run(commands) => commands.restart(boundary, endpoint).await,
        }
    }

    /// Leaves everything as it was before the run. Says what could not be put back.
    pub(crate) async fn end(&mut self) -> Option<String> {
        match &mut self.way {
            Way::Update(updates) => updates.restore().await,
            Way::Replace(replacement) => {
                replacement.end().await;
                None
            }
            Way::Run(_) => None,
        }
    }

    /// What is said of it in `run.json`, without any restart yet.
    pub(crate) fn described(&self) -> TargetRestarts {
        let (way, functions, commands) = match &self.way {
            Way::Update(updates) => (RestartWay::UpdateConfiguration, updates.functions(), Vec::new()),
            Way::Replace(replacement) => {
                (RestartWay::NewInstances, vec![replacement.function().to_owned()], Vec::new())
            }
            Way::Run(commands) => (RestartWay::Command, Vec::new(), commands.words()),
        };
        TargetRestarts { functions, commands, ..TargetRestarts::new(self.target, way) }
    }
}

/// Checks that each endpoint can get fresh environments if the plan asks for them.
pub(super) fn check(args: &PlatformArgs, plan: &Plan) -> Result<(), ConfigError> {
    let flag = if plan.restart_every_ns.is_some() { "--restart-every" } else { "--cold-every-call" };
    let is_idle = matches!(&plan.workload, Workload::Cold(_)) && !plan.needs_restarts();
    for (index, endpoint) in plan.endpoints.list.iter().enumerate() {
        let is_started = args.local && !endpoint.is_elsewhere();
        let is_lambda = Service::of_protocol(endpoint.place.protocol).is_none();
        let qualifier = lambda::qualifier(&endpoint.hostname).filter(|qualifier| *qualifier != "$LATEST");
        let reason = match (&endpoint.place.restart, qualifier) {
            (Some(_), _) if is_started => {
                "`restart` is given, expected none for a function that --local starts: awsinvoker knows how to restart it"
                    .to_owned()
            }
            (None, _) if is_idle && is_started && !is_lambda => {
                "it is a function behind gRPC that --local starts, expected another for --idle: nothing takes its instances \
                 away"
                    .to_owned()
            }
            _ if !plan.needs_restarts() => continue,
            (None, Some(qualifier)) if is_lambda => format!(
                "`hostname` has the qualifier `{qualifier}`, expected none for {flag}: what a version is cannot be \
                 changed; name the function alone, or give the entry a `restart` command"
            ),
            (None, _) if !is_lambda && !is_started => {
                format!(
                    "`restart` is missing, expected it for {flag}: a function behind gRPC that is not started for the run \
                     needs an object like {{\"command\": [\"kubectl\", \"patch\", \"...\"]}} whose command makes its \
                     environments fresh"
                )
            }
            _ => continue,
        };
        let path = plan.endpoints.path.display().to_string();
        return Err(ConfigError::Restart { path, index: plan.endpoints.entry(index), reason });
    }
    Ok(())
}
