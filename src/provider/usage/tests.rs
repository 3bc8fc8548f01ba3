use proptest::prelude::*;

use super::*;
use crate::record::{Usage, UsageExtras};

fn of(format: UsageFormat, json: &str) -> UsageFacts {
    read(format, json.as_bytes()).unwrap()
}

/// Input, output, cache reads, cache writes, reasoning.
fn counts(usage: &Usage) -> [Option<u64>; 5] {
    [
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_write_input_tokens,
        usage.reasoning_output_tokens,
    ]
}

#[test]
fn totals_include_their_parts_whatever_a_provider_includes() {
    use UsageFormat as F;
    for (format, json, expected) in [
        (
            F::OpenAiChat,
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":40},
                "completion_tokens_details":{"reasoning_tokens":20}}"#,
            [Some(100), Some(50), Some(40), None, Some(20)],
        ),
        (
            F::OpenAiResponses,
            r#"{"input_tokens":100,"output_tokens":50,"input_tokens_details":{"cached_tokens":40,"cache_write_tokens":9}}"#,
            [Some(100), Some(50), Some(40), Some(9), None],
        ),
        // xAI: reasoning beside the output, as the total says; without a total nobody says so.
        (
            F::OpenAiChat,
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":170,"completion_tokens_details":{"reasoning_tokens":20}}"#,
            [Some(100), Some(70), None, None, Some(20)],
        ),
        (
            F::OpenAiChat,
            r#"{"prompt_tokens":100,"completion_tokens":50,"completion_tokens_details":{"reasoning_tokens":20}}"#,
            [Some(100), Some(50), None, None, Some(20)],
        ),
        // DeepSeek
        (
            F::OpenAiChat,
            r#"{"completion_tokens":5,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}"#,
            [Some(100), Some(5), Some(64), None, None],
        ),
        // Moonshot
        (
            F::OpenAiChat,
            r#"{"prompt_tokens":100,"completion_tokens":5,"cached_tokens":7}"#,
            [Some(100), Some(5), Some(7), None, None],
        ),
        // A gateway in front of Anthropic
        (
            F::OpenAiChat,
            r#"{"prompt_tokens":100,"completion_tokens":5,"cache_read_input_tokens":30,"cache_creation_input_tokens":20}"#,
            [Some(100), Some(5), Some(30), Some(20), None],
        ),
        (
            F::AnthropicMessages,
            r#"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":30,"cache_creation_input_tokens":20}"#,
            [Some(60), Some(5), Some(30), Some(20), None],
        ),
        (
            F::BedrockConverse,
            r#"{"inputTokens":10,"outputTokens":5,"totalTokens":65,"cacheReadInputTokens":30,"cacheWriteInputTokens":20}"#,
            [Some(60), Some(5), Some(30), Some(20), None],
        ),
        (
            F::BedrockConverse,
            r#"{"inputTokenCount":10,"outputTokenCount":5,"cacheReadInputTokenCount":3}"#,
            [Some(13), Some(5), Some(3), None, None],
        ),
        (
            F::BedrockConverse,
            r#"{"embedding":[0.1],"inputTextTokenCount":8}"#,
            [Some(8), None, None, None, None],
        ),
        (
            F::GeminiGenerateContent,
            r#"{"promptTokenCount":100,"candidatesTokenCount":5,"thoughtsTokenCount":20,"totalTokenCount":125,"cachedContentTokenCount":30}"#,
            [Some(100), Some(25), Some(30), None, Some(20)],
        ),
        // Thoughts among the candidates, as the total says.
        (
            F::GeminiGenerateContent,
            r#"{"promptTokenCount":100,"candidatesTokenCount":25,"thoughtsTokenCount":20,"totalTokenCount":125}"#,
            [Some(100), Some(25), None, None, Some(20)],
        ),
        // All output spent on thinking: no candidates, and zeros are left out.
        (
            F::GeminiGenerateContent,
            r#"{"promptTokenCount":100,"thoughtsTokenCount":20,"totalTokenCount":120}"#,
            [Some(100), Some(20), None, None, Some(20)],
        ),
        (
            F::GeminiGenerateContent,
            r#"{"promptTokenCount":100,"toolUsePromptTokenCount":7,"candidatesTokenCount":5,"totalTokenCount":112}"#,
            [Some(107), Some(5), None, None, None],
        ),
        (
            F::CohereChat,
            r#"{"billed_units":{"input_tokens":5,"output_tokens":7},"tokens":{"input_tokens":71,"output_tokens":9},"cached_tokens":2}"#,
            [Some(5), Some(7), Some(2), None, None],
        ),
        (
            F::CohereChat,
            r#"{"tokens":{"input_tokens":71,"output_tokens":9}}"#,
            [Some(71), Some(9), None, None, None],
        ),
        (
            F::OllamaChat,
            r#"{"prompt_eval_count":26,"eval_count":298}"#,
            [Some(26), Some(298), None, None, None],
        ),
    ] {
        assert_eq!(counts(&of(format, json).usage), expected, "{json}");
    }
}

