//! What stands where a secret stood.

use std::borrow::Cow;

/// What gave a secret away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    ApiKey,
    BasicAuth,
    Bearer,
    ConnectionString,
    Jwt,
    /// The name of its field, or its being repeated content.
    Named,
    PrivateKey,
    UrlCredentials,
    WebhookUrl,
}

impl Class {
    const ALL: [Self; 9] = [
        Self::ApiKey,
        Self::BasicAuth,
        Self::Bearer,
        Self::ConnectionString,
        Self::Jwt,
        Self::Named,
        Self::PrivateKey,
        Self::UrlCredentials,
        Self::WebhookUrl,
    ];

    /// The placeholder that is written.
    pub(super) const fn placeholder(self) -> &'static str {
        match self {
            Self::ApiKey => "<masked:api_key>",
            Self::BasicAuth => "<masked:basic_auth>",
            Self::Bearer => "<masked:bearer>",
            Self::ConnectionString => "<masked:connection_string>",
            Self::Jwt => "<masked:jwt>",
            Self::Named => "<masked>",
            Self::PrivateKey => "<masked:private_key>",
            Self::UrlCredentials => "<masked:url_credentials>",
            Self::WebhookUrl => "<masked:webhook_url>",
        }
    }
}

/// The length of the placeholder that `text` begins with; 0 where it begins with none.
///
/// Only what [`Class::placeholder`] writes counts, so that a secret cannot pass by looking masked.
pub(super) fn leading(text: &[u8]) -> usize {
    if text.first() != Some(&b'<') {
        return 0;
    }
    let written = Class::ALL.iter().map(|class| class.placeholder());
    written
        .filter(|placeholder| text.starts_with(placeholder.as_bytes()))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Whether the text is a placeholder and nothing else.
pub(super) fn is_one(text: &str) -> bool {
    !text.is_empty() && leading(text.as_bytes()) == text.len()
}

/// The text without its placeholders: they are no part of what a name says.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if !text.contains("<masked") {
        return Cow::Borrowed(text);
    }
    let mut rest = text;
    let mut kept = String::new();
    while let Some(at) = rest.find("<masked") {
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

/// The text with the spans, which are in order and do not overlap, replaced.
pub(super) fn replace(text: &str, spans: &[Span]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.push_str(&text[done..span.start]);
        masked.push_str(span.class.placeholder());
        done = span.end;
    }
    masked.push_str(&text[done..]);
    masked
}
