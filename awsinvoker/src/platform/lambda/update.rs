//! Fresh environments of Lambda functions: after a change of its configuration, a function has new environments only.
//!
//! One variable is set that no function looks at. The others stay as they are. A revision that somebody else has made in
//! between is not overwritten.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{Environment, LastUpdateStatus};
use futures_util::future::{join_all, try_join_all};
use tokio::task::JoinSet;

use crate::clock::{Moment, wall_now};
use crate::platform::boundary::{Boundary, Renewed};
use crate::platform::error::StartError;
use crate::text::with_causes;

/// The variable that is changed.
pub(super) const VARIABLE: &str = "AWSINVOKER_RESTART";
/// How long before a boundary the configuration is read that is changed at it.
const READ_AHEAD: Duration = Duration::from_secs(2);
/// The time between two looks whether an update is complete.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// How long the first update of a run, and putting the configuration back, may take.
const WITHIN: Duration = Duration::from_secs(60);

type Variables = HashMap<String, String>;

/// Gives the functions of one target fresh environments.
#[derive(Debug)]
pub(in crate::platform) struct Updates {
    client: Client,
    functions: Vec<Function>,
    /// Updates that were asked for and have not ended. One that nobody waits for any longer goes on, so that it does not come
    /// after what is done next.
    under_way: JoinSet<Result<(), String>>,
    /// How long the last update took.
    took_ns: u64,
    /// What all values of the variable begin with that this run sets, and no other.
    mark: String,
    /// Makes each value of the variable another one.
    number: u64,
}

#[derive(Debug)]
struct Function {
    name: String,
    /// Its endpoints at the target.
    endpoints: Vec<usize>,
    /// Its variables before the run; absent as long as it was not looked at.
    original: Option<Variables>,
    /// Whether an update of it was asked for.
    is_touched: bool,
}

/// What is known of a function that no update is under way of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled {
    arn: Option<String>,
    pub(super) revision: Option<String>,
    pub(super) memory_mb: Option<u32>,
    variables: Variables,
}

impl Updates {
    /// For the functions of these names, one for each endpoint at the target. Nothing is called.
    pub(super) fn new(sdk: &SdkConfig, names: &[&str]) -> Self {
        let mut functions: Vec<Function> = Vec::new();
        for (endpoint, name) in names.iter().enumerate() {
            match functions.iter_mut().find(|function| function.name == *name) {
                Some(function) => function.endpoints.push(endpoint),
                None => functions.push(Function {
                    name: (*name).to_owned(),
                    endpoints: vec![endpoint],
                    original: None,
                    is_touched: false,
                }),
            }
        }
        let since = wall_now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mark = format!("{}-{}-", since.as_millis(), std::process::id());
        Self { client: client(sdk), functions, under_way: JoinSet::new(), took_ns: 0, mark, number: 0 }
    }

    /// The names of the functions.
    pub(in crate::platform) fn functions(&self) -> Vec<String> {
        self.functions.iter().map(|function| function.name.clone()).collect()
    }

    /// Looks at the functions, and makes their environments fresh once: so a run does not begin that cannot.
    ///
    /// # Errors
    /// A function cannot be looked at or changed.
    pub(in crate::platform) async fn begin(&mut self) -> Result<(), StartError> {
        let begun = async {
            self.look().await?;
            self.update(None, Moment::now()).await
        };
        let in_time = tokio::time::timeout(WITHIN, begun).await;
        in_time.unwrap_or_else(|_| Err(too_slow())).map_err(StartError::Restart)
    }

    /// Notes what the functions are like before the run. Several names may stand for one function.
    async fn look(&mut self) -> Result<(), String> {
        let client = &self.client;
        let seen =
            try_join_all(self.functions.iter().map(|function| settled(client, &function.name))).await?;
        let (mut arns, mut kept) = (Vec::<Option<String>>::new(), Vec::<Function>::new());
        for (mut function, Settled { arn, mut variables, .. }) in self.functions.drain(..).zip(seen) {
            // It stayed if an earlier run was killed.
            variables.remove(VARIABLE);
            function.original = Some(variables);
            match arns.iter().position(|known| arn.is_some() && *known == arn) {
                Some(same) => kept[same].endpoints.append(&mut function.endpoints),
                None => {
                    arns.push(arn);
                    kept.push(function);
                }
            }
        }
        self.functions = kept;
        Ok(())
    }

    /// Makes the environments of all functions fresh, or of that of one endpoint. The update is begun as long before the
    /// boundary as the last one took.
    pub(in crate::platform) async fn restart(
        &mut self,
        boundary: &Boundary,
        endpoint: Option<usize>,
    ) -> Result<Renewed, String> {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        boundary.wait_until_ahead(self.took_ns.saturating_add(ns(READ_AHEAD))).await;
        let seen = self.unchanged(endpoint).await?;
        boundary.wait_until_ahead(self.took_ns).await;
        let begun_ns = boundary.clock.now_ns();
        self.apply(endpoint, seen).await?;
        let done_ns = boundary.clock.now_ns();
        self.took_ns = done_ns.saturating_sub(begun_ns);
        Ok(Renewed { begun_ns, done_ns })
    }

    /// Looks and updates at once.
    async fn update(&mut self, endpoint: Option<usize>, now: Moment) -> Result<(), String> {
        let seen = self.unchanged(endpoint).await?;
        self.apply(endpoint, seen).await?;
        self.took_ns = Moment::now().ns_since(now);
        Ok(())
    }

    /// Looks at each chosen function again, after updates that were given up.
    async fn unchanged(&mut self, endpoint: Option<usize>) -> Result<Vec<Settled>, String> {
        // Why it failed was told when it was given up.
        _ = self.ended().await;
        let client = &self.client;
        let chosen = self.functions.iter().filter(|function| function.has(endpoint));
        try_join_all(chosen.map(|function| function.unchanged(client))).await
    }

