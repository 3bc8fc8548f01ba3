//! Anthropic: messages and errors.
//!
//! Counts: `input_tokens` leaves out what was read from and written to the cache, so the three are added up;
//! `output_tokens` includes thinking. A stream says counts at its start and corrects them towards its end.
//!
//! A part's place is the index of its content block.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, Said, ToolCall};
use super::reader::Recognised;
use super::request::{self, RequestFacts};
use super::tolerant::{self, Count};
use super::wiped::WipedText;
use super::{ProviderError, failure};
use crate::record::{Delivery, Label, Usage};

/// An answer, and the counts as they were said, which are added up only when they are complete.
#[derive(Default)]
pub(super) struct Assembly {
    pub(super) answer: Answer,
    usage: UsageBody,
}

impl Assembly {
    /// Takes a whole answer, or one event of a streamed one.
    pub(super) fn absorb(&mut self, json: &[u8]) -> Result<Recognised, ProviderError> {
        let Some(event) = tolerant::parse::<EventBody<'_>>(json)? else {
            return Ok(Recognised::No);
        };
        let answer = &mut self.answer;
        match event.kind.as_ref().map_or("", Label::as_str) {
            "message" => {
                self.absorb_message(event.message_itself());
                self.answer.ended = true;
            }
            "message_start" => {
                if let Some(message) = event.message {
                    self.absorb_message(message);
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
                let choice = answer.choice(0);
                choice.stop(reason);
                self.absorb_usage(event.usage);
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

    fn absorb_message(&mut self, said: MessageBody<'_>) {
        let answer = &mut self.answer;
        answer.learn(said.id, said.model, None);
        let choice = answer.choice(0);
        choice.role = said.role.or(choice.role.take());
        for (index, block) in (0..).zip(said.content) {
            absorb_block(choice, index, block);
        }
        choice.stop(said.stop_reason);
        self.absorb_usage(said.usage);
    }

    fn absorb_usage(&mut self, said: Option<UsageBody>) {
        if let Some(said) = said {
            self.usage.correct(said);
            self.answer.usage = self.usage.normalised();
            let tier = self.usage.service_tier.clone();
            self.answer.learn(None, None, tier);
        }
    }
}

/// The counts of a `usage` object.
pub(super) fn read_usage(json: &[u8]) -> Result<Usage, ProviderError> {
    let said = tolerant::parse::<UsageBody>(json)?;
    Ok(said.unwrap_or_default().normalised())
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

#[derive(Default, Deserialize)]
struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_read_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_creation_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    cache_creation: Option<CacheCreationBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    output_tokens_details: Option<OutputDetailsBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    service_tier: Option<Label>,
}

#[derive(Clone, Copy, Deserialize)]
struct CacheCreationBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ephemeral_5m_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Clone, Copy, Deserialize)]
struct OutputDetailsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking_tokens: Count,
}

impl UsageBody {
    /// Takes what is said later: it replaces what was said before, and what it leaves out stays.
    fn correct(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens =
            (later.cache_read_input_tokens).or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            (later.cache_creation_input_tokens).or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.service_tier = later.service_tier.or(self.service_tier.take());
    }

    fn normalised(&self) -> Usage {
        let written = self.written();
        let sum = self.input_tokens.known().and_then(|plain| {
            let read = self.cache_read_input_tokens.addend()?;
            plain.checked_add(read)?.checked_add(written.addend()?)
        });
        let details = self.output_tokens_details;
        let one_hour = self
            .cache_creation
            .map(|parts| parts.ephemeral_1h_input_tokens);
        Usage {
            input_tokens: sum.and_then(|sum| Count::of(sum).known()),
            output_tokens: self.output_tokens.known(),
            cache_read_input_tokens: self.cache_read_input_tokens.known(),
            cache_write_input_tokens: written.known(),
            cache_write_1h_input_tokens: one_hour.and_then(Count::known),
            reasoning_output_tokens: details.and_then(|parts| parts.thinking_tokens.known()),
            audio_input_tokens: None,
            audio_output_tokens: None,
        }
    }

    /// The total of cache writes, or the sum of its parts where only they are said.
    fn written(&self) -> Count {
        let parts = self.cache_creation.map(|parts| {
            let short = parts.ephemeral_5m_input_tokens.addend();
            let long = parts.ephemeral_1h_input_tokens.addend();
            let sum = short
                .zip(long)
                .and_then(|(short, long)| short.checked_add(long));
            sum.map_or(Count::Unusable, Count::of)
        });
        self.cache_creation_input_tokens
            .or(parts.unwrap_or_default())
    }
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
