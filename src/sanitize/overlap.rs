//! Error texts without what they repeat of captured content.
//!
//! Providers quote a prompt back when they refuse it. Message and content are compared in one form, a byte a character:
//!
//! * lower case; full-width forms narrow; a run of white space and control characters is one blank; invisible
//!   characters are gone; a character outside ASCII counts by its low 7 bits
//! * backslashes are gone, however many layers of escaping put them there: `\n`, `\r`, `\t`, `\b` and `\f` are white
//!   space, `\u0041` is its character, `\"` and `\\\"` are `"`
//! * `…` is `...`
//!
//! So canonical JSON, its strings and plain text are all found, however they are quoted, and eight characters are one
//! 64-bit number: the windows of the message go into a table, the content is read once past it. Memory is in proportion
//! to the message, time to message plus content.
//!
//! Not undone: HTML entities, percent encoding, accents written as separate characters.

use std::ops::Range;

use super::class::Class;
use super::placeholder::{self, Span};
use super::secret_text::secret_spans;
use super::view::{is_invisible, narrow};

/// The shortest stretch that counts as repeated, in characters as they are compared, blanks at its ends not counted.
///
/// Eight is the shortest password that common policies allow and longer than the short words of any error (`invalid`,
/// `request`). Longer words that a prompt happens to share with an error (`parameter`) are masked with the rest.
pub const REPEATED_CHARS: usize = 8;

/// The message without what it repeats of captured content, and without its secrets.
///
/// Each stretch of at least [`REPEATED_CHARS`] characters that also occurs in a piece of `captured` becomes `<masked>`;
/// case, white space, quoting and escaping make no difference. A shorter stretch of at least 4 characters becomes
/// `<masked>` too where it is a whole captured string and stands between word boundaries, or is the beginning or end of
/// one and stands at an ellipsis (`"My pa..."`). Names of fields, and the values of `role` and `type`, are no captured
/// strings in this sense. Then [`mask_secrets_in_text`](super::mask_secrets_in_text) applies to the original message;
/// where both find something, one `<masked>` stands for it.
///
/// `captured` holds canonical JSON or plain text, valid UTF-8 or not. A message that shares nothing and holds no secret
/// comes back unchanged.
///
/// ```
/// # use llm_audit::sanitize::mask_repeated_content;
/// let prompt = br#"[{"content":"My \"secret\" number is 4711-0815","role":"user"}]"#;
/// let error = r#"invalid value: 'My "secret" NUMBER is 4711-0815', expected an object"#;
/// assert_eq!(mask_repeated_content(error, &[prompt]), "invalid value: '<masked>', expected an object");
/// ```
#[must_use]
pub fn mask_repeated_content(message: &str, captured: &[&[u8]]) -> String {
    let mut spans = secret_spans(message);
    spans.extend(repeated_spans(message, captured));
    placeholder::replace(message, &united(spans))
}

/// Where the message repeats content; spans may overlap.
fn repeated_spans(message: &str, captured: &[&[u8]]) -> Vec<Span> {
    let message = Folded::of(message);
    let short = message.short_stretches();
    let mut wanted = Wanted::with_room_for(message.bytes.len() + short.len());
    message.windows().for_each(|key| wanted.insert(key));
    short.iter().for_each(|(key, _)| wanted.insert(*key));
    for content in captured {
        let mut reader = ContentReader::new(&mut wanted, message.has_ellipsis);
        fold_bytes(content, &mut |b| reader.read(b));
        reader.end_of_string();
        reader.settle(b' ');
    }
    if !wanted.found_any {
        return Vec::new();
    }
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for (start, _) in message
        .windows()
        .enumerate()
        .filter(|(_, key)| wanted.was_found(*key))
    {
        match stretches.last_mut() {
            Some(last) if start <= last.end => last.end = start + REPEATED_CHARS,
            _ => stretches.push(start..start + REPEATED_CHARS),
        }
    }
    let long = stretches
        .into_iter()
        .map(|stretch| message.without_blanks(stretch));
    let long = long.filter(|stretch| stretch.len() >= REPEATED_CHARS);
    let whole = short.iter().filter(|(key, _)| wanted.was_found(*key));
    let all = long.chain(whole.map(|(_, stretch)| stretch.clone()));
    all.map(|stretch| message.span(&stretch)).collect()
}

