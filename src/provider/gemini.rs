//! Google: `generateContent` of the Gemini API and of Vertex AI, embeddings, errors.
//!
//! A stream is server-sent events with `alt=sse`, else one JSON array of the same objects; its end is the last finish
//! reason. Each object repeats the counts so far.
//!
//! Google does not say where in a message a part of a later object stands: a text that follows a text goes on with it,
//! whether both came in one object or in two. A part with `thought` is reasoning. Signatures of thoughts are no content.
//!
//! A prompt that is refused has no candidate, and `promptFeedback.blockReason` for a reason.
//!
//! Source: Google, Gemini API reference, `GenerateContentResponse`; Google Cloud API design, errors.

mod request;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Choice, Part, Said, in_small_letters};
use super::answer::{Runs, ToolCall};
use super::reader::Recognised;
use super::usage::{Counts as _, gemini::UsageBody};
use super::wiped::WipedText;
use super::{ProviderError, failure, tolerant};
use crate::record::Label;

pub(super) use self::request::read_request;

/// Takes a whole answer, an object of a streamed one, or a list of such objects.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    if json.trim_ascii_start().first() != Some(&b'[') {
        let body = tolerant::parse::<AnswerBody<'_>>(json)?;
        return Ok(body.map_or(Recognised::No, |body| absorb_object(answer, body)));
    }
    tolerant::check(json)?;
    let mut recognised = Recognised::No;
    for body in tolerant::parse_list::<AnswerBody<'_>>(json) {
        if absorb_object(answer, body) == Recognised::Yes {
            recognised = Recognised::Yes;
        }
    }
    Ok(recognised)
}

fn absorb_object(answer: &mut Answer, said: AnswerBody<'_>) -> Recognised {
    // Anthropic's errors, which Vertex AI hands on, have a type around them.
    let error = said.error.filter(|_| said.kind.is_none());
    if let Some(said) = error.and_then(failure::of_member) {
        answer.fail(said);
        return Recognised::Yes;
    }
    let feedback = said.prompt_feedback.and_then(|said| said.block_reason);
    let known = feedback.is_some()
        || said.usage_metadata.is_some()
        || !said.candidates.is_empty()
        || said.embedding.is_some()
        || said.embeddings.is_some()
        || said.predictions.is_some();
    if !known {
        return Recognised::No;
    }
    if let Some(reason) = feedback {
        answer.fail(Said::Blocked(in_small_letters(reason)));
    }
    answer.learn(said.response_id, said.model_version, None);
    for (position, candidate) in (0..).zip(said.candidates) {
        absorb_candidate(
            answer.choice(candidate.index.unwrap_or(position)),
            candidate,
        );
    }
    if let Some(usage) = said.usage_metadata {
        answer.take_usage(usage.facts());
    }
    Recognised::Yes
}

fn absorb_candidate(choice: &mut Choice, said: CandidateBody<'_>) {
    let content = said.content.unwrap_or_default();
    choice.role = content.role.map(role).or(choice.role.take());
    for part in content.parts {
        absorb_part(choice, part);
    }
    let unspecified = |reason: &Label| reason.as_str() == "FINISH_REASON_UNSPECIFIED";
    choice.stop(said.finish_reason.filter(|reason| !unspecified(reason)));
}

fn absorb_part(choice: &mut Choice, json: &RawValue) {
    let part = tolerant::parse::<PartBody<'_>>(json.get().as_bytes());
    let part = part.ok().flatten().unwrap_or_default();
    if let Some(call) = part.function_call {
        choice.append(Part::ToolCall(ToolCall {
            runs: Runs::AtClient,
            id: call.id,
            name: call.name,
            arguments: WipedText::from(call.args.map_or("{}", RawValue::get)),
        }));
    } else if part.text.is_some() {
        let kind = if part.thought {
            Part::Reasoning
        } else {
            Part::Text
        };
        choice.go_on(part.text, kind);
    } else if let Some(kind) = part.other_kind() {
        choice.append(Part::Other(Label::clip(kind), WipedText::from(json.get())));
    }
}

/// Google's `model` is everybody's `assistant`.
fn role(role: Label) -> Label {
    match role.as_str() {
        "model" => Label::clip("assistant"),
        _ => role,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerBody<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, alias = "response_id", deserialize_with = "tolerant::leaf")]
    response_id: Option<Label>,
    #[serde(default, alias = "model_version", deserialize_with = "tolerant::leaf")]
    model_version: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    candidates: Vec<CandidateBody<'a>>,
    #[serde(
        default,
        alias = "prompt_feedback",
        deserialize_with = "tolerant::object"
    )]
    prompt_feedback: Option<FeedbackBody>,
    #[serde(
        default,
        alias = "usage_metadata",
        deserialize_with = "tolerant::object"
    )]
    usage_metadata: Option<UsageBody>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    /// What is embedded, by the Gemini API one at a time or several, and by Vertex AI.
    #[serde(default, borrow)]
    embedding: Option<&'a RawValue>,
    #[serde(default, borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(default, borrow)]
    predictions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedbackBody {
    #[serde(default, alias = "block_reason", deserialize_with = "tolerant::leaf")]
    block_reason: Option<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CandidateBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    index: Option<u64>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    content: Option<ContentBody<'a>>,
    #[serde(default, alias = "finish_reason", deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
}

#[derive(Default, Deserialize)]
struct ContentBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, borrow, deserialize_with = "tolerant::list")]
    parts: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thought: bool,
    #[serde(
        default,
        borrow,
        alias = "function_call",
        deserialize_with = "tolerant::object"
    )]
    function_call: Option<CallBody<'a>>,
    #[serde(default, borrow, alias = "executable_code")]
    executable_code: Option<&'a RawValue>,
    #[serde(default, borrow, alias = "code_execution_result")]
    code_execution_result: Option<&'a RawValue>,
    #[serde(default, borrow, alias = "inline_data")]
    inline_data: Option<&'a RawValue>,
    #[serde(default, borrow, alias = "file_data")]
    file_data: Option<&'a RawValue>,
}

impl PartBody<'_> {
    /// The kind of a part that is neither text nor call; none where the part says nothing.
    fn other_kind(&self) -> Option<&'static str> {
        let kinds = [
            ("executable_code", self.executable_code),
            ("code_execution_result", self.code_execution_result),
            ("inline_data", self.inline_data),
            ("file_data", self.file_data),
        ];
        let said = kinds.into_iter().find(|(_, value)| value.is_some());
        said.map(|(kind, _)| kind)
    }
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    args: Option<&'a RawValue>,
}
