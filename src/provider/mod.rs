//! What requests to providers and their answers say, in the words of the record.
//!
//! [`read_response`] reads whole answers, [`StreamReader`] streamed ones; the same answer comes to the same facts either
//! way. [`read_request`] reads what was asked. All of them tell the shape by the body itself, leave out what they do
//! not know, read a member of an unexpected type as absent, and never take absent for zero.
//!
//! | provider | requests and answers | streams |
//! |---|---|---|
//! | `anthropic` | messages; the form of OpenAI | server-sent events |
//! | `aws.bedrock` | Converse; `InvokeModel` of Anthropic, Titan, Llama; the form of OpenAI | Amazon event stream, or its events decoded |
//! | `azure.ai.openai` | as OpenAI | server-sent events |
//! | `azure.ai.inference` | as OpenAI; messages of Anthropic | server-sent events |
//! | `cohere` | chat of both versions, embed, rerank; the form of OpenAI | server-sent events, JSON lines |
//! | `dashscope` | generation and embeddings; the form of OpenAI | server-sent events, repeating or not |
//! | `gcp.gemini` | generateContent, embeddings; the form of OpenAI | server-sent events, a JSON array |
//! | `gcp.vertex_ai` | as Gemini; messages of Anthropic; the form of OpenAI | as Gemini, as Anthropic |
//! | `ollama` | chat, generate, embed; the form of OpenAI | JSON lines |
//! | `openai` | chat completions, completions, responses, embeddings | server-sent events |
//! | `deepseek`, `groq`, `mistral_ai`, `moonshot_ai`, `perplexity`, `x_ai` | as OpenAI, with what each adds | server-sent events |
//! | any other ([`Provider::OpenAiCompatible`]) | as OpenAI; messages of Anthropic | server-sent events |
//!
//! Errors of all of them are read too. What a filter, a guardrail or a refusal stopped is
//! [`Blocked`](crate::record::Verdict::Blocked), with the provider's own word for a reason, whether it came as an error,
//! as a finish reason or as a part of the answer.
//!
//! What each provider's counts include is in `usage/`, one file a form; on the record, totals include their parts
//! ([`Usage`](crate::record::Usage)).

mod action;
mod answer;
mod anthropic;
mod bedrock;
mod cohere;
mod dashscope;
mod event_stream;
mod failure;
mod gemini;
mod json_stream;
mod name;
mod ollama;
mod openai;
mod reader;
mod request;
mod sse;
mod stream;
#[cfg(test)]
mod tests;
mod tolerant;
mod usage;
mod wiped;
mod wire;

pub use self::action::{action, streamed};
pub use self::name::Provider;
pub use self::request::RequestFacts;
pub use self::sse::MAX_EVENT_BYTES;
pub use self::stream::{Progress, SkippedEvents, StreamEnd, StreamReader};

use self::answer::Delivered;
use self::reader::{Reader, Recognised, UNNAMED};
use crate::record::{ResponseFacts, UsageFacts};

/// A form of usage objects. What its counts include is said where it is read; the record's totals include their parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UsageFormat {
    /// Of Anthropic's messages, also where Vertex AI or Bedrock serve them.
    AnthropicMessages,
    /// Of Bedrock's Converse API.
    BedrockConverse,
    /// Of Cohere's answers, of both versions, of ranking and embeddings.
    CohereChat,
    /// Of the Gemini API and Vertex AI.
    GeminiGenerateContent,
    /// Of Ollama's own API.
    OllamaChat,
    /// Of OpenAI's chat completions and embeddings, and of all who answer in their shape.
    OpenAiChat,
    /// Of OpenAI's responses.
    OpenAiResponses,
}

impl UsageFormat {
    /// All forms.
    pub const ALL: [Self; 7] = [
        Self::AnthropicMessages,
        Self::BedrockConverse,
        Self::CohereChat,
        Self::GeminiGenerateContent,
        Self::OllamaChat,
        Self::OpenAiChat,
        Self::OpenAiResponses,
    ];

