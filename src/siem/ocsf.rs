//! OCSF 1.8.0.
//!
//! | record | class | activity |
//! |---|---|---|
//! | call | API Activity 6003, profiles `ai_operation`, `security_control`, `trace` | 99 Invoke |
//! | change | Entity Management 3004 | by its action: 1 Create, 2 Read, 3 Update, 4 Delete, 8 Enable, 9 Disable, … |
//! | login, logout | Authentication 3002 | 1 Logon, 2 Logoff |
//! | other access, system | Event Log Activity 1008 on the log `llm-audit` | 2 Delete, 3 Export, 6 Start, 7 Stop, else 99 |
//!
//! What the schema has no word for is in `unmapped` under its own name; so are whole numbers beyond 2^31 - 1, which do
//! not fit its `integer_t`, and fields whose place a class does not have. `time` is when the event ended. Where the
//! schema asks for what is not known, `unknown` stands there.

use super::fact::{Decision, Fact, Said, end, facts, model};
use super::node::{JsonAs, Node, Object, Style, TimeAs};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR, scaled};
use crate::record::{
    Access, AccessOutcome, AuditRecord, Body, Call, Change, Mac, Status, SystemEvent,
};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let class = Class::of(&record.body);
    let mut event = Object::default();
    let (activity, name) = class.activity(&record.body);
    event.put("category_uid", Node::Int(class.uid() / 1000));
    event.put("class_uid", Node::Int(class.uid()));
    event.put("class_name", Node::text(class.name()));
    event.put("activity_id", Node::Int(activity));
    event.put("activity_name", Node::Text(name));
    event.put("type_uid", Node::Int(class.uid() * 100 + activity));
    event.put("severity_id", Node::Int(scaled(record, [1, 2, 3, 5])));
    metadata(class, record, &mut event);
    for fact in facts(record, mac) {
        place(class, fact, &mut event);
    }
    let (status, name) = status(&record.body);
    event.put("status_id", Node::Int(status));
    event.put("status", Node::text(name));
    complete_actor(&mut event);
    match (class, &record.body) {
        (Class::ApiActivity, Body::Call(call)) => complete_call(record, call, &mut event),
        (Class::Authentication, _) => complete_login(&mut event),
        (Class::EventLogActivity, _) => event.put("log_name", Node::text(PRODUCT)),
        (Class::EntityManagement, Body::Change(change)) => complete_change(change, &mut event),
        _ => {}
    }
    event.write(out);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    ApiActivity,
    Authentication,
    EntityManagement,
    EventLogActivity,
}

impl Class {
    fn of(body: &Body) -> Self {
        match body {
            Body::Access(access) if logon(access).is_some() => Self::Authentication,
            Body::Access(_) | Body::System(_) => Self::EventLogActivity,
            Body::Call(_) => Self::ApiActivity,
            Body::Change(_) => Self::EntityManagement,
        }
    }

    fn uid(self) -> u64 {
        match self {
            Self::ApiActivity => 6003,
            Self::Authentication => 3002,
            Self::EntityManagement => 3004,
            Self::EventLogActivity => 1008,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ApiActivity => "API Activity",
            Self::Authentication => "Authentication",
            Self::EntityManagement => "Entity Management",
            Self::EventLogActivity => "Event Log Activity",
        }
    }

    /// Whether the class has this attribute at its top.
    fn has(self, attribute: &str) -> bool {
        match attribute {
            "api" | "ai_model" | "message_context" | "trace" => self == Self::ApiActivity,
            "dst_endpoint" => self != Self::EntityManagement,
            "entity" | "entity_result" => self == Self::EntityManagement,
            _ => true,
        }
    }

    /// Number and name of the activity.
    fn activity(self, body: &Body) -> (u64, String) {
        let (id, name) = match body {
            Body::Access(access) => logon(access).unwrap_or(match access.operation.as_str() {
                "export" => (3, "Export"),
                other => (99, other),
            }),
            Body::Call(_) => (99, "Invoke"),
            Body::Change(change) => change_activity(change.action.as_str()),
            Body::System(system) => match system.event {
                SystemEvent::Erasure | SystemEvent::Retention => (2, "Delete"),
                SystemEvent::Start => (6, "Start"),
                SystemEvent::Stop => (7, "Stop"),
                other => (99, other.as_str()),
            },
        };
        (id, name.to_owned())
    }
}

fn logon(access: &Access) -> Option<(u64, &'static str)> {
    match access.operation.as_str() {
        "login" | "logon" | "sign_in" => Some((1, "Logon")),
        "logout" | "logoff" | "sign_out" => Some((2, "Logoff")),
        _ => None,
    }
}

fn change_activity(action: &str) -> (u64, &str) {
    match action {
        "created" => (1, "Create"),
        "read" => (2, "Read"),
        "updated" | "rotated" => (3, "Update"),
        "deleted" => (4, "Delete"),
        "moved" => (5, "Move"),
        "enabled" | "unblocked" => (8, "Enable"),
        "blocked" | "disabled" => (9, "Disable"),
        "activated" => (10, "Activate"),
        "deactivated" => (11, "Deactivate"),
        "suspended" => (12, "Suspend"),
        "resumed" => (13, "Resume"),
        other => (99, other),
    }
}

fn status(body: &Body) -> (u64, &'static str) {
    match body {
        Body::Access(access) if access.outcome != AccessOutcome::Allowed => FAILURE,
        Body::Access(_) | Body::Change(_) => SUCCESS,
        Body::Call(call) => match call.outcome.status {
            Status::Success => SUCCESS,
            Status::Blocked | Status::Error => FAILURE,
            Status::Cancelled => (99, "Cancelled"),
            Status::Unknown => (0, "Unknown"),
        },
        Body::System(system) if system.event == SystemEvent::Gap => FAILURE,
        Body::System(_) => SUCCESS,
    }
}

