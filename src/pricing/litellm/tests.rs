use super::*;
use crate::pricing::{PriceContext, Priced, Processing};
use crate::record::{Usage, UsageExtras};

/// The prices of a member of a map, as a table says them.
fn written(provider: &str, name: &str, fields: &str) -> String {
    let map = format!(r#"{{"{name}":{{"litellm_provider":"{provider}",{fields}}}}}"#);
    let json = Imported::read(&map).unwrap().to_json();
    json.lines().nth(4).unwrap().to_owned()
}

#[test]
fn prices_a_token_become_prices_a_million_digit_by_digit() {
    for (provider, name, fields, expected) in [
        (
            "openai",
            "gpt-x",
            r#""mode":"chat","input_cost_per_token":2.5e-06,"output_cost_per_token":0.00001,"cache_read_input_token_cost":1.3e-07,
               "input_cost_per_token_batches":"1.25e-06","output_cost_per_token_flex":5e-06,"max_tokens":5,"source":"here""#,
            r#"{"provider":"openai","model":"gpt-x","standard":{"cache_read":"0.13","input":"2.5","output":"10"},"batch":{"input":"1.25"},"service_tiers":{"flex":{"output":"5"}}}"#,
        ),
        // Thresholds, of which xAI includes the number itself.
        (
            "xai",
            "xai/grok-x",
            r#""input_cost_per_token":2e-06,"input_cost_per_token_above_200k_tokens":4e-06,"cache_creation_input_token_cost_above_1hr":8e-06"#,
            r#"{"provider":"x_ai","model":"grok-x","standard":{"cache_write_1h":"8","input":"2","above":[{"tokens":199999,"prices":{"input":"4"}}]}}"#,
        ),
        (
            "vertex_ai-anthropic_models",
            "vertex_ai/claude-x@20260101",
            r#""input_cost_per_token":3e-06,"output_cost_per_token_above_200k_tokens":2.25e-05,"regional_endpoint_uplift_multiplier":1.1,
               "search_context_cost_per_query":{"search_context_size_medium":0.01}"#,
            r#"{"provider":"gcp.vertex_ai","model":"claude-x@20260101","standard":{"input":"3","web_search":"0.01","above":[{"tokens":200000,"prices":{"output":"22.5"}}]},"uplifts":{"regional_endpoint":"1.1"}}"#,
        ),
        // Gemini bills prompts, unless it is said that it bills queries.
        (
            "gemini",
            "gemini/flash",
            r#""input_cost_per_token":1e-06,"search_context_cost_per_query":{"search_context_size_medium":0.035}"#,
            r#"{"provider":"gcp.gemini","model":"flash","standard":{"grounded_prompt":"0.035","input":"1"}}"#,
        ),
        (
            "gemini",
            "gemini/flash",
            r#""input_cost_per_token":1e-06,"search_context_cost_per_query":{"search_context_size_medium":0.014},"web_search_billing_unit":"per_query""#,
            r#"{"provider":"gcp.gemini","model":"flash","standard":{"input":"1","web_search":"0.014"}}"#,
        ),
        (
            "perplexity",
            "perplexity/sonar",
            r#""input_cost_per_token":1e-06,"search_context_cost_per_query":{"search_context_size_low":0.005,"search_context_size_medium":0.008}"#,
            r#"{"provider":"perplexity","model":"sonar","standard":{"input":"1","web_search":"0.005"}}"#,
        ),
        // The other model of that name keeps the prefix that is part of it.
        (
            "perplexity",
            "perplexity/perplexity/sonar",
            r#""input_cost_per_token":1e-06"#,
            r#"{"provider":"perplexity","model":"perplexity/perplexity/sonar","standard":{"input":"1"}}"#,
        ),
        (
            "dashscope",
            "dashscope/qwen",
            r#""tiered_pricing":[{"range":[0,32000.0],"input_cost_per_token":1e-06,"output_cost_per_token":2e-06,"cache_read_input_token_cost":1e-07},
               {"range":[32000.0,128000.0],"input_cost_per_token":3e-06,"output_cost_per_token":4e-06}]"#,
            r#"{"provider":"dashscope","model":"qwen","standard":{"cache_read":"0.1","input":"1","output":"2","above":[{"tokens":32000,"prices":{"cache_read":"3","cache_write":"3","input":"3","output":"4"}}]}}"#,
        ),
        (
            "anthropic",
            "claude-x",
            r#""input_cost_per_token":5e-06,"provider_specific_entry":{"us":1.1,"fast":2.0,"schema":"v2","frames":{"a":1}},
               "regional_processing_uplift_multiplier_eu":1.1"#,
            r#"{"provider":"anthropic","model":"claude-x","standard":{"input":"5"},"uplifts":{"data_residency":{"eu":"1.1"},"geography":{"us":"1.1"},"speed":{"fast":"2"}}}"#,
        ),
        (
            "deepseek",
            "deepseek/v",
            r#""input_cost_per_token":2e-06,"input_cost_per_token_cache_hit":2e-08,"off_peak_pricing":{"input_cost_per_token":1e-06,
               "hours_utc":"16:30-00:30","windows":[{"hours_utc":["00:00-00:00"],"weekdays":[6,7]}]}"#,
            r#"{"provider":"deepseek","model":"v","standard":{"cache_read":"0.02","input":"2"},"off_peak":{"prices":{"input":"1"},"windows":[{"days":[6,7],"hours":["00:00-00:00"]},{"hours":["16:30-00:30"]}]}}"#,
        ),
        // The same name means another thing elsewhere.
        (
            "openai",
            "whisper",
            r#""mode":"audio_transcription","input_cost_per_second":0.0001,"output_cost_per_second":0.0001"#,
            r#"{"provider":"openai","model":"whisper","standard":{"audio_time":"0.0001"}}"#,
        ),
        (
            "cohere",
            "embed",
            r#""mode":"embedding","input_cost_per_token":1e-07,"input_cost_per_image":0.0001"#,
            r#"{"provider":"cohere","model":"embed","standard":{"image":"0.0001","input":"0.1","output":"0"}}"#,
        ),
        (
            "openai",
            "painter",
            r#""mode":"image_generation","input_cost_per_token":1e-06,"output_cost_per_image_token":4e-05,"input_cost_per_image":0.04"#,
            r#"{"provider":"openai","model":"painter","standard":{"image_output":"40","input":"1","output":"40"}}"#,
        ),
    ] {
        assert_eq!(written(provider, name, fields), expected, "{name}");
    }
}

