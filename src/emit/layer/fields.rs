//! From the fields of a span to what they say of its call.

use std::fmt;

use tracing::field::{Field, Visit};
use zeroize::Zeroizing;

use super::callsite::Callsite;
use crate::record::{CapturedCall, Content, Delivery, Ending, Failure, Label, RawText};
use crate::semconv::dialect::{self, Meaning};

/// Fields that were visited, copied out before any lock is taken: a `Debug` of somebody else may do anything, open
/// spans too.
#[derive(Default)]
pub(super) struct Fields(Vec<(Meaning, FieldValue)>);

/// What one field says.
pub(crate) enum FieldValue {
    /// Content, in the form in which it is hashed.
    Content(Content),
    /// An error's text.
    Error(RawText),
    /// A number with a fraction.
    Float(f64),
    /// A count, or a flag.
    Int(u64),
    /// A name.
    Text(Label),
}

impl FieldValue {
    /// A text in the form that its meaning asks for, so that it is copied once.
    pub(crate) fn of_text(meaning: Meaning, text: &str) -> Self {
        match meaning {
            // As it was said: canonical JSON rounds long numbers.
            Meaning::Metadata => Self::Content(Content::Bytes(RawText::from(text))),
            Meaning::Input | Meaning::Output | Meaning::SystemPrompt | Meaning::Tools => {
                Self::Content(Content::of_text(text))
            }
            Meaning::StatusDescription => Self::Error(RawText::from(text)),
            _ => Self::Text(Label::clip(text)),
        }
    }
}

/// Gives the fields of one call site to `keep`, in which a foreign `Debug` may run: no lock may be held.
pub(super) struct Collector<'a, K> {
    callsite: &'a Callsite,
    keep: K,
}

impl<'a, K: FnMut(Meaning, FieldValue)> Collector<'a, K> {
    pub(super) fn new(callsite: &'a Callsite, keep: K) -> Self {
        Self { callsite, keep }
    }

    fn push(&mut self, field: &Field, value: impl FnOnce(Meaning) -> FieldValue) {
        if let Some(meaning) = self.callsite.meaning(field) {
            let value = value(meaning);
            if matches!(value, FieldValue::Content(_)) && meaning != Meaning::Metadata {
                self.callsite.carry_content();
            }
            (self.keep)(meaning, value);
        }
    }

    fn push_text(&mut self, field: &Field, text: &str) {
        // An empty text says nothing.
        if !text.is_empty() {
            self.push(field, |meaning| FieldValue::of_text(meaning, text));
        }
    }
}

