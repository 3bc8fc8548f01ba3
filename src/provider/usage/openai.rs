//! OpenAI, and everybody who answers in its shapes: chat completions, responses, embeddings, transcriptions, images.
//!
//! `prompt_tokens` and `completion_tokens` of chat completions are `input_tokens` and `output_tokens` of responses. The
//! input includes cached and cache-written tokens, the output includes reasoning; the members of `…_details` are parts.
//! What others add:
//!
//! | member | whose | what |
//! |---|---|---|
//! | `prompt_cache_hit_tokens`, `prompt_cache_miss_tokens` | DeepSeek | the two parts of the input |
//! | `cached_tokens` | Moonshot, Together | part of the input |
//! | `cache_read_input_tokens`, `cache_creation_input_tokens`, `cache_creation` | gateways, DashScope | parts of the input |
//! | `reasoning_tokens` | Perplexity | part of the output |
//! | `citation_tokens` | Perplexity | beside the input |
//! | `num_search_queries`, `…_details.web_search_requests`, `server_tool_use`, `server_side_tool_usage_details` | Perplexity, gateways, xAI | searches |
//! | `cost`, `cost.total_cost`, `cost_in_usd_ticks` | OpenRouter, xAI; Perplexity; xAI (10¹⁰ are one dollar) | stated cost |
//! | `is_byok`, `cost_details.upstream_inference_cost` | OpenRouter | the model's own provider is paid apart, so both are added |
//! | `seconds`, `duration_seconds`, `prompt_audio_seconds` | OpenAI, Mistral | transcribed audio |
//!
//! xAI leaves reasoning out of `completion_tokens`, and so do some others: it is added where `total_tokens` is the sum of
//! all three. Total alone, as of Voyage, is the input of embeddings and otherwise says nothing.
//!
//! Sources: API references of OpenAI, DeepSeek, Moonshot, Together, DashScope, Perplexity, xAI, OpenRouter, Mistral,
//! Groq and Voyage, objects `usage`.

use serde::Deserialize;

use super::anthropic::{CacheCreationBody, ServerToolsBody};
use super::{Counts, StatedCost, sum, sum_of_known};
use crate::provider::tolerant::{self, Count};
use crate::record::{Label, Usage, UsageExtras, UsageFacts, Usd};

#[derive(Default, Deserialize)]
pub(in crate::provider) struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    prompt_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    completion_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    total_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    prompt_tokens_details: Option<InputBody>,
    // Realtime sessions and transcriptions write it without the `s`.
    #[serde(
        default,
        alias = "input_token_details",
        deserialize_with = "tolerant::object"
    )]
    input_tokens_details: Option<InputBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    completion_tokens_details: Option<OutputBody>,
    #[serde(
        default,
        alias = "output_token_details",
        deserialize_with = "tolerant::object"
    )]
    output_tokens_details: Option<OutputBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    prompt_cache_hit_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    prompt_cache_miss_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cached_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_read_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_creation_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    cache_creation: Option<CacheCreationBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    citation_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    num_search_queries: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    server_tool_use: Option<ServerToolsBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    server_side_tool_usage_details: Option<ToolUsageBody>,
    #[serde(default)]
    cost: StatedCost,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cost_in_usd_ticks: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    is_byok: bool,
    #[serde(default, deserialize_with = "tolerant::object")]
    cost_details: Option<CostDetailsBody>,
    #[serde(
        default,
        alias = "duration_seconds",
        deserialize_with = "tolerant::leaf"
    )]
    seconds: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    prompt_audio_seconds: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    service_tier: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    inference_geo: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    speed: Option<Label>,
}

#[derive(Default, Deserialize)]
struct InputBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    audio_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    image_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    video_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cached_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    cached_tokens_details: Option<ModalitiesBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_write_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_creation_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_creation_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    cache_creation: Option<CacheCreationBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    cache_write_tokens_details: Option<WritesBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    web_search_requests: Count,
}

#[derive(Default, Deserialize)]
struct OutputBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    audio_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    image_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    reasoning_tokens: Count,
}

#[derive(Default, Deserialize)]
struct ModalitiesBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    audio_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    image_tokens: Count,
}

#[derive(Deserialize)]
struct WritesBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ttl_12h_tokens: Count,
}

#[derive(Deserialize)]
struct ToolUsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    web_search_calls: Count,
}

#[derive(Deserialize)]
struct CostDetailsBody {
    #[serde(default)]
    upstream_inference_cost: StatedCost,
}

impl UsageBody {
    fn input_details(&self) -> Option<&InputBody> {
        let details = &self.prompt_tokens_details;
        details.as_ref().or(self.input_tokens_details.as_ref())
    }

    fn output_details(&self) -> Option<&OutputBody> {
        let details = &self.completion_tokens_details;
        details.as_ref().or(self.output_tokens_details.as_ref())
    }

