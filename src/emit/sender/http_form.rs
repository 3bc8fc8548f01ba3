//! OTLP/HTTP: a POST with a protobuf message, and what its answer says
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;

use super::compression::decompress;
use super::rpc_status::RpcStatus;
use super::verdict::Reply;
use super::wire::{Answered, LONGEST};
use crate::emit::otlp::Compression;
use crate::record::Timestamp;

/// A status other than success, with what the receiver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) words: String,
    pub(super) asked: Option<RetryAfter>,
    /// Who answered it.
    pub(super) author: Author,
}

/// Who an answer comes from, by its looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Somebody who serves pages for people: a proxy, a login, another server.
    Page,
    /// The receiver.
    Receiver,
}

/// When to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfter {
    At(Timestamp),
    In(Duration),
}

/// Sets the headers of a request.
pub(super) fn write_headers(headers: &mut HeaderMap, compression: Compression) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    match compression {
        Compression::Gzip => headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        Compression::None => headers.remove(CONTENT_ENCODING),
    };
}

/// What came back.
pub(super) fn reply(answered: &Answered) -> Reply {
    let content = Content::of(&answered.headers);
    let gzip = answered.headers.get(CONTENT_ENCODING);
    let body = match gzip.map(HeaderValue::as_bytes) {
        Some(b"gzip") => answered
            .body
            .as_ref()
            .and_then(|body| decompress(body, LONGEST)),
        _ => answered.body.clone(),
    };
    let body = body.as_ref();
    if !(200..300).contains(&answered.status) {
        let (words, delay) = body.map_or_else(Default::default, |body| content.words(body));
        return Reply::Http(Refused {
            status: answered.status,
            words,
            asked: retry_after(&answered.headers).or(delay.map(RetryAfter::In)),
            author: match content {
                Content::Page => Author::Page,
                _ => Author::Receiver,
            },
        });
    }
    match (content, body) {
        (Content::Page, _) | (_, None) => Reply::Unreadable,
        (_, Some(body)) if body.is_empty() => Reply::Answer(Bytes::new()),
        (Content::Json, Some(body)) => match serde_json::from_slice::<JsonAnswer>(body) {
            Ok(answer) => Reply::Partial {
                rejected: answer.partial_success.rejected(),
                words: answer.partial_success.error_message,
            },
            Err(_) => Reply::Unreadable,
        },
        (Content::Protobuf, Some(body)) => Reply::Answer(body.clone()),
        // Some vendors say "OK" or the like. It says that they have it.
        (Content::Text, Some(_)) => Reply::Answer(Bytes::new()),
    }
}

impl RetryAfter {
    /// How long that is from now.
    pub(super) fn counted_from(self, now: Timestamp) -> Duration {
        match self {
            Self::At(then) => {
                Duration::from_nanos(then.unix_nanos().saturating_sub(now.unix_nanos()))
            }
            Self::In(delay) => delay,
        }
    }
}

/// What a body is, by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Json,
    Page,
    Protobuf,
    Text,
}

impl Content {
    fn of(headers: &HeaderMap) -> Self {
        let named = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let named = named.unwrap_or(PROTOBUF).to_ascii_lowercase();
        match named.split(';').next().unwrap_or_default().trim() {
            "application/json" => Self::Json,
            "text/html" | "application/xhtml+xml" => Self::Page,
            PROTOBUF | "application/octet-stream" => Self::Protobuf,
            _ => Self::Text,
        }
    }

    /// The receiver's words in an error body, and the delay that it asks for there.
    fn words(self, body: &[u8]) -> (String, Option<Duration>) {
        match self {
            Self::Json => {
                let words = serde_json::from_slice::<JsonStatus>(body).map(|status| status.message);
                (words.unwrap_or_else(|_| text(body)), None)
            }
            Self::Page => (String::new(), None),
            Self::Protobuf => RpcStatus::read(body).map_or_else(
                || (text(body), None),
                |status| (status.words, status.retry_delay),
            ),
            Self::Text => (text(body), None),
        }
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().to_owned()
}

/// Seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(RetryAfter::In(Duration::from_secs(seconds)));
    }
    let date = DateTimeParser::new().parse_timestamp(value).ok()?;
    let nanos = u64::try_from(date.as_nanosecond()).unwrap_or(0);
    Some(RetryAfter::At(Timestamp::from_unix_nanos(nanos)))
}

/// `google.rpc.Status` in JSON.
#[derive(Deserialize)]
struct JsonStatus {
    message: String,
}

