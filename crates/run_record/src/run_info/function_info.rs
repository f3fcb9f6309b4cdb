//! What was called.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cpu_limit::{self, CpuLimit};

/// Digits of a hash that tell it apart from others.
const HASH: usize = 12;

/// A function that was called, as the platform described it before the run. What the platform did not tell is null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FunctionInfo {
    /// The name by which it was called.
    pub name: String,
    /// The index of its target.
    pub target: usize,
    /// What an environment is: `process` or `docker` on lambda-local, `Zip` or `Image` on AWS.
    pub kind: Option<String>,
    /// The path of its program.
    pub program: Option<String>,
    /// The arguments of its program.
    pub arguments: Vec<String>,
    /// SHA-256 of its program on lambda-local, in hexadecimal.
    pub sha256: Option<String>,
    /// The name of its image.
    pub image: Option<String>,
    /// Which image the name meant.
    pub image_id: Option<String>,
    /// `CodeSha256` of the platform.
    pub code_sha256: Option<String>,
    /// Memory that it was given, in MB.
    pub memory_mb: Option<u32>,
    /// CPU time that an environment was given; null if nothing limits it, or if that is not known.
    #[serde(default)]
    pub cpu_limit: Option<CpuLimit>,
    /// What an invocation may take, in seconds.
    pub timeout_s: Option<u32>,
    /// The processor's architecture.
    pub architecture: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// When it was last changed.
    pub last_modified: Option<String>,
    /// Its variables, sorted: `KEY=VALUE` on lambda-local, and `KEY` alone on AWS, or where the name speaks of a secret.
    pub environment: Vec<String>,
}

impl FunctionInfo {
    /// The CPU time of an environment for people; `None` if the platform did not tell it.
    pub fn cpu_text(&self) -> Option<String> {
        cpu_limit::text(self.cpu_limit, self.kind.as_deref())
    }

    /// Whether nothing limits the CPU time of its environments.
    pub fn has_unlimited_cpu(&self) -> bool {
        cpu_limit::is_none(self.cpu_limit, self.kind.as_deref())
    }

    /// What tells its version from others, for people: the version that the platform names, its image, or the beginning of the
    /// hash of its program or of its image; `None` if nothing does.
    pub fn version_text(&self) -> Option<String> {
        let hash = |name: &str, hash: &Option<String>| {
            let hash: String = hash.as_ref()?.trim_start_matches("sha256:").chars().take(HASH).collect();
            Some(format!("{name} {hash}"))
        };
        let version = self.version.as_ref().filter(|version| *version != "$LATEST");
        let version = version.map(|version| format!("version {version}"));
        let image = self.image.as_ref().map(|image| format!("image {image}"));
        let hashes =
            [hash("sha256", &self.sha256), hash("id", &self.image_id), hash("code", &self.code_sha256)];
        let parts: Vec<String> = [version, image].into_iter().chain(hashes).flatten().take(3).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// What it was given and which version it was, for people. What is not known is left out.
    pub(super) fn text(&self) -> String {
        let parts = [
            self.kind.clone(),
            self.memory_mb.map(|mb| format!("{mb} MB")),
            self.cpu_text().map(|cpu| format!("CPU time: {cpu}")),
            self.architecture.clone(),
            self.version_text(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_told_by_what_is_known_of_it() {
        assert_eq!(
            (FunctionInfo::default().text(), FunctionInfo::default().version_text()),
            (String::new(), None)
        );
        let process = FunctionInfo {
            kind: Some("process".to_owned()),
            sha256: Some("0123456789abcdef".to_owned()),
            memory_mb: Some(512),
            architecture: Some("x86_64".to_owned()),
            version: Some("$LATEST".to_owned()),
            ..FunctionInfo::default()
        };
        assert_eq!(process.text(), "process, 512 MB, CPU time: no limit, x86_64, sha256 0123456789ab");
        let image = FunctionInfo {
            kind: Some("docker".to_owned()),
            image: Some("chameleon:latest".to_owned()),
            image_id: Some("sha256:fedcba9876543210".to_owned()),
            cpu_limit: Some(CpuLimit { quota_us: 5788, period_us: 20_000 }),
            version: Some("7".to_owned()),
            ..FunctionInfo::default()
        };
        assert_eq!(
            image.text(),
            "docker, CPU time: 5788 µs of each 20000 µs, version 7, image chameleon:latest, id fedcba987654"
        );
    }
}
