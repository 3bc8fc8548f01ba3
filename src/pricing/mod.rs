//! What a call cost, in exact decimals.
//!
//! A [`PriceTable`] holds prices per million tokens; [`PriceTable::price`] makes the bill of one call out of it. What is
//! not known has no price and a reason, never zero.
//!
//! **Which model.** By name, in this order and no further: the exact name; the name without a date at its end
//! (`-2026-11-12` or `-20261112`); of a fine-tuned model `ft:base:organisation:…` the name `ft:base`; the same three
//! without the provider's prefix (`openai/gpt-4o`); the provider's `*`, and the `*` of provider `*`. Overrides are asked
//! by all of these rules before the table that they lie over.
//!
//! **Which price.** Let *above* be the prices of the highest context threshold that the input tokens, cached ones
//! included, are strictly over: they hold for every token of the call. A price is the first there is of
//!
//! 1. in the call's class (batch, or a service tier): above; 2. standard: above; 3. in the class: base; 4. standard: base
//!
//! where a standard price that stands in for a batch price counts half. Then a missing price for reading or writing the
//! cache, or for audio input, is the input price, for writing it for one hour the price for writing it, for audio or
//! reasoning output the output price. An explicit 0 is a price of 0. Batch goes before service tier.
//!
//! **Which tokens.** Input is cache reads, cache writes and the rest; of the rest, up to so many are audio as the call
//! had audio (cached tokens are taken to be text first). Output is reasoning and audio where they have prices of their
//! own, and the rest. Parts that are unknown are taken to be none; totals that are unknown leave the call unpriced,
//! but for the output of embeddings, which have none.

mod bill;
mod name;
mod rates;
mod table;
#[cfg(test)]
mod tests;

use crate::record::{Timestamp, Usd};

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
    /// When it was made, where a table has prices of several times; the newest price where this is absent.
    pub time: Option<Timestamp>,
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
}

/// The price of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Priced {
    /// So much.
    Known {
        /// The exact sum of the lines.
        exact: Usd,
        /// What it is made of; items without tokens have no line.
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
    /// How many tokens.
    pub tokens: u64,
    /// The price of one token.
    pub unit_price: Usd,
    /// Tokens times price.
    pub amount: Usd,
}

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Item {
    /// Audio input that was not read from the cache.
    AudioInput,
    /// Audio output.
    AudioOutput,
    /// Input read from the cache.
    CacheRead,
    /// Input written to the cache, for five minutes or as long as the provider likes.
    CacheWrite,
    /// Input written to the cache for one hour.
    CacheWrite1h,
    /// Input that none of the others is.
    Input,
    /// Output that none of the others is.
    Output,
    /// Output spent on reasoning, where it has a price of its own.
    Reasoning,
}

impl Item {
    /// Its name, as in price tables: `input`, `cache_write_1h`, ….
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Input => "input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }
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
