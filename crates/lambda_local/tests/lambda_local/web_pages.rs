//! What web pages can do with a local Lambda: nothing, unless they are allowed to. Seen from a browser.

use std::path::Path;
use std::process::Command;

use crate::support::{Server, lines, test_function};
use lambda_local::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const INVOKE: &str = "/2015-03-31/functions/test/invocations";

async fn server(allowed_origins: Vec<String>) -> Server {
    let allowed_hosts = vec!["lambda".to_owned()];
    Server::start(Config { allowed_origins, allowed_hosts, ..Config::new(vec![test_function()]) }).await
}

/// The answer to a request with these headers.
async fn answer(server: &Server, request: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let request =
        format!("{request} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_a_browser_sends_is_refused_with_a_reason() {
    let server = server(Vec::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let event = json!({ "do": "record", "path": record }).to_string();
    for (headers, reason) in [
        ("Host: evil.example:9000\r\n", "Host is \\\"evil.example:9000\\\"; expected localhost"),
        ("Host: localhost\r\nOrigin: http://evil.example\r\n", "Origin is \\\"http://evil.example\\\""),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site is \\\"cross-site\\\""),
    ] {
        let answer = answer(&server, &format!("POST {INVOKE}"), headers, &event).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("x-amzn-errortype: AccessDeniedException\r\n"), "{answer}");
        assert!(answer.contains(reason), "{answer}");
    }
    assert_eq!(lines(&record), 0, "no request reached the function");
    for headers in ["Host: localhost\r\n", "Host: LAMBDA:9000\r\n", "Host: 127.0.0.1\r\n"] {
        let answer = answer(&server, &format!("POST {INVOKE}"), headers, &event).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert_eq!(lines(&record), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_browser_that_asks_for_permission_gets_it_for_a_page_that_is_allowed() {
    let server = server(vec!["http://localhost:3000".to_owned()]).await;
    let headers = "Host: localhost\r\nOrigin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n\
                   Access-Control-Request-Headers: content-type,x-amz-log-type\r\n\
                   Access-Control-Request-Private-Network: true\r\n";
    let allowed = answer(&server, &format!("OPTIONS {INVOKE}"), headers, "").await;
    assert!(allowed.starts_with("HTTP/1.1 204 No Content\r\n"), "{allowed}");
    for line in [
        "access-control-allow-origin: http://localhost:3000\r\n",
        "access-control-allow-methods: GET, POST, PUT, DELETE\r\n",
        "access-control-allow-headers: content-type,x-amz-log-type\r\n",
        "access-control-allow-private-network: true\r\n",
        "vary: origin\r\n",
    ] {
        assert!(allowed.contains(line), "{line}: {allowed}");
    }
    let refused = answer(&server, &format!("OPTIONS {INVOKE}"), &headers.replace(":3000", ":3001"), "").await;
    assert!(refused.starts_with("HTTP/1.1 403 ") && !refused.contains("access-control"), "{refused}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium"]
async fn a_page_in_a_browser_cannot_call_a_function() {
    let server = server(Vec::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let event = json!({ "do": "record", "path": record });
    // What a page can send without asking, what it has to ask for, and a link.
    let script = format!(
        "const url = 'http://{}{INVOKE}', body = JSON.stringify({event}); \
         const blind = await fetch(url, {{method: 'POST', mode: 'no-cors', body}}).then(r => r.type, e => 'error'); \
         const open = await fetch(url, {{method: 'POST', body}}).then(r => 'read', e => 'error'); \
         document.body.textContent = `blind ${{blind}}, open ${{open}}`;",
        server.address
    );
    let (_, page) = serve_page(&script).await;
    let shown = browse(page, &[]).await;
    assert!(shown.contains("blind opaque, open error"), "{shown}");
    // A page whose name resolves to this machine is of the same origin as lambda-local.
    let rebound = format!("http://evil.example:{}{INVOKE}", server.address.port());
    let shown = browse(rebound, &["--host-resolver-rules=MAP evil.example 127.0.0.1"]).await;
    assert!(shown.contains("Host is") && shown.contains("evil.example"), "{shown}");
    assert_eq!(lines(&record), 0, "no request reached the function");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium"]
async fn a_page_that_is_allowed_reads_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = server(vec![origin.clone()]).await;
    let script = format!(
        "const headers = {{'Content-Type': 'application/json', 'X-Amz-Log-Type': 'Tail'}}; \
         const answer = await fetch('http://{}{INVOKE}', {{method: 'POST', headers, body: '{{\"n\": 7}}'}}); \
         const event = (await answer.json()).event, log = atob(answer.headers.get('x-amz-log-result')); \
         document.body.textContent = `n is ${{event.n}}, log ${{log.includes('REPORT RequestId')}}`;",
        server.address
    );
    serve_page_on(listener, &script);
    let shown = browse(origin, &[]).await;
    assert!(shown.contains("n is 7, log true"), "{shown}");
    server.stop().await;
}

/// Serves a page that runs a script. Returns its task and its address.
async fn serve_page(script: &str) -> (tokio::task::JoinHandle<()>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (serve_page_on(listener, script), address)
}

fn serve_page_on(listener: TcpListener, script: &str) -> tokio::task::JoinHandle<()> {
    let page = format!(
        "<!doctype html><body>loading</body><script type=module>try {{ {script} }} \
         catch (error) {{ document.body.textContent = error }}</script>"
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
            let answer = format!("{head}Content-Length: {}\r\n\r\n{page}", page.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
}

/// What a browser shows of a page, once its script has run.
async fn browse(page: String, flags: &[&str]) -> String {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium =
        chromium.into_iter().find(|path| Path::new(path).exists()).expect("Chromium is not installed");
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.arg("60").arg(chromium).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        "--virtual-time-budget=10000",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).args(flags).arg(page);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