    /// The form of a name: `anthropic.messages`, `openai.chat`, ….
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "anthropic.messages",
            Self::BedrockConverse => "bedrock.converse",
            Self::CohereChat => "cohere.chat",
            Self::GeminiGenerateContent => "gemini.generateContent",
            Self::OllamaChat => "ollama.chat",
            Self::OpenAiChat => "openai.chat",
            Self::OpenAiResponses => "openai.responses",
        }
    }
}

/// A body says nothing that can be read. Holds no word of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It is no JSON, or an object in it repeats a member.
    #[error("not JSON at byte {offset} of {length}")]
    Malformed {
        /// Where the fault was found, in bytes from the start.
        offset: usize,
        /// How long the body is, in bytes.
        length: usize,
    },
    /// It is JSON of a shape that the provider does not use.
    #[error("{length} bytes of JSON in no shape that is known of {provider}", provider = provider.as_str())]
    Unrecognised {
        /// Whose shapes were tried.
        provider: Provider,
        /// How long the body is, in bytes.
        length: usize,
    },
}

/// What a whole answer says.
///
/// ```
/// use llm_audit::{provider::{Provider, read_response}, record::Verdict};
/// let facts = read_response(
///     Provider::Anthropic,
///     br#"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"text","text":"Hi"}],
///          "stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":2}}"#,
/// )?;
/// assert_eq!(facts.usage.input_tokens, Some(10));
/// assert!(matches!(facts.verdict, Verdict::Answered));
/// # Ok::<(), llm_audit::provider::ProviderError>(())
/// ```
///
/// # Errors
/// [`ProviderError::Malformed`] where the body is no JSON, [`ProviderError::Unrecognised`] where it is no answer.
pub fn read_response(provider: Provider, json: &[u8]) -> Result<ResponseFacts, ProviderError> {
    let mut reader = Reader::new(provider);
    match reader.absorb(UNNAMED, json)? {
        Recognised::Yes => {
            reader.answer_mut().close_counts();
            Ok(reader.into_facts(Delivered::Whole))
        }
        Recognised::No => Err(unrecognised(provider, json)),
    }
}

/// What a request says.
///
/// # Errors
/// [`ProviderError::Malformed`] where the body is no JSON, [`ProviderError::Unrecognised`] where it is no request.
pub fn read_request(provider: Provider, json: &[u8]) -> Result<RequestFacts, ProviderError> {
    reader::request(provider, json)?.ok_or_else(|| unrecognised(provider, json))
}

/// What a usage object says, as it stands in a provider's answer.
///
/// ```
/// use llm_audit::provider::{UsageFormat, read_usage};
/// let facts = read_usage(
///     UsageFormat::BedrockConverse,
///     br#"{"inputTokens": 10, "outputTokens": 83, "cacheReadInputTokens": 20000}"#,
/// )?;
/// assert_eq!(facts.usage.input_tokens, Some(20_010)); // the record's input includes what was cached
/// # Ok::<(), llm_audit::provider::ProviderError>(())
/// ```
///
/// # Errors
/// [`ProviderError::Malformed`] where it is no JSON.
pub fn read_usage(format: UsageFormat, json: &[u8]) -> Result<UsageFacts, ProviderError> {
    usage::read(format, json)
}

/// What a usage object of unsaid form says; none where its members tell no form. It may stand in an answer.
///
/// The provider, by any of its names, decides only where the members leave it open.
///
/// # Errors
/// [`ProviderError::Malformed`] where it is no JSON.
pub fn find_usage(provider: &str, json: &[u8]) -> Result<Option<UsageFacts>, ProviderError> {
    let found = usage::find(provider, json)?;
    found
        .map(|found| usage::read(found.format, found.json))
        .transpose()
}

fn unrecognised(provider: Provider, json: &[u8]) -> ProviderError {
    let length = json.len();
    ProviderError::Unrecognised { provider, length }
}
