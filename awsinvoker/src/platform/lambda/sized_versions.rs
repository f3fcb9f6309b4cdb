//! Versions of one Lambda function that differ in their memory, each with an alias to call it by: what a comparison of sizes
//! on AWS needs, where a function has one size at a time.
//!
//! `$LATEST` has its own memory again as soon as the versions are there. A version that Lambda did not make anew, because
//! nothing had changed since it was published, is not ours and stays.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::State;

use super::client;
use super::config::connection_of;
use super::function_name::qualifier;
use super::update::{self, LOOK, failure, settled};
use crate::cli::PlatformArgs;
use crate::plan::endpoints::Place;

/// What an alias is called before the number of MB.
const ALIAS: &str = "awsinvoker-mb-";
/// What says of a version who has made it.
const DESCRIPTION: &str = "made by awsinvoker for a comparison of sizes, removed at its end";
/// How long the versions of all sizes may take to be made, and to be removed.
const WITHIN: Duration = Duration::from_secs(900);
/// Lambda's bounds of the memory of a function, in MB.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;

/// Versions of one function that differ in their memory.
#[derive(Debug)]
pub struct SizedVersions {
    client: Client,
    function: String,
    /// What was made, in the order in which it was.
    made: Vec<Made>,
}

/// One version.
#[derive(Debug)]
struct Made {
    memory_mb: u32,
    /// Absent if Lambda did not make it anew.
    version: Option<String>,
    alias: Option<String>,
}

/// Why there are no versions, or why some are left.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum SizedVersionsError {
    #[error(
        "{function}: it has the qualifier `{qualifier}`, expected none: each size gets a version of its own"
    )]
    Qualifier { function: String, qualifier: String },
    #[error("{memory_mb} MB, expected different numbers from 128 to 10240")]
    Memory { memory_mb: u32 },
    #[error(
        "{reason}; sizes need the permissions lambda:GetFunctionConfiguration, UpdateFunctionConfiguration, PublishVersion, \
         CreateAlias, DeleteAlias, DeleteFunction and ListVersionsByFunction"
    )]
    NotMade { reason: String },
    #[error("not all that was made is gone again, and has to be removed by hand: {}", .0.join("; "))]
    Left(Vec<String>),
}

impl SizedVersions {
    /// Makes a version and an alias for each size. `args` and `place` say where the function is, as for an endpoint. If it
    /// fails, what was made is removed.
    ///
    /// # Errors
    /// A size cannot be, or the platform refuses something.
    pub async fn create(
        args: &PlatformArgs,
        place: &Place,
        function: &str,
        sizes_mb: &[u32],
    ) -> Result<Self, SizedVersionsError> {
        check(function, sizes_mb)?;
        let not_made = |reason| SizedVersionsError::NotMade { reason };
        let sdk = client::load(&connection_of(args, place)).await;
        let sdk = sdk.map_err(|error| not_made(error.to_string()))?;
        let client = update::client(&sdk.config);
        let mut versions = Self { client, function: function.to_owned(), made: Vec::new() };
        let made = tokio::time::timeout(WITHIN, versions.make_all(sizes_mb)).await;
        let made =
            made.unwrap_or_else(|_| Err(format!("{function}: it took more than {} s", WITHIN.as_secs())));
        let Err(reason) = made else { return Ok(versions) };
        match versions.remove().await {
            Ok(()) => Err(not_made(reason)),
            Err(left) => Err(not_made(format!("{reason}; {left}"))),
        }
    }

    /// The alias of the version with this memory in MB.
    pub fn alias(memory_mb: u32) -> String {
        format!("{ALIAS}{memory_mb}")
    }

    /// For each size, in MB, the alias by which it is called: the `qualifier` of an endpoint.
    pub fn aliases(&self) -> impl Iterator<Item = (u32, &str)> {
        self.made.iter().filter_map(|made| Some((made.memory_mb, made.alias.as_deref()?)))
    }

    /// Removes all that was made.
    ///
    /// # Errors
    /// Something is left. The message names it.
    pub async fn remove(self) -> Result<(), SizedVersionsError> {
        let Self { client, function, made } = &self;
        let mut left = Vec::new();
        for Made { version, alias, .. } in made {
            if let Some(alias) = alias {
                let deleted = client.delete_alias().function_name(function).name(alias).send().await;
                left.extend(
                    deleted.err().map(|error| failure("DeleteAlias", &format!("{function}:{alias}"), &error)),
                );
            }
            if let Some(version) = version {
                let deleted =
                    client.delete_function().function_name(function).qualifier(version).send().await;
                let name = format!("{function}:{version}");
                left.extend(deleted.err().map(|error| failure("DeleteFunction", &name, &error)));
            }
        }
        if left.is_empty() { Ok(()) } else { Err(SizedVersionsError::Left(left)) }
    }

