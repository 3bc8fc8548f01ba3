//! Ollama's own API: `chat`, `generate`, `embed`, errors. A stream is one object a line, and ends with `"done": true`.
//! Ollama also answers in the form of OpenAI.
//!
//! A message has one text and one thought, so its parts have a fixed order: thought, text, tool calls. Calls come whole,
//! one behind the other.
//!
//! Source: Ollama, API documentation.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, ToolCall};
use super::reader::Recognised;
use super::request::{self, RequestFacts};
use super::tolerant::{self, Count};
use super::usage::{Counts as _, ollama::UsageBody};
use super::wiped::WipedText;
use super::{ProviderError, failure};
use crate::record::{Delivery, Label, Request};

/// Takes a whole answer, or one object of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(said) = tolerant::parse::<AnswerBody<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    if said.object.is_some() || said.kind.is_some() {
        return Ok(Recognised::No);
    }
    if let Some(error) = said.error.and_then(failure::of_member) {
        answer.fail(error);
        return Ok(Recognised::Yes);
    }
    let spoken = said.message.is_some() || said.response.is_some();
    if !spoken && said.done.is_none() && said.embeddings.is_none() {
        return Ok(Recognised::No);
    }
    answer.learn(None, said.model, None);
    if spoken || said.done.is_some() {
        let choice = answer.choice(0);
        choice.say(REASONING, said.thinking, Part::Reasoning);
        choice.say(TEXT, said.response, Part::Text);
        if let Some(message) = said.message {
            absorb_message(choice, message);
        }
        if said.done == Some(true) {
            choice.stop(said.done_reason.or_else(|| Some(Label::clip("stop"))));
            answer.ended = true;
        }
    }
    if let Some(counts) = tolerant::parse::<UsageBody>(json)? {
        answer.take_usage(counts.facts());
    }
    Ok(Recognised::Yes)
}

fn absorb_message(choice: &mut Choice, said: MessageBody<'_>) {
    choice.role = said.role.or(choice.role.take());
    choice.say(REASONING, said.thinking, Part::Reasoning);
    choice.say(TEXT, said.content, Part::Text);
    for call in said.tool_calls {
        let function = call.function.unwrap_or_default();
        choice.append(Part::ToolCall(ToolCall {
            runs: Runs::AtClient,
            id: call.id,
            name: function.name,
            arguments: function
                .arguments
                .map(tolerant::text_or_json)
                .unwrap_or_default(),
        }));
    }
}

/// What a request says; `None` where it is none of `chat`, `generate` and `embed`.
pub(super) fn read_request(json: &[u8]) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    // A stream is what Ollama gives where it is not told otherwise.
    let delivery = request::delivery(body.stream.unwrap_or(true));
    let said = (body.messages, body.prompt, body.input);
    let (operation, action, input, delivery) = match (said, delivery) {
        ((Some(messages), ..), Delivery::Whole) => ("chat", "chat.create", messages, delivery),
        ((Some(messages), ..), Delivery::Stream) => ("chat", "chat.stream", messages, delivery),
        ((None, Some(prompt), None), Delivery::Whole) => {
            ("text_completion", "generate.create", prompt, delivery)
        }
        ((None, Some(prompt), None), Delivery::Stream) => {
            ("text_completion", "generate.stream", prompt, delivery)
        }
        ((None, _, Some(input)), _) => ("embeddings", "embeddings.create", input, Delivery::Whole),
        ((None, None, None), _) => return Ok(None),
    };
    let settings = body.options.unwrap_or_default();
    let leading = body.messages.and_then(request::leading_system_prompt);
    Ok(Some(RequestFacts {
        operation,
        action,
        request: Request {
            model: body.model,
            max_tokens: settings.num_predict.or(body.max_tokens).known(),
            temperature: settings.temperature.or(body.temperature),
            top_p: settings.top_p.or(body.top_p),
            delivery,
        },
        system_prompt: body.system.map(request::content).or(leading),
        input: Some(request::content(input)),
        tools: body.tools.map(request::content),
    }))
}

const REASONING: Place = Place(0, 0, 0);
const TEXT: Place = Place(1, 0, 0);

#[derive(Deserialize)]
struct AnswerBody<'a> {
    /// Of the forms of others.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    object: Option<Label>,
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    /// Of `chat`.
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<MessageBody<'a>>,
    /// Of `generate`.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    response: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: Option<WipedText>,
    #[serde(default, borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    done: Option<bool>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    done_reason: Option<Label>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    content: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: Option<WipedText>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<CallBody<'a>>,
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

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    #[serde(default, borrow)]
    system: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stream: Option<bool>,
    #[serde(default, deserialize_with = "tolerant::object")]
    options: Option<SettingsBody>,
    // Of the form of OpenAI, which Ollama takes too.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
}

#[derive(Default, Deserialize)]
struct SettingsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    num_predict: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
}
