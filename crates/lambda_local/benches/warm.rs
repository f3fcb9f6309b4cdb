//! What lambda-local adds to a call of a warm function: `cargo bench -p lambda_local`.
//!
//! One client calls a function through lambda-local and, in turns with that, a server that answers by itself: the direct
//! hop. This program is the client, the function and the server, all on blocking sockets. Figures are the medians of the
//! rounds. Then eight clients call the function as fast as they can.

#![expect(clippy::disallowed_methods, reason = "a benchmark takes the time and reads its environment")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it finds")]

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

const ROUNDS: usize = 20;
const CALLS: usize = 500;
const CLIENTS: usize = 8;
const FULL_SPEED: Duration = Duration::from_secs(5);
const RUNTIME: &str = "/2018-06-01/runtime/invocation";
const DIRECT: &str = "direct";

fn main() -> Result<()> {
    if let Ok(address) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        return serve_events(&address);
    }
    if std::env::args().any(|argument| argument == DIRECT) {
        return serve_directly();
    }
    bench()
}

fn bench() -> Result<()> {
    let own = std::env::current_exe()?;
    let direct = Server::start(Command::new(&own).arg(DIRECT))?;
    let function = format!("f='{}'", own.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-local"));
    let local = Server::start(command.args(["--listen", "127.0.0.1:0", "--function", &function]))?;
    let (mut to_direct, mut to_local) = (Client::new(direct.address)?, Client::new(local.address)?);
    let [mut hop, mut plain, mut tail, mut over_report] = [const { Vec::new() }; 4];
    for round in 0..=ROUNDS {
        let times = [
            median((0..CALLS).map(|_| Ok(to_direct.call("")?.0))),
            median((0..CALLS).map(|_| Ok(to_local.call("")?.0))),
        ];
        let with_tail = (0..CALLS).map(|_| to_local.call("X-Amz-Log-Type: Tail\r\n"));
        let with_tail: Vec<(f64, f64)> = with_tail
            .map(|called| called.and_then(|(took, head)| Ok((took, took - reported(&head)?))))
            .collect::<Result<_>>()?;
        // The first round warms up.
        if round > 0 {
            let [direct, local] = times;
            hop.push(direct?);
            plain.push(local?);
            tail.push(median(with_tail.iter().map(|(took, _)| Ok(*took)))?);
            over_report.push(median(with_tail.iter().map(|(_, over)| Ok(*over)))?);
        }
    }
    for (name, times) in [
        ("direct hop", hop),
        ("lambda-local", plain),
        ("lambda-local, with the log's tail", tail),
        ("  of that, beyond REPORT's Duration", over_report),
    ] {
        println!("{name:38} {:7.1} µs", median(times.into_iter().map(Ok))?);
    }
    println!("{CLIENTS} clients: {:.0} calls a second", full_speed(local.address)?);
    Ok(())
}

/// How many calls a second the clients make together.
fn full_speed(address: SocketAddr) -> Result<f64> {
    let until = Instant::now() + FULL_SPEED;
    let clients = (0..CLIENTS).map(|_| {
        thread::spawn(move || {
            let mut client = Client::new(address)?;
            let mut calls = 0_u32;
            while Instant::now() < until {
                client.call("")?;
                calls += 1;
            }
            Ok(calls)
        })
    });
    let clients: Vec<_> = clients.collect();
    let calls =
        clients.into_iter().map(|client| client.join().map_err(|_| Error::other("a client panicked"))?);
    Ok(f64::from(calls.sum::<Result<u32>>()?) / FULL_SPEED.as_secs_f64())
}

fn median(values: impl Iterator<Item = Result<f64>>) -> Result<f64> {
    let mut values: Vec<f64> = values.collect::<Result<_>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values[values.len() / 2])
}

/// The Duration in the REPORT line of a response, in µs.
fn reported(head: &str) -> Result<f64> {
    let log = value(head, "x-amz-log-result").ok_or_else(|| Error::other("no log"))?;
    let log = String::from_utf8(BASE64_STANDARD.decode(log).map_err(Error::other)?).map_err(Error::other)?;
    let (_, duration) = log.split_once("\tDuration: ").ok_or_else(|| Error::other("no REPORT line"))?;
    let (duration, _) = duration.split_once(' ').ok_or_else(|| Error::other("no unit"))?;
    Ok(duration.parse::<f64>().map_err(Error::other)? * 1e3)
}

/// A program that prints where it listens, at the end of its first line.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or_else(|| Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit('/').next().unwrap_or_default().parse().map_err(Error::other)?;
        Ok(Self { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection that is kept.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Calls the function. Returns how many µs that took, and the head of the response.
    fn call(&mut self, headers: &str) -> Result<(f64, String)> {
        let began = Instant::now();
        write_all(
            &mut self.stream,
            &format!("POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\n{headers}"),
            b"{}",
        )?;
        let head = read_message(&mut self.stream, &mut self.buffer)?.0;
        let took = began.elapsed().as_secs_f64() * 1e6;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(Error::other(head));
        }
        Ok((took, head))
    }
}

/// The function.
fn serve_events(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        write!(stream, "GET {RUNTIME}/next HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
        let (head, event) = read_message(&mut stream, &mut buffer)?;
        let id =
            value(&head, "lambda-runtime-aws-request-id").ok_or_else(|| Error::other("no request id"))?;
        write_all(
            &mut stream,
            &format!("POST {RUNTIME}/{id}/response HTTP/1.1\r\nHost: {address}\r\n"),
            &event,
        )?;
        read_message(&mut stream, &mut buffer)?;
    }
}

/// The server without anything in between.
fn serve_directly() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        thread::spawn(move || -> Result<()> {
            let mut buffer = Vec::new();
            loop {
                let (_, body) = read_message(&mut stream, &mut buffer)?;
                write_all(&mut stream, "HTTP/1.1 200 OK\r\n", &body)?;
            }
        });
    }
    Ok(())
}

fn write_all(stream: &mut TcpStream, head: &str, body: &[u8]) -> Result<()> {
    let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// The head and the body of a message. Nothing may follow it.
fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(String, Vec<u8>)> {
    buffer.clear();
    let mut chunk = [0; 16 * 1024];
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        buffer.extend_from_slice(&chunk[..length]);
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let length =
            value(&head, "content-length").map_or(Ok(0), str::parse::<usize>).map_err(Error::other)?;
        if buffer.len() == end + 4 + length {
            return Ok((head, buffer[end + 4..].to_vec()));
        }
    }
}

/// The value of a header.
fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
