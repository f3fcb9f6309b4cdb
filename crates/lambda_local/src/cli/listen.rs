//! The address that is listened on.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, lookup_host};

use super::args::ListenArg;

/// Listens on the first address of the host that belongs to this machine, and says which that is.
pub(super) async fn listen(address: &ListenArg) -> Result<(TcpListener, SocketAddr)> {
    let listener = bind(address).await?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            "{address} can be reached from other machines: whoever reaches it can run the functions"
        );
    }
    Ok((listener, address))
}

async fn bind(address: &ListenArg) -> Result<TcpListener> {
    let ListenArg { host, port } = address;
    let found = lookup_host((host.as_str(), *port)).await.with_context(|| {
        format!(
            "cannot listen on {address}: there is no such name; expected an address or a name of this machine"
        )
    })?;
    TcpListener::bind(&*preferred(found.collect()))
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// IPv4 first: a client that is told 127.0.0.1 reaches a server that was told localhost.
fn preferred(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_comes_first() {
        let [v6, v4] = ["[::1]:1", "127.0.0.1:1"].map(|address| address.parse::<SocketAddr>().unwrap());
        assert_eq!(preferred(vec![v6, v4]), [v4, v6]);
    }
}
