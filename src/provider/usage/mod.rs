//! Usage objects: what providers count, and how that comes to the counts of the record, whose totals include their parts.
//!
//! One file a form, and in it what each count includes. A form is the shape of an object, not its provider: most
//! providers answer in the shape of OpenAI's chat completions, with members of their own, which [`openai`] lists.
//!
//! | form | totals | cached | reasoning |
//! |---|---|---|---|
//! | `anthropic.messages` | input leaves out cache reads and writes | apart | in output |
//! | `bedrock.converse` | input leaves out cache reads and writes | apart | in output |
//! | `cohere.chat` | what is billed; else what was counted | in input | not said |
//! | `gemini.generateContent` | output leaves out thoughts, input leaves out what tools brought | in input | apart |
//! | `ollama.chat` | both | not said | in output |
//! | `openai.chat` | both | in input | in output, but where the total says that it is apart |
//! | `openai.responses` | both | in input | in output |
//!
//! What is absent is unknown, never zero, but in Gemini's objects, which leave out zeros.

pub(super) mod anthropic;
pub(super) mod bedrock;
pub(super) mod cohere;
pub(super) mod gemini;
pub(super) mod ollama;
pub(super) mod openai;
mod shape;
mod stated;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::tolerant::{self, Count};
use super::{ProviderError, UsageFormat};
use crate::record::UsageFacts;

pub(super) use self::shape::find;
pub(super) use self::stated::StatedCost;

/// The counts of a usage object of this form.
pub(super) fn read(format: UsageFormat, json: &[u8]) -> Result<UsageFacts, ProviderError> {
    match format {
        UsageFormat::AnthropicMessages => facts::<anthropic::UsageBody>(json),
        UsageFormat::BedrockConverse => facts::<bedrock::UsageBody>(json),
        UsageFormat::CohereChat => facts::<cohere::UsageBody>(json),
        UsageFormat::GeminiGenerateContent => facts::<gemini::UsageBody>(json),
        UsageFormat::OllamaChat => facts::<ollama::UsageBody>(json),
        UsageFormat::OpenAiChat | UsageFormat::OpenAiResponses => facts::<openai::UsageBody>(json),
    }
}

/// A usage object as it stands in an answer.
pub(super) trait Counts {
    /// What it says, in the words of the record.
    fn facts(&self) -> UsageFacts;
}

fn facts<T: Counts + Default + for<'a> Deserialize<'a>>(
    json: &[u8],
) -> Result<UsageFacts, ProviderError> {
    let said: Option<T> = tolerant::parse(json)?;
    Ok(said.unwrap_or_default().facts())
}

/// The sum of counts, of which the first has to be known.
fn sum(first: Count, others: &[Count]) -> Option<u64> {
    let add = |sum: u64, other: &Count| sum.checked_add(other.addend()?);
    let sum = others.iter().try_fold(first.known()?, add)?;
    Count::of(sum).known()
}

/// The sum of the counts that are known, where any is.
fn sum_of_known(counts: &[Count]) -> Option<u64> {
    let any = counts.iter().any(|count| count.known().is_some());
    let first = any.then_some(Count::Known(0))?;
    sum(first, counts)
}
