//! JSON objects out of bytes split anywhere: one a line, one behind the other, or in an array.
//!
//! An object is told by its braces outside of texts; commas, brackets and blanks between objects are skipped. A text
//! cannot hold a line end, so that a line that was damaged is counted, and reading goes on behind it; so is anything else
//! between objects, up to the end of its line. An object longer than [`MAX_EVENT_BYTES`] is refused and counted.

use super::reader::UNNAMED;
use super::sse::MAX_EVENT_BYTES;
use super::wiped::WipedBytes;
use super::wire::{Event, Kind};

/// Where in a stream of objects we are.
#[derive(Default)]
pub(super) struct JsonStreamDecoder {
    object: WipedBytes,
    depth: u32,
    place: Place,
    is_refused: bool,
    malformed: u64,
    refused: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// Behind something that is no object, up to the end of its line.
    Rest,
    Object,
    Text,
    /// Behind a backslash in a text.
    Escape,
}

impl JsonStreamDecoder {
    /// Takes bytes, and gives each object that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], mut event: impl FnMut(Event<'_>)) {
        let mut kept = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let before = self.place;
            self.step(*byte);
            if before == Place::Outside && self.place == Place::Object {
                kept = at;
            } else if self.place == Place::Outside && before == Place::Object {
                self.keep(&bytes[kept..=at]);
                self.end(&mut event);
            } else if self.place == Place::Outside && before != Place::Outside {
                self.object.clear();
                self.is_refused = false;
            }
        }
        if matches!(self.place, Place::Object | Place::Text | Place::Escape) {
            self.keep(&bytes[kept..]);
        }
    }

    /// Lines that are no objects.
    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Objects refused for their length.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn step(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::Outside, b'{') => {
                self.depth = 1;
                Place::Object
            }
            (Place::Outside, b'[' | b']' | b',') => Place::Outside,
            (Place::Outside, blank) if blank.is_ascii_whitespace() => Place::Outside,
            (Place::Outside, _) => {
                self.malformed += 1;
                Place::Rest
            }
            (Place::Rest, b'\n') => Place::Outside,
            (Place::Object, b'"') => Place::Text,
            (Place::Object, b'{') => {
                self.depth = self.depth.saturating_add(1);
                Place::Object
            }
            (Place::Object, b'}') => {
                self.depth -= 1;
                if self.depth == 0 {
                    Place::Outside
                } else {
                    Place::Object
                }
            }
            (Place::Text, b'"') => Place::Object,
            (Place::Text, b'\\') => Place::Escape,
            (Place::Text | Place::Escape, b'\n') => {
                self.malformed += 1;
                Place::Outside
            }
            (Place::Escape, _) => Place::Text,
            (place, _) => place,
        };
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.is_refused {
            return;
        }
        if self.object.len() + piece.len() > MAX_EVENT_BYTES {
            self.is_refused = true;
            self.object.clear();
        } else {
            self.object.push(piece);
        }
    }

    fn end(&mut self, event: &mut impl FnMut(Event<'_>)) {
        if std::mem::take(&mut self.is_refused) {
            self.refused += 1;
            return;
        }
        event(Event {
            name: UNNAMED,
            data: self.object.as_slice(),
            kind: Kind::Event,
        });
        self.object.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn objects(pieces: &[&[u8]]) -> (Vec<String>, u64, u64) {
        let mut decoder = JsonStreamDecoder::default();
        let mut seen = Vec::new();
        for piece in pieces {
            decoder.push(piece, |event| {
                seen.push(String::from_utf8_lossy(event.data).into_owned());
            });
        }
        (seen, decoder.malformed(), decoder.refused())
    }

    #[test]
    fn lines_arrays_and_what_has_nothing_between_are_read() {
        for stream in [
            "{\"a\":\"}\\\"{\"}\r\n\n{\"b\":{\"c\":[{}]}}\n",
            "[{\"a\":\"}\\\"{\"}\n,\n  {\"b\":{\"c\":[{}]}}\n]",
            "{\"a\":\"}\\\"{\"}{\"b\":{\"c\":[{}]}}",
        ] {
            let expected = [r#"{"a":"}\"{"}"#, r#"{"b":{"c":[{}]}}"#];
            assert_eq!(objects(&[stream.as_bytes()]).0, expected, "{stream}");
        }
    }

    #[test]
    fn a_damaged_line_is_counted_and_the_next_one_read() {
        let stream = b"{\"a\":\"x\n{\"b\":1}\nnonsense {\"c\":2}\n{\"d\":\"\\\n{\"e\":3}\n";
        let (seen, malformed, refused) = objects(&[stream]);
        assert_eq!(seen, [r#"{"b":1}"#, r#"{"e":3}"#]);
        assert_eq!((malformed, refused), (3, 0));
    }

    #[test]
    fn an_object_over_the_limit_is_refused_and_the_next_one_read() {
        let long = vec![b'x'; MAX_EVENT_BYTES / 2];
        let pieces: [&[u8]; 6] = [b"{\"a\":\"", &long, &long, &long, b"\"}\n{\"b\":", b"1}"];
        assert_eq!(objects(&pieces), (vec![r#"{"b":1}"#.to_owned()], 0, 1));
    }

    proptest! {
        #[test]
        fn splits_make_no_difference(
            text in r#"(\{|\}|"|\\|\[|\]|,|:|a|é|\r|\n){0,60}"#, cuts in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let whole = objects(&[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(objects(&pieces), whole);
        }
    }
}
