//! Values in free text whose name, just before them, says that they are secrets: `password=hunter2`,
//! `"api_key": "…"`, `\"token\":\"…\"`, `Authorization: Basic …`, `--password hunter2`, `<Pwd>…</Pwd>`.
//!
//! What counts as such a name is in [`secret_names`](super::secret_names). How far a value reaches:
//!
//! * in quotes (escaped ones too), to the closing quote at the same depth of escaping, else to the end of the text
//! * in braces or brackets, to the one that closes them, else to the end of the text
//! * in none of these cases further than 4 KiB (16 KiB in brackets)
//! * after a semicolon (`;Password=my pass;`), to the next one, a quote or the end of the line
//! * after `Authorization:` and `Cookie:`, to the end of the line, or to the quote that stands before the name
//! * otherwise to white space, or to a separator or closing sign that a new name or an end follows
//!
//! `true`, `false`, `null` and words of a sentence ("password: must be …") are no secrets.

use std::ops::Range;

use super::class::Class;
use super::placeholder;
use super::reference;
use super::secret_names::{self, Sensitivity, looks_generated};
use super::secret_shapes::{json_web_token, prefixed_key};
use super::view::{FOREIGN_LETTER, View};

/// The secret after the sign (`:`, `=` or `>`) at `at`; names are looked for from `floor` on.
pub(super) fn value_after(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let sign = view.byte(at)?;
    let name = name_before(view, floor, at)?;
    let before_name = view.before(name.start);
    if sign == b'>' {
        let is_tag = before_name == Some(b'<') && name.end == at;
        return if is_tag {
            element_text(view, name, at)
        } else {
            None
        };
    }
    let word = last_word(view, &name);
    let mut sensitivity = secret_names::sensitivity(view.text(name.clone()));
    if matches!(before_name, Some(b'?' | b'&')) && is_query_credential(view.slice(word.clone())) {
        sensitivity = sensitivity.max(Sensitivity::Doubtful);
    }
    if sensitivity == Sensitivity::Ordinary {
        return None;
    }
    let start = value_start(view, at)?;
    if let Some(quote) = opening_quote(view, start) {
        return quoted(view, &quote, sensitivity);
    }
    if b"{[".contains(&view.byte(start)?) {
        let is_list = sensitivity > Sensitivity::Doubtful;
        let value = is_list.then(|| start..closing_bracket(view, start))?;
        let holds = value.len() > 2 && !reference::is_schema(view.text(value.clone()));
        return holds.then_some((value, Class::Secret));
    }
    let is_sentence = sign == b':' && view.byte(at + 1) == Some(b' ');
    let first = start..end_of_word(view, start, sensitivity);
    if (is_sentence && speaks_of_persons(view, &word, &first))
        || !is_secret(view, &first, sensitivity)
        || (is_sentence && is_word_of_a_sentence(view, &first))
    {
        return None;
    }
    unquoted(view, floor, at, &name, start)
}

/// The value without quotes that begins at `start`, behind the sign at `at` and a name.
fn unquoted(
    view: &View<'_>,
    floor: usize,
    at: usize,
    name: &Range<usize>,
    start: usize,
) -> Option<(Range<usize>, Class)> {
    let is_equal = view.byte(at) == Some(b'=');
    let is_header = secret_names::is_header_with_spaces(view.text(last_word(view, name)));
    let blanks = view.run_back(name.start, floor, MOST_BLANKS, |b| b == b' ');
    let follows_setting = is_equal && blanks > floor && view.before(blanks) == Some(b';');
    let end = match view.byte(at) {
        Some(b':') if is_header => end_of_header(view, start, view.before(name.start)),
        Some(b'=') if is_header => end_of_credentials(view, start),
        _ if follows_setting => end_of_setting(view, start),
        _ => end_of_word(view, start, Sensitivity::Whole),
    };
    if is_header && is_reference_behind_scheme(view, start, end) {
        return None;
    }
    let is_setting = follows_setting || (is_equal && !is_header && view.byte(end) == Some(b';'));
    let class = if is_setting {
        Class::ConnectionString
    } else {
        Class::Secret
    };
    Some((start..end, class))
}

