//! The concurrency of the account: what functions have reserved, what is provisioned, and what is left. Pure.

use thiserror::Error;

/// The most that Lambda keeps for functions that reserve nothing.
const MAX_MINIMUM_UNRESERVED: usize = 100;
/// The part of the account's concurrency that is kept for functions that reserve nothing. With Lambda's default limit
/// of 1000, that is what Lambda keeps.
const UNRESERVED_PART: usize = 10;

/// The account cannot give a function what is asked for it, in the words of Lambda.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum AccountError {
    /// A reservation leaves too little for the other functions.
    #[error(
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
         its minimum value of [{0}]."
    )]
    ReservedTooMany(usize),
    /// A reservation is smaller than what is provisioned.
    #[error(
        " ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned concurrency \
         [{provisioned}]."
    )]
    ReservedLessThanProvisioned {
        /// What was to be reserved.
        reserved: usize,
        /// What is provisioned.
        provisioned: usize,
    },
    /// More is to be provisioned than the function has reserved.
    #[error(
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )]
    ProvisionedMoreThanReserved,
    /// More is to be provisioned than the account has.
    #[error(
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{0}]."
    )]
    ProvisionedMoreThanUnreserved(usize),
    /// What is to be provisioned leaves too little for the other functions.
    #[error(
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [{0}]."
    )]
    ProvisionedTooMany(usize),
}

/// What one function has of the account's concurrency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// How many requests the function may serve at a time. It shares them with no other function.
    pub(super) reserved: Option<usize>,
    /// How many environments are kept ready.
    pub(super) provisioned: usize,
}

impl Share {
    /// What the function takes from all others.
    fn taken(self) -> usize {
        self.reserved.unwrap_or(self.provisioned)
    }
}

/// The account.
#[derive(Debug)]
pub(super) struct Account {
    concurrency: usize,
    shares: Vec<Share>,
}

impl Account {
    /// An account that serves `concurrency` requests at a time, with functions that have reserved nothing.
    pub(super) fn new(concurrency: usize, functions: usize) -> Self {
        Self { concurrency, shares: vec![Share::default(); functions] }
    }

    /// Gives the function what its configuration says.
    ///
    /// # Errors
    /// If the account does not have as much.
    pub(super) fn set_up(
        &mut self,
        function: usize,
        reserved: Option<usize>,
        provisioned: usize,
    ) -> Result<(), AccountError> {
        if let Some(reserved) = reserved {
            self.reserve(function, reserved)?;
        }
        self.provision(function, provisioned)
    }

    /// How many requests the account serves at a time.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// What the function has.
    pub(super) fn share(&self, function: usize) -> Share {
        self.shares[function]
    }

    /// How many requests the functions that reserve nothing may serve together.
    pub(super) fn unreserved(&self) -> usize {
        let taken: usize = self.shares.iter().map(|share| share.taken()).sum();
        self.concurrency.saturating_sub(taken)
    }

    /// Reserves concurrency for the function, instead of what it had reserved.
    ///
    /// # Errors
    /// If the account does not have as much, or more is provisioned.
    pub(super) fn reserve(&mut self, function: usize, reserved: usize) -> Result<(), AccountError> {
        let provisioned = self.shares[function].provisioned;
        if reserved < provisioned {
            return Err(AccountError::ReservedLessThanProvisioned { reserved, provisioned });
        }
        let minimum = self.minimum_unreserved();
        if reserved > self.available_to(function).saturating_sub(minimum) {
            return Err(AccountError::ReservedTooMany(minimum));
        }
        self.shares[function].reserved = Some(reserved);
        Ok(())
    }

    /// The function reserves nothing any more.
    pub(super) fn release(&mut self, function: usize) {
        self.shares[function].reserved = None;
    }

    /// Provisions environments of the function, instead of those that it had.
    ///
    /// # Errors
    /// If the function has not reserved as many, or the account does not have as many.
    pub(super) fn provision(&mut self, function: usize, count: usize) -> Result<(), AccountError> {
        if let Some(reserved) = self.shares[function].reserved {
            if count > reserved {
                return Err(AccountError::ProvisionedMoreThanReserved);
            }
        } else {
            let (available, minimum) = (self.available_to(function), self.minimum_unreserved());
            if count > available {
                return Err(AccountError::ProvisionedMoreThanUnreserved(available));
            }
            if count > available.saturating_sub(minimum) {
                return Err(AccountError::ProvisionedTooMany(minimum));
            }
        }
        self.shares[function].provisioned = count;
        Ok(())
    }

