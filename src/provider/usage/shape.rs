//! The form of a usage object whose form nobody said, told by its members.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::provider::{ProviderError, UsageFormat, tolerant};

/// A usage object and its form.
pub(in crate::provider) struct Found<'a> {
    pub(in crate::provider) format: UsageFormat,
    pub(in crate::provider) json: &'a [u8],
}

/// The usage object in a JSON text, which is one itself or an answer that holds one.
pub(in crate::provider) fn find<'a>(
    provider: &str,
    json: &'a [u8],
) -> Result<Option<Found<'a>>, ProviderError> {
    let Some(members) = tolerant::parse::<BTreeMap<String, &'a RawValue>>(json)? else {
        return Ok(None);
    };
    if let Some(format) = format_of(provider, &members) {
        return Ok(Some(Found { format, json }));
    }
    let inner = HOLDERS.iter().find_map(|holder| members.get(*holder));
    match inner {
        Some(inner) if inner.get().starts_with('{') => find(provider, inner.get().as_bytes()),
        _ => Ok(None),
    }
}

fn format_of(provider: &str, members: &BTreeMap<String, &RawValue>) -> Option<UsageFormat> {
    let has = |name: &&str| members.contains_key(*name);
    let named = |(names, _): &&(&[&str], UsageFormat)| names.iter().any(&has);
    if let Some((_, format)) = TELLING.iter().find(named) {
        return Some(*format);
    }
    let plain = ["input_tokens", "output_tokens"].iter().any(has);
    // Without cache and details the two forms say the same.
    plain.then_some(if provider.contains("anthropic") {
        UsageFormat::AnthropicMessages
    } else {
        UsageFormat::OpenAiResponses
    })
}

/// Members that tell a form, the most telling first: gateways write counts of a cache beside OpenAI's members.
const TELLING: &[(&[&str], UsageFormat)] = &[
    (
        &[
            "prompt_tokens",
            "completion_tokens",
            "prompt_tokens_details",
            "completion_tokens_details",
            "prompt_cache_hit_tokens",
            "prompt_cache_miss_tokens",
        ],
        UsageFormat::OpenAiChat,
    ),
    (
        &[
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "cache_creation",
            "inference_geo",
        ],
        UsageFormat::AnthropicMessages,
    ),
    (
        &[
            "input_tokens_details",
            "output_tokens_details",
            "input_token_details",
            "output_token_details",
        ],
        UsageFormat::OpenAiResponses,
    ),
    (
        &[
            "promptTokenCount",
            "candidatesTokenCount",
            "totalTokenCount",
            "responseTokenCount",
            "candidates_token_count",
            "total_token_count",
        ],
        UsageFormat::GeminiGenerateContent,
    ),
    (
        &[
            "inputTokens",
            "outputTokens",
            "inputTokenCount",
            "inputTextTokenCount",
            "generation_token_count",
        ],
        UsageFormat::BedrockConverse,
    ),
    (&["billed_units", "tokens"], UsageFormat::CohereChat),
    (
        &["prompt_eval_count", "eval_count"],
        UsageFormat::OllamaChat,
    ),
    (
        &[
            "total_tokens",
            "cost",
            "cost_in_usd_ticks",
            "seconds",
            "duration_seconds",
        ],
        UsageFormat::OpenAiChat,
    ),
];

/// Members of answers that hold a usage object.
const HOLDERS: &[&str] = &[
    "usage",
    "usageMetadata",
    "usage_metadata",
    "meta",
    "x_groq",
    "amazon-bedrock-invocationMetrics",
    "message",
    "response",
];
