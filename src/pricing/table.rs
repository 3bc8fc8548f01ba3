//! Price tables: JSON text in, prices by model out.
//!
//! ```json
//! {
//!   "version": "2026-11-12", "source": "where the prices are from", "valid_from": "2026-11-12",
//!   "models": [
//!     {"provider": "openai", "model": "gpt-5.4",
//!      "standard": {"input": "2.5", "output": "15", "cache_read": "0.25",
//!                   "above": [{"tokens": 272000, "prices": {"input": "5", "output": "22.5", "cache_read": "0.5"}}]},
//!      "batch": {"input": "1.25", "output": "7.5"},
//!      "service_tiers": {"priority": {"input": "5", "output": "30"}}}
//!   ]
//! }
//! ```
//!
//! Prices are decimal strings, US dollars per million tokens: `input`, `output`, `cache_read`, `cache_write`,
//! `cache_write_1h`, `audio_input`, `audio_output`, `reasoning`. Unknown members are refused. A model may stand several
//! times with different `valid_from` and `valid_until` (the first day after), `YYYY-MM-DD` in UTC; the table's own
//! `valid_from` says from when its prices are known, and binds none of them. Provider or model
//! may be `*`, which is any that the table does not name; this is how one flat price for all is said:
//!
//! ```
//! use llm_audit::pricing::{PriceContext, PriceTable, Priced};
//! use llm_audit::record::Usage;
//! let flat = r#"{"version": "flat-1", "source": "contract", "models": [
//!     {"provider": "*", "model": "*", "standard": {"input": "5", "output": "25", "reasoning": "5"}}]}"#;
//! let table = PriceTable::builtin().with_overrides(PriceTable::from_json(flat)?);
//! let usage = Usage {
//!     input_tokens: Some(1_000_000), output_tokens: Some(1_000_000), reasoning_output_tokens: Some(400_000),
//!     ..Usage::default()
//! };
//! let Priced::Known { exact, .. } = table.price("anthropic", "claude-sonnet-4-5", &usage, &PriceContext::default())
//! else { panic!("a flat price is a price") };
//! assert_eq!(exact.to_string(), "22"); // 5 + 0.4 · 5 + 0.6 · 25
//! # Ok::<(), llm_audit::pricing::PriceTableError>(())
//! ```
//!
//! The built-in table has the models of OpenAI, of Azure OpenAI and of Anthropic. It leaves out what no count of a call
//! says: cache writes for twelve hours, cached audio, images, searches, and uplifts for regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::name::candidates;
use super::rates::{Day, ModelPrices};
use super::{NoPrice, PriceContext};
use crate::record::{Label, hex};

/// Prices by provider and model, with a digest that says which prices.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// Overrides before what they lie over.
    layers: Vec<Layer>,
    digest: Label,
}

/// A text is no price table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceTableError {
    /// Two entries of one model hold at the same time.
    #[error("two prices of {model} by {provider} from the same day")]
    Ambiguous {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
    },
    /// The text is not of the form of a price table.
    #[error("line {line}, column {column}: {fault}")]
    Form {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What is wrong.
        fault: String,
    },
}

#[derive(Debug, Clone)]
struct Layer {
    version: String,
    /// Provider, model, and which of `entries` has the prices.
    models: BTreeMap<String, BTreeMap<String, usize>>,
    entries: Vec<Vec<ModelPrices>>,
}

/// Where the prices of a model stand in a table. It holds for the table that said it, and for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    layer: usize,
    entry: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<Day>,
    models: Vec<ModelPrices>,
}

impl PriceTable {
    /// The table that is built in. Parsed at every call: keep it.
    #[must_use]
    pub fn builtin() -> Self {
        Self::from_json(BUILTIN).expect("the built-in table is a price table, as a test says")
    }