    /// What no other function has taken.
    fn available_to(&self, function: usize) -> usize {
        self.unreserved() + self.shares[function].taken()
    }

    fn minimum_unreserved(&self) -> usize {
        (self.concurrency / UNRESERVED_PART).min(MAX_MINIMUM_UNRESERVED)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tenth_and_at_most_100_stay_unreserved() {
        for (concurrency, most) in [(1000, 900), (10_000, 9900), (50, 45), (9, 9), (1, 1)] {
            let mut account = Account::new(concurrency, 2);
            assert_eq!(
                account.reserve(0, most + 1),
                Err(AccountError::ReservedTooMany(concurrency - most)),
                "{concurrency}"
            );
            assert_eq!(account.reserve(0, most), Ok(()));
            assert_eq!(account.unreserved(), concurrency - most);
            assert_eq!(account.reserve(1, 0), Ok(()), "nothing can always be reserved");
            account.release(0);
            assert_eq!(account.unreserved(), concurrency);
        }
    }

    #[test]
    fn what_a_function_has_already_is_not_counted_twice() {
        let mut account = Account::new(1000, 2);
        assert_eq!(account.reserve(0, 600), Ok(()));
        assert_eq!(account.reserve(0, 900), Ok(()));
        assert_eq!(account.reserve(1, 1), Err(AccountError::ReservedTooMany(100)));
        assert_eq!(account.reserve(0, 5), Ok(()));
        assert_eq!(account.provision(0, 6), Err(AccountError::ProvisionedMoreThanReserved));
        assert_eq!(account.provision(0, 5), Ok(()));
        assert_eq!(account.unreserved(), 995);
        let error = account.reserve(0, 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            " ReservedConcurrentExecutions  4 should not be lower than function's total provisioned concurrency [5]."
        );
    }

    #[test]
    fn provisioned_environments_count_as_taken() {
        let mut account = Account::new(1000, 2);
        assert_eq!(account.provision(0, 1001), Err(AccountError::ProvisionedMoreThanUnreserved(1000)));
        assert_eq!(account.provision(0, 901), Err(AccountError::ProvisionedTooMany(100)));
        assert_eq!(account.provision(0, 900), Ok(()));
        assert_eq!(account.unreserved(), 100);
        assert_eq!(account.reserve(1, 1), Err(AccountError::ReservedTooMany(100)));
        assert_eq!(account.provision(0, 0), Ok(()));
        assert_eq!(account.share(0), Share::default());
    }

    #[test]
    fn a_configuration_is_checked_as_requests_are() {
        let set_up = |reserved, provisioned| Account::new(1000, 1).set_up(0, reserved, provisioned);
        assert_eq!(set_up(None, 0), Ok(()));
        assert_eq!(set_up(Some(900), 900), Ok(()));
        assert_eq!(set_up(Some(0), 0), Ok(()));
        assert_eq!(set_up(Some(901), 0), Err(AccountError::ReservedTooMany(100)));
        assert_eq!(set_up(Some(1), 2), Err(AccountError::ProvisionedMoreThanReserved));
        assert_eq!(set_up(None, 901), Err(AccountError::ProvisionedTooMany(100)));
    }

    proptest! {
        /// Whatever is asked for, the shares never exceed the account, and the minimum stays.
        #[test]
        fn the_account_is_never_overdrawn(
            concurrency in 1..2000usize,
            steps in prop::collection::vec((0..3u8, 0..3usize, 0..2000usize), 0..40),
        ) {
            let mut account = Account::new(concurrency, 3);
            for (step, function, count) in steps {
                // What cannot be had is refused.
                let _ = match step {
                    0 => account.reserve(function, count),
                    1 => account.provision(function, count),
                    _ => {
                        account.release(function);
                        Ok(())
                    }
                };
                let taken: usize = account.shares.iter().map(|share| share.taken()).sum();
                prop_assert!(taken + account.minimum_unreserved() <= concurrency);
                prop_assert_eq!(account.unreserved(), concurrency - taken);
                for share in &account.shares {
                    prop_assert!(share.reserved.is_none_or(|reserved| share.provisioned <= reserved));
                }
            }
        }
    }
}
