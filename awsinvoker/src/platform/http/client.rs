//! A client of one server.

use std::sync::Arc;
use std::time::Duration;

use run_record::Handshake;
use tokio::task::JoinSet;

use super::connection::{Connection, ExchangeError};
use super::connector::Connector;
use super::error::{CallError, SetupError};
use super::http1::Http1;
use super::marks::Marks;
use super::origin::Origin;
use super::pool::Pool;
use super::tls::Trust;
use crate::clock::Moment;
use crate::platform::call::{ReadyConnection, SocketTimes};

/// How many connections are made at once before the start.
const WARMED_AT_ONCE: u32 = 64;

/// How a client calls.
#[derive(Clone, Debug)]
pub(in crate::platform) struct Settings {
    /// What a call may take, from connecting to the last byte.
    pub(in crate::platform) timeout: Duration,
    /// Whether connections are used again.
    pub(in crate::platform) pooled: bool,
    /// Whose certificates are taken.
    pub(in crate::platform) trust: Trust,
}

/// A client of one server, with connections of this kind.
#[derive(Debug)]
pub(in crate::platform) struct Client<C = Http1> {
    connector: Connector,
    pool: Option<Pool<C>>,
    timeout: Duration,
}

/// A call that is made, and what is known of it so far.
#[derive(Debug, Default)]
pub(in crate::platform) struct Exchange {
    connection: Option<ReadyConnection>,
    marks: Option<Arc<Marks>>,
    /// What happened at the socket, once the whole answer has come in.
    answered: Option<SocketTimes>,
}

impl<C: Connection> Client<C> {
    /// A client that has not connected yet.
    pub(in crate::platform) fn new(origin: Origin, settings: &Settings) -> Result<Self, SetupError> {
        Ok(Self {
            connector: Connector::new::<C>(origin, &settings.trust, settings.timeout)?,
            pool: settings.pooled.then(Pool::default),
            timeout: settings.timeout,
        })
    }

    /// Makes connections that wait for calls.
    pub(in crate::platform) async fn warm(self: &Arc<Self>, mut connections: u32) -> Result<(), CallError> {
        let Some(pool) = &self.pool else { return Ok(()) };
        while connections > 0 {
            let mut batch = JoinSet::new();
            for _ in 0..connections.min(WARMED_AT_ONCE) {
                let client = Arc::clone(self);
                batch.spawn(async move { client.connector.connect::<C>().await });
            }
            connections -= connections.min(WARMED_AT_ONCE);
            for connected in batch.join_all().await {
                pool.keep(connected?.0).await;
            }
        }
        Ok(())
    }

    /// Makes a call. What is known of it stands in `exchange` at any time.
    pub(in crate::platform) async fn call(
        &self,
        request: C::Request,
        exchange: &mut Exchange,
    ) -> Result<C::Answer, CallError> {
        match tokio::time::timeout(self.timeout, self.send(request, exchange)).await {
            Ok(answered) => answered,
            Err(_) => Err(CallError::Timeout),
        }
    }

    async fn send(&self, request: C::Request, exchange: &mut Exchange) -> Result<C::Answer, CallError> {
        let Some(pool) = &self.pool else {
            let message = C::message(request, true);
            return self.send_on_fresh(message, exchange).await.map(|(answer, _)| answer);
        };
        let mut message = C::message(request, false);
        if let Some(mut connection) = pool.take().await {
            exchange.start(&connection, None);
            match connection.exchange(message).await {
                Ok(answer) => {
                    exchange.end();
                    pool.keep(connection).await;
                    return Ok(answer);
                }
                // The server closed the connection in this very moment. Nothing was processed, so nothing is sent twice.
                Err(ExchangeError::Unsent(unsent, _)) => message = *unsent,
                Err(ExchangeError::Failed(error)) => return Err(error),
            }
        }
        let (answer, connection) = self.send_on_fresh(message, exchange).await?;
        pool.keep(connection).await;
        Ok(answer)
    }

    async fn send_on_fresh(
        &self,
        message: C::Message,
        exchange: &mut Exchange,
    ) -> Result<(C::Answer, C), CallError> {
        *exchange = Exchange::default();
        let (mut connection, handshake) = self.connector.connect::<C>().await?;
        exchange.start(&connection, Some(handshake));
        match connection.exchange(message).await {
            Ok(answer) => {
                exchange.end();
                Ok((answer, connection))
            }
            Err(ExchangeError::Unsent(_, error) | ExchangeError::Failed(error)) => Err(error),
        }
    }
}

