//! Chat completions, and text completions, whose choices have a `text`. A whole answer is read like a stream of one
//! chunk: `message` says at once what `delta` says in pieces.
//!
//! A choice has one text, so its parts have a fixed order: reasoning, text, transcript of audio, refusal, tool calls.
//! The audio itself is no part: it is not text, and its transcript says what it says. What others do with it:
//!
//! | member | whose | what |
//! |---|---|---|
//! | `reasoning_content`, `reasoning` | DeepSeek, xAI, Moonshot, DashScope; Groq, OpenRouter | reasoning |
//! | `content` as a list of `text` and `thinking` | Mistral | text and reasoning, each joined |
//! | `arguments` as an object | Mistral, local servers | the arguments |
//! | `error` in a choice | OpenRouter | the failure of that choice, and of the call |

use serde::Deserialize;
use serde::de::SeqAccess;
use serde_json::value::RawValue;

use super::absorb_error;
use crate::provider::answer::{Answer, Choice, Part, Place, Runs, ToolCall};
use crate::provider::tolerant::{self, Object, Tolerant};
use crate::provider::wiped::WipedText;
use crate::record::Label;

/// Takes the choices of an answer or of a chunk.
pub(super) fn absorb(answer: &mut Answer, choices: Vec<ChoiceBody<'_>>) {
    for (position, said) in (0..).zip(choices) {
        let choice = answer.choice(said.index.unwrap_or(position));
        choice.stop(said.finish_reason);
        choice.say(TEXT, said.text, Part::Text);
        if let Some(message) = said.message.or(said.delta) {
            absorb_message(choice, message);
        }
        absorb_error(answer, said.error);
    }
}

fn absorb_message(choice: &mut Choice, said: MessageBody<'_>) {
    choice.role = said.role.or(choice.role.take());
    let reasoning = said.reasoning_content.or(said.reasoning);
    choice.say(REASONING, reasoning, Part::Reasoning);
    choice.say(REASONING, said.content.thought, Part::Reasoning);
    choice.say(TEXT, said.content.text, Part::Text);
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
pub(super) struct ChoiceBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    message: Option<MessageBody<'a>>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    delta: Option<MessageBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    content: ContentBody,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    refusal: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning_content: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    audio: Option<AudioBody>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    function_call: Option<FunctionBody<'a>>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<ToolCallBody<'a>>,
}

/// A text, or a list of chunks; those of one kind are joined.
#[derive(Default)]
struct ContentBody {
    text: Option<WipedText>,
    thought: Option<WipedText>,
}

impl<'de> Tolerant<'de> for ContentBody {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self {
            text: Some(WipedText::from(text)),
            thought: None,
        })
    }

    fn of_list<A: SeqAccess<'de>>(mut chunks: A) -> Result<Option<Self>, A::Error> {
        let mut said = Self::default();
        while let Some(chunk) = chunks.next_element::<Object<ChunkBody>>()? {
            let chunk = chunk.into_inner().unwrap_or_default();
            let is_thought = chunk.kind.is_some_and(|kind| kind.as_str() == "thinking");
            join(&mut said.thought, chunk.thinking.text);
            join(
                if is_thought {
                    &mut said.thought
                } else {
                    &mut said.text
                },
                chunk.text,
            );
        }
        Ok(Some(said))
    }
}

fn join(text: &mut Option<WipedText>, piece: Option<WipedText>) {
    if let Some(piece) = piece {
        text.get_or_insert_default().push(piece.as_str());
    }
}

#[derive(Default, Deserialize)]
struct ChunkBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    /// A text, or a list of chunks.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking: ContentBody,
}

#[derive(Deserialize)]
struct AudioBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    transcript: Option<WipedText>,
}

#[derive(Deserialize)]
struct ToolCallBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    function: Option<FunctionBody<'a>>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    custom: Option<FunctionBody<'a>>,
}

#[derive(Default, Deserialize)]
struct FunctionBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
    /// What a custom tool has for arguments.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input: Option<WipedText>,
}

impl FunctionBody<'_> {
    fn into_call(self, id: Option<Label>) -> ToolCall {
        let said = self.arguments.map(tolerant::text_or_json);
        ToolCall {
            runs: Runs::AtClient,
            id,
            name: self.name,
            arguments: said.or(self.input).unwrap_or_default(),
        }
    }
}