#[test]
fn models_with_the_same_prices_are_one_with_aliases_and_a_prefix_wins() {
    let map = r#"{
        "a/m": {"litellm_provider":"a","input_cost_per_token":1e-06},
        "m": {"litellm_provider":"a","input_cost_per_token":9e-06},
        "a/n": {"litellm_provider":"a","input_cost_per_token":1e-06},
        "b/n": {"litellm_provider":"b","input_cost_per_token":1e-06},
        "a/nothing": {"litellm_provider":"a","mode":"video_generation","output_cost_per_second":0.1},
        "sample_spec": {"litellm_provider":"one of","input_cost_per_token":0.0},
        "rules": {"rules":[]}, "text": "x"}"#;
    let mut imported = Imported::read(map).unwrap();
    assert_eq!((imported.models(), imported.skipped()), (3, 4));
    imported.keep_providers(&["a".to_owned()]);
    imported.set_version("7");
    imported.set_origin("somewhere");
    imported.set_valid_from("2026-11-12").unwrap();
    assert!(imported.set_valid_from("12.11.2026").is_err());
    let json = imported.to_json();
    assert!(
        json.contains(r#"{"provider":"a","model":"m","aliases":["n"],"standard":{"input":"1"}}"#),
        "{json}"
    );
    let table = PriceTable::from_json(&json).unwrap();
    assert_eq!(table.version(), "7");
    assert_eq!(table.digest(), imported.into_table().unwrap().digest());
}

#[test]
fn a_zero_is_free_only_where_somebody_says_so() {
    let map = r#"{"a/free":{"litellm_provider":"a","input_cost_per_token":0.0,"output_cost_per_token":0},
                  "a/unknown":{"litellm_provider":"a","input_cost_per_token":0,"output_cost_per_token":0.0},
                  "a/dear":{"litellm_provider":"a","input_cost_per_token":1e-06,"output_cost_per_token":0.0}}"#;
    let mut imported = Imported::read(map).unwrap();
    assert_eq!((imported.models(), imported.skipped()), (1, 2));
    imported.keep_free(&["free".to_owned(), "free".to_owned()]);
    let table = imported.into_table().unwrap();
    let usage = Usage {
        input_tokens: Some(3),
        output_tokens: Some(5),
        ..Usage::default()
    };
    let price = |model| match table.price("a", model, &usage, &PriceContext::default()) {
        Priced::Known { exact, .. } => exact.to_string(),
        Priced::Unknown { reason } => reason.as_str().to_owned(),
    };
    assert_eq!(
        [price("free"), price("unknown"), price("dear")],
        ["0", "unknown_model", "0.000003"]
    );
}

#[test]
fn what_is_no_map_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"m":{"mode":"chat"}}"#,
        r#"{"m":7}"#,
        r#"{"models":[]}"#,
    ] {
        let error = Imported::read(text).unwrap_err();
        assert!(
            matches!(error, PriceTableError::Form { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn an_imported_table_bills_as_the_map_says() {
    let map = r#"{"gemini/pro":{"litellm_provider":"gemini","mode":"chat","input_cost_per_token":2e-06,"output_cost_per_token":1.2e-05,
        "input_cost_per_token_above_200k_tokens":4e-06,"output_cost_per_token_above_200k_tokens":1.8e-05,
        "input_cost_per_token_priority":3.6e-06,"input_cost_per_audio_token":5e-06,
        "search_context_cost_per_query":{"search_context_size_medium":0.014},"web_search_billing_unit":"per_query"}}"#;
    let table = PriceTable::read(map).unwrap();
    let usage = Usage {
        input_tokens: Some(1_000),
        output_tokens: Some(100),
        audio_input_tokens: Some(200),
        ..Usage::default()
    };
    let extras = UsageExtras {
        web_searches: Some(2),
        ..UsageExtras::default()
    };
    let price = |usage: &Usage, context: PriceContext<'_>| {
        let context = PriceContext {
            extras: Some(&extras),
            ..context
        };
        match table.price("gcp.gemini", "gemini/pro", usage, &context) {
            Priced::Known { exact, .. } => exact.to_string(),
            Priced::Unknown { reason } => reason.as_str().to_owned(),
        }
    };
    // 800 · 2 + 200 · 5 + 100 · 12 millionths, and 2 · 0.014
    assert_eq!(price(&usage, PriceContext::default()), "0.0318");
    let priority = PriceContext {
        service_tier: Some("priority"),
        ..PriceContext::default()
    };
    assert_eq!(price(&usage, priority), "0.03308"); // 800 · 3.6 instead
    let batch = PriceContext {
        processing: Processing::Batch,
        ..PriceContext::default()
    };
    assert_eq!(price(&usage, batch), "0.0299"); // tokens at half, searches at their price
    let long = Usage {
        input_tokens: Some(200_001),
        audio_input_tokens: None,
        ..usage
    };
    assert_eq!(price(&long, PriceContext::default()), "0.829804"); // 200001 · 4 + 100 · 18, and the searches
}
