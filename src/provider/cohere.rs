//! Cohere: `chat` of both versions of its API, embeddings, reranking, errors.
//!
//! The second version answers with a `message`, and its stream is events told by `type`; the first answers with a `text`,
//! and its stream is events told by `event_type`, of which the last holds the whole answer once more.
//!
//! A part's place is its section (plan of tools, content, tool calls) and its index there. The plan that a model makes of
//! its tools is reasoning. Citations are no content of their own: they say which stretch of the text has which source.
//!
//! Finish reasons `ERROR_TOXIC` (blocked), `ERROR` and `TIMEOUT` (failed) decide the verdict.
//!
//! Source: Cohere, API reference v2 and v1, `chat`, `chat-stream`, `embed`, `rerank`.

mod first;
mod request;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, Said, ToolCall};
use super::reader::Recognised;
use super::usage::{Counts as _, cohere::UsageBody};
use super::wiped::WipedText;
use super::{ProviderError, failure, tolerant};
use crate::record::Label;

pub(super) use self::request::read_request;

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(said) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    let kind = said.kind.as_ref().map_or("", Label::as_str).to_owned();
    if EVENTS.contains(&kind.as_str()) {
        absorb_event(answer, &kind, said);
        return Ok(Recognised::Yes);
    }
    if said.object.is_some() || (!kind.is_empty() && said.message.is_none()) {
        return Ok(Recognised::No);
    }
    let Some(message) = said.message else {
        return first::absorb(answer, json);
    };
    // An error has a text where an answer has a message.
    if let Some(text) = tolerant::text(message) {
        answer.fail(Said::Failed(failure::failure(None, Some(text))));
        return Ok(Recognised::Yes);
    }
    let message = tolerant::parse::<MessageBody<'_>>(message.get().as_bytes())?;
    answer.learn(said.id, None, None);
    absorb_message(answer.choice(0), message.unwrap_or_default());
    answer.choice(0).stop(said.finish_reason);
    if let Some(usage) = said.usage {
        answer.take_usage(usage.facts());
    }
    answer.ended = true;
    Ok(Recognised::Yes)
}

fn absorb_message(choice: &mut Choice, said: MessageBody<'_>) {
    choice.role = said.role.or(choice.role.take());
    choice.say(PLAN, said.tool_plan, Part::Reasoning);
    for (index, block) in (0..).zip(said.content) {
        absorb_block(choice, Place(CONTENT, index, 0), block);
    }
    for (index, call) in (0..).zip(said.tool_calls) {
        choice.call(Place(CALLS, index, 0), call.into_call());
    }
}

fn absorb_event(answer: &mut Answer, kind: &str, said: Body<'_>) {
    let delta = said.delta.unwrap_or_default();
    if kind == "message-start" {
        answer.learn(said.id, None, None);
    }
    if let Some(message) = delta.message {
        let index = said.index.unwrap_or(0);
        let choice = answer.choice(0);
        choice.role = message.role.or(choice.role.take());
        choice.say(PLAN, message.tool_plan, Part::Reasoning);
        if let Some(block) = message.content {
            absorb_block(choice, Place(CONTENT, index, 0), block);
        }
        if let Some(call) = message.tool_calls {
            choice.call(Place(CALLS, index, 0), call.into_call());
        }
    }
    if kind == "message-end" {
        if let Some(text) = delta.error {
            answer.fail(Said::Failed(failure::failure(None, Some(text))));
        }
        answer.choice(0).stop(delta.finish_reason);
        if let Some(usage) = delta.usage {
            answer.take_usage(usage.facts());
        }
        answer.ended = true;
    }
}

/// A block of content, or what an event adds to one.
fn absorb_block(choice: &mut Choice, place: Place, json: &RawValue) {
    let block = tolerant::parse::<BlockBody>(json.get().as_bytes());
    let block = block.ok().flatten().unwrap_or_default();
    choice.say(place, block.thinking, Part::Reasoning);
    choice.say(place, block.text, Part::Text);
}

const PLAN: Place = Place(0, 0, 0);
const CONTENT: u64 = 1;
const CALLS: u64 = 2;

const EVENTS: &[&str] = &[
    "citation-end",
    "citation-start",
    "content-delta",
    "content-end",
    "content-start",
    "debug",
    "message-end",
    "message-start",
    "tool-call-delta",
    "tool-call-end",
    "tool-call-start",
    "tool-plan-delta",
];

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    /// Of the forms of others.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    object: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    delta: Option<DeltaBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
}

#[derive(Default, Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    tool_plan: Option<WipedText>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    content: Vec<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<CallBody<'a>>,
}

#[derive(Default, Deserialize)]
struct DeltaBody<'a> {
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<PieceBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    error: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
}

/// A message in pieces: an event has one block or one call where a message has lists.
#[derive(Deserialize)]
struct PieceBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    tool_plan: Option<WipedText>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    tool_calls: Option<CallBody<'a>>,
}

#[derive(Default, Deserialize)]
struct BlockBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: Option<WipedText>,
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    function: Option<FunctionBody<'a>>,
}

#[derive(Default, Deserialize)]
struct FunctionBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
}

impl CallBody<'_> {
    fn into_call(self) -> ToolCall {
        let function = self.function.unwrap_or_default();
        let arguments = function.arguments.map(tolerant::text_or_json);
        ToolCall {
            runs: Runs::AtClient,
            id: self.id,
            name: function.name,
            arguments: arguments.unwrap_or_default(),
        }
    }
}
