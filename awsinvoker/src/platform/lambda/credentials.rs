//! Who calls: known before the run, and renewed beside it. No call waits for credentials.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
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
    current: Arc<Current>,
    /// Ends when this is dropped.
    _renewal: JoinSet<()>,
}

/// The credentials that are in use.
#[derive(Debug)]
struct Current {
    identity: RwLock<Arc<Identity>>,
    /// For how long credentials had expired before they were renewed, in nanoseconds.
    expired_ns: AtomicU64,
}

impl Caller {
    /// Has these credentials, and renews them if they expire.
    pub(super) fn new(credentials: Credentials, provider: Option<SharedCredentialsProvider>) -> Self {
        let expiry = credentials.expiry();
        let identity = RwLock::new(Arc::new(Identity::from(credentials)));
        let current = Arc::new(Current { identity, expired_ns: AtomicU64::new(0) });
        let mut renewal = JoinSet::new();
        if let (Some(expiry), Some(provider)) = (expiry, provider) {
            renewal.spawn(renew(provider, expiry, Arc::clone(&current)));
        }
        Self { current, _renewal: renewal }
    }

    /// Who calls now.
    pub(super) fn identity(&self) -> Arc<Identity> {
        self.current.identity()
    }

    /// For how long calls have had credentials that had expired, in nanoseconds.
    pub(super) fn expired_ns(&self) -> u64 {
        self.current.expired_ns.load(Ordering::Relaxed).saturating_add(since_expiry_ns(&self.identity()))
    }
}

impl Current {
    fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn renew(&self, credentials: Credentials) {
        let mut identity = self.identity.write().unwrap_or_else(PoisonError::into_inner);
        self.expired_ns.fetch_add(since_expiry_ns(&identity), Ordering::Relaxed);
        *identity = Arc::new(credentials.into());
    }
}

/// For how long the credentials have expired.
fn since_expiry_ns(identity: &Identity) -> u64 {
    let expired = identity.expiration().and_then(|expiry| wall_now().duration_since(expiry).ok());
    expired.map_or(0, |expired| u64::try_from(expired.as_nanos()).unwrap_or(u64::MAX))
}

async fn renew(provider: SharedCredentialsProvider, expiry: SystemTime, current: Arc<Current>) {
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
                current.renew(credentials);
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

    #[tokio::test(start_paused = true)]
    async fn the_time_with_credentials_that_had_expired_is_known() {
        let expired = Duration::from_secs(100);
        let old = Credentials::new("old", "secret", None, Some(wall_now() - expired), "test");
        let caller = Caller::new(old, Some(SharedCredentialsProvider::new(Source::default())));
        let before_ns = caller.expired_ns();
        assert!(u128::from(before_ns) >= expired.as_nanos(), "{before_ns}");
        tokio::time::sleep(MIN_WAIT * 3).await;
        assert_eq!(name(&caller), "new");
        let renewed_ns = caller.expired_ns();
        assert!(renewed_ns >= before_ns);
        assert_eq!(caller.expired_ns(), renewed_ns, "new credentials have not expired");
        let valid = Credentials::new("old", "secret", None, Some(wall_now() + expired), "test");
        assert_eq!(Caller::new(valid, None).expired_ns(), 0);
    }
}
