//! An ordinary span without content: what the allow-list does not name is taken out, texts of errors are masked.
//!
//! | part of a span | what goes |
//! |---|---|
//! | attributes of the span, its events and links | those of the allow-list, secrets masked in their texts; token counts that came as texts are whole numbers again |
//! | texts of errors (`exception.message`, `error.message`, `error`, the status) | masked: secrets, and what repeats content that was taken out; of an audited call nothing, since the record has it |
//! | name of the span | masked as texts of errors are |
//! | names of events | those of the conventions and of the allow-list; any other becomes `event` |
//!
//! `llm_audit.redacted.attributes` counts the attributes that were taken out, `llm_audit.redacted.texts` the texts that
//! are not what they were. Neither is there where nothing was done.

use opentelemetry::{Array, Key, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use zeroize::Zeroizing;

use super::allow_list::{AllowList, Verdict, is_whole_number};
use crate::sanitize;

/// What is known of the call that a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The auditor has its record. What the call's texts may repeat is not at hand: its content was never in the span.
    Audited,
    /// It is no call, or no record was made of it.
    Ordinary,
}

/// Takes out of the span what must not leave the process in it.
pub(super) fn sanitize(span: &mut SpanData, allow: &AllowList, known: Known) {
    let mut work = Work {
        allow,
        known,
        content: Vec::new(),
        attributes: 0,
        texts: 0,
    };
    work.take_out(&mut span.attributes);
    for event in &mut span.events.events {
        work.take_out(&mut event.attributes);
    }
    for link in &mut span.links.links {
        work.take_out(&mut link.attributes);
    }
    for event in &mut span.events.events {
        if !allow.keeps_event(&event.name) {
            work.keep(&event.name);
            event.name = UNNAMED_EVENT.into();
            work.texts += 1;
        }
    }
    // Content is known now, wherever it stood.
    work.mask(&mut span.attributes);
    for event in &mut span.events.events {
        work.mask(&mut event.attributes);
    }
    for link in &mut span.links.links {
        work.mask(&mut link.attributes);
    }
    if let Some(masked) = work.masked(&span.name) {
        span.name = masked.into();
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

struct Work<'a> {
    allow: &'a AllowList,
    known: Known,
    /// Texts that were taken out.
    content: Vec<Zeroizing<String>>,
    attributes: i64,
    texts: i64,
}

impl Work<'_> {
    /// Takes out what the allow-list does not name, and keeps its texts in mind.
    fn take_out(&mut self, attributes: &mut Vec<KeyValue>) {
        attributes.retain(|attribute| {
            let removed = self.allow.verdict(attribute.key.as_str()) == Verdict::Removed;
            if removed {
                self.attributes += 1;
                match &attribute.value {
                    Value::String(text) => self.keep(text.as_str()),
                    Value::Array(Array::String(texts)) => {
                        texts.iter().for_each(|text| self.keep(text.as_str()));
                    }
                    _ => {}
                }
            }
            !removed
        });
    }

    /// Keeps a text in mind that was taken out.
    fn keep(&mut self, text: &str) {
        self.content.push(Zeroizing::new(text.to_owned()));
    }

    /// Masks the texts that are left.
    fn mask(&mut self, attributes: &mut [KeyValue]) {
        for attribute in attributes {
            let error = self.allow.verdict(attribute.key.as_str()) == Verdict::Text;
            match &mut attribute.value {
                Value::String(text) => {
                    if let Some(number) = whole_number(&attribute.key, text.as_str()) {
                        attribute.value = Value::I64(number);
                    } else if let Some(masked) = self.text(error, text.as_str()) {
                        *text = StringValue::from(masked);
                    }
                }
                Value::Array(Array::String(texts)) => {
                    for text in texts {
                        if let Some(masked) = self.text(error, text.as_str()) {
                            *text = StringValue::from(masked);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, error: bool, text: &str) -> Option<String> {
        if error {
            self.error_text(text)
        } else {
            self.masked(text)
        }
    }

    /// What an error's text becomes, where that is something else.
    fn error_text(&mut self, text: &str) -> Option<String> {
        if self.known == Known::Audited && !text.is_empty() {
            self.texts += 1;
            return Some(ON_THE_RECORD.to_owned());
        }
        self.masked(text)
    }

    /// A text without secrets and without what it repeats of content, where that is something else.
    fn masked(&mut self, text: &str) -> Option<String> {
        let content: Vec<&[u8]> = self.content.iter().map(|text| text.as_bytes()).collect();
        let masked = sanitize::mask_repeated_content(text, &content);
        let other = masked != text;
        self.texts += i64::from(other);
        other.then_some(masked)
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
/// In place of an audited call's error text.
const ON_THE_RECORD: &str = "<masked>";
