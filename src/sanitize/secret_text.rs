//! Secrets in free text: one pass from left to right, the first match at a place wins.

use std::borrow::Cow;
use std::ops::Range;

use super::placeholder::{self, Class, Span};
use super::view::View;
use super::{secret_pairs, secret_shapes};

/// The text with its secrets masked: keys and tokens by their shape, values by the name before them.
///
/// The rules are those of [`mask_secrets`](super::mask_secrets) for texts. A text without secrets comes back as it is.
///
/// ```
/// # use llm_audit::sanitize::mask_secrets_in_text;
/// let masked = mask_secrets_in_text("login as root failed (password=hunter2), see postgres://app:x1@db/audit");
/// assert_eq!(masked, "login as root failed (password=<masked>), see postgres://app:<masked:url_credentials>@db/audit");
/// ```
#[must_use]
pub fn mask_secrets_in_text(text: &str) -> Cow<'_, str> {
    let spans = secret_spans(text);
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(placeholder::replace(text, &spans))
}

/// The secrets of a text, in order and without overlap.
pub(super) fn secret_spans(text: &str) -> Vec<Span> {
    let view = View::of(text);
    let bytes = view.bytes();
    let mut spans: Vec<Span> = Vec::new();
    let mut done = 0;
    let mut at = 0;
    while at < bytes.len() {
        let found = match bytes[at] {
            b'<' => {
                let length = placeholder::leading(&bytes[at..]);
                at += length.max(1);
                done = if length > 0 { at } else { done };
                continue;
            }
            b':' | b'=' | b'>' => after_sign(&view, done, at),
            b'-' => {
                secret_shapes::pem_private_key(bytes, at).map(|range| (range, Class::PrivateKey))
            }
            b' ' => secret_pairs::value_after_flag(&view, done, at),
            b if b.is_ascii_alphanumeric() && (at == done || begins_word(bytes, at)) => {
                secret_shapes::at_word(bytes, at)
            }
            _ => None,
        };
        let Some((range, class)) = found else {
            at += 1;
            continue;
        };
        (at, done) = (range.end, range.end);
        let range = view.original(range);
        spans.push(Span {
            start: range.start,
            end: range.end,
            class,
        });
    }
    spans
}

fn after_sign(view: &View<'_>, floor: usize, at: usize) -> Option<(Range<usize>, Class)> {
    let password =
        (view.bytes()[at] == b':').then(|| secret_shapes::url_password(view.bytes(), at));
    let password = password
        .flatten()
        .map(|range| (range, Class::UrlCredentials));
    password.or_else(|| secret_pairs::value_after(view, floor, at))
}

/// Whether a word begins here: after anything but a letter or digit, and after an escaped character
/// (`\n`, `%20`), whose last letter belongs to the escape.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return true;
    };
    let back = |steps: usize| at.checked_sub(steps).map(|at| bytes[at]);
    !bytes[before].is_ascii_alphanumeric()
        || (back(2) == Some(b'\\') && b"nrtbf".contains(&bytes[before]))
        || (back(3) == Some(b'%') && back(2).is_some_and(|b| b.is_ascii_hexdigit()))
}
