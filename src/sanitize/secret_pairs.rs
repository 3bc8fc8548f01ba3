//! Values in free text whose name, just before them, says that they are secrets: `password=hunter2`,
//! `"api_key": "…"`, `\"token\":\"…\"`, `Authorization: Basic …`, `--password hunter2`, `<Pwd>…</Pwd>`.
//!
//! What counts as such a name is in [`secret_names`](super::secret_names). How far a value reaches:
//!
//! * in quotes (escaped ones too), to the closing quote at the same depth of escaping, else to the end of the text
//! * in braces or brackets, to the one that closes them, else to the end of the text
//! * after a semicolon (`;Password=my pass;`), to the next one, a quote or the end of the line
//! * after `Authorization:` and `Cookie:`, to the end of the line, or to the quote that stands before the name
//! * otherwise to white space, or to a separator or closing sign that a new name or an end follows
//!
//! `true`, `false`, `null` and words of a sentence ("password: must be …") are no secrets.

use std::ops::Range;

use super::placeholder::{self, Class};
use super::secret_names::{self, Sensitivity, looks_generated};
use super::view::{FOREIGN_LETTER, View};

/// The secret after the sign (`:`, `=` or `>`) at `at`; names are looked for from `floor` on.
pub(super) fn value_after(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let bytes = view.bytes();
    let name = name_before(bytes, floor, at)?;
    let before_name = name.start.checked_sub(1).map(|before| bytes[before]);
    if bytes[at] == b'>' {
        let is_tag = before_name == Some(b'<') && name.end == at;
        return if is_tag {
            element_text(view, name, at)
        } else {
            None
        };
    }
    let word = last_word(bytes, &name);
    let mut sensitivity = secret_names::sensitivity(view.text(name.clone()));
    if matches!(before_name, Some(b'?' | b'&')) && is_query_credential(&bytes[word.clone()]) {
        sensitivity = sensitivity.max(Sensitivity::Doubtful);
    }
    if sensitivity == Sensitivity::Ordinary {
        return None;
    }
    let start = value_start(bytes, at)?;
    if let Some(quote) = opening_quote(bytes, start) {
        return quoted(view, &quote, sensitivity);
    }
    if b"{[".contains(bytes.get(start)?) {
        let is_list = sensitivity > Sensitivity::Doubtful;
        let value = is_list.then(|| start..closing_bracket(bytes, start))?;
        return (value.len() > 2).then_some((value, Class::Named));
    }
    let is_sentence = bytes[at] == b':' && bytes.get(at + 1) == Some(&b' ');
    let first = start..end_of_word(bytes, start, sensitivity);
    if !is_secret(view, &first, sensitivity) || (is_sentence && is_word_of_a_sentence(view, &first))
    {
        return None;
    }
    let is_header = secret_names::is_header_with_spaces(view.text(word));
    let follows_setting =
        bytes[at] == b'=' && bytes[floor..name.start].trim_ascii_end().ends_with(b";");
    let end = match bytes[at] {
        b':' if is_header => end_of_header(bytes, start, before_name),
        b'=' if is_header => end_of_credentials(bytes, start),
        _ if follows_setting => end_of_setting(bytes, start),
        _ => end_of_word(bytes, start, Sensitivity::Whole),
    };
    let is_setting =
        follows_setting || (bytes[at] == b'=' && !is_header && bytes.get(end) == Some(&b';'));
    let class = if is_setting {
        Class::ConnectionString
    } else {
        Class::Named
    };
    Some((start..end, class))
}

