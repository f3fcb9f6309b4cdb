//! Answers that were recorded from AWS, and what lambda-local answers to the same requests.
//!
//! `tests/data/recorded_answers.json` holds both. `here` is what lambda-local answers where it differs, and `why` says
//! why. In requests and answers, `<arn>` stands for the beginning of a function's ARN, and `<a*65>` for 65 times the
//! letter. In answers, `<id>` stands for the id of the request, `<number>` for a number, and `<any>` for any text.
//! `scripts/conformance.py` turns the file into CONFORMANCE.md.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Server, test_function};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_local::{Config, FunctionConfig, Program};
use regex::{Captures, Regex, escape};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_answers_of_aws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded_answers.json");
    let recorded: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Config::new(functions(folder.path()))).await;
    let mut problems = Vec::new();
    for answer in recorded["answers"].as_array().unwrap() {
        let expected = answer.get("here").unwrap_or(&answer["aws"]);
        let found = Answer::to(&server, &answer["request"]).await;
        problems.extend(found.differences(expected).map(|problem| format!("{}: {problem}", answer["case"])));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    server.stop().await;
}

/// The functions that the requests name.
fn functions(folder: &Path) -> Vec<FunctionConfig> {
    let orphan = folder.join("orphan");
    fs::write(&orphan, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&orphan, Permissions::from_mode(0o755)).unwrap();
    let named = |name: &str, program| FunctionConfig::new(name, program);
    let shell = |script: &str| command(PathBuf::from("/bin/sh"), &["-c", script]);
    let python = |handler: &str| {
        let environment = vec![("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())];
        let program = command(crate::python::python(), &["-m", "awslambdaric", handler]);
        FunctionConfig { environment, ..FunctionConfig::new("python", program) }
    };
    let small = |function| FunctionConfig { memory_mb: 128, ..function };
    vec![
        test_function(),
        small(FunctionConfig { name: "cold".to_owned(), ..test_function() }),
        FunctionConfig { name: "provisioned".to_owned(), ..test_function() },
        FunctionConfig { name: "slow".to_owned(), timeout: Duration::from_secs(1), ..test_function() },
        FunctionConfig { name: "stopped".to_owned(), ..test_function() },
        python("app.handler"),
        FunctionConfig { name: "startup_fails".to_owned(), ..python("startup_fails.handler") },
        named("exits", shell("exit 0")),
        named("exits_127", shell("exit 127")),
        named("segfaults", shell("kill -SEGV $$")),
        small(named("no_interpreter", Program::executable(orphan))),
    ]
}

fn command(program: PathBuf, arguments: &[&str]) -> Program {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Program::Command { program, arguments, folder }
}

/// What came back over the network.
struct Answer {
    status: u16,
    /// Lines with a colon, the name in small letters.
    headers: String,
    body: String,
}

impl Answer {
    async fn to(server: &Server, request: &Value) -> Self {
        let (line, headers, body) = match request["call"].as_str() {
            Some(call) => (call.to_owned(), String::new(), bytes_of(request.get("body"))),
            None => invocation(request),
        };
        let head = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        Self {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.to_owned(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> &str {
        let line = self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_default()
    }

    /// What is not as expected.
    fn differences(&self, expected: &Value) -> impl Iterator<Item = String> {
        let mut problems = Vec::new();
        let mut compare = |what: &str, pattern: &str, found: &str| {
            if !matches(pattern, found, self.header("x-amzn-requestid")) {
                problems.push(format!("{what}\nexpected {pattern}\nfound    {found}"));
            }
        };
        compare("status", &expected["status"].to_string(), &self.status.to_string());
        for (name, value) in expected["headers"].as_object().unwrap_or(&Map::new()) {
            compare(name, value.as_str().unwrap(), self.header(name));
        }
        if let Some(body) = expected["body"].as_str() {
            compare("body", body, &self.body);
        }
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        for (name, value) in expected["fields"].as_object().unwrap_or(&Map::new()) {
            compare(name, value.as_str().unwrap(), body[name].as_str().unwrap_or_default());
        }
        if let Some(log) = expected["log"].as_str() {
            let found = BASE64_STANDARD.decode(self.header("x-amz-log-result")).unwrap();
            // What the function itself prints when it starts is not Lambda's.
            compare("log", log, &String::from_utf8_lossy(&found).replace("initialising\n", ""));
        }
        problems.into_iter()
    }
}

/// The method with the path, the headers and the body of an invocation.
fn invocation(request: &Value) -> (String, String, Vec<u8>) {
    let field = |name: &str| request[name].as_str().map(expand);
    let function = percent_encoded(&field("function").unwrap());
    let query = field("qualifier").map(|qualifier| format!("?Qualifier={}", percent_encoded(&qualifier)));
    let line = format!("POST /2015-03-31/functions/{function}/invocations{}", query.unwrap_or_default());
    let mut headers = String::new();
    for (name, header) in
        [("type", "X-Amz-Invocation-Type"), ("log", "X-Amz-Log-Type"), ("context", "X-Amz-Client-Context")]
    {
        if let Some(value) = field(name) {
            headers += &format!("{header}: {value}\r\n");
        }
    }
    let body = match (&request["event_base64"], request["event_bytes"].as_u64()) {
        (Value::String(encoded), _) => BASE64_STANDARD.decode(encoded).unwrap(),
        (_, Some(bytes)) => vec![b' '; usize::try_from(bytes).unwrap()],
        _ => bytes_of(request.get("event")),
    };
    (line, headers, body)
}

fn bytes_of(json: Option<&Value>) -> Vec<u8> {
    json.map(|json| json.to_string().into_bytes()).unwrap_or_default()
}

/// Whether a text is what a pattern with placeholders says.
fn matches(pattern: &str, text: &str, request_id: &str) -> bool {
    let pattern = escape(&expand(pattern))
        .replace("<id>", &escape(request_id))
        .replace("<number>", r"\d+(\.\d+)?")
        .replace("<any>", "(?s:.*)");
    Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
}

/// Writes out the placeholders that requests may have.
fn expand(text: &str) -> String {
    let repeated = Regex::new(r"<(.)\*([0-9]+)>").unwrap();
    let repeat = |found: &Captures| found[1].repeat(found[2].parse().unwrap());
    repeated.replace_all(text, repeat).replace("<arn>", "arn:aws:lambda:us-east-1:123456789012:function:")
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
