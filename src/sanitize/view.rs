//! A text as a scanner sees it: one byte a character, without the characters that nobody sees.
//!
//! Rules read it through methods that notice when they are asked for what stands behind its end. Of a text that may go
//! on (a stream's), the answer of such a rule is not final; so a stream gives what the whole text gives, however it
//! comes in pieces.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use zeroize::Zeroize as _;

use super::placeholder;

/// The byte that stands for a letter or digit outside ASCII.
pub(super) const FOREIGN_LETTER: u8 = 0xff;
/// The byte that stands for any other character outside ASCII.
pub(super) const FOREIGN_MARK: u8 = 0xfe;

/// A text folded to one byte a character, with the way back to the original.
///
/// Invisible characters are gone; full-width forms of ASCII, dashes, and the decimal digits of the scripts in
/// [`DIGITS`] are ASCII; white space outside ASCII is a blank. A text of ASCII is its own view and costs nothing. A
/// folded copy is wiped when it is dropped.
pub(super) struct View<'t> {
    text: &'t str,
    bytes: Cow<'t, [u8]>,
    /// Where the distance between view and text changes; empty where the text is its own view.
    steps: Vec<Step>,
    asked_beyond: Cell<bool>,
    #[cfg(test)]
    asked: Cell<usize>,
}

/// From this place of the view on, characters are one byte long and stand side by side in the text from `text` on.
#[derive(Clone, Copy)]
struct Step {
    view: usize,
    text: usize,
}

impl<'t> View<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let (bytes, steps) = if text.is_ascii() {
            (Cow::Borrowed(text.as_bytes()), Vec::new())
        } else {
            let (bytes, steps) = folded(text);
            (Cow::Owned(bytes), steps)
        };
        Self {
            text,
            bytes,
            steps,
            asked_beyond: Cell::new(false),
            #[cfg(test)]
            asked: Cell::new(0),
        }
    }

    /// All of it, for who notices the end himself.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a rule wanted to know what stands behind the end since this was asked last.
    pub(super) fn asked_beyond(&self) -> bool {
        self.asked_beyond.replace(false)
    }

    /// How many bytes rules read one by one: the work that a scan is.
    #[cfg(test)]
    pub(super) fn asked(&self) -> usize {
        self.asked.get()
    }

    /// The byte at a place; nothing behind the end.
    #[inline]
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        #[cfg(test)]
        self.asked.set(self.asked.get() + 1);
        let byte = self.bytes.get(at).copied();
        if byte.is_none() {
            self.asked_beyond.set(true);
        }
        byte
    }

    /// The byte before a place.
    #[inline]
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).map(|at| self.bytes[at])
    }

    /// A part that is known to be there.
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// Where the run of such bytes ends that begins at a place, or the most that it may reach.
    #[inline]
    pub(super) fn run(&self, at: usize, most: usize, is_in: impl Fn(u8) -> bool) -> usize {
        let limit = at.saturating_add(most);
        let mut end = at;
        while end < limit {
            match self.byte(end) {
                Some(byte) if is_in(byte) => end += 1,
                _ => break,
            }
        }
        end
    }

    /// Where the run of such bytes begins that ends before a place, at `floor` at the earliest.
    #[inline]
    pub(super) fn run_back(
        &self,
        at: usize,
        floor: usize,
        most: usize,
        is_in: impl Fn(u8) -> bool,
    ) -> usize {
        let lowest = floor.max(at.saturating_sub(most));
        let mut start = at;
        while start > lowest && is_in(self.bytes[start - 1]) {
            start -= 1;
        }
        start
    }

    /// The first such byte at or after a place, among the next `most`.
    pub(super) fn find(&self, at: usize, most: usize, is_it: impl Fn(u8) -> bool) -> Option<usize> {
        let limit = at.saturating_add(most);
        let end = self.run(at, most, |byte| !is_it(byte));
        (end < limit && end < self.len()).then_some(end)
    }

    pub(super) fn starts_with(&self, at: usize, text: &[u8]) -> bool {
        let same = |(nth, wanted): (usize, &u8)| self.byte(at + nth) == Some(*wanted);
        text.iter().enumerate().all(same)
    }

    /// As [`starts_with`](Self::starts_with), of letters in whatever case.
    pub(super) fn starts_with_word(&self, at: usize, lower: &[u8]) -> bool {
        let same = |(nth, wanted): (usize, &u8)| {
            self.byte(at + nth)
                .is_some_and(|byte| byte.to_ascii_lowercase() == *wanted)
        };
        lower.iter().enumerate().all(same)
    }

    /// The length of the placeholder that begins at a place; 0 where none does.
    #[inline]
    pub(super) fn placeholder(&self, at: usize) -> usize {
        if self.byte(at) != Some(b'<') {
            return 0;
        }
        let rest = &self.bytes[at..];
        let length = placeholder::leading(rest);
        if length == 0 && rest.len() < placeholder::LONGEST && !rest.contains(&b'>') {
            self.asked_beyond.set(true);
        }
        length
    }

    /// The original's range of bytes that a range of the view stands for.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() || self.steps.is_empty() {
            return range;
        }
        let last = self.place(range.end - 1);
        let width = self.text[last..].chars().next().map_or(0, char::len_utf8);
        self.place(range.start)..last + width
    }

    /// The original text of a range of the view.
    pub(super) fn text(&self, range: Range<usize>) -> &'t str {
        if range.is_empty() {
            return "";
        }
        &self.text[self.original(range)]
    }

    /// The first place of the view whose character begins at or after a place of the text.
    pub(super) fn seen_from(&self, text_at: usize) -> usize {
        if self.steps.is_empty() {
            return text_at.min(self.len());
        }
        let next = self.steps.partition_point(|step| step.text < text_at);
        let limit = self.steps.get(next).map_or(self.len(), |step| step.view);
        match next.checked_sub(1).map(|at| self.steps[at]) {
            Some(step) => limit.min(step.view + (text_at - step.text)),
            None => limit,
        }
    }

    /// Where the character at a place of the view begins in the text.
    pub(super) fn place(&self, at: usize) -> usize {
        if at >= self.len() {
            return self.text.len();
        }
        let next = self.steps.partition_point(|step| step.view <= at);
        match next.checked_sub(1).map(|at| self.steps[at]) {
            Some(step) => step.text + (at - step.view),
            None => at,
        }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(bytes) = &mut self.bytes {
            bytes.zeroize();
        }
    }
}

