//! Price tables: JSON text in, prices by model out.
//!
//! ```json
//! {
//!   "version": "2026-11-12", "source": "where the prices are from", "valid_from": "2026-11-12",
//!   "models": [
//!     {"provider": "openai", "model": "gpt-5.4", "aliases": ["gpt-5.4-2026-03-05"],
//!      "standard": {"input": "2.5", "output": "15", "cache_read": "0.25", "web_search": "0.01",
//!                   "above": [{"tokens": 272000, "prices": {"input": "5", "output": "22.5", "cache_read": "0.5"}}]},
//!      "batch": {"input": "1.25", "output": "7.5"},
//!      "service_tiers": {"priority": {"input": "5", "output": "30"}},
//!      "off_peak": {"prices": {"input": "1"}, "windows": [{"days": [6, 7], "hours": ["16:30-00:30"]}]},
//!      "uplifts": {"data_residency": {"eu": "1.1"}, "geography": {"us": "1.1"}, "regional_endpoint": "1.1",
//!                  "speed": {"fast": "2"}}}
//!   ]
//! }
//! ```
//!
//! Prices are decimal strings in US dollars, of a million tokens, of a second (`audio_time`), or of a piece
//! (`grounded_prompt`, `image`, `search_unit`, `web_search`); the names are those of [`Item`](super::Item). Hours are UTC,
//! 1 is Monday; a window without days holds on all. Uplifts are factors. Unknown members are refused. Providers may go by
//! any of their names. A model may stand several times with different `valid_from` and `valid_until` (the first day after),
//! `YYYY-MM-DD` in UTC; the table's own `valid_from` says from when its prices are known, and binds none of them. Provider
//! or model may be `*`, which is any that the table does not name; this is how one flat price for all is said:
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
//! The built-in table is made by `llm-audit price import` out of the LiteLLM price map; `source` in it says of which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::litellm::Imported;
use super::model::{Day, ModelPrices};
use super::name::candidates;
use super::provider::canonical;
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
    prices: Vec<ModelPrices>,
    /// Provider, model, and which of `entries` has the prices.
    models: BTreeMap<String, BTreeMap<String, usize>>,
    /// Which of `prices` a model has, in the order in which they begin.
    entries: Vec<Vec<usize>>,
}

/// Where the prices of a model stand in a table. It holds for the table that said it, and for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    layer: usize,
    entry: usize,
}

/// A table as it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) version: String,
    pub(super) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) valid_from: Option<Day>,
    pub(super) models: Vec<ModelPrices>,
}

impl PriceTable {
    /// The table that is built in. Parsed at every call: keep it.
    #[must_use]
    pub fn builtin() -> Self {
        let document =
            parsed(BUILTIN).expect("the built-in table is a price table, as a test says");
        let layer = Layer::new(document).expect("no two prices of it hold at once, as a test says");
        Self {
            layers: vec![layer],
            digest: Label::clip(BUILTIN_DIGEST),
        }
    }

    /// Reads a table, in the form that the module states.
    ///
    /// # Errors
    /// [`PriceTableError::Form`] where the text has another form, [`PriceTableError::Ambiguous`] where two entries of
    /// one model begin on the same day.
    pub fn from_json(json: &str) -> Result<Self, PriceTableError> {
        Self::of_document(parsed(json)?)
    }

    /// Reads a LiteLLM price map (`model_prices_and_context_window.json`), as [`Imported`] does.
    ///
    /// # Errors
    /// [`PriceTableError::Form`] where the text is no such map.
    pub fn from_litellm(json: &str) -> Result<Self, PriceTableError> {
        Self::of_document(Imported::read(json)?.into_document())
    }

    /// Reads a table in either form: one with a member `models` is a table of the module's form, any other object is a
    /// LiteLLM price map.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json) and [`from_litellm`](Self::from_litellm).
    pub fn read(json: &str) -> Result<Self, PriceTableError> {
        #[derive(Deserialize)]
        struct Form {
            models: Option<serde::de::IgnoredAny>,
        }
        let form: Form = parsed(json)?;
        if form.models.is_some() {
            Self::from_json(json)
        } else {
            Self::from_litellm(json)
        }
    }

