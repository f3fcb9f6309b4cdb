//! Reserved and provisioned concurrency of functions.

use serde_json::{Value, json};

use super::account::AccountError;
use super::description::timestamp;
use super::manager::{Managed, Manager, Target};
use crate::clock;
use crate::function_reference::FunctionReference;
use crate::refusal::{Constraint, Refusal, Violation};

impl Manager {
    /// `PutFunctionConcurrency`.
    pub(super) fn reserve(&self, reference: &str, count: usize) -> Result<Value, Refusal> {
        let number = self.unqualified(reference)?;
        let mut state = self.state();
        state.account.reserve(number, count)?;
        self.service.set_reserved_concurrency(number, Some(count));
        Ok(json!({ "ReservedConcurrentExecutions": count }))
    }

    /// `GetFunctionConcurrency`.
    pub(super) fn reserved(&self, reference: &str) -> Result<Value, Refusal> {
        let Target { number, .. } = self.find(reference, None)?;
        Ok(match self.state().account.share(number).reserved {
            Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
            None => json!({}),
        })
    }

    /// `DeleteFunctionConcurrency`.
    pub(super) fn release(&self, reference: &str) -> Result<(), Refusal> {
        let number = self.unqualified(reference)?;
        let mut state = self.state();
        state.account.release(number);
        self.service.set_reserved_concurrency(number, None);
        Ok(())
    }

    /// `PutProvisionedConcurrencyConfig`.
    pub(super) fn provision(
        &self,
        reference: &str,
        qualifier: Option<&str>,
        count: usize,
    ) -> Result<Value, Refusal> {
        let number = self.provisionable(reference, qualifier)?;
        let mut state = self.state();
        state.account.provision(number, count)?;
        state.records[number].provisioned_at = clock::now();
        self.service.set_provisioned_concurrency(number, count);
        Ok(self.provisioning(&state, number))
    }

    /// `GetProvisionedConcurrencyConfig`.
    pub(super) fn provisioned(&self, reference: &str, qualifier: Option<&str>) -> Result<Value, Refusal> {
        let number = self.provisionable(reference, qualifier)?;
        let state = self.state();
        if state.account.share(number).provisioned == 0 {
            return Err(Refusal::NothingProvisioned);
        }
        Ok(self.provisioning(&state, number))
    }

    /// `ListProvisionedConcurrencyConfigs`: at most one.
    pub(super) fn all_provisioned(&self, reference: &str) -> Result<Value, Refusal> {
        let Target { number, name, .. } = self.find(reference, None)?;
        let state = self.state();
        let mut configs = Vec::new();
        if state.account.share(number).provisioned > 0 {
            let mut config = self.provisioning(&state, number);
            config["FunctionArn"] = json!(self.arn(&name, true));
            configs.push(config);
        }
        Ok(json!({ "ProvisionedConcurrencyConfigs": configs }))
    }

    /// `DeleteProvisionedConcurrencyConfig`.
    pub(super) fn unprovision(&self, reference: &str, qualifier: Option<&str>) -> Result<(), Refusal> {
        let number = self.provisionable(reference, qualifier)?;
        let mut state = self.state();
        state.account.provision(number, 0)?;
        self.service.set_provisioned_concurrency(number, 0);
        Ok(())
    }

    fn provisioning(&self, state: &Managed, number: usize) -> Value {
        let requested = state.account.share(number).provisioned;
        let ready = self.service.provisioned_environments(number).min(requested);
        json!({
            "RequestedProvisionedConcurrentExecutions": requested,
            "AvailableProvisionedConcurrentExecutions": ready,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": if ready == requested { "READY" } else { "IN_PROGRESS" },
            "LastModified": timestamp(state.records[number].provisioned_at),
        })
    }

    /// The number of the function that a client means, which has to be named without a version.
    fn unqualified(&self, reference: &str) -> Result<usize, Refusal> {
        let region = self.service.region();
        let reference = FunctionReference::parse(reference, None, region)?;
        if reference.qualifier.is_some() {
            return Err(Refusal::InvalidParameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                 operation. Please specify either a function name or an unqualified function ARN."
                    .to_owned(),
            ));
        }
        let number = self.service.find(&reference.name);
        number.ok_or_else(|| Refusal::FunctionNotFound(reference.qualified_arn(region)))
    }

    /// The number of the function whose environments can be provisioned. Lambda wants a version or an alias, but here is
    /// only `$LATEST`.
    fn provisionable(&self, reference: &str, qualifier: Option<&str>) -> Result<usize, Refusal> {
        let region = self.service.region();
        let reference = FunctionReference::parse(reference, qualifier, region)?;
        let Some(qualifier) = &reference.qualifier else {
            let constraint = Constraint::NotNull;
            return Err(Violation { parameter: "qualifier", value: String::new(), constraint }.into());
        };
        match self.service.find(&reference.name) {
            Some(number) if reference.is_latest() => Ok(number),
            _ if reference.is_latest() || qualifier.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Refusal::FunctionNotFound(reference.qualified_arn(region)))
            }
            _ => Err(Refusal::AliasNotFound(reference.qualified_arn(region))),
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        Self::InvalidParameter(error.to_string())
    }
}
