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
//!
//! Finish reasons are the provider's own words, those in capitals in small letters (`MAX_TOKENS` is `max_tokens`). Some of
//! them decide the verdict: [`BLOCKING`] ones say that a filter, a guardrail or a refusal stopped the call, [`FAILING`]
//! ones that the model failed on the way.
//!
//! Counts are final where the provider said them with or after its last finish reason; what it said before of a stream
//! that broke off, as some do in every event, is the least that was consumed. Nothing is ever guessed from texts.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::failure;
use super::wiped::WipedText;
use crate::record::{
    Content, Counted, Failure, Label, ResponseFacts, Usage, UsageExtras, UsageFacts, Verdict,
};

/// What is known of an answer so far.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) id: Option<Label>,
    pub(super) model: Option<Label>,
    pub(super) service_tier: Option<Label>,
    usage: Usage,
    extras: UsageExtras,
    counted: Counted,
    counted_anew: bool,
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
    pieces: Pieces,
}

/// What the texts of a stream's events are, where only they themselves can tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Pieces {
    /// Each is what is new.
    New,
    /// Each is all there is so far.
    Repeated,
    #[default]
    Undecided,
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

/// What an error says.
pub(super) enum Said {
    /// That a filter stopped the call.
    Blocked(Label),
    /// That it failed.
    Failed(Failure),
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

    /// Takes counts that are said, which replace those that were said before.
    pub(super) fn take_usage(&mut self, said: UsageFacts) {
        (self.counted, self.counted_anew) = (Counted::Partial, true);
        if said.usage.is_empty() && said.extras == UsageExtras::default() {
            return;
        }
        (self.usage, self.extras) = (said.usage, said.extras);
        self.learn(None, None, said.service_tier);
    }

    /// Takes an error; one of a content filter is a block.
    pub(super) fn fail(&mut self, said: Said) {
        match said {
            Said::Blocked(reason) => self.refused = Some(reason),
            Said::Failed(failure) => self.failure = Some(failure),
        }
        self.ended = true;
    }

    /// Ends an event: counts that came in it are final where every choice has stopped.
    pub(super) fn end_event(&mut self) {
        let anew = std::mem::take(&mut self.counted_anew);
        if anew && self.failure.is_none() && (self.ended || self.all_finished()) {
            self.counted = Counted::Final;
        }
    }

    /// Says that the counts are all there are, as in an answer that came at once.
    pub(super) fn close_counts(&mut self) {
        self.counted = Counted::Final;
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
        let blocked = self.refused.clone().or_else(|| self.stopped_by(BLOCKING));
        let blocked = blocked.or_else(|| self.refusal());
        let broken = self.stopped_by(FAILING);
        ResponseFacts {
            id: self.id,
            model: self.model,
            finish_reasons,
            usage: self.usage,
            extras: self.extras,
            service_tier: self.service_tier,
            output,
            counted: self.counted,
            verdict: match (self.failure, blocked, broken) {
                (Some(failure), _, _) => Verdict::Failed(failure),
                (None, Some(reason), _) => Verdict::Blocked(reason),
                (None, None, Some(word)) => Verdict::Failed(failure::failure(Some(word), None)),
                (None, None, None) => Verdict::Answered,
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

    /// The first of the words that a choice was stopped by.
    fn stopped_by(&self, words: &[&str]) -> Option<Label> {
        let stopped = |word: &str| {
            let mut choices = self.choices.values();
            choices.any(|choice| choice.finished_by(word))
        };
        let word = words.iter().find(|word| stopped(word))?;
        Some(Label::clip(word))
    }

    fn refusal(&self) -> Option<Label> {
        let mut parts = self
            .choices
            .values()
            .flat_map(|choice| choice.parts.values());
        parts.any(Part::is_refusal).then(|| Label::clip("refusal"))
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

    /// Adds to a text of which the provider does not say where it stands: a piece that follows one of its kind goes on
    /// with it, any other begins a part behind all others.
    pub(super) fn go_on(&mut self, piece: Option<WipedText>, kind: fn(WipedText) -> Part) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else {
            return;
        };
        let next = kind(WipedText::default());
        let same = |last: &Part| std::mem::discriminant(last) == std::mem::discriminant(&next);
        match self.parts.last_entry().filter(|last| same(last.get())) {
            Some(mut last) => last.get_mut().push(piece.as_str()),
            None => self.append(kind(piece)),
        }
    }

    /// What is new in a text that may repeat all that came before at this place. The second text decides it for the
    /// choice: one that begins with the first and goes on is a repetition, and so is one that is the same.
    pub(super) fn fresh<'a>(&mut self, place: Place, said: &'a str) -> &'a str {
        let known = self.parts.get(&place).map_or("", Part::as_text);
        if known.is_empty() || self.pieces == Pieces::New {
            return said;
        }
        match said.strip_prefix(known) {
            Some("") => "",
            Some(rest) => {
                self.pieces = Pieces::Repeated;
                rest
            }
            None if self.pieces == Pieces::Repeated => "",
            None => {
                self.pieces = Pieces::New;
                said
            }
        }
    }

    /// Puts a part behind all others.
    pub(super) fn append(&mut self, part: Part) {
        let next = self.parts.last_key_value();
        let next = next.map_or(0, |(place, _)| place.0.saturating_add(1));
        self.parts.insert(Place(next, 0, 0), part);
    }

    /// Takes why the choice stopped, where it is said.
    pub(super) fn stop(&mut self, reason: Option<Label>) {
        self.finish_reason = reason.map(in_small_letters).or(self.finish_reason.take());
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

/// Words in capitals in small letters; anything else as it is. What has a digit or is longer than words are may be a key,
/// which has to be known as one further on.
pub(super) fn in_small_letters(reason: Label) -> Label {
    let is_word = |word: &str| {
        word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    if reason.as_str().split('_').all(is_word) {
        Label::clip(&reason.as_str().to_ascii_lowercase())
    } else {
        reason
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

    fn as_text(&self) -> &str {
        match self {
            Self::Reasoning(text) | Self::Refusal(text) | Self::Text(text) => text.as_str(),
            Self::ToolCall(call) => call.arguments.as_str(),
            Self::Other(_, json) => json.as_str(),
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

const LONGEST_WORD: usize = 16;
/// Finish reasons of calls that a filter, a guardrail or a refusal stopped; the first that holds is the reason.
const BLOCKING: &[&str] = &[
    "content_filter",
    // Bedrock.
    "guardrail_intervened",
    "content_filtered",
    // Gemini.
    "safety",
    "prohibited_content",
    "blocklist",
    "spii",
    "recitation",
    "image_safety",
    "image_prohibited_content",
    "image_recitation",
    "model_armor",
    // Cohere.
    "error_toxic",
    "refusal",
];
/// Finish reasons of calls that failed after they had begun to answer.
const FAILING: &[&str] = &[
    "error",
    // DeepSeek.
    "insufficient_system_resource",
    // Bedrock.
    "malformed_model_output",
    // Cohere.
    "timeout",
];
