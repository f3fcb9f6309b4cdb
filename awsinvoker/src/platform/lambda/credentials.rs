//! Who calls: known before the run, and renewed beside it. No call waits for credentials.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use aws_sdk_lambda::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::task::JoinSet;

use crate::clock::wall_now;
use crate::text::with_causes;

/// New credentials are asked for this long before the old ones expire, or after half the time if less is left.
const LEAD: Duration = Duration::from_secs(5 * 60);
/// The least time between two looks at the clock.
const MIN_WAIT: Duration = Duration::from_secs(5);
/// The most time between two looks at the clock: the wall clock may be set, and this machine may sleep.
const MAX_WAIT: Duration = Duration::from_secs(10 * 60);

/// The credentials that calls are signed with.
#[derive(Debug)]
pub(super) struct Caller {
    current: Arc<RwLock<Current>>,
    /// Ends when this is dropped.
    _renewal: JoinSet<()>,
}

/// The credentials that are in use, and what calls were signed with.
#[derive(Debug)]
struct Current {
    identity: Arc<Identity>,
    /// From when on a call is late that is signed with them: they have expired. Absent if they never expire.
    late_from: Option<SystemTime>,
    /// How late the latest of these calls was, in nanoseconds. 0 if none was late.
    late_ns: AtomicU64,
    /// The same for all credentials before, as a sum.
    earlier_late_ns: u64,
}

impl Caller {
    /// Has these credentials, and renews them if they expire.
    pub(super) fn new(credentials: Credentials, provider: Option<SharedCredentialsProvider>) -> Self {
        let expiry = credentials.expiry();
        let current = Arc::new(RwLock::new(Current::new(credentials)));
        let mut renewal = JoinSet::new();
        if let (Some(expiry), Some(provider)) = (expiry, provider) {
            renewal.spawn(renew(provider, expiry, Arc::clone(&current)));
        }
        Self { current, _renewal: renewal }
    }

    /// Who calls.
    pub(super) fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.read().identity)
    }

    /// Who calls with a call that is signed at this time. It is noted whether the credentials have expired.
    pub(super) fn sign_at(&self, now: SystemTime) -> Arc<Identity> {
        let current = self.read();
        current.note(now);
        Arc::clone(&current.identity)
    }

    /// For how long calls were signed with credentials that had expired, in nanoseconds: each time from their expiry to
    /// the last call that was signed with them.
    pub(super) fn expired_ns(&self) -> u64 {
        self.read().expired_ns()
    }

    fn read(&self) -> RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn new(credentials: Credentials) -> Self {
        let late_from = credentials.expiry();
        let identity = Arc::new(Identity::from(credentials));
        Self { identity, late_from, late_ns: AtomicU64::new(0), earlier_late_ns: 0 }
    }

    fn note(&self, now: SystemTime) {
        if let Some(late) = self.late_from.and_then(|from| now.duration_since(from).ok()) {
            let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            self.late_ns.fetch_max(late_ns, Ordering::Relaxed);
        }
    }

    fn expired_ns(&self) -> u64 {
        self.earlier_late_ns.saturating_add(self.late_ns.load(Ordering::Relaxed))
    }

    /// The credentials that come after these, at this time. Should they have expired before, the time until now is not
    /// counted twice.
    fn renewed(&self, credentials: Credentials, now: SystemTime) -> Self {
        let next = Self::new(credentials);
        let late_from = next.late_from.map(|expiry| expiry.max(now));
        Self { late_from, earlier_late_ns: self.expired_ns(), ..next }
    }
}

async fn renew(provider: SharedCredentialsProvider, expiry: SystemTime, current: Arc<RwLock<Current>>) {
    let mut expiry = Some(expiry);
    let mut told = false;
    while let Some(at) = expiry {
        let left = || at.duration_since(wall_now()).unwrap_or_default();
        tokio::time::sleep(wait(left())).await;
        if left() > LEAD {
            continue;
        }
        match provider.provide_credentials().await {
            Ok(credentials) => {
                told = false;
                expiry = credentials.expiry();
                let mut current = current.write().unwrap_or_else(PoisonError::into_inner);
                *current = current.renewed(credentials, wall_now());
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!(
                    "the AWS credentials expire and could not be renewed, which is tried again: {}",
                    with_causes(&error)
                );
            }
            Err(_) => {}
        }
    }
}

