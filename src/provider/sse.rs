//! Server-sent events out of bytes split anywhere.
//!
//! Follows the event stream format of the HTML standard (section 9.2.6): lines end in CR, LF or CRLF; a leading byte
//! order mark and comments are skipped; `data` lines of one event are joined by LF; a blank line ends an event.
//! `id` and `retry` are of no use here. Two things differ: an event longer than [`MAX_EVENT_BYTES`] is refused and
//! counted, and one that the stream breaks off in can be asked for, since some servers leave out the last blank line.

use super::reader::UNNAMED;
use super::wiped::WipedBytes;
use super::wire::{Event, Kind};

/// The longest event that is read: 8 MiB of data.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// Where in a stream of events we are.
#[derive(Default)]
pub(super) struct SseDecoder {
    line: WipedBytes,
    data: WipedBytes,
    name: String,
    state: EventState,
    line_is_refused: bool,
    after_cr: bool,
    past_first_line: bool,
    refused: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum EventState {
    #[default]
    Empty,
    HasData,
    Refused,
}

impl SseDecoder {
    /// Takes bytes, and gives each event that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut event: impl FnMut(Event<'_>)) {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.keep(bytes);
                return;
            };
            self.after_cr = bytes[end] == b'\r';
            self.end_line(&bytes[..end], &mut event);
            bytes = &bytes[end + 1..];
        }
    }

    /// Ends the stream, and gives the event that it broke off in, if there is one.
    pub(super) fn finish(&mut self, mut event: impl FnMut(Event<'_>)) {
        self.end_line(b"", &mut event);
        self.end_event(&mut event);
    }

    /// Whether the event that is being read has this data so far.
    pub(super) fn pending_is(&self, data: &[u8]) -> bool {
        let line = self.line.as_slice();
        let unended = line.strip_prefix(b"data:").map(without_space);
        match (self.state, line.is_empty()) {
            (EventState::HasData, true) => self.data.as_slice() == data,
            (EventState::Empty, false) => unended == Some(data),
            _ => false,
        }
    }

    /// Events refused for their length.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.line_is_refused {
            return;
        }
        if self.line.len() + piece.len() > MAX_LINE_BYTES {
            self.line_is_refused = true;
            self.line.clear();
        } else {
            self.line.push(piece);
        }
    }

    fn end_line(&mut self, last: &[u8], event: &mut impl FnMut(Event<'_>)) {
        if self.line.is_empty() && !self.line_is_refused {
            self.read_line(last, event);
            return;
        }
        self.keep(last);
        if std::mem::take(&mut self.line_is_refused) {
            self.refuse();
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        self.read_line(line.as_slice(), event);
        line.clear();
        self.line = line;
    }

    fn read_line(&mut self, line: &[u8], event: &mut impl FnMut(Event<'_>)) {
        let first = !std::mem::replace(&mut self.past_first_line, true);
        let line = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if first => rest,
            _ => line,
        };
        if line.is_empty() {
            return self.end_event(event);
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], without_space(&line[at + 1..])),
            None => (line, &b""[..]),
        };
        match field {
            b"data" => self.read_data(value),
            b"event" => {
                let name = String::from_utf8_lossy(&value[..value.len().min(MAX_NAME_BYTES)]);
                self.name = name.into_owned();
            }
            _ => {}
        }
    }

    fn read_data(&mut self, value: &[u8]) {
        if self.data.len() + value.len() >= MAX_EVENT_BYTES {
            self.refuse();
        }
        match self.state {
            EventState::Refused => return,
            EventState::HasData => self.data.push(b"\n"),
            EventState::Empty => self.state = EventState::HasData,
        }
        self.data.push(value);
    }

    fn refuse(&mut self) {
        self.state = EventState::Refused;
        self.data.clear();
    }

    fn end_event(&mut self, event: &mut impl FnMut(Event<'_>)) {
        match std::mem::take(&mut self.state) {
            EventState::Empty => {}
            EventState::Refused => self.refused += 1,
            EventState::HasData => {
                let name = if self.name.is_empty() {
                    UNNAMED
                } else {
                    &self.name
                };
                let data = self.data.as_slice();
                event(Event {
                    name,
                    data,
                    kind: Kind::Event,
                });
                self.data.clear();
            }
        }
        self.name.clear();
    }
}

fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const MAX_NAME_BYTES: usize = 64;
/// A line of the longest event, with its field name.
const MAX_LINE_BYTES: usize = MAX_EVENT_BYTES + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> (Vec<(String, Vec<u8>)>, u64) {
        let mut decoder = SseDecoder::default();
        let mut seen = Vec::new();
        let mut keep = |event: Event<'_>| seen.push((event.name.to_owned(), event.data.to_vec()));
        for piece in pieces {
            decoder.push(piece, &mut keep);
        }
        (seen, decoder.refused())
    }

    fn named(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        let owned = |(name, data): &(&str, &str)| ((*name).to_owned(), data.as_bytes().to_vec());
        list.iter().map(owned).collect()
    }

    #[test]
    fn all_line_ends_comments_and_joined_data_are_read() {
        let stream = "\u{feff}: hello\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata:  x\rid: 9\r\rretry\ndata\n\n\n";
        let expected = named(&[("a", "1\n2"), ("message", " x"), ("message", "")]);
        assert_eq!(events(&[stream.as_bytes()]).0, expected);
    }

    #[test]
    fn a_name_without_data_is_no_event_and_is_forgotten() {
        assert_eq!(
            events(&[b"event: ping\n\ndata: 1\n\n"]).0,
            named(&[("message", "1")])
        );
    }

    #[test]
    fn an_event_over_the_limit_is_refused_and_the_next_one_read() {
        let long = vec![b'x'; MAX_EVENT_BYTES / 2];
        let in_lines: [&[u8]; 7] = [
            b"data:",
            &long,
            b"\ndata:",
            &long,
            b"\ndata: y\n\n",
            b"data: z\n",
            b"\n",
        ];
        assert_eq!(events(&in_lines), (named(&[("message", "z")]), 1));
        let in_one: [&[u8]; 6] = [b"data:", &long, &long, &long, b"\n\n", b"data: z\n\n"];
        assert_eq!(events(&in_one), (named(&[("message", "z")]), 1));
    }

    #[test]
    fn what_a_stream_breaks_off_in_can_be_asked_for() {
        let mut decoder = SseDecoder::default();
        decoder.push(b"data: [DO", |_| unreachable!("no event is whole yet"));
        assert!(!decoder.pending_is(b"[DONE]"));
        decoder.push(b"NE]", |_| unreachable!("no event is whole yet"));
        assert!(decoder.pending_is(b"[DONE]"));
        decoder.push(b"\r", |_| unreachable!("no event is whole yet"));
        assert!(decoder.pending_is(b"[DONE]"));
        let mut last = Vec::new();
        decoder.finish(|event| last.extend_from_slice(event.data));
        assert_eq!(last, b"[DONE]");
    }

    proptest! {
        #[test]
        fn splits_make_no_difference(
            text in "(data|event|:| |x|\r\n|\n|\r|\u{feff}){0,40}", cuts in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let whole = events(&[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(events(&pieces), whole);
        }
    }
}