/// The spans in order; those that overlap or touch become one.
fn united(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut united: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if span.start <= last.end => {
                last.end = last.end.max(span.end);
                last.class = Class::Secret;
            }
            _ => united.push(span),
        }
    }
    united
}

/// A message in the form in which it is compared, with the way back.
struct Folded {
    bytes: Vec<u8>,
    /// What of the original each byte stands for.
    places: Vec<(usize, usize)>,
    has_ellipsis: bool,
}

impl Folded {
    fn of(message: &str) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(message.len());
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(message.len());
        fold(message, &mut |b, start, end| match places.last_mut() {
            Some(last) if b == b' ' && bytes.last() == Some(&b' ') => last.1 = end,
            _ => {
                bytes.push(b);
                places.push((start, end));
            }
        });
        let has_ellipsis = bytes.windows(3).any(|window| window == b"...");
        Self {
            bytes,
            places,
            has_ellipsis,
        }
    }

    fn span(&self, stretch: &Range<usize>) -> Span {
        let (start, _) = self.places[stretch.start];
        let (_, end) = self.places[stretch.end - 1];
        Span {
            start,
            end,
            class: Class::Secret,
        }
    }

    fn without_blanks(&self, mut stretch: Range<usize>) -> Range<usize> {
        while stretch.end > stretch.start && self.bytes[stretch.end - 1] == b' ' {
            stretch.end -= 1;
        }
        while stretch.start < stretch.end && self.bytes[stretch.start] == b' ' {
            stretch.start += 1;
        }
        stretch
    }

    /// The stretches that could be a short captured string, or the piece of one at an ellipsis, by their keys.
    fn short_stretches(&self) -> Vec<(u64, Range<usize>)> {
        let ends: Vec<bool> = (0..=self.bytes.len())
            .map(|at| self.is_boundary(at))
            .collect();
        let mut found = Vec::new();
        for start in 0..self.bytes.len() {
            if !ends[start] || self.bytes[start] == b' ' {
                continue;
            }
            let stretches = SHORT.map(|length| start..start + length);
            for stretch in stretches.filter(|stretch| ends.get(stretch.end) == Some(&true)) {
                self.add_short(stretch, &mut found);
            }
        }
        found
    }

    fn add_short(&self, stretch: Range<usize>, found: &mut Vec<(u64, Range<usize>)>) {
        let text = &self.bytes[stretch.clone()];
        if text.last() == Some(&b' ') || !text.iter().any(|b| is_word(*b)) {
            return;
        }
        found.push((packed(WHOLE, text), stretch.clone()));
        if !self.has_ellipsis {
            return;
        }
        if self.bytes[..stretch.start]
            .trim_ascii_end()
            .ends_with(b"...")
        {
            found.push((packed(END, text), stretch.clone()));
        }
        if self.bytes[stretch.end..]
            .trim_ascii_start()
            .starts_with(b"...")
        {
            found.push((packed(BEGINNING, text), stretch));
        }
    }

    /// The keys of all windows.
    fn windows(&self) -> impl Iterator<Item = u64> {
        let keys = self.bytes.iter().scan(0_u64, |window, b| {
            *window = *window << 8 | u64::from(*b);
            Some(*window)
        });
        keys.skip(REPEATED_CHARS - 1)
    }

    /// Whether no word goes on from the character before to the one at this place.
    fn is_boundary(&self, at: usize) -> bool {
        let is_word = |at: usize| self.bytes.get(at).is_some_and(|b| is_word(*b));
        at == 0 || !is_word(at - 1) || !is_word(at)
    }
}

/// Reads folded content past the table.
struct ContentReader<'w> {
    wanted: &'w mut Wanted,
    has_ellipsis: bool,
    /// The last eight characters; zero bytes before the first.
    window: u64,
    /// Characters since the last quote, or since the beginning.
    string_length: usize,
    /// The string that just ended, 0 where it is not short: a name if a colon follows, else a value.
    ended: Option<u64>,
    /// The last name, 0 where it is not short.
    name: u64,
}

