//! The prices of one model, and which of them holds for a call.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::off_peak::OffPeak;
use super::rates::Rates;
use super::{Item, NoPrice, PriceContext, Processing};
use crate::record::Usd;

/// The prices of one model. Says which classes of processing have prices of their own.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelPrices {
    pub(super) provider: String,
    pub(super) model: String,
    /// Other names of the model, with the same prices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
    /// The first day of validity, `YYYY-MM-DD` in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_from: Option<Day>,
    /// The first day after validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_until: Option<Day>,
    pub(super) standard: Rates,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<Rates>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) service_tiers: BTreeMap<String, Rates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) off_peak: Option<OffPeak>,
    /// What all prices of tokens are multiplied by, by where or how a call was served.
    #[serde(default, skip_serializing_if = "Uplifts::is_empty")]
    pub(super) uplifts: Uplifts,
}

/// Factors by the circumstance that they hold in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uplifts {
    /// By the region that data stays in (OpenAI).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) data_residency: BTreeMap<String, Factor>,
    /// By where the provider says that it served the call (Anthropic's `inference_geo`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) geography: BTreeMap<String, Factor>,
    /// At endpoints that are not global (Vertex AI).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) regional_endpoint: Option<Factor>,
    /// By how fast it was run (Anthropic's `speed`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) speed: BTreeMap<String, Factor>,
}

/// A factor of prices: a decimal from 0 on, such as `1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Factor(Decimal);

/// A day, `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Day(String);

/// The prices that hold for one call.
pub(super) struct Tariff<'a> {
    off_peak: Option<&'a Rates>,
    standard: &'a Rates,
    class: Class<'a>,
    prompt_tokens: u64,
    /// What prices of tokens are multiplied by.
    factor: Decimal,
}