    fn input(&self) -> Option<u64> {
        match self.prompt_tokens.or(self.input_tokens) {
            Count::Absent => {
                sum_of_known(&[self.prompt_cache_hit_tokens, self.prompt_cache_miss_tokens])
            }
            said => said.known(),
        }
    }

    fn output(&self, reasoning: Count) -> Option<u64> {
        let said = self.completion_tokens.or(self.output_tokens);
        let apart = sum(said, &[reasoning]);
        let all = apart
            .zip(self.input())
            .and_then(|(output, input)| output.checked_add(input));
        if all.is_some() && all == self.total_tokens.known() {
            return apart;
        }
        said.known()
    }

    fn read(&self) -> Count {
        let details = self.input_details();
        details
            .map_or(Count::Absent, |parts| parts.cached_tokens)
            .or(self.prompt_cache_hit_tokens)
            .or(self.cached_tokens)
            .or(self.cache_read_input_tokens)
    }

    fn written(&self) -> Count {
        let (details, parts) = (self.input_details(), self.written_parts());
        details
            .map_or(Count::Absent, |parts| {
                (parts.cache_write_tokens)
                    .or(parts.cache_creation_tokens)
                    .or(parts.cache_creation_input_tokens)
            })
            .or(self.cache_creation_input_tokens)
            .or(parts.map_or(Count::Absent, CacheCreationBody::total))
    }

    fn written_parts(&self) -> Option<CacheCreationBody> {
        let details = self.input_details();
        let inside = details.and_then(|parts| parts.cache_creation);
        inside.or(self.cache_creation)
    }

    fn reasoning(&self) -> Count {
        let details = self.output_details();
        details
            .map_or(Count::Absent, |parts| parts.reasoning_tokens)
            .or(self.reasoning_tokens)
    }

    fn searches(&self) -> Count {
        let details = self.input_details();
        let tools = self.server_tool_use;
        let own = self.server_side_tool_usage_details.as_ref();
        details
            .map_or(Count::Absent, |parts| parts.web_search_requests)
            .or(self.num_search_queries)
            .or(tools.map_or(Count::Absent, |tools| tools.web_search_requests))
            .or(own.map_or(Count::Absent, |tools| tools.web_search_calls))
    }

    fn stated_cost(&self) -> Option<Usd> {
        let ticks = self.cost_in_usd_ticks.known();
        let stated = (self.cost.amount()).or_else(|| A_TICK.times(ticks?));
        if !self.is_byok {
            return stated;
        }
        let upstream = self.cost_details.as_ref()?.upstream_inference_cost.amount();
        stated?.plus(upstream?)
    }

    fn usage(&self) -> Usage {
        let (input, output) = (self.input_details(), self.output_details());
        let parts = self.written_parts();
        Usage {
            input_tokens: self.input(),
            output_tokens: self.output(self.reasoning()),
            cache_read_input_tokens: self.read().known(),
            cache_write_input_tokens: self.written().known(),
            cache_write_1h_input_tokens: parts.and_then(CacheCreationBody::one_hour),
            reasoning_output_tokens: self.reasoning().known(),
            audio_input_tokens: input.and_then(|parts| parts.audio_tokens.known()),
            audio_output_tokens: output.and_then(|parts| parts.audio_tokens.known()),
        }
    }
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let (input, output) = (self.input_details(), self.output_details());
        let cached = input.and_then(|parts| parts.cached_tokens_details.as_ref());
        let writes = input.and_then(|parts| parts.cache_write_tokens_details.as_ref());
        let extras = UsageExtras {
            audio_cache_read_input_tokens: cached.and_then(|parts| parts.audio_tokens.known()),
            audio_milliseconds: (self.seconds)
                .or(self.prompt_audio_seconds)
                .and_then(milliseconds),
            cache_write_12h_input_tokens: writes.and_then(|parts| parts.ttl_12h_tokens.known()),
            citation_tokens: self.citation_tokens.known(),
            geography: self.inference_geo.clone(),
            image_cache_read_input_tokens: cached.and_then(|parts| parts.image_tokens.known()),
            image_input_tokens: input.and_then(|parts| parts.image_tokens.known()),
            image_output_tokens: output.and_then(|parts| parts.image_tokens.known()),
            speed: self.speed.clone(),
            stated_cost: self.stated_cost(),
            total_tokens: self.total_tokens.known(),
            video_input_tokens: input.and_then(|parts| parts.video_tokens.known()),
            web_searches: self.searches().known(),
            ..UsageExtras::default()
        };
        UsageFacts {
            usage: self.usage(),
            extras,
            service_tier: self.service_tier.clone(),
        }
    }
}

/// A length of audio, to the millisecond.
fn milliseconds(seconds: f64) -> Option<u64> {
    let exact = (seconds * 1000.0).round();
    (0.0..=LONGEST_AUDIO)
        .contains(&exact)
        .then_some(exact as u64)
}

const A_TICK: Usd = Usd::TEN_BILLIONTH;
/// A hundred years, in milliseconds.
const LONGEST_AUDIO: f64 = 3.2e12;
