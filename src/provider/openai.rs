//! OpenAI, and everybody who answers in its shapes: chat completions, responses, embeddings, errors.
//!
//! What counts include is in [`usage::openai`](super::usage::openai).

mod chat;
mod request;
mod responses;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Said};
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
    let Some(mut body) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    let word = |label: &Option<Label>| label.as_ref().map_or("", Label::as_str).to_owned();
    let (kind, object) = (word(&body.kind), word(&body.object));
    if kind.starts_with("response.") || (kind == "error" && object.is_empty()) {
        responses::absorb_event(answer, &kind, json)?;
        return Ok(Recognised::Yes);
    }
    if object == "response" {
        responses::absorb_whole(answer, json)?;
        return Ok(Recognised::Yes);
    }
    let answered =
        is_answer(&object) || !body.choices.is_empty() || (body.usage.is_some() && kind.is_empty());
    if answered {
        answer.learn(body.id.take(), body.model.take(), body.service_tier.take());
        let of_groq = || body.x_groq.take()?.usage;
        absorb_usage(answer, body.usage.take().or_else(of_groq));
        chat::absorb(answer, std::mem::take(&mut body.choices));
    }
    let error = match (body.error, body.error.and_then(tolerant::text)) {
        // xAI, Ollama and others have a text for an error, and its class beside it.
        (Some(_), Some(text)) => {
            let class = body.error_type;
            Some(failure::ErrorBody::new(class, body.code, Some(text)).into_said())
        }
        (Some(error), None) => failure::of_member(error),
        (None, _) if answered => None,
        (None, _) => flat_error(&object, body),
    };
    let failed = error.is_some();
    if let Some(error) = error {
        answer.fail(error);
    }
    Ok(if answered || failed {
        Recognised::Yes
    } else {
        Recognised::No
    })
}

/// An error whose members stand at the top, as Mistral, vLLM and gateways say it.
fn flat_error(object: &str, said: Body<'_>) -> Option<Said> {
    let of_status = said.status_code.known().and_then(failure::class_of_status);
    let (detail, detail_class) = said.detail.map_or((None, None), detail);
    let message = said.message.or(detail);
    if message.is_none() && of_status.is_none() && object != "error" {
        return None;
    }
    let code = said.code.or(of_status).or(detail_class);
    Some(failure::ErrorBody::new(said.kind, code, message).into_said())
}

/// What a server says that checks requests before it answers: a text, or a list of faults, which repeat what was sent
/// beside what is wrong with it.
fn detail(json: &RawValue) -> (Option<WipedText>, Option<Label>) {
    if let Some(text) = tolerant::text(json) {
        return (Some(text), None);
    }
    let mut faults = tolerant::parse_list::<FaultBody>(json.get().as_bytes()).into_iter();
    let first = faults.find_map(|fault| fault.msg);
    let class = first.is_some().then(|| failure::class_of_status(422));
    (first, class.flatten())
}

fn is_answer(object: &str) -> bool {
    matches!(
        object,
        "chat.completion" | "chat.completion.chunk" | "list" | "text_completion"
    )
}

/// Takes an `error` member, and says whether it says an error.
fn absorb_error(answer: &mut Answer, error: Option<&RawValue>) -> bool {
    let said = error.and_then(failure::of_member);
    let is_error = said.is_some();
    if let Some(said) = said {
        answer.fail(said);
    }
    is_error
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
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    choices: Vec<chat::ChoiceBody<'a>>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    error_type: Option<Label>,
    #[serde(default, deserialize_with = "failure::code")]
    code: Option<Label>,
    /// With `message`: how Azure's gateway says that it refused a request.
    #[serde(default, rename = "statusCode", deserialize_with = "tolerant::leaf")]
    status_code: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
    #[serde(default, borrow)]
    detail: Option<&'a RawValue>,
    /// Where Groq puts the counts of a stream.
    #[serde(default, deserialize_with = "tolerant::object")]
    x_groq: Option<GroqBody>,
}

#[derive(Deserialize)]
struct GroqBody {
    #[serde(default, deserialize_with = "tolerant::object")]
    usage: Option<UsageBody>,
}

#[derive(Deserialize)]
struct FaultBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    msg: Option<WipedText>,
}
