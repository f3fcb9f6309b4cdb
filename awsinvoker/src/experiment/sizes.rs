//! The versions of functions on AWS that a comparison of sizes needs, made before its runs and removed after them.
//!
//! Before the first change, a file in the folder of the experiment says what is about to be made. It goes when all of that is
//! gone. So what a process that was killed has left is removed when the experiment goes on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::time::UNIX_EPOCH;

use run_record::format::json;
use serde::{Deserialize, Serialize};

use super::error::ExperimentError;
use super::folder::Folder;
use super::plan::ExperimentPlan;
use crate::cli::PlatformArgs;
use crate::clock::wall_now;
use crate::plan::endpoints::Place;
use crate::platform::{SizedVersions, SizedVersionsError};

/// The name of the file.
const SIZES_JSON: &str = "sizes.json";
/// The version of its layout.
const SCHEMA: u32 = 1;

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    schema: u32,
    /// What all that is made bears.
    mark: String,
    /// The memory of each function before, in MB.
    memory_mb: BTreeMap<String, u32>,
}

/// The versions of all functions.
#[derive(Debug, Default)]
pub(super) struct Sizes(Vec<SizedVersions>);

/// A function whose versions are made, with what is needed for that.
type Function<'a> = (&'a str, (&'a Place, Vec<u32>));

impl Sizes {
    /// Looks at the functions whose sizes the entries of a plan call, and writes down what they are like.
    pub(super) async fn look(
        plan: &ExperimentPlan,
        args: &PlatformArgs,
        folder: &Folder,
    ) -> Result<Self, ExperimentError> {
        let mark = mark();
        let mut sizes = Self::default();
        for (name, (place, sizes_mb)) in functions(plan) {
            sizes.0.push(SizedVersions::look(args, place, name, &sizes_mb, &mark).await?);
        }
        if !sizes.0.is_empty() {
            let memory = |versions: &SizedVersions| (versions.function().to_owned(), versions.memory_mb());
            let memory_mb = sizes.0.iter().map(memory).collect();
            folder.write_file(SIZES_JSON, &json::write(&Record { schema: SCHEMA, mark, memory_mb })?)?;
        }
        Ok(sizes)
    }

    /// Those that a process which was killed may have left.
    pub(super) async fn left(
        plan: &ExperimentPlan,
        args: &PlatformArgs,
        folder: &Folder,
    ) -> Result<Self, ExperimentError> {
        let mut sizes = Self::default();
        let file = match File::open(folder.path().join(SIZES_JSON)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sizes),
            Err(error) => return Err(error.into()),
        };
        let Record { mark, memory_mb, .. } = json::read(file, SCHEMA)?;
        for (name, (place, sizes_mb)) in functions(plan) {
            let Some(memory_mb) = memory_mb.get(name) else { continue };
            let left = SizedVersions::with_memory(args, place, name, &sizes_mb, &mark, *memory_mb).await?;
            sizes.0.push(left);
        }
        Ok(sizes)
    }

    /// Makes them. Returns whether all were made, which `is_stopped` may end.
    pub(super) async fn make(&self, mut is_stopped: impl FnMut() -> bool) -> Result<bool, ExperimentError> {
        for versions in &self.0 {
            if !versions.make(&mut is_stopped).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes them. All are tried.
    pub(super) async fn remove(&self, folder: &Folder) -> Result<(), ExperimentError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut left = Vec::new();
        for versions in &self.0 {
            match versions.remove().await {
                Ok(()) => {}
                Err(SizedVersionsError::Left(these)) => left.extend(these),
                Err(error) => left.push(error.to_string()),
            }
        }
        if !left.is_empty() {
            return Err(SizedVersionsError::Left(left).into());
        }
        Ok(fs::remove_file(folder.path().join(SIZES_JSON))?)
    }
}

/// No other process has the same.
fn mark() -> String {
    let since = wall_now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", since.as_millis(), std::process::id())
}

/// The functions with the sizes that are called.
fn functions(plan: &ExperimentPlan) -> impl Iterator<Item = Function<'_>> {
    let mut functions = BTreeMap::<&str, (&Place, Vec<u32>)>::new();
    for entry in &plan.entries {
        let Some((name, memory_mb)) = &entry.sized else { continue };
        let (_, sizes_mb) = functions.entry(name).or_insert_with(|| (&entry.endpoint.place, Vec::new()));
        if !sizes_mb.contains(memory_mb) {
            sizes_mb.push(*memory_mb);
        }
    }
    functions.into_iter()
}