fn folded(text: &str) -> (Vec<u8>, Vec<Step>) {
    // The view is never longer than the text, so nothing is left behind unwiped by growing.
    let mut bytes = Vec::with_capacity(text.len());
    let mut steps = vec![Step { view: 0, text: 0 }];
    let mut at = 0;
    while at < text.len() {
        let plain = ascii_run(&text.as_bytes()[at..]);
        bytes.extend_from_slice(&text.as_bytes()[at..at + plain]);
        at += plain;
        let Some(c) = text[at..].chars().next() else {
            break;
        };
        if !is_invisible(c) {
            note_step(&mut steps, bytes.len(), at);
            bytes.push(byte_of(c));
        }
        at += c.len_utf8();
        note_step(&mut steps, bytes.len(), at);
    }
    (bytes, steps)
}

fn note_step(steps: &mut Vec<Step>, view: usize, text: usize) {
    match steps.last_mut() {
        Some(last) if last.view == view => last.text = text,
        _ => steps.push(Step { view, text }),
    }
}

/// How many bytes of ASCII a text begins with.
fn ascii_run(bytes: &[u8]) -> usize {
    let words = bytes.chunks_exact(16);
    let whole = words.take_while(|word| word.is_ascii()).count() * 16;
    let rest = bytes[whole..].iter().take_while(|b| b.is_ascii()).count();
    whole + rest
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
        _ if is_dash(c) => b'-',
        _ => match digit_of(c) {
            Some(digit) => digit,
            None if c.is_alphanumeric() => FOREIGN_LETTER,
            None => FOREIGN_MARK,
        },
    }
}

fn is_dash(c: char) -> bool {
    matches!(
        c,
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}'
    )
}

fn digit_of(c: char) -> Option<u8> {
    let offset = |zero: &u32| u32::from(c).checked_sub(*zero).filter(|at| *at < 10);
    let mathematical = u32::from(c).checked_sub(0x1d7ce).filter(|at| *at < 50);
    let value = DIGITS.iter().find_map(offset).or(mathematical)?;
    Some(b'0' + (value % 10) as u8)
}

/// The zeros of scripts whose digits people write numbers with: Arabic, Persian, Devanagari, Bengali, Gujarati, Tamil,
/// Telugu, Kannada, Malayalam, Thai. Mathematical digits are folded too.
const DIGITS: [u32; 10] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xae6, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_ascii_is_seen_as_ascii_and_found_again() {
        let text = "a\u{200b}１２\u{a0}–٣é—\u{1d7d9}z";
        let view = View::of(text);
        assert_eq!(
            view.bytes(),
            [
                b'a',
                b'1',
                b'2',
                b' ',
                b'-',
                b'3',
                FOREIGN_LETTER,
                b'-',
                b'1',
                b'z'
            ]
        );
        assert_eq!(view.text(1..3), "１２");
        assert_eq!(view.text(0..1), "a");
        assert_eq!(view.text(4..6), "–٣");
        assert_eq!(view.text(9..10), "z");
        for at in 0..view.len() {
            assert_eq!(view.seen_from(view.place(at)), at);
        }
    }

    #[test]
    fn being_asked_for_what_is_behind_the_end_is_noticed() {
        let view = View::of("abc");
        assert_eq!(view.run(0, 3, |b| b.is_ascii_alphabetic()), 3);
        assert!(!view.asked_beyond());
        assert_eq!(view.run(0, 4, |b| b.is_ascii_alphabetic()), 3);
        assert!(view.asked_beyond() && !view.asked_beyond());
        assert!(!view.starts_with(0, b"ax"));
        assert!(!view.asked_beyond());
        assert!(!view.starts_with(0, b"abcd"));
        assert!(view.asked_beyond());
    }
}
