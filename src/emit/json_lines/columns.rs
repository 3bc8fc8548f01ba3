//! The columns of a line: a fixed set of names for each kind of record.

use crate::record::{
    Access, AuditRecord, Body, Call, Change, Cost, Envelope, JsonText, Label, System, Usd,
};

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Column<'a> {
    /// Nothing: it is not known, or there is none.
    Absent,
    /// A whole number.
    Count(u64),
    /// A JSON value.
    Json(&'a JsonText),
    /// A text.
    Text(&'a str),
    /// An amount of US dollars.
    Usd(Usd),
}

/// Gives every column of the record's kind to `sink`, in order.
pub(crate) fn walk_columns(record: &AuditRecord, sink: &mut impl FnMut(&'static str, Column<'_>)) {
    let envelope = &record.envelope;
    match &record.body {
        Body::Access(access) => walk_access(envelope, access, sink),
        Body::Call(call) => walk_call(envelope, call, sink),
        Body::Change(change) => walk_change(envelope, change, sink),
        Body::System(system) => walk_system(envelope, system, sink),
    }
}

fn walk_call(envelope: &Envelope, call: &Call, sink: &mut impl FnMut(&'static str, Column<'_>)) {
    let model = call.response.model.as_ref().or(call.request.model.as_ref());
    let message = call.outcome.error_message.as_ref();
    let cost = match &call.cost {
        Cost::Known { exact, .. } => Column::Usd(*exact),
        Cost::Unknown { .. } => Column::Absent,
    };
    let (hashes, usage) = (&call.hashes, &call.usage);
    when(envelope, ["request_id", "timestamp"], sink);
    sink("user_id", label(envelope.actor.user_id.as_ref()));
    sink("model", label(model));
    sink("action", Column::Text(call.action.as_str()));
    sink(
        "system_prompt_hash",
        text(
            hashes
                .system_prompt
                .as_ref()
                .map(|hash| hash.to_string())
                .as_deref(),
        ),
    );
    sink("input_tokens", count(usage.input_tokens));
    sink("output_tokens", count(usage.output_tokens));
    sink("thinking_tokens", count(usage.reasoning_output_tokens));
    sink(
        "latency_ms",
        count(call.duration_ns.map(|nanos| nanos / 1_000_000)),
    );
    sink("cost_usd", cost);
    sink("status", Column::Text(call.outcome.status.as_str()));
    sink(
        "error_message",
        text(message.map(|message| message.as_str())),
    );
    sink("sanitization_count", count(call.sanitization.count));
    sink(
        "input_hash",
        text(
            hashes
                .input
                .as_ref()
                .map(|hash| hash.to_string())
                .as_deref(),
        ),
    );
    sink(
        "output_hash",
        text(
            hashes
                .output
                .as_ref()
                .map(|hash| hash.to_string())
                .as_deref(),
        ),
    );
    sink("metadata", json(envelope.metadata.as_ref()));
}

fn walk_change(
    envelope: &Envelope,
    change: &Change,
    sink: &mut impl FnMut(&'static str, Column<'_>),
) {
    when(envelope, ["id", "updated_at"], sink);
    sink("changed_by", label(envelope.actor.user_id.as_ref()));
    let key = change.changed_by_api_key.as_ref();
    sink(
        "changed_by_api_key",
        text(key.map(|key| key.to_string()).as_deref()),
    );
    sink("action", Column::Text(change.action.as_str()));
    sink("table_name", Column::Text(change.table_name.as_str()));
    sink("object_id", Column::Text(change.object_id.as_str()));
    sink("before_value", json(change.before_value.as_ref()));
    sink("updated_values", json(change.updated_values.as_ref()));
}

fn walk_access(
    envelope: &Envelope,
    access: &Access,
    sink: &mut impl FnMut(&'static str, Column<'_>),
) {
    when(envelope, ["id", "timestamp"], sink);
    sink("user_id", label(envelope.actor.user_id.as_ref()));
    sink("operation", Column::Text(access.operation.as_str()));
    sink("resource", label(access.resource.as_ref()));
    sink("outcome", Column::Text(access.outcome.as_str()));
}

fn walk_system(
    envelope: &Envelope,
    system: &System,
    sink: &mut impl FnMut(&'static str, Column<'_>),
) {
    when(envelope, ["id", "timestamp"], sink);
    sink("event", Column::Text(system.event.as_str()));
    sink("detail", json(system.detail.as_ref()));
}

/// The two columns that every kind begins with, under the kind's own names.
fn when(
    envelope: &Envelope,
    [id, time]: [&'static str; 2],
    sink: &mut impl FnMut(&'static str, Column<'_>),
) {
    sink(id, Column::Text(envelope.record_id.encode(&mut [0; 36])));
    sink(time, Column::Text(&envelope.time.to_string()));
}

fn label(label: Option<&Label>) -> Column<'_> {
    text(label.map(Label::as_str))
}

fn text(text: Option<&str>) -> Column<'_> {
    text.map_or(Column::Absent, Column::Text)
}

fn count(count: Option<u64>) -> Column<'static> {
    count.map_or(Column::Absent, Column::Count)
}

fn json(json: Option<&JsonText>) -> Column<'_> {
    json.map_or(Column::Absent, Column::Json)
}
