//! Splunk HTTP Event Collector: `{"time":…,"source":"llm-audit","sourcetype":"llm:audit","event":{…}}`.
//!
//! `time` is in seconds with six decimals. The event has the record's fields under the words of the Common Information
//! Model where that has one (`user`, `src`, `app`, `dest`, `object`, `action`, `status`), else under their own names; it
//! is flat but for JSON values and class counts. Splunk cuts lines at 10,000 bytes by default (`TRUNCATE`).

use super::fact::{end, facts};
use super::node::{JsonAs, Node, Object, Style, TimeAs};
use super::place::Place;
use super::{Format, event_id, scaled};
use crate::record::{AuditRecord, Mac};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let mut event = Object::default();
    event.put("signature_id", Node::text(event_id(record)));
    event.put("vendor_product", Node::text("llm-audit"));
    let severity = scaled(record, ["informational", "low", "medium", "critical"]);
    event.put("severity", Node::text(severity));
    for fact in facts(record, mac) {
        match fact.places.of(Format::Hec) {
            Place::At(name) => event.put_member(name, Node::said(fact.value, STYLE)),
            Place::Home => event.put_member(fact.places.field, Node::said(fact.value, STYLE)),
            Place::Nowhere => {}
        }
    }
    let micros = end(record).unix_nanos() / 1_000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut line = Object::default();
    line.put("time", Node::json(format!("{seconds}.{micros:06}")));
    line.put("source", Node::text("llm-audit"));
    line.put("sourcetype", Node::text("llm:audit"));
    line.put("event", Node::Object(event));
    line.write(out);
}

const STYLE: Style = Style {
    json: JsonAs::Json,
    time: TimeAs::Rfc3339,
};
