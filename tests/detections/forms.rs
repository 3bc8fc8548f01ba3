//! A record as it arrives at a SIEM: by a collector, under its own names, or from `llm-audit export`.

use std::collections::BTreeMap;

use llm_audit::record::{AuditRecord, Mac};
use llm_audit::semconv::LogForm;
use llm_audit::siem::Format;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Said;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use serde_json::{Value, json};

use super::records::keyring;

/// The attributes of the OTLP log record, with what stands beside them: time, severity, body and `service.name`, which is
/// an attribute of the resource.
pub(super) fn on_the_wire(record: &AuditRecord) -> String {
    let mut form = LogForm::default();
    let position = record.envelope.position.unwrap();
    form.write(record, position.seq, &mac(record));
    let log = LogRecord::decode(form.pieces().concat().as_slice()).unwrap();
    let mut event = BTreeMap::new();
    event.insert(
        "@timestamp".to_owned(),
        json!(record.envelope.time.to_string()),
    );
    event.insert("severity_text".to_owned(), json!(log.severity_text));
    let body = log.body.and_then(|body| body.value);
    event.insert("body".to_owned(), body.map_or(Value::Null, said));
    let service = record.envelope.service.as_ref().map(|name| name.as_str());
    event.insert("service.name".to_owned(), json!(service));
    for attribute in log.attributes {
        let value = attribute.value.and_then(|value| value.value);
        event.insert(attribute.key, value.map_or(Value::Null, said));
    }
    json!(event).to_string()
}

/// The line of a format.
pub(super) fn of_siem(format: Format, record: &AuditRecord) -> String {
    let mut line = Vec::new();
    format.write(record, Some(&mac(record)), &mut line);
    String::from_utf8(line).unwrap()
}

fn mac(record: &AuditRecord) -> Mac {
    let mut writer = keyring().authenticate();
    writer.update(&llm_audit::record::canonical::bytes(record));
    writer.finish()
}

fn said(value: Said) -> Value {
    match value {
        Said::StringValue(text) => json!(text),
        Said::IntValue(number) => json!(number),
        Said::DoubleValue(number) => json!(number),
        Said::BoolValue(flag) => json!(flag),
        Said::ArrayValue(list) => {
            let items = list.values.into_iter().filter_map(|item| item.value);
            items.map(said).collect()
        }
        other => panic!("no attribute has such a value: {other:?}"),
    }
}
