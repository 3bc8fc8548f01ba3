//! The action word of a call.

use super::Provider;
use crate::record::{Delivery, Label};

/// The action of a call of which no more is known than whose model it is, its operation, and its delivery.
///
/// A known interface has its own words; any other call is its operation with `.create` or `.stream`.
///
/// ```
/// use llm_audit::{provider::action, record::Delivery};
/// assert_eq!(action(Some("anthropic"), "chat", Delivery::Stream).as_str(), "messages.stream");
/// assert_eq!(action(Some("openai"), "chat", Delivery::Whole).as_str(), "chat.completions.create");
/// assert_eq!(action(None, "generate_content", Delivery::Whole).as_str(), "generate_content.create");
/// ```
#[must_use]
pub fn action(provider: Option<&str>, operation: &str, delivery: Delivery) -> Label {
    use Provider::{
        Anthropic, AwsBedrock, AzureInference, AzureOpenAi, DeepSeek, Groq, MistralAi, MoonshotAi,
        OpenAi, Perplexity, XAi,
    };
    let interface = match (provider.and_then(Provider::from_name), operation) {
        (Some(Anthropic), "chat") => "messages",
        (Some(AwsBedrock), "chat") => "converse",
        (
            Some(
                AzureInference | AzureOpenAi | DeepSeek | Groq | MistralAi | MoonshotAi | OpenAi
                | Perplexity | XAi,
            ),
            "chat",
        ) => "chat.completions",
        (Some(AzureOpenAi | DeepSeek | Groq | OpenAi | XAi), "text_completion") => "completions",
        _ => operation,
    };
    let verb = match delivery {
        Delivery::Whole => "create",
        Delivery::Stream => "stream",
    };
    Label::join(&[interface, ".", verb])
}

/// The action of a call whose answer turned out to be a stream: `….stream` for `….create`.
///
/// ```
/// use llm_audit::{provider::streamed, record::Label};
/// assert_eq!(streamed(&Label::clip("converse.create")).as_str(), "converse.stream");
/// assert_eq!(streamed(&Label::clip("a word of one's own")).as_str(), "a word of one's own");
/// ```
#[must_use]
pub fn streamed(action: &Label) -> Label {
    match action.as_str().strip_suffix(".create") {
        Some(interface) => Label::join(&[interface, ".stream"]),
        None => action.clone(),
    }
}
