//! Amazon Bedrock: the Converse API, and the counts of `InvokeModel`.
//!
//! `inputTokens` leaves out what was read from and written to the cache, so the three are added up. `outputTokens`
//! includes reasoning, whose share is not said. `cacheDetails` splits the writes by how long they are kept.
//! `InvokeModel` answers in the model's own form; embeddings of Amazon say `inputTextTokenCount`, Llama says
//! `prompt_token_count` and `generation_token_count`, and `amazon-bedrock-invocationMetrics` says `inputTokenCount`,
//! `outputTokenCount`, `cacheReadInputTokenCount` and `cacheWriteInputTokenCount`.
//!
//! Source: AWS, Bedrock API reference, `TokenUsage` and `CacheDetail`; model parameters of Titan and Llama.

use serde::Deserialize;

use super::{Counts, sum};
use crate::provider::tolerant::{self, Count};
use crate::record::{Label, Usage, UsageExtras, UsageFacts};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::provider) struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_token_count: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_text_token_count: Count,
    #[serde(
        default,
        rename = "prompt_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    prompt_token_count: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_token_count: Count,
    #[serde(
        default,
        rename = "generation_token_count",
        deserialize_with = "tolerant::leaf"
    )]
    generation_token_count: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_read_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_read_input_token_count: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_write_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_write_input_token_count: Count,
    #[serde(default, deserialize_with = "tolerant::objects")]
    cache_details: Vec<CacheDetailBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetailBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ttl: Option<Label>,
}

impl UsageBody {
    /// What is kept for an hour.
    fn written_1h(&self) -> Option<u64> {
        let hour =
            |detail: &&CacheDetailBody| detail.ttl.as_ref().is_some_and(|ttl| ttl.as_str() == "1h");
        let add =
            |sum: u64, detail: &CacheDetailBody| sum.checked_add(detail.input_tokens.addend()?);
        let sum = self.cache_details.iter().filter(hour).try_fold(0, add);
        sum.filter(|_| !self.cache_details.is_empty())
    }
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let input = (self.input_tokens)
            .or(self.input_token_count)
            .or(self.input_text_token_count)
            .or(self.prompt_token_count);
        let output = (self.output_tokens)
            .or(self.output_token_count)
            .or(self.generation_token_count);
        let read = (self.cache_read_input_tokens).or(self.cache_read_input_token_count);
        let written = (self.cache_write_input_tokens).or(self.cache_write_input_token_count);
        let usage = Usage {
            input_tokens: sum(input, &[read, written]),
            output_tokens: output.known(),
            cache_read_input_tokens: read.known(),
            cache_write_input_tokens: written.known(),
            cache_write_1h_input_tokens: self.written_1h(),
            ..Usage::default()
        };
        UsageFacts {
            usage,
            extras: UsageExtras::default(),
            service_tier: None,
        }
    }
}
