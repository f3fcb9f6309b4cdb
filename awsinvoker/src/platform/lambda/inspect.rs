//! What the platform says of a function, for `run.json`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::{BoxError, ProvideErrorMetadata as _};
use run_record::run_info::{CpuLimit, FunctionInfo};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::platform::description::variable;
use crate::platform::http::not_http1;
use crate::text::with_causes;

/// How long the platform may take for all functions together: the run waits for it.
const WITHIN: Duration = Duration::from_secs(5);

/// The answer to GetFunctionConfiguration, with what lambda-local adds to it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    package_type: Option<String>,
    code_sha256: Option<String>,
    memory_size: Option<u32>,
    timeout: Option<u32>,
    architectures: Vec<String>,
    version: Option<String>,
    last_modified: Option<String>,
    environment: Environment,
    lambda_local: Option<LambdaLocal>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LambdaLocal {
    kind: Option<String>,
    program: Option<String>,
    arguments: Vec<String>,
    sha256: Option<String>,
    image: Option<String>,
    image_id: Option<String>,
    cpu_limit: Option<ToldLimit>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldLimit {
    quota_us: u64,
    period_us: u64,
}

/// Asks for functions of these names. What the platform does not tell stays unknown; that it refuses is logged once.
pub(super) async fn functions(sdk: &SdkConfig, names: &[&str]) -> Vec<FunctionInfo> {
    let (client, mut asked) = (Client::new(sdk), JoinSet::new());
    for (index, name) in names.iter().enumerate() {
        let (client, name) = (client.clone(), (*name).to_owned());
        asked.spawn(async move { (index, ask(&client, &name).await) });
    }
    let unknown = |name: &&str| FunctionInfo { name: (*name).to_owned(), ..FunctionInfo::default() };
    let mut functions: Vec<_> = names.iter().map(unknown).collect();
    let mut refusal = None;
    let collect = async {
        while let Some(Ok((index, answer))) = asked.join_next().await {
            match answer {
                Ok(answer) => functions[index] = answer.into_info(names[index]),
                Err(Some(reason)) => refusal = refusal.take().or(Some(reason)),
                Err(None) => {}
            }
        }
    };
    if tokio::time::timeout(WITHIN, collect).await.is_err() {
        refusal = Some(format!("no answer within {} s", WITHIN.as_secs()));
    }
    if let Some(reason) = refusal {
        tracing::warn!("run.json lacks what the functions are: GetFunctionConfiguration: {reason}");
    }
    functions
}

/// Asks for one function. Fails without a reason if the server serves the Invoke API alone.
async fn ask(client: &Client, name: &str) -> Result<Answer, Option<String>> {
    // The SDK drops what it does not know, so the body is read again.
    let body = Body::default();
    let call = client.get_function_configuration().function_name(name).customize();
    let Err(error) = call.interceptor(body.clone()).send().await else {
        let bytes = body.0.lock().unwrap_or_else(PoisonError::into_inner);
        return serde_json::from_slice(&bytes).map_err(|error| Some(error.to_string()));
    };
    match error.as_service_error() {
        Some(refusal) if refusal.code().is_none() => Err(None),
        Some(refusal) => {
            let (code, message) = (refusal.code(), refusal.message());
            Err(Some(format!("{}: {}", code.unwrap_or_default(), message.unwrap_or("no message"))))
        }
        None => Err(Some(not_http1(&error).unwrap_or_else(|| with_causes(&error)))),
    }
}

/// Keeps the body of an answer.
#[derive(Clone, Debug, Default)]
struct Body(Arc<Mutex<Vec<u8>>>);

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

impl Answer {
    fn into_info(self, name: &str) -> FunctionInfo {
        let shows_values = self.lambda_local.is_some();
        let environment = self.environment.variables.iter();
        let local = self.lambda_local.unwrap_or_default();
        FunctionInfo {
            name: name.to_owned(),
            // Set where all targets are known.
            target: 0,
            kind: local.kind.or(self.package_type),
            program: local.program,
            arguments: local.arguments,
            sha256: local.sha256,
            image: local.image,
            image_id: local.image_id,
            code_sha256: self.code_sha256,
            memory_mb: self.memory_size,
            cpu_limit: local
                .cpu_limit
                .map(|ToldLimit { quota_us, period_us }| CpuLimit { quota_us, period_us }),
            timeout_s: self.timeout,
            architecture: self.architectures.into_iter().next(),
            version: self.version,
            last_modified: self.last_modified,
            environment: environment
                .map(|(key, value)| if shows_values { variable(key, value) } else { key.clone() })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_variables_are_told_for_lambda_local_alone_and_no_secrets() {
        let answer = json!({
            "PackageType": "Zip", "MemorySize": 1769, "Timeout": 3, "Architectures": ["x86_64"], "Version": "$LATEST",
            "LastModified": "2023-11-14T22:13:20.500+0000", "CodeSha256": "q6s=",
            "Environment": { "Variables": { "THREADS": "2", "Api_Key": "hidden" } },
        });
        let info = |answer: &serde_json::Value| {
            serde_json::from_value::<Answer>(answer.clone()).unwrap().into_info("f:prod")
        };
        let aws = info(&answer);
        assert_eq!(
            (aws.name.as_str(), aws.kind.as_deref(), aws.memory_mb),
            ("f:prod", Some("Zip"), Some(1769))
        );
        assert_eq!(aws.environment, ["Api_Key", "THREADS"]);
        let mut answer = answer;
        answer["LambdaLocal"] =
            json!({ "Kind": "process", "Program": "/f", "Arguments": ["x"], "Sha256": "ab" });
        assert_eq!(info(&answer).cpu_limit, None);
        answer["LambdaLocal"]["CpuLimit"] = json!({ "QuotaUs": 5788, "PeriodUs": 20_000 });
        let local = info(&answer);
        assert_eq!((local.kind.as_deref(), local.program.as_deref()), (Some("process"), Some("/f")));
        assert_eq!(local.environment, ["Api_Key", "THREADS=2"]);
        assert_eq!(local.cpu_limit, Some(CpuLimit { quota_us: 5788, period_us: 20_000 }));
        assert_eq!((local.sha256.as_deref(), local.code_sha256.as_deref()), (Some("ab"), Some("q6s=")));
    }
}
