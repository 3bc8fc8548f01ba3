//! The LiteLLM price map (`model_prices_and_context_window.json`, MIT licence) as a price table.
//!
//! The map is one object: a member a model, named by the name that LiteLLM routes by, with prices a token, second or piece
//! as JSON numbers. They are taken digit by digit as they are written. What becomes of it:
//!
//! * A provider goes by its OpenTelemetry name, a model by its name without the provider's prefix. Where two members come to
//!   one name, the one with the prefix holds.
//! * A price under `…_above_N_tokens` is one of the context above `N`; xAI's thresholds include `N`, so they are one lower.
//!   `…_batches` is of batches; `…_flex`, `…_priority` and the like are of a service tier. [`key`] reads the names.
//! * `tiered_pricing` is a base price and prices above; what a tier leaves out of cached input is its input price.
//! * `search_context_cost_per_query` is the price of a search with context of medium size, of Perplexity of low size; of
//!   Gemini and Vertex AI without `web_search_billing_unit: per_query` it is the price of a grounded prompt.
//! * Numbers in `provider_specific_entry` are uplifts: `fast` of speed, any other of a geography.
//! * A member all of whose prices are 0 is left out, unless it is named as free: the map says 0 of what is free, of what a
//!   subscription pays, and of what nobody looked up. A 0 beside other prices is a price.
//!
//! Names and rules as of package `litellm` 1.109.1 of 2026-11-12.

mod entry;
mod key;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::model::{Day, ModelPrices};
use super::name::without_prefix;
use super::provider::canonical;
use super::table::{Document, parsed};
use super::{PriceTable, PriceTableError};
use crate::record::hex;

/// A LiteLLM price map, as a price table that can be narrowed, named and written.
///
/// ```
/// use llm_audit::pricing::Imported;
/// let map = r#"{"openai/gpt-x": {"litellm_provider": "openai", "mode": "chat",
///                                "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05},
///               "painter": {"litellm_provider": "openai", "mode": "image_generation"}}"#;
/// let imported = Imported::read(map)?;
/// assert_eq!((imported.models(), imported.skipped()), (1, 1));
/// assert!(imported.to_json().contains(r#"{"input":"2.5","output":"10"}"#));
/// # Ok::<(), llm_audit::pricing::PriceTableError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Imported {
    document: Document,
    digest: String,
    /// Models whose prices are all 0.
    free: Vec<ModelPrices>,
    skipped: usize,
}

impl Imported {
    /// Reads a map. Its version is `litellm-` and the first twelve digits of the SHA-256 of the text.
    ///
    /// # Errors
    /// [`PriceTableError::Form`] where the text is no such map: no object, or none of its members is a model with a
    /// provider and prices.
    pub fn read(json: &str) -> Result<Self, PriceTableError> {
        let members: BTreeMap<String, &RawValue> = parsed(json)?;
        let mut models: BTreeMap<(String, String), (Origin, ModelPrices)> = BTreeMap::new();
        let (mut free, mut skipped) = (Vec::new(), 0);
        for (name, member) in &members {
            let Some(prices) = entry::prices(name, member) else {
                skipped += 1;
                continue;
            };
            if entry::is_free(&prices) {
                free.push(prices);
                continue;
            }
            let origin = Origin::of(name, &prices);
            let key = (prices.provider.clone(), prices.model.clone());
            let known = models.get(&key);
            if known.is_none_or(|(known, _)| *known < origin) {
                models.insert(key, (origin, prices));
            }
        }
        if models.is_empty() {
            return Err(PriceTableError::Form {
                line: 1,
                column: 1,
                fault: "no model with a provider and prices, as a LiteLLM price map has them"
                    .to_owned(),
            });
        }
        let digest = digest_of(json);
        let document = Document {
            version: format!("litellm-{}", &digest[..12]),
            source: source("LiteLLM price map", &digest),
            valid_from: None,
            models: models.into_values().map(|(_, prices)| prices).collect(),
        };
        Ok(Self {
            document,
            digest,
            free,
            skipped,
        })
    }

