//! One member of a LiteLLM price map.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::key::{Class, Key};
use crate::pricing::model::{Factor, ModelPrices, Uplifts};
use crate::pricing::name::without_prefix;
use crate::pricing::off_peak::{Hours, OffPeak, Weekday, Window};
use crate::pricing::provider::canonical;
use crate::pricing::rates::Rates;
use crate::pricing::{Item, Unit};
use crate::record::Usd;

/// What a member says, by its name.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The prices of a member; none where it has none that a call could be billed by.
pub(super) fn prices(name: &str, member: &RawValue) -> Option<ModelPrices> {
    let fields: Fields<'_> = serde_json::from_str(member.get()).ok()?;
    let seller = text(&fields, "litellm_provider")?;
    let provider = canonical(&seller);
    let mode = text(&fields, "mode").unwrap_or_default();
    let mut prices = ModelPrices {
        provider: provider.to_owned(),
        model: model(provider, name).to_owned(),
        ..ModelPrices::default()
    };
    set_tiers(&mut prices.standard, &fields);
    set_named(&mut prices, &fields, &mode);
    set_missing(&mut prices.standard, &fields, &mode);
    set_searches(&mut prices.standard, &fields, provider);
    prices.off_peak = off_peak(&fields);
    prices.uplifts = uplifts(&fields);
    (!prices.standard.is_empty()).then_some(prices)
}

/// Whether all prices are 0.
pub(super) fn is_free(prices: &ModelPrices) -> bool {
    prices.standard.listed().all(|(_, price)| price.is_zero())
}

/// The model's name without the provider's prefix. One whose own name begins with it again keeps it, since whoever writes
/// it once means the other model.
fn model<'a>(provider: &str, name: &'a str) -> &'a str {
    let bare = without_prefix(provider, name);
    let once = bare.filter(|bare| without_prefix(provider, bare).is_none());
    once.unwrap_or(name)
}

/// Prices under names of their own.
fn set_named(prices: &mut ModelPrices, fields: &Fields<'_>, mode: &str) {
    // A threshold that includes its number is the one below.
    let inclusive = u64::from(prices.provider == "x_ai");
    for (name, value) in fields {
        let Some((key, price)) = Key::parse(name).zip(amount(value)) else {
            continue;
        };
        if !is_meant(key.item, mode) {
            continue;
        }
        let class = match key.class {
            Class::Standard => &mut prices.standard,
            Class::Batch => prices.batch.get_or_insert_default(),
            Class::Tier(tier) => prices.service_tiers.entry(tier.to_owned()).or_default(),
        };
        let rates = match key.above {
            Some(tokens) => class.above_mut(tokens.saturating_sub(inclusive)),
            None => class,
        };
        set(rates, key.item, price);
    }
}

/// Whether a price of this name is what the item costs: the same names serve other kinds of models for other things, as
/// `input_cost_per_image` does for the images that a model paints.
fn is_meant(item: Item, mode: &str) -> bool {
    match item {
        Item::AudioTime => mode == "audio_transcription",
        Item::Image => mode == "embedding",
        Item::SearchUnit => mode == "rerank",
        _ => true,
    }
}

/// Prices that stand under other names, or are meant by others.
fn set_missing(standard: &mut Rates, fields: &Fields<'_>, mode: &str) {
    if let Some(price) = field(fields, "input_cost_per_token_cache_hit") {
        set(standard, Item::CacheRead, price);
    }
    if mode == "audio_transcription"
        && let Some(price) = field(fields, "output_cost_per_second")
    {
        set(standard, Item::AudioTime, price);
    }
    // What makes images says no more of its output than that.
    if mode.starts_with("image")
        && let Some(price) = standard.base(Item::ImageOutput)
    {
        standard.set(Item::Output, price);
    }
    if matches!(mode, "embedding" | "rerank") {
        standard.set(Item::Output, Usd::ZERO);
    }
}

/// `tiered_pricing`: the tier of the fewest tokens is the base.
fn set_tiers(standard: &mut Rates, fields: &Fields<'_>) {
    #[derive(Deserialize)]
    struct Tier {
        range: (f64, f64),
    }
    let Some(list) = fields.get("tiered_pricing") else {
        return;
    };
    let Ok(tiers) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else {
        return;
    };
    let mut first = true;
    for tier in tiers {
        let (Ok(Tier { range }), Ok(tier)) = (
            serde_json::from_str(tier.get()),
            serde_json::from_str::<Fields<'_>>(tier.get()),
        ) else {
            continue;
        };
        let rates = if first {
            &mut *standard
        } else {
            standard.above_mut(range.0.max(0.0) as u64)
        };
        for (name, value) in &tier {
            if let Some((key, price)) = Key::parse(name).zip(amount(value)) {
                set(rates, key.item, price);
            }
        }
        if let (false, Some(input)) = (first, rates.base(Item::Input)) {
            rates.set(Item::CacheRead, input);
            rates.set(Item::CacheWrite, input);
        }
        first = false;
    }
}

