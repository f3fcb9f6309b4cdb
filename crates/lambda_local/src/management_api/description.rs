//! A function as the API describes it.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::code::{Contents, hex};
use crate::backend::CpuLimit;
use crate::config::{ACCOUNT_ID, FunctionConfig, Program, VERSION};

/// The temporary files that a function may have, in MB. Only containers are limited to them.
const EPHEMERAL_STORAGE_MB: u32 = 512;

/// All that is known of a function.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) function: FunctionConfig,
    /// The ARN as the client asked for it: with the version, or without.
    pub(super) arn: String,
    pub(super) text: String,
    pub(super) handler: Option<String>,
    pub(super) revision: String,
    pub(super) last_modified: SystemTime,
    pub(super) code: Code,
    /// How much CPU time an environment gets; `None` if nothing limits it.
    pub(super) cpu_limit: Option<CpuLimit>,
}

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Code {
    /// What a program holds, or why it cannot be read.
    Program(Result<Contents, String>),
    /// The id of an image.
    Image(Option<String>),
}

impl Description {
    /// The function in a list.
    pub(super) fn in_list(&self) -> Value {
        let FunctionConfig { name, memory_mb, timeout, environment, .. } = &self.function;
        let variables: Map<String, Value> =
            environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let mut described = json!({
            "FunctionName": name,
            "FunctionArn": self.arn,
            "Role": format!("arn:aws:iam::{ACCOUNT_ID}:role/lambda-local"),
            "Description": self.text,
            "Timeout": timeout.as_secs(),
            "MemorySize": memory_mb,
            "LastModified": timestamp(self.last_modified),
            "Version": VERSION,
            "Environment": { "Variables": variables },
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": self.revision,
            "Architectures": [architecture()],
            "EphemeralStorage": { "Size": EPHEMERAL_STORAGE_MB },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") },
        });
        merge(&mut described, self.package());
        described
    }

    /// The function with its state. An update is complete before it is answered.
    pub(super) fn configuration(&self) -> Value {
        let mut described = self.in_list();
        merge(&mut described, json!({ "State": "Active", "LastUpdateStatus": "Successful" }));
        described
    }

    /// Where the code is.
    pub(super) fn location(&self) -> Value {
        match &self.function.program {
            Program::Command { program, .. } => {
                json!({ "RepositoryType": "File", "Location": format!("file://{}", program.display()) })
            }
            Program::Image(image) | Program::ImageAsProcess(image) => {
                let mut location = json!({ "RepositoryType": "Docker", "ImageUri": image });
                if let Code::Image(Some(id)) = &self.code {
                    merge(&mut location, json!({ "ResolvedImageUri": id }));
                }
                location
            }
        }
    }

    /// What depends on the kind of the code. `LambdaLocal` holds what Lambda has no field for.
    fn package(&self) -> Value {
        let (mut package, mut own) = match &self.function.program {
            Program::Command { program, arguments, folder } => (
                json!({ "PackageType": "Zip", "Runtime": "provided.al2023", "Handler": self.handler }),
                json!({ "Kind": "process", "Program": program, "Arguments": arguments, "Folder": folder }),
            ),
            Program::Image(image) => (
                json!({ "PackageType": "Image", "CodeSize": 0 }),
                json!({ "Kind": "docker", "Image": image }),
            ),
            Program::ImageAsProcess(image) => (
                json!({ "PackageType": "Image", "CodeSize": 0 }),
                json!({ "Kind": "process", "Image": image }),
            ),
        };
        match &self.code {
            Code::Program(Ok(Contents { size, sha256 })) => {
                let encoded = BASE64_STANDARD.encode(sha256);
                merge(&mut package, json!({ "CodeSize": size, "CodeSha256": encoded }));
                merge(&mut own, json!({ "Sha256": hex(sha256) }));
            }
            Code::Program(Err(reason)) => merge(&mut own, json!({ "Error": reason })),
            Code::Image(Some(id)) => {
                merge(&mut package, json!({ "CodeSha256": id.strip_prefix("sha256:").unwrap_or(id) }));
                merge(&mut own, json!({ "ImageId": id }));
            }
            Code::Image(None) => {}
        }
        if let Some(CpuLimit { quota_us, period_us }) = self.cpu_limit {
            merge(&mut own, json!({ "CpuLimit": { "QuotaUs": quota_us, "PeriodUs": period_us } }));
        }
        merge(&mut package, json!({ "LambdaLocal": own }));
        package
    }
}

