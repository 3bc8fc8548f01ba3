//! Usage objects as providers return them, priced with the built-in table: where reading and pricing meet.

use std::path::{Path, PathBuf};

use llm_audit::pricing::{PriceContext, PriceTable, Priced, PricedOperation, Processing};
use llm_audit::provider::{UsageFormat, read_usage};
use serde_json::Value;

/// The price of a usage object.
fn price(
    table: &PriceTable,
    provider: &str,
    model: &str,
    format: UsageFormat,
    usage: &str,
    context: &PriceContext<'_>,
) -> String {
    let usage = read_usage(format, usage.as_bytes())
        .expect("a usage object is JSON")
        .usage;
    match table.price(provider, model, &usage, context) {
        Priced::Known { exact, .. } => exact.to_string(),
        Priced::Unknown { reason } => reason.as_str().to_owned(),
    }
}

#[test]
fn usage_objects_have_the_price_that_is_worked_out_by_hand() {
    let table = PriceTable::builtin();
    let plain = PriceContext::default();
    let flex = PriceContext {
        service_tier: Some("flex"),
        ..plain
    };
    let batch = PriceContext {
        processing: Processing::Batch,
        ..plain
    };
    for (format, provider, model, usage, context, expected) in [
        // 900 · 2.5 + 100 · 1.25 + 10 · 10 = 2475 millionths
        (
            UsageFormat::OpenAiChat,
            "openai",
            "gpt-4o",
            r#"{"prompt_tokens":1000,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":100}}"#,
            plain,
            "0.002475",
        ),
        // 272001 · 5 + 2 · 22.5
        (
            UsageFormat::OpenAiChat,
            "openai",
            "openai/gpt-5.4-2026-03-05",
            r#"{"prompt_tokens":272001,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":1}}"#,
            plain,
            "1.36005",
        ),
        // 272000 · 1.25 + 2 · 7.5
        (
            UsageFormat::OpenAiResponses,
            "openai",
            "gpt-5.4",
            r#"{"input_tokens":272000,"output_tokens":2}"#,
            flex,
            "0.340015",
        ),
        // 500 · 32 + 500 · 2.5 + 100 · 64 + 20 · 10
        (
            UsageFormat::OpenAiChat,
            "openai",
            "gpt-audio",
            r#"{"prompt_tokens":1000,"completion_tokens":120,"prompt_tokens_details":{"audio_tokens":500},
                "completion_tokens_details":{"audio_tokens":100}}"#,
            plain,
            "0.02385",
        ),
        // 10 · 3 + 20 · 0.3 + 30 · 3.75 + 40 · 6 + 50 · 15
        (
            UsageFormat::AnthropicMessages,
            "anthropic",
            "claude-sonnet-4-5-20250929",
            r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":70,"output_tokens":50,
                "cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":40}}"#,
            plain,
            "0.0011385",
        ),
        // The same at half, the price for one hour among it, which the table does not have for batches.
        (
            UsageFormat::AnthropicMessages,
            "anthropic",
            "claude-sonnet-4-5",
            r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":70,"output_tokens":50,
                "cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":40}}"#,
            batch,
            "0.00056925",
        ),
        // 60000 read from the cache pass the threshold: 50000 · 0.5 + 60000 · 0.05 + 1 · 2.5
        (
            UsageFormat::AnthropicMessages,
            "anthropic",
            "claude-haiku-5-5",
            r#"{"input_tokens":50000,"cache_read_input_tokens":60000,"output_tokens":1}"#,
            plain,
            "0.0280025",
        ),
        (
            UsageFormat::AnthropicMessages,
            "anthropic",
            "claude-haiku-5-5",
            r#"{"input_tokens":"50000","output_tokens":1}"#,
            plain,
            "no_usage",
        ),
        // Azure has prices of its own.
        (
            UsageFormat::OpenAiChat,
            "azure.ai.openai",
            "azure/text-embedding-3-large",
            r#"{"prompt_tokens":1000,"total_tokens":1000}"#,
            PriceContext {
                operation: PricedOperation::Embeddings,
                ..plain
            },
            "0.000143",
        ),
    ] {
        let priced = price(&table, provider, model, format, usage, &context);
        assert_eq!(priced, expected, "{provider} {model} {usage}");
    }
}

