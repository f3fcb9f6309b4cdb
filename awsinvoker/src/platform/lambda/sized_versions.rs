//! Versions of one Lambda function that differ in their memory, each with an alias to call it by: what a comparison of sizes
//! on AWS needs, where a function has one size at a time.
//!
//! `$LATEST` has its own memory again as soon as the versions are there. All that is made bears a mark, by which it is found
//! and removed, also after the process that made it was killed. A version that Lambda did not make anew, because nothing had
//! changed since it was published, does not bear it and stays.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasError;
use aws_sdk_lambda::types::State;

use super::client;
use super::config::connection_of;
use super::function_name::qualifier;
use super::update::{self, LOOK, failure, settled};
use crate::cli::PlatformArgs;
use crate::plan::endpoints::Place;

/// What an alias is called before the number of MB.
const ALIAS: &str = "awsinvoker-mb-";
/// What says of a version and of an alias who has made it, before the mark.
const DESCRIPTION: &str = "made by awsinvoker for a comparison of sizes, removed at its end";
/// How long one version may take to be made, and all of a function to be removed.
const WITHIN: Duration = Duration::from_secs(300);
/// How long it may take to look at a function, and to give it its memory again.
const MEMORY_WITHIN: Duration = Duration::from_secs(120);
/// Lambda's bounds of the memory of a function, in MB.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;

/// Versions of one function that differ in their memory.
#[derive(Debug)]
pub struct SizedVersions {
    client: Client,
    function: String,
    sizes_mb: Vec<u32>,
    /// The memory of the function itself.
    memory_mb: u32,
    /// That of all that is made.
    description: String,
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
         CreateAlias, GetAlias, DeleteAlias, DeleteFunction and ListVersionsByFunction"
    )]
    NotMade { reason: String },
    #[error("not all that was made is gone again, and has to be removed by hand: {}", .0.join("; "))]
    Left(Vec<String>),
}

impl SizedVersions {
    /// Looks at a function that is to get a version of each size, in MB. Nothing is changed. `args` and `place` say where it
    /// is, as for an endpoint. No other process that makes sizes has this mark.
    ///
    /// # Errors
    /// A size cannot be, or the function cannot be looked at.
    pub async fn look(
        args: &PlatformArgs,
        place: &Place,
        function: &str,
        sizes_mb: &[u32],
        mark: &str,
    ) -> Result<Self, SizedVersionsError> {
        check(function, sizes_mb)?;
        let not_made = |reason| SizedVersionsError::NotMade { reason };
        let mut versions = Self::with_memory(args, place, function, sizes_mb, mark, 0).await?;
        let looked = within(MEMORY_WITHIN, function, settled(&versions.client, function)).await;
        let memory_mb = looked.map_err(not_made)?.memory_mb;
        versions.memory_mb =
            memory_mb.ok_or_else(|| not_made(format!("{function}: its memory is not told")))?;
        Ok(versions)
    }

    /// Those that a process which was killed may have left, of a function that had this memory before.
    ///
    /// # Errors
    /// It is not known where the function is.
    pub async fn with_memory(
        args: &PlatformArgs,
        place: &Place,
        function: &str,
        sizes_mb: &[u32],
        mark: &str,
        memory_mb: u32,
    ) -> Result<Self, SizedVersionsError> {
        let sdk = client::load(&connection_of(args, place)).await;
        let sdk = sdk.map_err(|error| SizedVersionsError::NotMade { reason: error.to_string() })?;
        Ok(Self {
            client: update::client(&sdk.config),
            function: function.to_owned(),
            sizes_mb: sizes_mb.to_vec(),
            memory_mb,
            description: format!("{DESCRIPTION} ({mark})"),
        })
    }

    /// The name of the function.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The memory of the function itself, in MB.
    pub fn memory_mb(&self) -> u32 {
        self.memory_mb
    }

    /// The alias of the version with this memory in MB: the `qualifier` of an endpoint.
    pub fn alias(memory_mb: u32) -> String {
        format!("{ALIAS}{memory_mb}")
    }

    /// Makes a version and an alias for each size, and gives the function its memory again, whatever comes of it. Between two
    /// sizes, `is_stopped` may end this. Returns whether all were made. [`Self::remove`] has to follow in each case.
    ///
    /// # Errors
    /// The platform refuses something.
    pub async fn make(&self, mut is_stopped: impl FnMut() -> bool) -> Result<bool, SizedVersionsError> {
        let mut made = Ok(true);
        for &size_mb in &self.sizes_mb {
            if is_stopped() {
                made = Ok(false);
                break;
            }
            if let Err(reason) = within(WITHIN, &self.function, self.make_one(size_mb)).await {
                made = Err(reason);
                break;
            }
        }
        let restored = self.restore_memory().await;
        let reason = match (made, restored) {
            (Ok(made), Ok(())) => return Ok(made),
            (Err(reason), Ok(())) | (Ok(_), Err(reason)) => reason,
            (Err(reason), Err(left)) => format!("{reason}; {left}"),
        };
        Err(SizedVersionsError::NotMade { reason })
    }

