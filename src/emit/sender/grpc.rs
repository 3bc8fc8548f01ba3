//! gRPC as far as one call needs it: a message out, a message or a status back, over HTTP/2
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};

use super::batch::Pieces;
use super::compression::decompress;
use super::rpc_status::RpcStatus;
use super::verdict::Reply;
use super::wire::{Answered, LONGEST, Payload};
use crate::emit::otlp::Compression;
use crate::emit::percent;

/// A status of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// A status other than OK, with what the receiver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) words: String,
    /// When to come back, by a `RetryInfo`.
    pub(super) asked: Option<Duration>,
    /// The status of HTTP where whoever answered did not speak gRPC.
    pub(super) http: Option<u16>,
}

/// Sets the headers of a call.
pub(super) fn write_headers(headers: &mut HeaderMap, compression: Compression) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    match compression {
        Compression::Gzip => headers.insert(GRPC_ENCODING, HeaderValue::from_static("gzip")),
        Compression::None => headers.remove(GRPC_ENCODING),
    };
}

/// A message as the body of a call.
pub(super) fn frame([head, body]: Pieces, compression: Compression) -> Payload {
    let length = u32::try_from(head.len() + body.len()).unwrap_or(u32::MAX);
    let mut first = BytesMut::with_capacity(PREFIX + head.len());
    first.put_u8(u8::from(compression == Compression::Gzip));
    first.put_u32(length);
    // One piece is one frame less for the receiver to look at; the body is not copied.
    first.extend_from_slice(&head);
    Payload::new([first.freeze(), body])
}

/// What came back.
pub(super) fn reply(answered: &Answered) -> Reply {
    let trailers = answered.trailers.as_ref();
    let in_trailers = trailers.filter(|trailers| trailers.contains_key(GRPC_STATUS));
    let said = in_trailers.unwrap_or(&answered.headers);
    let Some(code) = said.get(GRPC_STATUS) else {
        return Reply::Grpc(Status {
            code: code_of_http(answered.status),
            words: format!("HTTP {} without a status of gRPC", answered.status),
            asked: None,
            http: Some(answered.status),
        });
    };
    let code = code.to_str().ok().and_then(|code| code.parse().ok());
    match code.map_or(Code::Unknown, Code::from_number) {
        Code::Ok => match message(answered) {
            Some(message) => Reply::Answer(message),
            None => Reply::Unreadable,
        },
        code => Reply::Grpc(Status {
            code,
            words: said
                .get(GRPC_MESSAGE)
                .map(|words| percent::decoded(words.as_bytes()))
                .unwrap_or_default(),
            asked: said
                .get(GRPC_STATUS_DETAILS)
                .and_then(|details| from_base64(details.as_bytes()))
                .and_then(|details| RpcStatus::read(&details)?.retry_delay),
            http: None,
        }),
    }
}

/// The one message of an answer.
fn message(answered: &Answered) -> Option<Bytes> {
    let body = answered.body.as_ref()?;
    let (head, message) = body.split_first_chunk::<PREFIX>()?;
    let length = usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]])).ok()?;
    match head[0] {
        0 if message.len() == length => Some(body.slice(PREFIX..)),
        1 if message.len() == length => decompress(message, LONGEST),
        _ => None,
    }
}

/// What gRPC clients make of an answer that is not one of gRPC
/// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
fn code_of_http(status: u16) -> Code {
    match status {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// Base64 of the standard alphabet, padded or not: how gRPC sends bytes in headers.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let end = text
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(end * 3 / 4);
    let (mut gathered, mut bits) = (0_u32, 0);
    for byte in &text[..end] {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        gathered = gathered << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((gathered >> bits).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

impl Code {
    /// A number that is no code is one that nobody knows.
    pub(crate) fn from_number(number: i32) -> Self {
        ALL.into_iter()
            .find(|code| *code as i32 == number)
            .unwrap_or(Self::Unknown)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

const ALL: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];
/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::sender::compression::compress;

    fn answered(status: u16, body: &'static [u8], trailers: &[(&'static str, &str)]) -> Answered {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            map.insert(*name, value.parse().unwrap());
        }
        Answered {
            status,
            headers: HeaderMap::new(),
            body: Some(Bytes::from_static(body)),
            trailers: Some(map),
        }
    }

    #[test]
    fn an_answer_is_the_message_behind_the_prefix() {
        let ok = [("grpc-status", "0")];
        let read = |body| match reply(&answered(200, body, &ok)) {
            Reply::Answer(message) => Some(message.to_vec()),
            Reply::Unreadable => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(b"\0\0\0\0\x02ab"), Some(b"ab".to_vec()));
        assert_eq!(read(b"\0\0\0\0\0"), Some(Vec::new()));
        for broken in [
            &b""[..],
            b"\0\0\0",
            b"\0\0\0\0\x03ab",
            b"\x01\0\0\0\x02ab",
            b"\x02\0\0\0\x02ab",
        ] {
            assert_eq!(read(broken), None);
        }
    }

    #[test]
    fn an_answer_that_is_compressed_is_read_too() {
        let message = [Bytes::from_static(b"ab"), Bytes::new()];
        let gzip = compress(message, Compression::Gzip).concat();
        let length = u32::try_from(gzip.len()).unwrap().to_be_bytes();
        let body = [&[1], &length[..], &gzip[..]].concat();
        let mut answered = answered(200, b"", &[("grpc-status", "0")]);
        answered.body = Some(body.into());
        let Reply::Answer(message) = reply(&answered) else {
            panic!("it is an answer")
        };
        assert_eq!(message, "ab");
    }

    #[test]
    fn a_status_is_read_from_trailers_or_from_headers_alone() {
        let mut first = answered(
            200,
            b"",
            &[("grpc-status", "14"), ("grpc-message", "caf%C3%A9 50%")],
        );
        let expected = Status {
            code: Code::Unavailable,
            words: "café 50%".into(),
            asked: None,
            http: None,
        };
        let Reply::Grpc(status) = reply(&first) else {
            panic!("a status was given")
        };
        assert_eq!(status, expected);
        first.headers = first.trailers.take().unwrap();
        let Reply::Grpc(status) = reply(&first) else {
            panic!("a status was given")
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn whoever_does_not_speak_grpc_is_understood_by_the_mapping() {
        let code = |status| match reply(&answered(status, b"<html>", &[])) {
            Reply::Grpc(Status { code, http, .. }) => {
                assert_eq!(http, Some(status));
                code
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [200, 400, 401, 403, 404, 413, 429, 503].map(code),
            [
                Code::Unknown,
                Code::Internal,
                Code::Unauthenticated,
                Code::PermissionDenied,
                Code::Unimplemented,
                Code::Unknown,
                Code::Unavailable,
                Code::Unavailable,
            ]
        );
    }

    #[test]
    fn base64_is_read_padded_or_not_and_nothing_else_is() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("+/8", b"\xfb\xff"),
        ] {
            assert_eq!(from_base64(text.as_bytes()).as_deref(), Some(bytes));
        }
        assert_eq!(from_base64(b"Z g="), None);
    }

    #[test]
    fn codes_and_numbers_belong_together() {
        for number in 0..=16 {
            assert_eq!(Code::from_number(number) as i32, number);
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
        assert_eq!(Code::from_number(-1), Code::Unknown);
    }
}
