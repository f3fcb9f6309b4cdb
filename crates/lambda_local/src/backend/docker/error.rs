//! What can go wrong with Docker.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use bollard::errors::Error;
use thiserror::Error;

/// Docker cannot be used, or an image cannot.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum DockerError {
    #[error(
        "cannot reach the Docker daemon at {host}: {source}; start it, or name its socket in DOCKER_HOST, and make \
         sure that this user may use it"
    )]
    Unreachable { host: String, source: Error },
    #[error(
        "there is no image {0}; build it (docker build -f FOLDER/Dockerfile -t {0} .) or fetch it (docker pull {0})"
    )]
    NoImage(String),
    #[error("the image {0} has neither ENTRYPOINT nor CMD; expected one that says what to run")]
    NoCommand(String),
    #[error("the image {image} is for {found}; expected {expected}, as this machine is")]
    Platform { image: String, found: String, expected: String },
    #[error("Docker cannot {what}: {source}")]
    Refused { what: &'static str, source: Error },
    #[error("Docker's answer lacks {0}")]
    Incomplete(&'static str),
    #[error(
        "cannot listen on {address}, where containers would find the Runtime API: {source}; lambda-local has to share \
         the network and the processes of Docker's host (in a container: network_mode: host and pid: host)"
    )]
    Gateway { address: IpAddr, source: io::Error },
    #[error("cannot start {}, which would remove containers left behind: {source}", program.display())]
    Reaper { program: PathBuf, source: io::Error },
    #[error("functions that are images need a program that removes containers left behind (Config::helper)")]
    NoReaper,
    #[error("cannot make a pipe for the output of a container: {0}")]
    Pipe(io::Error),
    #[error(
        "cannot unpack an image into {}: {source}; the variable TMPDIR names another folder to use", folder.display()
    )]
    Export { folder: PathBuf, source: io::Error },
    #[error("the server stops")]
    Stopping,
}

impl DockerError {
    /// Docker refused to do `what`, or failed to.
    pub(super) fn refused(what: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| Self::Refused { what, source }
    }
}