#[derive(Clone, Copy)]
enum Class<'a> {
    Batch(Option<&'a Rates>),
    Standard,
    Tier(&'a Rates),
}

impl ModelPrices {
    /// What tells it from all other prices of a table.
    pub(super) fn key(&self) -> (&str, &str, Option<&Day>) {
        (&self.provider, &self.model, self.valid_from.as_ref())
    }

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
        let class = self.class(context)?;
        let off_peak = match (&self.off_peak, context.time, class) {
            (Some(off_peak), Some(time), Class::Standard | Class::Tier(_)) => {
                off_peak.prices_at(time)
            }
            _ => None,
        };
        Ok(Tariff {
            off_peak,
            standard: &self.standard,
            class,
            prompt_tokens,
            factor: self.uplifts.factor(context)?,
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

impl Uplifts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The factors by the names of their circumstances.
    pub(super) fn listed(&self) -> impl Iterator<Item = (String, String)> {
        let kinds = [
            ("data_residency", &self.data_residency),
            ("geography", &self.geography),
            ("speed", &self.speed),
        ];
        let named = kinds.into_iter().flat_map(|(kind, factors)| {
            let factors = factors.iter();
            factors.map(move |(word, factor)| (format!("{kind}.{word}"), factor.0.to_string()))
        });
        let regional = self.regional_endpoint;
        named.chain(regional.map(|factor| ("regional_endpoint".to_owned(), factor.0.to_string())))
    }

    /// The product of the factors that hold for a call.
    fn factor(&self, context: &PriceContext<'_>) -> Result<Decimal, NoPrice> {
        if self.is_empty() {
            return Ok(Decimal::ONE);
        }
        let regional = context
            .vertex_location
            .filter(|location| !location.eq_ignore_ascii_case("global"));
        let word = |word: Option<&crate::record::Label>, factors: &BTreeMap<String, Factor>| {
            factors.get(word?.as_str()).copied()
        };
        let extras = context.extras;
        let factors = [
            regional.and(self.regional_endpoint),
            context
                .data_residency
                .and_then(|region| self.data_residency.get(region).copied()),
            word(
                extras.and_then(|extras| extras.geography.as_ref()),
                &self.geography,
            ),
            word(extras.and_then(|extras| extras.speed.as_ref()), &self.speed),
        ];
        let mut factors = factors.into_iter().flatten();
        let product = factors.try_fold(Decimal::ONE, |product, factor| {
            product.checked_mul(factor.0)
        });
        product.ok_or(NoPrice::OutOfRange)
    }
}

impl Tariff<'_> {
    /// The price of one unit, by the rules of the module.
    pub(super) fn price(&self, item: Item) -> Result<Usd, NoPrice> {
        let instead: &[Item] = match item {
            Item::AudioCacheRead | Item::ImageCacheRead => &[Item::CacheRead, Item::Input],
            Item::AudioInput
            | Item::CacheRead
            | Item::CacheWrite
            | Item::ImageInput
            | Item::VideoInput => &[Item::Input],
            Item::CacheWrite1h | Item::CacheWrite12h => &[Item::CacheWrite, Item::Input],
            Item::AudioOutput | Item::ImageOutput | Item::Reasoning => &[Item::Output],
            _ => &[],
        };
        for item in std::iter::once(&item).chain(instead) {
            if let Some(price) = self.own_price(*item)? {
                return Ok(price);
            }
        }
        Err(NoPrice::Unpriced(item))
    }

    /// The price of an item that has one of its own.
    pub(super) fn own_price(&self, item: Item) -> Result<Option<Usd>, NoPrice> {
        self.first_of(&[item])
            .map(|(_, price, share)| self.scaled(item, price, share))
            .transpose()
    }

    /// Whether reasoning has a price of its own where the price of output stands: a class that has a price of output
    /// and none of reasoning bills both alike.
    pub(super) fn prices_reasoning(&self) -> bool {
        let first = self.first_of(&[Item::Reasoning, Item::Output]);
        first.is_some_and(|(item, ..)| item == Item::Reasoning)
    }

    /// The first price that there is of any of the items, those that stand together taken in their order.
    fn first_of(&self, wanted: &[Item]) -> Option<(Item, Usd, Share)> {
        let class = match self.class {
            Class::Standard => None,
            Class::Tier(rates) => Some(rates),
            Class::Batch(rates) => rates,
        };
        let share = match self.class {
            Class::Batch(_) => Share::Half,
            Class::Standard | Class::Tier(_) => Share::Whole,
        };
        let of = |rates: &Rates, share: Share| {
            let priced = |item: &Item| Some((*item, rates.base(*item)?, share));
            wanted.iter().find_map(priced)
        };
        let above = |rates: &Rates, share: Share| {
            rates
                .above(self.prompt_tokens)
                .find_map(|rates| of(rates, share))
        };
        (self.off_peak.and_then(|rates| of(rates, Share::Whole)))
            .or_else(|| above(class?, Share::Whole))
            .or_else(|| above(self.standard, share))
            .or_else(|| of(class?, Share::Whole))
            .or_else(|| of(self.standard, share))
    }

    fn scaled(&self, item: Item, price: Usd, share: Share) -> Result<Usd, NoPrice> {
        if item.unit() != super::Unit::Token {
            return Ok(price);
        }
        let price = match share {
            Share::Half => price.scaled(HALF).ok_or(NoPrice::OutOfRange)?,
            Share::Whole => price,
        };
        if self.factor == Decimal::ONE {
            return Ok(price);
        }
        price.scaled(self.factor).ok_or(NoPrice::OutOfRange)
    }
}

/// How much of a price counts: half where a standard price stands in for that of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Half,
    Whole,
}

impl Day {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Factor {
    /// Reads a factor, which people may write with zeros at its end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let decimal = Decimal::from_str_exact(text).ok()?;
        (!decimal.is_sign_negative()).then(|| Self(decimal.normalize()))
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused = || serde::de::Error::custom("a factor is a decimal string, such as \"1.1\"");
        Self::parse(&text).ok_or_else(refused)
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
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

const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// Service tiers that providers have. A model without prices for one of them has its standard prices.
const KNOWN_TIERS: [&str; 11] = [
    "",
    "auto",
    "balanced",
    "default",
    "flex",
    "on_demand",
    "performance",
    "priority",
    "standard",
    "standard_only",
    "ultrafast",
];
