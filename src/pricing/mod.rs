//! What a call cost, in exact decimals.
//!
//! A [`PriceTable`] holds prices; [`PriceTable::price`] makes the bill of one call out of it. What is not known has no
//! price and a reason, never zero. What the provider or a gateway states that a call cost is its cost.
//!
//! **Which model.** Providers go by any of their names (`azure` is `azure.ai.openai`, `bedrock_converse` is `aws.bedrock`).
//! A model goes by its name, in this order and no further: the exact name; the name without a date at its end
//! (`-2026-11-12`, `-20261112` or `@20261112`); of a fine-tuned model `ft:base:organisation:…` the name `ft:base`; the same
//! three without the provider's prefix (`openai/gpt-4o`), and of the last part of a resource's name (`models/…`,
//! `publishers/…`, `arn:…`); the provider's `*`, and the `*` of provider `*`. Overrides are asked by all of these rules
//! before the table that they lie over.
//!
//! **Which price.** Let *above* be the prices of a context threshold that the input tokens, cached and cache-written ones
//! included, are strictly over, the highest first: they hold for every token of the call. A price is the first there is of
//!
//! 1. off-peak, where the call was made in such an hour and not in a batch; 2. in the call's class (batch, or a service
//!    tier): above; 3. standard: above; 4. in the class: base; 5. standard: base
//!
//! where a standard price that stands in for a batch price counts half. Then a missing price for reading or writing the
//! cache, or for audio, image or video input, is the input price; for writing it for one or twelve hours the price for
//! writing it; for audio or images read from it the price for reading it; for audio, image or reasoning output the output
//! price. Reasoning has a price of its own only where that stands at the same of the five places as the price of output, or
//! at an earlier one. An explicit 0 is a price of 0. Batch goes before service tier. Prices of tokens are then multiplied by
//! the uplifts that the model has for where and how the call was served.
//!
//! **Which tokens.** Input is cache reads, cache writes and the rest; both reads and the rest are audio, images, video as
//! far as the call had those (what nobody says of the reads is text). Output is reasoning, audio and images where they have
//! prices of their own, and the rest. Parts that are unknown are taken to be none. Totals that are unknown leave the call
//! unpriced, but where they cost nothing (output of embeddings), where one total says all (`total_tokens` of embeddings), or
//! where something else is billed instead: units of ranking, or the length of audio where its tokens are not said.
//!
//! **What else.** Searches of the web are paid by the piece, or once a prompt where the model has that price; embedded
//! pictures by the piece; citations where they have a price. Searches and pictures without a price leave the call unpriced.
//! Allowances that a provider gives for free are not taken off: who has used how much of them, no call says.

mod bill;
mod difference;
mod item;
mod litellm;
mod model;
mod name;
mod off_peak;
mod place;
mod provider;
mod rates;
mod table;
#[cfg(test)]
mod tests;

use crate::record::{CostSource, Timestamp, UsageExtras, Usd};

pub use self::difference::{ListedPrice, PriceChange};
pub use self::item::{Item, Unit};
pub use self::litellm::Imported;
pub(crate) use self::place::Place;
pub(crate) use self::table::Located;
pub use self::table::{PriceTable, PriceTableError};

/// What besides model and counts decides a price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriceContext<'a> {
    /// The service tier, in the provider's words; `default`, `standard`, `auto` and none are the standard prices,
    /// `fast` is `priority`, `batch` is batch processing.
    pub service_tier: Option<&'a str>,
    /// How it was processed.
    pub processing: Processing,
    /// What kind of call.
    pub operation: PricedOperation,
    /// When it was made, where a table has prices of several times; the newest price, and none of off-peak hours, where
    /// this is absent.
    pub time: Option<Timestamp>,
    /// What else the provider said of the call.
    pub extras: Option<&'a UsageExtras>,
    /// Where it was served at Vertex AI: `global`, or a region.
    pub vertex_location: Option<&'a str>,
    /// The region that data stays in, at OpenAI: `eu`, `us`.
    pub data_residency: Option<&'a str>,
}

impl PriceContext<'_> {
    fn extras(&self) -> &UsageExtras {
        self.extras.unwrap_or(&UsageExtras::NONE)
    }
}

/// How a call was processed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Processing {
    /// In a batch.
    Batch,
    /// At once.
    #[default]
    Immediate,
}

/// What kind of call is priced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PricedOperation {
    /// Embeddings, which have no output tokens.
    Embeddings,
    /// Anything that generates output.
    #[default]
    Generation,
    /// Ranking documents, which has no output tokens.
    Ranking,
}

/// The price of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Priced {
    /// So much.
    Known {
        /// The exact sum of the lines, or what the provider stated.
        exact: Usd,
        /// Who worked it out.
        source: CostSource,
        /// What it is made of; items of which there are none have no line, and a stated cost has no lines.
        lines: Vec<PriceLine>,
    },
    /// Not known, which is not the same as nothing.
    Unknown {
        /// Why.
        reason: NoPrice,
    },
}

/// One line of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLine {
    /// What is paid for.
    pub item: Item,
    /// How much, in the [unit](Item::unit) of the item.
    pub quantity: u64,
    /// The price of one unit.
    pub unit_price: Usd,
    /// Quantity times price.
    pub amount: Usd,
}

/// Why a call has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoPrice {
    /// The counts contradict each other: a part is more than its total.
    InconsistentUsage,
    /// No total of input or output tokens is known.
    NoUsage,
    /// The table has the model, but no price of it for the time of the call.
    NotValid,
    /// The amount has more digits than an exact amount can have.
    OutOfRange,
    /// No table has the model.
    UnknownModel,
    /// The service tier is none that is known, and the model has no prices under its name.
    UnknownServiceTier,
    /// The model has no price for this.
    Unpriced(Item),
}

impl NoPrice {
    /// The reason in one word, as it stands in a record (`llm_audit.cost.reason`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InconsistentUsage => "inconsistent_usage",
            Self::NoUsage => "no_usage",
            Self::NotValid => "no_price_at_that_time",
            Self::OutOfRange => "amount_out_of_range",
            Self::UnknownModel => "unknown_model",
            Self::UnknownServiceTier => "unknown_service_tier",
            Self::Unpriced(_) => "no_price",
        }
    }
}
