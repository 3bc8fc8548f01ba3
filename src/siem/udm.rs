//! Google SecOps Unified Data Model: a UDM event in the JSON form of its protocol buffer.
//!
//! | record | `event_type` |
//! |---|---|
//! | call | USER_RESOURCE_ACCESS |
//! | change | USER_RESOURCE_CREATION, USER_RESOURCE_DELETION, else USER_RESOURCE_UPDATE_CONTENT |
//! | login, logout | USER_LOGIN, USER_LOGOUT |
//! | erasure, retention | SYSTEM_AUDIT_LOG_WIPE |
//! | configuration, hold, key | SETTING_MODIFICATION |
//! | everything else, and what names no user where its type asks for one | GENERIC_EVENT |
//!
//! What the model has no field for is in `additional` under its own name.

use super::fact::{Decision, facts};
use super::node::{JsonAs, Node, Object, Style, TimeAs};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR, event_name, scaled};
use crate::record::{AccessOutcome, AuditRecord, Body, Mac, SystemEvent};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let mut event = Object::default();
    let kind = event_type(record);
    event.put("metadata.event_type", Node::text(kind));
    event.put("metadata.vendor_name", Node::text(VENDOR));
    event.put("metadata.product_name", Node::text(PRODUCT));
    event.put("metadata.product_version", Node::text(PRODUCT_VERSION));
    event.put("metadata.description", Node::text(event_name(record)));
    for fact in facts(record, mac) {
        match fact.places.of(Format::Udm) {
            Place::At("principal.ip") => {
                let address = fact.value.text();
                event.put("principal.ip", Node::texts([address.as_str()]));
            }
            Place::At(path) => event.put(path, Node::said(fact.value, STYLE)),
            Place::Home => {
                let rest = event.object("additional");
                rest.put_member(fact.places.field, Node::said(fact.value, STYLE));
            }
            Place::Nowhere => {}
        }
    }
    complete(kind, record, &mut event);
    event.write(out);
}

fn complete(kind: &str, record: &AuditRecord, event: &mut Object) {
    if event.get("principal").is_none() {
        event.put("principal.application", Node::text(PRODUCT));
    }
    if matches!(kind, "USER_LOGIN" | "USER_LOGOUT") {
        let user = record.envelope.actor.user_id.as_ref();
        let user = user.map_or("", |id| id.as_str());
        event.put("target.user.userid", Node::text(user));
        let auth = Node::text("AUTHTYPE_UNSPECIFIED");
        event.put("extensions.auth.type", auth);
    }
    let action = match &record.body {
        Body::Access(access) if access.outcome == AccessOutcome::Allowed => Some("ALLOW"),
        Body::Access(access) if access.outcome == AccessOutcome::Denied => Some("BLOCK"),
        Body::Access(_) => Some("FAIL"),
        Body::Call(call) => match Decision::of(call) {
            Decision::Allowed => Some("ALLOW"),
            Decision::Blocked => Some("BLOCK"),
            Decision::Modified => Some("ALLOW_WITH_MODIFICATION"),
            Decision::Observed => None,
        },
        Body::Change(_) | Body::System(_) => None,
    };
    let result = event.object("security_result");
    if let Some(action) = action {
        result.put("action", Node::texts([action]));
    }
    let severity = scaled(record, ["INFORMATIONAL", "LOW", "MEDIUM", "CRITICAL"]);
    result.put("severity", Node::text(severity));
    // A list in the model: an event has any number of results.
    let result = event.take("security_result").into_iter().collect();
    event.put("security_result", Node::List(result));
}

fn event_type(record: &AuditRecord) -> &'static str {
    let wanted = match &record.body {
        Body::Access(access) => match access.operation.as_str() {
            "login" | "logon" | "sign_in" => "USER_LOGIN",
            "logout" | "logoff" | "sign_out" => "USER_LOGOUT",
            _ => GENERIC,
        },
        Body::Call(_) => "USER_RESOURCE_ACCESS",
        Body::Change(change) => match change.action.as_str() {
            "created" => "USER_RESOURCE_CREATION",
            "deleted" => "USER_RESOURCE_DELETION",
            _ => "USER_RESOURCE_UPDATE_CONTENT",
        },
        Body::System(system) => match system.event {
            SystemEvent::Erasure | SystemEvent::Retention => "SYSTEM_AUDIT_LOG_WIPE",
            SystemEvent::Configuration | SystemEvent::Hold | SystemEvent::Key => {
                "SETTING_MODIFICATION"
            }
            _ => GENERIC,
        },
    };
    if wanted.starts_with("USER_") && record.envelope.actor.user_id.is_none() {
        return GENERIC;
    }
    wanted
}

const STYLE: Style = Style {
    json: JsonAs::Json,
    time: TimeAs::Rfc3339,
};
const GENERIC: &str = "GENERIC_EVENT";