    /// Makes all of them, and gives the function its memory again, whatever comes of it.
    async fn make_all(&mut self, sizes_mb: &[u32]) -> Result<(), String> {
        let before = settled(&self.client, &self.function).await?;
        let memory_mb =
            before.memory_mb.ok_or_else(|| format!("{}: its memory is not told", self.function))?;
        let known = self.versions().await?;
        let mut made = Ok(());
        for &size_mb in sizes_mb {
            made = self.make(size_mb, &known).await;
            if made.is_err() {
                break;
            }
        }
        made.and(self.resize(memory_mb).await)
    }

    /// Makes one version and its alias.
    async fn make(&mut self, memory_mb: u32, known: &BTreeSet<String>) -> Result<(), String> {
        self.resize(memory_mb).await?;
        let (client, function) = (self.client.clone(), self.function.clone());
        let published =
            client.publish_version().function_name(&function).description(DESCRIPTION).send().await;
        let published = published.map_err(|error| failure("PublishVersion", &function, &error))?;
        let version = published.version().ok_or_else(|| format!("{function}: its version is not told"))?;
        let is_new = !known.contains(version);
        self.made.push(Made { memory_mb, version: is_new.then(|| version.to_owned()), alias: None });
        active(&client, &function, version).await?;
        let alias = format!("{ALIAS}{memory_mb}");
        let created = client.create_alias().function_name(&function).name(&alias).function_version(version);
        created.send().await.map_err(|error| {
            let reason = failure("CreateAlias", &function, &error);
            format!(
                "{reason} (an alias {alias} that another run or one that was killed has made has to go first)"
            )
        })?;
        if let Some(made) = self.made.last_mut() {
            made.alias = Some(alias);
        }
        Ok(())
    }

    /// Gives the function this memory, and waits until it has it.
    async fn resize(&self, memory_mb: u32) -> Result<(), String> {
        let (client, function) = (&self.client, &self.function);
        let seen = settled(client, function).await?;
        if seen.memory_mb == Some(memory_mb) {
            return Ok(());
        }
        let memory = i32::try_from(memory_mb).unwrap_or(i32::MAX);
        let update = client.update_function_configuration().function_name(function).memory_size(memory);
        let update = update.set_revision_id(seen.revision).send().await;
        update.map_err(|error| failure("UpdateFunctionConfiguration", function, &error))?;
        settled(client, function).await.map(drop)
    }

    /// The versions that are there.
    async fn versions(&self) -> Result<BTreeSet<String>, String> {
        let list = self.client.list_versions_by_function().function_name(&self.function);
        let (mut pages, mut versions) = (list.into_paginator().send(), BTreeSet::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure("ListVersionsByFunction", &self.function, &error))?;
            versions.extend(page.versions().iter().filter_map(|found| found.version().map(str::to_owned)));
        }
        Ok(versions)
    }
}

/// Waits until a version can be called.
async fn active(client: &Client, function: &str, version: &str) -> Result<(), String> {
    loop {
        let looked =
            client.get_function_configuration().function_name(function).qualifier(version).send().await;
        let found = looked.map_err(|error| failure("GetFunctionConfiguration", function, &error))?;
        match found.state() {
            Some(State::Pending) => tokio::time::sleep(LOOK).await,
            Some(State::Failed) => {
                let reason = found.state_reason().unwrap_or("no reason is told");
                return Err(format!("{function}:{version}: it cannot be called: {reason}"));
            }
            _ => return Ok(()),
        }
    }
}

fn check(function: &str, sizes_mb: &[u32]) -> Result<(), SizedVersionsError> {
    if let Some(qualifier) = qualifier(function) {
        let (function, qualifier) = (function.to_owned(), qualifier.to_owned());
        return Err(SizedVersionsError::Qualifier { function, qualifier });
    }
    let is_wrong =
        |(index, size): &(usize, &u32)| !MEMORY_MB.contains(*size) || sizes_mb[..*index].contains(size);
    match sizes_mb.iter().enumerate().find(is_wrong) {
        Some((_, memory_mb)) => Err(SizedVersionsError::Memory { memory_mb: *memory_mb }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_different_and_within_the_bounds_of_lambda() {
        let message = |function: &str, sizes: &[u32]| check(function, sizes).err().map(|it| it.to_string());
        assert_eq!(message("f", &[128, 10_240, 512]), None);
        for (sizes, wrong) in [(vec![127], 127), (vec![128, 10_241], 10_241), (vec![512, 128, 512], 512)] {
            let expected = format!("{wrong} MB, expected different numbers from 128 to 10240");
            assert_eq!(message("f", &sizes), Some(expected));
        }
        let refused = message("f:prod", &[128]).unwrap();
        assert_eq!(
            refused,
            "f:prod: it has the qualifier `prod`, expected none: each size gets a version of its own"
        );
    }
}
