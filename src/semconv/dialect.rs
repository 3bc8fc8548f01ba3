//! What a span's field means, whoever named it.
//!
//! The OpenTelemetry GenAI conventions renamed attributes several times, and instrumentations lag behind. The names of
//! all generations that Rust crates are known to use are mapped here, once for each call site.

/// What a field says about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// `llm_audit.action`.
    Action,
    /// Audio input tokens.
    AudioInputTokens,
    /// Audio output tokens.
    AudioOutputTokens,
    /// Cached input tokens.
    CacheReadInputTokens,
    /// Input tokens written to the cache.
    CacheWriteInputTokens,
    /// The address that the request came from.
    ClientAddress,
    /// The conversation.
    Conversation,
    /// The class of the error.
    ErrorType,
    /// Why the answer stopped: one text, or a JSON array of texts.
    FinishReasons,
    /// Messages sent: content.
    Input,
    /// Input tokens.
    InputTokens,
    /// What else the application says of the call: a JSON object as text.
    Metadata,
    /// The kind of call; a span that has this field is audited.
    Operation,
    /// Messages received: content.
    Output,
    /// Output tokens.
    OutputTokens,
    /// Whose model.
    Provider,
    /// Reasoning tokens.
    ReasoningOutputTokens,
    /// Limit of tokens.
    RequestMaxTokens,
    /// Model asked for.
    RequestModel,
    /// Whether a stream was asked for.
    RequestStream,
    /// Temperature.
    RequestTemperature,
    /// Nucleus-sampling share.
    RequestTopP,
    /// The provider's identifier of the answer.
    ResponseId,
    /// Model that answered.
    ResponseModel,
    /// Where the provider was reached.
    ServerAddress,
    /// The port there.
    ServerPort,
    /// The provider's price class.
    ServiceTier,
    /// The session of the client application.
    Session,
    /// Something that is known only once an answer is there, and says no more than that.
    SignOfAnswer,
    /// `otel.status_code`, of which only an error says something.
    StatusCode,
    /// `otel.status_description`: an error's text.
    StatusDescription,
    /// System prompt: content.
    SystemPrompt,
    /// The tenant.
    Tenant,
    /// Seconds to the first piece of a stream.
    TimeToFirstChunk,
    /// How a tool ended, as rig writes it: `success`, `error`, `denied` or `skipped`.
    ToolOutcome,
    /// Tool definitions: content.
    Tools,
    /// The user.
    User,
}

impl Meaning {
    /// Whether it says on whose behalf something is done: also a span that is no call says that of the calls inside.
    #[must_use]
    pub fn is_of_actor(self) -> bool {
        matches!(
            self,
            Self::ClientAddress | Self::Conversation | Self::Session | Self::Tenant | Self::User
        )
    }
}

/// Spans of a crate that say what they are by their name, in fields of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Instrumentation {
    /// How the targets of the crate's spans begin.
    target: &'static str,
    /// The span's name.
    span: &'static str,
    operation: &'static str,
    fields: &'static [(&'static str, Meaning)],
}

impl Instrumentation {
    /// What kind of call its spans are.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What a field says in the crate's own words.
    #[must_use]
    pub fn meaning(&self, name: &str) -> Option<Meaning> {
        let mut fields = self.fields.iter();
        fields
            .find(|(known, _)| *known == name)
            .map(|(_, meaning)| *meaning)
    }
}

/// The instrumentation whose spans have this target and name, if it is known.
#[must_use]
pub fn instrumentation(target: &str, span: &str) -> Option<&'static Instrumentation> {
    let known = |known: &&Instrumentation| {
        let inside = target.strip_prefix(known.target);
        known.span == span && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    INSTRUMENTATIONS.iter().find(known)
}

/// What the field of this name says about a call, if anything.
#[must_use]
pub fn meaning(name: &str) -> Option<Meaning> {
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, meaning)| *meaning)
}

