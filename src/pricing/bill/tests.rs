use proptest::prelude::*;

use super::*;
use crate::record::Label;

fn table(models: &str) -> PriceTable {
    let json = format!(r#"{{"version": "t", "source": "test", "models": [{models}]}}"#);
    PriceTable::from_json(&json).unwrap()
}

/// The price of a call of the table's model `m` by `p`, and the items that it is made of.
fn bill(
    table: &PriceTable,
    usage: Usage,
    extras: &UsageExtras,
    context: PriceContext<'_>,
) -> (String, Vec<&'static str>) {
    let context = PriceContext {
        extras: Some(extras),
        ..context
    };
    let priced = table.price("p", "m", &usage, &context);
    let total = table.total(table.locate("p", "m"), &usage, &context);
    match priced {
        Priced::Known {
            exact,
            source,
            lines,
        } => {
            assert_eq!(total, Ok((exact, source)));
            let items = lines.iter().map(|line| line.item.as_str()).collect();
            (exact.to_string(), items)
        }
        Priced::Unknown { reason } => {
            assert_eq!(total, Err(reason));
            (reason.as_str().to_owned(), Vec::new())
        }
    }
}

fn cost(table: &PriceTable, usage: Usage, extras: &UsageExtras) -> String {
    bill(table, usage, extras, PriceContext::default()).0
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        ..Usage::default()
    }
}

#[test]
fn what_the_provider_states_is_the_cost_of_whatever_model() {
    let extras = UsageExtras {
        stated_cost: "0.0093".parse().ok(),
        ..UsageExtras::NONE
    };
    let context = PriceContext {
        extras: Some(&extras),
        ..PriceContext::default()
    };
    let priced = PriceTable::builtin().price("somebody", "unknown", &Usage::default(), &context);
    let expected = Priced::Known {
        exact: "0.0093".parse().unwrap(),
        source: CostSource::Provider,
        lines: vec![],
    };
    assert_eq!(priced, expected);
}

#[test]
fn every_modality_has_its_price_and_the_cached_part_of_it() {
    let table = table(
        r#"{"provider":"p","model":"m","standard":{"input":"1","output":"10","cache_read":"0.1","audio_input":"5","audio_cache_read":"0.5",
            "image_input":"3","image_cache_read":"0.3","image_output":"30","video_input":"7"}}"#,
    );
    let spent = Usage {
        cache_read_input_tokens: Some(400_000),
        audio_input_tokens: Some(300_000),
        ..usage(1_000_000, 100_000)
    };
    let extras = UsageExtras {
        audio_cache_read_input_tokens: Some(100_000),
        image_cache_read_input_tokens: Some(50_000),
        image_input_tokens: Some(150_000),
        image_output_tokens: Some(40_000),
        video_input_tokens: Some(200_000),
        ..UsageExtras::NONE
    };
    // input 0.1 · 1, audio 0.2 · 5, image 0.1 · 3, video 0.2 · 7, read 0.25 · 0.1 + 0.1 · 0.5 + 0.05 · 0.3, output 0.06 · 10 + 0.04 · 30
    let (exact, items) = bill(&table, spent, &extras, PriceContext::default());
    assert_eq!(exact, "4.69");
    assert_eq!(items.len(), 9);
    // More images than input is left: what the cache covered is not paid for twice.
    let crowded = UsageExtras {
        image_input_tokens: Some(1_000_000),
        ..UsageExtras::NONE
    };
    let cached = Usage {
        cache_read_input_tokens: Some(900_000),
        ..usage(1_000_000, 0)
    };
    assert_eq!(cost(&table, cached, &crowded), "0.39"); // 0.1 · 3 + 0.9 · 0.1
    assert_eq!(cost(&table, usage(10, 0), &crowded), "inconsistent_usage");
}

