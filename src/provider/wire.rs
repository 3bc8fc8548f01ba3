//! The forms in which events of an answer stand in a body, told apart by its first byte that is no blank.
//!
//! | first byte | form |
//! |---|---|
//! | 0 or 1 | messages of `application/vnd.amazon.eventstream`, whose lengths begin so (`event_stream.rs`) |
//! | `{` or `[` | JSON values, one behind the other, or in an array (`json_stream.rs`) |
//! | any other | server-sent events (`sse.rs`) |

use super::event_stream::EventStreamDecoder;
use super::json_stream::JsonStreamDecoder;
use super::sse::SseDecoder;

/// One event: its name (`message` where it has none) and its data.
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    pub(super) data: &'a [u8],
    pub(super) kind: Kind,
}

/// What an event is by the form that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    /// An error, whose class is the name.
    Exception,
}

/// What is given of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Bytes,
    Events,
}

/// Events out of bytes split anywhere.
#[derive(Default)]
pub(super) enum Wire {
    EventStream(EventStreamDecoder),
    Json(JsonStreamDecoder),
    Sse(SseDecoder),
    /// Nothing but blanks has come.
    #[default]
    Unknown,
}

impl Wire {
    /// Takes bytes, and gives each event that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], event: impl FnMut(Event<'_>)) {
        if matches!(self, Self::Unknown) {
            match bytes.trim_ascii_start().first() {
                None => return,
                Some(0 | 1) => *self = Self::EventStream(EventStreamDecoder::default()),
                Some(b'{' | b'[') => *self = Self::Json(JsonStreamDecoder::default()),
                Some(_) => *self = Self::Sse(SseDecoder::default()),
            }
            return self.push(bytes.trim_ascii_start(), event);
        }
        match self {
            Self::EventStream(decoder) => decoder.push(bytes, event),
            Self::Json(decoder) => decoder.push(bytes, event),
            Self::Sse(decoder) => decoder.push(bytes, event),
            Self::Unknown => {}
        }
    }

    /// Ends the stream, and gives the event that it broke off in, where all of it is there.
    pub(super) fn finish(&mut self, event: impl FnMut(Event<'_>)) {
        if let Self::Sse(decoder) = self {
            decoder.finish(event);
        }
    }

    /// Whether the event that is being read has this data so far.
    pub(super) fn pending_is(&self, data: &[u8]) -> bool {
        matches!(self, Self::Sse(decoder) if decoder.pending_is(data))
    }

    /// Events that could not be taken out of the bytes.
    pub(super) fn malformed(&self) -> u64 {
        match self {
            Self::EventStream(decoder) => decoder.malformed(),
            Self::Json(decoder) => decoder.malformed(),
            Self::Sse(_) | Self::Unknown => 0,
        }
    }

    /// Events refused for their length.
    pub(super) fn oversized(&self) -> u64 {
        match self {
            Self::EventStream(decoder) => decoder.refused(),
            Self::Json(decoder) => decoder.refused(),
            Self::Sse(decoder) => decoder.refused(),
            Self::Unknown => 0,
        }
    }
}
