//! The prices of one model, and which of them holds for a call.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Item, NoPrice, PriceContext, Processing};
use crate::record::Usd;

/// The prices of one model. Says which classes of processing have prices of their own.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelPrices {
    pub(super) provider: String,
    pub(super) model: String,
    /// The first day of validity, `YYYY-MM-DD` in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_from: Option<Day>,
    /// The first day after validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_until: Option<Day>,
    standard: Rates,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<Rates>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    service_tiers: BTreeMap<String, Rates>,
}

/// Prices of one class of processing.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rates {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_read: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio_input: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio_output: Option<PerMillion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning: Option<PerMillion>,
    /// Prices of larger contexts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    above: Vec<Above>,
}

/// Prices that hold where the input has more tokens than this.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Above {
    tokens: u64,
    prices: Rates,
}

/// A day, `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Day(String);

/// A price in US dollars: per million tokens as it stands in a table, per token as it is used.
#[derive(Debug, Clone, Copy)]
struct PerMillion {
    as_given: Usd,
    per_token: Usd,
}

/// The prices that hold for one call.
pub(super) struct Tariff<'a> {
    standard: &'a Rates,
    class: Class<'a>,
    prompt_tokens: u64,
}

#[derive(Clone, Copy)]
enum Class<'a> {
    Batch(Option<&'a Rates>),
    Standard,
    Tier(&'a Rates),
}

impl ModelPrices {
    /// Whether the prices hold on a day; they do where no day is asked for.
    pub(super) fn holds_on(&self, day: Option<&str>) -> bool {
        let begun = |from: &Day| day.is_none_or(|day| from.0.as_str() <= day);
        let over = |until: &Day| day.is_some_and(|day| until.0.as_str() <= day);
        self.valid_from.as_ref().is_none_or(begun) && !self.valid_until.as_ref().is_some_and(over)
    }

    /// Whether any prices are bound to a time.
    pub(super) fn is_dated(&self) -> bool {
        self.valid_from.is_some() || self.valid_until.is_some()
    }

    /// The prices for a call with so many tokens of input.
    pub(super) fn tariff(
        &self,
        context: &PriceContext<'_>,
        prompt_tokens: u64,
    ) -> Result<Tariff<'_>, NoPrice> {
        Ok(Tariff {
            standard: &self.standard,
            class: self.class(context)?,
            prompt_tokens,
        })
    }

    fn class(&self, context: &PriceContext<'_>) -> Result<Class<'_>, NoPrice> {
        let tier = context.service_tier.unwrap_or("standard");
        if context.processing == Processing::Batch || tier == "batch" {
            return Ok(Class::Batch(self.batch.as_ref()));
        }
        let tier = if tier == "fast" { "priority" } else { tier };
        match self.service_tiers.get(tier) {
            Some(rates) => Ok(Class::Tier(rates)),
            None if KNOWN_TIERS.contains(&tier) => Ok(Class::Standard),
            None => Err(NoPrice::UnknownServiceTier),
        }
    }
}

impl Tariff<'_> {
    /// The price of one token, by the rules of the module.
    pub(super) fn price(&self, item: Item) -> Result<Usd, NoPrice> {
        if let Some(price) = self.own_price(item)? {
            return Ok(price);
        }
        match item {
            Item::Input | Item::Output => Err(NoPrice::Unpriced(item)),
            Item::AudioInput | Item::CacheRead | Item::CacheWrite => self.price(Item::Input),
            Item::CacheWrite1h => self.price(Item::CacheWrite),
            Item::AudioOutput | Item::Reasoning => self.price(Item::Output),
        }
    }

    /// The price of an item that has one of its own.
    pub(super) fn own_price(&self, item: Item) -> Result<Option<Usd>, NoPrice> {
        let rates = match self.class {
            Class::Standard => None,
            Class::Tier(rates) => Some(rates),
            Class::Batch(rates) => rates,
        };
        let share_of = |price: Usd| match self.class {
            Class::Batch(_) => price.scaled(HALF).ok_or(NoPrice::OutOfRange),
            Class::Standard | Class::Tier(_) => Ok(price),
        };
        let above = |rates: &Rates| rates.above(self.prompt_tokens, item);
        if let Some(price) = rates.and_then(above) {
            return Ok(Some(price));
        }
        if let Some(price) = above(self.standard) {
            return share_of(price).map(Some);
        }
        if let Some(price) = rates.and_then(|rates| rates.base(item)) {
            return Ok(Some(price));
        }
        self.standard.base(item).map(share_of).transpose()
    }
}

impl Rates {
    fn base(&self, item: Item) -> Option<Usd> {
        let price = match item {
            Item::AudioInput => self.audio_input,
            Item::AudioOutput => self.audio_output,
            Item::CacheRead => self.cache_read,
            Item::CacheWrite => self.cache_write,
            Item::CacheWrite1h => self.cache_write_1h,
            Item::Input => self.input,
            Item::Output => self.output,
            Item::Reasoning => self.reasoning,
        };
        price.map(|price| price.per_token)
    }

    /// The price at the highest threshold that is passed and has one.
    fn above(&self, prompt_tokens: u64, item: Item) -> Option<Usd> {
        let passed = self.above.iter().filter(|tier| prompt_tokens > tier.tokens);
        let priced = passed.filter_map(|tier| Some((tier.tokens, tier.prices.base(item)?)));
        priced
            .max_by_key(|(tokens, _)| *tokens)
            .map(|(_, price)| price)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day: Result<jiff::civil::Date, _> = text.parse();
        let strict = day.is_ok_and(|day| day.to_string() == text);
        let refused = || serde::de::Error::custom("a day is written YYYY-MM-DD");
        strict.then_some(Self(text)).ok_or_else(refused)
    }
}

impl<'de> Deserialize<'de> for PerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(
                "a price is a decimal string of US dollars per million tokens, such as \"2.50\"",
            )
        })
    }
}

impl Serialize for PerMillion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.as_given)
    }
}

impl PerMillion {
    /// Reads a price, which people may write with zeros at its end.
    fn parse(text: &str) -> Option<Self> {
        let decimal = Decimal::from_str_exact(text).ok()?;
        let as_given: Usd = decimal.normalize().to_string().parse().ok()?;
        let per_token = as_given.scaled(Decimal::new(1, 6))?;
        Some(Self {
            as_given,
            per_token,
        })
    }
}

const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// Service tiers that providers have. A model without prices for one of them has its standard prices.
const KNOWN_TIERS: [&str; 9] = [
    "",
    "auto",
    "balanced",
    "default",
    "flex",
    "priority",
    "standard",
    "standard_only",
    "ultrafast",
];
