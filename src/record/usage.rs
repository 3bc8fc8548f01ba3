//! Token counts of one call, normalised over providers.

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