impl<'w> ContentReader<'w> {
    fn new(wanted: &'w mut Wanted, has_ellipsis: bool) -> Self {
        Self {
            wanted,
            has_ellipsis,
            window: 0,
            string_length: 0,
            ended: None,
            name: 0,
        }
    }

    fn read(&mut self, b: u8) {
        if b == b' ' && self.window & 0xff == u64::from(b' ') {
            return;
        }
        if self.ended.is_some() && b != b' ' {
            self.settle(b);
        }
        if b == b'"' {
            self.end_of_string();
        }
        self.window = self.window << 8 | u64::from(b);
        self.wanted.mark(self.window);
        if b == b'"' {
            self.string_length = 0;
            return;
        }
        self.string_length += 1;
        if self.has_ellipsis && SHORT.contains(&self.string_length) {
            self.wanted.mark(self.last(BEGINNING, self.string_length));
        }
    }

    fn end_of_string(&mut self) {
        let blank = usize::from(self.string_length > 0 && self.window & 0xff == u64::from(b' '));
        let length = self.string_length - blank;
        let whole_window = self.window;
        self.window >>= 8 * blank;
        if self.has_ellipsis {
            for length in SHORT.take_while(|part| *part <= length) {
                self.wanted.mark(self.last(END, length));
            }
        }
        let leading = length > 0
            && length <= 8
            && self.window >> (8 * (length - 1)) & 0xff == u64::from(b' ');
        let length = length - usize::from(leading);
        self.ended = Some(if SHORT.contains(&length) {
            self.last(WHOLE, length)
        } else {
            0
        });
        self.window = whole_window;
    }

    /// Decides what the string that ended was, by the character after it.
    fn settle(&mut self, after: u8) {
        let Some(ended) = self.ended.take() else {
            return;
        };
        if after == b':' {
            self.name = ended;
        } else if ended != 0 && !STRUCTURAL_NAMES.contains(&self.name) {
            self.wanted.mark(ended);
        }
    }

    fn last(&self, kind: u8, length: usize) -> u64 {
        self.window & ((1 << (8 * length)) - 1) | u64::from(kind) << 56
    }
}

/// The set of what the message could repeat, open addressing; a key is never 0. A small filter before it answers for
/// most of the content, and stays in the processor's cache.
struct Wanted {
    filter: Vec<u64>,
    filter_shift: u32,
    keys: Vec<u64>,
    found: Vec<bool>,
    found_any: bool,
    shift: u32,
}

impl Wanted {
    fn with_room_for(count: usize) -> Self {
        let bits = (count * 2).next_power_of_two().trailing_zeros().max(4);
        let filter_bits = bits + 3;
        Self {
            filter: vec![0; 1 << (filter_bits - 6)],
            filter_shift: 64 - filter_bits,
            keys: vec![0; 1 << bits],
            found: vec![false; 1 << bits],
            found_any: false,
            shift: 64 - bits,
        }
    }

    fn insert(&mut self, key: u64) {
        let bit = self.filter_bit(key);
        self.filter[bit / 64] |= 1 << (bit % 64);
        let slot = self.slot(key);
        self.keys[slot] = key;
    }

    #[inline]
    fn mark(&mut self, key: u64) {
        let bit = self.filter_bit(key);
        if self.filter[bit / 64] & 1 << (bit % 64) == 0 {
            return;
        }
        let slot = self.slot(key);
        if self.keys[slot] == key {
            self.found[slot] = true;
            self.found_any = true;
        }
    }

    fn was_found(&self, key: u64) -> bool {
        self.found[self.slot(key)]
    }

    #[inline]
    fn filter_bit(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.filter_shift) as usize
    }

    /// Where the key is, or the free place where it would be.
    fn slot(&self, key: u64) -> usize {
        let mixed = (key ^ key >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mut slot = (mixed >> self.shift) as usize;
        while self.keys[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & (self.keys.len() - 1);
        }
        slot
    }
}

/// At most eight characters as one number, the last one lowest, with a kind above where they are fewer.
const fn packed(kind: u8, text: &[u8]) -> u64 {
    let mut key = 0;
    let mut at = 0;
    while at < text.len() {
        key = key << 8 | text[at] as u64;
        at += 1;
    }
    key | (kind as u64) << 56
}

