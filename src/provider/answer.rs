//! An answer as it is put together, whole or piece by piece, and the facts that it comes to.
//!
//! The output is the form of the OpenTelemetry GenAI conventions (`gen_ai.output.messages`): one message a choice,
//! `{"role", "parts", "finish_reason"}`, the last absent where the provider gave none. Parts:
//!
//! | `type` | members |
//! |---|---|
//! | `text`, `reasoning`, `refusal` | `content` |
//! | `tool_call` | `id`, `name`, `arguments`: the value where they are JSON, else the text |
//! | `server_tool_call` | `id`, `name`, `server_tool_call`: the arguments, likewise |
//! | `generic` | `generic_type`, `value`: a part that none of these is, as the provider gave it |
//!
//! Empty texts are left out, so that an answer reads the same whole and streamed.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::wiped::WipedText;
use crate::record::{
    Content, Failure, Label, ResponseFacts, Usage, UsageExtras, UsageFacts, Verdict,
};

/// What is known of an answer so far.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) id: Option<Label>,
    pub(super) model: Option<Label>,
    pub(super) service_tier: Option<Label>,
    pub(super) usage: Usage,
    pub(super) extras: UsageExtras,
    pub(super) choices: BTreeMap<u64, Choice>,
    pub(super) failure: Option<Failure>,
    /// Refused before there was any choice.
    pub(super) refused: Option<Label>,
    /// Whether the provider said that this was all.
    pub(super) ended: bool,
}

/// One choice of an answer.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) role: Option<Label>,
    pub(super) parts: BTreeMap<Place, Part>,
    pub(super) finish_reason: Option<Label>,
}

/// Where in a choice a part stands: most significant first, with a meaning that is the provider's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u64, pub(super) u64, pub(super) u64);

/// A part of a message.
pub(super) enum Part {
    Reasoning(WipedText),
    Refusal(WipedText),
    Text(WipedText),
    ToolCall(ToolCall),
    /// A part of another kind: its name, and its JSON text.
    Other(Label, WipedText),
}

/// A call of a tool.
pub(super) struct ToolCall {
    pub(super) runs: Runs,
    pub(super) id: Option<Label>,
    pub(super) name: Option<Label>,
    /// JSON as text, as models write it.
    pub(super) arguments: WipedText,
}

/// Who runs a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    AtClient,
    AtProvider,
}

/// Whether an answer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    Broken,
    Whole,
}

impl Answer {
    /// Takes names that are said; what is not said leaves what is known.
    pub(super) fn learn(&mut self, id: Option<Label>, model: Option<Label>, tier: Option<Label>) {
        self.id = id.or(self.id.take());
        self.model = model.or(self.model.take());
        self.service_tier = tier.or(self.service_tier.take());
    }

    /// Takes counts, which replace those that were said before.
    pub(super) fn take_usage(&mut self, said: UsageFacts) {
        (self.usage, self.extras) = (said.usage, said.extras);
        self.learn(None, None, said.service_tier);
    }

    pub(super) fn choice(&mut self, index: u64) -> &mut Choice {
        self.choices.entry(index).or_default()
    }

    /// Whether any output came.
    pub(super) fn has_output(&self) -> bool {
        let mut parts = self
            .choices
            .values()
            .flat_map(|choice| choice.parts.values());
        parts.any(|part| !part.is_empty())
    }

    /// Whether there are choices, and each says why it stopped.
    pub(super) fn all_finished(&self) -> bool {
        let mut choices = self.choices.values();
        !self.choices.is_empty() && choices.all(|choice| choice.finish_reason.is_some())
    }

    pub(super) fn into_facts(self, delivered: Delivered) -> ResponseFacts {
        let finish_reasons = self.finish_reasons(delivered);
        let output = self.output();
        let blocked = self.refused.clone().or_else(|| self.blocked());
        ResponseFacts {
            id: self.id,
            model: self.model,
            finish_reasons,
            usage: self.usage,
            extras: self.extras,
            service_tier: self.service_tier,
            output,
            verdict: match (self.failure, blocked) {
                (Some(failure), _) => Verdict::Failed(failure),
                (None, Some(reason)) => Verdict::Blocked(reason),
                (None, None) => Verdict::Answered,
            },
        }
    }

    /// One a choice. A choice without a reason is `error`, as the conventions have it, where its stream broke or
    /// another choice has a reason; otherwise nothing is known.
    fn finish_reasons(&self, delivered: Delivered) -> Vec<Label> {
        let any = (self.choices.values()).any(|choice| choice.finish_reason.is_some());
        if !any && delivered == Delivered::Whole {
            return Vec::new();
        }
        let choices = self.choices.values();
        choices
            .map(|choice| choice.finish_reason.clone())
            .map(|reason| reason.unwrap_or_else(|| Label::clip("error")))
            .collect()
    }

