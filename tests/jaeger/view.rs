//! A span as Jaeger shows it, beside the record that it is a view of.

use std::collections::BTreeMap;

use llm_audit::record::attribute::{self, Kind};
use serde_json::{Map, Value, json};

use crate::SERVICE;
use crate::jaeger::Shown;
use crate::recorded::{self, Recorded};

/// Every call that was recorded is shown, no other, and none twice.
pub(crate) fn assert_each_once(recorded: &Recorded, shown: &[Shown]) {
    let mut ids: Vec<String> = shown.iter().map(record_id).collect();
    ids.sort();
    let mut expected: Vec<&str> = recorded.calls().into_iter().map(recorded::id).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

/// What a span has in fields of its own, but for the user's identifier, which it does not show.
pub(crate) const ELSEWHERE: [&str; 6] = [
    attribute::PARENT_SPAN_ID.name,
    attribute::SERVICE_NAME.name,
    attribute::SPAN_ID.name,
    attribute::TIME.name,
    attribute::TRACE_ID.name,
    attribute::USER_ID.name,
];

/// A span is the view of a record: its attributes, each of its type, its time, its place and its outcome.
pub(crate) fn check(record: &Map<String, Value>, span: &Shown) {
    let mut tags = span.tags.clone();
    for (name, value) in record
        .iter()
        .filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()))
    {
        let tag = tags
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not shown"));
        let (of_type, value) = shown_as(name, value);
        assert_eq!(
            (&tag["type"], &tag["value"]),
            (&json!(of_type), &value),
            "{name}"
        );
    }
    for derived in [
        attribute::COST_USD.name,
        attribute::LATENCY_MS.name,
        attribute::TIME_TO_FIRST_CHUNK.name,
    ] {
        tags.remove(derived);
    }
    let failed = record["llm_audit.status"] == "error";
    let of_jaeger: BTreeMap<&str, &Value> = tags
        .iter()
        .map(|(name, tag)| (name.as_str(), &tag["value"]))
        .collect();
    let mut expected = BTreeMap::from([
        ("otel.scope.name", json!("llm_audit")),
        ("otel.scope.version", json!(env!("CARGO_PKG_VERSION"))),
        ("span.kind", json!("client")),
    ]);
    if failed {
        expected.insert("error", json!(true));
        expected.insert("otel.status_code", json!("ERROR"));
        expected.insert(
            "otel.status_description",
            record["llm_audit.error.message"].clone(),
        );
    }
    assert_eq!(
        of_jaeger,
        expected
            .iter()
            .map(|(name, value)| (*name, value))
            .collect()
    );
    assert_eq!(
        (&json!(span.trace_id), &json!(span.span_id)),
        (&record["trace_id"], &record["span_id"])
    );
    assert_eq!(
        span.parent.as_deref(),
        record
            .get(attribute::PARENT_SPAN_ID.name)
            .map(|parent| parent.as_str().unwrap())
    );
    let nanos: u64 = record[attribute::TIME.name]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(span.start_micros, nanos / 1000);
    let duration = record
        .get("llm_audit.duration_ns")
        .map_or(0, |nanos| nanos.as_u64().unwrap());
    assert_eq!(span.duration_micros, duration / 1000);
    assert_eq!(
        (span.service.as_str(), &span.warnings),
        (SERVICE, &Value::Null)
    );
}

/// How Jaeger's query API shows an attribute: type and value.
fn shown_as(name: &str, value: &Value) -> (&'static str, Value) {
    let row = attribute::TABLE
        .iter()
        .find(|row| row.name == name)
        .unwrap();
    let of_type = match row.kind {
        Kind::Double => "float64",
        Kind::Flag => "bool",
        Kind::Int => "int64",
        Kind::Text => "string",
        // It has no lists: one is shown as JSON.
        Kind::Texts => return ("string", json!(value.to_string())),
    };
    (of_type, value.clone())
}

pub(crate) fn record_id(span: &Shown) -> String {
    span.tags[attribute::RECORD_ID.name]["value"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The names of spans and of their parents.
pub(crate) fn tree(spans: &[Shown]) -> Vec<(String, String)> {
    let name = |id: &String| {
        spans
            .iter()
            .find(|span| span.span_id == *id)
            .unwrap()
            .name
            .clone()
    };
    let mut tree: Vec<_> = spans
        .iter()
        .map(|span| {
            (
                span.name.clone(),
                span.parent.as_ref().map(name).unwrap_or_default(),
            )
        })
        .collect();
    tree.sort();
    tree
}

pub(crate) fn pair(name: &str, parent: &str) -> (String, String) {
    (name.to_owned(), parent.to_owned())
}