    pub(super) fn of_document(mut document: Document) -> Result<Self, PriceTableError> {
        for prices in &mut document.models {
            if canonical(&prices.provider) != prices.provider {
                prices.provider = canonical(&prices.provider).to_owned();
            }
            prices.aliases.sort_unstable();
        }
        let models = &mut document.models;
        models.sort_unstable_by(|one, other| one.key().cmp(&other.key()));
        let canonical = serde_json_canonicalizer::to_vec(&document)
            .expect("a document of texts and whole numbers has a canonical form");
        Ok(Self {
            digest: digest_of(&[&canonical]),
            layers: vec![Layer::new(document)?],
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

    /// `sha256:<64 hex>` of the table's canonical JSON (RFC 8785; models in order, providers by the names of the
    /// OpenTelemetry conventions, prices without zeros at their end); with overrides, of the digests of both, the
    /// overrides' first.
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
        let layer = &self.layers[located.layer];
        let entries = layer.entries[located.entry]
            .iter()
            .map(|at| &layer.prices[*at]);
        let dated = entries.clone().any(ModelPrices::is_dated);
        let day = context.time.filter(|_| dated).map(|time| time.day());
        let holding = entries.rev().find(|entry| entry.holds_on(day.as_deref()));
        holding.ok_or(NoPrice::NotValid)
    }

    /// Every name of a model with its prices, and which layer they stand in.
    pub(super) fn named_prices(&self) -> impl Iterator<Item = (usize, &str, &str, &ModelPrices)> {
        self.layers.iter().enumerate().flat_map(|(at, layer)| {
            let models = layer.models.iter();
            models.flat_map(move |(provider, models)| {
                models.iter().flat_map(move |(model, entry)| {
                    let entries = layer.entries[*entry].iter();
                    entries.map(move |prices| (at, &**provider, &**model, &layer.prices[*prices]))
                })
            })
        })
    }
}

impl Layer {
    fn new(document: Document) -> Result<Self, PriceTableError> {
        let mut models: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        let mut entries: Vec<Vec<usize>> = Vec::new();
        for (at, prices) in document.models.iter().enumerate() {
            let of_provider = match models.get_mut(&prices.provider) {
                Some(known) => known,
                None => models.entry(prices.provider.clone()).or_default(),
            };
            for name in std::iter::once(&prices.model).chain(&prices.aliases) {
                let entry = *of_provider.entry(name.clone()).or_insert(entries.len());
                if entry == entries.len() {
                    entries.push(Vec::with_capacity(1));
                }
                entries[entry].push(at);
            }
        }
        for of_model in &mut entries {
            of_model.sort_unstable_by_key(|at| &document.models[*at].valid_from);
            let begin = |at: usize| &document.models[at].valid_from;
            if let Some(pair) = of_model
                .windows(2)
                .find(|pair| begin(pair[0]) == begin(pair[1]))
            {
                let prices = &document.models[pair[1]];
                return Err(PriceTableError::Ambiguous {
                    provider: prices.provider.clone(),
                    model: prices.model.clone(),
                });
            }
        }
        Ok(Self {
            version: document.version,
            prices: document.models,
            models,
            entries,
        })
    }

    fn find(&self, provider: &str, model: &str) -> Option<usize> {
        [canonical(provider), ANY].into_iter().find_map(|seller| {
            let models = self.models.get(seller)?;
            let mut names = candidates(provider, model).chain([ANY]);
            names.find_map(|name| models.get(name)).copied()
        })
    }
}

pub(super) fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, PriceTableError> {
    serde_json::from_str(json).map_err(|error| PriceTableError::Form {
        line: error.line(),
        column: error.column(),
        fault: fault(&error),
    })
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
pub(super) const BUILTIN: &str = include_str!("prices.json");
/// What [`PriceTable::from_json`] works out of it, which takes longer than all the rest. A change of a price changes it, and
/// belongs into the changelog.
const BUILTIN_DIGEST: &str =
    "sha256:a9f1f52cd97a357286910cf168ada5efd4271714d0257eb1d8e2c7a35d51217d";
