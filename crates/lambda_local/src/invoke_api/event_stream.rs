//! A streamed response on the wire: messages of the type `application/vnd.amazon.eventstream`.

use std::io;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use serde::Serialize;

/// How a streamed response ends.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Complete {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_result: Option<String>,
}

/// A part of the reply.
///
/// # Errors
/// If the part is larger than a message may be.
pub(super) fn payload_chunk(payload: Bytes) -> io::Result<Bytes> {
    encode("PayloadChunk", "application/octet-stream", payload)
}

/// The last message.
///
/// # Errors
/// If it is larger than a message may be.
pub(super) fn invoke_complete(complete: &Complete) -> io::Result<Bytes> {
    encode("InvokeComplete", "application/json", serde_json::to_vec(complete)?.into())
}

fn encode(event_type: &'static str, content_type: &'static str, payload: Bytes) -> io::Result<Bytes> {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload)
        .add_header(header(":message-type", "event"))
        .add_header(header(":event-type", event_type))
        .add_header(header(":content-type", content_type));
    let mut buffer = BytesMut::new();
    write_message_to(&message, &mut buffer).map_err(io::Error::other)?;
    Ok(buffer.freeze())
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;

    use super::*;

    fn decoded(message: io::Result<Bytes>) -> (Vec<(String, String)>, Bytes) {
        let message = read_message_from(message.unwrap()).unwrap();
        let headers = message.headers().iter().map(|header| {
            let value = header.value().as_string().unwrap().as_str().to_owned();
            (header.name().as_str().to_owned(), value)
        });
        (headers.collect(), message.payload().clone())
    }

    #[test]
    fn messages_are_those_of_the_api() {
        let (headers, payload) = decoded(payload_chunk(Bytes::from_static(b"\xff\x00")));
        let expected = [
            (":message-type", "event"),
            (":event-type", "PayloadChunk"),
            (":content-type", "application/octet-stream"),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(payload, Bytes::from_static(b"\xff\x00"));

        let (headers, payload) = decoded(invoke_complete(&Complete::default()));
        assert_eq!(headers[1].1, "InvokeComplete");
        assert_eq!(headers[2].1, "application/json");
        assert_eq!(payload, Bytes::from_static(b"{}"), "a success has no error code");
        let complete = Complete {
            error_code: Some("Unhandled".to_owned()),
            error_details: Some("d".to_owned()),
            log_result: Some("bG9n".to_owned()),
        };
        let expected = r#"{"ErrorCode":"Unhandled","ErrorDetails":"d","LogResult":"bG9n"}"#;
        assert_eq!(decoded(invoke_complete(&complete)).1, expected);
    }
}