/// Whether a reference stands behind the scheme of a header: `Bearer $TOKEN`.
fn is_reference_behind_scheme(view: &View<'_>, start: usize, end: usize) -> bool {
    let scheme = view.run(start, NAME_BYTES, is_name);
    view.byte(scheme) == Some(b' ') && is_reference(view, &(scheme + 1..end))
}

/// The secret that a command's flag says, given the place of its first dash: `--password hunter2`.
pub(super) fn value_after_flag(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let begins = at == floor
        || view
            .before(at)
            .is_some_and(|b| b.is_ascii_whitespace() || is_quote(b));
    if !begins || !view.starts_with(at, b"--") {
        return None;
    }
    let name = at..view.run(at, NAME_BYTES + 1, is_name);
    let value = view.run(name.end, MOST_BLANKS, |b| b == b' ');
    let is_masked = value == name.end || view.placeholder(value) > 0;
    if is_masked || name.len() > NAME_BYTES || view.byte(value).is_none_or(|b| b == b'-') {
        return None;
    }
    let sensitivity = secret_names::sensitivity(view.text(name.clone()));
    // A name that holds a key is scanned before what follows it.
    let mut places = name.start + 2..name.end;
    let mut holds_key = || {
        places.any(|at| {
            prefixed_key(view, name.start, at).is_some()
                || json_web_token(view, name.start, at).is_some()
        })
    };
    if sensitivity == Sensitivity::Ordinary || holds_key() {
        return None;
    }
    if let Some(quote) = opening_quote(view, value) {
        return quoted(view, &quote, sensitivity);
    }
    let first = value..end_of_word(view, value, sensitivity);
    let value = value..end_of_word(view, value, Sensitivity::Whole);
    is_secret(view, &first, sensitivity).then_some((value, Class::Secret))
}

/// The name that ends before the sign: one word, or words with one blank between them; within quotes or brackets too.
fn name_before(view: &View<'_>, floor: usize, at: usize) -> Option<Range<usize>> {
    let before = |end: usize| (end > floor).then(|| view.before(end)).flatten();
    let mut end = view.run_back(at, floor, 3, |b| b == b' ');
    let mut is_quoted = false;
    if before(end) == Some(b']') {
        end -= 1;
    }
    if before(end).is_some_and(is_quote) {
        end = view.run_back(end - 1, floor, ESCAPES, |b| b == b'\\');
        is_quoted = true;
    }
    let lowest = floor.max(end.saturating_sub(NAME_BYTES));
    let mut start = end;
    while start > lowest {
        let follows_word =
            start < end && start > lowest + 1 && view.before(start - 1).is_some_and(is_name);
        let last = view.before(start)?;
        let goes_on = is_name(last) || (follows_word && last == b' ');
        if !goes_on {
            break;
        }
        start -= 1;
    }
    // A literal `\n` before the name is no letter of it.
    let escaped = before(start) == Some(b'\\') && !is_quoted;
    if escaped && start < end && b"nrt".contains(&view.byte(start)?) {
        start += 1;
    }
    (start < end).then_some(start..end)
}

/// The part of a name after its last blank.
fn last_word(view: &View<'_>, name: &Range<usize>) -> Range<usize> {
    let blank = view.slice(name.clone()).iter().rposition(|b| *b == b' ');
    name.start + blank.map_or(0, |blank| blank + 1)..name.end
}

/// Where the value after the sign begins; nothing where the sign is part of `://`, `::` or an arrow from nothing.
fn value_start(view: &View<'_>, at: usize) -> Option<usize> {
    let is_path = view.starts_with(at, b"::") || view.starts_with(at, b"://");
    if is_path || (view.before(at) == Some(b':') && view.byte(at) == Some(b':')) {
        return None;
    }
    let signs = view.run(at, 3, |b| b"=:>".contains(&b));
    let start = view.run(signs, MOST_BLANKS, |b| b" \t".contains(&b));
    let is_masked = view.placeholder(start) > 0;
    let is_there = view.byte(start).is_some_and(|b| !b.is_ascii_whitespace());
    (is_there && !is_masked).then_some(start)
}

