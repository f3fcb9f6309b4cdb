//! A function without a runtime that misuses the Runtime API as its event asks for: the subject of the tests.
//!
//! `{"do": "not_json" | "noise" | "wrong_id" | "twice" | "next_instead" | "half" | "linger" | "leave" | "vanish" |
//! "large_error" | "print_late" | "stream_error" | "stream_exit" | "page"}`.

#![expect(clippy::disallowed_methods, reason = "a function reads its own environment")]
#![expect(clippy::print_stdout, reason = "the output goes to the function's log")]

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

const PREFIX: &str = "/2018-06-01/runtime/invocation";

fn main() -> Result<()> {
    loop {
        let next = call(&format!("GET {PREFIX}/next HTTP/1.1\r\n"), b"")?;
        let id = header(&next, "lambda-runtime-aws-request-id");
        let action =
            next.rsplit_once("\"do\":\"").map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default());
        act(action, id)?;
    }
}

fn act(action: &str, id: &str) -> Result<()> {
    let answer = |id: &str, body: &[u8]| call(&format!("POST {PREFIX}/{id}/response HTTP/1.1\r\n"), body);
    match action {
        "not_json" => drop(answer(id, b"<html>\xff")?),
        "noise" => {
            connect()?.write_all(b"\x16\x03\x01 this is not HTTP \x00\xff\r\n\r\n")?;
            answer(id, b"\"after noise\"")?;
        }
        "wrong_id" => {
            let refused = answer("00000000-0000-0000-0000-000000000000", b"1")?;
            answer(id, format!("{:?}", status(&refused)).as_bytes())?;
        }
        "twice" => {
            answer(id, b"\"first\"")?;
            answer(id, b"\"second\"")?;
        }
        "next_instead" => {
            let refused = call(&format!("GET {PREFIX}/next HTTP/1.1\r\n"), b"")?;
            answer(id, format!("{:?}", status(&refused)).as_bytes())?;
        }
        "half" => {
            let mut stream = connect()?;
            write!(
                stream,
                "POST {PREFIX}/{id}/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n\"half"
            )?;
            drop(stream);
            answer(id, b"\"whole\"")?;
        }
        // As a browser would call on behalf of a page that has found the port.
        "page" => {
            let next = format!("GET {PREFIX}/next HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n");
            let refused = call(&next, b"")?;
            answer(id, refused.contains("web page").to_string().as_bytes())?;
        }
        "stream_error" => {
            let mut stream = open_stream(id)?;
            write!(
                stream,
                "4\r\nhalf\r\n0\r\nLambda-Runtime-Function-Error-Type: Test.Failed\r\n\
                 Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJtIn0=\r\n\r\n"
            )?;
            stream.read_to_end(&mut Vec::new())?;
        }
        "stream_exit" => {
            let mut stream = open_stream(id)?;
            stream.write_all(b"4\r\nhalf\r\n")?;
            std::thread::sleep(Duration::from_millis(100));
            std::process::exit(3);
        }
        "linger" => {
            answer(id, b"\"lingering\"")?;
            std::thread::sleep(Duration::from_millis(300));
        }
        "leave" => {
            answer(id, b"\"leaving\"")?;
            std::process::exit(0);
        }
        "vanish" => {
            // It does not wait for what its answer is answered.
            let body = "\"vanishing\"";
            let length = body.len();
            write!(
                connect()?,
                "POST {PREFIX}/{id}/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
            std::process::exit(0);
        }
        "large_error" => {
            let body = vec![b'x'; 6_291_557];
            call(&format!("POST {PREFIX}/{id}/error HTTP/1.1\r\n"), &body)?;
        }
        "print_late" => {
            answer(id, b"\"printing\"")?;
            println!("printed late");
        }
        _ => drop(answer(id, b"\"plain\"")?),
    }
    Ok(())
}

/// Begins to stream an answer.
fn open_stream(id: &str) -> Result<TcpStream> {
    let mut stream = connect()?;
    write!(
        stream,
        "POST {PREFIX}/{id}/response HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Lambda-Runtime-Function-Response-Mode: streaming\r\n\
         Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    )?;
    Ok(stream)
}

fn connect() -> Result<TcpStream> {
    TcpStream::connect(std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(std::io::Error::other)?)
}

/// Makes one call on a connection of its own and returns the whole answer.
fn call(request_line: &str, body: &[u8]) -> Result<String> {
    let mut stream = connect()?;
    let head = format!(
        "{request_line}Host: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default()
}