impl<K: FnMut(Meaning, FieldValue)> Visit for Collector<'_, K> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.callsite.meaning(field).is_some() {
            self.push_text(field, &Zeroizing::new(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, |_| FieldValue::Int(u64::from(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, |_| FieldValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        // No count of the table is negative: such a one says nothing.
        if let Ok(value) = u64::try_from(value) {
            self.push(field, |_| FieldValue::Int(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, |_| FieldValue::Int(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        if let Ok(value) = u64::try_from(value) {
            self.push(field, |_| FieldValue::Int(value));
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        if let Ok(value) = u64::try_from(value) {
            self.push(field, |_| FieldValue::Int(value));
        }
    }
}

impl Fields {
    pub(super) fn push(&mut self, meaning: Meaning, value: FieldValue) {
        self.0.push((meaning, value));
    }

    /// Puts what the fields say into the call.
    pub(super) fn apply(self, call: &mut CapturedCall) {
        for (meaning, value) in self.0 {
            take_field(call, meaning, value);
        }
    }
}

/// Puts what one field says into the call: the only way in for whatever has names and values.
pub(crate) fn take_field(call: &mut CapturedCall, meaning: Meaning, value: FieldValue) {
    let value = match value {
        FieldValue::Float(number) if is_text(meaning) => {
            FieldValue::of_text(meaning, &number.to_string())
        }
        FieldValue::Int(number) if is_text(meaning) => {
            FieldValue::of_text(meaning, &number.to_string())
        }
        other => other,
    };
    match value {
        FieldValue::Content(content) => apply_content(call, meaning, content),
        FieldValue::Error(message) => failed(call, None, Some(message)),
        FieldValue::Float(number) => apply_float(call, meaning, number),
        FieldValue::Int(number) => apply_int(call, meaning, number),
        FieldValue::Text(text) => apply_text(call, meaning, text),
    }
}

/// Whether what has this meaning is a text, whatever it is said as.
fn is_text(meaning: Meaning) -> bool {
    matches!(
        meaning,
        Meaning::Input
            | Meaning::Metadata
            | Meaning::Output
            | Meaning::StatusDescription
            | Meaning::SystemPrompt
            | Meaning::Tools
    )
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
    if !takes_number(call, meaning, number) {
        apply_name(call, meaning, Label::clip(&number.to_string()));
    }
}

/// False where the meaning is no number's.
fn takes_number(call: &mut CapturedCall, meaning: Meaning, number: u64) -> bool {
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
            return true;
        }
        Meaning::ServerPort => {
            call.server_port = u16::try_from(number).ok();
            return true;
        }
        Meaning::SignOfAnswer => {
            answered(call);
            return true;
        }
        _ => return false,
    };
    *count = Some(number);
    if matches!(meaning, Meaning::OutputTokens) {
        answered(call);
    }
    true
}

fn apply_content(call: &mut CapturedCall, meaning: Meaning, content: Content) {
    match meaning {
        Meaning::Input => call.input = Some(content),
        Meaning::Output => {
            call.response.output = Some(content);
            answered(call);
        }
        Meaning::Metadata => call.metadata = Some(content),
        Meaning::SystemPrompt => call.system_prompt = Some(content),
        Meaning::Tools => call.tools = Some(content),
        _ => {}
    }
}

fn apply_text(call: &mut CapturedCall, meaning: Meaning, text: Label) {
    // Numbers as texts come from layers that lost their type on the way.
    let number = text.as_str().parse::<u64>().ok();
    if !number.is_some_and(|number| takes_number(call, meaning, number)) {
        apply_name(call, meaning, text);
    }
}

fn apply_name(call: &mut CapturedCall, meaning: Meaning, text: Label) {
    match meaning {
        Meaning::Action => call.action = Some(text),
        Meaning::ClientAddress => call.actor.client_address = Some(text),
        Meaning::Conversation => call.actor.conversation = Some(text),
        Meaning::ErrorType => failed(call, Some(text), None),
        Meaning::FinishReasons => {
            take_finish_reasons(&mut call.response.finish_reasons, text);
            answered(call);
        }
        Meaning::Operation => call.operation = text,
        Meaning::Provider => call.provider = Some(provider(text)),
        Meaning::RequestModel => call.request.model = Some(text),
        Meaning::ResponseId => {
            call.response.id = Some(text);
            answered(call);
        }
        Meaning::ResponseModel => {
            call.response.model = Some(text);
            answered(call);
        }
        Meaning::ServerAddress => call.server_address = Some(text),
        Meaning::ServiceTier => call.response.service_tier = Some(text),
        Meaning::Session => call.actor.session = Some(text),
        Meaning::SignOfAnswer => answered(call),
        Meaning::StatusCode if text.as_str().eq_ignore_ascii_case("error") => {
            failed(call, None, None)
        }
        Meaning::Tenant => call.actor.tenant = Some(text),
        Meaning::ToolOutcome => match text.as_str() {
            "error" => failed(call, None, None),
            "success" => answered(call),
            // A rule, or a person, did not let it run.
            _ => call.ending = Ending::Blocked(text),
        },
        Meaning::User => call.actor.user_id = Some(text),
        _ => {}
    }
}

fn provider(name: Label) -> Label {
    let today = dialect::provider_name(name.as_str());
    if today == name.as_str() {
        name
    } else {
        Label::clip(today)
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

/// One text, or a JSON array of texts. The list is used again.
fn take_finish_reasons(reasons: &mut Vec<Label>, text: Label) {
    reasons.clear();
    let list: Option<Vec<String>> = if text.as_str().starts_with('[') {
        serde_json::from_str(text.as_str()).ok()
    } else {
        None
    };
    match list {
        Some(list) => reasons.extend(list.iter().map(|reason| Label::clip(reason))),
        None => reasons.push(text),
    }
}

/// `error.type` of an error whose class is not known (OpenTelemetry general conventions).
const OTHER: &str = "_OTHER";
