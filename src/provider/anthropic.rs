//! Anthropic: messages and errors.
//!
//! A stream says counts at its start and corrects them towards its end; what they include is in
//! [`usage::anthropic`](super::usage::anthropic).
//!
//! A part's place is the index of its content block.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, Said, ToolCall};
use super::reader::Recognised;
use super::request::{self, RequestFacts};
use super::tolerant::{self, Count};
use super::usage::Counts;
use super::usage::anthropic::UsageBody;
use super::wiped::WipedText;
use super::{ProviderError, failure};
use crate::record::{Delivery, Label};

/// Takes a whole answer, or one event of a streamed one. `counted` holds the counts as they were said so far, which are
/// added up anew with every correction.
pub(super) fn absorb(
    answer: &mut Answer,
    counted: &mut UsageBody,
    json: &[u8],
) -> Result<Recognised, ProviderError> {
    let Some(event) = tolerant::parse::<EventBody<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    match event.kind.as_ref().map_or("", Label::as_str) {
        "message" => {
            absorb_message(answer, counted, event.message_itself());
            answer.ended = true;
        }
        "message_start" => {
            if let Some(message) = event.message {
                absorb_message(answer, counted, message);
            }
        }
        "content_block_start" => {
            if let Some(block) = event.content_block {
                absorb_block(answer.choice(0), event.index.unwrap_or(0), block);
            }
        }
        "content_block_delta" => {
            if let Some(delta) = event.delta {
                absorb_delta(answer.choice(0), event.index.unwrap_or(0), delta);
            }
        }
        "message_delta" => {
            let reason = event.delta.and_then(|delta| delta.stop_reason);
            answer.choice(0).stop(reason);
            absorb_usage(answer, counted, event.usage);
        }
        "message_stop" => answer.ended = true,
        // Gateways hand on the error without the type around it.
        kind if kind == "error" || (kind.is_empty() && event.error.is_some()) => {
            let said = event.error.and_then(failure::of_member);
            let unsaid = || Said::Failed(failure::failure(None, None));
            answer.fail(said.unwrap_or_else(unsaid));
        }
        _ => return Ok(Recognised::No),
    }
    Ok(Recognised::Yes)
}

fn absorb_message(answer: &mut Answer, counted: &mut UsageBody, said: MessageBody<'_>) {
    answer.learn(said.id, said.model, None);
    let choice = answer.choice(0);
    choice.role = said.role.or(choice.role.take());
    for (index, block) in (0..).zip(said.content) {
        absorb_block(choice, index, block);
    }
    choice.stop(said.stop_reason);
    absorb_usage(answer, counted, said.usage);
}

fn absorb_usage(answer: &mut Answer, counted: &mut UsageBody, said: Option<UsageBody>) {
    if let Some(said) = said {
        counted.correct(said);
        answer.take_usage(counted.facts());
    }
}

/// What a request says.
pub(super) fn read_request(json: &[u8]) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    let Some(messages) = body.messages else {
        return Ok(None);
    };
    let delivery = request::delivery(body.stream);
    Ok(Some(RequestFacts {
        operation: "chat",
        action: match delivery {
            Delivery::Whole => "messages.create",
            Delivery::Stream => "messages.stream",
        },
        request: crate::record::Request {
            model: body.model,
            max_tokens: body.max_tokens.known(),
            temperature: body.temperature,
            top_p: body.top_p,
            delivery,
        },
        system_prompt: body.system.map(request::content),
        input: Some(request::content(messages)),
        tools: body.tools.map(request::content),
    }))
}

fn absorb_block(choice: &mut Choice, index: u64, json: &RawValue) {
    let place = Place(index, 0, 0);
    let block = tolerant::parse::<BlockBody<'_>>(json.get().as_bytes());
    let block = block.ok().flatten().unwrap_or_default();
    match block.kind.as_ref().map_or("", Label::as_str) {
        "text" => choice.say(place, block.text, Part::Text),
        "thinking" => choice.say(place, block.thinking, Part::Reasoning),
        kind @ ("tool_use" | "server_tool_use" | "mcp_tool_use") => {
            let call = ToolCall {
                runs: if kind == "tool_use" {
                    Runs::AtClient
                } else {
                    Runs::AtProvider
                },
                id: block.id,
                name: block.name,
                arguments: WipedText::from(block.input.map_or("{}", RawValue::get)),
            };
            choice.call(place, call);
        }
        _ => {
            let kind = block.kind.unwrap_or_else(|| Label::clip("unknown"));
            let other = Part::Other(kind, WipedText::from(json.get()));
            choice.parts.insert(place, other);
        }
    }
}

fn absorb_delta(choice: &mut Choice, index: u64, delta: DeltaBody) {
    let place = Place(index, 0, 0);
    match delta.kind.as_ref().map_or("", Label::as_str) {
        "text_delta" => choice.say(place, delta.text, Part::Text),
        "thinking_delta" => choice.say(place, delta.thinking, Part::Reasoning),
        "input_json_delta" => {
            forget_placeholder(choice, place, delta.partial_json.as_ref());
            let unnamed = |_| Part::ToolCall(ToolCall::unnamed());
            choice.say(place, delta.partial_json, unnamed);
        }
        _ => {}
    }
}

/// A tool call starts with `"input": {}`, which stands only until the first piece of its real input.
fn forget_placeholder(choice: &mut Choice, place: Place, piece: Option<&WipedText>) {
    let begins = piece.is_some_and(|piece| !piece.is_empty());
    if let (true, Some(Part::ToolCall(call))) = (begins, choice.parts.get_mut(&place)) {
        let inside = call.arguments.as_str().trim().strip_prefix('{');
        let inside = inside.and_then(|rest| rest.strip_suffix('}'));
        if inside.is_some_and(|inside| inside.trim().is_empty()) {
            call.arguments = WipedText::default();
        }
    }
}

#[derive(Deserialize)]
struct EventBody<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<MessageBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::object")]
    delta: Option<DeltaBody>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    // What follows stands here in a whole answer, and in `message` in the first event of a stream.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    content: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
}

impl<'a> EventBody<'a> {
    fn message_itself(self) -> MessageBody<'a> {
        MessageBody {
            id: self.id,
            model: self.model,
            role: self.role,
            content: self.content,
            stop_reason: self.stop_reason,
            usage: self.usage,
        }
    }
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    content: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
}

#[derive(Default, Deserialize)]
struct BlockBody<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    partial_json: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    system: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stream: bool,
}