#[test]
fn writes_for_twelve_hours_have_their_price_or_that_of_other_writes() {
    let spent = Usage {
        cache_write_input_tokens: Some(1_000_000),
        ..usage(1_000_000, 0)
    };
    let extras = UsageExtras {
        cache_write_12h_input_tokens: Some(400_000),
        ..UsageExtras::NONE
    };
    for (prices, expected) in [
        (r#""cache_write":"2","cache_write_12h":"4""#, "2.8"),
        (r#""cache_write":"2""#, "2"),
        (r#""cache_read":"2""#, "1"),
    ] {
        let prices =
            format!(r#"{{"provider":"p","model":"m","standard":{{"input":"1",{prices}}}}}"#);
        assert_eq!(cost(&table(&prices), spent, &extras), expected, "{prices}");
    }
}

#[test]
fn searches_are_paid_by_the_piece_or_by_the_prompt_and_never_for_nothing() {
    let with = |prices: &str| {
        let prices =
            format!(r#"{{"provider":"p","model":"m","standard":{{"input":"1",{prices}}}}}"#);
        table(&prices)
    };
    let searched = |web_searches| UsageExtras {
        web_searches,
        ..UsageExtras::NONE
    };
    let by_piece = with(r#""web_search":"0.01""#);
    let by_prompt = with(r#""grounded_prompt":"0.035""#);
    let none = with(r#""cache_read":"1""#);
    for (table, searches, expected) in [
        (&by_piece, Some(3), "0.03"),
        (&by_prompt, Some(3), "0.035"),
        (&by_prompt, Some(0), "0"),
        (&by_piece, None, "0"),
        (&none, Some(1), "no_price"),
        (&none, Some(0), "0"),
    ] {
        assert_eq!(cost(table, usage(0, 0), &searched(searches)), expected);
    }
    // A batch halves tokens, not searches.
    let batch = PriceContext {
        service_tier: Some("batch"),
        ..PriceContext::default()
    };
    let (exact, _) = bill(&by_piece, usage(1_000_000, 0), &searched(Some(1)), batch);
    assert_eq!(exact, "0.51");
}

#[test]
fn ranking_is_paid_by_its_units_and_without_them_unknown() {
    let by_unit = table(
        r#"{"provider":"p","model":"m","standard":{"search_unit":"0.002","input":"0","output":"0"}}"#,
    );
    let by_token = table(r#"{"provider":"p","model":"m","standard":{"input":"2","output":"0"}}"#);
    let units = UsageExtras {
        search_units: Some(3),
        ..UsageExtras::NONE
    };
    assert_eq!(cost(&by_unit, Usage::default(), &units), "0.006");
    assert_eq!(
        cost(&by_unit, usage(500, 0), &UsageExtras::NONE),
        "no_usage"
    );
    assert_eq!(cost(&by_token, usage(500_000, 0), &units), "1");
    assert_eq!(cost(&by_token, Usage::default(), &units), "no_price");
}

#[test]
fn transcription_is_paid_by_its_length_where_tokens_are_not_said_or_not_priced() {
    let by_time = table(r#"{"provider":"p","model":"m","standard":{"audio_time":"0.0001"}}"#);
    let both = table(
        r#"{"provider":"p","model":"m","standard":{"audio_time":"0.0001","audio_input":"2.5","input":"2.5","output":"10"}}"#,
    );
    let heard = UsageExtras {
        audio_milliseconds: Some(61_500),
        ..UsageExtras::NONE
    };
    assert_eq!(cost(&by_time, Usage::default(), &heard), "0.00615");
    assert_eq!(cost(&by_time, usage(900, 20), &heard), "0.00615");
    assert_eq!(cost(&both, Usage::default(), &heard), "0.00615");
    assert_eq!(cost(&both, usage(100_000, 10_000), &heard), "0.35");
    assert_eq!(
        cost(&by_time, Usage::default(), &UsageExtras::NONE),
        "no_usage"
    );
}

#[test]
fn pictures_citations_and_requests_are_paid_by_the_prices_that_there_are() {
    let with_pictures = table(
        r#"{"provider":"p","model":"m","standard":{"input":"1","output":"0","image":"0.0001","request":"0.005"}}"#,
    );
    let extras = UsageExtras {
        images: Some(7),
        citation_tokens: Some(1_000),
        ..UsageExtras::NONE
    };
    assert_eq!(cost(&with_pictures, usage(0, 0), &extras), "0.0057");
    let cited = table(r#"{"provider":"p","model":"m","standard":{"citation":"2","input":"2"}}"#);
    let extras = UsageExtras {
        citation_tokens: Some(500_000),
        ..UsageExtras::NONE
    };
    assert_eq!(cost(&cited, usage(0, 0), &extras), "1");
    let pictured = UsageExtras {
        images: Some(1),
        ..UsageExtras::NONE
    };
    assert_eq!(cost(&cited, usage(0, 0), &pictured), "no_price");
}

#[test]
fn a_total_alone_is_the_input_of_what_has_no_output() {
    let embedding = table(r#"{"provider":"p","model":"m","standard":{"input":"1","output":"0"}}"#);
    let chat = table(r#"{"provider":"p","model":"m","standard":{"input":"1","output":"2"}}"#);
    let total = |total_tokens| UsageExtras {
        total_tokens: Some(total_tokens),
        ..UsageExtras::NONE
    };
    let million = Usage {
        input_tokens: Some(1_000_000),
        ..Usage::default()
    };
    assert_eq!(cost(&embedding, Usage::default(), &total(1_000_000)), "1");
    assert_eq!(cost(&embedding, million, &UsageExtras::NONE), "1");
    assert_eq!(cost(&chat, Usage::default(), &total(1_000_000)), "no_usage");
    assert_eq!(cost(&chat, million, &UsageExtras::NONE), "no_usage");
    // All of the total is input, so there was no output.
    assert_eq!(cost(&chat, million, &total(1_000_000)), "1");
    assert_eq!(cost(&chat, million, &total(1_000_001)), "no_usage");
}

#[test]
fn uplifts_multiply_prices_of_tokens_and_each_other() {
    let table = table(
        r#"{"provider":"p","model":"m","standard":{"input":"1","output":"10","web_search":"0.01"},
            "uplifts":{"data_residency":{"eu":"1.1"},"geography":{"us":"1.2"},"regional_endpoint":"1.3","speed":{"fast":"2"}}}"#,
    );
    let million = usage(1_000_000, 0);
    let word = |word: &str| Some(Label::clip(word));
    let plain = PriceContext::default();
    let at = |vertex_location| PriceContext {
        vertex_location,
        ..plain
    };
    let in_eu = PriceContext {
        data_residency: Some("eu"),
        ..plain
    };
    let fast = UsageExtras {
        speed: word("fast"),
        geography: word("us"),
        web_searches: Some(1),
        ..UsageExtras::NONE
    };
    let elsewhere = UsageExtras {
        speed: word("standard"),
        geography: word("global"),
        ..UsageExtras::NONE
    };
    for (extras, context, expected) in [
        (&UsageExtras::NONE, plain, "1"),
        (&UsageExtras::NONE, at(Some("global")), "1"),
        (&UsageExtras::NONE, at(Some("us-east5")), "1.3"),
        (&UsageExtras::NONE, in_eu, "1.1"),
        (&fast, plain, "2.41"),
        (&elsewhere, plain, "1"),
    ] {
        assert_eq!(bill(&table, million, extras, context).0, expected);
    }
}

#[test]
fn off_peak_prices_hold_in_their_hours_and_not_for_batches() {
    let table = table(
        r#"{"provider":"p","model":"m","standard":{"input":"2","output":"20","cache_write":"3","reasoning":"9"},
            "off_peak":{"prices":{"input":"1","output":"10"},"windows":[{"hours":["16:30-00:30"]}]}}"#,
    );
    let spent = Usage {
        cache_write_input_tokens: Some(100_000),
        reasoning_output_tokens: Some(50_000),
        ..usage(1_100_000, 100_000)
    };
    let at = |time: &str| PriceContext {
        time: time.parse().ok(),
        ..PriceContext::default()
    };
    let of = |context| bill(&table, spent, &UsageExtras::NONE, context).0;
    // 2 + 0.3 + 0.05 · 20 + 0.05 · 9, and 1 + 0.3 + 0.1 · 10
    assert_eq!(of(at("2026-11-23T12:00:00Z")), "3.75");
    assert_eq!(of(at("2026-11-23T17:00:00Z")), "2.3");
    assert_eq!(of(PriceContext::default()), "3.75");
    let batch = PriceContext {
        service_tier: Some("batch"),
        ..at("2026-11-23T17:00:00Z")
    };
    assert_eq!(of(batch), "1.875");
}

#[test]
fn reasoning_of_a_class_without_a_price_of_it_costs_what_its_output_costs() {
    let table = table(
        r#"{"provider":"p","model":"m","standard":{"input":"1","output":"10","reasoning":"4",
            "above":[{"tokens":1000,"prices":{"output":"20"}}]},
            "service_tiers":{"flex":{"input":"0.5","output":"5"}}}"#,
    );
    let spent = |input| Usage {
        reasoning_output_tokens: Some(500_000),
        ..usage(input, 1_000_000)
    };
    let flex = PriceContext {
        service_tier: Some("flex"),
        ..PriceContext::default()
    };
    let of = |input, context| bill(&table, spent(input), &UsageExtras::NONE, context).0;
    assert_eq!(of(0, PriceContext::default()), "7");
    assert_eq!(of(0, flex), "5");
    assert_eq!(of(2_000, PriceContext::default()), "20.002");
}

#[test]
fn providers_and_models_go_by_any_of_their_names() {
    let own = r#"{"provider":"azure","model":"house-model","aliases":["house-model-2"],"standard":{"input":"1","output":"0"}}"#;
    let table = PriceTable::builtin().with_overrides(table(own));
    let of = |provider, model| {
        let priced = table.price(
            provider,
            model,
            &usage(1_000_000, 0),
            &PriceContext::default(),
        );
        match priced {
            Priced::Known { exact, .. } => exact.to_string(),
            Priced::Unknown { reason } => reason.as_str().to_owned(),
        }
    };
    for (provider, model, expected) in [
        ("azure.ai.openai", "house-model", "1"),
        ("azure", "azure/house-model-2", "1"),
        ("azure_ai", "house-model", "unknown_model"),
        ("gcp.gemini", "gemini-2.5-flash", "0.3"),
        ("gemini", "gemini/gemini-2.5-flash", "0.3"),
        ("gcp.gemini", "models/gemini-2.5-flash", "0.3"),
        ("mistral_ai", "mistral-small-latest", "0.15"),
        ("x_ai", "grok-4.5", "4"),
        (
            "aws.bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "6.6",
        ),
        ("vertex_ai", "claude-sonnet-4-5@20250929", "6"),
        ("groq", "openai/gpt-oss-120b", "0.15"),
    ] {
        assert_eq!(of(provider, model), expected, "{provider} {model}");
    }
}

/// A price of every item, so that nothing is without one.
const EVERYTHING: &str = r#"{"provider":"p","model":"m","standard":{"input":"1","output":"10","cache_read":"0.1","cache_write":"1.25",
    "cache_write_1h":"2","cache_write_12h":"3","audio_input":"5","audio_cache_read":"0.2","audio_output":"50","image_input":"3",
    "image_cache_read":"0.3","image_output":"30","video_input":"7","reasoning":"12","citation":"2","web_search":"0.01","image":"0.001",
    "request":"0.0001","above":[{"tokens":200000,"prices":{"input":"2","output":"20","cache_read":"0.2"}}]},
    "uplifts":{"speed":{"fast":"2"}}}"#;

fn any_extras() -> impl Strategy<Value = UsageExtras> {
    prop::collection::vec(prop::option::of(0u64..100_000), 9).prop_map(|counts| UsageExtras {
        audio_cache_read_input_tokens: counts[0],
        citation_tokens: counts[1],
        image_cache_read_input_tokens: counts[2],
        image_input_tokens: counts[3],
        images: counts[4],
        image_output_tokens: counts[5],
        video_input_tokens: counts[6],
        web_searches: counts[7],
        speed: counts[8].map(|_| Label::clip("fast")),
        ..UsageExtras::NONE
    })
}

proptest! {
    #[test]
    fn every_token_is_on_one_line_and_the_lines_add_up(
        extras in any_extras(), input in 100_000u64..1_000_000, output in 200_000u64..1_000_000, read in 0u64..50_000,
        audio in 0u64..100_000, reasoning in 0u64..50_000, batch: bool,
    ) {
        let usage = Usage {
            cache_read_input_tokens: Some(read),
            audio_input_tokens: Some(audio),
            reasoning_output_tokens: Some(reasoning),
            ..usage(input, output)
        };
        let context = PriceContext {
            extras: Some(&extras),
            service_tier: batch.then_some("batch"),
            ..PriceContext::default()
        };
        let priced = table(EVERYTHING).price("p", "m", &usage, &context);
        let Priced::Known { exact, lines, .. } = priced else { panic!("everything has a price: {priced:?}") };
        let sum = lines.iter().try_fold(Usd::ZERO, |sum, line| sum.plus(line.amount));
        prop_assert_eq!(sum, Some(exact));
        let tokens = |line: &&PriceLine| line.item.unit() == crate::pricing::Unit::Token && line.item != Item::Citation;
        let counted: u64 = lines.iter().filter(tokens).map(|line| line.quantity).sum();
        prop_assert_eq!(counted, input + output);
    }

    #[test]
    fn more_of_what_stands_beside_the_tokens_never_costs_less(extras in any_extras(), more in 1u64..100_000, kind in 0..4) {
        let mut larger = extras.clone();
        let count = match kind {
            0 => &mut larger.citation_tokens,
            1 => &mut larger.images,
            2 => &mut larger.web_searches,
            _ => &mut larger.image_output_tokens,
        };
        *count = Some(count.unwrap_or(0) + more);
        let table = table(EVERYTHING);
        let cost = |extras: &UsageExtras| {
            let context = PriceContext { extras: Some(extras), ..PriceContext::default() };
            match table.price("p", "m", &usage(1_000_000, 1_000_000), &context) {
                Priced::Known { exact, .. } => exact,
                Priced::Unknown { reason } => panic!("{}", reason.as_str()),
            }
        };
        prop_assert!(cost(&larger) >= cost(&extras));
    }

    #[test]
    fn no_counts_make_a_bill_panic(counts in prop::collection::vec(any::<Option<u64>>(), 12)) {
        let usage = Usage { input_tokens: counts[0], output_tokens: counts[1], audio_input_tokens: counts[2], ..Usage::default() };
        let extras = UsageExtras {
            audio_cache_read_input_tokens: counts[3],
            audio_milliseconds: counts[4],
            cache_write_12h_input_tokens: counts[5],
            images: counts[6],
            image_input_tokens: counts[7],
            search_units: counts[8],
            total_tokens: counts[9],
            video_input_tokens: counts[10],
            web_searches: counts[11],
            ..UsageExtras::NONE
        };
        bill(&table(EVERYTHING), usage, &extras, PriceContext::default());
    }
}