#[test]
fn shared_cost_vectors_are_priced_exactly() {
    let Some(vectors) = shared("cost_vectors.json") else {
        eprintln!("SKIPPED: no shared cost vectors here");
        return;
    };
    let text = |vector: &Value, key: &str| vector[key].as_str().unwrap_or_default().to_owned();
    let table = PriceTable::builtin();
    let (mut priced, mut uncovered) = (0, Vec::new());
    for vector in vectors["vectors"].as_array().unwrap() {
        let provider = provider_name(&text(vector, "provider"));
        let format = UsageFormat::from_name(&text(vector, "usage_format"));
        let (Some(provider), Some(format)) = (provider, format) else {
            uncovered.push(text(vector, "id"));
            continue;
        };
        let tier = text(&vector["context"], "service_tier");
        let context = PriceContext {
            service_tier: Some(tier.as_str()),
            processing: match vector["context"]["batch"].as_bool() {
                Some(true) => Processing::Batch,
                _ => Processing::Immediate,
            },
            operation: match text(vector, "call_type").as_str() {
                "embedding" => PricedOperation::Embeddings,
                _ => PricedOperation::Generation,
            },
            time: None,
        };
        let usage = vector["usage"].to_string();
        let model = text(vector, "model");
        let exact = price(&table, provider, &model, format, &usage, &context);
        assert_eq!(exact, text(vector, "expected_cost_usd"), "{vector}");
        priced += 1;
    }
    eprintln!(
        "{priced} cost vectors are exact; not covered yet: {}",
        uncovered.join(" ")
    );
    assert!(priced > 0, "no vector was priced");
}

#[test]
fn the_builtin_table_has_the_shared_price_of_every_model_that_it_covers() {
    let Some(prices) = shared("prices.json") else {
        eprintln!("SKIPPED: no shared prices here");
        return;
    };
    let table = PriceTable::builtin();
    let context = PriceContext::default();
    let mut compared = 0;
    for model in prices["models"].as_array().unwrap() {
        let Some(provider) = provider_name(model["provider"].as_str().unwrap()) else {
            continue;
        };
        let name = model["model"].as_str().unwrap();
        for (item, usage) in [
            ("input", r#"{"prompt_tokens":1,"completion_tokens":0}"#),
            (
                "cache_read",
                r#"{"prompt_tokens":1,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":1}}"#,
            ),
            (
                "cache_write_5m",
                r#"{"prompt_tokens":1,"completion_tokens":0,"prompt_tokens_details":{"cache_write_tokens":1}}"#,
            ),
            ("output", r#"{"prompt_tokens":0,"completion_tokens":1}"#),
        ] {
            let fallback = &model["base"]["input"];
            let expected = model["base"][item].as_str().or(fallback.as_str()).unwrap();
            let expected = if expected == "0.0" { "0" } else { expected };
            let exact = price(
                &table,
                provider,
                name,
                UsageFormat::OpenAiChat,
                usage,
                &context,
            );
            assert_eq!(exact, expected, "{name} {item}");
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared} prices compared");
}

/// The provider's name in a record.
fn provider_name(name: &str) -> Option<&'static str> {
    match name {
        "anthropic" => Some("anthropic"),
        "azure" => Some("azure.ai.openai"),
        "openai" => Some("openai"),
        _ => None,
    }
}

/// Data that lies beside the crate, or beside a directory that it is in.
fn shared(name: &str) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = |dir: &Path| -> Option<PathBuf> { Some(dir.parent()?.join("shared/data")) };
    let mut files = root
        .ancestors()
        .filter_map(beside)
        .map(|dir| dir.join(name));
    let file = files.find(|file| file.is_file())?;
    let text = std::fs::read_to_string(file).expect("a file that is there can be read");
    Some(serde_json::from_str(&text).expect("shared data is JSON"))
}
