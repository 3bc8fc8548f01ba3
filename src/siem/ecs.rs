//! Elastic Common Schema 9.4.0, as nested JSON.
//!
//! What the schema has no field for is under `llm_audit`, never under `gen_ai`; so are `finish_reasons`, which the schema
//! types as `nested` though they are texts, token counts beyond 2^31 - 1, which its `integer` does not hold, and content
//! that is no list of objects, which its `flattened` does not take. JSON values of changes and metadata are texts: as
//! objects, each of their names would become a field of the index. `@timestamp` is when the event ended.

use super::fact::{Said, end, facts};
use super::node::{JsonAs, Node, Object, Style, TimeAs};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR};
use crate::record::{
    AccessOutcome, AuditRecord, Body, Mac, Severity, Status, SystemEvent, attribute as a,
};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let mut event = Object::default();
    let time = TimeAs::Rfc3339.node(end(record));
    event.put("@timestamp", time);
    event.put("ecs.version", Node::text("9.4.0"));
    event.put("event.kind", Node::text("event"));
    let (category, kinds) = category(&record.body);
    event.put("event.category", Node::texts([category]));
    event.put("event.type", Node::texts(kinds.iter().copied()));
    event.put("event.outcome", Node::text(outcome(&record.body)));
    event.put("event.module", Node::text("llm_audit"));
    let dataset = format!("llm_audit.{}", record.body.kind());
    event.put("event.dataset", Node::Text(dataset));
    let severity = record.severity();
    event.put("event.severity", Node::Int(number(severity)));
    let level = severity.as_str().to_lowercase();
    event.put("log.level", Node::Text(level));
    event.put("observer.vendor", Node::text(VENDOR));
    event.put("observer.product", Node::text(PRODUCT));
    event.put("observer.version", Node::text(PRODUCT_VERSION));
    event.put("event.end", TimeAs::Rfc3339.node(end(record)));
    for fact in facts(record, mac) {
        if let Place::At(path) = fact.places.of(Format::Ecs) {
            let (path, value) = fitting(path, fact.value);
            event.put(&path, value);
        }
    }
    relate(record, &mut event);
    event.write(out);
}

/// The value and its place, which is under `llm_audit` where the schema's own does not hold it.
fn fitting(path: &str, value: Said) -> (String, Node) {
    let own = || path.replacen("gen_ai.", "llm_audit.", 1);
    match value {
        Said::Json(text) if path.starts_with("gen_ai.") => {
            if is_flattened(&text) {
                return (path.to_owned(), Node::json(text));
            }
            (own(), Node::Text(text))
        }
        Said::Text(text) if CONTENT.contains(&path) => (own(), Node::Text(text)),
        Said::Int(number) if number > LARGEST_INTEGER && INTEGERS.contains(&path) => {
            (own(), Node::Int(number))
        }
        value => (path.to_owned(), Node::said(value, STYLE)),
    }
}

/// Whether JSON is an object, or a list of objects.
fn is_flattened(text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(items)) => items.iter().all(serde_json::Value::is_object),
        Ok(value) => value.is_object(),
        Err(_) => false,
    }
}

/// Category and types, of those that the schema expects together.
fn category(body: &Body) -> (&'static str, &'static [&'static str]) {
    match body {
        Body::Access(access) => match access.operation.as_str() {
            "login" | "logon" | "sign_in" => ("authentication", &["start"]),
            "logout" | "logoff" | "sign_out" => ("authentication", &["end"]),
            _ => ("database", &["access"]),
        },
        Body::Call(call) => match call.outcome.status {
            Status::Blocked => ("api", &["access", "denied"]),
            Status::Unknown => ("api", &["access"]),
            _ => ("api", &["access", "allowed"]),
        },
        Body::Change(change) => match change.action.as_str() {
            "created" => ("configuration", &["creation"]),
            "deleted" => ("configuration", &["deletion"]),
            _ => ("configuration", &["change"]),
        },
        Body::System(system) => match system.event {
            SystemEvent::Configuration | SystemEvent::Hold | SystemEvent::Key => {
                ("configuration", &["change"])
            }
            SystemEvent::Erasure | SystemEvent::Retention => ("database", &["change"]),
            SystemEvent::Start => ("process", &["start"]),
            SystemEvent::Stop => ("process", &["end"]),
            SystemEvent::Gap | SystemEvent::Heartbeat | SystemEvent::Recovery => {
                ("process", &["info"])
            }
        },
    }
}

fn outcome(body: &Body) -> &'static str {
    match body {
        Body::Access(access) if access.outcome != AccessOutcome::Allowed => "failure",
        Body::Access(_) | Body::Change(_) => "success",
        Body::Call(call) => match call.outcome.status {
            Status::Success => "success",
            Status::Blocked | Status::Error => "failure",
            Status::Cancelled | Status::Unknown => "unknown",
        },
        Body::System(system) if system.event == SystemEvent::Gap => "failure",
        Body::System(_) => "success",
    }
}

/// Names and hashes that one looks for without knowing in which field they stand.
fn relate(record: &AuditRecord, event: &mut Object) {
    let mut hashes: Vec<String> = Vec::new();
    let mut user = |text: Option<String>| hashes.extend(text);
    user(event.text_at("user.hash"));
    user(event.text_at(HASHES[0]));
    user(event.text_at(HASHES[1]));
    if !hashes.is_empty() {
        let hashes = hashes.iter().map(String::as_str);
        event.put("related.hash", Node::texts(hashes));
    }
    if let Some(id) = &record.envelope.actor.user_id {
        event.put("related.user", Node::texts([id.as_str()]));
    }
    if let Some(address) = event.text_at("source.ip") {
        event.put("related.ip", Node::texts([address.as_str()]));
        event.put("source.address", Node::Text(address));
    }
}

fn number(severity: Severity) -> u64 {
    match severity {
        Severity::Info => 9,
        Severity::Warn => 13,
        Severity::Error => 17,
        Severity::Fatal => 21,
    }
}

const STYLE: Style = Style {
    json: JsonAs::Text,
    time: TimeAs::Rfc3339,
};
/// Fields that the schema types as `integer`.
const INTEGERS: [&str; 3] = [
    a::INPUT_TOKENS.name,
    a::OUTPUT_TOKENS.name,
    a::REQUEST_MAX_TOKENS.name,
];
/// Fields that the schema types as `flattened`.
const CONTENT: [&str; 4] = [
    a::INPUT_MESSAGES.name,
    a::OUTPUT_MESSAGES.name,
    a::SYSTEM_INSTRUCTIONS.name,
    a::TOOL_DEFINITIONS.name,
];
const LARGEST_INTEGER: u64 = i32::MAX as u64;
/// Where hashes of content stand.
const HASHES: [&str; 2] = ["llm_audit.input.hash", "llm_audit.output.hash"];