    /// Removes all that bears the mark, and sees to it that the function has its memory. All of it is tried.
    ///
    /// # Errors
    /// Something is left. The message names it.
    pub async fn remove(&self) -> Result<(), SizedVersionsError> {
        let mut left: Vec<String> = self.restore_memory().await.err().into_iter().collect();
        let removed = async {
            for &size_mb in &self.sizes_mb {
                left.extend(self.remove_alias(&Self::alias(size_mb)).await.err());
            }
            match self.marked_versions().await {
                Ok(versions) => {
                    for version in versions {
                        left.extend(self.remove_version(&version).await.err());
                    }
                }
                Err(reason) => left.push(reason),
            }
            Ok(())
        };
        if let Err(reason) = within(WITHIN, &self.function, removed).await {
            left.push(reason);
        }
        if left.is_empty() { Ok(()) } else { Err(SizedVersionsError::Left(left)) }
    }

    /// Makes one version and its alias.
    async fn make_one(&self, memory_mb: u32) -> Result<(), String> {
        self.resize(memory_mb).await?;
        let Self { client, function, description, .. } = self;
        let published =
            client.publish_version().function_name(function).description(description).send().await;
        let published = published.map_err(|error| failure("PublishVersion", function, &error))?;
        let version = published.version().ok_or_else(|| format!("{function}: its version is not told"))?;
        active(client, function, version).await?;
        let alias = Self::alias(memory_mb);
        let created = client.create_alias().function_name(function).name(&alias).function_version(version);
        let created = created.description(description).send().await;
        created.map(drop).map_err(|error| {
            let reason = failure("CreateAlias", function, &error);
            format!("{reason} (an alias {alias} that another experiment has made has to go first)")
        })
    }

    /// Gives the function its own memory, if it has another.
    async fn restore_memory(&self) -> Result<(), String> {
        let Self { function, memory_mb, .. } = self;
        let restored = within(MEMORY_WITHIN, function, self.resize(*memory_mb)).await;
        restored.map_err(|reason| format!("{reason} (its memory has to be {memory_mb} MB again)"))
    }

    /// Gives the function this memory, and waits until it has it.
    async fn resize(&self, memory_mb: u32) -> Result<(), String> {
        let Self { client, function, .. } = self;
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

    /// Removes an alias, if it bears the mark.
    async fn remove_alias(&self, alias: &str) -> Result<(), String> {
        let Self { client, function, description, .. } = self;
        let name = format!("{function}:{alias}");
        let found = match client.get_alias().function_name(function).name(alias).send().await {
            Ok(found) => found,
            Err(error) => {
                let is_gone =
                    error.as_service_error().is_some_and(GetAliasError::is_resource_not_found_exception);
                return if is_gone { Ok(()) } else { Err(failure("GetAlias", &name, &error)) };
            }
        };
        if found.description() != Some(description) {
            return Ok(());
        }
        let deleted = client.delete_alias().function_name(function).name(alias).send().await;
        deleted.map(drop).map_err(|error| failure("DeleteAlias", &name, &error))
    }

    async fn remove_version(&self, version: &str) -> Result<(), String> {
        let Self { client, function, .. } = self;
        let deleted = client.delete_function().function_name(function).qualifier(version).send().await;
        let name = format!("{function}:{version}");
        deleted.map(drop).map_err(|error| failure("DeleteFunction", &name, &error))
    }

    /// The versions that bear the mark.
    async fn marked_versions(&self) -> Result<Vec<String>, String> {
        let list = self.client.list_versions_by_function().function_name(&self.function);
        let (mut pages, mut versions) = (list.into_paginator().send(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure("ListVersionsByFunction", &self.function, &error))?;
            let marked =
                page.versions().iter().filter(|found| found.description() == Some(&self.description));
            // Without a qualifier, the function itself would be deleted.
            versions.extend(
                marked.filter_map(|found| found.version()).filter(|it| is_number(it)).map(str::to_owned),
            );
        }
        Ok(versions)
    }
}

/// Whether this names a published version, and not `$LATEST`.
fn is_number(version: &str) -> bool {
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
}

/// Ends what takes too long.
async fn within<T>(
    limit: Duration,
    function: &str,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let in_time = tokio::time::timeout(limit, work).await;
    in_time.unwrap_or_else(|_| Err(format!("{function}: it took more than {} s", limit.as_secs())))
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
