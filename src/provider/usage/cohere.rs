//! Cohere: `usage` of the API v2, `meta` of v1, of reranking and of embeddings.
//!
//! `billed_units` is what the bill counts, and wins over `tokens`, which also counts what Cohere puts around a prompt.
//! Embedded pictures are counted apart from text, as pieces (`images`) or as tokens (`image_tokens`). `cached_tokens`
//! are a part of the input. Reranking counts `search_units`.
//!
//! Source: Cohere, API reference v1 and v2, objects `ApiMeta` and `Usage`.

use serde::Deserialize;

use super::{Counts, sum_of_known};
use crate::provider::tolerant::{self, Count};
use crate::record::{Usage, UsageExtras, UsageFacts};

#[derive(Default, Deserialize)]
pub(in crate::provider) struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::object")]
    billed_units: Option<UnitsBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    tokens: Option<UnitsBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cached_tokens: Count,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct UnitsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    image_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    images: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    search_units: Count,
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let billed = self.billed_units.unwrap_or_default();
        let counted = self.tokens.unwrap_or_default();
        let text = billed.input_tokens.or(counted.input_tokens);
        let usage = Usage {
            input_tokens: sum_of_known(&[text, billed.image_tokens]),
            output_tokens: billed.output_tokens.or(counted.output_tokens).known(),
            cache_read_input_tokens: self.cached_tokens.known(),
            ..Usage::default()
        };
        let extras = UsageExtras {
            image_input_tokens: billed.image_tokens.known(),
            images: billed.images.known(),
            search_units: billed.search_units.known(),
            ..UsageExtras::default()
        };
        UsageFacts {
            usage,
            extras,
            service_tier: None,
        }
    }
}
