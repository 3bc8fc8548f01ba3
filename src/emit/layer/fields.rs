//! From the fields of a span to what they say of its call.

use std::fmt;

use tracing::field::{Field, Visit};

use super::callsite::Callsite;
use crate::record::{CapturedCall, Content, Delivery, Ending, Failure, Label, RawText};
use crate::semconv::dialect::{self, Meaning};

/// Fields that were visited, copied out before any lock is taken: a `Debug` of somebody else may do anything, open
/// spans too.
#[derive(Default)]
pub(super) struct Fields(Vec<(Meaning, FieldValue)>);

enum FieldValue {
    Float(f64),
    Int(u64),
    Text(RawText),
}

/// Collects the fields of one call site.
pub(super) struct Collector<'a> {
    pub(super) callsite: &'a Callsite,
    pub(super) fields: Fields,
}

impl<'a> Collector<'a> {
    pub(super) fn new(callsite: &'a Callsite) -> Self {
        Self {
            callsite,
            fields: Fields::default(),
        }
    }

    fn push(&mut self, field: &Field, value: impl FnOnce() -> FieldValue) {
        if let Some(meaning) = self.callsite.meaning(field) {
            self.fields.0.push((meaning, value()));
        }
    }
}

impl Visit for Collector<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, || {
            FieldValue::Text(RawText::new(format!("{value:?}").into_bytes()))
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, || FieldValue::Text(RawText::from(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, || FieldValue::Int(u64::from(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, || FieldValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        // No count of the table is negative: such a one says nothing.
        if let Ok(value) = u64::try_from(value) {
            self.push(field, || FieldValue::Int(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, || FieldValue::Int(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if let Ok(value) = u64::try_from(value) {
            self.push(field, || FieldValue::Int(value));
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Ok(value) = u64::try_from(value) {
            self.push(field, || FieldValue::Int(value));
        }
    }
}

impl Fields {
    /// Puts what the fields say into the call.
    pub(super) fn apply(self, call: &mut CapturedCall) {
        for (meaning, value) in self.0 {
            match value {
                FieldValue::Float(number) => apply_float(call, meaning, number),
                FieldValue::Int(number) => apply_int(call, meaning, number),
                FieldValue::Text(text) => apply_text(call, meaning, text),
            }
        }
    }
}

fn apply_float(call: &mut CapturedCall, meaning: Meaning, number: f64) {
    match meaning {
        Meaning::RequestTemperature => call.request.temperature = Some(number),
        Meaning::RequestTopP => call.request.top_p = Some(number),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds of a call, rounded to nanoseconds"
        )]
        Meaning::TimeToFirstChunk if number >= 0.0 => {
            call.time_to_first_chunk_ns = Some((number * 1e9).round() as u64);
        }
        _ => {}
    }
}

fn apply_int(call: &mut CapturedCall, meaning: Meaning, number: u64) {
    let usage = &mut call.response.usage;
    let count = match meaning {
        Meaning::AudioInputTokens => &mut usage.audio_input_tokens,
        Meaning::AudioOutputTokens => &mut usage.audio_output_tokens,
        Meaning::CacheReadInputTokens => &mut usage.cache_read_input_tokens,
        Meaning::CacheWriteInputTokens => &mut usage.cache_write_input_tokens,
        Meaning::InputTokens => &mut usage.input_tokens,
        Meaning::OutputTokens => &mut usage.output_tokens,
        Meaning::ReasoningOutputTokens => &mut usage.reasoning_output_tokens,
        Meaning::RequestMaxTokens => &mut call.request.max_tokens,
        Meaning::RequestStream => {
            call.request.delivery = if number == 0 {
                Delivery::Whole
            } else {
                Delivery::Stream
            };
            return;
        }
        Meaning::ServerPort => {
            call.server_port = u16::try_from(number).ok();
            return;
        }
        _ => return apply_text(call, meaning, RawText::from(number.to_string().as_str())),
    };
    *count = Some(number);
    if matches!(meaning, Meaning::OutputTokens) {
        answered(call);
    }
}

fn apply_text(call: &mut CapturedCall, meaning: Meaning, raw: RawText) {
    let text = raw.to_text();
    if text.is_empty() {
        return;
    }
    let label = || Some(Label::clip(&text));
    match meaning {
        Meaning::Action => call.action = label(),
        Meaning::ClientAddress => call.actor.client_address = label(),
        Meaning::Conversation => call.actor.conversation = label(),
        Meaning::ErrorType => failed(call, label(), None),
        Meaning::FinishReasons => {
            call.response.finish_reasons = finish_reasons(&text);
            answered(call);
        }
        Meaning::Input => call.input = Some(Content::of_text(&text)),
        Meaning::Operation => call.operation = Label::clip(&text),
        Meaning::Output => {
            call.response.output = Some(Content::of_text(&text));
            answered(call);
        }
        Meaning::Provider => call.provider = Some(Label::clip(dialect::provider_name(&text))),
        Meaning::RequestModel => call.request.model = label(),
        Meaning::ResponseId => {
            call.response.id = label();
            answered(call);
        }
        Meaning::ResponseModel => {
            call.response.model = label();
            answered(call);
        }
        Meaning::ServerAddress => call.server_address = label(),
        Meaning::ServiceTier => call.response.service_tier = label(),
        Meaning::Session => call.actor.session = label(),
        Meaning::StatusCode if text.eq_ignore_ascii_case("error") => failed(call, None, None),
        Meaning::StatusDescription => failed(call, None, Some(raw)),
        Meaning::SystemPrompt => call.system_prompt = Some(Content::of_text(&text)),
        Meaning::Tenant => call.actor.tenant = label(),
        Meaning::Tools => call.tools = Some(Content::of_text(&text)),
        Meaning::User => call.actor.user_id = label(),
        // Numbers as texts come from layers that lost their type on the way.
        _ => {
            if let Ok(number) = text.parse::<u64>() {
                apply_number(call, meaning, number);
            }
        }
    }
}

fn apply_number(call: &mut CapturedCall, meaning: Meaning, number: u64) {
    let numeric = !matches!(
        meaning,
        Meaning::StatusCode
            | Meaning::RequestTemperature
            | Meaning::RequestTopP
            | Meaning::TimeToFirstChunk
    );
    if numeric {
        apply_int(call, meaning, number);
    }
}

/// Signs of an answer: they do not take back an error that was seen.
fn answered(call: &mut CapturedCall) {
    if matches!(call.ending, Ending::Unseen) {
        call.ending = Ending::Answered;
    }
}

/// Signs of an error add up: the first class counts, a text joins it.
fn failed(call: &mut CapturedCall, error_type: Option<Label>, message: Option<RawText>) {
    if let Ending::Failed(failure) = &mut call.ending {
        if failure.error_type.as_str() == OTHER {
            failure.error_type = error_type.unwrap_or_else(|| Label::clip(OTHER));
        }
        failure.message = failure.message.take().or(message);
    } else {
        let error_type = error_type.unwrap_or_else(|| Label::clip(OTHER));
        call.ending = Ending::Failed(Failure {
            error_type,
            message,
        });
    }
}

/// An event of level ERROR said that the call failed.
pub(super) fn failed_by_event(call: &mut CapturedCall, message: RawText) {
    failed(call, None, Some(message));
}

fn finish_reasons(text: &str) -> Vec<Label> {
    let list: Option<Vec<String>> = serde_json::from_str(text).ok();
    list.unwrap_or_else(|| vec![text.to_owned()])
        .iter()
        .map(|reason| Label::clip(reason))
        .collect()
}

/// `error.type` of an error whose class is not known (OpenTelemetry general conventions).
const OTHER: &str = "_OTHER";
