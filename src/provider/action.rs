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
    let interface = match (provider.and_then(Provider::from_name), operation) {
        (Some(Provider::Anthropic), "chat") => "messages",
        (Some(Provider::AzureOpenAi | Provider::OpenAi), "chat") => "chat.completions",
        (Some(Provider::AzureOpenAi | Provider::OpenAi), "text_completion") => "completions",
        _ => operation,
    };
    let verb = match delivery {
        Delivery::Whole => "create",
        Delivery::Stream => "stream",
    };
    Label::join(&[interface, ".", verb])
}
