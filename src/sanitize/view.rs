//! A text as a scanner sees it: one byte a character, without the characters that nobody sees.

use std::borrow::Cow;
use std::ops::Range;

/// The byte that stands for a letter or digit outside ASCII.
pub(super) const FOREIGN_LETTER: u8 = 0xff;
/// The byte that stands for any other character outside ASCII.
pub(super) const FOREIGN_MARK: u8 = 0xfe;

/// A text folded to one byte a character, with the way back to the original.
///
/// Invisible characters are gone, full-width forms of ASCII are ASCII, white space outside ASCII is a blank. A text of
/// ASCII is its own view and costs nothing.
pub(super) struct View<'t> {
    text: &'t str,
    bytes: Cow<'t, [u8]>,
    /// Where each byte's character begins in the text; empty where the text is its own view.
    places: Vec<usize>,
}

impl<'t> View<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        if text.is_ascii() {
            let bytes = Cow::Borrowed(text.as_bytes());
            return Self {
                text,
                bytes,
                places: Vec::new(),
            };
        }
        let seen = text.char_indices().filter(|(_, c)| !is_invisible(*c));
        let (places, bytes) = seen.map(|(at, c)| (at, byte_of(c))).unzip();
        Self {
            text,
            bytes: Cow::Owned(bytes),
            places,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The original's range of bytes that a range of the view stands for.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() || self.places.is_empty() {
            return range;
        }
        let last = self.places[range.end - 1];
        let width = self.text[last..].chars().next().map_or(0, char::len_utf8);
        self.places[range.start]..last + width
    }

    /// The original text of a range of the view.
    pub(super) fn text(&self, range: Range<usize>) -> &'t str {
        if range.is_empty() {
            return "";
        }
        &self.text[self.original(range)]
    }
}

/// Whether a character leaves no trace on a page: zero-width, directional, soft hyphen, selector or tag.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The ASCII character of a full-width form; any other character as it is.
pub(super) fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn byte_of(c: char) -> u8 {
    let c = narrow(c);
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => byte,
        _ if c.is_whitespace() => b' ',
        _ if c.is_alphanumeric() => FOREIGN_LETTER,
        _ => FOREIGN_MARK,
    }
}