    /// Changes the variable of each chosen function, and waits until all updates are complete.
    async fn apply(&mut self, endpoint: Option<usize>, seen: Vec<Settled>) -> Result<(), String> {
        self.number += 1;
        let value = format!("{}{}", self.mark, self.number);
        let chosen = self.functions.iter_mut().filter(|function| function.has(endpoint));
        for (function, mut seen) in chosen.zip(seen) {
            function.is_touched = true;
            seen.variables.insert(VARIABLE.to_owned(), value.clone());
            let (client, name) = (self.client.clone(), function.name.clone());
            self.under_way.spawn(async move { put(&client, &name, seen).await });
        }
        self.ended().await
    }

    /// Waits until no update is under way. Fails with the reason of one that failed.
    async fn ended(&mut self) -> Result<(), String> {
        let mut result = Ok(());
        while let Some(ended) = self.under_way.join_next().await {
            result = result.and(ended.map_err(|error| error.to_string()).flatten());
        }
        result
    }

    /// Takes the variable out of each function again, and says where that failed.
    pub(in crate::platform) async fn restore(&mut self) -> Option<String> {
        let restored = async {
            // One that ends after this would set the variable again. Why it failed was told.
            _ = self.ended().await;
            let (client, mark) = (&self.client, &self.mark);
            join_all(self.functions.iter().map(|function| function.restore(client, mark))).await
        };
        let failures: Vec<String> = match tokio::time::timeout(WITHIN, restored).await {
            Ok(results) => results.into_iter().filter_map(Result::err).collect(),
            Err(_) => vec![too_slow()],
        };
        (!failures.is_empty()).then(|| failures.join("; "))
    }
}

impl Function {
    fn has(&self, endpoint: Option<usize>) -> bool {
        endpoint.is_none_or(|endpoint| self.endpoints.contains(&endpoint))
    }

    /// Looks at the function again. Fails if somebody else has changed its variables.
    async fn unchanged(&self, client: &Client) -> Result<Settled, String> {
        let seen = settled(client, &self.name).await?;
        let mut others = seen.variables.clone();
        others.remove(VARIABLE);
        match &self.original {
            Some(original) if *original == others => Ok(seen),
            _ => Err(format!("{}: its variables were changed during the run, and not by it", self.name)),
        }
    }

    /// Takes the variable out again, if this run has set it. What others have changed stays.
    async fn restore(&self, client: &Client, mark: &str) -> Result<(), String> {
        if !self.is_touched {
            return Ok(());
        }
        let mut seen = settled(client, &self.name).await?;
        match seen.variables.remove(VARIABLE) {
            // An update that failed or was given up leaves the value of one before it.
            Some(found) if found.starts_with(mark) => put(client, &self.name, seen).await,
            _ => Ok(()),
        }
    }
}

/// A client for operations other than calls. Lambda limits their rate for the whole account, so that one that it refuses for
/// that is made again.
pub(super) fn client(sdk: &SdkConfig) -> Client {
    let config = aws_sdk_lambda::config::Builder::from(sdk).retry_config(RetryConfig::standard());
    Client::from_conf(config.build())
}

/// Sets the variables of a function, unless it has another revision by now, and waits until that is complete.
async fn put(client: &Client, name: &str, seen: Settled) -> Result<(), String> {
    let environment = Environment::builder().set_variables(Some(seen.variables)).build();
    let update = client.update_function_configuration().function_name(name).environment(environment);
    let update = update.set_revision_id(seen.revision).send().await;
    let update = update.map_err(|error| failure("UpdateFunctionConfiguration", name, &error))?;
    if update.last_update_status() == Some(&LastUpdateStatus::Successful) {
        return Ok(());
    }
    settled(client, name).await.map(drop)
}

/// Looks at a function as soon as no update of it is under way.
pub(super) async fn settled(client: &Client, name: &str) -> Result<Settled, String> {
    loop {
        let looked = client.get_function_configuration().function_name(name).send().await;
        let found = looked.map_err(|error| failure("GetFunctionConfiguration", name, &error))?;
        match found.last_update_status() {
            Some(LastUpdateStatus::InProgress) => tokio::time::sleep(LOOK).await,
            Some(LastUpdateStatus::Failed) => {
                let reason = found.last_update_status_reason().unwrap_or("no reason is told");
                return Err(format!("{name}: its last update failed: {reason}"));
            }
            _ => return seen(name, &found),
        }
    }
}

fn seen(name: &str, found: &GetFunctionConfigurationOutput) -> Result<Settled, String> {
    let environment = found.environment();
    if let Some(error) = environment.and_then(|environment| environment.error()) {
        // To set them without knowing them would delete them.
        let reason = error.message().or(error.error_code()).unwrap_or("no reason is told");
        return Err(format!("{name}: its variables cannot be read: {reason}"));
    }
    let variables = environment.and_then(|environment| environment.variables());
    Ok(Settled {
        arn: found.function_arn().map(str::to_owned),
        revision: found.revision_id().map(str::to_owned),
        memory_mb: found.memory_size().and_then(|mb| u32::try_from(mb).ok()),
        variables: variables.cloned().unwrap_or_default(),
    })
}

/// A failure for people, with the name of the operation and of the function.
pub(super) fn failure<E>(operation: &str, name: &str, error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let reason = match error.as_service_error() {
        Some(refusal) => match (refusal.code(), refusal.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => "it is no operation of this server".to_owned(),
        },
        None => with_causes(error),
    };
    format!("{name}: {operation}: {reason}")
}

fn too_slow() -> String {
    format!("an update was not complete within {} s", WITHIN.as_secs())
}