/// How long to wait before looking again whether new credentials are to be asked for.
fn wait(left: Duration) -> Duration {
    let early = left.saturating_sub(LEAD);
    early.max(left / 2).clamp(MIN_WAIT, MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;
    use aws_sdk_lambda::config::ProvideCredentials;

    use super::*;

    #[test]
    fn credentials_are_renewed_well_before_they_expire() {
        let cases = [(0, 5), (8, 5), (60, 30), (600, 300), (900, 600), (3600, 600)];
        for (left, waited) in cases {
            assert_eq!(wait(Duration::from_secs(left)), Duration::from_secs(waited), "{left}");
        }
    }

    /// Fails once, and then gives credentials that do not expire.
    #[derive(Debug, Default)]
    struct Source(AtomicU32);

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Err(CredentialsError::unhandled("away")),
                _ => Ok(Credentials::new("new", "secret", None, None, "test")),
            })
        }
    }

    fn name(caller: &Caller) -> String {
        caller.identity().data::<Credentials>().unwrap().access_key_id().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_have_the_old_credentials_until_there_are_new_ones() {
        let old = Credentials::new("old", "secret", None, Some(wall_now() + LEAD), "test");
        let caller = Caller::new(old, Some(SharedCredentialsProvider::new(Source::default())));
        // Half the time to the first attempt, which fails, and half to the second: the time of day hardly moves here.
        tokio::time::sleep(LEAD * 3 / 4).await;
        assert_eq!(name(&caller), "old");
        tokio::time::sleep(LEAD / 2).await;
        assert_eq!(name(&caller), "new");
    }

    fn expiring(expiry: SystemTime) -> Credentials {
        Credentials::new("old", "secret", None, Some(expiry), "test")
    }

    #[tokio::test]
    async fn credentials_that_expire_after_the_last_call_was_signed_do_not_count() {
        let expiry = wall_now() - Duration::from_secs(100);
        let caller = Caller::new(expiring(expiry), None);
        let expired_ns_with_a_call_at = |after: i32| {
            let after_ns = Duration::from_secs(after.unsigned_abs().into());
            caller.sign_at(if after < 0 { expiry - after_ns } else { expiry + after_ns });
            caller.expired_ns()
        };
        assert_eq!(caller.expired_ns(), 0, "they expired 100 s ago, but there was no call since");
        for (after_expiry_s, late_s) in [(-10, 0), (0, 0), (7, 7), (3, 7), (-1, 7), (9, 9)] {
            let late_ns = late_s * run_record::units::NS_PER_S;
            assert_eq!(expired_ns_with_a_call_at(after_expiry_s), late_ns, "{after_expiry_s}");
        }
    }

    #[test]
    fn a_renewal_keeps_what_is_known_of_earlier_credentials() {
        let second = Duration::from_secs(1);
        let start = wall_now();
        let expired_s = |current: &Current| current.expired_ns() / run_record::units::NS_PER_S;
        let first = Current::new(expiring(start));
        first.note(start + 5 * second);
        let second_one = first.renewed(expiring(start + 2 * second), start + 6 * second);
        assert_eq!(expired_s(&second_one), 5);
        second_one.note(start + 7 * second);
        assert_eq!(expired_s(&second_one), 6, "credentials that come expired count from when they came");
        let last =
            second_one.renewed(Credentials::new("new", "secret", None, None, "test"), start + 9 * second);
        last.note(start + 1000 * second);
        assert_eq!(expired_s(&last), 6, "they never expire");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_with_credentials_that_had_expired_is_known() {
        let expired = Duration::from_secs(100);
        let caller = Caller::new(
            expiring(wall_now() - expired),
            Some(SharedCredentialsProvider::new(Source::default())),
        );
        caller.sign_at(wall_now());
        let late_ns = caller.expired_ns();
        assert!(u128::from(late_ns) >= expired.as_nanos(), "{late_ns}");
        tokio::time::sleep(MIN_WAIT * 3).await;
        assert_eq!(name(&caller), "new");
        caller.sign_at(wall_now());
        assert_eq!(caller.expired_ns(), late_ns, "new credentials have not expired");
    }
}
