//! The attribute table, version 1: the names that every form of a record is written with.
//!
//! Names follow the OpenTelemetry GenAI conventions (development, as of November 2026) where these have one; the rest
//! is under `llm_audit.`. The table is in the order of the names' bytes, which for ASCII is the order of RFC 8785, so
//! that a record which is walked in this order is canonical at once.
//!
//! Integers are OTLP integers, never strings. Absent means unknown; zero means zero.

/// Version of the table, written as `llm_audit.schema`.
pub const VERSION: u64 = 1;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its number in the [row form](super::rows), which it keeps for ever.
    pub(crate) number: u8,
    /// The name on the wire.
    pub name: &'static str,
    /// What the value is.
    pub kind: Kind,
    /// What the attribute is to the record.
    pub role: Role,
    /// What it means.
    pub meaning: &'static str,
    /// The name as the first field of an OTLP `KeyValue`.
    pub(crate) otlp_key: &'static OtlpKey,
    /// The name as it stands in a JSON object, with its quotation marks and colon.
    pub(crate) json_key: &'static str,
}

/// The key of an OTLP `KeyValue` as bytes: tag, length, name. Made once, and in a block of one size for all, so that
/// writing it is a copy without a loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtlpKey {
    pub(crate) block: [u8; OTLP_KEY_BYTES],
    /// How much of the block is the key.
    pub(crate) length: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A floating-point number.
    Double,
    /// True, or absent.
    Flag,
    /// A whole number from 0 to 2^63 - 1.
    Int,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

/// What an attribute is to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The authentication code itself.
    Authentication,
    /// Worked out from proven attributes for people and dashboards; not in the canonical bytes.
    Derived,
    /// In the canonical bytes; on the wire a field of the OTLP record or its resource.
    Native,
    /// In the canonical bytes; on the wire an attribute.
    Proven,
}

macro_rules! attributes {
    ($($number:literal $constant:ident $name:literal $kind:ident $role:ident $meaning:literal)+) => {
        /// All attributes, in canonical order.
        pub const TABLE: &[Attribute] = &[$($constant),+];
        $(
            #[doc = concat!("`", $name, "`: ", $meaning, ".")]
            pub const $constant: Attribute =
                Attribute {
                    number: $number,
                    name: $name,
                    kind: Kind::$kind,
                    role: Role::$role,
                    meaning: $meaning,
                    otlp_key: &OtlpKey::of($name),
                    json_key: concat!("\"", $name, "\":"),
                };
        )+
    };
}

impl OtlpKey {
    const fn of(name: &str) -> Self {
        let name = name.as_bytes();
        assert!(
            name.len() + 2 <= OTLP_KEY_BYTES,
            "the name is too long for its block"
        );
        let mut block = [0; OTLP_KEY_BYTES];
        // Field 1, length-delimited; the length is one byte, since the block is shorter than 128.
        block[0] = 1 << 3 | 2;
        block[1] = name.len() as u8;
        let mut at = 0;
        while at < name.len() {
            block[at + 2] = name[at];
            at += 1;
        }
        Self {
            block,
            length: name.len() + 2,
        }
    }
}

/// The longest key.
pub(crate) const OTLP_KEY_BYTES: usize = 48;

