//! OpenAI, and Azure OpenAI, which answers in the same shapes: chat completions, responses, embeddings, errors.
//!
//! What counts include is in [`usage::openai`](super::usage::openai).

mod chat;
mod request;
mod responses;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::reader::Recognised;
use super::tolerant::{self, Count};
use super::usage::Counts;
use super::usage::openai::UsageBody;
use super::wiped::WipedText;
use super::{ProviderError, failure};
use crate::record::Label;

pub(super) use self::request::read_request;

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(body) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    let word = |label: &Option<Label>| label.as_ref().map_or("", Label::as_str).to_owned();
    let (kind, object) = (word(&body.kind), word(&body.object));
    if kind == "error" || kind.starts_with("response.") {
        responses::absorb_event(answer, &kind, json)?;
        return Ok(Recognised::Yes);
    }
    if object == "response" {
        responses::absorb_whole(answer, json)?;
        return Ok(Recognised::Yes);
    }
    let failed =
        absorb_error(answer, body.error) || absorb_status(answer, body.status_code, body.message);
    let answered = is_answer(&object) || !body.choices.is_empty() || body.usage.is_some();
    if answered {
        answer.learn(body.id, body.model, body.service_tier);
        absorb_usage(answer, body.usage);
        chat::absorb(answer, body.choices);
    }
    Ok(if failed || answered {
        Recognised::Yes
    } else {
        Recognised::No
    })
}

fn is_answer(object: &str) -> bool {
    matches!(object, "chat.completion" | "chat.completion.chunk" | "list")
}

/// Takes an `error` member, and says whether it says an error.
fn absorb_error(answer: &mut Answer, error: Option<&RawValue>) -> bool {
    let Some((error, failure)) = error.and_then(|error| Some((error, failure::of_member(error)?)))
    else {
        return false;
    };
    if failure::is_content_filter(error) {
        answer.refused = Some(Label::clip("content_filter"));
    } else {
        answer.failure = Some(failure);
    }
    answer.ended = true;
    true
}

/// Takes an HTTP status in the body, and says whether it says an error.
fn absorb_status(answer: &mut Answer, status: Count, message: Option<WipedText>) -> bool {
    let class = status.known().and_then(failure::class_of_status);
    if class.is_some() {
        answer.failure = Some(failure::failure(class, message));
        answer.ended = true;
        return true;
    }
    false
}

fn absorb_usage(answer: &mut Answer, said: Option<UsageBody>) {
    if let Some(usage) = said {
        answer.take_usage(usage.facts());
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    kind: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    object: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    service_tier: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
    #[serde(default, deserialize_with = "tolerant::objects")]
    choices: Vec<chat::ChoiceBody>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    /// With `message`: how Azure's gateway says that it refused a request.
    #[serde(default, rename = "statusCode", deserialize_with = "tolerant::leaf")]
    status_code: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
}
