//! Finished spans of other instrumentations that are calls of models: what they say becomes a captured call.
//!
//! A span is a call if it has the attribute that makes a span of `tracing` one ([`dialect`], meaning
//! [`Meaning::Operation`]). Every attribute with a meaning counts, those of events too (`gen_ai.content.prompt`,
//! `exception`). Ids, parent, start and end are the span's own; a record of it has no start frame.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use zeroize::Zeroizing;

use super::allow_list::is_word;
use crate::emit::layer::fields::{FieldValue, take_field};
use crate::emit::pipeline::key_of;
use crate::emit::recorder::Recorder;
use crate::record::{CapturedCall, Ending, Label, RawText, SpanId, Timestamp, TraceContext};
use crate::sanitize;
use crate::semconv::dialect::{self, Meaning};

/// Whether the span is a call of a model.
pub(super) fn is_call(span: &SpanData) -> bool {
    let makes_one = |attribute: &KeyValue| meaning(attribute) == Some(Meaning::Operation);
    span.attributes.iter().any(makes_one)
}

/// The span's place in its trace; `None` where its ids are no ids.
pub(super) fn place(span: &SpanData) -> Option<TraceContext> {
    let (trace_id, span_id) = key_of(&span.span_context)?;
    Some(TraceContext {
        trace_id,
        span_id,
        parent_span_id: SpanId::from_bytes(span.parent_span_id.to_bytes()),
    })
}

/// When the span was made.
pub(super) fn made(span: &SpanData) -> Timestamp {
    timestamp(span.start_time)
}

/// File and line that the span was made at, where tracing-opentelemetry says.
pub(super) fn source(span: &SpanData) -> Option<(&str, u32)> {
    let of = |name: &str| {
        let attribute = span
            .attributes
            .iter()
            .find(|attribute| attribute.key.as_str() == name);
        attribute.map(|attribute| &attribute.value)
    };
    match (of("code.file.path")?, of("code.line.number")?) {
        (Value::String(file), Value::I64(line)) => {
            Some((file.as_str(), u32::try_from(*line).ok()?))
        }
        _ => None,
    }
}

/// What the span says of its call. `content` is every text of it that is content by whatever name: errors may repeat it,
/// and only some of it has a meaning and is hashed.
pub(super) fn capture(
    span: &SpanData,
    content: &[Zeroizing<String>],
    recorder: &Recorder,
) -> Box<CapturedCall> {
    let mut call = recorder.new_call(Label::clip("unknown"));
    call.time = made(span);
    call.record_id = recorder.clock().record_id(call.time);
    call.trace = place(span);
    let end = timestamp(span.end_time).unix_nanos();
    call.duration_ns = Some(end.saturating_sub(call.time.unix_nanos()));
    let events = span.events.events.iter();
    let attributes = span.attributes.iter();
    for attribute in attributes.chain(events.clone().flat_map(|event| &event.attributes)) {
        if let Some(meaning) = meaning(attribute) {
            take(&mut call, meaning, &attribute.value, content);
        }
    }
    // An exception behind which an answer came was dealt with, unless the span says that it failed.
    let ended_well =
        matches!(call.ending, Ending::Answered) && !matches!(span.status, Status::Error { .. });
    if !ended_well {
        for event in events.filter(|event| event.name == "exception") {
            take_exception(&mut call, &event.attributes, content);
        }
    }
    match &span.status {
        Status::Error { description } => failed(&mut call, description, content),
        Status::Ok => answered(&mut call),
        Status::Unset => {}
    }
    // A count of tokens comes from an answer, also where there is no output.
    if !call.response.usage.is_empty() {
        answered(&mut call);
    }
    call
}

/// What an attribute means.
fn meaning(attribute: &KeyValue) -> Option<Meaning> {
    dialect::meaning(attribute.key.as_str())
}

/// Puts what an attribute says on the call.
fn take(call: &mut CapturedCall, meaning: Meaning, value: &Value, content: &[Zeroizing<String>]) {
    let value = match value {
        Value::Bool(flag) => FieldValue::Int(u64::from(*flag)),
        Value::F64(number) => FieldValue::Float(*number),
        Value::I64(number) => match u64::try_from(*number) {
            Ok(number) => FieldValue::Int(number),
            // No count of the table is negative: such a one says nothing.
            Err(_) => return,
        },
        Value::String(text) if text.as_str().is_empty() => return,
        Value::String(text) if meaning == Meaning::ErrorType => word(text.as_str(), content),
        Value::String(text) => FieldValue::of_text(meaning, text.as_str()),
        Value::Array(list) => FieldValue::of_text(meaning, &json(list)),
        _ => return,
    };
    take_field(call, meaning, value);
}

/// A list as a JSON text, which is what lists are among the fields of `tracing`.
fn json(list: &Array) -> Zeroizing<String> {
    let json = match list {
        Array::Bool(list) => serde_json::to_string(list),
        Array::F64(list) => serde_json::to_string(list),
        Array::I64(list) => serde_json::to_string(list),
        Array::String(list) => {
            serde_json::to_string(&list.iter().map(|text| text.as_str()).collect::<Vec<_>>())
        }
        _ => Ok(String::new()),
    };
    Zeroizing::new(json.unwrap_or_default())
}

fn take_exception(call: &mut CapturedCall, attributes: &[KeyValue], content: &[Zeroizing<String>]) {
    for attribute in attributes {
        let Value::String(text) = &attribute.value else {
            continue;
        };
        match attribute.key.as_str() {
            "exception.type" => {
                take_field(call, Meaning::ErrorType, word(text.as_str(), content));
            }
            "exception.message" => {
                let message = error_text(text.as_str(), content);
                take_field(call, Meaning::StatusDescription, message);
            }
            _ => {}
        }
    }
}

fn failed(call: &mut CapturedCall, description: &str, content: &[Zeroizing<String>]) {
    if description.is_empty() {
        let code = FieldValue::Text(Label::clip("error"));
        take_field(call, Meaning::StatusCode, code);
    } else {
        let message = error_text(description, content);
        take_field(call, Meaning::StatusDescription, message);
    }
}

fn error_text(text: &str, content: &[Zeroizing<String>]) -> FieldValue {
    FieldValue::Error(RawText::from(masked(text, content).as_str()))
}

/// A word of low cardinality, or what was put in its place.
fn word(text: &str, content: &[Zeroizing<String>]) -> FieldValue {
    if is_word(text) {
        FieldValue::Text(Label::clip(text))
    } else {
        FieldValue::Text(Label::clip(&masked(text, content)))
    }
}

fn masked(text: &str, content: &[Zeroizing<String>]) -> String {
    let content: Vec<&[u8]> = content.iter().map(|text| text.as_bytes()).collect();
    sanitize::mask_repeated_content(text, &content)
}

/// A sign of an answer: it does not take back an error that was seen.
fn answered(call: &mut CapturedCall) {
    if matches!(call.ending, Ending::Unseen) {
        call.ending = Ending::Answered;
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
