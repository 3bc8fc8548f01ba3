//! Chat completions. A whole answer is read like a stream of one chunk: `message` says at once what `delta` says in
//! pieces.
//!
//! A choice has one text, so its parts have a fixed order: reasoning, text, transcript of audio, refusal, tool calls.
//! The audio itself is no part: it is not text, and its transcript says what it says.

use serde::Deserialize;

use crate::provider::answer::{Answer, Choice, Part, Place, Runs, ToolCall};
use crate::provider::tolerant;
use crate::provider::wiped::WipedText;
use crate::record::Label;

/// Takes the choices of an answer or of a chunk.
pub(super) fn absorb(answer: &mut Answer, choices: Vec<ChoiceBody>) {
    for (position, said) in (0..).zip(choices) {
        let choice = answer.choice(said.index.unwrap_or(position));
        choice.finish_reason = said.finish_reason.or(choice.finish_reason.take());
        if let Some(message) = said.message.or(said.delta) {
            absorb_message(choice, message);
        }
    }
}

fn absorb_message(choice: &mut Choice, said: MessageBody) {
    choice.role = said.role.or(choice.role.take());
    choice.say(REASONING, said.reasoning_content, Part::Reasoning);
    choice.say(TEXT, said.content, Part::Text);
    let transcript = said.audio.and_then(|audio| audio.transcript);
    choice.say(TRANSCRIPT, transcript, Part::Text);
    choice.say(REFUSAL, said.refusal, Part::Refusal);
    if let Some(function) = said.function_call {
        choice.call(FUNCTION_CALL, function.into_call(None));
    }
    for (position, call) in (0..).zip(said.tool_calls) {
        let place = Place(TOOL_CALLS, call.index.unwrap_or(position), 0);
        let function = call.function.or(call.custom).unwrap_or_default();
        choice.call(place, function.into_call(call.id));
    }
}

const REASONING: Place = Place(0, 0, 0);
const TEXT: Place = Place(1, 0, 0);
const TRANSCRIPT: Place = Place(2, 0, 0);
const REFUSAL: Place = Place(3, 0, 0);
const FUNCTION_CALL: Place = Place(4, 0, 0);
const TOOL_CALLS: u64 = 5;

#[derive(Deserialize)]
pub(super) struct ChoiceBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::object")]
    message: Option<MessageBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    delta: Option<MessageBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
}

#[derive(Deserialize)]
struct MessageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    content: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    refusal: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning_content: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    audio: Option<AudioBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    function_call: Option<FunctionBody>,
    #[serde(default, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<ToolCallBody>,
}

#[derive(Deserialize)]
struct AudioBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    transcript: Option<WipedText>,
}

#[derive(Deserialize)]
struct ToolCallBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    function: Option<FunctionBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    custom: Option<FunctionBody>,
}

#[derive(Default, Deserialize)]
struct FunctionBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    arguments: Option<WipedText>,
    /// What a custom tool has for arguments.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input: Option<WipedText>,
}

impl FunctionBody {
    fn into_call(self, id: Option<Label>) -> ToolCall {
        ToolCall {
            runs: Runs::AtClient,
            id,
            name: self.name,
            arguments: self.arguments.or(self.input).unwrap_or_default(),
        }
    }
}
