//! What is managed: the functions with their settings, and the account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use uuid::Uuid;

use super::account::{Account, Share};
use super::code::Programs;
use super::description::{Code, Description};
use super::list::ListQuery;
use super::update::Update;
use crate::backend::{Backends, PrepareError};
use crate::clock;
use crate::config::{FunctionConfig, Program, VERSION, function_arn};
use crate::environment::Blueprint;
use crate::function_reference::FunctionReference;
use crate::refusal::Refusal;
use crate::service::Service;

/// How much code an account of Lambda may have, and how much a function, in bytes.
const TOTAL_CODE_BYTES: u64 = 80_530_636_800;
const CODE_BYTES: u64 = 262_144_000;
const ZIPPED_CODE_BYTES: u64 = 52_428_800;

/// The functions and the account.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(super) service: Arc<Service>,
    backends: Arc<Backends>,
    names: Vec<String>,
    programs: Programs,
    state: Mutex<Managed>,
}

#[derive(Debug)]
pub(super) struct Managed {
    pub(super) account: Account,
    pub(super) records: Vec<Record>,
}

/// What is known of a function beside what its environments need.
#[derive(Debug, Clone)]
pub(super) struct Record {
    description: String,
    revision: String,
    last_modified: SystemTime,
    /// When its provisioned concurrency was changed.
    pub(super) provisioned_at: SystemTime,
}

impl Record {
    fn new() -> Self {
        let now = clock::now();
        Self { description: String::new(), revision: new_revision(), last_modified: now, provisioned_at: now }
    }
}

/// A function that a client names.
pub(super) struct Target {
    pub(super) number: usize,
    pub(super) name: String,
    /// Whether the client named the version.
    pub(super) qualified: bool,
}

impl Manager {
    /// Manages these functions of the service, in an account that serves `concurrency` requests at a time.
    ///
    /// # Errors
    /// If a function reserves or provisions more than the account has. Names the function.
    pub(crate) fn new(
        service: Arc<Service>,
        backends: Arc<Backends>,
        functions: &[FunctionConfig],
        concurrency: usize,
    ) -> Result<Self, (String, String)> {
        let mut account = Account::new(concurrency, functions.len());
        for (number, function) in functions.iter().enumerate() {
            account
                .set_up(number, function.reserved_concurrency, function.provisioned_concurrency)
                .map_err(|error| (function.name.clone(), error.to_string()))?;
        }
        Ok(Self {
            service,
            backends,
            names: functions.iter().map(|function| function.name.clone()).collect(),
            programs: Programs::default(),
            state: Mutex::new(Managed { account, records: vec![Record::new(); functions.len()] }),
        })
    }

    /// Reserves and provisions what the configurations of the functions say.
    pub(crate) fn begin(&self) {
        for number in 0..self.names.len() {
            let Share { reserved, provisioned } = self.state().account.share(number);
            if reserved.is_some() {
                self.service.set_reserved_concurrency(number, reserved);
            }
            if provisioned > 0 {
                self.service.set_provisioned_concurrency(number, provisioned);
            }
        }
    }

