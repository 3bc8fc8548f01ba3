//! Records that are the same in every run: of the call of a user in an application, as the auditor makes them, on one day.

use std::collections::BTreeMap;

use llm_audit::record::keyring::Keyring;
use llm_audit::record::{
    Access, AccessOutcome, AuditRecord, Body, Call, Change, ContentHashes, Cost, CostSource,
    DisclosedContent, Envelope, HashField, HashForm, JsonText, KeyedHash, Label, Outcome, RecordId,
    Request, Response, Sanitization, SanitizationStatus, Status, StreamId, StreamPosition, System,
    SystemEvent, Timestamp, Usage, UsageSource,
};
use serde_json::Value;

/// A successful call of `anna`, so many seconds after nine in the morning.
pub(super) fn call(second: u64) -> AuditRecord {
    let call = Call {
        operation: Label::clip("chat"),
        action: Label::clip("chat.completions.create"),
        provider: Some(Label::clip("openai")),
        server_address: Some(Label::clip("api.openai.com")),
        server_port: Some(443),
        request: Request {
            model: Some(Label::clip("gpt-4o")),
            ..Request::default()
        },
        response: Response {
            model: Some(Label::clip("gpt-4o-2024-08-06")),
            finish_reasons: vec![Label::clip("stop")],
            ..Response::default()
        },
        outcome: Outcome {
            status: Status::Success,
            reason: None,
            error_type: None,
            error_message: None,
        },
        duration_ns: Some(840_000_000),
        hashes: ContentHashes {
            system_prompt: Some(hash(HashField::SystemPrompt, "You help customers.")),
            input: Some(hash(HashField::Input, &format!("question {second}"))),
            output: Some(hash(HashField::Output, &format!("answer {second}"))),
            tools: None,
        },
        disclosed: DisclosedContent::NONE,
        usage: Usage {
            input_tokens: Some(420),
            output_tokens: Some(180),
            ..Usage::default()
        },
        usage_source: UsageSource::Provider,
        cost: Cost::Known {
            exact: "0.00285".parse().unwrap(),
            source: CostSource::Local,
            price_table: None,
        },
        sanitization: Sanitization {
            status: SanitizationStatus::Applied,
            count: Some(0),
            classes: BTreeMap::new(),
            rules: None,
        },
    };
    record(second, Body::Call(Box::new(call))).by("anna")
}

/// A change that `olga` made.
pub(super) fn change(second: u64, action: &str, table_name: &str, object_id: &str) -> AuditRecord {
    let change = Change {
        action: Label::clip(action),
        table_name: Label::clip(table_name),
        object_id: Label::clip(object_id),
        before_value: None,
        updated_values: None,
        changed_by_api_key: None,
    };
    record(second, Body::Change(change)).by("olga")
}

/// An access from an address.
pub(super) fn access(
    second: u64,
    operation: &str,
    outcome: AccessOutcome,
    address: &str,
) -> AuditRecord {
    let access = Access {
        operation: Label::clip(operation),
        resource: Some(Label::clip("admin console")),
        outcome,
    };
    record(second, Body::Access(access)).from(address)
}

/// What the trail says of itself.
pub(super) fn system(second: u64, event: SystemEvent, detail: &Value) -> AuditRecord {
    let detail = JsonText::from_value(detail).unwrap();
    let detail = Some(detail);
    record(second, Body::System(System { event, detail }))
}

/// What is said of a record beyond its kind.
pub(super) trait Told: Sized {
    /// Who acted.
    fn by(self, user: &str) -> Self;
    /// Nobody says who.
    fn by_nobody(self) -> Self;
    /// From where.
    fn from(self, address: &str) -> Self;
    /// Which application.
    fn of_service(self, service: &str) -> Self;
    /// What else there is to say of a call.
    fn with(self, say: impl FnOnce(&mut Call)) -> Self;
}

impl Told for AuditRecord {
    fn by(mut self, user: &str) -> Self {
        self.envelope.actor.user_id = Some(Label::clip(user));
        self.envelope.actor.user_hash = Some(hash(HashField::User, user));
        self
    }

    fn by_nobody(mut self) -> Self {
        self.envelope.actor.user_id = None;
        self.envelope.actor.user_hash = None;
        self
    }

    fn from(mut self, address: &str) -> Self {
        self.envelope.actor.client_address = Some(Label::clip(address));
        self
    }

    fn of_service(mut self, service: &str) -> Self {
        self.envelope.service = Some(Label::clip(service));
        self
    }

    fn with(mut self, say: impl FnOnce(&mut Call)) -> Self {
        match &mut self.body {
            Body::Call(call) => say(call),
            other => panic!("a record of kind {} is no call", other.kind()),
        }
        self
    }
}

/// A call that a filter stopped.
pub(super) fn blocked(call: &mut Call) {
    call.outcome = Outcome::because(Status::Blocked, "content_filter");
    nothing_came_back(call);
}

/// A call that failed with a class of error.
pub(super) fn failed(call: &mut Call, error_type: &str) {
    call.outcome = Outcome {
        status: Status::Error,
        reason: None,
        error_type: Some(Label::clip(error_type)),
        error_message: None,
    };
    nothing_came_back(call);
}

fn nothing_came_back(call: &mut Call) {
    call.response = Response::default();
    call.hashes.output = None;
    call.usage = Usage::default();
    call.usage_source = UsageSource::None;
    call.cost = Cost::Unknown {
        reason: Label::clip("no_usage"),
    };
}

pub(super) fn hash(field: HashField, text: &str) -> KeyedHash {
    let hasher = keyring().hasher(None);
    hasher.hash(field, HashForm::Raw1, text.as_bytes())
}

/// Keys of nothing.
pub(super) fn keyring() -> Keyring {
    Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]])
}

fn record(second: u64, body: Body) -> AuditRecord {
    let millis = NINE_IN_THE_MORNING + second * 1_000;
    let time = Timestamp::from_unix_nanos(millis * 1_000_000);
    let mut tail = [0; 10];
    tail[2..].copy_from_slice(&second.to_be_bytes());
    let mut envelope = Envelope::new(RecordId::from_parts(millis, tail), time);
    envelope.service = Some(Label::clip("shop"));
    envelope.position = Some(StreamPosition {
        stream: StreamId::from_parts(NINE_IN_THE_MORNING, [7; 10]),
        seq: second,
    });
    AuditRecord { envelope, body }
}

/// 2026-11-02T09:00:00Z, in milliseconds.
const NINE_IN_THE_MORNING: u64 = 1_793_610_000_000;
