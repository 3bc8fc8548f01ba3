//! What the gate masks in free text.

use std::borrow::Cow;

use super::placeholder::{self, Span};
use super::scan::{self, Kind, Rules};
use super::view::View;

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

/// The secrets and personal data of a text, in order and without overlap.
pub(super) fn secret_spans(text: &str) -> Vec<Span> {
    let view = View::of(text);
    let found = scan::all(&view, &Rules::DEFAULT);
    let spans = found.into_iter().filter_map(|found| {
        let Kind::Class(class) = found.kind else {
            return None;
        };
        let range = view.original(found.range);
        Some(Span {
            start: range.start,
            end: range.end,
            class,
        })
    });
    spans.collect()
}