fn set_searches(standard: &mut Rates, fields: &Fields<'_>, provider: &str) {
    #[derive(Deserialize)]
    struct Sizes<'a> {
        #[serde(borrow, default)]
        search_context_size_low: Option<&'a RawValue>,
        #[serde(borrow, default)]
        search_context_size_medium: Option<&'a RawValue>,
    }
    let Some(value) = fields.get("search_context_cost_per_query") else {
        return;
    };
    let Ok(sizes) = serde_json::from_str::<Sizes<'_>>(value.get()) else {
        return;
    };
    let (low, medium) = (
        sizes.search_context_size_low,
        sizes.search_context_size_medium,
    );
    let chosen = if provider == "perplexity" {
        low.or(medium)
    } else {
        medium.or(low)
    };
    let google = matches!(provider, "gcp.gemini" | "gcp.vertex_ai");
    let by_query = text(fields, "web_search_billing_unit").as_deref() == Some("per_query");
    let gemini =
        google && !text(fields, "litellm_provider").is_some_and(|name| name.contains("anthropic"));
    let item = if gemini && !by_query {
        Item::GroundedPrompt
    } else {
        Item::WebSearch
    };
    if let Some(price) = chosen.and_then(amount) {
        set(standard, item, price);
    }
}

fn off_peak(fields: &Fields<'_>) -> Option<OffPeak> {
    #[derive(Deserialize)]
    struct Rules<'a> {
        #[serde(borrow, default)]
        hours_utc: Option<&'a RawValue>,
        #[serde(borrow, default)]
        windows: Vec<Rule<'a>>,
    }
    #[derive(Deserialize)]
    struct Rule<'a> {
        #[serde(borrow)]
        hours_utc: &'a RawValue,
        #[serde(default)]
        weekdays: Vec<u8>,
    }
    let block = fields.get("off_peak_pricing")?.get();
    let rules: Rules<'_> = serde_json::from_str(block).ok()?;
    let named: Fields<'_> = serde_json::from_str(block).ok()?;
    let mut prices = Rates::default();
    for (name, value) in &named {
        if let Some((key, price)) = Key::parse(name).zip(amount(value)) {
            set(&mut prices, key.item, price);
        }
    }
    let daily = rules.hours_utc.map(|hours_utc| Rule {
        hours_utc,
        weekdays: Vec::new(),
    });
    let windows: Option<Vec<Window>> = rules
        .windows
        .into_iter()
        .chain(daily)
        .map(|rule| {
            Some(Window {
                days: rule
                    .weekdays
                    .into_iter()
                    .map(Weekday::new)
                    .collect::<Option<_>>()?,
                hours: hours(rule.hours_utc)?,
            })
        })
        .collect();
    let windows = windows.filter(|windows| !windows.is_empty() && !prices.is_empty())?;
    Some(OffPeak { prices, windows })
}

/// One window of hours, or a list of them.
fn hours(json: &RawValue) -> Option<Vec<Hours>> {
    let one = serde_json::from_str::<String>(json.get()).map(|text| vec![text]);
    let all = one
        .or_else(|_| serde_json::from_str::<Vec<String>>(json.get()))
        .ok()?;
    all.iter().map(|text| Hours::parse(text)).collect()
}

fn uplifts(fields: &Fields<'_>) -> Uplifts {
    let factor = |name: &str| factor(fields.get(name)?);
    let mut uplifts = Uplifts {
        regional_endpoint: factor("regional_endpoint_uplift_multiplier"),
        ..Uplifts::default()
    };
    for region in ["eu", "us"] {
        if let Some(factor) = factor(&format!("regional_processing_uplift_multiplier_{region}")) {
            uplifts.data_residency.insert(region.to_owned(), factor);
        }
    }
    let specific = fields.get("provider_specific_entry");
    let specific: Option<Fields<'_>> =
        specific.and_then(|json| serde_json::from_str(json.get()).ok());
    for (word, value) in specific.unwrap_or_default() {
        let Some(factor) = self::factor(value) else {
            continue;
        };
        // Other words are settings of other kinds; regions have two letters.
        match &*word {
            "fast" => uplifts.speed.insert(word.into_owned(), factor),
            region if region.len() == 2 => uplifts.geography.insert(word.into_owned(), factor),
            _ => None,
        };
    }
    uplifts
}

/// Sets the price of one unit of an item, from the price of one token, second or piece.
fn set(rates: &mut Rates, item: Item, price: Usd) {
    let unit = match item.unit() {
        Unit::Millisecond => price.scaled(Decimal::new(1, 3)),
        Unit::Piece | Unit::Token => Some(price),
    };
    if let Some(unit) = unit {
        rates.set(item, unit);
    }
}

fn field(fields: &Fields<'_>, name: &str) -> Option<Usd> {
    amount(fields.get(name)?)
}

/// A price: a JSON number, or such a number as a text.
fn amount(json: &RawValue) -> Option<Usd> {
    Usd::of_decimal(decimal(json)?)
}

fn factor(json: &RawValue) -> Option<Factor> {
    Factor::parse(&decimal(json)?.normalize().to_string())
}

fn decimal(json: &RawValue) -> Option<Decimal> {
    let text = json.get().trim_matches('"');
    let plain = Decimal::from_str_exact(text);
    plain.or_else(|_| Decimal::from_scientific(text)).ok()
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}
