use proptest::prelude::*;

use super::*;
use crate::record::Usage;

const FLAT: &str = r#"{"version": "flat-1", "source": "contract", "models": [
    {"provider": "*", "model": "*", "standard": {"input": "5", "output": "25.00", "reasoning": "5"}}]}"#;

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        ..Usage::default()
    }
}

fn table(models: &str) -> PriceTable {
    let json = format!(r#"{{"version": "t", "source": "test", "models": [{models}]}}"#);
    PriceTable::from_json(&json).unwrap()
}

fn exact(priced: &Priced) -> String {
    match priced {
        Priced::Known { exact, .. } => exact.to_string(),
        Priced::Unknown { reason } => reason.as_str().to_owned(),
    }
}

/// The price of a call of the table's model `m` by `p`.
fn price(table: &PriceTable, usage: &Usage, context: &PriceContext<'_>) -> String {
    let priced = table.price("p", "m", usage, context);
    let total = table.total(table.locate("p", "m"), usage, context);
    let summed = match &priced {
        Priced::Known { exact, source, .. } => Ok((*exact, *source)),
        Priced::Unknown { reason } => Err(*reason),
    };
    assert_eq!(
        total, summed,
        "the sum without lines is the sum of the lines"
    );
    exact(&priced)
}

fn tier(name: &str) -> PriceContext<'_> {
    PriceContext {
        service_tier: Some(name),
        ..PriceContext::default()
    }
}

const BATCH: PriceContext<'_> = PriceContext {
    service_tier: None,
    processing: Processing::Batch,
    operation: PricedOperation::Generation,
    time: None,
    extras: None,
    vertex_location: None,
    data_residency: None,
};

#[test]
fn the_builtin_table_is_what_reading_its_text_makes_of_it() {
    let (builtin, read) = (PriceTable::builtin(), PriceTable::from_json(table::BUILTIN));
    let read = read.unwrap();
    assert_eq!(builtin.version(), "2026-11-12");
    assert_eq!(builtin.digest(), read.digest());
    assert_eq!(builtin.list(), read.list());
}

