//! `--http 2`: calls of Lambda over HTTP/2.

use std::process::Output;

use run_record::Sample;
use serde_json::Value;

use crate::support::lambda_local::Server;
use crate::support::tls::{certificate, start_tls_for};
use crate::support::{Bench, stderr, stdout};

const ONE: &str = r#"[{"hostname": "string", "payload": {"n": "{{number}}"}, "payload_values": {}}]"#;

/// On a busy machine the load generator may have been late.
fn assert_ran(output: &Output) {
    assert!(matches!(output.status.code(), Some(0 | 4)), "{}{}", stdout(output), stderr(output));
}

/// The version that `run.json` has, after a check that all calls were answered, with their times.
fn checked(bench: &Bench) -> Value {
    let samples = bench.samples();
    assert_eq!(samples.len(), 20);
    let is_reused = |sample: &Sample| sample.timing.unwrap().connection.unwrap().handshake.is_none();
    assert!(samples.iter().any(is_reused), "connections are used again");
    for sample in &samples {
        let timing = sample.timing.unwrap();
        let times =
            [timing.connection.unwrap().ready_ns, timing.written_ns.unwrap(), timing.first_byte_ns.unwrap()];
        assert!(times.is_sorted() && times[2] <= timing.done_ns, "{sample:?}");
        assert_eq!(sample.reply.outcome, run_record::Outcome::Ok, "{sample:?}");
    }
    let run: Value = serde_json::from_str(&bench.read("out/run.json")).unwrap();
    run["configuration"]["targets"][0]["connection"]["http"].clone()
}

#[test]
fn a_real_lambda_local_is_called_over_http_2_without_tls() {
    let server = Server::start(&[]);
    let bench = Bench::new(r#"[{"hostname": "chameleon"}]"#);
    let line = format!(
        "-rps 40 -time 0.5 --warm-connections 2 --endpoint-url http://{} --out out",
        server.authority
    );
    let output = bench.bare_command(&format!("{line} --http 2")).output().unwrap();
    assert_ran(&output);
    assert_eq!(checked(&bench), "2");
    let first = stdout(&output).lines().next().unwrap();
    assert!(first.contains(&format!("http://{} over HTTP/2,", server.authority)), "{first}");
    std::fs::remove_dir_all(bench.path("out")).unwrap();
    assert_ran(&bench.bare_command(&line).output().unwrap());
    assert_eq!(checked(&bench), "1.1", "unless it is asked for");
}

#[test]
fn with_tls_it_is_negotiated() {
    let bench = Bench::new(ONE);
    let port = start_tls_for(bench.address(), &["h2"]);
    let line = format!("-rps 40 -time 0.5 --http 2 --out out --endpoint-url https://localhost:{port}");
    let mut command = bench.bare_command(&line);
    assert_ran(&command.env("AWS_CA_BUNDLE", certificate()).output().unwrap());
    assert_eq!(checked(&bench), "2");
}

#[test]
fn a_server_that_does_not_speak_it_is_not_called() {
    let bench = Bench::new(ONE);
    let port = start_tls_for(bench.address(), &["http/1.1"]);
    let refused = |url: &str| {
        let mut command =
            bench.bare_command(&format!("-rps 1 -time 1 --http 2 --out out --endpoint-url {url}"));
        let output = command.env("AWS_CA_BUNDLE", certificate()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(!bench.path("out").exists());
        stderr(&output).to_owned()
    };
    let said = refused(&format!("https://localhost:{port}"));
    let expected =
        "does not speak HTTP/2, as gRPC and `--http 2` need it: it did not choose `h2` when TLS began";
    assert!(said.contains(expected) && said.contains("leave --http out"), "{said}");
    // Any server of one line is one of HTTP/1.1 alone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
        }
    });
    let said = refused(&format!("http://{address}"));
    assert!(said.contains("`h2c` was expected at this port without TLS"), "{said}");
}
