//! What an answer says, as its body passes by.
//!
//! | code | body | the call |
//! |---|---|---|
//! | 2xx | whole, understood | what it says: `success`, `blocked`, `error` |
//! | 2xx | a stream read to its last event | the same |
//! | 2xx | a stream that ends before its last event | `error`, `stream_cut` |
//! | 2xx | of a form that is read, not understood, compressed, or beyond the limit | `unknown`, `answer_not_understood` |
//! | 2xx | of a form that nobody reads, to its end | `success`, without counts |
//! | 2xx | given up before its end | `cancelled`, `response_dropped` or `stream_dropped`, with what was delivered |
//! | 2xx | broken off by an error | `error`, with what was delivered |
//! | other | | what the body says of the error, else `error` with the code as `error.type` |

use std::fmt;

use http::{HeaderMap, StatusCode, header, response};

use super::MAX_BODY_BYTES;
use super::exchange::{Exchange, Outcome};
use crate::emit::layer::{ERROR_TYPE_UNKNOWN, failure_of, take_response};
use crate::emit::stream;
use crate::provider::{self, Progress, Provider, StreamEnd, StreamReader};
use crate::record::{
    CapturedCall, Delivery, Ending, Failure, Label, RawText, ResponseFacts, Verdict,
};

/// An answer that is arriving.
pub(super) struct Answer {
    exchange: Exchange,
    status: StatusCode,
    reading: Reading,
    first_output: Seen,
}

/// How a body came to its end.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    Dropped,
    Failed(&'a dyn fmt::Display),
    Finished,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    Yes,
}

/// What is kept of a body.
enum Reading {
    /// Nothing: nobody reads its form.
    Nothing,
    Stream(Provider, Box<StreamReader>),
    /// Nothing any more, or at all: it is too long or compressed.
    Unreadable,
    Whole(Provider, RawText),
}

impl Answer {
    pub(super) fn new(exchange: Exchange, head: &response::Parts) -> Self {
        let encoded = head
            .headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|encoding| encoding != "identity");
        let reading = match exchange.reader() {
            None => Reading::Nothing,
            Some(_) if encoded => Reading::Unreadable,
            Some(reader) if head.status.is_success() && is_stream(&head.headers, &exchange) => {
                exchange.note_stream();
                Reading::Stream(reader, Box::new(StreamReader::new(reader)))
            }
            Some(reader) => Reading::Whole(reader, RawText::new(Vec::new())),
        };
        Self {
            exchange,
            status: head.status,
            reading,
            first_output: Seen::No,
        }
    }

    /// Bytes of the body.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        match &mut self.reading {
            Reading::Stream(_, reader) => {
                reader.push_bytes(bytes);
                let first =
                    reader.progress() != Progress::Awaiting && self.first_output == Seen::No;
                if first {
                    self.first_output = Seen::Yes;
                    self.exchange.note_first_output();
                }
            }
            Reading::Whole(_, text) => {
                text.extend(bytes);
                if text.as_bytes().len() > MAX_BODY_BYTES {
                    self.reading = Reading::Unreadable;
                }
            }
            Reading::Nothing | Reading::Unreadable => {}
        }
    }

    /// Ends the call.
    pub(super) fn end(self, end: End<'_>) {
        let Self {
            exchange,
            status,
            reading,
            ..
        } = self;
        if !status.is_success() {
            return exchange.end(Outcome::Failed, refused(status, reading));
        }
        match reading {
            Reading::Stream(reader, stream) => {
                let end = match end {
                    End::Dropped => StreamEnd::Dropped,
                    End::Failed(error) => StreamEnd::Failed(failure_of(ERROR_TYPE_UNKNOWN, error)),
                    End::Finished => StreamEnd::Finished,
                };
                let tell = stream::settled(*stream, reader, end);
                exchange.end(Outcome::Answered, tell);
            }
            Reading::Whole(reader, text) => {
                let facts = provider::read_response(reader, text.as_bytes());
                drop(text);
                match facts {
                    Ok(facts) => exchange.end(Outcome::Answered, |call| {
                        take_response(call, reader, facts);
                    }),
                    Err(_) => exchange.end(Outcome::Answered, ended(end, Ending::Unreadable)),
                }
            }
            Reading::Nothing => exchange.end(Outcome::Answered, ended(end, Ending::Answered)),
            Reading::Unreadable => exchange.end(Outcome::Answered, ended(end, Ending::Unreadable)),
        }
    }
}

/// Whether a body is a stream: by its type, else by what was asked for.
fn is_stream(headers: &HeaderMap, exchange: &Exchange) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if STREAMS.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return true;
    }
    // Google's streams are arrays of JSON; all others say JSON of an answer in one piece, whatever was asked for.
    let arrays = [Provider::GcpGemini, Provider::GcpVertexAi].map(Some);
    let one_piece =
        kind.eq_ignore_ascii_case("application/json") && !arrays.contains(&exchange.reader());
    !one_piece && exchange.delivery() == Delivery::Stream
}

/// A body of which no more is known than how it ended.
fn ended(end: End<'_>, finished: Ending) -> impl FnOnce(&mut CapturedCall) {
    let ending = match end {
        End::Dropped => Ending::Cancelled(Label::clip("response_dropped")),
        End::Failed(error) => Ending::Failed(failure_of(ERROR_TYPE_UNKNOWN, error)),
        End::Finished => finished,
    };
    |call| call.ending = ending
}

/// An answer that is none: what its body says of that, else its code.
fn refused(status: StatusCode, reading: Reading) -> impl FnOnce(&mut CapturedCall) {
    let said = match reading {
        Reading::Whole(reader, text) => provider::read_response(reader, text.as_bytes())
            .ok()
            .filter(says_why)
            .map(|facts| (reader, facts)),
        Reading::Nothing | Reading::Stream(..) | Reading::Unreadable => None,
    };
    move |call| match said {
        Some((reader, facts)) => take_response(call, reader, facts),
        None => {
            call.ending = Ending::Failed(Failure {
                error_type: Label::clip(status.as_str()),
                message: None,
            });
        }
    }
}

fn says_why(facts: &ResponseFacts) -> bool {
    !matches!(facts.verdict, Verdict::Answered)
}

const STREAMS: &[&str] = &[
    "application/stream+json",
    "application/vnd.amazon.eventstream",
    "application/x-ndjson",
    "text/event-stream",
];