struct Quote {
    sign: u8,
    /// How many backslashes stand before it.
    escapes: usize,
    /// Where what it quotes begins.
    start: usize,
}

fn opening_quote(view: &View<'_>, at: usize) -> Option<Quote> {
    let sign_at = view.run(at, ESCAPES, |b| b == b'\\');
    let sign = view.byte(sign_at).filter(|b| is_quote(*b))?;
    Some(Quote {
        sign,
        escapes: sign_at - at,
        start: sign_at + 1,
    })
}

fn quoted(
    view: &View<'_>,
    quote: &Quote,
    sensitivity: Sensitivity,
) -> Option<(Range<usize>, Class)> {
    let most = if sensitivity == Sensitivity::Doubtful {
        DOUBTFUL_BYTES
    } else {
        QUOTED_BYTES
    };
    let value = quote.start..end_of_quoted(view, quote, most);
    let is_masked = placeholder::is_one(view.text(value.clone()));
    let doubtful =
        sensitivity == Sensitivity::Doubtful && !looks_generated(view.text(value.clone()));
    let is_reference = reference::is_one(view.text(value.clone()), "");
    (!value.is_empty() && !is_masked && !doubtful && !is_reference)
        .then_some((value, Class::Secret))
}

/// A quote closes when it is escaped as its opening was: at depth d a quote within has `2d + 1` backslashes, and a
/// backslash at the end of the value brings `2(d + 1)` more; fewer than the opening had close what is around it.
fn end_of_quoted(view: &View<'_>, quote: &Quote, most: usize) -> usize {
    let mut escapes = 0;
    let mut at = quote.start;
    while at < quote.start + most {
        let Some(b) = view.byte(at) else {
            break;
        };
        let closes =
            escapes % (2 * (quote.escapes + 1)) == quote.escapes || escapes < quote.escapes;
        if b == quote.sign && closes {
            return at - escapes;
        }
        escapes = if b == b'\\' { escapes + 1 } else { 0 };
        at += 1;
    }
    at
}

