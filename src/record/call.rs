//! The body of a record about one call of a model.

use std::collections::BTreeMap;

use super::{KeyedHash, Label, Message, Usage, Usd};

/// One call of a model, from its start to its last word.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What kind of call (`gen_ai.operation.name`: `chat`, `embeddings`, …).
    pub operation: Label,
    /// What the client asked of which interface (`messages.create`, `chat.completions.create`, …).
    pub action: Label,
    /// Whose model (`gen_ai.provider.name`).
    pub provider: Option<Label>,
    /// Where the provider was reached.
    pub server_address: Option<Label>,
    /// The port there.
    pub server_port: Option<u16>,
    /// What was asked for.
    pub request: Request,
    /// What came back.
    pub response: Response,
    /// How it ended.
    pub outcome: Outcome,
    /// From the start to the last exit of the call's span, in nanoseconds; absent where no end was seen.
    pub duration_ns: Option<u64>,
    /// Keyed hashes of the content.
    pub hashes: ContentHashes,
    /// Tokens.
    pub usage: Usage,
    /// Where the token counts come from.
    pub usage_source: UsageSource,
    /// What it cost.
    pub cost: Cost,
    /// What was redacted before sending.
    pub sanitization: Sanitization,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The model's name as asked for.
    pub model: Option<Label>,
    /// The limit of tokens that was set.
    pub max_tokens: Option<u64>,
    /// The temperature that was set.
    pub temperature: Option<f64>,
    /// The nucleus-sampling share that was set.
    pub top_p: Option<f64>,
    /// Whether a stream was asked for.
    pub delivery: Delivery,
}

/// How the answer was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// All at once, or not known.
    #[default]
    Whole,
    /// As a stream.
    Stream,
}

/// What came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The provider's identifier of the answer.
    pub id: Option<Label>,
    /// The model that answered.
    pub model: Option<Label>,
    /// Why it stopped, one entry a choice.
    pub finish_reasons: Vec<Label>,
    /// The provider's price class of this call.
    pub service_tier: Option<Label>,
    /// From the start to the first piece of a streamed answer, in nanoseconds.
    pub time_to_first_chunk_ns: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// In one word.
    pub status: Status,
    /// Why, in a few words of low cardinality.
    pub reason: Option<Label>,
    /// The class of the error, of low cardinality.
    pub error_type: Option<Label>,
    /// The error's text, masked.
    pub error_message: Option<Message>,
}

impl Outcome {
    /// A status with a reason and nothing else.
    #[must_use]
    pub fn because(status: Status, reason: &str) -> Self {
        Self {
            status,
            reason: Some(Label::clip(reason)),
            error_type: None,
            error_message: None,
        }
    }
}

named! {
    /// How a call ended, in one word.
    Status {
        /// Stopped by a filter, a guardrail or a refusal.
        Blocked = "blocked",
        /// Given up by the application before its end.
        Cancelled = "cancelled",
        /// Failed.
        Error = "error",
        /// Answered.
        Success = "success",
        /// Neither an answer nor an error was seen: a crash, or nobody said.
        Unknown = "unknown",
    }
}

/// Keyed hashes of what was sent to and received from the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentHashes {
    /// Of the system prompt.
    pub system_prompt: Option<KeyedHash>,
    /// Of the messages sent.
    pub input: Option<KeyedHash>,
    /// Of the messages received.
    pub output: Option<KeyedHash>,
    /// Of the tool definitions.
    pub tools: Option<KeyedHash>,
}

named! {
    /// Where token counts come from.
    UsageSource {
        /// Counted or guessed: the provider's counts of a stream that broke off before its final ones are the least
        /// that was consumed.
        Estimated = "estimated",
        /// Not known.
        None = "none",
        /// Reported by the provider.
        Provider = "provider",
    }
}

/// What a call cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cost {
    /// The exact amount.
    Known {
        /// The amount.
        exact: Usd,
        /// Who worked it out.
        source: CostSource,
        /// Digest of the price table that it was worked out with, if it was.
        price_table: Option<Label>,
    },
    /// Not known, which is not the same as nothing.
    Unknown {
        /// Why: `unknown_model`, `no_usage`, `no_price`, …
        reason: Label,
    },
}

named! {
    /// Who worked out a cost.
    CostSource {
        /// The emitter, from a price table.
        Local = "local",
        /// The provider or gateway.
        Provider = "provider",
    }
}

/// What was found and replaced before the call was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitization {
    /// Whether sanitizing happened at all.
    pub status: SanitizationStatus,
    /// Matches replaced; absent where none were looked for.
    pub count: Option<u64>,
    /// Matches replaced by class.
    pub classes: BTreeMap<Label, u64>,
    /// Digest of the rules.
    pub rules: Option<Label>,
}

impl Sanitization {
    /// Nobody looked.
    #[must_use]
    pub const fn skipped() -> Self {
        Self {
            status: SanitizationStatus::Skipped,
            count: None,
            classes: BTreeMap::new(),
            rules: None,
        }
    }
}

named! {
    /// Whether sanitizing happened.
    SanitizationStatus {
        /// Matches were replaced.
        Applied = "applied",
        /// It failed; the count says nothing.
        Error = "error",
        /// Matches were counted and left in place.
        Observed = "observed",
        /// Nobody looked.
        Skipped = "skipped",
    }
}
