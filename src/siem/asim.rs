//! Microsoft Sentinel ASIM, audit event schema 0.1: one JSON object with its columns.
//!
//! | record | `EventType` | `ObjectType` |
//! |---|---|---|
//! | call | Execute | Cloud Resource |
//! | change | Create, Read, Delete, Enable, Disable, else Set | Configuration Atom, Policy Rule of a policy |
//! | access | Read for `read` and `export`, else Other | Other |
//! | system | Set, Delete, Enable for a start, Disable for a stop, else Other | Other |
//!
//! What has no column is in `AdditionalFields` under its own name. Mandatory columns of which nothing is known hold
//! `unknown`; `TimeGenerated` is when the event ended.

use super::fact::{end, facts};
use super::node::{JsonAs, Node, Object, Style, TimeAs};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR, scaled};
use crate::record::{AccessOutcome, AuditRecord, Body, Mac, Status, SystemEvent};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let mut event = Object::default();
    event.put("TimeGenerated", TimeAs::Rfc3339.node(end(record)));
    event.put("EventCount", Node::Int(1));
    event.put("EventVendor", Node::text(VENDOR));
    event.put("EventProduct", Node::text(PRODUCT));
    event.put("EventProductVersion", Node::text(PRODUCT_VERSION));
    event.put("EventSchema", Node::text("AuditEvent"));
    event.put("EventSchemaVersion", Node::text("0.1"));
    event.put("EventType", Node::text(event_type(&record.body)));
    event.put("EventResult", Node::text(result(&record.body)));
    let severity = scaled(record, ["Informational", "Low", "Medium", "High"]);
    event.put("EventSeverity", Node::text(severity));
    let service = record.envelope.service.as_ref();
    let service = service.map_or(PRODUCT, |name| name.as_str());
    event.put("Dvc", Node::text(service));
    event.put("ObjectType", Node::text(object_type(&record.body)));
    for fact in facts(record, mac) {
        match fact.places.of(Format::Asim) {
            Place::At("DvcAction") => {
                if let Some(action) = device_action(&fact.value.text()) {
                    event.put("DvcAction", Node::text(action));
                }
            }
            Place::At(column) => event.put(column, Node::said(fact.value, COLUMN)),
            Place::Home => {
                let rest = event.object("AdditionalFields");
                rest.put_member(fact.places.field, Node::said(fact.value, DYNAMIC));
            }
            Place::Nowhere => {}
        }
    }
    if event.get("ActorUserId").is_some() {
        event.put("ActorUserIdType", Node::text("Other"));
    }
    if event.get("NewValue").is_some() || event.get("OldValue").is_some() {
        event.put("ValueType", Node::text("Other"));
    }
    if event.get("Object").is_none() {
        let call = matches!(record.body, Body::Call(_));
        let object = if call { "unknown" } else { "audit trail" };
        event.put("Object", Node::text(object));
    }
    event.write(out);
}

fn event_type(body: &Body) -> &'static str {
    match body {
        Body::Access(access) => match access.operation.as_str() {
            "read" | "export" => "Read",
            _ => "Other",
        },
        Body::Call(_) => "Execute",
        Body::Change(change) => match change.action.as_str() {
            "created" => "Create",
            "read" => "Read",
            "deleted" => "Delete",
            "activated" | "enabled" | "resumed" | "unblocked" => "Enable",
            "blocked" | "deactivated" | "disabled" | "suspended" => "Disable",
            _ => "Set",
        },
        Body::System(system) => match system.event {
            SystemEvent::Configuration | SystemEvent::Hold | SystemEvent::Key => "Set",
            SystemEvent::Erasure | SystemEvent::Retention => "Delete",
            SystemEvent::Start => "Enable",
            SystemEvent::Stop => "Disable",
            SystemEvent::Gap | SystemEvent::Heartbeat | SystemEvent::Recovery => "Other",
        },
    }
}

fn object_type(body: &Body) -> &'static str {
    match body {
        Body::Call(_) => "Cloud Resource",
        Body::Change(change) => match change.table_name.as_str() {
            "policies" | "policy" => "Policy Rule",
            _ => "Configuration Atom",
        },
        Body::Access(_) | Body::System(_) => "Other",
    }
}

fn result(body: &Body) -> &'static str {
    match body {
        Body::Access(access) if access.outcome != AccessOutcome::Allowed => "Failure",
        Body::Access(_) | Body::Change(_) => "Success",
        Body::Call(call) => match call.outcome.status {
            Status::Success => "Success",
            Status::Blocked | Status::Error => "Failure",
            Status::Cancelled => "Partial",
            Status::Unknown => "NA",
        },
        Body::System(system) if system.event == SystemEvent::Gap => "Failure",
        Body::System(_) => "Success",
    }
}

/// The schema's word for a decision, which has none for letting something through that was changed.
fn device_action(decision: &str) -> Option<&'static str> {
    match decision {
        "allowed" | "modified" => Some("Allow"),
        "blocked" => Some("Deny"),
        _ => None,
    }
}

const COLUMN: Style = Style {
    json: JsonAs::Text,
    time: TimeAs::Rfc3339,
};
const DYNAMIC: Style = Style {
    json: JsonAs::Json,
    time: TimeAs::Rfc3339,
};