fn metadata(class: Class, record: &AuditRecord, event: &mut Object) {
    let metadata = event.object("metadata");
    metadata.put("version", Node::text("1.8.0"));
    metadata.put("log_name", Node::text(PRODUCT));
    metadata.put("product.name", Node::text(PRODUCT));
    metadata.put("product.vendor_name", Node::text(VENDOR));
    metadata.put("product.version", Node::text(PRODUCT_VERSION));
    if class == Class::ApiActivity {
        let trace = record.envelope.trace.map(|_| "trace");
        let profiles = ["ai_operation", "security_control"].into_iter();
        metadata.put("profiles", Node::texts(profiles.chain(trace)));
    }
}

/// Puts a fact where the table says, if the class has that place and the value fits.
fn place(class: Class, fact: Fact, event: &mut Object) {
    let fits = !matches!(fact.value, Said::Int(number) if number > LARGEST);
    match fact.places.of(Format::Ocsf) {
        Place::At("action") | Place::Nowhere => {}
        Place::At(path) if fits && class.has(path.split('.').next().unwrap_or(path)) => {
            event.put(path, Node::said(fact.value, STYLE));
        }
        Place::At(_) | Place::Home => {
            let unmapped = event.object("unmapped");
            unmapped.put_member(fact.places.field, Node::said(fact.value, STYLE));
        }
    }
}

/// An actor has an application or a user, and a user has an identifier.
fn complete_actor(event: &mut Object) {
    let hash = event.text_at("actor.user.uid_alt");
    if let (Some(hash), None) = (hash, event.get("actor.user.uid")) {
        event.put("actor.user.uid", Node::Text(hash));
    }
    if event.get("actor").is_none() {
        event.put("actor.app_name", Node::text(UNKNOWN));
    }
}

fn complete_call(record: &AuditRecord, call: &Call, event: &mut Object) {
    let (action, disposition) = match Decision::of(call) {
        Decision::Allowed => ((1, "Allowed"), (1, "Allowed")),
        Decision::Blocked => ((2, "Denied"), (2, "Blocked")),
        Decision::Modified => ((4, "Modified"), (11, "Corrected")),
        Decision::Observed => ((3, "Observed"), (17, "Logged")),
    };
    event.put("action_id", Node::Int(action.0));
    event.put("action", Node::text(action.1));
    event.put("disposition_id", Node::Int(disposition.0));
    event.put("disposition", Node::text(disposition.1));
    event.put("end_time", TimeAs::Millis.node(end(record)));
    if model(call).is_some() {
        let provider = call.provider.as_ref().map_or(UNKNOWN, |name| name.as_str());
        event.put("ai_model.ai_provider", Node::text(provider));
    }
    let usage = &call.usage;
    let total = usage.input_tokens.zip(usage.output_tokens);
    let total = total.and_then(|(input, output)| input.checked_add(output));
    if let Some(total) = total.filter(|total| *total <= LARGEST) {
        event.put("message_context.total_tokens", Node::Int(total));
    }
    let service = record.envelope.service.as_ref();
    let service = service.map_or(UNKNOWN, |name| name.as_str());
    event.put("message_context.application.name", Node::text(service));
    event.put("message_context.ai_role_id", Node::Int(ASSISTANT));
    if event.get("src_endpoint").is_none() {
        event.put("src_endpoint.svc_name", Node::text(service));
    }
    if event.get("dst_endpoint").is_some() && event.get("dst_endpoint.hostname").is_none() {
        event.put("dst_endpoint.svc_name", Node::text(UNKNOWN));
    }
    if event.get("trace").is_some() {
        let begin = record.envelope.time;
        event.put("trace.span.start_time", TimeAs::Millis.node(begin));
        event.put("trace.span.end_time", TimeAs::Millis.node(end(record)));
    }
}

fn complete_change(change: &Change, event: &mut Object) {
    let kind = match change.table_name.as_str() {
        "user" | "users" => 2,
        "group" | "groups" => 3,
        "organization" | "organizations" => 4,
        "policies" | "policy" => 5,
        _ => 99,
    };
    event.put("entity.type_id", Node::Int(kind));
    if event.get("entity_result").is_some() {
        for (name, value) in [("uid", &change.object_id), ("type", &change.table_name)] {
            event.object("entity_result").put(name, Node::text(value));
        }
        event.put("entity_result.type_id", Node::Int(kind));
    }
}

/// A login is of a user, on a service.
fn complete_login(event: &mut Object) {
    let actor = match event.object("actor").take("user") {
        Some(Node::Object(user)) => Some(user),
        _ => None,
    };
    let user = actor.unwrap_or_else(|| {
        let mut nobody = Object::default();
        nobody.put("name", Node::text(UNKNOWN));
        nobody
    });
    event.put("user", Node::Object(user));
    let service = event.text_at("actor.app_name");
    let service = service.unwrap_or_else(|| UNKNOWN.to_owned());
    event.put("actor.app_name", Node::text(&service));
    event.put("service.name", Node::Text(service));
}

const STYLE: Style = Style {
    json: JsonAs::Json,
    time: TimeAs::Millis,
};
const SUCCESS: (u64, &str) = (1, "Success");
const FAILURE: (u64, &str) = (2, "Failure");
const UNKNOWN: &str = "unknown";
/// The role of what answers.
const ASSISTANT: u64 = 2;
/// The largest `integer_t`.
const LARGEST: u64 = i32::MAX as u64;