#[test]
fn writes_to_the_cache_are_split_by_how_long_they_are_kept() {
    let anthropic = of(
        UsageFormat::AnthropicMessages,
        r#"{"input_tokens":1,"output_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":40}}"#,
    );
    assert_eq!(anthropic.usage.cache_write_input_tokens, Some(70));
    assert_eq!(anthropic.usage.cache_write_1h_input_tokens, Some(40));
    let bedrock = of(
        UsageFormat::BedrockConverse,
        r#"{"inputTokens":1,"outputTokens":1,"cacheWriteInputTokens":70,
            "cacheDetails":[{"ttl":"1h","inputTokens":40},{"ttl":"5m","inputTokens":30}]}"#,
    );
    assert_eq!(bedrock.usage.cache_write_1h_input_tokens, Some(40));
    let openai = of(
        UsageFormat::OpenAiResponses,
        r#"{"input_tokens":100,"output_tokens":1,"input_tokens_details":{"cache_write_tokens":70,
            "cache_write_tokens_details":{"ttl_30m_tokens":30,"ttl_12h_tokens":40}}}"#,
    );
    assert_eq!(openai.extras.cache_write_12h_input_tokens, Some(40));
}

#[test]
fn what_is_no_count_of_tokens_is_kept_for_the_price() {
    let extras = |format, json| of(format, json).extras;
    let searches = extras(
        UsageFormat::AnthropicMessages,
        r#"{"input_tokens":1,"server_tool_use":{"web_search_requests":3},"inference_geo":"us","speed":"fast"}"#,
    );
    let word = crate::record::Label::clip;
    let expected = UsageExtras {
        web_searches: Some(3),
        geography: Some(word("us")),
        speed: Some(word("fast")),
        ..UsageExtras::default()
    };
    assert_eq!(searches, expected);
    let ranked = extras(
        UsageFormat::CohereChat,
        r#"{"billed_units":{"search_units":3}}"#,
    );
    assert_eq!(ranked.search_units, Some(3));
    let stated = extras(
        UsageFormat::OpenAiChat,
        r#"{"prompt_tokens":1,"cost":{"request_cost":0.006,"total_cost":0.0093},"citation_tokens":5,"num_search_queries":2}"#,
    );
    assert_eq!(
        (stated.citation_tokens, stated.web_searches),
        (Some(5), Some(2))
    );
    assert_eq!(stated.stated_cost, "0.0093".parse().ok());
    let ticks = extras(UsageFormat::OpenAiChat, r#"{"cost_in_usd_ticks":45000001}"#);
    assert_eq!(ticks.stated_cost, "0.0045000001".parse().ok());
    let own_key = extras(
        UsageFormat::OpenAiChat,
        r#"{"cost":0.001,"is_byok":true,"cost_details":{"upstream_inference_cost":0.02}}"#,
    );
    assert_eq!(own_key.stated_cost, "0.021".parse().ok());
    let half_said = extras(UsageFormat::OpenAiChat, r#"{"cost":0.001,"is_byok":true}"#);
    assert_eq!(half_said.stated_cost, None);
    let spoken = extras(
        UsageFormat::OpenAiChat,
        r#"{"type":"duration","seconds":61.5}"#,
    );
    assert_eq!(spoken.audio_milliseconds, Some(61_500));
}

#[test]
fn modalities_are_parts_and_the_traffic_type_is_the_price_class() {
    let facts = of(
        UsageFormat::GeminiGenerateContent,
        r#"{"promptTokenCount":600,"candidatesTokenCount":20,"totalTokenCount":620,"cachedContentTokenCount":50,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":42},{"modality":"IMAGE","tokenCount":258},
                {"modality":"AUDIO","tokenCount":100},{"modality":"VIDEO","tokenCount":150},{"modality":"AUDIO","tokenCount":50}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":50}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":15}],"trafficType":"ON_DEMAND_PRIORITY"}"#,
    );
    assert_eq!(facts.usage.audio_input_tokens, Some(150));
    let expected = UsageExtras {
        audio_cache_read_input_tokens: Some(50),
        image_input_tokens: Some(258),
        image_output_tokens: Some(15),
        video_input_tokens: Some(150),
        ..UsageExtras::default()
    };
    assert_eq!(facts.extras, expected);
    assert_eq!(facts.service_tier.unwrap().as_str(), "priority");
    let spoken = of(
        UsageFormat::OpenAiResponses,
        r#"{"input_tokens":100,"output_tokens":40,"input_token_details":{"text_tokens":40,"audio_tokens":60,"cached_tokens":30,
            "cached_tokens_details":{"text_tokens":20,"audio_tokens":10}},"output_token_details":{"audio_tokens":30}}"#,
    );
    assert_eq!(spoken.extras.audio_cache_read_input_tokens, Some(10));
    assert_eq!(
        (
            spoken.usage.audio_input_tokens,
            spoken.usage.audio_output_tokens
        ),
        (Some(60), Some(30))
    );
}

