//! The versions of functions on AWS that a comparison of sizes needs, made before its runs and removed after them.

use std::collections::BTreeMap;

use super::error::ExperimentError;
use super::plan::ExperimentPlan;
use crate::cli::PlatformArgs;
use crate::plan::endpoints::Place;
use crate::platform::SizedVersions;

/// The versions that were made.
#[derive(Debug, Default)]
pub(super) struct Sizes(Vec<SizedVersions>);

/// A function whose versions are made, with what is needed for that.
type Function<'a> = (&'a str, (&'a Place, Vec<u32>));

impl Sizes {
    /// Makes the versions that the entries of a plan call. If it fails, none is left.
    pub(super) async fn make(plan: &ExperimentPlan, args: &PlatformArgs) -> Result<Self, ExperimentError> {
        let mut made = Self::default();
        for (name, (place, sizes_mb)) in functions(plan) {
            match SizedVersions::create(args, place, name, &sizes_mb).await {
                Ok(versions) => made.0.push(versions),
                Err(error) => {
                    made.remove().await?;
                    return Err(error.into());
                }
            }
        }
        Ok(made)
    }

    /// Removes them. All are tried; the first failure is told.
    pub(super) async fn remove(self) -> Result<(), ExperimentError> {
        let mut result = Ok(());
        for versions in self.0 {
            let removed = versions.remove().await;
            result = result.and(removed);
        }
        Ok(result?)
    }
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
