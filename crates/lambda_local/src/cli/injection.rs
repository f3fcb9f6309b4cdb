//! Serving functions whose answers are drawn.

use std::path::Path;

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::announce::announce;
use super::args::Args;
use super::listen::listen;
use super::signals::{second_signal, shutdown};
use crate::inject::{InjectedLambda, Plan};
use crate::web_access::WebAccess;

/// Serves the functions of a plan until a signal comes, or standard input ends if that was asked for.
pub(super) async fn serve(args: &Args, plan: &Path) -> Result<()> {
    let plan = Plan::read(plan)?;
    let stopping = CancellationToken::new();
    let mut shutdown = Box::pin(shutdown(args.exit_with_stdin, stopping.clone())?);
    let (listener, address) = listen(&args.listen).await?;
    let access = WebAccess {
        origins: args.web.origins.clone(),
        hosts: args.web.hosts.iter().chain([&args.listen.host]).cloned().collect(),
        address,
    };
    let lambda = InjectedLambda::prepare(plan, args.region.clone(), args.truth.clone())?;
    // Whoever does not read standard output keeps the server from starting, but not from stopping.
    tokio::select! {
        announced = announce(format!("listening on http://{address}\n")) => announced?,
        () = &mut shutdown => return Ok(()),
    }
    tokio::select! {
        served = lambda.serve(listener, access, shutdown) => Ok(served?),
        () = second_signal(stopping) => bail!("stopped by a second signal before all requests had ended"),
    }
}