/// A time as Lambda writes it, in UTC.
pub(super) fn timestamp(time: SystemTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");
    OffsetDateTime::from(time).format(&format).unwrap_or_default()
}

/// The architecture of this machine as Lambda calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// Adds the fields of `more` to those of `object`.
fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn described(program: Program, code: Code) -> (Value, Value) {
        let function = FunctionConfig {
            memory_mb: 1769,
            timeout: Duration::from_secs(7),
            environment: vec![("AB".to_owned(), "1".to_owned())],
            ..FunctionConfig::new("f", program)
        };
        let description = Description {
            function,
            arn: "ARN".to_owned(),
            text: "text".to_owned(),
            handler: Some("handler".to_owned()),
            revision: "R".to_owned(),
            last_modified: UNIX_EPOCH + Duration::from_millis(1_700_000_000_500),
            cpu_limit: matches!(code, Code::Image(_)).then_some(CpuLimit { quota_us: 5, period_us: 9 }),
            code,
        };
        (description.configuration(), description.location())
    }

    #[test]
    fn a_program_is_described_as_lambda_describes_a_package() {
        let contents = Contents { size: 12, sha256: [0xab; 32] };
        let (configuration, location) = described(Program::executable("/bin/f"), Code::Program(Ok(contents)));
        assert_eq!(
            configuration,
            json!({
                "FunctionName": "f",
                "FunctionArn": "ARN",
                "Role": "arn:aws:iam::123456789012:role/lambda-local",
                "Description": "text",
                "Timeout": 7,
                "MemorySize": 1769,
                "LastModified": "2023-11-14T22:13:20.500+0000",
                "Version": "$LATEST",
                "Environment": { "Variables": { "AB": "1" } },
                "TracingConfig": { "Mode": "PassThrough" },
                "RevisionId": "R",
                "Architectures": [architecture()],
                "EphemeralStorage": { "Size": 512 },
                "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
                "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/f" },
                "State": "Active",
                "LastUpdateStatus": "Successful",
                "PackageType": "Zip",
                "Runtime": "provided.al2023",
                "Handler": "handler",
                "CodeSize": 12,
                "CodeSha256": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
                "LambdaLocal": {
                    "Kind": "process",
                    "Program": "/bin/f",
                    "Arguments": [],
                    "Folder": "/bin",
                    "Sha256": "ab".repeat(32),
                },
            })
        );
        assert_eq!(location, json!({ "RepositoryType": "File", "Location": "file:///bin/f" }));
    }

    #[test]
    fn an_image_is_described_by_its_id() {
        let (configuration, location) =
            described(Program::Image("f:latest".to_owned()), Code::Image(Some("sha256:12ab".to_owned())));
        assert_eq!(configuration["PackageType"], "Image");
        assert_eq!((&configuration["CodeSha256"], &configuration["CodeSize"]), (&json!("12ab"), &json!(0)));
        assert_eq!(
            configuration["LambdaLocal"],
            json!({
                "Kind": "docker",
                "Image": "f:latest",
                "ImageId": "sha256:12ab",
                "CpuLimit": { "QuotaUs": 5, "PeriodUs": 9 },
            })
        );
        assert_eq!(configuration.get("Handler"), None);
        let expected =
            json!({ "RepositoryType": "Docker", "ImageUri": "f:latest", "ResolvedImageUri": "sha256:12ab" });
        assert_eq!(location, expected);
    }

    #[test]
    fn nothing_is_said_of_a_program_that_cannot_be_read() {
        let code = Code::Program(Err("cannot read /bin/f: gone".to_owned()));
        let (configuration, _) = described(Program::executable("/bin/f"), code);
        assert_eq!((configuration.get("CodeSha256"), configuration.get("CodeSize")), (None, None));
        assert_eq!(configuration["LambdaLocal"]["Error"], "cannot read /bin/f: gone");
    }
}
