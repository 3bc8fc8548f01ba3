//! What stands where a secret or personal data stood.
//!
//! Two kinds: what the gate writes (`<masked>`, `<masked:email>`), and what the sanitizer writes before a text is sent
//! (`<EMAIL_1>`). Both are known to all rules and never matched again.

use std::borrow::Cow;

use super::class::Class;

/// The length of the placeholder that `text` begins with; 0 where it begins with none.
///
/// Only what is written counts, so that a secret cannot pass by looking masked: the names of classes, and numbers of at
/// most 7 digits.
pub(super) fn leading(text: &[u8]) -> usize {
    if text.first() != Some(&b'<') {
        return 0;
    }
    let shown = &text[..text.len().min(LONGEST)];
    let Some(end) = shown.iter().position(|b| *b == b'>') else {
        return 0;
    };
    let inside = &shown[1..end];
    let is_masked = || match inside.strip_prefix(b"masked:") {
        Some(name) => name != b"secret" && Class::named(name).is_some(),
        None => inside == b"masked",
    };
    if numbered(inside).is_some() || is_masked() {
        end + 1
    } else {
        0
    }
}

/// The class of what stands between `<` and `>`, where the sanitizer could have written it.
pub(super) fn numbered(inside: &[u8]) -> Option<Class> {
    Class::in_capitals_named(name_and_number(inside)?.0)
}

/// Name and number of a placeholder, given what stands between `<` and `>`.
pub(super) fn name_and_number(inside: &[u8]) -> Option<(&[u8], u32)> {
    let sign = inside.iter().rposition(|b| *b == b'_')?;
    let digits = &inside[sign + 1..];
    let is_number = (1..=MOST_DIGITS).contains(&digits.len())
        && digits[0] != b'0'
        && digits.iter().all(u8::is_ascii_digit);
    let number = digits.iter().take(MOST_DIGITS);
    let number = number.fold(0, |sum, b| sum * 10 + u32::from(b.wrapping_sub(b'0') % 10));
    is_number.then_some((&inside[..sign], number))
}

/// Whether the text is a placeholder and nothing else.
pub(super) fn is_one(text: &str) -> bool {
    !text.is_empty() && leading(text.as_bytes()) == text.len()
}

/// The text without its placeholders: they are no part of what a name says.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut rest = text;
    let mut kept = String::new();
    while let Some(at) = rest.find('<') {
        let length = leading(&rest.as_bytes()[at..]);
        kept.push_str(&rest[..at]);
        // What only begins like a placeholder loses its bracket, which no name has a use for.
        rest = &rest[at + length.max(1)..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// A part of a text, in bytes, that is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: Class,
}

/// The text with the spans, which are in order and do not overlap, replaced as the gate does.
pub(super) fn replace(text: &str, spans: &[Span]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.push_str(&text[done..span.start]);
        masked.push_str(span.class.masked());
        done = span.end;
    }
    masked.push_str(&text[done..]);
    masked
}

/// The longest placeholder, or more.
pub(super) const LONGEST: usize = 40;
/// The largest number in a placeholder.
pub(super) const MOST_NUMBER: u32 = 9_999_999;
const MOST_DIGITS: usize = 7;
