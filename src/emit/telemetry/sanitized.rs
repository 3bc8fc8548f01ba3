//! An ordinary span without content: what the allow-list does not name is taken out, texts of errors are masked.
//!
//! | part of a span | what goes |
//! |---|---|
//! | attributes of the span, its events and links | those of the allow-list, secrets masked in their texts; whole numbers that came as texts are numbers again |
//! | texts of errors (`exception.message`, `error.message`, `error`, the status) | masked: secrets, and what repeats content that was taken out. In a trace with a call none of them goes: they may repeat content that never was in the span |
//! | name of the span | masked: secrets, and what repeats content that was taken out |
//! | names of events | those of the conventions and of the allow-list; any other becomes `event` |
//!
//! `llm_audit.redacted.attributes` counts the attributes that were taken out, `llm_audit.redacted.texts` the texts that
//! are not what they were. Neither is there where nothing was done.

use std::borrow::Cow;

use opentelemetry::{Array, Key, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use zeroize::Zeroizing;

use super::allow_list::{
    AllowList, Verdict, describes, is_whole_number, is_word, repeats_the_error,
};
use crate::sanitize;

/// What texts of errors may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorTexts {
    /// Content of a call that never was in the span, so that it cannot be found in them: none of them goes.
    MayRepeatCalls,
    /// What was taken out of the span.
    RepeatTheSpan,
}

/// Takes out of the span what must not leave the process in it.
pub(super) fn sanitize(span: &mut SpanData, allow: &AllowList, errors: ErrorTexts) {
    // Before anything is taken out that it may repeat.
    let named = name(span, allow);
    let mut work = Work {
        allow,
        errors,
        content: content_of(span, allow),
        attributes: 0,
        texts: 0,
    };
    work.take_out(&mut span.attributes);
    work.mask(&mut span.attributes);
    for link in &mut span.links.links {
        work.take_out(&mut link.attributes);
        work.mask(&mut link.attributes);
    }
    for event in &mut span.events.events {
        work.take_out(&mut event.attributes);
        work.mask(&mut event.attributes);
        if !allow.keeps_event(&event.name) {
            event.name = UNNAMED_EVENT.into();
            work.texts += 1;
        }
    }
    if let Some(masked) = named {
        span.name = masked.into();
        work.texts += 1;
    }
    if let Status::Error { description } = &mut span.status
        && let Some(masked) = work.error_text(description)
    {
        *description = masked.into();
    }
    for (name, count) in [(ATTRIBUTES, work.attributes), (TEXTS, work.texts)] {
        if count > 0 {
            span.attributes.push(KeyValue::new(name, count));
        }
    }
}

/// What the span's name becomes, where that is something else. Addresses and queries are no content here: names are made
/// of them.
fn name(span: &SpanData, allow: &AllowList) -> Option<String> {
    let content = texts_taken_out(span, allow, |name| !describes(name));
    masked(&span.name, &content)
}

/// A text without secrets and without what it repeats of content, where that is something else.
fn masked(text: &str, content: &[Zeroizing<String>]) -> Option<String> {
    let content: Vec<&[u8]> = content.iter().map(|text| text.as_bytes()).collect();
    let masked = sanitize::mask_repeated_content(text, &content);
    (masked != text).then_some(masked)
}

/// Every text of the span that the allow-list does not let pass: what an error of it may repeat, itself left out.
pub(super) fn content_of(span: &SpanData, allow: &AllowList) -> Vec<Zeroizing<String>> {
    texts_taken_out(span, allow, |name| !repeats_the_error(name))
}

fn texts_taken_out(
    span: &SpanData,
    allow: &AllowList,
    counts: impl Fn(&str) -> bool,
) -> Vec<Zeroizing<String>> {
    let mut content = Vec::new();
    let mut keep = |text: &str| content.push(Zeroizing::new(text.to_owned()));
    let events = span.events.events.iter();
    let links = span.links.links.iter();
    let attributes = span
        .attributes
        .iter()
        .chain(events.clone().flat_map(|event| &event.attributes))
        .chain(links.flat_map(|link| &link.attributes));
    for attribute in attributes {
        let name = attribute.key.as_str();
        if allow.verdict(name) == Verdict::Removed && counts(name) {
            texts_of(&attribute.value, &mut keep);
        }
    }
    for event in events.filter(|event| !allow.keeps_event(&event.name)) {
        keep(&event.name);
    }
    content
}

fn texts_of(value: &Value, keep: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => keep(text.as_str()),
        Value::Array(Array::String(texts)) => texts.iter().for_each(|text| keep(text.as_str())),
        _ => {}
    }
}

struct Work<'a> {
    allow: &'a AllowList,
    errors: ErrorTexts,
    /// Texts that are taken out, wherever they stood.
    content: Vec<Zeroizing<String>>,
    attributes: i64,
    texts: i64,
}

impl Work<'_> {
    /// Takes out what the allow-list does not name.
    fn take_out(&mut self, attributes: &mut Vec<KeyValue>) {
        let before = attributes.len();
        attributes
            .retain(|attribute| self.allow.verdict(attribute.key.as_str()) != Verdict::Removed);
        self.attributes += i64::try_from(before - attributes.len()).unwrap_or(i64::MAX);
    }

    /// Masks the texts that are left.
    fn mask(&mut self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            let verdict = self.allow.verdict(attribute.key.as_str());
            match &mut attribute.value {
                Value::String(text) => {
                    if let Some(number) = whole_number(&attribute.key, text.as_str()) {
                        attribute.value = Value::I64(number);
                    } else {
                        self.mask_text(verdict, text);
                    }
                }
                Value::Array(Array::String(texts)) => {
                    texts
                        .iter_mut()
                        .for_each(|text| self.mask_text(verdict, text));
                }
                _ => {}
            }
        }
    }

    fn mask_text(&mut self, verdict: Verdict, text: &mut StringValue) {
        let is_error =
            verdict == Verdict::Text || (verdict == Verdict::Word && !is_word(text.as_str()));
        if is_error {
            if let Some(masked) = self.error_text(text.as_str()) {
                *text = masked.into();
            }
        } else if let Cow::Owned(masked) = sanitize::mask_secrets_in_text(text.as_str()) {
            self.texts += 1;
            *text = masked.into();
        }
    }

    /// What an error's text becomes, where that is something else.
    fn error_text(&mut self, text: &str) -> Option<String> {
        let other = match self.errors {
            ErrorTexts::MayRepeatCalls if text.is_empty() => None,
            ErrorTexts::MayRepeatCalls => Some(WITHHELD.to_owned()),
            ErrorTexts::RepeatTheSpan => masked(text, &self.content),
        };
        self.texts += i64::from(other.is_some());
        other
    }
}

/// The number that a text stands for, where the conventions want a number: tracing-opentelemetry makes texts of unsigned
/// ones.
fn whole_number(name: &Key, text: &str) -> Option<i64> {
    is_whole_number(name.as_str())
        .then(|| text.parse().ok())
        .flatten()
}

/// How many attributes were taken out.
const ATTRIBUTES: &str = "llm_audit.redacted.attributes";
/// How many texts were masked or replaced.
const TEXTS: &str = "llm_audit.redacted.texts";
/// The name of an event whose own was a text.
const UNNAMED_EVENT: &str = "event";
/// In place of an error's text that may repeat anything.
const WITHHELD: &str = "<masked>";