    /// `ListFunctions`. Blocks while it reads programs.
    pub(super) fn list(&self, query: &ListQuery) -> Result<Value, Refusal> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let page = query.page(&names)?;
        let functions = page.functions.map(|number| self.describe(number, page.all_versions).in_list());
        let mut answer = json!({ "Functions": functions.collect::<Vec<_>>() });
        if let Some(marker) = page.next_marker {
            answer["NextMarker"] = json!(marker);
        }
        Ok(answer)
    }

    /// `GetFunction`. Blocks while it reads the program.
    pub(super) fn function(&self, reference: &str, qualifier: Option<&str>) -> Result<Value, Refusal> {
        let Target { number, qualified, .. } = self.find(reference, qualifier)?;
        let description = self.describe(number, qualified);
        let mut answer =
            json!({ "Configuration": description.configuration(), "Code": description.location() });
        if let Some(reserved) = self.state().account.share(number).reserved {
            answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
        }
        Ok(answer)
    }

    /// `GetFunctionConfiguration`. Blocks while it reads the program.
    pub(super) fn configuration(&self, reference: &str, qualifier: Option<&str>) -> Result<Value, Refusal> {
        let Target { number, qualified, .. } = self.find(reference, qualifier)?;
        Ok(self.describe(number, qualified).configuration())
    }

    /// `UpdateFunctionConfiguration`. New environments get the settings. Blocks while it reads the program.
    pub(super) fn update(&self, reference: &str, update: Update) -> Result<Value, Refusal> {
        let Target { number, .. } = self.find(reference, None)?;
        self.apply(number, update)?;
        Ok(self.describe(number, false).configuration())
    }

    fn apply(&self, number: usize, update: Update) -> Result<(), Refusal> {
        let mut state = self.state();
        let record = &mut state.records[number];
        if update.revision.as_ref().is_some_and(|revision| *revision != record.revision) {
            return Err(Refusal::OtherRevision);
        }
        let changed = self.service.change_blueprint(number, |blueprint| {
            let function = updated(&blueprint.function, &update);
            let backend = self.backends.backend(&function)?;
            Ok::<_, PrepareError>(Blueprint { function, backend, ..blueprint.clone() })
        });
        changed.map_err(|error| Refusal::Unavailable(error.to_string()))?;
        record.description = update.description.unwrap_or_else(|| record.description.clone());
        record.revision = new_revision();
        record.last_modified = clock::now();
        Ok(())
    }

    /// `GetAccountSettings`. Blocks while it reads programs.
    pub(super) fn account_settings(&self) -> Value {
        let (concurrency, unreserved) = {
            let account = &self.state().account;
            (account.concurrency(), account.unreserved())
        };
        let sizes =
            (0..self.names.len()).map(|number| match self.code(&self.service.blueprint(number).function) {
                Code::Program(Ok(contents)) => contents.size,
                Code::Program(Err(_)) | Code::Image(_) => 0,
            });
        json!({
            "AccountLimit": {
                "TotalCodeSize": TOTAL_CODE_BYTES,
                "CodeSizeUnzipped": CODE_BYTES,
                "CodeSizeZipped": ZIPPED_CODE_BYTES,
                "ConcurrentExecutions": concurrency,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": { "TotalCodeSize": sizes.sum::<u64>(), "FunctionCount": self.names.len() },
        })
    }

    fn describe(&self, number: usize, qualified: bool) -> Description {
        let blueprint = self.service.blueprint(number);
        let Record { description, revision, last_modified, .. } = self.state().records[number].clone();
        let handler = blueprint.backend.variables().into_iter().find(|(name, _)| *name == "_HANDLER");
        Description {
            arn: self.arn(&blueprint.function.name, qualified),
            text: description,
            handler: handler.map(|(_, handler)| handler),
            revision,
            last_modified,
            code: self.code(&blueprint.function),
            cpu_limit: blueprint.backend.cpu_limit(),
            function: blueprint.function.clone(),
        }
    }

    fn code(&self, function: &FunctionConfig) -> Code {
        match &function.program {
            Program::Command { program, .. } => {
                let contents = self.programs.contents(program);
                Code::Program(contents.map_err(|error| format!("cannot read {}: {error}", program.display())))
            }
            Program::Image(_) | Program::ImageAsProcess(_) => Code::Image(self.backends.image_id(function)),
        }
    }

    pub(super) fn arn(&self, name: &str, qualified: bool) -> String {
        let arn = function_arn(self.service.region(), name);
        if qualified { format!("{arn}:{VERSION}") } else { arn }
    }

    /// The function that a client means. There is one version.
    pub(super) fn find(&self, reference: &str, qualifier: Option<&str>) -> Result<Target, Refusal> {
        let region = self.service.region();
        let reference = FunctionReference::parse(reference, qualifier, region)?;
        let FunctionReference { name, qualifier } = &reference;
        match self.service.find(name) {
            Some(number) if reference.is_latest() => {
                Ok(Target { number, name: name.clone(), qualified: qualifier.is_some() })
            }
            _ if qualifier.is_some() => Err(Refusal::FunctionNotFound(reference.qualified_arn(region))),
            _ => Err(Refusal::FunctionNotFound(function_arn(region, name))),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Managed> {
        // The state is whole at every point that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The function after an update.
fn updated(function: &FunctionConfig, update: &Update) -> FunctionConfig {
    FunctionConfig {
        memory_mb: update.memory_mb.unwrap_or(function.memory_mb),
        timeout: update.timeout.map_or(function.timeout, Duration::from_secs),
        environment: update.environment.clone().unwrap_or_else(|| function.environment.clone()),
        ..function.clone()
    }
}

fn new_revision() -> String {
    Uuid::new_v4().to_string()
}
