//! Alibaba Cloud Model Studio (DashScope) by its own API: generation, embeddings, errors. It also answers in the form of
//! OpenAI.
//!
//! A stream repeats all text so far in each event, or brings only what is new, as was asked for; an event does not say
//! which. The second text that comes tells: where it begins with the first and goes on, events repeat.
//!
//! While a choice goes on its finish reason is the text `null`. An error has a `code` and a `message` at its top; that of
//! the content filter is `DataInspectionFailed`.
//!
//! Source: Alibaba Cloud Model Studio, API reference, Qwen by DashScope.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Place, Runs, Said, ToolCall};
use super::reader::Recognised;
use super::request::{self, RequestFacts};
use super::tolerant::{self, Count};
use super::usage::{Counts as _, openai::UsageBody};
use super::wiped::WipedText;
use super::{ProviderError, failure};
use crate::record::{Delivery, Label, Request};

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(said) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    let failed = said
        .code
        .filter(|_| said.output.is_none() && said.request_id.is_some());
    if let Some(code) = failed {
        answer.learn(said.request_id, None, None);
        answer.fail(match failure::filtered_by(&code) {
            Some(reason) => Said::Blocked(reason),
            None => Said::Failed(failure::failure(Some(code), said.message)),
        });
        return Ok(Recognised::Yes);
    }
    // The form of OpenAI's responses has a list of that name.
    let Some(output) = said.output else {
        return Ok(Recognised::No);
    };
    answer.learn(said.request_id, None, None);
    if output.text.is_some() || output.finish_reason.is_some() {
        let choice = answer.choice(0);
        say(choice, TEXT, output.text, Part::Text);
        choice.stop(output.finish_reason.filter(is_said));
    }
    for (position, said) in (0..).zip(output.choices) {
        let choice = answer.choice(said.index.unwrap_or(position));
        if let Some(message) = said.message {
            absorb_message(choice, message);
        }
        choice.stop(said.finish_reason.filter(is_said));
    }
    if let Some(usage) = said.usage {
        answer.take_usage(usage.facts());
    }
    Ok(Recognised::Yes)
}

fn absorb_message(choice: &mut Choice, said: MessageBody<'_>) {
    choice.role = said.role.or(choice.role.take());
    say(choice, REASONING, said.reasoning_content, Part::Reasoning);
    let text = said.content.and_then(|content| {
        let blocks = || tolerant::parse_list::<BlockBody>(content.get().as_bytes());
        tolerant::text(content).or_else(|| blocks().into_iter().find_map(|block| block.text))
    });
    say(choice, TEXT, text, Part::Text);
    for (position, call) in (0..).zip(said.tool_calls) {
        let function = call.function.unwrap_or_default();
        let call_so_far = ToolCall {
            runs: Runs::AtClient,
            id: call.id,
            name: function.name,
            arguments: WipedText::default(),
        };
        let place = Place(CALLS, call.index.unwrap_or(position), 0);
        choice.call(place, call_so_far);
        say(choice, place, function.arguments, |_| {
            Part::ToolCall(ToolCall::unnamed())
        });
    }
}

/// Adds what is new of a text that may repeat what came before.
fn say(choice: &mut Choice, place: Place, said: Option<WipedText>, kind: fn(WipedText) -> Part) {
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return;
    };
    let fresh = choice.fresh(place, said.as_str());
    choice.say(place, Some(WipedText::from(fresh)), kind);
}

fn is_said(reason: &Label) -> bool {
    reason.as_str() != "null"
}

/// What a request says; `None` where it is none of this API.
pub(super) fn read_request(json: &[u8]) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    let Some(input) = body.input else {
        return Ok(None);
    };
    let (operation, action, content) = match (input.messages, input.prompt, input.texts) {
        (Some(messages), ..) => ("chat", "chat.create", messages),
        (None, Some(prompt), _) => ("chat", "chat.create", prompt),
        (None, None, Some(texts)) => ("embeddings", "embeddings.create", texts),
        (None, None, None) => return Ok(None),
    };
    let settings = body.parameters.unwrap_or_default();
    Ok(Some(RequestFacts {
        operation,
        action,
        request: Request {
            model: body.model,
            max_tokens: settings.max_tokens.known(),
            temperature: settings.temperature,
            top_p: settings.top_p,
            delivery: Delivery::Whole,
        },
        system_prompt: input.messages.and_then(request::leading_system_prompt),
        input: Some(request::content(content)),
        tools: settings.tools.map(request::content),
    }))
}

const REASONING: Place = Place(0, 0, 0);
const TEXT: Place = Place(1, 0, 0);
const CALLS: u64 = 2;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    request_id: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    output: Option<OutputBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    code: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
}

#[derive(Deserialize)]
struct OutputBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    choices: Vec<ChoiceBody<'a>>,
}

#[derive(Deserialize)]
struct ChoiceBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<MessageBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    /// A text, or of models that see and hear, a list of blocks.
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning_content: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<CallBody>,
}

#[derive(Deserialize)]
struct BlockBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
}

#[derive(Deserialize)]
struct CallBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    function: Option<FunctionBody>,
}

#[derive(Default, Deserialize)]
struct FunctionBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    arguments: Option<WipedText>,
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    input: Option<InputBody<'a>>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    parameters: Option<SettingsBody<'a>>,
}

#[derive(Deserialize)]
struct InputBody<'a> {
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(default, borrow)]
    texts: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct SettingsBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
}
