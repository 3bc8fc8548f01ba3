//! The responses interface. Its last event holds the whole answer, which replaces what the events before it said;
//! a stream that breaks off before leaves what they said.
//!
//! All output items are parts of one message, in their order. A part's place is its item's index, its section in the
//! item (0: a tool call, or what is of another kind; 1: summary; 2: content), and its index there.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{absorb_error, absorb_usage};
use crate::provider::answer::{Answer, Choice, Part, Place, Runs, ToolCall};
use crate::provider::tolerant;
use crate::provider::usage::openai::UsageBody;
use crate::provider::wiped::WipedText;
use crate::provider::{ProviderError, failure};
use crate::record::Label;

/// Takes a whole answer.
pub(super) fn absorb_whole(answer: &mut Answer, json: &[u8]) -> Result<(), ProviderError> {
    if let Some(response) = tolerant::parse::<ResponseBody<'_>>(json)? {
        absorb_response(answer, response);
    }
    Ok(())
}

/// Takes an event of a stream. Events of unknown kinds say nothing.
pub(super) fn absorb_event(
    answer: &mut Answer,
    kind: &str,
    json: &[u8],
) -> Result<(), ProviderError> {
    let Some(event) = tolerant::parse::<EventBody<'_>>(json)? else {
        return Ok(());
    };
    if let Some(response) = event.response {
        absorb_response(answer, response);
        return Ok(());
    }
    let item = event.output_index.unwrap_or(0);
    let content = Place(item, CONTENT, event.content_index.unwrap_or(0));
    let summary = Place(item, SUMMARY, event.summary_index.unwrap_or(0));
    match kind {
        "error" => {
            let said = event.error.and_then(failure::of_member);
            let flat = || failure::ErrorBody::new(None, event.code, event.message).into_said();
            answer.fail(said.unwrap_or_else(flat));
        }
        "response.output_item.added" | "response.output_item.done" => {
            if let Some(json) = event.item {
                let choice = answer.choice(0);
                choice.parts.retain(|place, _| place.0 != item);
                absorb_item(choice, item, json);
            }
        }
        "response.output_text.delta" => answer.choice(0).say(content, event.delta, Part::Text),
        "response.refusal.delta" => answer.choice(0).say(content, event.delta, Part::Refusal),
        "response.reasoning_text.delta" => {
            answer.choice(0).say(content, event.delta, Part::Reasoning);
        }
        "response.reasoning_summary_text.delta" => {
            answer.choice(0).say(summary, event.delta, Part::Reasoning);
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            let place = Place(item, ITEM, 0);
            let unnamed = |_| Part::ToolCall(ToolCall::unnamed());
            answer.choice(0).say(place, event.delta, unnamed);
        }
        _ => {}
    }
    Ok(())
}

fn absorb_response(answer: &mut Answer, said: ResponseBody<'_>) {
    answer.learn(said.id, said.model, said.service_tier);
    absorb_usage(answer, said.usage);
    let status = said.status.as_ref().map_or("", Label::as_str);
    if !said.output.is_empty() {
        let choice = answer.choice(0);
        choice.parts.clear();
        for (index, json) in (0..).zip(said.output) {
            absorb_item(choice, index, json);
        }
    }
    if matches!(status, "queued" | "in_progress") {
        return;
    }
    answer.ended = true;
    if !absorb_error(answer, said.error) && status == "failed" {
        answer.failure = Some(failure::failure(None, None));
    }
    let incomplete = said.incomplete_details.and_then(|details| details.reason);
    answer.choice(0).finish_reason = None;
    answer.choice(0).stop(incomplete.or(said.status));
}

fn absorb_item(choice: &mut Choice, index: u64, json: &RawValue) {
    let item = tolerant::parse::<ItemBody>(json.get().as_bytes());
    let item = item.ok().flatten().unwrap_or_default();
    match item.kind.as_ref().map_or("", Label::as_str) {
        "message" => {
            choice.role = item.role.or(choice.role.take());
            absorb_texts(choice, index, CONTENT, item.content);
        }
        "reasoning" => {
            absorb_texts(choice, index, SUMMARY, item.summary);
            absorb_texts(choice, index, CONTENT, item.content);
        }
        "function_call" | "custom_tool_call" => {
            let call = ToolCall {
                runs: Runs::AtClient,
                id: item.call_id,
                name: item.name,
                arguments: item.arguments.or(item.input).unwrap_or_default(),
            };
            choice.call(Place(index, ITEM, 0), call);
        }
        _ => {
            let kind = item.kind.unwrap_or_else(|| Label::clip("unknown"));
            let other = Part::Other(kind, WipedText::from(json.get()));
            choice.parts.insert(Place(index, ITEM, 0), other);
        }
    }
}

fn absorb_texts(choice: &mut Choice, item: u64, section: u64, texts: Vec<TextBody>) {
    for (index, said) in (0..).zip(texts) {
        let place = Place(item, section, index);
        match said.kind.as_ref().map_or("", Label::as_str) {
            "refusal" => choice.say(place, said.refusal, Part::Refusal),
            "reasoning_text" | "summary_text" => choice.say(place, said.text, Part::Reasoning),
            _ => choice.say(place, said.text, Part::Text),
        }
    }
}

const ITEM: u64 = 0;
const SUMMARY: u64 = 1;
const CONTENT: u64 = 2;

#[derive(Deserialize)]
struct ResponseBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    service_tier: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    status: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    incomplete_details: Option<IncompleteBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    output: Vec<&'a RawValue>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct IncompleteBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reason: Option<Label>,
}

#[derive(Deserialize)]
struct EventBody<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    response: Option<ResponseBody<'a>>,
    #[serde(default, borrow)]
    item: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    content_index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    summary_index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    delta: Option<WipedText>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    code: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
}

#[derive(Default, Deserialize)]
struct ItemBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    call_id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    arguments: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::objects")]
    content: Vec<TextBody>,
    #[serde(default, deserialize_with = "tolerant::objects")]
    summary: Vec<TextBody>,
}

#[derive(Deserialize)]
struct TextBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    refusal: Option<WipedText>,
}
