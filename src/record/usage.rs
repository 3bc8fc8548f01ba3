//! Token counts of one call, normalised over providers.

use super::{Label, Usd};

/// What a call consumed, in tokens. Absent means unknown; zero means zero.
///
/// Totals include their parts, whatever the provider's own counts include: input holds cached and cache-written input,
/// output holds reasoning; every other field is a part of one of the two
/// (OpenTelemetry GenAI conventions, `gen_ai.usage.*`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// All input, cached and cache-written included.
    pub input_tokens: Option<u64>,
    /// All output, reasoning included.
    pub output_tokens: Option<u64>,
    /// Input that was read from the provider's cache.
    pub cache_read_input_tokens: Option<u64>,
    /// Input that was written to the provider's cache, for whatever time.
    pub cache_write_input_tokens: Option<u64>,
    /// Of the cache-written input, what is kept for one hour rather than five minutes.
    pub cache_write_1h_input_tokens: Option<u64>,
    /// Output that the model spent on reasoning ("thinking").
    pub reasoning_output_tokens: Option<u64>,
    /// Input that was audio.
    pub audio_input_tokens: Option<u64>,
    /// Output that was audio.
    pub audio_output_tokens: Option<u64>,
}

impl Usage {
    /// Whether no count is known at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What else a provider says of a call that its price depends on. It goes into the cost and is not on the record.
///
/// Tokens here are parts of the totals of [`Usage`], but for `citation_tokens`. Absent means unknown; zero means zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UsageExtras {
    /// Of the input read from the cache, what was audio.
    pub audio_cache_read_input_tokens: Option<u64>,
    /// Audio that was transcribed, in milliseconds.
    pub audio_milliseconds: Option<u64>,
    /// Of the cache-written input, what is kept for twelve hours.
    pub cache_write_12h_input_tokens: Option<u64>,
    /// Tokens of cited sources, which no total includes.
    pub citation_tokens: Option<u64>,
    /// Where the call was served, in the provider's word (`us`).
    pub geography: Option<Label>,
    /// Pictures that were embedded, where they are counted as such.
    pub images: Option<u64>,
    /// Of the input read from the cache, what was images.
    pub image_cache_read_input_tokens: Option<u64>,
    /// Input that was images.
    pub image_input_tokens: Option<u64>,
    /// Output that was images.
    pub image_output_tokens: Option<u64>,
    /// How it was run, in the provider's word (`fast`).
    pub speed: Option<Label>,
    /// What the provider or gateway says that the call cost.
    pub stated_cost: Option<Usd>,
    /// Units of ranking documents (one query over up to 100 documents).
    pub search_units: Option<u64>,
    /// All tokens, where no more is said than that.
    pub total_tokens: Option<u64>,
    /// Input that was video.
    pub video_input_tokens: Option<u64>,
    /// Searches of the web that the provider made.
    pub web_searches: Option<u64>,
}

impl UsageExtras {
    /// Nothing is said.
    pub const NONE: Self = Self {
        audio_cache_read_input_tokens: None,
        audio_milliseconds: None,
        cache_write_12h_input_tokens: None,
        citation_tokens: None,
        geography: None,
        image_cache_read_input_tokens: None,
        image_input_tokens: None,
        image_output_tokens: None,
        images: None,
        search_units: None,
        speed: None,
        stated_cost: None,
        total_tokens: None,
        video_input_tokens: None,
        web_searches: None,
    };
}

/// What a provider's usage object says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UsageFacts {
    /// The counts that stand on the record.
    pub usage: Usage,
    /// What else the price depends on.
    pub extras: UsageExtras,
    /// The price class of the call, in the provider's word (`flex`, `priority`, `batch`), where the object says it.
    pub service_tier: Option<Label>,
}
