//! How many files, and so connections, the process may have open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a run has open beside its connections, generously.
const OTHER_FILES: u64 = 64;

/// Lets the process have this many connections open at once to each of so many targets: connections that wait for their
/// next call do not count as calls in flight.
///
/// # Errors
/// The system's hard limit is lower.
pub(crate) fn allow_connections(connections: u32, targets: usize) -> io::Result<()> {
    let targets = u64::try_from(targets).unwrap_or(u64::MAX).max(1);
    let needed = u64::from(connections).saturating_mul(targets).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match (current, maximum) {
        (None, _) => Ok(()),
        (Some(current), _) if current >= needed => Ok(()),
        (_, Some(maximum)) if maximum < needed => {
            let most = maximum.saturating_sub(OTHER_FILES) / targets;
            let each = if targets > 1 {
                format!(", since each of {targets} targets may have so many")
            } else {
                String::new()
            };
            Err(io::Error::other(format!(
                "--max-in-flight is {connections}, expected at most {most} where a process may have {maximum} files open{each}"
            )))
        }
        _ => Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })?),
    }
}

/// Lets the process have so many files open beside those that it has, as far as the system's hard limit allows it: what does
/// not fit fails with its own message.
pub(crate) fn allow_files(files: usize) {
    let needed = u64::try_from(files).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let current = Some(maximum.map_or(needed, |maximum| maximum.min(needed)));
        // A limit that cannot be raised is noticed when a file is opened.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_beyond_the_hard_limit_are_refused() {
        allow_connections(1, 1).unwrap();
        if getrlimit(Resource::Nofile).maximum.is_some_and(|maximum| maximum < u64::from(u32::MAX)) {
            assert!(allow_connections(u32::MAX, 1).unwrap_err().to_string().contains("expected at most"));
            assert!(
                allow_connections(u32::MAX / 100, 100)
                    .unwrap_err()
                    .to_string()
                    .contains("each of 100 targets")
            );
        }
    }
}
