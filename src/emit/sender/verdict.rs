//! What an answer to an export request means for the records in it.
//!
//! | answer | verdict | reason |
//! |---|---|---|
//! | OK | taken | |
//! | OK, `partial_success` that rejects none but has words | taken, with a warning | OTLP: it is how a receiver warns |
//! | OK, rejects as many as were sent, or more | refused | OTLP: what is rejected must not be sent again |
//! | OK, rejects some | poisoned | the answer does not say which; halves tell |
//! | OK, not readable as an answer, or rejects fewer than none | later | nothing says that the records were taken |
//! | INVALID_ARGUMENT | poisoned | something in it will never be taken; the rest will |
//! | ALREADY_EXISTS | poisoned | no receiver has reason to say it of a log; who does will not say otherwise next time |
//! | RESOURCE_EXHAUSTED or OUT_OF_RANGE that says "message too large", without RetryInfo; HTTP 413 | too large | half of it may fit; a single record that does not never will |
//! | UNIMPLEMENTED, for traces | parked | a collector without a traces pipeline is common, and the records themselves get through |
//! | UNIMPLEMENTED, for logs | later | a collector without a logs pipeline is a mistake that an operator mends |
//! | UNAVAILABLE, CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, DATA_LOSS, RESOURCE_EXHAUSTED | later | OTLP: to be sent again, the last one whether it comes with RetryInfo or not, since giving up loses records |
//! | UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION | later | a configuration that an operator mends |
//! | INTERNAL, UNKNOWN | later | nobody knows; what is not known to be refused is kept |
//! | no connection, connection lost, no answer in time | later | |
//!
//! "Later" is for ever: no number of failures makes a record be given up. HTTP answers without a gRPC status come here as
//! the status that the gRPC mapping gives them; 413 is known by the words that tonic gives it.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Status};

use super::failure::Failure;
use crate::semconv::Signal;
use crate::semconv::wire::{Field, Fields};

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Reply {
    /// The message of a call that ended with OK.
    Answer(Bytes),
    /// A status other than OK, from whoever answered.
    Status(Box<Status>),
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
}

/// What is to be done with the records of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Keep them, and send them later, not before what was asked for.
    Later {
        why: Failure,
        asked: Option<Duration>,
    },
    /// The receiver does not know this signal. Keep them, and ask again after a long time.
    Parked,
    /// Something among them is refused for good.
    Poisoned(Refusal),
    /// Each of them is refused for good.
    Refused(Refusal),
    /// They are delivered.
    Taken,
    /// They are delivered, and the receiver has something to say.
    TakenWithWarning,
    /// Together they are too large. A single one is refused for good.
    TooLarge(Refusal),
}

/// A refusal in the receiver's words, which may repeat what was sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The gRPC code; 0 where the refusal was a part of success.
    pub(super) code: i32,
    pub(super) words: String,
}

/// What an attempt to deliver `sent` records means.
pub(super) fn judge(signal: Signal, sent: usize, reply: &Reply) -> Verdict {
    match reply {
        Reply::Answer(message) => judge_answer(sent, message),
        Reply::Status(status) => judge_status(signal, status),
        Reply::TimedOut => later(Failure::TimedOut),
        Reply::Unreachable => later(Failure::Unreachable),
    }
}

fn judge_answer(sent: usize, message: &[u8]) -> Verdict {
    let Some(Partial { rejected, words }) = Partial::read(message) else {
        return later(Failure::Unreadable);
    };
    let refusal = |words: &str| Refusal {
        code: Code::Ok as i32,
        words: words.to_owned(),
    };
    match usize::try_from(rejected) {
        Ok(0) if words.is_empty() => Verdict::Taken,
        Ok(0) => Verdict::TakenWithWarning,
        Ok(rejected) if rejected < sent => Verdict::Poisoned(refusal(&words)),
        Ok(_) => Verdict::Refused(refusal(&words)),
        Err(_) => later(Failure::Unreadable),
    }
}

fn judge_status(signal: Signal, status: &Status) -> Verdict {
    let asked = retry_delay(status.details());
    let refusal = || Refusal {
        code: status.code() as i32,
        words: status.message().to_owned(),
    };
    match status.code() {
        _ if asked.is_none() && says_too_large(status) => Verdict::TooLarge(refusal()),
        Code::InvalidArgument | Code::AlreadyExists => Verdict::Poisoned(refusal()),
        Code::Unimplemented if signal == Signal::Traces => Verdict::Parked,
        code => Verdict::Later {
            why: Failure::Status(code),
            asked,
        },
    }
}

fn later(why: Failure) -> Verdict {
    Verdict::Later { why, asked: None }
}

/// Whether a status says that the message is too large, in the words of one of the gRPC implementations. They share no
/// code for it, and the codes they use mean other things too.
fn says_too_large(status: &Status) -> bool {
    let words = status.message().to_ascii_lowercase();
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            TOO_LARGE.iter().any(|phrase| words.contains(phrase))
        }
        Code::Unknown => words == HTTP_413,
        _ => false,
    }
}

/// `ExportLogsPartialSuccess` or `ExportTracePartialSuccess`: same numbers.
#[derive(Default)]
struct Partial {
    rejected: i64,
    words: String,
}

impl Partial {
    fn read(message: &[u8]) -> Option<Self> {
        let mut partial = Self::default();
        for field in Fields::new(message) {
            if let (PARTIAL_SUCCESS, Field::Bytes(bytes)) = field.ok()? {
                for field in Fields::new(bytes) {
                    match field.ok()? {
                        (REJECTED, Field::Varint(count)) => partial.rejected = count.cast_signed(),
                        (ERROR_MESSAGE, Field::Bytes(words)) => {
                            partial.words = String::from_utf8_lossy(words).into_owned();
                        }
                        _ => {}
                    }
                }
            }
        }
        Some(partial)
    }
}

/// The delay of a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let any = messages(details, STATUS_DETAILS)
        .find(|any| messages(any, ANY_TYPE_URL).any(|url| url.ends_with(RETRY_INFO)))?;
    let delay = messages(messages(any, ANY_VALUE).next()?, RETRY_DELAY).next()?;
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

impl std::fmt::Debug for Refusal {
    /// Shows the code, and not the words, which may repeat what was sent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refusal")
            .field("code", &self.code)
            .field("words_bytes", &self.words.len())
            .finish()
    }
}

/// What gRPC implementations say of a message that is larger than they take, in lower case.
const TOO_LARGE: [&str; 5] = [
    "message larger than max",                     // Go, C++, Python, Node
    "message after decompression larger than max", // Go
    "decoded message length too large",            // Rust
    "message exceeds maximum size",                // Java
    "message exceeds the maximum configured",      // .NET
];
/// How tonic says that it was HTTP that answered, with 413 Content Too Large.
const HTTP_413: &str = "grpc-status header missing, mapped from http status code 413";

// Field numbers of `Export*ServiceResponse` (collector/*/v1).
const PARTIAL_SUCCESS: u64 = 1;
const REJECTED: u64 = 1;
const ERROR_MESSAGE: u64 = 2;

// Field numbers of google/rpc/status.proto, google/protobuf/any.proto, google/rpc/error_details.proto and
// google/protobuf/duration.proto.
const STATUS_DETAILS: u64 = 3;
const ANY_TYPE_URL: u64 = 1;
const ANY_VALUE: u64 = 2;
const RETRY_INFO: &[u8] = b"/google.rpc.RetryInfo";
const RETRY_DELAY: u64 = 1;
const SECONDS: u64 = 1;
const NANOS: u64 = 2;

#[cfg(test)]
mod tests;
