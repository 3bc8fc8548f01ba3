//! What a request gets: an error, or what the model says, whatever the format.

use serde_json::Value;

use super::Call;
use super::failure::Failure;
use super::prompt::{Prompt, tokens};

/// A model that the emulator knows.
pub(super) struct Model {
    /// The name that clients ask for.
    pub(super) name: &'static str,
    /// The name that answers carry; clients may ask for it too.
    pub(super) snapshot: &'static str,
    pub(super) family: Family,
    thinking: Thinking,
}

/// Which endpoints serve a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    Anthropic,
    Bedrock,
    Cohere,
    Gemini,
    Ollama,
    OpenAi,
    OpenAiEmbedding,
}

/// When a model thinks before it answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Thinking {
    Always,
    WhenAsked,
}

/// How the bytes of an answer end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Cut,
    Endless,
    Failed,
    Whole,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    Complete,
    Filtered,
    Length,
    Refused,
    ToolCall,
}

/// A call of one tool, its arguments being JSON text.
#[derive(Clone, Debug)]
pub(super) struct ToolCall {
    pub(super) name: String,
    pub(super) arguments: &'static str,
}

/// What the model says, whatever the format.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Empty for a refusal and a tool call.
    pub(super) text: String,
    pub(super) thought: Option<&'static str>,
    pub(super) refusal: Option<&'static str>,
    pub(super) tool: Option<ToolCall>,
    pub(super) stop: Stop,
    pub(super) ending: Ending,
}

impl Answer {
    /// Decides between an error and an answer.
    pub(super) fn to(call: &Call, family: Family) -> Result<(&'static Model, Self), Failure> {
        if call
            .credential
            .as_ref()
            .is_none_or(|key| key.is_empty() || key.contains("invalid"))
        {
            return Err(Failure::Authentication);
        }
        let known = |model: &&Model| {
            model.family == family && [model.name, model.snapshot].contains(&call.model.as_str())
        };
        let model = MODELS.iter().find(known).ok_or(Failure::ModelNotFound)?;
        if let Some((_, failure)) = FAILURES.iter().find(|(marker, _)| call.prompt.has(marker)) {
            return Err(*failure);
        }
        let ending = ENDINGS
            .iter()
            .find(|(marker, _)| call.prompt.has(marker))
            .map_or(Ending::Whole, |(_, ending)| *ending);
        if ending == Ending::Failed && !call.wants_stream() {
            return Err(Failure::Server);
        }
        Ok((model, Self::of(call, model, ending)))
    }

    fn of(call: &Call, model: &Model, ending: Ending) -> Self {
        let prompt = &call.prompt;
        let thinks = model.thinking == Thinking::Always
            || matches!(
                call.body["thinking"]["type"].as_str(),
                Some("enabled" | "adaptive")
            )
            || prompt.has("think");
        let stop = STOPS
            .iter()
            .find(|(marker, stop)| {
                prompt.has(marker) && !(*stop == Stop::ToolCall && prompt.follows_tool_result())
            })
            .map_or(Stop::Complete, |(_, stop)| *stop);
        let whole = if prompt.has("echo") {
            prompt.user_text()
        } else {
            summary(prompt)
        };
        let text = match stop {
            Stop::Complete => whole,
            Stop::Filtered | Stop::Length => first_half(&whole).to_owned(),
            Stop::Refused | Stop::ToolCall => String::new(),
        };
        let tool = ToolCall {
            name: first_tool(&call.body),
            arguments: ARGUMENTS,
        };
        Self {
            text,
            thought: thinks.then_some(THOUGHT),
            refusal: (stop == Stop::Refused).then_some(REFUSAL),
            tool: (stop == Stop::ToolCall).then_some(tool),
            stop,
            ending,
        }
    }

    pub(super) fn thought_tokens(&self) -> u64 {
        self.thought.map_or(0, tokens)
    }

    /// The text in the pieces in which a stream delivers it.
    pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split_inclusive(' ')
    }
}

/// The first half in bytes, less what would cut a character.
pub(super) fn first_half(text: &str) -> &str {
    let middle = (0..=text.len() / 2)
        .rev()
        .find(|index| text.is_char_boundary(*index));
    &text[..middle.unwrap_or(0)]
}

