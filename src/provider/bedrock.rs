//! Amazon Bedrock: the Converse API, whole and streamed, and its errors. What `InvokeModel` answers is in the form of the
//! model's maker: that of Anthropic is read as Anthropic's, those of Amazon's Titan and Meta's Llama are in `invoke.rs`.
//!
//! An event of a stream is named by the header of its message (`event_stream.rs`), and its JSON is the bare object; or a
//! client decoded it, and its JSON is an object with the name for its only member. Both are read.
//!
//! A part's place is the index of its content block. What was redacted of reasoning is no content. The model's name
//! stands in the request alone. The end of a stream is `metadata`, which has the counts.
//!
//! Source: AWS, Bedrock API reference, `Converse`, `ConverseStream`, `InvokeModelWithResponseStream`.

mod chunk;
mod invoke;
mod request;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, Said, ToolCall};
use super::reader::Recognised;
use super::usage::{Counts as _, bedrock::UsageBody};
use super::wiped::WipedText;
use super::{ProviderError, failure, tolerant};
use crate::record::Label;

pub(super) use self::chunk::unwrapped;
pub(super) use self::request::read_request;

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(
    answer: &mut Answer,
    name: &str,
    json: &[u8],
) -> Result<Recognised, ProviderError> {
    if EVENTS.contains(&name) {
        if let Some(event) = tolerant::parse::<EventBody<'_>>(json)? {
            absorb_event(answer, name, event);
        }
        return Ok(Recognised::Yes);
    }
    let Some(body) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    if let Some((name, inner)) = body.wrapped() {
        return absorb(answer, name, inner.get().as_bytes());
    }
    if let Some((class, inner)) = body.thrown() {
        answer.fail(failure::thrown(class, inner.get().as_bytes()));
        return Ok(Recognised::Yes);
    }
    let Some(output) = body.output else {
        let class = body.error_class.as_ref().map(failure::class_of_exception);
        return match body.message.or(body.capital_message) {
            Some(message) if body.stop_reason.is_none() => {
                answer.fail(Said::Failed(failure::failure(class, Some(message))));
                Ok(Recognised::Yes)
            }
            _ => invoke::absorb(answer, json),
        };
    };
    let choice = answer.choice(0);
    let message = output.message.unwrap_or_default();
    choice.role = message.role.or(choice.role.take());
    for (index, block) in (0..).zip(message.content) {
        absorb_block(choice, Place(index, 0, 0), block);
    }
    choice.stop(body.stop_reason);
    absorb_counts(answer, body.usage, body.service_tier);
    answer.ended = true;
    Ok(Recognised::Yes)
}

fn absorb_event(answer: &mut Answer, name: &str, said: EventBody<'_>) {
    let place = Place(said.content_block_index.unwrap_or(0), 0, 0);
    match name {
        "messageStart" => {
            let choice = answer.choice(0);
            choice.role = said.role.or(choice.role.take());
        }
        "contentBlockStart" => {
            if let Some(call) = said.start.and_then(|start| start.tool_use) {
                answer.choice(0).call(place, call.into_call());
            }
        }
        "contentBlockDelta" => {
            let (choice, delta) = (answer.choice(0), said.delta.unwrap_or_default());
            let thought = delta.reasoning_content.and_then(|said| said.text);
            choice.say(place, thought, Part::Reasoning);
            choice.say(place, delta.text, Part::Text);
            let arguments = delta.tool_use.and_then(|said| said.input);
            choice.say(place, arguments, |_| Part::ToolCall(ToolCall::unnamed()));
        }
        "messageStop" => answer.choice(0).stop(said.stop_reason),
        "metadata" => {
            absorb_counts(answer, said.usage, said.service_tier);
            answer.ended = true;
        }
        _ => {}
    }
}

fn absorb_counts(answer: &mut Answer, usage: Option<UsageBody>, tier: Option<TierBody>) {
    if let Some(usage) = usage {
        answer.take_usage(usage.facts());
    }
    answer.learn(None, None, tier.and_then(|tier| tier.kind));
}

fn absorb_block(choice: &mut Choice, place: Place, json: &RawValue) {
    let block = tolerant::parse::<BlockBody<'_>>(json.get().as_bytes());
    let block = block.ok().flatten().unwrap_or_default();
    if let Some(text) = block.text {
        choice.say(place, Some(text), Part::Text);
    } else if let Some(said) = block.reasoning_content {
        let text = said.reasoning_text.and_then(|said| said.text);
        choice.say(place, text, Part::Reasoning);
    } else if let Some(call) = block.tool_use {
        choice.call(place, call.into_call());
    } else if let Some(cited) = block.citations_content {
        for text in cited.content {
            choice.say(place, text.text, Part::Text);
        }
    } else {
        let kind = tolerant::first_member(json.get()).unwrap_or_else(|| Label::clip("unknown"));
        let other = Part::Other(kind, WipedText::from(json.get()));
        choice.parts.insert(place, other);
    }
}

