//! The messages of the services, and the frame that each stands in: a flag, the length, and the message.

/// The flag and the length.
const PREFIX_BYTES: usize = 5;

/// The request of `helloworld.Greeter/SayHello`. Its field 15, vHive's metadata, is left out.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HelloRequest {
    /// Whom to greet: a name, or an event.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// The reply of `helloworld.Greeter/SayHello`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HelloReply {
    /// A greeting, or the answer to an event.
    #[prost(string, tag = "1")]
    pub message: String,
}

/// The request of `faas.Executor/Execute`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FaasRequest {
    /// Any text.
    #[prost(string, tag = "1")]
    pub message: String,
    /// How long to be busy, in milliseconds.
    #[prost(uint32, tag = "2")]
    pub runtime_in_milli_sec: u32,
    /// How much memory to use, in MiB.
    #[prost(uint32, tag = "3")]
    pub memory_in_mebi_bytes: u32,
}

/// The reply of `faas.Executor/Execute`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FaasReply {
    /// Any text.
    #[prost(string, tag = "1")]
    pub message: String,
    /// How long the function was busy, in microseconds.
    #[prost(uint32, tag = "2")]
    pub duration_in_micro_sec: u32,
    /// How much memory it used, in KiB.
    #[prost(uint32, tag = "3")]
    pub memory_usage_in_kb: u32,
}

/// Why the body of an answer is of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum BodyError {
    #[error("the answer has no message, expected one")]
    Empty,
    #[error("the message is compressed, expected one as it is: awsinvoker asks for no compression")]
    Compressed,
    #[error("the flag before the message is {0}, expected 0")]
    Flag(u8),
    #[error("the body has {found} bytes, expected {PREFIX_BYTES} and the {announced} of one message")]
    Length { announced: u32, found: usize },
    #[error("the message cannot be decoded: {0}")]
    Message(#[from] prost::DecodeError),
}

/// The body of a request with this message.
pub fn body(message: &impl prost::Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut body = Vec::with_capacity(PREFIX_BYTES + length);
    body.push(0);
    // Messages are bounded by their payload, some megabytes.
    body.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(&message.encode_to_vec());
    body
}

/// The one message in the body of an answer.
///
/// # Errors
/// The body is not exactly one message that is not compressed, or the message is not of this type.
pub fn read<M: prost::Message + Default>(body: &[u8]) -> Result<M, BodyError> {
    if body.is_empty() {
        return Err(BodyError::Empty);
    }
    let length = |announced| BodyError::Length { announced, found: body.len() };
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(length(0));
    };
    let announced = u32::from_be_bytes([a, b, c, d]);
    match flag {
        0 => {}
        1 => return Err(BodyError::Compressed),
        _ => return Err(BodyError::Flag(flag)),
    }
    if usize::try_from(announced) != Ok(message.len()) {
        return Err(length(announced));
    }
    Ok(M::decode(message)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_protocols() {
        let hello = HelloRequest { name: "ab".to_owned() };
        assert_eq!(body(&hello), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let faas =
            FaasRequest { message: "m".to_owned(), runtime_in_milli_sec: 300, memory_in_mebi_bytes: 1 };
        assert_eq!(body(&faas), [0, 0, 0, 0, 8, 0x0a, 1, b'm', 0x10, 0xac, 0x02, 0x18, 1]);
        assert_eq!(body(&HelloRequest::default()), [0; 5]);
    }

    #[test]
    fn replies_are_read_with_fields_that_nobody_knows() {
        let reply: HelloReply = read(&[0, 0, 0, 0, 5, 0x0a, 1, b'x', 0x18, 7]).unwrap();
        assert_eq!(reply.message, "x");
        let reply: FaasReply = read(&[0, 0, 0, 0, 5, 0x10, 0xac, 0x02, 0x18, 9]).unwrap();
        assert_eq!((reply.duration_in_micro_sec, reply.memory_usage_in_kb), (300, 9));
        assert_eq!(read::<HelloReply>(&[0; 5]), Ok(HelloReply::default()));
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        let error = |body: &[u8]| read::<HelloReply>(body).unwrap_err().to_string();
        insta::assert_snapshot!(error(b""), @"the answer has no message, expected one");
        insta::assert_snapshot!(error(&[1, 0, 0, 0, 0]), @"the message is compressed, expected one as it is: awsinvoker asks for no compression");
        insta::assert_snapshot!(error(b"<html>"), @"the flag before the message is 60, expected 0");
        insta::assert_snapshot!(error(&[0, 0, 0]), @"the body has 3 bytes, expected 5 and the 0 of one message");
        insta::assert_snapshot!(error(&[0, 0, 0, 0, 2, 1]), @"the body has 6 bytes, expected 5 and the 2 of one message");
        // A second message.
        insta::assert_snapshot!(error(&[0; 10]), @"the body has 10 bytes, expected 5 and the 0 of one message");
        assert!(error(&[0, 0, 0, 0, 2, 0x0a, 9]).starts_with("the message cannot be decoded: "));
        assert!(
            error(&[0, 0, 0, 0, 3, 0x0a, 1, 0xff]).contains("UTF-8"),
            "{}",
            error(&[0, 0, 0, 0, 3, 0x0a, 1, 0xff])
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read::<HelloReply>(&body);
            let framed = [&[0, 0, 0, 0, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
            let _ = read::<FaasReply>(&framed);
        }

        #[test]
        fn messages_read_back(name in any::<String>()) {
            let request = HelloRequest { name };
            prop_assert_eq!(read::<HelloRequest>(&body(&request)), Ok(request));
        }
    }
}