/// The secret after the blank at `at` that ends a command's flag: `--password hunter2`.
pub(super) fn value_after_flag(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let bytes = view.bytes();
    let length = bytes[floor..at]
        .iter()
        .rev()
        .take(NAME_BYTES)
        .take_while(|b| is_name(**b))
        .count();
    let name = at - length..at;
    let begins = name.start == floor
        || bytes[name.start - 1].is_ascii_whitespace()
        || is_quote(bytes[name.start - 1]);
    if !begins || !bytes[name.clone()].starts_with(b"--") {
        return None;
    }
    let value = at + bytes[at..].iter().take_while(|b| **b == b' ').count();
    if placeholder::leading(&bytes[value..]) > 0 || bytes.get(value).is_none_or(|b| *b == b'-') {
        return None;
    }
    let sensitivity = secret_names::sensitivity(view.text(name));
    if sensitivity == Sensitivity::Ordinary {
        return None;
    }
    if let Some(quote) = opening_quote(bytes, value) {
        return quoted(view, &quote, sensitivity);
    }
    let first = value..end_of_word(bytes, value, sensitivity);
    let value = value..end_of_word(bytes, value, Sensitivity::Whole);
    is_secret(view, &first, sensitivity).then_some((value, Class::Named))
}

/// The name that ends before the sign: one word, or words with one blank between them; within quotes or brackets too.
fn name_before(bytes: &[u8], floor: usize, at: usize) -> Option<Range<usize>> {
    let blanks = bytes[floor..at]
        .iter()
        .rev()
        .take(3)
        .take_while(|b| **b == b' ')
        .count();
    let mut end = at - blanks;
    let mut is_quoted = false;
    if end > floor && bytes[end - 1] == b']' {
        end -= 1;
    }
    if end > floor && is_quote(bytes[end - 1]) {
        end -= 1;
        is_quoted = true;
        let slashes = bytes[floor..end]
            .iter()
            .rev()
            .take(ESCAPES)
            .take_while(|b| **b == b'\\')
            .count();
        end -= slashes;
    }
    let lowest = floor.max(end.saturating_sub(NAME_BYTES));
    let mut start = end;
    while start > lowest {
        let follows_word = start < end && start > lowest + 1 && is_name(bytes[start - 2]);
        let is_inner_blank = follows_word && bytes[start - 1] == b' ';
        if !is_name(bytes[start - 1]) && !is_inner_blank {
            break;
        }
        start -= 1;
    }
    // A literal `\n` before the name is no letter of it.
    let escaped = start > floor && bytes[start - 1] == b'\\' && !is_quoted;
    if escaped && start < end && b"nrt".contains(&bytes[start]) {
        start += 1;
    }
    (start < end).then_some(start..end)
}

/// The part of a name after its last blank.
fn last_word(bytes: &[u8], name: &Range<usize>) -> Range<usize> {
    let blank = bytes[name.clone()].iter().rposition(|b| *b == b' ');
    name.start + blank.map_or(0, |blank| blank + 1)..name.end
}

/// Where the value after the sign begins; nothing where the sign is part of `://`, `::` or an arrow from nothing.
fn value_start(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let is_path = rest.starts_with(b"::") || rest.starts_with(b"://");
    if is_path || (at > 0 && bytes[at - 1] == b':' && bytes[at] == b':') {
        return None;
    }
    let signs = rest
        .iter()
        .take(3)
        .take_while(|b| b"=:>".contains(b))
        .count();
    let blanks = rest[signs..]
        .iter()
        .take_while(|b| b" \t".contains(b))
        .count();
    let start = at + signs + blanks;
    let is_masked = placeholder::leading(bytes.get(start..)?) > 0;
    let is_there = bytes.get(start).is_some_and(|b| !b.is_ascii_whitespace());
    (is_there && !is_masked).then_some(start)
}

struct Quote {
    sign: u8,
    /// How many backslashes stand before it.
    escapes: usize,
    /// Where what it quotes begins.
    start: usize,
}

fn opening_quote(bytes: &[u8], at: usize) -> Option<Quote> {
    let escapes = bytes[at..]
        .iter()
        .take(ESCAPES)
        .take_while(|b| **b == b'\\')
        .count();
    let sign = *bytes.get(at + escapes).filter(|b| is_quote(**b))?;
    Some(Quote {
        sign,
        escapes,
        start: at + escapes + 1,
    })
}

fn quoted(
    view: &View<'_>,
    quote: &Quote,
    sensitivity: Sensitivity,
) -> Option<(Range<usize>, Class)> {
    let value = quote.start..end_of_quoted(view.bytes(), quote);
    let is_masked = placeholder::is_one(view.text(value.clone()));
    let doubtful =
        sensitivity == Sensitivity::Doubtful && !looks_generated(view.text(value.clone()));
    (!value.is_empty() && !is_masked && !doubtful).then_some((value, Class::Named))
}

