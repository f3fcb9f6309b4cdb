//! awsinvoker reads whatever a gRPC server answers.

#![no_main]

use fuzz::grpc_message::{FaasReply, HelloReply, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(HelloReply { message }) = read(body) {
        assert!(message.len() < body.len(), "{message}");
        let _ = fuzz::answer::latency_s(message.as_bytes());
    }
    let _ = read::<FaasReply>(body);
});
