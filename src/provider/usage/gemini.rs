//! Google: `usageMetadata` of the Gemini API and of Vertex AI.
//!
//! `promptTokenCount` includes `cachedContentTokenCount` and leaves out `toolUsePromptTokenCount`, which is added.
//! `candidatesTokenCount` leaves out `thoughtsTokenCount`, which is added, unless the total says that it is in there
//! already. Zeros are left out of the object, so an absent count of candidates is what the total leaves. The lists
//! `…TokensDetails` split a count by modality; documents count as text. `trafficType` says the price class.
//!
//! Source: Google, Gemini API reference, `UsageMetadata`; Vertex AI reference, `GenerateContentResponse`.

use serde::Deserialize;

use super::{Counts, sum, sum_of_known};
use crate::provider::tolerant::{self, Count};
use crate::record::{Label, Usage, UsageExtras, UsageFacts};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::provider) struct UsageBody {
    #[serde(
        default,
        alias = "prompt_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    prompt_token_count: Count,
    #[serde(
        default,
        alias = "tool_use_prompt_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    tool_use_prompt_token_count: Count,
    #[serde(
        default,
        alias = "cached_content_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    cached_content_token_count: Count,
    #[serde(
        default,
        alias = "candidates_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    candidates_token_count: Count,
    /// What a live session says for `candidatesTokenCount`.
    #[serde(
        default,
        alias = "response_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    response_token_count: Count,
    #[serde(
        default,
        alias = "thoughts_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    thoughts_token_count: Count,
    #[serde(
        default,
        alias = "total_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    total_token_count: Count,
    #[serde(
        default,
        alias = "prompt_tokens_details",
        deserialize_with = "tolerant::objects"
    )]
    prompt_tokens_details: Vec<ModalityBody>,
    #[serde(
        default,
        alias = "tool_use_prompt_tokens_details",
        deserialize_with = "tolerant::objects"
    )]
    tool_use_prompt_tokens_details: Vec<ModalityBody>,
    #[serde(
        default,
        alias = "cache_tokens_details",
        deserialize_with = "tolerant::objects"
    )]
    cache_tokens_details: Vec<ModalityBody>,
    #[serde(
        default,
        alias = "candidates_tokens_details",
        deserialize_with = "tolerant::objects"
    )]
    candidates_tokens_details: Vec<ModalityBody>,
    #[serde(
        default,
        alias = "response_tokens_details",
        deserialize_with = "tolerant::objects"
    )]
    response_tokens_details: Vec<ModalityBody>,
    #[serde(default, alias = "traffic_type", deserialize_with = "tolerant::leaf")]
    traffic_type: Option<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModalityBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    modality: Option<Label>,
    #[serde(default, alias = "token_count", deserialize_with = "tolerant::leaf")]
    token_count: Count,
}

impl UsageBody {
    fn input(&self) -> Option<u64> {
        sum(self.prompt_token_count, &[self.tool_use_prompt_token_count])
    }

    fn output(&self) -> Option<u64> {
        let said = self.candidates_token_count.or(self.response_token_count);
        let total = self.total_token_count.known();
        let Some(candidates) = said.known() else {
            // No candidates, or nobody counted them: the total says which.
            let rest = total?.checked_sub(self.input()?)?;
            return (said == Count::Absent).then_some(rest);
        };
        let among = total.is_some() && total == sum(said, &[Count::of(self.input()?)]);
        if among {
            return Some(candidates);
        }
        sum(said, &[self.thoughts_token_count])
    }

    fn output_details(&self) -> &[ModalityBody] {
        if self.candidates_tokens_details.is_empty() {
            &self.response_tokens_details
        } else {
            &self.candidates_tokens_details
        }
    }

    /// Of the input, tool results among it, what has this modality.
    fn input_of(&self, modality: &str) -> Option<u64> {
        let prompt = of(&self.prompt_tokens_details, modality);
        let tools = of(&self.tool_use_prompt_tokens_details, modality);
        sum_of_known(&[prompt, tools])
    }

    /// The price class in the words that others use.
    fn service_tier(&self) -> Option<Label> {
        let class = match self.traffic_type.as_ref()?.as_str() {
            "ON_DEMAND" => "standard",
            "ON_DEMAND_PRIORITY" => "priority",
            "ON_DEMAND_FLEX" | "FLEX" => "flex",
            "BATCH" => "batch",
            other => other,
        };
        Some(Label::clip(class))
    }
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let cached = |modality| of(&self.cache_tokens_details, modality).known();
        let made = |modality| of(self.output_details(), modality).known();
        let usage = Usage {
            input_tokens: self.input(),
            output_tokens: self.output(),
            cache_read_input_tokens: self.cached_content_token_count.known(),
            reasoning_output_tokens: self.thoughts_token_count.known(),
            audio_input_tokens: self.input_of("AUDIO"),
            audio_output_tokens: made("AUDIO"),
            ..Usage::default()
        };
        let extras = UsageExtras {
            audio_cache_read_input_tokens: cached("AUDIO"),
            image_cache_read_input_tokens: cached("IMAGE"),
            image_input_tokens: self.input_of("IMAGE"),
            image_output_tokens: made("IMAGE"),
            video_input_tokens: self.input_of("VIDEO"),
            ..UsageExtras::default()
        };
        UsageFacts {
            usage,
            extras,
            service_tier: self.service_tier(),
        }
    }
}

/// The tokens of a modality, which may stand several times; absent where it does not stand at all.
fn of(details: &[ModalityBody], modality: &str) -> Count {
    let named = |detail: &&ModalityBody| {
        let name = detail.modality.as_ref().map_or("", Label::as_str);
        name.eq_ignore_ascii_case(modality)
    };
    let mut counts = details
        .iter()
        .filter(named)
        .map(|detail| detail.token_count);
    let Some(first) = counts.next() else {
        return Count::Absent;
    };
    let others: Vec<Count> = counts.collect();
    sum(first, &others).map_or(Count::Unusable, Count::of)
}