attributes! {
    1 CLIENT_ADDRESS "client.address" Text Proven "where the request came from"
    2 ERROR_TYPE "error.type" Text Proven "class of the error, of low cardinality"
    3 CONVERSATION_ID "gen_ai.conversation.id" Text Proven "conversation (chat thread), as given"
    74 INPUT_MESSAGES "gen_ai.input.messages" Text Proven "messages sent, JSON, only where a rule lets them leave"
    4 OPERATION_NAME "gen_ai.operation.name" Text Proven "kind of call: chat, embeddings, …"
    75 OUTPUT_MESSAGES "gen_ai.output.messages" Text Proven "messages received, JSON, only where a rule lets them leave"
    5 PROVIDER_NAME "gen_ai.provider.name" Text Proven "whose model"
    6 REQUEST_MAX_TOKENS "gen_ai.request.max_tokens" Int Proven "limit of tokens that was set"
    7 REQUEST_MODEL "gen_ai.request.model" Text Proven "model asked for"
    8 REQUEST_STREAM "gen_ai.request.stream" Flag Proven "true where a stream was asked for, else absent"
    9 REQUEST_TEMPERATURE "gen_ai.request.temperature" Double Proven "temperature that was set"
    10 REQUEST_TOP_P "gen_ai.request.top_p" Double Proven "nucleus-sampling share that was set"
    11 RESPONSE_FINISH_REASONS "gen_ai.response.finish_reasons" Texts Proven "why it stopped, one a choice"
    12 RESPONSE_ID "gen_ai.response.id" Text Proven "provider's identifier of the answer"
    13 RESPONSE_MODEL "gen_ai.response.model" Text Proven "model that answered"
    14 TIME_TO_FIRST_CHUNK "gen_ai.response.time_to_first_chunk" Double Derived "seconds to the first piece of a stream"
    76 SYSTEM_INSTRUCTIONS "gen_ai.system_instructions" Text Proven "system prompt, JSON, only where a rule lets it leave"
    77 TOOL_DEFINITIONS "gen_ai.tool.definitions" Text Proven "tool definitions, JSON, only where a rule lets them leave"
    15 AUDIO_INPUT_TOKENS "gen_ai.usage.audio.input_tokens" Int Proven "input that was audio, part of input"
    16 AUDIO_OUTPUT_TOKENS "gen_ai.usage.audio.output_tokens" Int Proven "output that was audio, part of output"
    17 CACHE_READ_INPUT_TOKENS "gen_ai.usage.cache_read.input_tokens" Int Proven "input read from the cache, part of input"
    18 CACHE_WRITE_INPUT_TOKENS "gen_ai.usage.cache_write.input_tokens" Int Proven "input written to the cache, part of input"
    19 INPUT_TOKENS "gen_ai.usage.input_tokens" Int Proven "all input, cached included"
    20 OUTPUT_TOKENS "gen_ai.usage.output_tokens" Int Proven "all output, reasoning included"
    21 REASONING_OUTPUT_TOKENS "gen_ai.usage.reasoning.output_tokens" Int Proven "reasoning (thinking), part of output"
    22 ACCESS_OPERATION "llm_audit.access.operation" Text Proven "login, logout, read, export, …"
    23 ACCESS_OUTCOME "llm_audit.access.outcome" Text Proven "allowed, denied, failed"
    24 ACCESS_RESOURCE "llm_audit.access.resource" Text Proven "on what"
    25 ACTION "llm_audit.action" Text Proven "messages.create, chat.completions.create, …; created, updated, …"
    26 CHANGE_BEFORE_VALUE "llm_audit.change.before_value" Text Proven "state before, JSON, secrets masked"
    27 CHANGE_API_KEY "llm_audit.change.changed_by_api_key" Text Proven "keyed hash of the API key in use"
    28 CHANGE_OBJECT_ID "llm_audit.change.object_id" Text Proven "which object"
    29 CHANGE_TABLE_NAME "llm_audit.change.table_name" Text Proven "kind of object"
    30 CHANGE_UPDATED_VALUES "llm_audit.change.updated_values" Text Proven "what was set, JSON, secrets masked"
    31 COST_EXACT "llm_audit.cost.exact" Text Proven "US dollars, exact decimal"
    32 COST_PRICE_TABLE "llm_audit.cost.price_table" Text Proven "digest of the price table"
    33 COST_REASON "llm_audit.cost.reason" Text Proven "why there is no cost"
    34 COST_SOURCE "llm_audit.cost.source" Text Proven "local, provider, none"
    35 COST_USD "llm_audit.cost.usd" Double Derived "US dollars, for dashboards"
    36 CREDENTIAL_HASH "llm_audit.credential.hash" Text Proven "keyed hash of the credential in use"
    37 DURATION_NS "llm_audit.duration_ns" Int Proven "start to last exit, nanoseconds"
    38 ERROR_MESSAGE "llm_audit.error.message" Text Proven "first 500 characters, masked"
    39 INPUT_HASH "llm_audit.input.hash" Text Proven "keyed hash of the messages sent"
    40 KIND "llm_audit.kind" Text Proven "call, change, access, system"
    41 LATENCY_MS "llm_audit.latency_ms" Int Derived "start to last exit, milliseconds"
    42 MAC "llm_audit.mac" Text Authentication "authentication code over the canonical bytes"
    43 METADATA "llm_audit.metadata" Text Proven "JSON object, at most 16 KiB"
    44 OUTPUT_HASH "llm_audit.output.hash" Text Proven "keyed hash of the messages received"
    45 PARENT_SPAN_ID "llm_audit.parent_span_id" Text Proven "span around this one (log form; a span has it as a field)"
    46 RECORD_ID "llm_audit.record.id" Text Proven "UUIDv7, the idempotency key"
    47 SANITIZATION_CLASS "llm_audit.sanitization.<class>" Int Proven "matches replaced, by class"
    48 SANITIZATION_COUNT "llm_audit.sanitization.count" Int Proven "matches replaced before sending"
    49 SANITIZATION_RULES "llm_audit.sanitization.rules" Text Proven "digest of the rules"
    50 SANITIZATION_STATUS "llm_audit.sanitization.status" Text Proven "applied, observed, skipped, error"
    51 SCHEMA "llm_audit.schema" Int Proven "version of this table: 1"
    52 SERVICE_TIER "llm_audit.service_tier" Text Proven "provider's price class of the call"
    53 STATUS "llm_audit.status" Text Proven "success, error, blocked, cancelled, unknown"
    54 STATUS_REASON "llm_audit.status.reason" Text Proven "why, of low cardinality"
    55 STREAM_ID "llm_audit.stream.id" Text Proven "emitter stream, UUIDv7"
    56 STREAM_SEQ "llm_audit.stream.seq" Int Proven "gapless number in the stream, from 0"
    57 SYSTEM_DETAIL "llm_audit.system.detail" Text Proven "facts, JSON object"
    58 SYSTEM_EVENT "llm_audit.system.event" Text Proven "start, stop, heartbeat, gap, …"
    59 SYSTEM_PROMPT_HASH "llm_audit.system_prompt.hash" Text Proven "keyed hash of the system prompt"
    60 TENANT "llm_audit.tenant" Text Proven "tenant, which has hash keys of its own"
    61 TIME_TO_FIRST_CHUNK_NS "llm_audit.time_to_first_chunk_ns" Int Proven "nanoseconds to the first piece of a stream"
    62 TOOLS_HASH "llm_audit.tools.hash" Text Proven "keyed hash of the tool definitions"
    63 CACHE_WRITE_1H_INPUT_TOKENS "llm_audit.usage.cache_write_1h.input_tokens" Int Proven "of the cache-written input, what is kept for an hour"
    64 USAGE_SOURCE "llm_audit.usage.source" Text Proven "provider, estimated, none"
    65 SERVER_ADDRESS "server.address" Text Proven "where the provider was reached"
    66 SERVER_PORT "server.port" Int Proven "the port there"
    67 SERVICE_NAME "service.name" Text Native "the application (resource attribute)"
    68 SESSION_ID "session.id" Text Proven "session of the client application"
    69 SPAN_ID "span_id" Text Native "OpenTelemetry span id"
    70 TIME "time_unix_nano" Int Native "start, nanoseconds since 1970"
    71 TRACE_ID "trace_id" Text Native "OpenTelemetry trace id"
    72 USER_HASH "user.hash" Text Proven "keyed hash of the user's identifier"
    73 USER_ID "user.id" Text Proven "the user's identifier (log form)"
}

/// The row with this number.
pub(crate) fn numbered(number: u8) -> Option<&'static Attribute> {
    static ROWS: [Option<&Attribute>; NUMBERS] = {
        let mut rows = [None; NUMBERS];
        let mut at = 0;
        while at < TABLE.len() {
            let number = TABLE[at].number as usize;
            assert!(rows[number].is_none(), "two rows have the same number");
            rows[number] = Some(&TABLE[at]);
            at += 1;
        }
        rows
    };
    ROWS.get(usize::from(number)).copied().flatten()
}

/// Numbers that rows may have: those of seven bits.
const NUMBERS: usize = 128;

/// What stands before the class in the name of a class count.
pub const SANITIZATION_PREFIX: &str = "llm_audit.sanitization.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_canonical_order_without_repetition() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn the_table_is_frozen() {
        let rows = TABLE.iter().map(|row| {
            format!(
                "{} {} {:?} {:?}\n",
                row.number, row.name, row.kind, row.role
            )
        });
        assert_eq!(
            rows.collect::<String>(),
            include_str!("testdata/attributes-v1.txt")
        );
    }
}
