//! Messages of `application/vnd.amazon.eventstream` out of bytes split anywhere.
//!
//! All numbers are big-endian; a CRC is that of gzip (CRC-32, ISO 3309).
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the whole message |
//! | 4 | length of its headers |
//! | 4 | CRC of the 8 bytes before |
//! | as said | headers |
//! | the rest | payload |
//! | 4 | CRC of all bytes before |
//!
//! A header is the length of its name (1 byte), its name, its type (1 byte) and its value:
//!
//! | type | value |
//! |---|---|
//! | 0, 1 | true, false: nothing |
//! | 2, 3, 4, 5 | a number of 1, 2, 4 or 8 bytes |
//! | 6, 7 | bytes, text: 2 bytes of length, and so many |
//! | 8, 9 | time (8 bytes), UUID (16 bytes) |
//!
//! `:message-type` is `event` (its name is in `:event-type`), `exception` (in `:exception-type`) or `error` (in
//! `:error-code`, and its text in `:error-message`).
//!
//! A message whose CRC is wrong is counted and skipped. Behind a prelude whose CRC is wrong nobody knows where the next
//! message begins: it is counted, and nothing more is read. A message longer than [`MAX_EVENT_BYTES`] and some room for
//! its headers is refused and counted.
//!
//! Source: Smithy 2.0, Amazon Event Stream Specification.

use super::reader::UNNAMED;
use super::sse::MAX_EVENT_BYTES;
use super::wiped::WipedBytes;
use super::wire::{Event, Kind};

/// Where in a stream of messages we are.
#[derive(Default)]
pub(super) struct EventStreamDecoder {
    message: WipedBytes,
    /// How much of a refused message is still to come.
    to_skip: usize,
    is_lost: bool,
    malformed: u64,
    refused: u64,
}

impl EventStreamDecoder {
    /// Takes bytes, and gives each message that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut event: impl FnMut(Event<'_>)) {
        while !bytes.is_empty() && !self.is_lost {
            if self.to_skip > 0 {
                let skipped = self.to_skip.min(bytes.len());
                self.to_skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let wanted = self.length() - self.message.len();
            let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.message.push(piece);
            bytes = rest;
            if self.message.len() == PRELUDE {
                self.meet();
            } else if self.message.len() == self.length() {
                self.read(&mut event);
                self.message.clear();
            }
        }
    }

    /// Messages whose CRC is wrong.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Messages refused for their length.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// How long the message is, or its prelude while that is not there.
    fn length(&self) -> usize {
        let message = self.message.as_slice();
        let whole = number(message, 0).filter(|_| message.len() >= PRELUDE);
        whole.unwrap_or(PRELUDE)
    }

    /// Looks at a prelude that has just come.
    fn meet(&mut self) {
        let prelude = self.message.as_slice();
        let right = number(prelude, 8) == Some(crc32fast::hash(&prelude[..8]) as usize);
        let (length, headers) = (self.length(), number(prelude, 4).unwrap_or(usize::MAX));
        if !right || headers > length.saturating_sub(PRELUDE + CRC) {
            self.is_lost = true;
            self.malformed += 1;
            self.message.clear();
        } else if length > MAX_EVENT_BYTES + HEADERS {
            self.refused += 1;
            self.to_skip = length - PRELUDE;
            self.message.clear();
        }
    }

    fn read(&mut self, event: &mut impl FnMut(Event<'_>)) {
        let message = self.message.as_slice();
        let (checked, crc) = message.split_at(message.len() - CRC);
        let headers = number(message, 4).and_then(|length| checked.get(PRELUDE..PRELUDE + length));
        let (Some(headers), true) = (
            headers,
            number(crc, 0) == Some(crc32fast::hash(checked) as usize),
        ) else {
            self.malformed += 1;
            return;
        };
        let payload = &checked[PRELUDE + headers.len()..];
        let Some(said) = Headers::read(headers) else {
            self.malformed += 1;
            return;
        };
        event(match said.message_type {
            Some("exception") => Event {
                name: said.exception_type.unwrap_or("exception"),
                data: payload,
                kind: Kind::Exception,
            },
            Some("error") => Event {
                name: said.error_code.unwrap_or("error"),
                data: said.error_message.unwrap_or_default().as_bytes(),
                kind: Kind::Exception,
            },
            _ => Event {
                name: said.event_type.unwrap_or(UNNAMED),
                data: payload,
                kind: Kind::Event,
            },
        });
    }
}

/// The headers that say what a message is.
#[derive(Default)]
struct Headers<'a> {
    message_type: Option<&'a str>,
    event_type: Option<&'a str>,
    exception_type: Option<&'a str>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
}

impl<'a> Headers<'a> {
    /// None where they are not in the form.
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut said = Self::default();
        while let Some((name_length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
            let (kind, rest) = rest.split_first()?;
            let (head, length) = match kind {
                0 | 1 => (0, 0),
                2 => (0, 1),
                3 => (0, 2),
                4 => (0, 4),
                5 | 8 => (0, 8),
                9 => (0, 16),
                6 | 7 => (2, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
                _ => return None,
            };
            let (value, rest) = rest.get(head..)?.split_at_checked(length)?;
            if *kind == TEXT {
                said.learn(name, std::str::from_utf8(value).ok());
            }
            bytes = rest;
        }
        Some(said)
    }

    fn learn(&mut self, name: &[u8], value: Option<&'a str>) {
        match name {
            b":message-type" => self.message_type = value,
            b":event-type" => self.event_type = value,
            b":exception-type" => self.exception_type = value,
            b":error-code" => self.error_code = value,
            b":error-message" => self.error_message = value,
            _ => {}
        }
    }
}

/// The number of 4 bytes that stands at a place.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

const TEXT: u8 = 7;
/// Two lengths and their CRC.
const PRELUDE: usize = 12;
const CRC: usize = 4;
/// The most that headers have, by the specification.
const HEADERS: usize = 128 * 1024;

#[cfg(test)]
pub(super) mod tests;
