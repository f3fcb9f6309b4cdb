//! A server behind TLS, and a proxy that makes tunnels: what goes through them to a stub is not changed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The certificate of [`start_tls`], for `localhost` and 127.0.0.1, signed with its own key. It is for this test alone.
pub(crate) fn certificate() -> PathBuf {
    data("localhost.pem")
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Speaks TLS for a server, on a port of its own.
pub(crate) fn start_tls(server: SocketAddr) -> u16 {
    start_tls_for(server, &[])
}

/// The same for a client that has to ask for one of these protocols, unless there are none.
pub(crate) fn start_tls_for(server: SocketAddr, protocols: &[&str]) -> u16 {
    let chain = vec![CertificateDer::from_pem_file(certificate()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(data("localhost.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust it leaves here.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut onward = TcpStream::connect(server).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
    })
}

/// Makes tunnels and counts them, on a port of its own.
pub(crate) fn start_proxy() -> (u16, Arc<AtomicU32>) {
    let tunnels = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&tunnels);
    let port = serve(move |stream| {
        let counter = Arc::clone(&counter);
        async move {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while stream.read_line(&mut head).await.unwrap() > 2 {}
            let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
            let mut onward = TcpStream::connect(target).await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut onward).await;
        }
    });
    (port, tunnels)
}

/// Serves each connection, from a thread of its own.
fn serve<F: Future<Output = ()> + Send + 'static>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(handle(stream));
            }
        });
    });
    port
}
