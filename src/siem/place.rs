//! Where the fields of a record stand in each format: the one table that writers and documentation are made from.
//!
//! A row names a field of the record and its place in every format. Members of JSON objects are joined by points; CEF has
//! `key:label` where a custom key takes a label. `.` is the format's own place for what it has no word for, under the
//! field's name (see [`Format::home`](super::Format::home)); `-` is a field that the format leaves out. Rows are in
//! the order in which lines of text have them: what identifies and proves a record comes first, since receivers cut.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Format;
use crate::record::attribute as a;

/// A field and its places.
#[derive(Debug)]
pub(super) struct Places {
    /// The name that the field has here: an attribute's, or one of those below.
    pub(super) field: &'static str,
    asim: &'static str,
    cef: &'static str,
    ecs: &'static str,
    hec: &'static str,
    leef: &'static str,
    ocsf: &'static str,
    syslog: &'static str,
    udm: &'static str,
}

impl Places {
    /// The place in a format.
    pub(super) fn of(&self, format: Format) -> Place {
        let path = match format {
            Format::Asim => self.asim,
            Format::Cef => self.cef,
            Format::Ecs => self.ecs,
            Format::Hec => self.hec,
            Format::Leef => self.leef,
            Format::Ocsf => self.ocsf,
            Format::Syslog => self.syslog,
            Format::Udm => self.udm,
        };
        match path {
            "-" => Place::Nowhere,
            "." => Place::Home,
            path => Place::At(path),
        }
    }
}

/// A place in a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Under this key or path.
    At(&'static str),
    /// Where the format keeps what it has no word for.
    Home,
    /// The format leaves it out.
    Nowhere,
}

/// The number of a field's row.
pub(super) fn row_of(field: &str) -> Option<usize> {
    static ROWS: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let rows = PLACES.iter().enumerate();
        rows.map(|(row, places)| (places.field, row)).collect()
    });
    ROWS.get(field).copied()
}

macro_rules! places {
    ($($field:expr, $ocsf:literal $ecs:literal $cef:literal $leef:literal $syslog:literal $hec:literal $asim:literal $udm:literal;)+) => {
        /// All fields.
        pub(super) const PLACES: &[Places] = &[$(Places {
            field: $field,
            asim: $asim,
            cef: $cef,
            ecs: $ecs,
            hec: $hec,
            leef: $leef,
            ocsf: $ocsf,
            syslog: $syslog,
            udm: $udm,
        }),+];
    };
}

/// When it ended; its beginning where no end was seen.
pub(super) const END: &str = "end";
/// What was done about a call: `allowed`, `blocked`, `modified` or `observed`.
pub(super) const DECISION: &str = "decision";
/// The model that answered, else the one that was asked for.
pub(super) const MODEL: &str = "model";
/// The action of a change.
pub(super) const CHANGE_ACTION: &str = "llm_audit.action (of a change)";
/// Where the request came from, where that is an IPv6 address.
pub(super) const CLIENT_V6: &str = "client.address (IPv6)";
/// Where the request came from, where that is no address.
pub(super) const CLIENT_NAME: &str = "client.address (a name)";
/// Replaced matches by class, all in one object.
pub(super) const CLASSES: &str = "llm_audit.sanitization.classes";

