//! An ordinary span without content: what the allow-list does not name is taken out, texts of errors are masked.
//!
//! | part of a span | what goes |
//! |---|---|
//! | attributes of the span, its events and links | those of the allow-list, secrets masked in their texts; whole numbers that came as texts are numbers again |
//! | texts of errors (`exception.message`, `error.message`, `error`, the status) | masked: secrets, and what repeats content that was taken out. None of them goes in a span that ends after a call of its trace began: they may repeat content that never was in the span |
//! | name of the span | masked: secrets, and what repeats content that was taken out |
//! | names of events | those of the conventions and of the allow-list; any other becomes `event` |
//!
//! `llm_audit.redacted.attributes` counts the attributes that were taken out, `llm_audit.redacted.texts` the texts that
//! are not what they were. Neither is there where nothing was done. A span that comes a second time, from a processor before
//! this one, has one of each all the same.

use std::borrow::Cow;

use opentelemetry::{Array, Key, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use zeroize::Zeroizing;

use super::allow_list::{
    AllowList, Verdict, describes, is_of_the_program, is_whole_number, is_word, repeats_the_error,
};
use crate::sanitize;

/// What texts of errors may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorTexts {
    /// Content that never was in the span, so that it cannot be found in them: none of them goes.
    Withheld,
    /// What was taken out of the span.
    RepeatTheSpan,
}

/// Takes out of the span what must not leave the process in it.
pub(super) fn sanitize(span: &mut SpanData, allow: &AllowList, errors: ErrorTexts) {
    let mut work = Work {
        allow,
        errors,
        content: Vec::new(),
        has_errors: false,
        attributes: 0,
        texts: 0,
    };
    work.sift(&mut span.attributes);
    for link in &mut span.links.links {
        work.sift(&mut link.attributes);
    }
    for event in &mut span.events.events {
        work.sift(&mut event.attributes);
        if !allow.keeps_event(&event.name) {
            let name = std::mem::replace(&mut event.name, UNNAMED_EVENT.into());
            work.keep(Says::Content, name.into_owned());
            work.texts += 1;
        }
    }
    // All content is known now, wherever it stood.
    if let Some(masked) = work.masked(&span.name, |says| says == Says::Content) {
        span.name = masked.into();
    }
    if work.has_errors {
        work.mask_errors(&mut span.attributes);
        for event in &mut span.events.events {
            work.mask_errors(&mut event.attributes);
        }
        for link in &mut span.links.links {
            work.mask_errors(&mut link.attributes);
        }
    }
    if let Status::Error { description } = &mut span.status
        && let Some(masked) = work.error_text(description)
    {
        *description = masked.into();
    }
    for (name, count) in [(ATTRIBUTES, work.attributes), (TEXTS, work.texts)] {
        add(&mut span.attributes, name, count);
    }
}

/// Adds to a count that another processor may have begun.
fn add(attributes: &mut Vec<KeyValue>, name: &'static str, count: i64) {
    if count == 0 {
        return;
    }
    let begun = attributes.iter_mut().find(|own| own.key.as_str() == name);
    match begun.map(|own| &mut own.value) {
        Some(Value::I64(sum)) => *sum = sum.saturating_add(count),
        Some(other) => *other = Value::I64(count),
        None => attributes.push(KeyValue::new(name, count)),
    }
}

/// Every text of the span that the allow-list does not let pass: what an error of it may repeat, itself left out.
pub(super) fn content_of(span: &SpanData, allow: &AllowList) -> Vec<Zeroizing<String>> {
    let mut content = Vec::new();
    let events = span.events.events.iter();
    let links = span.links.links.iter();
    let attributes = span
        .attributes
        .iter()
        .chain(events.clone().flat_map(|event| &event.attributes))
        .chain(links.flat_map(|link| &link.attributes));
    for attribute in attributes {
        let name = attribute.key.as_str();
        if allow.verdict(name) == Verdict::Removed && Says::of(name) != Says::Error {
            content.extend(texts_of(attribute.value.clone()).map(Zeroizing::new));
        }
    }
    let unnamed = events.filter(|event| !allow.keeps_event(&event.name));
    content.extend(unnamed.map(|event| Zeroizing::new(event.name.clone().into_owned())));
    content
}

fn texts_of(value: Value) -> impl Iterator<Item = String> {
    let texts = match value {
        Value::String(text) => vec![String::from(text)],
        Value::Array(Array::String(texts)) => texts.into_iter().map(String::from).collect(),
        _ => Vec::new(),
    };
    texts.into_iter()
}

struct Work<'a> {
    allow: &'a AllowList,
    errors: ErrorTexts,
    /// Texts that were taken out, and what they may say.
    content: Vec<(Says, Zeroizing<String>)>,
    /// Whether any attribute is a text of an error.
    has_errors: bool,
    attributes: i64,
    texts: i64,
}

/// What a text says that was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Addresses and queries, which names of spans are made of.
    About,
    /// What only the application knows.
    Content,
    /// What an error's message says too.
    Error,
}