/// The name of a provider as the conventions write it today; names that they do not know stay as they are.
#[must_use]
pub fn provider_name(name: &str) -> &str {
    match name {
        "Anthropic" => "anthropic",
        "OpenAI" => "openai",
        "az.ai.inference" => "azure.ai.inference",
        "az.ai.openai" => "azure.ai.openai",
        "gemini" => "gcp.gemini",
        "mistral" | "mistralai" => "mistral_ai",
        "vertex_ai" => "gcp.vertex_ai",
        "xai" => "x_ai",
        other => other,
    }
}

/// Whether a call of this kind is one inference or embedding: one that has tokens and a cost of its own. Agents,
/// workflows and tools only pass on what the calls in them consumed.
#[must_use]
pub fn is_inference(operation: &str) -> bool {
    !AGGREGATES.contains(&operation)
}

/// langchain-rust (read at 7.0.0), which documents its spans and fields as part of its interface. It notes no sign of an
/// answer on tools, chains and embeddings, and lets go of a span that is given up as it does of one that is done: such
/// records are `unknown` unless they failed.
const INSTRUMENTATIONS: &[Instrumentation] = &[
    langchain("agent.plan", "plan"),
    langchain("agent.run", "invoke_agent"),
    langchain("chain.call", "invoke_workflow"),
    langchain("embed.documents", "embeddings"),
    langchain("embed.query", "embeddings"),
    langchain("llm.generate", "chat"),
    langchain("tool.call", "execute_tool"),
];

const fn langchain(span: &'static str, operation: &'static str) -> Instrumentation {
    Instrumentation {
        target: "langchain_rust",
        span,
        operation,
        fields: &[
            ("completion_tokens", Meaning::OutputTokens),
            ("error", Meaning::StatusDescription),
            ("model", Meaning::RequestModel),
            ("prompt_tokens", Meaning::InputTokens),
            ("provider", Meaning::Provider),
            ("stream", Meaning::RequestStream),
            ("tool_calls", Meaning::SignOfAnswer),
            ("total_tokens", Meaning::SignOfAnswer),
        ],
    }
}

const AGGREGATES: &[&str] = &[
    "create_agent",
    "execute_tool",
    "fetch_response",
    "handle_conversation_turn",
    "invoke_agent",
    "invoke_workflow",
    "plan",
    "retrieval",
];