#[rustfmt::skip]
places! {
    // field                        OCSF                              ECS                                  CEF                           LEEF               syslog        HEC               ASIM                          UDM
    a::RECORD_ID.name,              "metadata.uid"                    "event.id"                           "externalId"                  "eventId"          "id"          "event_id"        "EventOriginalUid"            "metadata.product_log_id";
    END,                            "time"                            "@timestamp"                         "rt"                          "devTime"          "end"         "end"             "EventEndTime"                "metadata.event_timestamp";
    a::MAC.name,                    "."                               "event.hash"                         "cs4:mac"                     "mac"              "mac"         "."               "."                           ".";
    a::STREAM_ID.name,              "."                               "llm_audit.stream.id"                "deviceExternalId"            "streamId"         "stream"      "."               "."                           ".";
    a::STREAM_SEQ.name,             "metadata.sequence"               "event.sequence"                     "flexNumber2:seq"             "seq"              "seq"         "."               "."                           ".";
    a::KIND.name,                   "."                               "llm_audit.kind"                     "-"                           "kind"             "kind"        "."               "EventOriginalType"           ".";
    a::STATUS.name,                 "."                               "llm_audit.status"                   "outcome"                     "result"           "result"      "status"          "EventOriginalResultDetails"  ".";
    DECISION,                       "action"                          "llm_audit.decision"                 "act"                         "policy"           "act"         "action_result"   "DvcAction"                   ".";
    a::ACCESS_OPERATION.name,       "metadata.event_code"             "event.action"                       "act"                         "action"           "op"          "action"          "Operation"                   "metadata.product_event_type";
    a::ACCESS_OUTCOME.name,         "."                               "llm_audit.access.outcome"           "outcome"                     "result"           "result"      "status"          "EventOriginalResultDetails"  "security_result.summary";
    a::SYSTEM_EVENT.name,           "metadata.event_code"             "event.action"                       "act"                         "action"           "op"          "action"          "Operation"                   "metadata.product_event_type";
    CHANGE_ACTION,                  "metadata.event_code"             "event.action"                       "act"                         "action"           "op"          "action"          "Operation"                   "metadata.product_event_type";
    a::OPERATION_NAME.name,         "api.operation"                   "gen_ai.operation.name"              "cat"                         "cat"              "op"          "action"          "Operation"                   "metadata.product_event_type";
    a::ACTION.name,                 "metadata.event_code"             "event.action"                       "requestMethod"               "action"           "method"      "command"         "."                           ".";
    a::USER_HASH.name,              "actor.user.uid_alt"              "user.hash"                          "suid"                        "userHash"         "uh"          "user_hash"       "."                           ".";
    a::INPUT_HASH.name,             "."                               "llm_audit.input.hash"               "cs2:inputHash"               "inputHash"        "ph"          "."               "."                           ".";
    a::OUTPUT_HASH.name,            "."                               "llm_audit.output.hash"              "cs3:outputHash"              "outputHash"       "rh"          "."               "."                           ".";
    a::TRACE_ID.name,               "trace.uid"                       "trace.id"                           "cs5:traceId"                 "traceId"          "trace"       "trace_id"        "."                           ".";
    a::SPAN_ID.name,                "trace.span.uid"                  "span.id"                            "-"                           "spanId"           "span"        "span_id"         "."                           ".";
    a::PARENT_SPAN_ID.name,         "trace.span.parent_uid"           "llm_audit.parent_span_id"           "-"                           "parentSpanId"     "-"           "."               "."                           ".";
    a::TIME.name,                   "start_time"                      "event.start"                        "start"                       "startTime"        "start"       "start"           "EventStartTime"              ".";
    a::USER_ID.name,                "actor.user.uid"                  "user.id"                            "suser"                       "usrName"          "user"        "user"            "ActorUserId"                 "principal.user.userid";
    a::TENANT.name,                 "metadata.tenant_uid"             "organization.id"                    "flexString1:tenant"          "tenant"           "tenant"      "tenant"          "."                           ".";
    a::SERVICE_NAME.name,           "actor.app_name"                  "service.name"                       "sourceServiceName"           "app"              "app"         "app"             "ActingAppName"               "principal.application";
    a::CLIENT_ADDRESS.name,         "src_endpoint.ip"                 "source.ip"                          "src"                         "src"              "src"         "src"             "SrcIpAddr"                   "principal.ip";
    CLIENT_V6,                      "src_endpoint.ip"                 "source.ip"                          "c6a2:Source IPv6 Address"    "src"              "src"         "src"             "SrcIpAddr"                   "principal.ip";
    CLIENT_NAME,                    "src_endpoint.name"               "source.address"                     "shost"                       "srcHost"          "srchost"     "src"             "SrcHostname"                 "principal.hostname";
    a::PROVIDER_NAME.name,          "api.service.name"                "gen_ai.provider.name"               "destinationServiceName"      "provider"         "provider"    "dest"            "TargetAppName"               "target.application";
    MODEL,                          "ai_model.name"                   "-"                                  "cs1:model"                   "model"            "model"       "object"          "Object"                      "target.resource.name";
    a::ACCESS_RESOURCE.name,        "."                               "llm_audit.access.resource"          "cs1:resource"                "resource"         "obj"         "object"          "Object"                      "target.resource.name";
    a::CHANGE_TABLE_NAME.name,      "entity.type"                     "llm_audit.change.table_name"        "cs1:objectType"              "objectType"       "type"        "object_category" "OriginalObjectType"          "target.resource.resource_subtype";
    a::CHANGE_OBJECT_ID.name,       "entity.uid"                      "llm_audit.change.object_id"         "cs2:objectId"                "objectId"         "obj"         "object"          "Object"                      "target.resource.name";
    a::INPUT_TOKENS.name,           "message_context.prompt_tokens"   "gen_ai.usage.input_tokens"          "cn1:inputTokens"             "inTok"            "ti"          "."               "."                           ".";
    a::OUTPUT_TOKENS.name,          "message_context.completion_tokens" "gen_ai.usage.output_tokens"       "cn2:outputTokens"            "outTok"           "to"          "."               "."                           ".";
    a::COST_EXACT.name,             "."                               "llm_audit.cost.exact"               "cfp1:costUsd"                "costUsd"          "cost"        "."               "."                           ".";
    a::SANITIZATION_COUNT.name,     "."                               "llm_audit.sanitization.count"       "flexNumber1:sanitizationCount" "san"            "san"         "."               "."                           ".";
    a::SANITIZATION_STATUS.name,    "."                               "llm_audit.sanitization.status"      "-"                           "sanStatus"        "sanstatus"   "."               "."                           ".";
    a::LATENCY_MS.name,             "duration"                        "-"                                  "cn3:latencyMs"               "latencyMs"        "ms"          "latency_ms"      "."                           ".";
    a::STATUS_REASON.name,          "."                               "event.reason"                       "cs6:statusReason"            "statusReason"     "reason"      "."               "."                           ".";
    a::ERROR_TYPE.name,             "status_code"                     "error.type"                         "reason"                      "reason"           "err"         "."               "EventResultDetails"          "security_result.summary";
    a::SERVER_ADDRESS.name,         "dst_endpoint.hostname"           "server.address"                     "dhost"                       "dstHost"          "dst"         "dest_host"       "."                           "target.hostname";
    a::SERVER_PORT.name,            "dst_endpoint.port"               "server.port"                        "dpt"                         "dstPort"          "dport"       "dest_port"       "."                           "target.port";
    a::SESSION_ID.name,             "actor.session.uid"               "llm_audit.session.id"               "-"                           "sessionId"        "sess"        "session_id"      "ActorSessionId"              "network.session_id";
    a::CONVERSATION_ID.name,        "message_context.uid"             "llm_audit.conversation.id"          "flexString2:conversation"    "conversation"     "conv"        "."               "."                           ".";
    a::CREDENTIAL_HASH.name,        "."                               "llm_audit.credential.hash"          "-"                           "credentialHash"   "cred"        "."               "."                           ".";
    a::CHANGE_API_KEY.name,         "."                               "llm_audit.change.changed_by_api_key" "-"                          "apiKeyHash"       "apikey"      "."               "."                           ".";
    a::RESPONSE_ID.name,            "."                               "gen_ai.response.id"                 "-"                           "responseId"       "resp"        "."               "."                           ".";
    a::REQUEST_MODEL.name,          "."                               "gen_ai.request.model"               "-"                           "requestModel"     "reqmodel"    "."               "."                           ".";
    a::RESPONSE_MODEL.name,         "."                               "gen_ai.response.model"              "-"                           "-"                "-"           "."               "."                           ".";
    a::SYSTEM_PROMPT_HASH.name,     "."                               "llm_audit.system_prompt.hash"       "-"                           "systemPromptHash" "sh"          "."               "."                           ".";
    a::TOOLS_HASH.name,             "."                               "llm_audit.tools.hash"               "-"                           "toolsHash"        "th"          "."               "."                           ".";
    a::ERROR_MESSAGE.name,          "status_detail"                   "error.message"                      "msg"                         "msg"              "errmsg"      "."               "EventMessage"                "security_result.description";
    a::SYSTEM_DETAIL.name,          "."                               "llm_audit.system.detail"            "msg"                         "detail"           "detail"      "."               "."                           ".";
    a::CHANGE_BEFORE_VALUE.name,    "entity.data"                     "llm_audit.change.before_value"      "cs3:beforeValue"             "oldValue"         "before"      "."               "OldValue"                    ".";
    a::CHANGE_UPDATED_VALUES.name,  "entity_result.data"              "llm_audit.change.updated_values"    "cs6:updatedValues"           "newValue"         "after"       "."               "NewValue"                    ".";
    a::METADATA.name,               "."                               "llm_audit.metadata"                 "-"                           "metadata"         "-"           "."               "."                           ".";
    CLASSES,                        "."                               "llm_audit.sanitization.classes"     "-"                           "-"                "-"           "."               "."                           ".";
    a::SANITIZATION_RULES.name,     "."                               "llm_audit.sanitization.rules"       "-"                           "-"                "-"           "."               "."                           ".";
    a::COST_SOURCE.name,            "."                               "llm_audit.cost.source"              "-"                           "costSource"       "-"           "."               "."                           ".";
    a::COST_REASON.name,            "."                               "llm_audit.cost.reason"              "-"                           "costReason"       "-"           "."               "."                           ".";
    a::COST_PRICE_TABLE.name,       "."                               "llm_audit.cost.price_table"         "-"                           "-"                "-"           "."               "."                           ".";
    a::COST_USD.name,               "."                               "llm_audit.cost.usd"                 "-"                           "-"                "-"           "."               "."                           ".";
    a::DURATION_NS.name,            "."                               "event.duration"                     "-"                           "-"                "-"           "."               "."                           ".";
    a::SERVICE_TIER.name,           "."                               "llm_audit.service_tier"             "-"                           "serviceTier"      "-"           "."               "."                           ".";
    a::REQUEST_MAX_TOKENS.name,     "."                               "gen_ai.request.max_tokens"          "-"                           "-"                "-"           "."               "."                           ".";
    a::REQUEST_STREAM.name,         "."                               "llm_audit.request.stream"           "-"                           "-"                "-"           "."               "."                           ".";
    a::REQUEST_TEMPERATURE.name,    "."                               "gen_ai.request.temperature"         "-"                           "-"                "-"           "."               "."                           ".";
    a::REQUEST_TOP_P.name,          "."                               "gen_ai.request.top_p"               "-"                           "-"                "-"           "."               "."                           ".";
    a::RESPONSE_FINISH_REASONS.name, "."                              "llm_audit.response.finish_reasons"  "-"                           "finishReasons"    "-"           "."               "."                           ".";
    a::TIME_TO_FIRST_CHUNK.name,    "-"                               "-"                                  "-"                           "-"                "-"           "-"               "-"                           "-";
    a::TIME_TO_FIRST_CHUNK_NS.name, "."                               "llm_audit.time_to_first_chunk_ns"   "-"                           "-"                "-"           "."               "."                           ".";
    a::USAGE_SOURCE.name,           "."                               "llm_audit.usage.source"             "-"                           "usageSource"      "-"           "."               "."                           ".";
    a::REASONING_OUTPUT_TOKENS.name, "."                              "llm_audit.usage.reasoning_output_tokens" "-"                      "reasoningTok"     "-"           "."               "."                           ".";
    a::CACHE_READ_INPUT_TOKENS.name, "."                              "llm_audit.usage.cache_read_input_tokens" "-"                      "cacheReadTok"     "-"           "."               "."                           ".";
    a::CACHE_WRITE_INPUT_TOKENS.name, "."                             "llm_audit.usage.cache_write_input_tokens" "-"                     "cacheWriteTok"    "-"           "."               "."                           ".";
    a::CACHE_WRITE_1H_INPUT_TOKENS.name, "."                          "llm_audit.usage.cache_write_1h_input_tokens" "-"                  "-"                "-"           "."               "."                           ".";
    a::AUDIO_INPUT_TOKENS.name,     "."                               "llm_audit.usage.audio_input_tokens" "-"                           "-"                "-"           "."               "."                           ".";
    a::AUDIO_OUTPUT_TOKENS.name,    "."                               "llm_audit.usage.audio_output_tokens" "-"                          "-"                "-"           "."               "."                           ".";
    a::SCHEMA.name,                 "."                               "llm_audit.schema"                   "-"                           "-"                "-"           "."               "."                           ".";
    a::SYSTEM_INSTRUCTIONS.name,    "."                               "gen_ai.system_instructions"         "-"                           "-"                "-"           "."               "."                           ".";
    a::INPUT_MESSAGES.name,         "."                               "gen_ai.input.messages"              "-"                           "-"                "-"           "."               "."                           ".";
    a::OUTPUT_MESSAGES.name,        "."                               "gen_ai.output.messages"             "-"                           "-"                "-"           "."               "."                           ".";
    a::TOOL_DEFINITIONS.name,       "."                               "gen_ai.tool.definitions"            "-"                           "-"                "-"           "."               "."                           ".";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::attribute::TABLE;

    #[test]
    fn every_attribute_has_its_row_and_only_one() {
        for attribute in TABLE {
            let rows = PLACES.iter().filter(|row| row.field == attribute.name);
            let expected = usize::from(attribute.name != a::SANITIZATION_CLASS.name);
            assert_eq!(rows.count(), expected, "{}", attribute.name);
        }
    }

    #[test]
    fn names_of_structured_data_are_as_rfc_5424_asks() {
        for row in PLACES {
            if let Place::At(name) = row.of(Format::Syslog) {
                assert!(name.len() <= 32, "{name}");
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
            }
        }
    }
}