    /// Reads a table, in the form that the module states.
    ///
    /// # Errors
    /// [`PriceTableError::Form`] where the text has another form, [`PriceTableError::Ambiguous`] where two entries of
    /// one model begin on the same day.
    pub fn from_json(json: &str) -> Result<Self, PriceTableError> {
        let mut document: Document =
            serde_json::from_str(json).map_err(|error| PriceTableError::Form {
                line: error.line(),
                column: error.column(),
                fault: fault(&error),
            })?;
        let key = |prices: &ModelPrices| {
            let names = (prices.provider.clone(), prices.model.clone());
            (names, prices.valid_from.clone())
        };
        document.models.sort_by_cached_key(key);
        let twice = |pair: &&[ModelPrices]| key(&pair[0]) == key(&pair[1]);
        if let Some(pair) = document.models.windows(2).find(twice) {
            let (provider, model) = (pair[0].provider.clone(), pair[0].model.clone());
            return Err(PriceTableError::Ambiguous { provider, model });
        }
        let canonical = serde_json_canonicalizer::to_vec(&document)
            .expect("a document of texts and whole numbers has a canonical form");
        Ok(Self {
            digest: digest_of(&[&canonical]),
            layers: vec![Layer::new(document)],
        })
    }

    /// This table with another one over it, which is asked first.
    #[must_use]
    pub fn with_overrides(self, overrides: Self) -> Self {
        let parts = [overrides.digest.as_str(), self.digest.as_str()];
        let digest = digest_of(&parts.map(str::as_bytes));
        let layers = overrides.layers.into_iter().chain(self.layers).collect();
        Self { layers, digest }
    }

    /// `sha256:<64 hex>` of the table's canonical JSON (RFC 8785, models in order, prices without zeros at their end);
    /// with overrides, of the digests of both, the overrides' first.
    #[must_use]
    pub fn digest(&self) -> &Label {
        &self.digest
    }

    /// The version that the table calls itself by; with overrides, theirs first, joined by `+`.
    #[must_use]
    pub fn version(&self) -> String {
        let versions: Vec<&str> = self.layers.iter().map(|layer| &*layer.version).collect();
        versions.join("+")
    }

    /// Where the prices of a model stand, by the rules of the module. Looking takes longer than adding up a bill.
    pub(crate) fn locate(&self, provider: &str, model: &str) -> Option<Located> {
        let mut layers = self.layers.iter().enumerate();
        layers.find_map(|(layer, prices)| {
            let entry = prices.find(provider, model)?;
            Some(Located { layer, entry })
        })
    }

    pub(super) fn find(
        &self,
        located: Option<Located>,
        context: &PriceContext<'_>,
    ) -> Result<&ModelPrices, NoPrice> {
        let located = located.ok_or(NoPrice::UnknownModel)?;
        let entries = &self.layers[located.layer].entries[located.entry];
        let dated = entries.iter().any(ModelPrices::is_dated);
        let day = context.time.filter(|_| dated).map(|time| time.day());
        // Entries are in the order in which they begin.
        let holding = entries
            .iter()
            .rev()
            .find(|entry| entry.holds_on(day.as_deref()));
        holding.ok_or(NoPrice::NotValid)
    }
}

impl Layer {
    fn new(document: Document) -> Self {
        let mut models: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let mut entries: Vec<Vec<ModelPrices>> = Vec::new();
        for prices in document.models {
            let of_provider = models.entry(prices.provider.clone()).or_default();
            let entry = *of_provider
                .entry(prices.model.clone())
                .or_insert(entries.len());
            if entry == entries.len() {
                entries.push(Vec::new());
            }
            entries[entry].push(prices);
        }
        Self {
            version: document.version,
            models,
            entries,
        }
    }

    fn find(&self, provider: &str, model: &str) -> Option<usize> {
        [provider, ANY].into_iter().find_map(|seller| {
            let models = self.models.get(seller)?;
            let mut names = candidates(provider, model).chain([ANY]);
            names.find_map(|name| models.get(name)).copied()
        })
    }
}

/// serde's text without the place, which stands apart.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = text.rfind(" at line ").unwrap_or(text.len());
    text[..place].to_owned()
}

fn digest_of(parts: &[&[u8]]) -> Label {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut digits = [0; 64];
    let digits = hex::encode(&hasher.finalize(), &mut digits);
    Label::clip(&format!("sha256:{digits}"))
}

const ANY: &str = "*";
const BUILTIN: &str = include_str!("prices.json");