impl Says {
    fn of(name: &str) -> Self {
        if repeats_the_error(name) {
            Self::Error
        } else if describes(name) {
            Self::About
        } else {
            Self::Content
        }
    }
}

impl Work<'_> {
    /// Takes out what the allow-list does not name, and masks the secrets of the rest. Texts of errors wait.
    fn sift(&mut self, attributes: &mut Vec<KeyValue>) {
        attributes.retain_mut(|attribute| {
            let name = attribute.key.as_str();
            match self.allow.verdict(name) {
                Verdict::Removed => {
                    self.attributes += 1;
                    let says = Says::of(name);
                    let value = std::mem::replace(&mut attribute.value, Value::Bool(false));
                    texts_of(value).for_each(|text| self.keep(says, text));
                    return false;
                }
                Verdict::Text | Verdict::Word => self.has_errors = true,
                Verdict::Allowed if is_of_the_program(name) => {}
                Verdict::Allowed => self.mask_secrets(attribute),
            }
            true
        });
    }

    /// Keeps a text in mind that was taken out.
    fn keep(&mut self, says: Says, text: String) {
        self.content.push((says, Zeroizing::new(text)));
    }

    fn mask_secrets(&mut self, attribute: &mut KeyValue) {
        let mut mask = |text: &mut StringValue| {
            if let Some(masked) = without_secrets(text.as_str()) {
                self.texts += 1;
                *text = masked.into();
            }
        };
        match &mut attribute.value {
            Value::String(text) => match whole_number(&attribute.key, text.as_str()) {
                Some(number) => attribute.value = Value::I64(number),
                None => mask(text),
            },
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(mask),
            _ => {}
        }
    }

    fn mask_errors(&mut self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            let verdict = self.allow.verdict(attribute.key.as_str());
            let mut mask = |text: &mut StringValue| {
                let is_word = verdict == Verdict::Word && is_word(text.as_str());
                if !is_word && let Some(masked) = self.error_text(text.as_str()) {
                    *text = masked.into();
                }
            };
            if !matches!(verdict, Verdict::Text | Verdict::Word) {
                continue;
            }
            match &mut attribute.value {
                Value::String(text) => mask(text),
                Value::Array(Array::String(texts)) => texts.iter_mut().for_each(mask),
                _ => {}
            }
        }
    }

    /// What an error's text becomes, where that is something else.
    fn error_text(&mut self, text: &str) -> Option<String> {
        match self.errors {
            _ if text.is_empty() || text == WITHHELD => None,
            ErrorTexts::Withheld => {
                self.texts += 1;
                Some(WITHHELD.to_owned())
            }
            ErrorTexts::RepeatTheSpan => self.masked(text, |says| says != Says::Error),
        }
    }

    /// A text without secrets and without what it repeats of content, where that is something else.
    fn masked(&mut self, text: &str, counts: impl Fn(Says) -> bool) -> Option<String> {
        let content: Vec<&[u8]> = self
            .content
            .iter()
            .filter(|(says, _)| counts(*says))
            .map(|(_, text)| text.as_bytes())
            .collect();
        let masked = if content.is_empty() {
            without_secrets(text)
        } else {
            let masked = sanitize::mask_repeated_content(text, &content);
            (masked != text).then_some(masked)
        };
        self.texts += i64::from(masked.is_some());
        masked
    }
}

/// A text with its secrets masked, where it has any.
fn without_secrets(text: &str) -> Option<String> {
    // No secret with a shape is as short, and none with a name before it goes without one of these signs.
    let harmless = |byte: u8| !matches!(byte, b' ' | b':' | b'=' | b'>' | b'@');
    if text.len() < SHORTEST_SECRET && text.bytes().all(harmless) {
        return None;
    }
    match sanitize::mask_secrets_in_text(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => Some(masked),
    }
}

/// The number that a text stands for, where the conventions want a number: tracing-opentelemetry makes texts of unsigned
/// ones.
fn whole_number(name: &Key, text: &str) -> Option<i64> {
    is_whole_number(name.as_str())
        .then(|| text.parse().ok())
        .flatten()
}

/// Bytes below which no text has the shape of a secret.
const SHORTEST_SECRET: usize = 10;
/// How many attributes were taken out.
const ATTRIBUTES: &str = "llm_audit.redacted.attributes";
/// How many texts were masked or replaced.
const TEXTS: &str = "llm_audit.redacted.texts";
/// The name of an event whose own was a text.
const UNNAMED_EVENT: &str = "event";
/// In place of an error's text that may repeat anything.
const WITHHELD: &str = "<masked>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_not_looked_at_hold_no_secret() {
        for secret in ["sk-a1b2c3d4", "pw=a1", "token: x1", "AKIAIOSFODNN7EXAMPLE"] {
            let masked = sanitize::mask_secrets_in_text(secret).into_owned();
            let found = without_secrets(secret).unwrap_or_else(|| secret.to_owned());
            assert_eq!(found, masked, "{secret}");
        }
        assert_eq!(without_secrets("GET"), None);
    }
}
