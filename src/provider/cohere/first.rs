//! The first version of Cohere's `chat`, and what has no version of its own: embeddings and reranking.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::ProviderError;
use crate::provider::answer::{Answer, Part, Place, Runs, ToolCall};
use crate::provider::reader::Recognised;
use crate::provider::tolerant;
use crate::provider::usage::{Counts as _, cohere::UsageBody};
use crate::provider::wiped::WipedText;
use crate::record::Label;

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(said) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    match said.event_type.as_ref().map_or("", Label::as_str) {
        "" => {}
        "stream-end" => {
            answer.choices.clear();
            let whole = said.response.map_or("{}", RawValue::get);
            absorb(answer, whole.as_bytes())?;
            answer.choice(0).stop(said.finish_reason);
            answer.ended = true;
            return Ok(Recognised::Yes);
        }
        "text-generation" => {
            answer.choice(0).say(TEXT, said.text, Part::Text);
            return Ok(Recognised::Yes);
        }
        _ => {
            answer.learn(said.generation_id, None, None);
            return Ok(Recognised::Yes);
        }
    }
    let vectors = said.embeddings.is_some() || said.results.is_some();
    if said.text.is_none() && !vectors {
        return Ok(Recognised::No);
    }
    answer.learn(said.generation_id.or(said.id), None, None);
    if !vectors {
        let choice = answer.choice(0);
        choice.say(TEXT, said.text, Part::Text);
        for (index, call) in (1..).zip(said.tool_calls) {
            let call = ToolCall {
                runs: Runs::AtClient,
                id: None,
                name: call.name,
                arguments: WipedText::from(call.parameters.map_or("{}", RawValue::get)),
            };
            choice.call(Place(index, 0, 0), call);
        }
        choice.stop(said.finish_reason);
    }
    if let Some(counts) = said.meta {
        answer.take_usage(counts.facts());
    }
    answer.ended = true;
    Ok(Recognised::Yes)
}

const TEXT: Place = Place(0, 0, 0);

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    event_type: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    generation_id: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    text: Option<WipedText>,
    #[serde(default, borrow, deserialize_with = "tolerant::objects")]
    tool_calls: Vec<CallBody<'a>>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    finish_reason: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::object")]
    meta: Option<UsageBody>,
    /// Of `embed` and `rerank`.
    #[serde(default, borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(default, borrow)]
    results: Option<&'a RawValue>,
    /// Of the last event.
    #[serde(default, borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    name: Option<Label>,
    #[serde(default, borrow)]
    parameters: Option<&'a RawValue>,
}
