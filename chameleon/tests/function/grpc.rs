//! The program without Lambda: it serves gRPC, and gives the same answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, Message)]
struct HelloRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct HelloReply {
    #[prost(string, tag = "1")]
    message: String,
}

/// The program, which ends with the test.
struct Program {
    process: Child,
    address: String,
}

impl Program {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chameleon"));
        let mut process =
            command.env_clear().args(["--addr", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address }
    }

    async fn client(&self) -> Grpc<Channel> {
        let channel = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        Grpc::new(channel.connect().await.unwrap()).max_decoding_message_size(16 << 20)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn say_hello(client: &mut Grpc<Channel>, name: &str) -> Result<Response<HelloReply>, Status> {
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/helloworld.Greeter/SayHello");
    client.unary(Request::new(HelloRequest { name: name.to_owned() }), path, ProstCodec::default()).await
}

/// The answer without the seconds of its latency, which no two calls have in common.
fn without_latency(answer: &str) -> (&str, &str) {
    let (opening, rest) = answer.split_once(": ").unwrap();
    (opening, rest.split_once(',').unwrap().1)
}

#[tokio::test]
async fn the_message_is_what_lambda_would_give() {
    let program = Program::start();
    let mut client = program.client().await;
    for event in
        ["{}", r#"{"num_of_rows": 10, "num_of_cols": 15}"#, r#"{"num_of_rows": 7384, "num_of_cols": 15}"#]
    {
        let reply = say_hello(&mut client, event).await.unwrap().into_inner();
        let lambda = serde_json::to_string(&chameleon::handle(event).unwrap()).unwrap();
        assert!(reply.message.starts_with(r#""{\"latency\": "#));
        assert_eq!(without_latency(&reply.message), without_latency(&lambda), "{event}");
    }
}

#[tokio::test]
async fn an_error_has_the_name_and_the_message_of_lambda() {
    let program = Program::start();
    let mut client = program.client().await;
    for event in [r#"{"num_of_rows": 2.0}"#, r#"{"num_of_cols": 200000}"#] {
        let status = say_hello(&mut client, event).await.unwrap_err();
        let error = chameleon::handle(event).unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, error.to_string().as_str()));
        assert_eq!(status.metadata().get("function-error-type").unwrap(), error.error_type);
        assert!(status.metadata().get("function-request").is_some());
    }
}

#[tokio::test]
async fn names_are_greeted() {
    let program = Program::start();
    let mut client = program.client().await;
    for (name, greeting) in [("record", "Hello, record_response!"), ("world", "Hello, world!")] {
        assert_eq!(say_hello(&mut client, name).await.unwrap().into_inner().message, greeting);
    }
}
