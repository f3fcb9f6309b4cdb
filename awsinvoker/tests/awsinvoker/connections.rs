//! Connections: reused or not, made before the start, and the times at the socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use run_record::{Outcome, Sample};
use serde_json::Value;

use crate::support::{Bench, assert_complete, stderr};

/// Whether each sample went over a fresh connection.
fn fresh(samples: &[Sample]) -> Vec<bool> {
    let connections = samples.iter().map(|sample| sample.timing.unwrap().connection.unwrap());
    connections.map(|connection| connection.handshake.is_some()).collect()
}

/// Fails unless everything happened, and in this order.
fn check_order(sample: &Sample) {
    let timing = sample.timing.unwrap();
    let ready = timing.connection.unwrap().ready_ns;
    let (written, first) = (timing.written_ns.unwrap(), timing.first_byte_ns.unwrap());
    let times = [timing.issued_ns, ready, written, first, timing.done_ns];
    assert!(times.is_sorted(), "{times:?}");
}

fn connection(bench: &Bench) -> Value {
    let info: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    info["configuration"]["targets"][0]["connection"].clone()
}

#[test]
fn a_pool_uses_its_connections_again() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    // One call after the other, however slow the machine is.
    assert_complete(&bench.run("--concurrency 1 -time 0.5"));
    let samples = bench.samples();
    let fresh = fresh(&samples);
    assert!(fresh.len() > 1 && fresh[0] && fresh[1..].iter().all(|fresh| !fresh), "{fresh:?}");
    samples.iter().for_each(check_order);
    let handshake = samples[0].timing.unwrap().connection.unwrap().handshake.unwrap();
    assert!(handshake.tcp_ns > 0 && (handshake.dns_ns, handshake.tls_ns) == (0, 0), "{handshake:?}");
    assert_eq!(samples[0].reply.answer_bytes.unwrap(), 62);
    let expected = serde_json::json!({"http": "1.1", "reuse": "pooled", "warm_connections": 0});
    assert_eq!(connection(&bench), expected);
}

#[test]
fn each_call_has_a_connection_of_its_own_if_that_is_asked_for() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    assert_complete(&bench.run("-rps 20 -time 0.5 --connections per-call"));
    let samples = bench.samples();
    assert_eq!(fresh(&samples), [true; 10]);
    samples.iter().for_each(check_order);
    assert_eq!(connection(&bench)["reuse"], "per_call");
}

#[test]
fn connections_are_made_before_the_start_if_that_is_asked_for() {
    let bench = Bench::new(r#"[{"hostname": "slow"}]"#);
    // A call takes 0.2 s, so that some four are in flight at once.
    assert_complete(&bench.run("-rps 20 -time 0.5 --warm-connections 10"));
    assert_eq!(fresh(&bench.samples()), [false; 10]);
    assert_eq!(connection(&bench)["warm_connections"], 10);
}

#[test]
fn connections_that_cannot_be_made_before_the_start_are_an_error() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let command = "--warm-connections 1 --endpoint-url http://127.0.0.1:1";
    let output = bench.bare_command(command).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output).trim_end(), @"error: --warm-connections: http://127.0.0.1:1: cannot connect: Connection refused (os error 111)");
}

#[test]
fn a_connection_that_the_server_closed_is_not_used_again() {
    // Without a word that it is the last answer on this connection.
    let address = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"");
    let bench = Bench::new(r#"[{"hostname": "f"}]"#);
    let command = format!("-rps 10 -time 1 --out out --endpoint-url http://{address}");
    assert_complete(&bench.bare_command(&command).output().unwrap());
    let (ok, failed): (Vec<_>, Vec<_>) =
        bench.samples().into_iter().partition(|sample| sample.reply.outcome == Outcome::Ok);
    // After a stall of the machine, calls follow at once, and the end of a connection may not have arrived by then. If
    // closed connections were used again, every second call would fail.
    assert!(failed.len() <= 1 && ok.len() + failed.len() == 10, "{failed:?}");
    assert!(failed.iter().all(|sample| sample.reply.outcome == Outcome::Transport), "{failed:?}");
    assert_eq!(fresh(&ok), vec![true; ok.len()]);
}

/// A server that answers this to each first request on a connection, and then repeats the rest for as long as it is read.
fn answering(head: &'static [u8], rest: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(head).unwrap();
            while !rest.is_empty() && stream.write_all(rest).is_ok() {}
        }
    });
    address
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let announced = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b"");
    let chunks = answering(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"20\r\n00000000000000000000000000000000\r\n",
    );
    for address in [announced, chunks] {
        let bench = Bench::new(r#"[{"hostname": "f"}]"#);
        let command = format!("-rps 1 -time 1 --out out --endpoint-url http://{address}");
        let output = bench.bare_command(&command).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert_eq!(bench.samples()[0].reply.outcome, Outcome::ServiceError);
        assert!(stderr(&output).contains("the answer has more than 8388608 bytes"), "{}", stderr(&output));
    }
}

#[test]
fn a_call_that_times_out_has_the_times_until_then() {
    let bench = Bench::new(r#"[{"hostname": "hang"}]"#);
    assert_eq!(bench.run("-rps 1 -time 1 --timeout 0.3").status.code(), Some(3));
    let sample = bench.samples().remove(0);
    let timing = sample.timing.unwrap();
    assert_eq!(sample.reply.outcome, Outcome::Timeout);
    assert!(timing.connection.unwrap().ready_ns <= timing.written_ns.unwrap());
    assert_eq!(timing.first_byte_ns, None);
}

#[test]
fn what_is_wrong_with_a_connection_is_told_in_a_sentence() {
    let bench = Bench::new(r#"[{"hostname": "string"}]"#);
    let plain_behind_https = bench.url().replace("http://", "https://");
    let message = |line: &str| {
        let output = bench.bare_command(line).env("AWS_REGION", "eu-west-1").output().unwrap();
        let log = stderr(&output).to_owned();
        let line = log.lines().find(|line| line.contains("request 0") || line.starts_with("error"));
        let line = line.unwrap_or_else(|| panic!("{log}")).to_owned();
        let start = line.find("string: first").unwrap_or(0);
        line[start..].replace(bench.url().trim_start_matches("http://"), "ADDRESS")
    };
    let once = "-rps 1 -time 1 --endpoint-url";
    insta::assert_snapshot!(message(&format!("{once} {plain_behind_https}")), @"string: first transport, request 0 (unknown): https://ADDRESS: no TLS connection: the server does not speak TLS; if it speaks plain HTTP, its address starts with http://");
    insta::assert_snapshot!(message(&format!("{once} http://127.0.0.1:1")), @"string: first transport, request 0 (unknown): http://127.0.0.1:1: cannot connect: Connection refused (os error 111)");
    insta::assert_snapshot!(message("--profile wrong"), @"error: profile wrong: there is no such profile in AWS's configuration files; they have: none");
}
