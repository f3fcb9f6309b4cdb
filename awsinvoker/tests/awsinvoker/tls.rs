//! Servers behind TLS: whom they are trusted by, and the way through a proxy.

use std::process::Command;
use std::sync::atomic::Ordering;

use run_record::{Outcome, Sample};

use crate::support::tls::{certificate, start_proxy, start_tls};
use crate::support::{Bench, assert_complete, stderr};

const ONE: &str = r#"[{"hostname": "string"}]"#;

/// awsinvoker, for a few calls of a stub behind TLS.
fn command(bench: &Bench, host: &str) -> Command {
    let port = start_tls(bench.address());
    bench.bare_command(&format!("-rps 20 -time 0.2 --out out --endpoint-url https://{host}:{port}"))
}

fn run(bench: &Bench, command: &mut Command) -> Vec<Sample> {
    let output = command.output().unwrap();
    assert_complete(&output);
    bench.samples()
}

#[test]
fn a_server_is_trusted_if_a_file_says_so() {
    let bench = Bench::new(ONE);
    let samples = run(&bench, command(&bench, "localhost").env("AWS_CA_BUNDLE", certificate()));
    let handshake = samples[0].timing.unwrap().connection.unwrap().handshake.unwrap();
    assert!(handshake.dns_ns > 0 && handshake.tcp_ns > 0 && handshake.tls_ns > 0, "{handshake:?}");
    for sample in &samples {
        let timing = sample.timing.unwrap();
        let times =
            [timing.connection.unwrap().ready_ns, timing.written_ns.unwrap(), timing.first_byte_ns.unwrap()];
        assert!(times.is_sorted() && times[2] <= timing.done_ns, "{sample:?}");
    }
}

#[test]
fn the_file_may_stand_in_the_profile() {
    let bench = Bench::new(ONE);
    let config = format!("[default]\nca_bundle = {}\n", certificate().display());
    std::fs::write(bench.path("config"), config).unwrap();
    let mut command = command(&bench, "127.0.0.1");
    run(&bench, command.env("AWS_CONFIG_FILE", bench.path("config")));
}

#[test]
fn a_server_that_nobody_trusts_is_not_called() {
    let bench = Bench::new(ONE);
    let output = command(&bench, "localhost").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let samples = bench.samples();
    assert!(samples.iter().all(|sample| sample.reply.outcome == Outcome::Transport));
    assert!(stderr(&output).contains("no TLS connection: invalid peer certificate: "), "{}", stderr(&output));
}

#[test]
fn a_proxy_makes_a_tunnel_unless_the_server_is_left_out() {
    let bench = Bench::new(ONE);
    let (port, tunnels) = start_proxy();
    let mut command = command(&bench, "localhost");
    command.env("AWS_CA_BUNDLE", certificate()).env("HTTPS_PROXY", format!("http://127.0.0.1:{port}"));
    run(&bench, &mut command);
    let made = tunnels.load(Ordering::Relaxed);
    assert!(made > 0);
    std::fs::remove_dir_all(bench.path("out")).unwrap();
    run(&bench, command.env("NO_PROXY", "localhost"));
    assert_eq!(tunnels.load(Ordering::Relaxed), made);
}
