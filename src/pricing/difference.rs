//! Prices one by one, and what changed from one table to another.

use std::collections::BTreeMap;

use super::PriceTable;
use super::model::ModelPrices;
use super::provider::canonical;
use super::rates::Rates;

/// One price of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedPrice {
    /// The provider.
    pub provider: String,
    /// The model, or another name of it.
    pub model: String,
    /// The first day that the price holds on.
    pub valid_from: Option<String>,
    /// `standard`, `batch`, `off_peak`, a service tier, or `uplift`.
    pub class: String,
    /// The input tokens that a call has to be over.
    pub above_tokens: Option<u64>,
    /// The item's name; of an uplift, the circumstance: `geography.us`, `regional_endpoint`, ….
    pub item: String,
    /// US dollars a million tokens, a second or a piece; of an uplift, the factor.
    pub price: String,
}

/// A price that is not the same in two tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    /// The price, as it is after the change, or as it was where it is gone.
    pub price: ListedPrice,
    /// What it was; absent where it is new.
    pub before: Option<String>,
    /// What it is; absent where it is gone.
    pub after: Option<String>,
}

impl ListedPrice {
    /// Whether it is a provider's, by any of its names.
    #[must_use]
    pub fn is_of_provider(&self, name: &str) -> bool {
        self.provider == canonical(name)
    }
}

impl PriceTable {
    /// All prices, by provider, model, and what they are of; what overrides hide is not among them.
    #[must_use]
    pub fn list(&self) -> Vec<ListedPrice> {
        let mut models: BTreeMap<(&str, &str), Vec<&ModelPrices>> = BTreeMap::new();
        let mut layer_of: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (layer, provider, model, prices) in self.named_prices() {
            // The first layer that names a model speaks for it.
            if *layer_of.entry((provider, model)).or_insert(layer) == layer {
                models.entry((provider, model)).or_default().push(prices);
            }
        }
        let mut listed: Vec<ListedPrice> = models
            .into_iter()
            .flat_map(|((provider, model), entries)| {
                let of = move |prices: &ModelPrices| listed(provider, model, prices);
                entries.into_iter().flat_map(of)
            })
            .collect();
        listed.sort();
        listed
    }

    /// What is not the same in `after`, in the order of [`list`](Self::list).
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<PriceChange> {
        let mut both: BTreeMap<ListedPrice, (Option<String>, Option<String>)> = BTreeMap::new();
        let key = |price: &ListedPrice| ListedPrice {
            price: String::new(),
            ..price.clone()
        };
        for price in self.list() {
            let key = key(&price);
            both.entry(key).or_default().0 = Some(price.price);
        }
        for price in after.list() {
            let key = key(&price);
            both.entry(key).or_default().1 = Some(price.price);
        }
        let changed = both
            .into_iter()
            .filter(|(_, (before, after))| before != after);
        changed
            .map(|(key, (before, after))| {
                let price = after.clone().or(before.clone()).unwrap_or_default();
                PriceChange {
                    price: ListedPrice { price, ..key },
                    before,
                    after,
                }
            })
            .collect()
    }
}

fn listed(provider: &str, model: &str, prices: &ModelPrices) -> Vec<ListedPrice> {
    let mut rows = Vec::new();
    let mut row = |class: &str, above_tokens, item: &str, price: String| {
        rows.push(ListedPrice {
            provider: provider.to_owned(),
            model: model.to_owned(),
            valid_from: prices
                .valid_from
                .as_ref()
                .map(|day| day.as_str().to_owned()),
            class: class.to_owned(),
            above_tokens,
            item: item.to_owned(),
            price,
        });
    };
    let mut class = |name: &str, rates: &Rates| {
        for (item, price) in rates.listed() {
            row(name, None, item.as_str(), price.to_string());
        }
        for (tokens, rates) in rates.thresholds() {
            for (item, price) in rates.listed() {
                row(name, Some(tokens), item.as_str(), price.to_string());
            }
        }
    };
    class("standard", &prices.standard);
    if let Some(batch) = &prices.batch {
        class("batch", batch);
    }
    if let Some(off_peak) = &prices.off_peak {
        class("off_peak", &off_peak.prices);
    }
    for (tier, rates) in &prices.service_tiers {
        class(tier, rates);
    }
    for (circumstance, factor) in prices.uplifts.listed() {
        row("uplift", None, &circumstance, factor);
    }
    rows
}
