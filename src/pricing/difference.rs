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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(models: &str) -> PriceTable {
        let json = format!(r#"{{"version": "t", "source": "test", "models": [{models}]}}"#);
        PriceTable::from_json(&json).unwrap()
    }

    fn row(price: &ListedPrice) -> String {
        let above = price.above_tokens.unwrap_or(0);
        let ListedPrice {
            model,
            class,
            item,
            price,
            ..
        } = price;
        format!("{model} {class} {above} {item} {price}")
    }

    #[test]
    fn every_price_is_listed_once_and_what_overrides_hide_is_not() {
        let base = table(
            r#"{"provider":"p","model":"m","aliases":["a"],"standard":{"input":"1.50","above":[{"tokens":5,"prices":{"input":"2"}}]},
                "batch":{"input":"0.5"},"off_peak":{"prices":{"input":"0.1"},"windows":[]},"uplifts":{"geography":{"us":"1.10"}}}"#,
        );
        let over = table(
            r#"{"provider":"p","model":"a","valid_from":"2026-01-01","standard":{"web_search":"0.01"}}"#,
        );
        let both = base.with_overrides(over);
        let rows: Vec<String> = both.list().iter().map(row).collect();
        let expected = [
            "a standard 0 web_search 0.01",
            "m batch 0 input 0.5",
            "m off_peak 0 input 0.1",
            "m standard 0 input 1.5",
            "m standard 5 input 2",
            "m uplift 0 geography.us 1.1",
        ];
        assert_eq!(rows, expected);
        assert!(both.list()[0].is_of_provider("p"));
        assert_eq!(both.list()[0].valid_from.as_deref(), Some("2026-01-01"));
    }

    #[test]
    fn a_change_says_what_was_and_what_is() {
        let before = table(
            r#"{"provider":"p","model":"m","standard":{"input":"1","output":"2"}},{"provider":"p","model":"old","standard":{"input":"3"}}"#,
        );
        let after = table(
            r#"{"provider":"p","model":"m","standard":{"input":"1.0","output":"4"}},{"provider":"p","model":"new","standard":{"input":"5"}}"#,
        );
        let changes: Vec<(String, Option<String>, Option<String>)> = before
            .changes(&after)
            .into_iter()
            .map(|change| (row(&change.price), change.before, change.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            ("m standard 0 output 4".to_owned(), text("2"), text("4")),
            ("new standard 0 input 5".to_owned(), None, text("5")),
            ("old standard 0 input 3".to_owned(), text("3"), None),
        ];
        assert_eq!(changes, expected);
        assert!(before.changes(&before).is_empty());
    }
}
