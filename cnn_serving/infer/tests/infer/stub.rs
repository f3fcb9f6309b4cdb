//! Servers that misbehave as S3 itself never should, and moto cannot.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Serves each connection by `answer`, after reading the head of one request. Returns the server's address; the server
/// ends with the process.
pub(crate) fn start(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // One after the other: there is one client.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_head(&mut stream);
            answer(&mut stream);
        }
    });
    url
}

/// A server that always answers `answer` and closes the connection, which it has not announced.
pub(crate) fn answering(answer: Vec<u8>) -> String {
    start(move |stream| send(stream, &answer))
}

/// S3's answer in case of an error.
pub(crate) fn error(status: &str, headers: &str, code: &str, message: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// S3's answer with an object.
pub(crate) fn object(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// Sends what the client is willing to take.
pub(crate) fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length == 1) {
        head.push(byte[0]);
    }
}
