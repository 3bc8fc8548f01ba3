//! Anthropic's messages, wherever they are served.
//!
//! `input_tokens` leaves out what was read from and written to the cache, so the three are added up. `output_tokens`
//! includes thinking. `cache_creation` splits the writes by how long they are kept; without it all are short ones.
//! `server_tool_use` counts searches, which are billed beside the tokens. A stream says counts at its start and corrects
//! them towards its end.
//!
//! Source: Anthropic, Messages API reference, object `Usage`.

use serde::Deserialize;

use super::{Counts, sum};
use crate::provider::tolerant::{self, Count};
use crate::record::{Label, Usage, UsageExtras, UsageFacts};

#[derive(Default, Deserialize)]
pub(in crate::provider) struct UsageBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_read_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    cache_creation_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::object")]
    cache_creation: Option<CacheCreationBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    output_tokens_details: Option<OutputDetailsBody>,
    #[serde(default, deserialize_with = "tolerant::object")]
    server_tool_use: Option<ServerToolsBody>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    service_tier: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    inference_geo: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    speed: Option<Label>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct CacheCreationBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ephemeral_5m_input_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Clone, Copy, Deserialize)]
struct OutputDetailsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    thinking_tokens: Count,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct ServerToolsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    pub(super) web_search_requests: Count,
}

impl UsageBody {
    /// Takes what is said later: it replaces what was said before, and what it leaves out stays.
    pub(in crate::provider) fn correct(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens =
            (later.cache_read_input_tokens).or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            (later.cache_creation_input_tokens).or(self.cache_creation_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
        self.server_tool_use = later.server_tool_use.or(self.server_tool_use);
        self.service_tier = later.service_tier.or(self.service_tier.take());
        self.inference_geo = later.inference_geo.or(self.inference_geo.take());
        self.speed = later.speed.or(self.speed.take());
    }

    /// The total of cache writes, or the sum of its parts where only they are said.
    fn written(&self) -> Count {
        let parts = self.cache_creation.map(CacheCreationBody::total);
        self.cache_creation_input_tokens
            .or(parts.unwrap_or_default())
    }
}

impl Counts for UsageBody {
    fn facts(&self) -> UsageFacts {
        let written = self.written();
        let details = self.output_tokens_details;
        let usage = Usage {
            input_tokens: sum(self.input_tokens, &[self.cache_read_input_tokens, written]),
            output_tokens: self.output_tokens.known(),
            cache_read_input_tokens: self.cache_read_input_tokens.known(),
            cache_write_input_tokens: written.known(),
            cache_write_1h_input_tokens: self.cache_creation.and_then(CacheCreationBody::one_hour),
            reasoning_output_tokens: details.and_then(|parts| parts.thinking_tokens.known()),
            ..Usage::default()
        };
        let tools = self.server_tool_use;
        let extras = UsageExtras {
            geography: self.inference_geo.clone(),
            speed: self.speed.clone(),
            web_searches: tools.and_then(|tools| tools.web_search_requests.known()),
            ..UsageExtras::default()
        };
        UsageFacts {
            usage,
            extras,
            service_tier: self.service_tier.clone(),
        }
    }
}

impl CacheCreationBody {
    pub(super) fn total(self) -> Count {
        let short = self.ephemeral_5m_input_tokens.addend();
        let long = self.ephemeral_1h_input_tokens.addend();
        let sum = short
            .zip(long)
            .and_then(|(short, long)| short.checked_add(long));
        sum.map_or(Count::Unusable, Count::of)
    }

    pub(super) fn one_hour(self) -> Option<u64> {
        self.ephemeral_1h_input_tokens.known()
    }
}
