//! Characters that a program acts on or does not show, made visible.

use std::borrow::Cow;
use std::fmt::Write as _;

/// JSON, given as text, with such characters written as `\u` escapes, which JSON readers take for the same characters.
/// Such characters stand in strings only.
pub(crate) fn in_json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Appends a character to a line of text: as it is, or as `<U+001B>`, which needs no escaping in any format.
pub(super) fn push_visible(c: char, out: &mut String) {
    if is_hidden(c) {
        // Writing to a String does not fail.
        let _ = write!(out, "<U+{:04X}>", u32::from(c));
    } else {
        out.push(c);
    }
}

/// Appends a text piece by piece, so that no piece is cut, and ends it with `…` where it would take more than `limit`
/// bytes.
pub(super) fn push_within(
    limit: usize,
    text: &str,
    out: &mut String,
    piece: impl Fn(char, &mut String),
) {
    let begin = out.len();
    let mut last_cut = begin;
    for c in text.chars() {
        if out.len() - begin + CUT.len() <= limit {
            last_cut = out.len();
        }
        piece(c, out);
        if out.len() - begin > limit {
            out.truncate(last_cut);
            out.push_str(CUT);
            return;
        }
    }
}

/// Control characters (the C1 ones too, which UTF-8 terminals act on), line separators, marks of writing direction, and
/// characters that show nothing. The joiners U+200C and U+200D are not among them: scripts and emoji need them.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// What a text ends with that was cut.
const CUT: &str = "…";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_pieces_and_says_so() {
        let within = |limit, text| {
            let mut out = String::from("k=");
            push_within(limit, text, &mut out, push_visible);
            out
        };
        assert_eq!(within(8, "12345678"), "k=12345678");
        assert_eq!(within(8, "123456789"), "k=12345…");
        assert_eq!(within(8, "1234\u{1b}"), "k=1234…");
        assert_eq!(within(12, "1234\u{1b}"), "k=1234<U+001B>");
        assert_eq!(within(3, "ééé"), "k=…");
    }
}
