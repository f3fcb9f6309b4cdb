//! What happens beside the calls of a run, with the real binary: a local Lambda that dies, credentials that expire, and a
//! limit of the cost.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Bench, assert_complete, program, stderr, stdout};

const ONE: &str = r#"[{"hostname": "chameleon"}]"#;

fn reasons(bench: &Bench) -> Vec<Value> {
    bench.summary()["verdict"]["reasons"].as_array().unwrap().clone()
}

/// The result printed again.
fn report(bench: &Bench) -> String {
    stdout(&bench.bare_command("report out").output().unwrap()).to_owned()
}

/// The process of this name that this process started.
fn child_of(parent: &Child, name: &str) -> Pid {
    for _ in 0..2_000 {
        for entry in std::fs::read_dir("/proc").unwrap() {
            // ID (NAME) STATE PARENT ...; a process may end meanwhile.
            let stat = std::fs::read_to_string(entry.unwrap().path().join("stat")).unwrap_or_default();
            let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
            let is_child = rest.split(' ').nth(1) == Some(parent.id().to_string().as_str());
            if is_child && head.split_once(" (").is_some_and(|(_, found)| found == name) {
                return Pid::from_raw(head.split(' ').next().unwrap().parse().unwrap()).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} started no {name}", parent.id());
}

#[test]
fn a_local_lambda_that_is_killed_makes_the_run_invalid() {
    program("lambda-local");
    program("chameleon");
    let bench = Bench::new(ONE);
    let mut command = bench.bare_command("--local --rps 50 --time 4 --timeout 2 --out out");
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bench.wait_for_samples(&mut process);
    kill_process(child_of(&process, "lambda-local"), Signal::KILL).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let died = json!({ "kind": "local_died", "status": "signal: 9 (SIGKILL)" });
    assert!(reasons(&bench).contains(&died), "{}", stdout(&output));
    let line = "invalid: the lambda-local of this run ended before the run did (signal: 9 (SIGKILL))";
    assert!(stdout(&output).lines().any(|found| found == line), "{}", stdout(&output));
    let outcomes = &bench.summary()["endpoints"][0]["outcomes"];
    assert!(outcomes["ok"].as_u64() > Some(0) && outcomes["transport"].as_u64() > Some(0), "{outcomes}");
    assert_eq!(report(&bench), stdout(&output).split_once('\n').unwrap().1);
}

/// A run with credentials that expire after this time, and that cannot be renewed.
#[expect(clippy::disallowed_methods, reason = "credentials expire by the time of day")]
fn run_with_credentials(bench: &Bench, valid_for: Duration) -> Output {
    let expiry = run_record::wall_clock::rfc3339(SystemTime::now() + valid_for);
    // Once it gives credentials, and then none.
    let script = format!(
        "#!/bin/sh\nif [ -e given ]; then exit 1; fi\n: >given\necho '{{\"Version\": 1, \"AccessKeyId\": \"a\", \
         \"SecretAccessKey\": \"b\", \"SessionToken\": \"c\", \"Expiration\": \"{expiry}\"}}'\n"
    );
    std::fs::write(bench.path("credentials.sh"), script).unwrap();
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("credentials.sh"), permissions).unwrap();
    let config = format!(
        "[default]\nregion = us-east-1\ncredential_process = {}\n",
        bench.path("credentials.sh").display()
    );
    std::fs::write(bench.path("config"), config).unwrap();
    let mut command = bench.command("--rps 40 --time 4 --out out");
    command.env("AWS_CONFIG_FILE", bench.path("config")).env("PATH", "/usr/bin:/bin").output().unwrap()
}

#[test]
fn credentials_that_expire_during_a_run_make_it_invalid() {
    let endpoints = r#"[{"hostname": "string"}]"#;
    let bench = Bench::new(endpoints);
    let output = run_with_credentials(&bench, Duration::from_secs(2));
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let reasons = reasons(&bench);
    let stalled = reasons.iter().find(|reason| reason["kind"] == "credentials_stalled");
    let for_s = stalled.unwrap_or_else(|| panic!("{reasons:?}"))["for_s"].as_f64().unwrap();
    // The run lasts 4 s at least, and the credentials are valid for 2 s of it at most.
    assert!((2.0..60.0).contains(&for_s), "{for_s}");
    let said = "s, calls were made with credentials that had expired and could not be renewed\n";
    assert!(stdout(&output).contains(said), "{}", stdout(&output));
    let bench = Bench::new(endpoints);
    assert_complete(&run_with_credentials(&bench, Duration::from_secs(3600)));
}

/// An offer file in the form of AWS's price list, with a price of requests for the region of a local Lambda.
fn offer_file() -> Value {
    let product = |group: &str, usage_type: &str| {
        let attributes = json!({ "group": group, "regionCode": "us-east-1", "usagetype": usage_type });
        json!({ "attributes": attributes })
    };
    let term = |usd: &str| {
        json!({ "TERM": { "priceDimensions": {
            "RATE": { "beginRange": "0", "endRange": "Inf", "pricePerUnit": { "USD": usd } } } } })
    };
    json!({
        "offerCode": "AWSLambda", "version": "20300101000000", "publicationDate": "2030-01-01T00:00:00Z",
        "products": {
            "R": product("AWS-Lambda-Requests", "Request"),
            "X": product("AWS-Lambda-Duration", "Lambda-GB-Second"),
            "A": product("AWS-Lambda-Duration-ARM", "Lambda-GB-Second-ARM"),
        },
        "terms": { "OnDemand": { "R": term("2"), "X": term("0.0000000001"), "A": term("0.0000000001") } },
    })
}

#[test]
fn a_run_tells_its_cost_and_does_not_begin_if_it_may_cost_too_much() {
    program("lambda-local");
    program("chameleon");
    let bench = Bench::new(ONE);
    let output = bench.bare_command("--local --rps 40 --time 1 --max-cost 100 --out out").output().unwrap();
    assert_complete(&output);
    let prices = r#"{"date": "2030-01-01", "source": "a test", "regions": {"us-east-1":
        {"usd_per_million_requests": 1000000, "usd_per_gb_s": {"x86_64": 0, "arm64": 0}}}}"#;
    std::fs::write(bench.path("prices.json"), prices).unwrap();
    let cost = &bench.summary()["endpoints"][0]["cost"];
    assert_eq!(
        (&cost["requests"], &cost["on_aws"], &cost["cpu_unlimited"], &cost["reason"]),
        (&json!(40), &json!(false), &json!(true), &Value::Null)
    );
    // Each request is billed a millisecond at least, and an environment has 512 MB.
    let (gb_s, usd) = (cost["gb_s"].as_f64().unwrap(), cost["usd"].as_f64().unwrap());
    assert!(gb_s >= 0.5 * 0.040 && usd > 40.0 * 0.20 / 1e6, "{cost}");
    assert!(stdout(&output).contains("\n  cost on AWS   "), "{}", stdout(&output));
    assert!(stdout(&output).contains("\n  environments  "), "{}", stdout(&output));
    let samples = bench.samples();
    let billed_ns: u64 = samples.iter().filter_map(|sample| sample.reply.report.billed_ns).sum();
    assert!((gb_s - billed_ns as f64 / 1e9 * 0.5).abs() < 1e-9, "{gb_s} GB-s, {billed_ns} ns");
    let growth = &bench.summary()["endpoints"][0]["environments"]["growth"];
    assert_eq!(growth[0]["environments"], 1, "{growth}");

    let line =
        "--local --rps 40 --time 1 --prices prices.json --max-cost 39 --expect-duration 0.002 --out no";
    let output = bench.bare_command(line).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = "error: --max-cost is 39 USD, but 40 calls may cost 40.000000 USD if each is billed 0.002 s: make the \
        load smaller, or allow more\n";
    assert_eq!(stderr(&output), said);
    assert!(!bench.path("no").exists(), "nothing is left of a run that never was");

    std::fs::write(bench.path("offer.json"), offer_file().to_string()).unwrap();
    let output = bench.bare_command(&line.replace("prices.json", "offer.json")).output().unwrap();
    assert_eq!(stderr(&output), said.replace("40.000000", "80.000000"));
    let output = bench.bare_command("--local --prices missing.json").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