impl Exchange {
    fn start(&mut self, connection: &impl Connection, handshake: Option<Handshake>) {
        self.answered = None;
        self.connection = Some(ReadyConnection { ready: Moment::now(), handshake });
        // What an earlier call left must not be taken for this one's, should this one end before it is sent.
        connection.marks().clear();
        self.marks = Some(Arc::clone(connection.marks()));
    }

    /// Takes note that the whole answer has come in. Later marks do not count: a connection that is kept may still write what
    /// is left of a request that was answered early, and it marks that too.
    fn end(&mut self) {
        self.answered = Some(SocketTimes { last_byte: Some(Moment::now()), ..self.marked() });
    }

    /// What happened at the socket.
    pub(in crate::platform) fn socket_times(&self) -> SocketTimes {
        self.answered.unwrap_or_else(|| self.marked())
    }

    /// What is marked so far.
    fn marked(&self) -> SocketTimes {
        let marks = self.marks.as_ref();
        SocketTimes {
            connection: self.connection,
            written: marks.and_then(|marks| marks.written.get()),
            first_byte: marks.and_then(|marks| marks.first_byte.get()),
            last_byte: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use http::{HeaderMap, Uri};
    use hyper::body::Bytes;

    use super::super::http1::Request;
    use super::*;

    const CONNECTIONS: u32 = 300;

    #[tokio::test]
    async fn what_is_written_after_the_last_byte_of_the_answer_does_not_count() {
        let (near, _far) = tokio::io::duplex(1024);
        let connection = Http1::open(near).await.unwrap();
        let mut exchange = Exchange::default();
        exchange.start(&connection, None);
        assert_eq!(exchange.socket_times().written, None);
        connection.marks().first_byte.note();
        exchange.end();
        let times = exchange.socket_times();
        assert!(times.first_byte.is_some() && times.first_byte <= times.last_byte, "{times:?}");
        connection.marks().written.note();
        assert_eq!(
            exchange.socket_times(),
            times,
            "the rest of the request was written by a connection that is kept"
        );

        exchange.start(&connection, None);
        connection.marks().written.note();
        exchange.end();
        let times = exchange.socket_times();
        assert!(times.written.is_some() && times.written <= times.last_byte, "{times:?}");
        // TLS flushes what it held back.
        connection.marks().written.note();
        assert_eq!(exchange.socket_times(), times);
    }

    /// A server that closes so many connections, tells that, and answers one request on a further one.
    fn closing_all_but_the_last(
        listener: TcpListener,
        closed: tokio::sync::oneshot::Sender<()>,
    ) -> std::io::Result<()> {
        let opened: Vec<_> = listener.incoming().take(CONNECTIONS as usize).collect();
        drop(opened);
        let _ = closed.send(());
        let (mut stream, _) = listener.accept()?;
        assert!(stream.read(&mut [0; 4096])? > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    }

    #[tokio::test]
    async fn no_call_is_lost_to_many_connections_that_the_server_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (sender, closed) = tokio::sync::oneshot::channel();
        let server = std::thread::spawn(move || closing_all_but_the_last(listener, sender));
        let timeout = Duration::from_secs(60);
        let settings = Settings { timeout, pooled: true, trust: Trust::System };
        let client = Arc::new(Client::<Http1>::new(Origin::new(&url).unwrap(), &settings).unwrap());
        client.warm(CONNECTIONS).await.unwrap();
        closed.await.unwrap();
        // The runtime asks the system what has happened.
        tokio::task::yield_now().await;
        assert!(client.pool.as_ref().unwrap().take().await.is_none(), "a closed connection is no connection");
        let mut exchange = Exchange::default();
        let request = Request { uri: url, headers: HeaderMap::new(), body: Bytes::new() };
        let answer = client.call(request, &mut exchange).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"{}".as_slice()));
        let times = exchange.socket_times();
        assert!(times.connection.unwrap().handshake.is_some());
        assert!(times.first_byte.is_some() && times.first_byte <= times.last_byte, "{times:?}");
        server.join().unwrap().unwrap();
    }
}
