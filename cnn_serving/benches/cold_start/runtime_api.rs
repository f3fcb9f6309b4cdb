//! As much of Lambda's Runtime API as one event takes.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A function that has not answered by then has failed.
const TIMEOUT: Duration = Duration::from_secs(10);
const EVENT: &str = "{}";

/// Gives the event `{}` to the function that connects.
pub(crate) struct RuntimeApi {
    listener: TcpListener,
    address: String,
}

impl RuntimeApi {
    /// Listens at an address of its own.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        Ok(Self { listener, address })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for a function to connect, gives it the event, and returns its answer. The connection stays open until the
    /// other value is dropped.
    pub(crate) fn first_answer(&self) -> Result<(String, TcpStream)> {
        let (mut stream, _) = self.listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let (path, body) = read_request(&mut reader)?;
            match path.rsplit('/').next() {
                Some("next") => send_event(&mut stream)?,
                Some("response") => return Ok((body, stream)),
                _ => bail!("the function called {path}: {body}"),
            }
        }
    }
}

/// The path and the body of a request.
fn read_request(reader: &mut impl BufRead) -> Result<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("the function closed the connection")?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    Ok((path, body))
}

fn send_event(stream: &mut TcpStream) -> Result<()> {
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:cnn_serving\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n\r\n{EVENT}",
        EVENT.len()
    );
    Ok(stream.write_all(response.as_bytes())?)
}
