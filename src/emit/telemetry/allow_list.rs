//! What a span may say to the application's own trace backend: an allow-list of attributes.
//!
//! A name that is not in the list does not pass, whatever it holds: instrumentations make up names for content faster than
//! anybody can list them. Names are those of the OpenTelemetry conventions (general 1.44, GenAI as of November 2026) whose
//! values are short, chosen by programs, and no text of a person.

use std::borrow::Cow;

/// Attributes that may leave the process in ordinary spans.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList {
    names: Vec<Cow<'static, str>>,
    prefixes: Vec<Cow<'static, str>>,
    events: Vec<Cow<'static, str>>,
    withheld: Withheld,
}

/// Which texts of errors do not go at all; the others are masked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Withheld {
    /// None.
    Nowhere,
    /// Those of traces with a call.
    #[default]
    BesideCalls,
    /// All.
    Everywhere,
}

/// What becomes of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes, with what has the shape of a secret masked.
    Allowed,
    /// It stays.
    Removed,
    /// It goes as a text of an error does: secrets masked, and all that it repeats of content.
    Text,
    /// It goes as [`Allowed`](Self::Allowed) where it is a word of low cardinality, else as [`Text`](Self::Text).
    Word,
}

impl AllowList {
    /// Lets an attribute pass, in spans, events and links.
    pub(super) fn allow(&mut self, name: Cow<'static, str>) {
        self.names.push(name);
    }

    /// Lets attributes pass whose names begin so.
    pub(super) fn allow_prefix(&mut self, prefix: Cow<'static, str>) {
        self.prefixes.push(prefix);
    }

    /// Lets an event keep its name.
    pub(super) fn allow_event(&mut self, name: Cow<'static, str>) {
        self.events.push(name);
    }

    /// Lets texts of errors pass in traces with a call, masked.
    pub(super) fn danger_allow_error_texts(&mut self) {
        self.withheld = Withheld::Nowhere;
    }

    /// Lets no text of an error pass, in whatever trace.
    pub(super) fn withhold_error_texts(&mut self) {
        self.withheld = Withheld::Everywhere;
    }

    /// Which texts of errors do not go.
    pub(super) fn withheld(&self) -> Withheld {
        self.withheld
    }

    /// What becomes of an attribute of this name.
    pub(super) fn verdict(&self, name: &str) -> Verdict {
        let in_list = |list: &[&str]| list.binary_search(&name).is_ok();
        // Most are here, and in no other list.
        if in_list(NAMES) {
            return Verdict::Allowed;
        }
        let allowed = || {
            self.names.iter().any(|own| own == name)
                || self.prefixes.iter().any(|own| name.starts_with(&**own))
        };
        let prefixed = || PREFIXES.iter().any(|start| name.starts_with(start));
        if in_list(TEXTS) {
            Verdict::Text
        } else if in_list(WORDS) {
            Verdict::Word
        } else if allowed() || (prefixed() && !in_list(CONTENT)) {
            Verdict::Allowed
        } else {
            Verdict::Removed
        }
    }

    /// Whether an event of this name keeps it. tracing-opentelemetry makes an event's message its name.
    pub(super) fn keeps_event(&self, name: &str) -> bool {
        EVENTS.contains(&name) || self.events.iter().any(|own| own == name) || is_place(name)
    }
}

/// Whether the conventions say that a whole number stands under this name.
pub(super) fn is_whole_number(name: &str) -> bool {
    WHOLE_NUMBERS.contains(&name) || (name.starts_with("gen_ai.usage.") && name.ends_with("tokens"))
}

