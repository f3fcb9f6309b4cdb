//! Tunnels through a proxy, as `HTTPS_PROXY` and `NO_PROXY` ask for.

use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::error::ConnectError;
use super::origin::Origin;

/// A longer head of a proxy's answer is refused.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// A proxy that makes tunnels.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl Proxy {
    /// The proxy for this server, if there is one. Only servers behind TLS are called through one: for them it makes a
    /// tunnel and changes nothing of what is measured.
    pub(super) fn find(matcher: &Matcher, origin: &Origin) -> Option<Self> {
        let target = origin.to_string().parse().ok().filter(|_| origin.tls)?;
        let found = matcher.intercept(&target)?;
        let proxy = Origin::new(found.uri())?;
        let authorization = found.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned);
        Some(Self { host: proxy.host, port: proxy.port, authorization })
    }

    /// Asks for a tunnel to a server through a connection to the proxy.
    pub(super) async fn tunnel(&self, stream: TcpStream, origin: &Origin) -> Result<TcpStream, ConnectError> {
        let mut stream = BufReader::new(stream);
        let answer = self.ask(&mut stream, origin).await;
        let reason = match answer {
            Ok(line) if is_success(&line) && stream.buffer().is_empty() => return Ok(stream.into_inner()),
            Ok(line) => format!("it answered `{}`", crate::text::shortened(line.trim_end(), 100)),
            Err(error) => error.to_string(),
        };
        Err(ConnectError::Proxy { proxy: format!("{}:{}", self.host, self.port), reason })
    }

    /// The first line of the answer.
    async fn ask(&self, stream: &mut BufReader<TcpStream>, origin: &Origin) -> std::io::Result<String> {
        stream.write_all(self.request(origin).as_bytes()).await?;
        let mut head = stream.take(MAX_HEAD_BYTES);
        let mut first = String::new();
        head.read_line(&mut first).await?;
        let mut line = String::new();
        while head.read_line(&mut line).await? > 2 {
            line.clear();
        }
        Ok(first)
    }

    fn request(&self, origin: &Origin) -> String {
        let host = if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
        let target = format!("{host}:{}", origin.port);
        let authorization = self.authorization.as_ref();
        let authorization =
            authorization.map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n")
    }
}

fn is_success(line: &str) -> bool {
    line.split(' ').nth(1).is_some_and(|status| status.len() == 3 && status.starts_with('2'))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::new(&url.parse().unwrap()).unwrap()
    }

    fn find(url: &str) -> Option<String> {
        let matcher =
            Matcher::builder().https("http://user:secret@proxy:3128").no("localhost,.internal").build();
        Proxy::find(&matcher, &origin(url)).map(|proxy| proxy.request(&origin(url)))
    }

    #[test]
    fn only_servers_behind_tls_are_called_through_a_proxy() {
        let request = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\
            Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n";
        assert_eq!(find("https://a.example").as_deref(), Some(request));
        for url in ["http://a.example", "https://localhost:1", "https://x.internal"] {
            assert_eq!(find(url), None, "{url}");
        }
    }

    /// What comes of a tunnel through a proxy that answers this.
    async fn tunnel(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 20]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let proxy = Proxy { host: "127.0.0.1".to_owned(), port, authorization: None };
        let client = async {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let tunnel = proxy.tunnel(stream, &origin("https://a.example")).await;
            tunnel.map(drop).map_err(|error| error.to_string().replace(&port.to_string(), "PORT"))
        };
        tokio::join!(server, client).1
    }

    #[tokio::test]
    async fn a_proxy_that_makes_no_tunnel_is_told_with_its_words() {
        assert_eq!(tunnel("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await, Ok(()));
        let refused = tunnel("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap_err();
        insta::assert_snapshot!(refused, @"the proxy 127.0.0.1:PORT makes no tunnel: it answered `HTTP/1.1 407 Proxy Authentication Required`");
    }
}