#[test]
fn a_digest_is_of_the_prices_and_not_of_the_way_they_are_written() {
    let one = table(r#"{"provider":"p","model":"m","standard":{"input":"1","output":"2.50"}}"#);
    let same = table(r#"{"model":"m","standard":{"output":"2.5","input":"1.0"},"provider":"p"}"#);
    let other = table(r#"{"provider":"p","model":"m","standard":{"input":"1","output":"2.51"}}"#);
    assert_eq!(one.digest(), same.digest());
    assert_ne!(one.digest(), other.digest());
    let over = other.clone().with_overrides(one.clone());
    assert_ne!(over.digest(), one.with_overrides(other).digest());
    assert!(over.digest().as_str().starts_with("sha256:") && over.digest().as_str().len() == 71);
}

#[test]
fn a_flat_price_over_all_models_replaces_every_rule() {
    let table = PriceTable::builtin().with_overrides(PriceTable::from_json(FLAT).unwrap());
    assert_eq!(table.version(), "flat-1+2026-11-12");
    let spent = Usage {
        reasoning_output_tokens: Some(400),
        cache_read_input_tokens: Some(500),
        ..usage(1_000, 1_000)
    };
    for (provider, model) in [("openai", "gpt-4o"), ("elsewhere", "any-model")] {
        let priced = table.price(provider, model, &spent, &PriceContext::default());
        assert_eq!(exact(&priced), "0.022");
    }
}

#[test]
fn an_override_speaks_for_its_models_only_and_for_their_dated_names() {
    let own = r#"{"provider":"openai","model":"gpt-4o","standard":{"input":"2","output":"8"}}"#;
    let table = PriceTable::builtin().with_overrides(table(own));
    let of = |model| {
        exact(&table.price(
            "openai",
            model,
            &usage(1_000_000, 0),
            &PriceContext::default(),
        ))
    };
    assert_eq!(of("gpt-4o"), "2");
    assert_eq!(of("gpt-4o-2024-05-13"), "2");
    assert_eq!(of("gpt-4o-mini"), "0.15");
}

#[test]
fn what_is_unknown_has_a_reason_and_no_price() {
    let table = PriceTable::builtin();
    let plain = PriceContext::default();
    let of = |provider, model, usage: &Usage| exact(&table.price(provider, model, usage, &plain));
    assert_eq!(of("openai", "gpt-4o", &Usage::default()), "no_usage");
    let no_output = Usage {
        output_tokens: None,
        ..usage(10, 0)
    };
    assert_eq!(of("openai", "gpt-4o", &no_output), "no_usage");
    for (provider, model) in [
        ("openai", "gpt-4o-extra"),
        ("openai", "GPT-4o"),
        ("openai", ""),
        ("openrouter", "openai/gpt-4o"),
        ("anthropic", "gpt-4o"),
        ("mistral", "gpt-4o"),
    ] {
        assert_eq!(
            of(provider, model, &usage(1, 1)),
            "unknown_model",
            "{provider} {model}"
        );
    }
    let impossible = Usage {
        cache_read_input_tokens: Some(8),
        cache_write_input_tokens: Some(3),
        ..usage(10, 1)
    };
    assert_eq!(of("openai", "gpt-5.6", &impossible), "inconsistent_usage");
    let scale = table.price("openai", "gpt-4o", &usage(1, 1), &tier("scale"));
    assert_eq!(exact(&scale), "unknown_service_tier");
}

#[test]
fn a_model_without_a_price_of_an_item_is_unpriced_only_where_the_item_was_used() {
    let table = table(r#"{"provider":"p","model":"m","standard":{"input":"1"}}"#);
    let plain = PriceContext::default();
    assert_eq!(price(&table, &usage(1_000_000, 0), &plain), "1");
    let priced = table.price("p", "m", &usage(1, 1), &plain);
    let reason = NoPrice::Unpriced(Item::Output);
    assert_eq!(priced, Priced::Unknown { reason });
    assert_eq!(reason.as_str(), "no_price");
}

#[test]
fn embeddings_need_no_output_count() {
    let spent = Usage {
        input_tokens: Some(12),
        ..Usage::default()
    };
    let context = PriceContext {
        operation: PricedOperation::Embeddings,
        ..PriceContext::default()
    };
    let priced = PriceTable::builtin().price("openai", "text-embedding-3-large", &spent, &context);
    assert_eq!(exact(&priced), "0.00000156");
}

#[test]
fn nothing_used_costs_nothing_and_an_explicit_zero_stays_zero() {
    let table = table(
        r#"{"provider":"p","model":"m","standard":{"input":"3","output":"0","cache_read":"0"}}"#,
    );
    let plain = PriceContext::default();
    let nothing = table.price("p", "m", &usage(0, 0), &plain);
    let free = Priced::Known {
        exact: Usd::ZERO,
        source: CostSource::Local,
        lines: vec![],
    };
    assert_eq!(nothing, free);
    let cached = Usage {
        cache_read_input_tokens: Some(900_000),
        ..usage(1_000_000, 77)
    };
    assert_eq!(price(&table, &cached, &plain), "0.3");
}

#[test]
fn missing_cache_prices_fall_back_to_input_and_the_short_write() {
    let spent = Usage {
        cache_read_input_tokens: Some(100_000),
        cache_write_input_tokens: Some(300_000),
        cache_write_1h_input_tokens: Some(200_000),
        ..usage(1_000_000, 0)
    };
    let plain = PriceContext::default();
    for (cache, expected) in [
        ("", "2"),
        (r#","cache_read":"1""#, "1.9"),
        (r#","cache_write":"4""#, "2.6"),
        (r#","cache_write":"4","cache_write_1h":"8""#, "3.4"),
        (r#","cache_write_1h":"8""#, "3.2"),
    ] {
        let prices = format!(r#"{{"provider":"p","model":"m","standard":{{"input":"2"{cache}}}}}"#);
        assert_eq!(price(&table(&prices), &spent, &plain), expected, "{cache}");
    }
}

#[test]
fn prices_above_a_threshold_hold_for_every_token_and_only_past_it() {
    let table = table(
        r#"{"provider":"p","model":"m",
        "standard":{"input":"1","output":"10","cache_read":"0.5",
                    "above":[{"tokens":1000,"prices":{"input":"2","output":"20"}},{"tokens":5000,"prices":{"input":"4"}}]},
        "batch":{"input":"0.4"},
        "service_tiers":{"flex":{"input":"0.5","output":"5","above":[{"tokens":1000,"prices":{"input":"1"}}]},
                         "priority":{"input":"3","output":"30"}}}"#,
    );
    let cached = Usage {
        cache_read_input_tokens: Some(400),
        ..usage(1_001, 1_000)
    };
    let plain = PriceContext::default();
    assert_eq!(price(&table, &usage(1_000, 1_000), &plain), "0.011");
    assert_eq!(price(&table, &usage(1_001, 1_000), &plain), "0.022002");
    // Cached input counts towards the threshold; its price there is missing, so the base price holds.
    assert_eq!(price(&table, &cached, &plain), "0.021402");
    // The highest threshold that has a price of the item.
    assert_eq!(price(&table, &usage(6_000, 1_000), &plain), "0.044");
    // Class above, then standard above, then class, then standard.
    assert_eq!(
        price(&table, &usage(1_001, 1_000), &tier("flex")),
        "0.021001"
    );
    assert_eq!(price(&table, &usage(1_000, 1_000), &tier("flex")), "0.0055");
    assert_eq!(
        price(&table, &usage(1_001, 1_000), &tier("priority")),
        "0.022002"
    );
    assert_eq!(price(&table, &usage(1_000, 1_000), &tier("fast")), "0.033");
    // A standard price stands in for a batch price at half.
    assert_eq!(price(&table, &usage(1_000, 1_000), &BATCH), "0.0054");
    assert_eq!(price(&table, &usage(1_001, 1_000), &BATCH), "0.011001");
    assert_eq!(
        price(&table, &usage(1_000, 1_000), &tier("batch")),
        "0.0054"
    );
    for standard in ["default", "auto", "standard", "ultrafast"] {
        assert_eq!(
            price(&table, &usage(1_000, 1_000), &tier(standard)),
            "0.011"
        );
    }
}

#[test]
fn audio_and_reasoning_have_their_prices_where_the_model_has_them() {
    let with = table(
        r#"{"provider":"p","model":"m",
        "standard":{"input":"1","output":"10","audio_input":"5","audio_output":"50","reasoning":"1"}}"#,
    );
    let without = table(r#"{"provider":"p","model":"m","standard":{"input":"1","output":"10"}}"#);
    let spent = Usage {
        cache_read_input_tokens: Some(200),
        audio_input_tokens: Some(300),
        audio_output_tokens: Some(40),
        reasoning_output_tokens: Some(60),
        ..usage(1_000, 100)
    };
    let plain = PriceContext::default();
    assert_eq!(price(&with, &spent, &plain), "0.00426");
    assert_eq!(price(&without, &spent, &plain), "0.002");
    let all_cached = Usage {
        cache_read_input_tokens: Some(900),
        ..spent
    };
    assert_eq!(price(&with, &all_cached, &plain), "0.00346");
}

#[test]
fn a_price_holds_from_its_first_day_to_the_day_before_its_last() {
    let table = table(
        r#"
        {"provider":"p","model":"m","valid_until":"2026-03-01","standard":{"input":"1"}},
        {"provider":"p","model":"m","valid_from":"2026-03-01","valid_until":"2026-06-01","standard":{"input":"2"}}"#,
    );
    let at = |time: &str| PriceContext {
        time: time.parse().ok(),
        ..PriceContext::default()
    };
    let million = usage(1_000_000, 0);
    for (time, expected) in [
        ("2026-02-28T23:59:59.999Z", "1"),
        ("2026-03-01T00:00:00Z", "2"),
        ("2026-05-31T23:59:59Z", "2"),
        ("2026-06-01T00:00:00Z", "no_price_at_that_time"),
    ] {
        assert_eq!(price(&table, &million, &at(time)), expected, "{time}");
    }
    assert_eq!(price(&table, &million, &PriceContext::default()), "2");
}

#[test]
fn tables_of_another_form_are_refused_with_the_place() {
    let refused = |models: &str| {
        let json = format!(r#"{{"version": "t", "source": "s", "models": [{models}]}}"#);
        PriceTable::from_json(&json).unwrap_err()
    };
    for models in [
        r#"{"provider":"p","model":"m"}"#,
        r#"{"provider":"p","model":"m","standard":{"input":2.5}}"#,
        r#"{"provider":"p","model":"m","standard":{"input":"-1"}}"#,
        r#"{"provider":"p","model":"m","standard":{"input":"1e3"}}"#,
        r#"{"provider":"p","model":"m","standard":{"input":"0.00000000000000000000000001"}}"#,
        r#"{"provider":"p","model":"m","standard":{"inputs":"1"}}"#,
        r#"{"provider":"p","model":"m","valid_from":"2026-2-1","standard":{"input":"1"}}"#,
        "3",
    ] {
        let error = refused(models);
        assert!(
            matches!(error, PriceTableError::Form { line: 1, .. }),
            "{models}: {error}"
        );
    }
    let twice = r#"{"provider":"p","model":"m","standard":{"input":"1"}}"#;
    let error = refused(&format!("{twice},{twice}"));
    assert_eq!(error.to_string(), "two prices of m by p from the same day");
}

#[test]
fn an_amount_that_28_digits_do_not_hold_is_no_price() {
    let dear = r#"{"provider":"p","model":"m","standard":{"input":"9999999.99999","output":"1"}}"#;
    let table = table(dear);
    let priced = price(&table, &usage(u64::MAX, 1), &PriceContext::default());
    assert_eq!(priced, "amount_out_of_range");
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let part = prop_oneof![Just(None), (0u64..300_000).prop_map(Some)];
    let parts = prop::collection::vec(part, 6);
    (parts, 0u64..300_000, 0u64..300_000).prop_map(|(parts, input, output)| {
        let long = parts[2].map(|long| long.min(parts[1].unwrap_or(long)));
        let written = parts[1].or(long).unwrap_or(0);
        Usage {
            input_tokens: Some(input + parts[0].unwrap_or(0) + written),
            output_tokens: Some(output + parts[3].unwrap_or(0) + parts[5].unwrap_or(0)),
            cache_read_input_tokens: parts[0],
            cache_write_input_tokens: parts[1],
            cache_write_1h_input_tokens: long,
            reasoning_output_tokens: parts[3],
            audio_input_tokens: parts[4].map(|audio| audio.min(input)),
            audio_output_tokens: parts[5],
        }
    })
}

fn any_model() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("openai", "gpt-4o"),
        ("openai", "gpt-5.4"),
        ("openai", "gpt-6.1-sol"),
        ("openai", "gpt-audio"),
        ("azure.ai.openai", "gpt-5.5"),
        ("anthropic", "claude-haiku-5-5"),
        ("anthropic", "claude-opus-5"),
    ])
}

fn any_context(
    tiers: &'static [Option<&'static str>],
) -> impl Strategy<Value = PriceContext<'static>> {
    prop::sample::select(tiers).prop_map(|service_tier| PriceContext {
        service_tier,
        ..PriceContext::default()
    })
}

const TIERS: &[Option<&str>] = &[
    None,
    Some("flex"),
    Some("default"),
    Some("batch"),
    Some("priority"),
];

/// Without `priority`: where a model has no priority price above a threshold, its standard price there stands in, and
/// that may be the lower one.
const EVEN_TIERS: &[Option<&str>] = TIERS.split_at(4).0;

/// Parsed once for all cases.
static BUILTIN: std::sync::LazyLock<PriceTable> = std::sync::LazyLock::new(PriceTable::builtin);

proptest! {
    #[test]
    fn a_bill_is_the_sum_of_its_lines_and_has_every_token_once(
        (provider, model) in any_model(), usage in any_usage(), context in any_context(TIERS),
    ) {
        let Priced::Known { exact, lines, .. } = BUILTIN.price(provider, model, &usage, &context)
        else { panic!("every count is known") };
        let sum = lines.iter().try_fold(Usd::ZERO, |sum, line| sum.plus(line.amount));
        prop_assert_eq!(sum, Some(exact));
        for line in &lines {
            prop_assert_eq!(line.unit_price.times(line.quantity), Some(line.amount));
        }
        let tokens: u64 = lines.iter().map(|line| line.quantity).sum();
        prop_assert_eq!(Some(tokens), usage.input_tokens.zip(usage.output_tokens).map(|(input, output)| input + output));
    }

    #[test]
    fn more_tokens_of_any_kind_never_cost_less(
        (provider, model) in any_model(), usage in any_usage(), context in any_context(EVEN_TIERS), kind in 0..6, more in 1u64..300_000,
    ) {
        let mut larger = usage;
        let add = |count: &mut Option<u64>| *count = Some(count.unwrap_or(0) + more);
        match kind {
            0 => add(&mut larger.input_tokens),
            1 => add(&mut larger.output_tokens),
            2 => { add(&mut larger.input_tokens); add(&mut larger.cache_read_input_tokens); }
            3 => {
                add(&mut larger.input_tokens);
                larger.cache_write_input_tokens = usage.cache_write_input_tokens.or(usage.cache_write_1h_input_tokens);
                add(&mut larger.cache_write_input_tokens);
            }
            4 => { add(&mut larger.input_tokens); add(&mut larger.audio_input_tokens); }
            _ => { add(&mut larger.output_tokens); add(&mut larger.reasoning_output_tokens); }
        }
        let cost = |usage: &Usage| match BUILTIN.price(provider, model, usage, &context) {
            Priced::Known { exact, .. } => exact,
            Priced::Unknown { reason } => panic!("{}", reason.as_str()),
        };
        prop_assert!(cost(&larger) >= cost(&usage));
    }

    #[test]
    fn no_text_and_no_counts_make_pricing_panic(
        json in ".{0,200}", name in "(ft:|openai/|-2024-01-01|é|gpt-4o|:|-){0,6}", counts in prop::collection::vec(any::<Option<u64>>(), 8),
    ) {
        let _ = PriceTable::from_json(&json);
        let usage = Usage {
            input_tokens: counts[0],
            output_tokens: counts[1],
            cache_read_input_tokens: counts[2],
            cache_write_input_tokens: counts[3],
            cache_write_1h_input_tokens: counts[4],
            reasoning_output_tokens: counts[5],
            audio_input_tokens: counts[6],
            audio_output_tokens: counts[7],
        };
        let _ = BUILTIN.price("openai", &name, &usage, &PriceContext::default());
        let _ = BUILTIN.price("openai", "gpt-5.4", &usage, &PriceContext::default());
    }
}