    /// None where nothing was said, and none of an error without output, of which nothing may be made up.
    fn output(&self) -> Option<Content> {
        if self.failure.is_some() && !self.has_output() {
            return None;
        }
        let said = |choice: &Choice| choice.finish_reason.is_some() || !choice.parts.is_empty();
        if self.choices.values().any(said) {
            Content::canonical(&Messages(&self.choices))
        } else {
            None
        }
    }

    fn blocked(&self) -> Option<Label> {
        let filtered = |choice: &Choice| choice.finished_by("content_filter");
        let refused = |choice: &Choice| {
            let mut parts = choice.parts.values();
            choice.finished_by("refusal") || parts.any(Part::is_refusal)
        };
        let word = if self.choices.values().any(filtered) {
            "content_filter"
        } else if self.choices.values().any(refused) {
            "refusal"
        } else {
            return None;
        };
        Some(Label::clip(word))
    }
}

impl Choice {
    /// Adds to the part at a place, and makes it where it is not there yet.
    pub(super) fn add(&mut self, place: Place, piece: &str, make: impl FnOnce() -> Part) {
        self.parts.entry(place).or_insert_with(make).push(piece);
    }

    /// Adds to a text.
    pub(super) fn say(
        &mut self,
        place: Place,
        piece: Option<WipedText>,
        kind: fn(WipedText) -> Part,
    ) {
        if let Some(piece) = piece {
            self.add(place, piece.as_str(), || kind(WipedText::default()));
        }
    }

    /// Adds to a call of a tool.
    pub(super) fn call(&mut self, place: Place, said: ToolCall) {
        let part = self.parts.entry(place);
        let part = part.or_insert_with(|| Part::ToolCall(ToolCall::unnamed()));
        if let Part::ToolCall(call) = part {
            call.runs = said.runs;
            call.id = said.id.or(call.id.take());
            call.name = said.name.or(call.name.take());
            call.arguments.push(said.arguments.as_str());
        }
    }

    fn finished_by(&self, word: &str) -> bool {
        let reason = self.finish_reason.as_ref();
        reason.is_some_and(|reason| reason.as_str() == word)
    }
}

impl ToolCall {
    pub(super) fn unnamed() -> Self {
        Self {
            runs: Runs::AtClient,
            id: None,
            name: None,
            arguments: WipedText::default(),
        }
    }
}

impl Part {
    fn push(&mut self, piece: &str) {
        match self {
            Self::Reasoning(text) | Self::Refusal(text) | Self::Text(text) => text.push(piece),
            Self::ToolCall(call) => call.arguments.push(piece),
            Self::Other(..) => {}
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Reasoning(text) | Self::Refusal(text) | Self::Text(text) => text.is_empty(),
            Self::ToolCall(_) | Self::Other(..) => false,
        }
    }

    fn is_refusal(&self) -> bool {
        matches!(self, Self::Refusal(text) if !text.is_empty())
    }
}

struct Messages<'a>(&'a BTreeMap<u64, Choice>);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values())
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_map(None)?;
        message.serialize_entry(
            "role",
            self.role.as_ref().map_or("assistant", Label::as_str),
        )?;
        message.serialize_entry("parts", &Parts(&self.parts))?;
        if let Some(reason) = &self.finish_reason {
            message.serialize_entry("finish_reason", reason.as_str())?;
        }
        message.end()
    }
}

struct Parts<'a>(&'a BTreeMap<Place, Part>);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_seq(None)?;
        for part in self.0.values().filter(|part| !part.is_empty()) {
            parts.serialize_element(part)?;
        }
        parts.end()
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, member, content) = match self {
            Self::Reasoning(text) => ("reasoning", "content", plain(text)),
            Self::Refusal(text) => ("refusal", "content", plain(text)),
            Self::Text(text) => ("text", "content", plain(text)),
            Self::ToolCall(call) => match call.runs {
                Runs::AtClient => (
                    "tool_call",
                    "arguments",
                    Text::Json(call.arguments.as_str()),
                ),
                Runs::AtProvider => (
                    "server_tool_call",
                    "server_tool_call",
                    Text::Json(call.arguments.as_str()),
                ),
            },
            Self::Other(_, json) => ("generic", "value", Text::Json(json.as_str())),
        };
        let mut part = serializer.serialize_map(None)?;
        part.serialize_entry("type", kind)?;
        part.serialize_entry(member, &content)?;
        match self {
            Self::ToolCall(call) => {
                if let Some(id) = &call.id {
                    part.serialize_entry("id", id.as_str())?;
                }
                if let Some(name) = &call.name {
                    part.serialize_entry("name", name.as_str())?;
                }
            }
            Self::Other(name, _) => part.serialize_entry("generic_type", name.as_str())?,
            Self::Reasoning(_) | Self::Refusal(_) | Self::Text(_) => {}
        }
        part.end()
    }
}

/// A text to be written as it is, or as the JSON value that it holds.
enum Text<'a> {
    Json(&'a str),
    Plain(&'a str),
}

fn plain(text: &WipedText) -> Text<'_> {
    Text::Plain(text.as_str())
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Json(text) => match serde_json::from_str::<Value>(text) {
                Ok(value) => value.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
        }
    }
}
