//! What plans of experiments use of the package's plan of a load.

#[path = "../../awsinvoker/src/plan/rate.rs"]
mod rate;
#[path = "../../awsinvoker/src/plan/stages.rs"]
mod stages;

use std::io;
use std::path::Path;

pub(crate) use crate::endpoints;
pub(crate) use stages::duration_ns;

/// A plan that is made up reads no files of this machine.
pub(crate) fn read_bounded(_: &Path, _: u64) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}
