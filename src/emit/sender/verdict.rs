//! What an answer to an export request means for the records in it, over either protocol.
//!
//! | gRPC | HTTP | verdict | reason |
//! |---|---|---|---|
//! | OK | 2xx | taken | |
//! | `partial_success` that rejects none but has words | the same | taken, with a warning | OTLP: it is how a receiver warns |
//! | rejects as many as were sent, or more | the same | refused | OTLP: what is rejected must not be sent again |
//! | rejects some | the same | poisoned | the answer does not say which; halves tell |
//! | not readable as an answer, or rejects fewer than none | the same, or a page for people | later | nothing says that the records were taken |
//! | INVALID_ARGUMENT | 400, 422 | poisoned | something in it will never be taken; the rest will |
//! | ALREADY_EXISTS | | poisoned | no receiver has reason to say it of a log; who does will not say otherwise next time |
//! | | 400, 422 with a page for people | later | a proxy or another server says it, of the request and not of the records |
//! | RESOURCE_EXHAUSTED or OUT_OF_RANGE that says "message too large", without RetryInfo; HTTP 413 | 413 | too large | half of it may fit; a single record that does not never will |
//! | UNIMPLEMENTED, for traces | 404, for traces | parked | a collector without a traces pipeline is common, and the records themselves get through |
//! | UNIMPLEMENTED, for logs | 404, for logs | later | a collector without a logs pipeline is a mistake that an operator mends |
//! | UNAVAILABLE, CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, DATA_LOSS, RESOURCE_EXHAUSTED | 408, 429, 502, 503, 504 | later | OTLP: to be sent again, RESOURCE_EXHAUSTED whether it comes with RetryInfo or not, since giving up loses records |
//! | UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION | 401, 403, 405, 407, 415, 3xx | later | a configuration that an operator mends |
//! | INTERNAL, UNKNOWN | 500 and all others | later | nobody knows; what is not known to be refused is kept |
//! | no name, no connection, no TLS, connection lost, no answer in time | the same | later | |
//!
//! "Later" is for ever: no number of failures makes a record be given up. `RetryInfo` and `Retry-After` count with any
//! of them. Where gRPC is answered by somebody who speaks HTTP only, the status is the one of the gRPC mapping, but for
//! 413. Redirections are not followed, since requests carry secrets.

use std::time::Duration;

use bytes::Bytes;

use super::failure::Failure;
use super::grpc::{Code, Status};
use super::http_form::{Author, Refused, RetryAfter};
use crate::record::Timestamp;
use crate::semconv::Signal;
use crate::semconv::wire::{Field, Fields};

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Reply {
    /// The message of a call that ended well.
    Answer(Bytes),
    /// No answer that could be read.
    Failed(Failure),
    /// A status of gRPC other than OK, from whoever answered.
    Grpc(Status),
    /// A status of HTTP other than success, from whoever answered.
    Http(Refused),
    /// What the message of a call that ended well says, where it is not protobuf.
    Partial { rejected: i64, words: String },
    /// An answer that is none.
    Unreadable,
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
    Parked(Failure),
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
    /// The gRPC code, or from 100 on the status of HTTP; 0 where the refusal was a part of success.
    pub(super) code: i32,
    pub(super) words: String,
}

/// What an attempt to deliver `sent` records means.
pub(super) fn judge(signal: Signal, sent: usize, reply: &Reply, now: Timestamp) -> Verdict {
    match reply {
        Reply::Answer(message) => match Partial::read(message) {
            Some(partial) => judge_answer(sent, partial),
            None => later(Failure::Unreadable),
        },
        Reply::Partial { rejected, words } => judge_answer(
            sent,
            Partial {
                rejected: *rejected,
                words: words.clone(),
            },
        ),
        Reply::Grpc(status) => judge_grpc(signal, status),
        Reply::Http(refused) => judge_http(signal, refused, now),
        Reply::Unreadable => later(Failure::Unreadable),
        Reply::Failed(why) => later(*why),
    }
}

fn judge_answer(sent: usize, Partial { rejected, words }: Partial) -> Verdict {
    let refusal = |words| Refusal {
        code: Code::Ok as i32,
        words,
    };
    match usize::try_from(rejected) {
        Ok(0) if words.is_empty() => Verdict::Taken,
        Ok(0) => Verdict::TakenWithWarning,
        Ok(rejected) if rejected < sent => Verdict::Poisoned(refusal(words)),
        Ok(_) => Verdict::Refused(refusal(words)),
        Err(_) => later(Failure::Unreadable),
    }
}

fn judge_grpc(signal: Signal, status: &Status) -> Verdict {
    let refusal = || Refusal {
        code: status.code as i32,
        words: status.words.clone(),
    };
    match status.code {
        _ if status.asked.is_none() && says_too_large(status) => Verdict::TooLarge(refusal()),
        Code::InvalidArgument | Code::AlreadyExists => Verdict::Poisoned(refusal()),
        code @ Code::Unimplemented if signal == Signal::Traces => {
            Verdict::Parked(Failure::Status(code))
        }
        code => Verdict::Later {
            why: Failure::Status(code),
            asked: status.asked,
        },
    }
}

fn judge_http(signal: Signal, refused: &Refused, now: Timestamp) -> Verdict {
    let refusal = || Refusal {
        code: refused.status.into(),
        words: refused.words.clone(),
    };
    match (refused.status, refused.author) {
        (400 | 422, Author::Receiver) => Verdict::Poisoned(refusal()),
        (413, _) => Verdict::TooLarge(refusal()),
        (404, _) if signal == Signal::Traces => Verdict::Parked(Failure::Http(404)),
        (status, _) => Verdict::Later {
            why: Failure::Http(status),
            asked: refused.asked.map(|asked: RetryAfter| asked.from_now(now)),
        },
    }
}

fn later(why: Failure) -> Verdict {
    Verdict::Later { why, asked: None }
}

/// Whether a status says that the message is too large, in the words of one of the gRPC implementations. They share no
/// code for it, and the codes they use mean other things too.
fn says_too_large(status: &Status) -> bool {
    let words = status.words.to_ascii_lowercase();
    match status.code {
        Code::OutOfRange | Code::ResourceExhausted => {
            TOO_LARGE.iter().any(|phrase| words.contains(phrase))
        }
        _ => status.http == Some(413),
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

// Field numbers of `Export*ServiceResponse` (collector/*/v1).
const PARTIAL_SUCCESS: u64 = 1;
const REJECTED: u64 = 1;
const ERROR_MESSAGE: u64 = 2;

#[cfg(test)]
mod tests;
