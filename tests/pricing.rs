//! Usage objects as providers return them, priced with the built-in table: where reading and pricing meet.

use std::path::{Path, PathBuf};

use llm_audit::pricing::{PriceContext, PriceTable, Priced, PricedOperation, Processing};
use llm_audit::provider::{UsageFormat, find_usage, read_usage};
use rust_decimal::Decimal;
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
    let builtin = PriceTable::builtin();
    let own = PriceTable::from_json(CUSTOM).expect("it is a table");
    let custom = builtin.clone().with_overrides(own);
    let vectors = vectors["vectors"].as_array().expect("a list");
    for vector in vectors {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (provider, model) = (text(&vector["provider"]), text(&vector["model"]));
        let usage = vector["usage"].to_string();
        let said = find_usage(&provider, usage.as_bytes()).expect("usage is JSON");
        let said = said.expect("its members tell its form");
        let circumstances = &vector["context"];
        let (tier, place) = (
            text(&circumstances["service_tier"]),
            text(&circumstances["vertex_location"]),
        );
        let context = PriceContext {
            service_tier: Some(&tier),
            processing: match circumstances["batch"].as_bool() {
                Some(true) => Processing::Batch,
                _ => Processing::Immediate,
            },
            time: text(&circumstances["billing_time"]).parse().ok(),
            extras: Some(&said.extras),
            vertex_location: Some(&*place).filter(|place| !place.is_empty()),
            ..PriceContext::default()
        };
        // One has prices of its own, which its arithmetic says.
        let is_custom = text(&vector["note"]).starts_with("custom price per token");
        let table = if is_custom { &custom } else { &builtin };
        let priced = table.price(&provider, &model, &said.usage, &context);
        let Priced::Known { exact, .. } = priced else {
            panic!("{vector}: {priced:?}");
        };
        assert_eq!(
            exact.to_string(),
            text(&vector["expected_cost_usd"]),
            "{vector}"
        );
    }
    eprintln!("{} cost vectors are exact", vectors.len());
    assert!(vectors.len() >= 49);
}

const CUSTOM: &str = r#"{"version":"own","source":"contract","models":[
    {"provider":"openai","model":"gpt-4o","standard":{"input":"1","output":"2"}}]}"#;

/// The context of a call with so much input, in a class.
struct Case<'a> {
    class: &'a str,
    above: u64,
    prices: &'a Value,
}

#[test]
fn the_builtin_table_has_every_price_of_every_model_of_the_shared_prices() {
    let Some(prices) = shared("prices.json") else {
        eprintln!("SKIPPED: no shared prices here");
        return;
    };
    let table = PriceTable::builtin();
    let listed = table.list();
    let (mut models, mut compared) = (0, 0);
    for model in prices["models"].as_array().expect("a list") {
        models += 1;
        let provider = model["provider"].as_str().expect("a text");
        let name = model["model"].as_str().expect("a text");
        let bare = name.strip_prefix(&format!(
            "{}/",
            provider.trim_end_matches("-anthropic_models")
        ));
        let bare = bare.unwrap_or(name);
        let ours: Vec<_> = listed
            .iter()
            .filter(|price| price.is_of_provider(provider) && price.model == bare)
            .collect();
        assert!(!ours.is_empty(), "{provider} {name}");
        for case in cases(model) {
            for (item, price) in case.prices.as_object().expect("prices by item") {
                let Some(price) = price.as_str() else {
                    continue;
                };
                let item = if item == "cache_write_5m" {
                    "cache_write"
                } else {
                    item
                };
                let above = (case.above > 0).then_some(case.above);
                let found = ours.iter().find(|ours| {
                    (ours.class.as_str(), ours.above_tokens, ours.item.as_str())
                        == (case.class, above, item)
                });
                let found = found.map(|ours| per_token(&ours.price));
                let expected = Some(price.parse::<Decimal>().expect("a decimal").normalize());
                assert_eq!(found, expected, "{provider} {name} {} {item}", case.class);
                compared += 1;
            }
        }
    }
    eprintln!("{models} models, {compared} prices");
    assert!(
        models >= 217 && compared > 1_500,
        "{models} models, {compared} prices"
    );
}

/// The prices of a model of the shared prices, class by class and threshold by threshold.
fn cases(model: &Value) -> Vec<Case<'_>> {
    let includes = model["threshold_rule"]
        .as_str()
        .is_some_and(|rule| rule.starts_with("inclusive"));
    let standard = [("standard", &model["base"]), ("batch", &model["batch"])];
    let tiers = model["service_tiers"].as_object().into_iter().flatten();
    let tiers = tiers.map(|(name, prices)| (name.as_str(), prices));
    let mut cases = Vec::new();
    for (class, prices) in standard.into_iter().chain(tiers) {
        if prices.is_object() {
            let above = 0;
            cases.push(Case {
                class,
                above,
                prices,
            });
        }
        let thresholds = if class == "standard" {
            &model["tiers"]
        } else {
            &prices["tiers"]
        };
        for (name, prices) in thresholds.as_object().into_iter().flatten() {
            let thousands = name.trim_start_matches("above_").trim_end_matches('k');
            let above = thousands.parse::<u64>().expect("a number") * 1000 - u64::from(includes);
            cases.push(Case {
                class,
                above,
                prices,
            });
        }
    }
    cases
}

/// The price of one token, of the price of a million.
fn per_token(price: &str) -> Decimal {
    let million: Decimal = price.parse().expect("a decimal");
    (million / Decimal::from(1_000_000)).normalize()
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
