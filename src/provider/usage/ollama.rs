//! Ollama: `prompt_eval_count` and `eval_count`, which stand beside the answer; `eval_count` includes thinking.
//!
//! Source: Ollama, API documentation, generate, chat and embed.

use serde::Deserialize;

use super::Counts;
use crate::provider::tolerant::{self, Count};
use crate::record::{Usage, UsageExtras, UsageFacts};

#[derive(Default, Deserialize)]
pub(in crate::provider) struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    prompt_eval_count: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    eval_count: Count,
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let usage = Usage {
            input_tokens: self.prompt_eval_count.known(),
            output_tokens: self.eval_count.known(),
            ..Usage::default()
        };
        UsageFacts {
            usage,
            extras: UsageExtras::default(),
            service_tier: None,
        }
    }
}
