//! `google.rpc.Status`: how receivers say more than a code, in the details of gRPC and in error bodies of OTLP/HTTP
//! (google/rpc/status.proto, google/rpc/error_details.proto).

use std::time::Duration;

use crate::semconv::wire::{Field, Fields};

/// What such a status says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct RpcStatus {
    pub(super) words: String,
    /// The delay of a `RetryInfo` among its details.
    pub(super) retry_delay: Option<Duration>,
}

impl RpcStatus {
    /// Reads the message; `None` where it is none.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        for field in Fields::new(message) {
            match field.ok()? {
                (MESSAGE, Field::Bytes(words)) => {
                    status.words = String::from_utf8_lossy(words).into_owned();
                }
                (DETAILS, Field::Bytes(any)) => {
                    status.retry_delay = status.retry_delay.or_else(|| retry_delay(any));
                }
                _ => {}
            }
        }
        Some(status)
    }
}

/// The delay in an `Any`, where that is a `RetryInfo`.
fn retry_delay(any: &[u8]) -> Option<Duration> {
    let is_retry_info = messages(any, TYPE_URL).any(|url| url.ends_with(RETRY_INFO));
    let delay = messages(
        messages(any, VALUE).next().filter(|_| is_retry_info)?,
        RETRY_DELAY,
    )
    .next()?;
    let number = |wanted| {
        let mut fields = Fields::new(delay).flatten();
        fields.find_map(|(number, field)| match field {
            Field::Varint(value) if number == wanted => Some(value.cast_signed()),
            _ => None,
        })
    };
    let seconds = u64::try_from(number(SECONDS).unwrap_or(0)).ok()?;
    let nanos = u32::try_from(number(NANOS).unwrap_or(0)).ok()?;
    Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())))
}

/// The length-delimited fields with this number.
fn messages(message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    Fields::new(message)
        .flatten()
        .filter_map(move |(number, field)| match field {
            Field::Bytes(bytes) if number == wanted => Some(bytes),
            _ => None,
        })
}

// Field numbers of google/rpc/status.proto, google/protobuf/any.proto, google/rpc/error_details.proto and
// google/protobuf/duration.proto.
const MESSAGE: u64 = 2;
const DETAILS: u64 = 3;
const TYPE_URL: u64 = 1;
const VALUE: u64 = 2;
const RETRY_INFO: &[u8] = b"/google.rpc.RetryInfo";
const RETRY_DELAY: u64 = 1;
const SECONDS: u64 = 1;
const NANOS: u64 = 2;

#[cfg(test)]
pub(super) mod tests {
    use prost::Message;

    use super::*;

    /// `google.rpc.Status` and what it holds, as far as it matters here.
    pub(in crate::emit::sender) mod google {
        #[derive(Clone, PartialEq, prost::Message)]
        pub(in crate::emit::sender) struct Status {
            #[prost(int32, tag = "1")]
            pub(in crate::emit::sender) code: i32,
            #[prost(string, tag = "2")]
            pub(in crate::emit::sender) message: String,
            #[prost(message, repeated, tag = "3")]
            pub(in crate::emit::sender) details: Vec<Any>,
        }

        #[derive(Clone, PartialEq, prost::Message)]
        pub(in crate::emit::sender) struct Any {
            #[prost(string, tag = "1")]
            pub(in crate::emit::sender) type_url: String,
            #[prost(bytes = "vec", tag = "2")]
            pub(in crate::emit::sender) value: Vec<u8>,
        }

        #[derive(Clone, PartialEq, prost::Message)]
        pub(in crate::emit::sender) struct RetryInfo {
            #[prost(message, optional, tag = "1")]
            pub(in crate::emit::sender) retry_delay: Option<Duration>,
        }

        #[derive(Clone, PartialEq, prost::Message)]
        pub(in crate::emit::sender) struct Duration {
            #[prost(int64, tag = "1")]
            pub(in crate::emit::sender) seconds: i64,
            #[prost(int32, tag = "2")]
            pub(in crate::emit::sender) nanos: i32,
        }
    }

    /// A status that asks to come back later.
    pub(in crate::emit::sender) fn throttled(words: &str, seconds: i64, nanos: i32) -> Vec<u8> {
        let retry_info = google::RetryInfo {
            retry_delay: Some(google::Duration { seconds, nanos }),
        };
        let any = |name: &str, value| google::Any {
            type_url: format!("type.googleapis.com/google.rpc.{name}"),
            value,
        };
        let details = vec![
            any("DebugInfo", b"\x0a\x01x".to_vec()),
            any("RetryInfo", retry_info.encode_to_vec()),
        ];
        google::Status {
            code: 8,
            message: words.into(),
            details,
        }
        .encode_to_vec()
    }

    #[test]
    fn words_and_delay_are_read() {
        let read = RpcStatus::read(&throttled("later", 7, 250_000_000)).unwrap();
        assert_eq!(read.words, "later");
        assert_eq!(read.retry_delay, Some(Duration::from_millis(7250)));
        let delay = |seconds| {
            RpcStatus::read(&throttled("", seconds, 0))
                .unwrap()
                .retry_delay
        };
        assert_eq!(delay(3600), Some(Duration::from_secs(3600)));
        assert_eq!(delay(0), Some(Duration::ZERO));
        assert_eq!(delay(-1), None);
        assert_eq!(RpcStatus::read(b"\xff\xff"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = RpcStatus::read(&bytes);
        }
    }
}