/// Whether an attribute says of what a span is about what its name says too: `GET /chat`, `SELECT orders`.
pub(super) fn describes(name: &str) -> bool {
    ["db.", "http.", "messaging.", "net.", "rpc.", "url."]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Whether an attribute's value stands in the program's source, where no secret of a person gets.
pub(super) fn is_of_the_program(name: &str) -> bool {
    name.starts_with("code.") || matches!(name, "level" | "target")
}

/// Whether an attribute that is taken out says of an error what its message says too.
pub(super) fn repeats_the_error(name: &str) -> bool {
    name.ends_with(".stacktrace") || name.ends_with(".chain")
}

/// Whether a text is a name, and no text of a person: without white space, and short.
pub(super) fn is_word(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-/".contains(&byte);
    text.len() <= LONGEST_WORD && text.bytes().all(harmless)
}

/// `event src/main.rs:12`, as tracing names events without a message.
fn is_place(name: &str) -> bool {
    let place = name
        .strip_prefix("event ")
        .and_then(|place| place.rsplit_once(':'));
    place.is_some_and(|(file, line)| {
        file.ends_with(".rs")
            && !file.contains(char::is_whitespace)
            && !line.is_empty()
            && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Texts of errors.
const TEXTS: &[&str] = &[
    "error",
    "error.message",
    "exception.message",
    "llm_audit.error.message",
    "otel.status_description",
];

/// Words that are as short as the application that chose them cared for.
const WORDS: &[&str] = &[
    "error.type",
    "exception.type",
    "gen_ai.response.finish_reasons",
    "llm_audit.status.reason",
];

/// Names below an allowed prefix that hold values of an application.
const CONTENT: &[&str] = &[
    "llm_audit.change.before_value",
    "llm_audit.change.updated_values",
    "llm_audit.metadata",
    "llm_audit.system.detail",
];

/// Beginnings of names.
const PREFIXES: &[&str] = &["gen_ai.usage.", "llm_audit."];

/// Names, sorted.
const NAMES: &[&str] = &[
    "aws.bedrock.guardrail.id",
    "aws.bedrock.knowledge_base.id",
    "azure.resource_provider.namespace",
    "busy_ns",
    "client.address",
    "client.port",
    "code.column.number",
    "code.file.path",
    "code.filepath",
    "code.function",
    "code.function.name",
    "code.line.number",
    "code.lineno",
    "code.module.name",
    "code.namespace",
    "db.collection.name",
    "db.name",
    "db.namespace",
    "db.operation",
    "db.operation.batch.size",
    "db.operation.name",
    "db.response.returned_rows",
    "db.response.status_code",
    "db.sql.table",
    "db.stored_procedure.name",
    "db.system",
    "db.system.name",
    "exception.escaped",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.agent.version",
    "gen_ai.conversation.compacted",
    "gen_ai.conversation.id",
    "gen_ai.data_source.id",
    "gen_ai.embeddings.dimension.count",
    "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.score.value",
    "gen_ai.invocation.is_nested",
    "gen_ai.openai.api_type",
    "gen_ai.openai.request.seed",
    "gen_ai.openai.request.service_tier",
    "gen_ai.openai.response.service_tier",
    "gen_ai.openai.response.system_fingerprint",
    "gen_ai.operation.name",
    "gen_ai.output.type",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "gen_ai.provider.name",
    "gen_ai.request.choice.count",
    "gen_ai.request.encoding_formats",
    "gen_ai.request.frequency_penalty",
    "gen_ai.request.max_tokens",
    "gen_ai.request.model",
    "gen_ai.request.presence_penalty",
    "gen_ai.request.previous_response.id",
    "gen_ai.request.reasoning.level",
    "gen_ai.request.seed",
    "gen_ai.request.stream",
    "gen_ai.request.temperature",
    "gen_ai.request.top_k",
    "gen_ai.request.top_p",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.status",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.retrieval.top_k",
    "gen_ai.system",
    "gen_ai.token.type",
    "gen_ai.tool.call.id",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.workflow.name",
    "http.flavor",
    "http.method",
    "http.request.body.size",
    "http.request.method",
    "http.request.resend_count",
    "http.request_content_length",
    "http.response.body.size",
    "http.response.status_code",
    "http.response_content_length",
    "http.route",
    "http.scheme",
    "http.status_code",
    "idle_ns",
    "level",
    "mcp.method.name",
    "mcp.protocol.version",
    "mcp.session.id",
    "messaging.batch.message_count",
    "messaging.destination.name",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.system",
    "net.host.name",
    "net.host.port",
    "net.peer.name",
    "net.peer.port",
    "network.local.address",
    "network.local.port",
    "network.peer.address",
    "network.peer.port",
    "network.protocol.name",
    "network.protocol.version",
    "network.transport",
    "network.type",
    "openai.api.type",
    "openai.request.service_tier",
    "openai.response.service_tier",
    "openai.response.system_fingerprint",
    "otel.kind",
    "otel.library.name",
    "otel.library.version",
    "otel.scope.name",
    "otel.scope.version",
    "otel.status_code",
    "peer.service",
    "rpc.grpc.status_code",
    "rpc.method",
    "rpc.response.status_code",
    "rpc.service",
    "rpc.system",
    "rpc.system.name",
    "server.address",
    "server.port",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "session.id",
    "target",
    "thread.id",
    "thread.name",
    "url.domain",
    "url.port",
    "url.scheme",
    "url.template",
    "user.hash",
    "user_agent.original",
];

/// Names of events.
const EVENTS: &[&str] = &[
    "enqueue",
    "event",
    "exception",
    "gen_ai.choice",
    "gen_ai.client.inference.operation.details",
    "gen_ai.client.operation.exception",
    "gen_ai.content.completion",
    "gen_ai.content.prompt",
    "gen_ai.evaluation.result",
    "gen_ai.assistant.message",
    "gen_ai.system.message",
    "gen_ai.tool.message",
    "gen_ai.user.message",
    "message",
];

/// Names whose value is a whole number, beside the token counts.
const WHOLE_NUMBERS: &[&str] = &[
    "client.port",
    "code.line.number",
    "gen_ai.embeddings.dimension.count",
    "gen_ai.request.choice.count",
    "gen_ai.request.max_tokens",
    "gen_ai.request.seed",
    "gen_ai.request.top_k",
    "gen_ai.retrieval.top_k",
    "http.request.body.size",
    "http.request.resend_count",
    "http.response.body.size",
    "http.response.status_code",
    "network.local.port",
    "network.peer.port",
    "server.port",
    "url.port",
];

const LONGEST_WORD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_for_their_search() {
        for list in [NAMES, TEXTS, WORDS, CONTENT] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn no_name_that_means_content_or_a_person_passes() {
        let list = AllowList::default();
        for name in [
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.prompt",
            "gen_ai.prompt.0.content",
            "gen_ai.prompt.variable.name",
            "gen_ai.completion",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments",
            "gen_ai.tool.call.result",
            "gen_ai.retrieval.query.text",
            "gen_ai.request.stop_sequences",
            "input.value",
            "llm.input_messages.0.message.content",
            "langfuse.observation.input",
            "llm_audit.metadata",
            "db.query.text",
            "url.full",
            "url.query",
            "http.request.header.authorization",
            "exception.stacktrace",
            "user.id",
            "prompt",
        ] {
            assert_eq!(list.verdict(name), Verdict::Removed, "{name}");
        }
    }

    #[test]
    fn what_a_user_allows_passes_and_texts_of_errors_stay_texts() {
        let mut list = AllowList::default();
        list.allow("shop.order".into());
        list.allow_prefix("shop.cart.".into());
        list.allow("exception.message".into());
        for name in ["shop.order", "shop.cart.size", "http.route"] {
            assert_eq!(list.verdict(name), Verdict::Allowed, "{name}");
        }
        assert_eq!(list.verdict("shop.cartoon"), Verdict::Removed);
        assert_eq!(list.verdict("exception.message"), Verdict::Text);
    }

    #[test]
    fn messages_of_events_are_no_names() {
        let mut list = AllowList::default();
        list.allow_event("cache.miss".into());
        for name in ["exception", "event src/main.rs:12", "cache.miss"] {
            assert!(list.keeps_event(name), "{name}");
        }
        for name in [
            "my dog is called Rex",
            "Rex",
            "event of Rex.rs:12",
            "event Rex.rs:",
        ] {
            assert!(!list.keeps_event(name), "{name}");
        }
    }

    #[test]
    fn token_counts_are_whole_numbers_of_every_generation() {
        for name in [
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "server.port",
        ] {
            assert!(is_whole_number(name), "{name}");
        }
        assert!(!is_whole_number("gen_ai.response.id"));
    }
}