const NAMES: &[(&str, Meaning)] = &[
    ("client.address", Meaning::ClientAddress),
    ("enduser.id", Meaning::User),
    ("error.type", Meaning::ErrorType),
    ("gen_ai.completion", Meaning::Output),
    ("gen_ai.conversation.id", Meaning::Conversation),
    ("gen_ai.input.messages", Meaning::Input),
    ("gen_ai.operation.name", Meaning::Operation),
    ("gen_ai.output.messages", Meaning::Output),
    ("gen_ai.prompt", Meaning::Input),
    ("gen_ai.provider.name", Meaning::Provider),
    ("gen_ai.request.max_tokens", Meaning::RequestMaxTokens),
    ("gen_ai.request.model", Meaning::RequestModel),
    ("gen_ai.request.stream", Meaning::RequestStream),
    ("gen_ai.request.temperature", Meaning::RequestTemperature),
    ("gen_ai.request.top_p", Meaning::RequestTopP),
    ("gen_ai.response.finish_reasons", Meaning::FinishReasons),
    ("gen_ai.response.id", Meaning::ResponseId),
    ("gen_ai.response.model", Meaning::ResponseModel),
    (
        "gen_ai.response.time_to_first_chunk",
        Meaning::TimeToFirstChunk,
    ),
    ("gen_ai.system", Meaning::Provider),
    ("gen_ai.system_instructions", Meaning::SystemPrompt),
    ("gen_ai.tool.call.arguments", Meaning::Input),
    ("gen_ai.tool.call.outcome", Meaning::ToolOutcome),
    ("gen_ai.tool.call.result", Meaning::Output),
    ("gen_ai.tool.definitions", Meaning::Tools),
    ("gen_ai.tool.error.type", Meaning::ErrorType),
    ("gen_ai.usage.audio.input_tokens", Meaning::AudioInputTokens),
    (
        "gen_ai.usage.audio.output_tokens",
        Meaning::AudioOutputTokens,
    ),
    (
        "gen_ai.usage.cache_creation.input_tokens",
        Meaning::CacheWriteInputTokens,
    ),
    (
        "gen_ai.usage.cache_creation_input_tokens",
        Meaning::CacheWriteInputTokens,
    ),
    (
        "gen_ai.usage.cache_read.input_tokens",
        Meaning::CacheReadInputTokens,
    ),
    (
        "gen_ai.usage.cache_read_input_tokens",
        Meaning::CacheReadInputTokens,
    ),
    (
        "gen_ai.usage.cache_write.input_tokens",
        Meaning::CacheWriteInputTokens,
    ),
    ("gen_ai.usage.completion_tokens", Meaning::OutputTokens),
    ("gen_ai.usage.input_tokens", Meaning::InputTokens),
    ("gen_ai.usage.output_tokens", Meaning::OutputTokens),
    ("gen_ai.usage.prompt_tokens", Meaning::InputTokens),
    (
        "gen_ai.usage.reasoning.output_tokens",
        Meaning::ReasoningOutputTokens,
    ),
    (
        "gen_ai.usage.reasoning_tokens",
        Meaning::ReasoningOutputTokens,
    ),
    ("gen_ai.user.id", Meaning::User),
    ("llm_audit.action", Meaning::Action),
    ("llm_audit.metadata", Meaning::Metadata),
    ("llm_audit.service_tier", Meaning::ServiceTier),
    ("llm_audit.tenant", Meaning::Tenant),
    ("openai.response.service_tier", Meaning::ServiceTier),
    ("otel.status_code", Meaning::StatusCode),
    ("otel.status_description", Meaning::StatusDescription),
    ("server.address", Meaning::ServerAddress),
    ("server.port", Meaning::ServerPort),
    ("session.id", Meaning::Session),
    ("user.id", Meaning::User),
];

/// Every meaning that a name has.
#[cfg(test)]
pub(crate) fn every_meaning() -> impl Iterator<Item = Meaning> {
    NAMES.iter().map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_generation_mean_the_same() {
        assert_eq!(meaning("gen_ai.system"), meaning("gen_ai.provider.name"));
        assert_eq!(
            meaning("gen_ai.usage.prompt_tokens"),
            Some(Meaning::InputTokens)
        );
        assert_eq!(
            meaning("gen_ai.usage.cache_creation.input_tokens"),
            meaning("gen_ai.usage.cache_write.input_tokens")
        );
        assert_eq!(meaning("prompt"), None);
        assert!(NAMES.is_sorted_by_key(|(name, _)| name));
        assert_eq!(provider_name("xai"), "x_ai");
        assert!(
            INSTRUMENTATIONS
                .iter()
                .all(|known| { known.fields.is_sorted_by_key(|(name, _)| name) })
        );
        assert!(is_inference("chat") && is_inference("rerank") && !is_inference("invoke_agent"));
    }

    #[test]
    fn an_instrumentation_is_known_by_target_and_span_and_its_words_mean_nothing_elsewhere() {
        let known = instrumentation("langchain_rust::observability", "llm.generate").unwrap();
        assert_eq!(known.operation(), "chat");
        assert_eq!(known.meaning("prompt_tokens"), Some(Meaning::InputTokens));
        assert_eq!(meaning("prompt_tokens"), None);
        assert_eq!(instrumentation("langchain_rusty::x", "llm.generate"), None);
        assert_eq!(instrumentation("langchain_rust", "llm.other"), None);
        let names = INSTRUMENTATIONS.iter().map(|known| known.span);
        assert!(names.is_sorted());
    }
}