/// Says how much was read, with a checksum so that different prompts have different answers, and repeats none of it.
fn summary(prompt: &Prompt) -> String {
    let words: usize = prompt
        .texts()
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    let sum = prompt
        .texts()
        .iter()
        .fold(0, |sum, text| sum ^ crc32fast::hash(text.as_bytes()));
    format!(
        "Read {words} words \u{2014} \u{2713} understood, na\u{ef}vely summarised as no. {sum:08x}."
    )
}

/// The first tool on offer, wherever the format has its name.
fn first_tool(body: &Value) -> String {
    let names = [
        "/tools/0/function/name",
        "/tools/0/name",
        "/tools/0/functionDeclarations/0/name",
        "/toolConfig/tools/0/toolSpec/name",
    ];
    let mut names = names
        .iter()
        .filter_map(|place| body.pointer(place)?.as_str());
    names.next().unwrap_or("lookup").to_owned()
}

/// Every model that is served.
pub(super) const MODELS: &[Model] = &[
    Model::anthropic("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
    Model::anthropic("claude-opus-4-5", "claude-opus-4-5"),
    Model::anthropic("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    Model::anthropic("claude-sonnet-5", "claude-sonnet-5"),
    Model::openai("gpt-4.1", "gpt-4.1", Thinking::WhenAsked),
    Model::openai("gpt-4.1-mini", "gpt-4.1-mini", Thinking::WhenAsked),
    Model::openai("gpt-4o", "gpt-4o-2024-08-06", Thinking::WhenAsked),
    Model::openai("gpt-4o-mini", "gpt-4o-mini-2024-07-18", Thinking::WhenAsked),
    Model::openai("gpt-5", "gpt-5", Thinking::Always),
    Model::openai("gpt-5-mini", "gpt-5-mini", Thinking::Always),
    Model::openai("o4-mini", "o4-mini", Thinking::Always),
    Model::openai(
        "mistral-large-latest",
        "mistral-large-2411",
        Thinking::WhenAsked,
    ),
    Model::of("amazon.nova-lite-v1:0", Family::Bedrock),
    Model::of("anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Bedrock),
    Model::of("command-a-03-2025", Family::Cohere),
    Model::of("gemini-2.5-flash", Family::Gemini),
    Model::of("gemini-2.5-pro", Family::Gemini),
    Model::of("llama3.2", Family::Ollama),
    Model::of("qwen3:8b", Family::Ollama),
    Model::embedding("text-embedding-3-large"),
    Model::embedding("text-embedding-3-small"),
];

impl Model {
    const fn anthropic(name: &'static str, snapshot: &'static str) -> Self {
        Self {
            name,
            snapshot,
            family: Family::Anthropic,
            thinking: Thinking::WhenAsked,
        }
    }

    const fn openai(name: &'static str, snapshot: &'static str, thinking: Thinking) -> Self {
        Self {
            name,
            snapshot,
            family: Family::OpenAi,
            thinking,
        }
    }

    const fn of(name: &'static str, family: Family) -> Self {
        Self {
            name,
            snapshot: name,
            family,
            thinking: Thinking::WhenAsked,
        }
    }

    const fn embedding(name: &'static str) -> Self {
        Self {
            name,
            snapshot: name,
            family: Family::OpenAiEmbedding,
            thinking: Thinking::WhenAsked,
        }
    }
}

const FAILURES: [(&str, Failure); 7] = [
    ("error:400", Failure::BadRequest),
    ("error:401", Failure::Authentication),
    ("error:429", Failure::RateLimit),
    ("error:500", Failure::Server),
    ("error:503", Failure::Overloaded),
    ("error:529", Failure::Overloaded),
    ("error:quota", Failure::Quota),
];
const ENDINGS: [(&str, Ending); 3] = [
    ("cut", Ending::Cut),
    ("error:stream", Ending::Failed),
    ("slow", Ending::Endless),
];
const STOPS: [(&str, Stop); 4] = [
    ("filter", Stop::Filtered),
    ("length", Stop::Length),
    ("refuse", Stop::Refused),
    ("tool", Stop::ToolCall),
];
const THOUGHT: &str = "Weighing what was asked \u{2014} word by word.";
const REFUSAL: &str = "I can\u{2019}t help with that.";
const ARGUMENTS: &str = "{\"city\": \"Krak\u{f3}w\", \"days\": 2}";
