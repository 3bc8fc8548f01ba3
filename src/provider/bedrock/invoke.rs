//! What `InvokeModel` answers for models of Amazon and Meta: one text, its counts beside it, whole or in pieces.
//!
//! Source: AWS, Bedrock user guide, request and response fields of Titan and of Llama.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::ProviderError;
use crate::provider::answer::{Answer, Part, Place};
use crate::provider::reader::Recognised;
use crate::provider::tolerant;
use crate::provider::usage::{Counts as _, bedrock::UsageBody};
use crate::provider::wiped::WipedText;
use crate::record::Label;

/// Takes a whole answer, or one event of a streamed one.
pub(super) fn absorb(answer: &mut Answer, json: &[u8]) -> Result<Recognised, ProviderError> {
    let Some(said) = tolerant::parse::<Body<'_>>(json)? else {
        return Ok(Recognised::No);
    };
    let (known, embedded) = (said.text().is_some(), said.embedding.is_some());
    if !known && !embedded {
        return Ok(Recognised::No);
    }
    if let Some(counts) = tolerant::parse::<UsageBody>(json)? {
        answer.take_usage(counts.facts());
    }
    if let Some(metrics) = said.metrics {
        answer.take_usage(metrics.facts());
    }
    if known {
        let choice = answer.choice(0);
        let first = said.results.into_iter().next();
        let (text, reason) = match first {
            Some(result) => (result.output_text, result.completion_reason),
            None => (
                said.generation.or(said.output_text),
                said.stop_reason.or(said.completion_reason),
            ),
        };
        choice.say(Place::default(), text, Part::Text);
        choice.stop(reason);
    }
    Ok(Recognised::Yes)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    /// Llama.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    generation: Option<WipedText>,
    #[serde(default, rename = "stop_reason", deserialize_with = "tolerant::leaf")]
    stop_reason: Option<Label>,
    /// Titan, whole.
    #[serde(default, deserialize_with = "tolerant::objects")]
    results: Vec<ResultBody>,
    /// Titan, streamed.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    completion_reason: Option<Label>,
    /// Titan, embedded.
    #[serde(default, borrow)]
    embedding: Option<&'a RawValue>,
    #[serde(
        default,
        rename = "amazon-bedrock-invocationMetrics",
        deserialize_with = "tolerant::object"
    )]
    metrics: Option<UsageBody>,
}

impl Body<'_> {
    fn text(&self) -> Option<&WipedText> {
        let result = self.results.first();
        let of_result = result.and_then(|result| result.output_text.as_ref());
        let streamed = self.generation.as_ref().or(self.output_text.as_ref());
        of_result.or(streamed)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_text: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    completion_reason: Option<Label>,
}