/// Events that say something.
const EVENTS: &[&str] = &[
    "contentBlockDelta",
    "contentBlockStart",
    "contentBlockStop",
    "messageStart",
    "messageStop",
    "metadata",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    output: Option<OutputBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    service_tier: Option<TierBody>,
    #[serde(default, borrow)]
    content_block_delta: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content_block_start: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content_block_stop: Option<&'a RawValue>,
    #[serde(default, borrow)]
    message_start: Option<&'a RawValue>,
    #[serde(default, borrow)]
    message_stop: Option<&'a RawValue>,
    #[serde(default, borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(default, borrow)]
    internal_server_exception: Option<&'a RawValue>,
    #[serde(default, borrow)]
    model_stream_error_exception: Option<&'a RawValue>,
    #[serde(default, borrow)]
    model_timeout_exception: Option<&'a RawValue>,
    #[serde(default, borrow)]
    service_unavailable_exception: Option<&'a RawValue>,
    #[serde(default, borrow)]
    throttling_exception: Option<&'a RawValue>,
    #[serde(default, borrow)]
    validation_exception: Option<&'a RawValue>,
    /// With `message`: an error, whose class may stand in a header only.
    #[serde(default, rename = "__type", deserialize_with = "tolerant::leaf")]
    error_class: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
    #[serde(default, rename = "Message", deserialize_with = "tolerant::leaf")]
    capital_message: Option<WipedText>,
}

impl<'a> Body<'a> {
    /// The event that a client decoded, and its name.
    fn wrapped(&self) -> Option<(&'static str, &'a RawValue)> {
        let events = [
            self.content_block_delta,
            self.content_block_start,
            self.content_block_stop,
            self.message_start,
            self.message_stop,
            self.metadata.filter(|_| self.output.is_none()),
        ];
        let mut said = EVENTS.iter().zip(events);
        said.find_map(|(name, event)| event.map(|event| (*name, event)))
    }

    /// The exception that a client decoded, and its class.
    fn thrown(&self) -> Option<(&'static str, &'a RawValue)> {
        let exceptions = [
            ("InternalServerException", self.internal_server_exception),
            (
                "ModelStreamErrorException",
                self.model_stream_error_exception,
            ),
            ("ModelTimeoutException", self.model_timeout_exception),
            (
                "ServiceUnavailableException",
                self.service_unavailable_exception,
            ),
            ("ThrottlingException", self.throttling_exception),
            ("ValidationException", self.validation_exception),
        ];
        let mut exceptions = exceptions.into_iter();
        exceptions.find_map(|(class, said)| said.map(|said| (class, said)))
    }
}

#[derive(Deserialize)]
struct OutputBody<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<MessageBody<'a>>,
}

#[derive(Default, Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    content: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    reasoning_content: Option<ReasoningBody>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    tool_use: Option<CallBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::object")]
    citations_content: Option<CitedBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningBody {
    #[serde(default, deserialize_with = "tolerant::object")]
    reasoning_text: Option<TextBody>,
}

#[derive(Deserialize)]
struct CitedBody {
    #[serde(default, deserialize_with = "tolerant::objects")]
    content: Vec<TextBody>,
}

#[derive(Deserialize)]
struct TextBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallBody<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    tool_use_id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
}

impl CallBody<'_> {
    /// The call; that of a stream has its arguments in later events.
    fn into_call(self) -> ToolCall {
        let at_provider = |kind: &Label| kind.as_str() == "server_tool_use";
        ToolCall {
            runs: if self.kind.as_ref().is_some_and(at_provider) {
                Runs::AtProvider
            } else {
                Runs::AtClient
            },
            id: self.tool_use_id,
            name: self.name,
            arguments: WipedText::from(self.input.map_or("", RawValue::get)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    content_block_index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    start: Option<StartBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::object")]
    delta: Option<DeltaBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    service_tier: Option<TierBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    tool_use: Option<CallBody<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    reasoning_content: Option<TextBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    tool_use: Option<ArgumentsBody>,
}

#[derive(Deserialize)]
struct ArgumentsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input: Option<WipedText>,
}

#[derive(Deserialize)]
struct TierBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
}