    /// How many models have prices.
    #[must_use]
    pub fn models(&self) -> usize {
        self.document.models.len()
    }

    /// How many members of the map have no price that a call could be billed by, or none but 0.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped + self.free.len()
    }

    /// Takes models as free whose prices are all 0, by their names without the provider's prefix.
    pub fn keep_free(&mut self, names: &[String]) {
        let known: BTreeSet<(String, String)> = (self.document.models.iter())
            .map(|prices| (prices.provider.clone(), prices.model.clone()))
            .collect();
        let named = |prices: &mut ModelPrices| {
            let key = (prices.provider.clone(), prices.model.clone());
            names.contains(&prices.model) && !known.contains(&key)
        };
        self.document.models.extend(self.free.extract_if(.., named));
        self.document
            .models
            .sort_unstable_by(|one, other| one.key().cmp(&other.key()));
    }

    /// Keeps the models of these providers only, by any of their names.
    pub fn keep_providers(&mut self, providers: &[String]) {
        let kept: Vec<&str> = providers.iter().map(|name| canonical(name)).collect();
        let models = &mut self.document.models;
        models.retain(|prices| kept.contains(&&*prices.provider));
    }

    /// Gives the table a version of its own.
    pub fn set_version(&mut self, version: &str) {
        version.clone_into(&mut self.document.version);
    }

    /// Says where the map is from; its digest is said beside it.
    pub fn set_origin(&mut self, origin: &str) {
        self.document.source = source(origin, &self.digest);
    }

    /// Says from which day on the prices are known.
    ///
    /// # Errors
    /// [`PriceTableError::Form`] where the day is not written `YYYY-MM-DD`.
    pub fn set_valid_from(&mut self, day: &str) -> Result<(), PriceTableError> {
        let json = serde_json::Value::from(day).to_string();
        self.document.valid_from = Some(parsed::<Day>(&json)?);
        Ok(())
    }

    /// The table.
    ///
    /// # Errors
    /// [`PriceTableError::Ambiguous`] where two members come to one model.
    pub fn into_table(self) -> Result<PriceTable, PriceTableError> {
        PriceTable::of_document(self.into_document())
    }

    /// The table in its own form, one model a line, those with the same prices as aliases of one.
    #[must_use]
    pub fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let document = self.clone().into_document();
        let mut text = format!(
            "{{\n\"version\":{},\n\"source\":{},\n",
            quoted(&document.version),
            quoted(&document.source)
        );
        if let Some(day) = &document.valid_from {
            text.push_str(&format!("\"valid_from\":{},\n", line(day)));
        }
        let models: Vec<String> = document.models.iter().map(line).collect();
        text.push_str(&format!("\"models\":[\n{}\n]\n}}\n", models.join(",\n")));
        text
    }

    pub(super) fn into_document(mut self) -> Document {
        self.document.models = with_aliases(self.document.models);
        self.document
    }
}

/// Where a model's prices stand in the map; what is greater holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    WithoutPrefix,
    WithPrefix,
}

impl Origin {
    fn of(name: &str, prices: &ModelPrices) -> Self {
        if without_prefix(&prices.provider, name).is_some() {
            Self::WithPrefix
        } else {
            Self::WithoutPrefix
        }
    }
}

/// Models of a provider that have the same prices become one with aliases; they come in the order of their names.
fn with_aliases(models: Vec<ModelPrices>) -> Vec<ModelPrices> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<ModelPrices> = Vec::new();
    for prices in models {
        let same = line(&ModelPrices {
            model: String::new(),
            ..prices.clone()
        });
        match known.get(&same) {
            Some(at) => kept[*at].aliases.push(prices.model),
            None => {
                known.insert(same, kept.len());
                kept.push(prices);
            }
        }
    }
    kept
}

fn source(origin: &str, digest: &str) -> String {
    format!("{origin}, sha256 of its JSON {digest}")
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}

fn digest_of(text: &str) -> String {
    let mut digits = [0; 64];
    hex::encode(&Sha256::digest(text.as_bytes()), &mut digits).to_owned()
}