/// `Export*ServiceResponse` in JSON.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JsonAnswer {
    partial_success: JsonPartial,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JsonPartial {
    rejected_log_records: JsonCount,
    rejected_spans: JsonCount,
    error_message: String,
}

impl JsonPartial {
    fn rejected(&self) -> i64 {
        let count = |count: &JsonCount| match count {
            JsonCount::Number(number) => Some(*number),
            JsonCount::Text(text) => text.parse().ok(),
        };
        // What cannot be read is as bad as fewer than none.
        let of = |name| count(name).unwrap_or(-1);
        match of(&self.rejected_log_records) {
            0 => of(&self.rejected_spans),
            rejected => rejected,
        }
    }
}

/// JSON of protobuf writes 64-bit integers as text; not everybody does.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonCount {
    Number(i64),
    Text(String),
}

impl Default for JsonCount {
    fn default() -> Self {
        Self::Number(0)
    }
}

const PROTOBUF: &str = "application/x-protobuf";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::sender::rpc_status::tests::throttled;

    fn answered(status: u16, kind: &str, body: &[u8], extra: &[(&'static str, &str)]) -> Answered {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        for (name, value) in extra {
            headers.insert(*name, value.parse().unwrap());
        }
        Answered {
            status,
            headers,
            body: Some(Bytes::copy_from_slice(body)),
            trailers: None,
        }
    }

    fn refused(kind: &str, body: &[u8], extra: &[(&'static str, &str)]) -> Refused {
        match reply(&answered(503, kind, body, extra)) {
            Reply::Http(refused) => refused,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn success_is_what_its_body_says() {
        let read = |kind, body| match reply(&answered(200, kind, body, &[])) {
            Reply::Answer(message) => format!("answer of {} bytes", message.len()),
            Reply::Partial { rejected, words } => format!("{rejected} {words}"),
            Reply::Unreadable => "unreadable".to_owned(),
            other => panic!("{other:?}"),
        };
        let table: [(&str, &[u8], &str); 11] = [
            (PROTOBUF, b"", "answer of 0 bytes"),
            ("", b"", "answer of 0 bytes"),
            (PROTOBUF, b"\x0a\x02\x08\x01", "answer of 4 bytes"),
            ("application/json", b"{}", "0 "),
            (
                "application/json; charset=utf-8",
                b"{\"partialSuccess\":{}}",
                "0 ",
            ),
            (
                "application/json",
                b"{\"partialSuccess\":{\"rejectedLogRecords\":\"2\",\"errorMessage\":\"no\"}}",
                "2 no",
            ),
            (
                "application/json",
                b"{\"partialSuccess\":{\"rejectedSpans\":3}}",
                "3 ",
            ),
            (
                "application/json",
                b"{\"partialSuccess\":{\"rejectedSpans\":\"x\"}}",
                "-1 ",
            ),
            ("application/json", b"[", "unreadable"),
            ("text/plain", b"OK", "answer of 0 bytes"),
            ("text/html", b"<html>sign in", "unreadable"),
        ];
        for (kind, body, expected) in table {
            assert_eq!(read(kind, body), expected, "{kind} {body:?}");
        }
    }

    #[test]
    fn the_receivers_words_are_found_in_every_kind_of_body() {
        let words = |kind: &str, body: &[u8]| refused(kind, body, &[]).words;
        assert_eq!(words(PROTOBUF, &throttled("busy", 1, 0)), "busy");
        assert_eq!(
            words("application/json", b"{\"code\":8,\"message\":\"busy\"}"),
            "busy"
        );
        assert_eq!(words("application/json", b"busy"), "busy");
        assert_eq!(words("text/plain", b" busy\n"), "busy");
        assert_eq!(words("", b"busy\xff"), "busy\u{fffd}");
        assert_eq!(words("text/html", b"<html>"), "");
        assert_eq!(refused("text/html", b"", &[]).author, Author::Page);
        assert_eq!(refused(PROTOBUF, b"", &[]).author, Author::Receiver);
    }

    #[test]
    fn when_to_come_back_is_read_from_seconds_dates_and_details() {
        let now = Timestamp::from_unix_nanos(784_111_770_000_000_000);
        let asked = |value| {
            let asked = refused(PROTOBUF, b"", &[("retry-after", value)]).asked;
            asked.map(|asked| asked.counted_from(now))
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("soon"), None);
        let delay = refused(PROTOBUF, &throttled("", 9, 0), &[]).asked;
        assert_eq!(delay, Some(RetryAfter::In(Duration::from_secs(9))));
    }
}
