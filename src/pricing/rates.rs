//! Prices of items: how they stand in a table, and as they are used.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Item;
use crate::record::Usd;

/// Prices of one class of processing. Items are few, so they are looked for one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rates {
    /// The prices of one unit, in the order of the items.
    prices: Vec<(Item, Usd)>,
    /// Prices of larger contexts, in the order of their thresholds.
    above: Vec<Above>,
}

/// Prices that hold where the input has more tokens than this.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Above {
    pub(super) tokens: u64,
    pub(super) prices: Rates,
}

/// A price as it stands in a table: of a million tokens, of a second, of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TablePrice(Usd);

impl Rates {
    /// Whether there is no price at all.
    pub(super) fn is_empty(&self) -> bool {
        self.prices.is_empty() && self.above.is_empty()
    }

    /// The price of one unit.
    pub(super) fn base(&self, item: Item) -> Option<Usd> {
        let found = self.prices.iter().find(|(priced, _)| *priced == item);
        found.map(|(_, price)| *price)
    }

    /// The prices past the thresholds that so many tokens are over, the highest first.
    pub(super) fn above(&self, prompt_tokens: u64) -> impl Iterator<Item = &Self> {
        let passed = self.above.iter().rev();
        passed
            .filter(move |above| prompt_tokens > above.tokens)
            .map(|above| &above.prices)
    }

    /// Sets the price of one unit, where it has none.
    pub(super) fn set(&mut self, item: Item, unit_price: Usd) {
        if let Err(at) = self.prices.binary_search_by_key(&item, |(item, _)| *item) {
            self.prices.insert(at, (item, unit_price));
        }
    }

    /// The prices above a threshold, which are made where there are none.
    pub(super) fn above_mut(&mut self, tokens: u64) -> &mut Self {
        let place = self
            .above
            .binary_search_by_key(&tokens, |above| above.tokens);
        let at = place.unwrap_or_else(|at| {
            let prices = Self::default();
            self.above.insert(at, Above { tokens, prices });
            at
        });
        &mut self.above[at].prices
    }

    /// The items with prices, as tables say them, and the thresholds.
    pub(super) fn listed(&self) -> impl Iterator<Item = (Item, TablePrice)> {
        let prices = self.prices.iter();
        prices.filter_map(|(item, price)| Some((*item, TablePrice::of_unit(*item, *price)?)))
    }

    /// The thresholds, with their prices.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (u64, &Self)> {
        self.above.iter().map(|above| (above.tokens, &above.prices))
    }
}

impl TablePrice {
    /// The price of one unit; none where 28 digits do not hold it.
    pub(super) fn unit(self, item: Item) -> Option<Usd> {
        self.0.scaled(Decimal::new(1, item.unit().power_of_price()))
    }

    /// What a table says for this price of one unit.
    pub(super) fn of_unit(item: Item, unit_price: Usd) -> Option<Self> {
        let count = 10_i64.checked_pow(item.unit().power_of_price())?;
        unit_price.scaled(Decimal::from(count)).map(Self)
    }

    /// Whether it is nothing.
    pub(super) fn is_zero(self) -> bool {
        self.0 == Usd::ZERO
    }

    /// Reads a price, which people may write with zeros at its end.
    fn parse(text: &str) -> Option<Self> {
        let decimal = Decimal::from_str_exact(text).ok()?;
        Usd::of_decimal(decimal).map(Self)
    }
}

impl fmt::Display for TablePrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RatesVisitor)
    }
}

struct RatesVisitor;

impl<'de> Visitor<'de> for RatesVisitor {
    type Value = Rates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prices by the names of their items")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Rates, A::Error> {
        let mut rates = Rates::default();
        while let Some(Name(name)) = members.next_key()? {
            if name == ABOVE {
                rates.above = members.next_value()?;
                continue;
            }
            let item = Item::from_name(name).ok_or_else(|| {
                A::Error::custom(format_args!("{name:?} is no item with a price"))
            })?;
            if rates.base(item).is_some() {
                return Err(A::Error::custom(format_args!("{item} stands twice")));
            }
            let price: TablePrice = members.next_value()?;
            let unit = price.unit(item);
            rates.set(item, unit.ok_or_else(|| A::Error::custom(PRICE))?);
        }
        rates.above.sort_by_key(|above| above.tokens);
        Ok(rates)
    }
}

/// A name that has no escapes, as those of items have none.
#[derive(Deserialize)]
struct Name<'a>(&'a str);

impl Serialize for Rates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (item, price) in self.listed() {
            map.serialize_entry(item.as_str(), &price)?;
        }
        if !self.above.is_empty() {
            map.serialize_entry(ABOVE, &self.above)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for TablePrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        Self::parse(text).ok_or_else(|| D::Error::custom(PRICE))
    }
}

impl Serialize for TablePrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const ABOVE: &str = "above";
const PRICE: &str =
    "a price is a decimal string of US dollars, such as \"2.50\", of at most 28 digits";