/// The end of what opens here, not counting brackets in quotes.
fn closing_bracket(view: &View<'_>, start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < start + BRACKETED_BYTES {
        let Some(byte) = view.byte(at) else {
            break;
        };
        let begins_value = view
            .before(at)
            .is_none_or(|before| b"{[,: \\".contains(&before));
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b if is_quote(b) && begins_value => {
                let escapes = at - view.run_back(at, start, ESCAPES, |b| b == b'\\');
                let quote = Quote {
                    sign: b,
                    escapes,
                    start: at + 1,
                };
                at = end_of_quoted(view, &quote, QUOTED_BYTES);
                at = view.run(at, ESCAPES, |b| b == b'\\');
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(view.len())
}

/// The text of an XML element with a secret's name.
fn element_text(view: &View<'_>, name: Range<usize>, at: usize) -> Option<(Range<usize>, Class)> {
    if secret_names::sensitivity(view.text(name)) < Sensitivity::Texts {
        return None;
    }
    let start = at + 1;
    let end = view.find(start, QUOTED_BYTES, |b| b == b'<')?;
    (end > start && view.starts_with(end, b"</")).then_some((start..end, Class::Secret))
}

fn end_of_header(view: &View<'_>, start: usize, before_name: Option<u8>) -> usize {
    let ends = |b: u8| b"\r\n".contains(&b) || (is_quote(b) && before_name == Some(b));
    view.run(start, QUOTED_BYTES, |b| !ends(b))
}

/// The end of `Bearer …`, or of a value without a scheme.
fn end_of_credentials(view: &View<'_>, start: usize) -> usize {
    let scheme_end = view.run(start, NAME_BYTES, is_name);
    let word = view.slice(start..scheme_end).to_ascii_lowercase();
    if view.byte(scheme_end) == Some(b' ') && SCHEMES.contains(&word.as_slice()) {
        return end_of_word(view, scheme_end + 1, Sensitivity::Whole);
    }
    end_of_word(view, start, Sensitivity::Whole)
}

/// The end of a value in `Server=db;Password=my pass;…`, which holds blanks.
fn end_of_setting(view: &View<'_>, start: usize) -> usize {
    let mut at = start;
    while at < start + QUOTED_BYTES {
        match view.byte(at) {
            None => break,
            Some(b) if b";\r\n".contains(&b) || (is_quote(b) && ends_value(view, at)) => break,
            Some(_) => at += 1,
        }
    }
    at
}

/// The end of a value without quotes. Of one that is only doubtful, no more is read than is needed to judge it: it may
/// hold many names, each with the rest as its value.
fn end_of_word(view: &View<'_>, start: usize, sensitivity: Sensitivity) -> usize {
    let most = if sensitivity == Sensitivity::Doubtful {
        DOUBTFUL_BYTES
    } else {
        WORD_BYTES
    };
    let mut end = start;
    while end < start + most {
        let ends = match view.byte(end) {
            None => true,
            Some(b) if b.is_ascii_whitespace() => true,
            Some(b'<') => view.byte(end + 1) == Some(b'/'),
            Some(b) if b",;&|)]}\"'`".contains(&b) => ends_value(view, end),
            Some(_) => false,
        };
        if ends {
            break;
        }
        end += 1;
    }
    // A quote that closes around the pair is escaped where the pair is.
    if view.byte(end).is_some_and(is_quote) {
        view.run_back(end, start, ESCAPES, |b| b == b'\\')
    } else {
        end
    }
}

/// Whether a separator or closing sign ends the value before it: more of them and then white space, an end, a bracket,
/// or the name of another pair follows. Passwords hold such signs too, and go on after them.
fn ends_value(view: &View<'_>, at: usize) -> bool {
    let after = view.run(at, 8, |b| b",;&|)]}\"'`\\.!?".contains(&b));
    match view.byte(after) {
        None => return true,
        Some(b) if b.is_ascii_whitespace() || b"{[".contains(&b) => return true,
        Some(_) => {}
    }
    // What was masked may have been the name.
    let name = after + view.placeholder(after);
    let name_end = view.run(name, NAME_BYTES, is_name);
    let sign = view.run(name_end, ESCAPES, |b| is_quote(b) || b == b'\\');
    name_end > after && view.byte(sign).is_some_and(|b| b"=:".contains(&b))
}

fn is_secret(view: &View<'_>, value: &Range<usize>, sensitivity: Sensitivity) -> bool {
    let text = view.text(value.clone());
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b".,+-".contains(&b));
    match sensitivity {
        Sensitivity::Ordinary => false,
        _ if is_reference(view, value) => false,
        _ if text.is_empty() || LITERALS.contains(&text.trim_end_matches(',')) => false,
        Sensitivity::Doubtful => looks_generated(text),
        Sensitivity::Texts => !is_number,
        Sensitivity::Whole => true,
    }
}

fn is_reference(view: &View<'_>, value: &Range<usize>) -> bool {
    let behind = value.end..view.run(value.end, NAME_BYTES, |b| b != b'\n');
    reference::is_one(view.text(value.clone()), view.text(behind))
}

fn is_word_of_a_sentence(view: &View<'_>, value: &Range<usize>) -> bool {
    let word = view
        .text(value.clone())
        .trim_end_matches(['.', ',', ':', ';', '!', '?']);
    let word = word.to_ascii_lowercase();
    word.bytes().all(|b| b"*.-".contains(&b)) || WORDS_OF_SENTENCES.contains(&word.as_str())
}

/// Whether `credentials: …` goes on with a word or an address, which is none.
fn speaks_of_persons(view: &View<'_>, name: &Range<usize>, value: &Range<usize>) -> bool {
    let name = view.slice(name.clone());
    let value = view.slice(value.clone());
    name.to_ascii_lowercase().starts_with(b"credential")
        && (value.iter().all(u8::is_ascii_lowercase) || value.contains(&b'@'))
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
/// How far a value without quotes reaches at most.
const WORD_BYTES: usize = 4096;
/// How far a quoted value, a header's or a setting reaches at most.
const QUOTED_BYTES: usize = 4096;
/// How far a value in brackets reaches at most.
const BRACKETED_BYTES: usize = 16 * 1024;
/// How many blanks may stand before a value.
const MOST_BLANKS: usize = 16;
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