fn fold_bytes(bytes: &[u8], read: &mut impl FnMut(u8)) {
    for chunk in bytes.utf8_chunks() {
        fold(chunk.valid(), &mut |b, _, _| read(b));
        if !chunk.invalid().is_empty() {
            read(folded_char(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// Gives the text character by character in the form in which it is compared, each with its place in the text. Runs of
/// blanks are the receiver's business.
fn fold(text: &str, give: &mut impl FnMut(u8, usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Where the first half of a character in two escapes begins.
    let mut half = None;
    while let Some(b) = bytes.get(at) {
        let start = half.take().unwrap_or(at);
        let folded = FOLDED_ASCII[usize::from(*b)];
        if folded != 0 {
            give(folded, at, at + 1);
            at += 1;
        } else if *b == b'\\' {
            (at, half) = fold_escape(bytes, at, start, give);
        } else {
            let c = text[at..].chars().next().unwrap_or_default();
            fold_char(c, at, at + c.len_utf8(), give);
            at += c.len_utf8();
        }
    }
}

/// Folds the backslashes at `at` and what they escape, as something that begins at `start`. Returns where to go on, and
/// the start again where this was the first half of a character.
fn fold_escape(
    bytes: &[u8],
    at: usize,
    start: usize,
    give: &mut impl FnMut(u8, usize, usize),
) -> (usize, Option<usize>) {
    let at = at + bytes[at..].iter().take_while(|b| **b == b'\\').count();
    match bytes.get(at) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') => give(b' ', start, at + 1),
        Some(b'u') => {
            let digits = bytes
                .get(at + 1..at + 5)
                .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
            let Some(unit) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                return (at, None);
            };
            match unit {
                // The low bits of a character beyond the first plane are those of its second half.
                0xd800..=0xdbff => return (at + 5, Some(start)),
                0xdc00..=0xdfff => give(low_bits(unit), start, at + 5),
                _ => fold_char(
                    char::from_u32(unit).unwrap_or_default(),
                    start,
                    at + 5,
                    give,
                ),
            }
            return (at + 5, None);
        }
        _ => return (at, None),
    }
    (at + 1, None)
}

fn fold_char(c: char, start: usize, end: usize, give: &mut impl FnMut(u8, usize, usize)) {
    match c {
        '…' => (0..3).for_each(|_| give(b'.', start, end)),
        _ if is_invisible(c) => {}
        _ => give(folded_char(c), start, end),
    }
}

fn folded_char(c: char) -> u8 {
    let c = narrow(c);
    let c = c.to_lowercase().next().unwrap_or(c);
    match u8::try_from(c) {
        Ok(b'\\') => b'\\',
        Ok(b) if b.is_ascii() => FOLDED_ASCII[usize::from(b)],
        _ if c.is_whitespace() || c.is_control() => b' ',
        _ => low_bits(u32::from(c)),
    }
}

/// What each character of ASCII is folded to; 0 for the backslash and for what is not ASCII.
const FOLDED_ASCII: [u8; 256] = {
    let mut folded = [0; 256];
    let mut b: u8 = 0;
    while b < 128 {
        folded[b as usize] = match b {
            b'\\' => 0,
            _ if b.is_ascii_control() => b' ',
            _ => b.to_ascii_lowercase(),
        };
        b += 1;
    }
    folded
};

/// Letters of one script stay apart by these bits.
fn low_bits(code: u32) -> u8 {
    (code & 0x7f) as u8 | 0x80
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b >= 0x80
}

/// Lengths of strings that are too short for a window and long enough to tell something.
const SHORT: std::ops::Range<usize> = 4..REPEATED_CHARS;
/// Kinds of short keys; no character is folded to one of these bytes.
const WHOLE: u8 = 1;
const BEGINNING: u8 = 2;
const END: u8 = 3;
/// Names whose values are words of the protocol, not content.
const STRUCTURAL_NAMES: [u64; 2] = [packed(WHOLE, b"role"), packed(WHOLE, b"type")];

#[cfg(test)]
mod tests;
