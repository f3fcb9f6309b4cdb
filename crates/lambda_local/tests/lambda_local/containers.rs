//! What is true of containers only: their confinement, their limits, and that none is left behind.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::support::binary::{BINARY, LambdaLocal};
use crate::support::docker::{LABEL, containers_of, image_of, import, left_of, run};
use crate::support::{client, ended, eventually, invoke, payload};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

async fn ask(client: &Client, event: Value) -> Value {
    payload(&invoke(client, "test", event).await)
}

/// As [`ask`], and waits until the container is idle again. Until then, a request goes to another idle one.
async fn ask_and_settle(client: &Client, event: Value) -> Value {
    let answer = ask(client, event).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    answer
}

/// Two containers at once, both idle afterwards.
async fn two(client: &Client) -> [Value; 2] {
    let slow = json!({ "do": "sleep", "ms": 300 });
    <[Value; 2]>::from(tokio::join!(ask(client, slow.clone()), ask(client, slow)))
}

fn inspect(id: &str, format: &str) -> String {
    run("docker", &["inspect", "--format", format, id])
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_function_may_write_to_tmp_alone_and_is_nobody() {
    let server = LambdaLocal::in_containers(&[]);
    let client = client(server.address);
    let write =
        async |path: &str| ask(&client, json!({ "do": "write", "path": path })).await["error"].clone();
    assert_eq!(write("/tmp/file").await, Value::Null);
    for path in ["/file", "/var/task/file", "/dev/file", "/dev/shm/file"] {
        assert!(write(path).await.is_string(), "{path} was written");
    }
    let status = ask(&client, json!({ "do": "identity" })).await;
    let status = status.as_str().unwrap();
    for line in [
        "Uid:\t993\t993",
        "Gid:\t990\t990",
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_function_reaches_its_own_runtime_api_and_nothing_else() {
    let server = LambdaLocal::in_containers(&[]);
    let client = client(server.address);
    two(&client).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let connect =
        async |address: &str| ask_and_settle(&client, json!({ "do": "connect", "address": address })).await;
    // The container that was used last is used again, so all requests until the last ones go to the same container.
    let seen = ask_and_settle(&client, json!({ "do": "describe" })).await;
    let own_api = seen["environment"]["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap();
    assert!(connect(own_api).await.as_str().unwrap().contains("NotEmulated"), "its own Runtime API answers");

    let own_id = seen["environment"]["HOSTNAME"].as_str().unwrap();
    let other = containers_of(server.process.id()).into_iter().find(|id| id != own_id).unwrap();
    let address = |id: &str| inspect(id, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    ask_and_settle(&client, json!({ "do": "listen" })).await;
    let own_port = format!("{}:8000", address(own_id));
    assert_eq!(connect(&own_port).await, "hello", "it listens");
    let gateway = own_api.split(':').next().unwrap();
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = loopback.local_addr().unwrap().port();
    for nowhere in [format!("{gateway}:{port}"), "1.1.1.1:53".to_owned(), "172.17.0.1:1".to_owned()] {
        assert_eq!(connect(&nowhere).await, "", "{nowhere} was reached");
    }

    // This container is kept busy, so that the next request goes to the other one.
    let busy = ask(&client, json!({ "do": "sleep", "ms": 8000 }));
    let from_the_other = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let seen = ask_and_settle(&client, json!({ "do": "describe" })).await;
        assert_eq!(seen["environment"]["HOSTNAME"], other[..12]);
        (connect(&own_port).await, connect(own_api).await)
    };
    let (_, (listener, api)) = tokio::join!(busy, from_the_other);
    assert_eq!((listener, api), (json!(""), json!("")), "one container reached another or its Runtime API");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn memory_and_cpu_are_limited_as_on_lambda() {
    let server = LambdaLocal::in_containers(&["--memory", "512", "--timeout", "60"]);
    let client = client(server.address);
    ask(&client, json!({})).await;
    let [container] = &containers_of(server.process.id())[..] else { panic!("one container was started") };
    let limits = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}} \
                  {{.HostConfig.PidsLimit}}";
    assert_eq!(inspect(container, limits), "536870912 536870912 5788 20000 1024");

    let killed = ask(&client, json!({ "do": "allocate", "bytes": 1_u64 << 30 })).await;
    assert_eq!(killed["errorType"], "Runtime.ExitError");
    let message = killed["errorMessage"].as_str().unwrap();
    assert!(message.ends_with(" Error: Runtime exited with error: signal: killed"), "{message}");
    assert_eq!(ask(&client, json!({ "n": 1 })).await["event"], json!({ "n": 1 }));
}

/// In how many periods the container has run with a limited share of the CPUs.
async fn periods(client: &Client) -> u64 {
    for path in ["/sys/fs/cgroup/cpu/cpu.stat", "/sys/fs/cgroup/cpu.stat"] {
        let statistics = ask(client, json!({ "do": "read", "path": path })).await;
        let mut lines = statistics.as_str().unwrap_or_default().lines();
        if let Some(count) = lines.find_map(|line| line.strip_prefix("nr_periods ")) {
            return count.parse().unwrap();
        }
    }
    panic!("the kernel has no statistics of the share of the CPUs");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_cpu_is_measured_out_every_20_ms_and_not_during_initialisation() {
    let server = LambdaLocal::in_containers(&["--memory", "512", "--env", "INIT=spin"]);
    let client = client(server.address);
    let first = periods(&client).await;
    // The initialisation uses 100 ms, which are 17 periods.
    assert!(first < 10, "{first} periods before the second invocation");
    ask(&client, json!({ "do": "spin", "ms": 200 })).await;
    // In a period of 20 ms, 5.8 ms may be used. If it were 100 ms, 7 periods would do.
    let second = periods(&client).await - first;
    assert!(second >= 30, "{second} periods for 200 ms");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn every_way_to_stop_removes_all_containers() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let mut server = LambdaLocal::in_containers(&["--memory", "1769"]);
        let (client, id) = (client(server.address), server.process.id());
        two(&client).await;
        let busy = tokio::spawn(async move {
            let event = Blob::new(r#"{"do":"sleep","ms":60000}"#);
            // Ends with the server.
            let _ = client.invoke().function_name("test").payload(event).send().await;
        });
        assert!(left_of(id).len() >= 3, "two containers and a network");
        server.signal(signal);
        let status = server.process.wait().unwrap();
        if signal == Signal::KILL {
            eventually(|| left_of(id).is_empty()).await;
        } else {
            assert!(status.success());
            assert_eq!(left_of(id), [""; 0], "left after {signal:?}");
        }
        busy.await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn what_nobody_could_remove_is_removed_by_the_next_server() {
    let mut server = LambdaLocal::in_containers(&[]);
    let id = server.process.id();
    ask(&client(server.address), json!({})).await;
    let reaper = run("pgrep", &["--parent", &id.to_string(), "--full", "lambda-local --reap"]);
    kill_process(Pid::from_raw(reaper.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    server.signal(Signal::KILL);
    server.process.wait().unwrap();
    ended(reaper.parse().unwrap()).await;
    assert_eq!(left_of(id).len(), 2, "a container and a network");
    let next = LambdaLocal::in_containers(&[]);
    assert_eq!(left_of(id), [""; 0]);
    assert_eq!(left_of(next.process.id()).len(), 1, "a network");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_start_that_is_cancelled_half_way_leaves_nothing() {
    for (ms, signal) in [(30, Signal::TERM), (150, Signal::TERM), (300, Signal::TERM), (100, Signal::KILL)] {
        let mut server = LambdaLocal::in_containers(&["--env", "INIT=hang"]);
        let (client, id) = (client(server.address), server.process.id());
        let starting =
            tokio::spawn(async move { client.invoke().function_name("test").send().await.is_err() });
        tokio::time::sleep(Duration::from_millis(ms)).await;
        server.signal(signal);
        server.process.wait().unwrap();
        assert!(starting.await.unwrap(), "a function that hangs has answered");
        if signal == Signal::KILL {
            eventually(|| left_of(id).is_empty()).await;
        }
        assert_eq!(left_of(id), [""; 0], "left after {ms} ms");
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn idle_containers_are_removed() {
    let server = LambdaLocal::in_containers(&["--idle-timeout", "1"]);
    let client = client(server.address);
    ask(&client, json!({})).await;
    eventually(|| containers_of(server.process.id()).is_empty()).await;
    assert_eq!(ask(&client, json!({})).await["invocations"], 1);
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn when_docker_refuses_the_function_is_not_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let name = "lambda-local-test-removed";
    import(folder.path(), name, &[r#"ENTRYPOINT ["/no/such/program"]"#]);
    let image = format!("test={name}");
    let server = LambdaLocal::run(&["--listen", "127.0.0.1:0", "--image", &image]);
    let client = client(server.address);
    let exited = ask(&client, json!({})).await;
    let message = exited["errorMessage"].as_str().unwrap();
    assert!(message.ends_with(" Error: Runtime exited with error: exit status 127"), "{message}");
    eventually(|| containers_of(server.process.id()).is_empty()).await;

    run("docker", &["rmi", name]);
    let error = client.invoke().function_name("test").send().await.unwrap_err().into_service_error();
    let message = error.message().unwrap();
    assert!(error.is_service_exception(), "{error}");
    assert!(
        message.starts_with("lambda-local cannot run the function: Docker cannot make a container"),
        "{message}"
    );
}

#[test]
#[ignore = "needs Docker"]
fn images_that_cannot_be_run_are_named() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path(), "lambda-local-test-empty", &[]);
    for (image, expected) in [
        ("lambda-local-no-such", "build it (docker build -f FOLDER/Dockerfile -t lambda-local-no-such .)"),
        ("lambda-local-test-empty", "the image lambda-local-test-empty has neither ENTRYPOINT nor CMD"),
    ] {
        let message = refused(Command::new(BINARY).args(["--image", &format!("f={image}")]));
        assert!(message.contains(expected), "{message}");
    }
    run("docker", &["rmi", "lambda-local-test-empty"]);
}

#[test]
fn a_daemon_that_cannot_be_reached_is_named() {
    let mut command = Command::new(BINARY);
    command.args(["--image", "f=g"]).env("DOCKER_HOST", "unix:///no/such/socket");
    let message = refused(&mut command);
    assert!(message.contains("cannot reach the Docker daemon at unix:///no/such/socket"), "{message}");
}

/// The error of a server that does not start.
fn refused(command: &mut Command) -> String {
    let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_image_can_be_a_process_that_sees_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let image = format!("test={}", image_of("test_function"));
    let mut command = Command::new(BINARY);
    command.env("TMPDIR", folder.path()).args(["--listen", "127.0.0.1:0", "--image-as-process", &image]);
    let mut server = LambdaLocal::spawn(command);
    let client = client(server.address);
    let seen = ask(&client, json!({ "do": "describe" })).await;
    assert_eq!(seen["working_directory"], "/");
    let environment = &seen["environment"];
    for (name, value) in [
        ("_HANDLER", "/var/task/test_function"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ] {
        assert_eq!(environment[name], value);
    }
    assert_eq!(environment.get("LANG"), None);
    assert_eq!(ask(&client, json!({ "do": "write", "path": "/tmp/file" })).await["error"], Value::Null);
    let missing = ask(&client, json!({ "do": "read", "path": "/etc/os-release" })).await;
    assert!(missing["errorMessage"].as_str().unwrap().contains("No such file"), "{missing}");
    let status = ask(&client, json!({ "do": "identity" })).await;
    assert!(status.as_str().unwrap().contains("Name:\ttest_function"), "{status}");
    assert_eq!(containers_of(server.process.id()), [""; 0], "it runs in a container");
    server.signal(Signal::TERM);
    assert!(server.process.wait().unwrap().success());
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_files_of_an_image_are_removed_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let image = format!("test={}", image_of("test_function"));
    let mut command = Command::new(BINARY);
    command.env("TMPDIR", folder.path()).args(["--listen", "127.0.0.1:0", "--image-as-process", &image]);
    let mut server = LambdaLocal::spawn(command);
    let pid = ask(&client(server.address), json!({})).await["pid"].as_u64().unwrap();
    server.signal(Signal::KILL);
    server.process.wait().unwrap();
    ended(pid).await;
    // The reaper removes the files first.
    eventually(|| std::fs::read_dir(folder.path()).unwrap().count() == 0).await;
    eventually(|| left_of(server.process.id()).is_empty()).await;
}

#[test]
#[ignore = "needs Docker"]
fn the_images_of_the_tests_can_be_found_and_removed() {
    let image = image_of("test_function");
    let found =
        run("docker", &["images", "--filter", &format!("label={LABEL}"), "--format", "{{.Repository}}"]);
    assert!(found.lines().any(|name| name == image), "{found}");
}
