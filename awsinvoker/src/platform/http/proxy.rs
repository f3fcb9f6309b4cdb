//! Tunnels through a proxy, as `HTTPS_PROXY` and `NO_PROXY` ask for.

use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::error::{ConnectError, SetupError};
use super::origin::Origin;
use crate::env_vars::Proxies;
use crate::text::shortened;

/// A longer head of a proxy's answer is refused.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// Longer values and answers are cut in messages.
const MAX_CHARS: usize = 100;

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
    /// tunnel and changes nothing of what is measured. A proxy that would not be spoken to as its address says is an error.
    pub(super) fn find(proxies: &Proxies, origin: &Origin) -> Result<Option<Self>, SetupError> {
        let target = origin.to_string().parse().ok().filter(|_| origin.tls);
        let (Some(target), Some((variable, value))) = (target, &proxies.https) else { return Ok(None) };
        let found =
            |proxy: &str| Matcher::builder().https(proxy).no(proxies.no.as_str()).build().intercept(&target);
        // Which servers are left out does not depend on the proxy.
        if found("http://any").is_none() {
            return Ok(None);
        }
        let proxy = found(value).and_then(|found| {
            let Origin { host, port, .. } = Origin::new(found.uri()).filter(|proxy| !proxy.tls)?;
            let authorization = found.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned);
            Some(Self { host, port, authorization })
        });
        proxy.map(Some).ok_or_else(|| SetupError::Proxy { variable, value: without_password(value) })
    }

    /// Asks for a tunnel to a server through a connection to the proxy.
    pub(super) async fn tunnel(&self, stream: TcpStream, origin: &Origin) -> Result<TcpStream, ConnectError> {
        let mut stream = BufReader::new(stream);
        let answer = self.ask(&mut stream, origin).await;
        let reason = match answer {
            Ok(line) if is_success(&line) && stream.buffer().is_empty() => return Ok(stream.into_inner()),
            Ok(line) => format!("it answered `{}`", shortened(line.trim_end(), MAX_CHARS)),
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

/// The address of a proxy, fit for messages.
fn without_password(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    let host = rest.rsplit_once('@').map_or_else(|| rest.to_owned(), |(_, host)| format!("...@{host}"));
    shortened(&format!("{scheme}{separator}{host}"), MAX_CHARS)
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

    /// What would be sent to a proxy, if a server is called through it.
    fn send(proxy: &str, url: &str) -> Result<Option<String>, String> {
        let https = Some(("HTTPS_PROXY", proxy.to_owned()));
        let proxies = Proxies { https, no: "localhost,.internal".to_owned() };
        let found = Proxy::find(&proxies, &origin(url)).map_err(|error| error.to_string())?;
        Ok(found.map(|proxy| proxy.request(&origin(url))))
    }

    #[test]
    fn only_servers_behind_tls_are_called_through_a_proxy() {
        let request = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\
            Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n";
        for proxy in ["http://user:secret@proxy:3128", "user:secret@proxy"] {
            assert_eq!(send(proxy, "https://a.example"), Ok(Some(request.to_owned())));
        }
        for url in ["http://a.example", "https://localhost:1", "https://x.internal"] {
            assert_eq!(send("socks5://proxy", url), Ok(None), "{url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_spoken_to_is_an_error_without_its_password() {
        let refused = |proxy: &str| send(proxy, "https://a.example").unwrap_err();
        insta::assert_snapshot!(refused("https://user:sec@ret@proxy:3128"), @"HTTPS_PROXY is `https://...@proxy:3128`, expected a proxy like http://proxy.example:3128; leave servers that need none out with NO_PROXY");
        let value = |proxy: &str| refused(proxy).split('`').nth(1).unwrap().to_owned();
        assert_eq!(value("socks5://proxy:1080"), "socks5://proxy:1080");
        assert_eq!(value("ftp://user:secret@proxy"), "ftp://...@proxy");
        assert_eq!(value("user:secret@pro xy"), "...@pro xy");
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