/// A quote closes when it is escaped as its opening was: at depth d a quote within has `2d + 1` backslashes, and a
/// backslash at the end of the value brings `2(d + 1)` more; fewer than the opening had close what is around it.
fn end_of_quoted(bytes: &[u8], quote: &Quote) -> usize {
    let mut escapes = 0;
    for (at, b) in bytes.iter().enumerate().skip(quote.start) {
        let closes =
            escapes % (2 * (quote.escapes + 1)) == quote.escapes || escapes < quote.escapes;
        if *b == quote.sign && closes {
            return at - escapes;
        }
        escapes = if *b == b'\\' { escapes + 1 } else { 0 };
    }
    bytes.len()
}

/// The end of what opens here, not counting brackets in quotes.
fn closing_bracket(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        let begins_value = b"{[,: \\".contains(&bytes[at.max(1) - 1]);
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b if is_quote(b) && begins_value => {
                let escapes = bytes[start..at]
                    .iter()
                    .rev()
                    .take(ESCAPES)
                    .take_while(|b| **b == b'\\')
                    .count();
                at = end_of_quoted(
                    bytes,
                    &Quote {
                        sign: b,
                        escapes,
                        start: at + 1,
                    },
                );
                at += bytes[at..].iter().take_while(|b| **b == b'\\').count();
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

/// The text of an XML element with a secret's name.
fn element_text(view: &View<'_>, name: Range<usize>, at: usize) -> Option<(Range<usize>, Class)> {
    let bytes = view.bytes();
    if secret_names::sensitivity(view.text(name)) < Sensitivity::Texts {
        return None;
    }
    let start = at + 1;
    let end = start + bytes[start..].iter().position(|b| *b == b'<')?;
    (end > start && bytes[end..].starts_with(b"</")).then_some((start..end, Class::Named))
}

fn end_of_header(bytes: &[u8], start: usize, before_name: Option<u8>) -> usize {
    let rest = &bytes[start..];
    let is_end = |b: &u8| b"\r\n".contains(b) || (is_quote(*b) && before_name == Some(*b));
    rest.iter()
        .position(is_end)
        .map_or(bytes.len(), |length| start + length)
}

/// The end of `Bearer …`, or of a value without a scheme.
fn end_of_credentials(bytes: &[u8], start: usize) -> usize {
    let scheme = bytes[start..]
        .iter()
        .take(NAME_BYTES)
        .take_while(|b| is_name(**b))
        .count();
    let scheme_end = start + scheme;
    let word = bytes[start..scheme_end].to_ascii_lowercase();
    if bytes.get(scheme_end) == Some(&b' ') && SCHEMES.contains(&word.as_slice()) {
        return end_of_word(bytes, scheme_end + 1, Sensitivity::Whole);
    }
    end_of_word(bytes, start, Sensitivity::Whole)
}

/// The end of a value in `Server=db;Password=my pass;…`, which holds blanks.
fn end_of_setting(bytes: &[u8], start: usize) -> usize {
    let is_end = |at: &usize| match bytes[*at] {
        b if b";\r\n".contains(&b) => true,
        b => is_quote(b) && ends_value(bytes, *at),
    };
    (start..bytes.len()).find(is_end).unwrap_or(bytes.len())
}

/// The end of a value without quotes. Of one that is only doubtful, no more is read than is needed to judge it: it may
/// hold many names, each with the rest as its value.
fn end_of_word(bytes: &[u8], start: usize, sensitivity: Sensitivity) -> usize {
    let longest = if sensitivity == Sensitivity::Doubtful {
        DOUBTFUL_BYTES
    } else {
        bytes.len()
    };
    let limit = bytes.len().min(start.saturating_add(longest));
    let is_end = |at: usize| match bytes[at] {
        b if b.is_ascii_whitespace() => true,
        b'<' => bytes.get(at + 1) == Some(&b'/'),
        b if b",;&|)]}\"'`".contains(&b) => ends_value(bytes, at),
        _ => false,
    };
    let end = (start..limit).find(|at| is_end(*at)).unwrap_or(limit);
    // A quote that closes around the pair is escaped where the pair is.
    let slashes = bytes[start..end]
        .iter()
        .rev()
        .take(ESCAPES)
        .take_while(|b| **b == b'\\')
        .count();
    if bytes.get(end).is_some_and(|b| is_quote(*b)) {
        end - slashes
    } else {
        end
    }
}

/// Whether a separator or closing sign ends the value before it: more of them and then white space, an end, a bracket,
/// or the name of another pair follows. Passwords hold such signs too, and go on after them.
fn ends_value(bytes: &[u8], at: usize) -> bool {
    let signs = |b: &u8| b",;&|)]}\"'`\\.!?".contains(b);
    let after = at + bytes[at..].iter().take(8).take_while(|b| signs(b)).count();
    let rest = &bytes[after..];
    // What was masked may have been the name.
    let masked = placeholder::leading(rest);
    let name = masked
        + rest[masked..]
            .iter()
            .take(NAME_BYTES)
            .take_while(|b| is_name(**b))
            .count();
    let after_name = rest[name..]
        .iter()
        .take(ESCAPES)
        .find(|b| !is_quote(**b) && **b != b'\\');
    match rest.first() {
        None => true,
        Some(b) if b.is_ascii_whitespace() || b"{[".contains(b) => true,
        Some(_) => name > 0 && after_name.is_some_and(|b| b"=:".contains(b)),
    }
}

fn is_secret(view: &View<'_>, value: &Range<usize>, sensitivity: Sensitivity) -> bool {
    let text = view.text(value.clone());
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b".,+-".contains(&b));
    match sensitivity {
        Sensitivity::Ordinary => false,
        _ if text.is_empty() || LITERALS.contains(&text.trim_end_matches(',')) => false,
        Sensitivity::Doubtful => looks_generated(text),
        Sensitivity::Texts => !is_number,
        Sensitivity::Whole => true,
    }
}

fn is_word_of_a_sentence(view: &View<'_>, value: &Range<usize>) -> bool {
    let word = view
        .text(value.clone())
        .trim_end_matches(['.', ',', ':', ';', '!', '?']);
    let word = word.to_ascii_lowercase();
    word.bytes().all(|b| b"*.-".contains(&b)) || WORDS_OF_SENTENCES.contains(&word.as_str())
}

fn is_query_credential(name: &[u8]) -> bool {
    let known: [&[u8]; 6] = [b"key", b"sig", b"signature", b"code", b"auth", b"hmac"];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == FOREIGN_LETTER || b"_-.".contains(&b)
}

fn is_quote(b: u8) -> bool {
    b"\"'`".contains(&b)
}

/// How far back a name is read.
const NAME_BYTES: usize = 64;
/// How much of a doubtful value is looked at.
const DOUBTFUL_BYTES: usize = 128;
/// How many backslashes before a quote are followed: six layers of JSON in JSON.
const ESCAPES: usize = 63;
const LITERALS: &[&str] = &[
    "true",
    "false",
    "null",
    "None",
    "True",
    "False",
    "nil",
    "undefined",
];
const SCHEMES: &[&[u8]] = &[
    b"basic",
    b"bearer",
    b"digest",
    b"token",
    b"apikey",
    b"negotiate",
];

/// What follows "password:" in a sentence about passwords.
#[rustfmt::skip]
const WORDS_OF_SENTENCES: &[&str] = &[
    "a", "access", "an", "and", "are", "as", "at", "be", "can", "cannot", "could", "does", "empty", "expected",
    "expired", "failed", "field", "for", "forbidden", "found", "has", "have", "in", "incorrect", "input", "invalid",
    "is", "it", "may", "missing", "must", "no", "none", "not", "of", "on", "optional", "or", "please", "required",
    "revoked", "should", "string", "the", "this", "to", "too", "unexpected", "unknown", "use", "value", "was", "with",
    "wrong", "you", "your",
];