#[test]
fn a_count_that_is_none_leaves_its_total_unknown() {
    for (format, json) in [
        (
            UsageFormat::AnthropicMessages,
            r#"{"input_tokens":1,"cache_read_input_tokens":-1}"#,
        ),
        (UsageFormat::BedrockConverse, r#"{"inputTokens":1.5}"#),
        (
            UsageFormat::BedrockConverse,
            r#"{"cacheReadInputTokens":5}"#,
        ),
        (
            UsageFormat::GeminiGenerateContent,
            r#"{"totalTokenCount":5}"#,
        ),
        (
            UsageFormat::GeminiGenerateContent,
            r#"{"promptTokenCount":9,"toolUsePromptTokenCount":"4"}"#,
        ),
        (
            UsageFormat::CohereChat,
            r#"{"billed_units":{"input_tokens":"5"}}"#,
        ),
        (UsageFormat::OllamaChat, r#"{"prompt_eval_count":null}"#),
        (
            UsageFormat::OpenAiChat,
            r#"{"prompt_tokens":18446744073709551615}"#,
        ),
        (UsageFormat::OpenAiChat, "[]"),
    ] {
        let usage = of(format, json).usage;
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (None, None),
            "{json}"
        );
    }
}

#[test]
fn the_form_is_told_by_the_members_and_found_in_answers() {
    use UsageFormat as F;
    for (provider, json, expected) in [
        ("openai", r#"{"prompt_tokens":1}"#, Some(F::OpenAiChat)),
        (
            "openai",
            r#"{"input_tokens":1,"output_tokens":1}"#,
            Some(F::OpenAiResponses),
        ),
        (
            "anthropic",
            r#"{"input_tokens":1,"output_tokens":1}"#,
            Some(F::AnthropicMessages),
        ),
        (
            "vertex_ai",
            r#"{"input_tokens":1,"cache_read_input_tokens":1}"#,
            Some(F::AnthropicMessages),
        ),
        (
            "vertex_ai",
            r#"{"promptTokenCount":1}"#,
            Some(F::GeminiGenerateContent),
        ),
        ("anything", r#"{"inputTokens":1}"#, Some(F::BedrockConverse)),
        (
            "cohere",
            r#"{"meta":{"billed_units":{"search_units":3}}}"#,
            Some(F::CohereChat),
        ),
        (
            "cohere",
            r#"{"results":[],"meta":{"api_version":{},"billed_units":{}}}"#,
            Some(F::CohereChat),
        ),
        (
            "ollama",
            r#"{"model":"m","message":{"content":"x"},"eval_count":3}"#,
            Some(F::OllamaChat),
        ),
        (
            "openai",
            r#"{"id":"c","usage":{"prompt_tokens":1}}"#,
            Some(F::OpenAiChat),
        ),
        (
            "gemini",
            r#"{"candidates":[],"usageMetadata":{"totalTokenCount":1}}"#,
            Some(F::GeminiGenerateContent),
        ),
        (
            "gateway",
            r#"{"prompt_tokens":5,"cache_read_input_tokens":1}"#,
            Some(F::OpenAiChat),
        ),
        ("voyage", r#"{"total_tokens":5}"#, Some(F::OpenAiChat)),
        ("openai", r#"{"usage":null}"#, None),
        ("openai", "{}", None),
        ("openai", "7", None),
    ] {
        let found = find(provider, json.as_bytes()).unwrap();
        assert_eq!(found.map(|found| found.format), expected, "{json}");
    }
    assert!(find("openai", b"{").is_err());
}

proptest! {
    #[test]
    fn the_order_of_members_says_nothing(
        members in prop::collection::btree_map(prop::sample::select(MEMBERS), 0u64..1_000, 1..6).prop_map(|map| map.into_iter().collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let text = |members: &[(&str, u64)]| {
            let members: Vec<String> = members.iter().map(|(name, count)| format!("\"{name}\":{count}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let mut sorted = members.clone();
        sorted.sort_unstable();
        for format in UsageFormat::ALL {
            prop_assert_eq!(of(format, &text(&members)), of(format, &text(&sorted)));
        }
    }

    #[test]
    fn no_text_makes_reading_panic(json in r#"[\{\["a-z_:,0-9eE.\-\}\]]{0,80}"#, count in any::<u64>()) {
        for format in UsageFormat::ALL {
            let _ = read(format, json.as_bytes());
            for member in MEMBERS {
                let _ = of(format, &format!("{{\"{member}\":{count}}}"));
            }
        }
        let _ = find("openai", json.as_bytes());
    }
}

const MEMBERS: &[&str] = &[
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
    "inputTokens",
    "outputTokens",
    "cacheWriteInputTokens",
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
    "prompt_eval_count",
    "eval_count",
];
