use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use proptest::prelude::*;
use prost::Message;

use crate::record::keyring::Keyring;
use crate::record::rows::RowForm;
use crate::record::testing::{any_record, full_call};
use crate::record::{AuditRecord, Body, Label, RecordRef, Timestamp, canonical};
use crate::semconv::{
    LogForm, Seal, SpanForm, SpanPart, SpanShows, decode, scope_and_resource, write_item,
    write_request_head,
};

fn encode(record: &AuditRecord) -> Vec<u8> {
    let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
    let mut mac = keys.authenticate();
    mac.update(&canonical::bytes(record));
    let mut form = LogForm::default();
    let seq = record.envelope.position.map_or(0, |position| position.seq);
    form.write(record, seq, &mac.finish());
    form.pieces().concat()
}

fn rows(record: &AuditRecord) -> Vec<u8> {
    let mut rows = RowForm::default();
    rows.write(&RecordRef::from(record));
    rows.as_bytes().to_vec()
}

/// The span of a row form, with a seal of no meaning.
fn span(rows: &[u8], shows: SpanShows) -> Option<Vec<u8>> {
    let seal = Seal {
        seq: 7,
        key: "mac-1970-01-01",
        code: &[7; 32],
    };
    let mut form = SpanForm::default();
    let written = form.write_rows(rows, &seal, shows);
    written.then(|| form.pieces().concat())
}

fn request(record: &AuditRecord, item: &[u8]) -> Vec<u8> {
    let (resource, scope) = scope_and_resource(record.envelope.service.as_ref(), &[]);
    let (mut bytes, mut items) = (Vec::new(), Vec::new());
    write_item([item, &[]], &mut items);
    write_request_head((&resource, &scope), items.len(), &mut bytes);
    bytes.extend_from_slice(&items);
    bytes
}

fn text(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Any::StringValue(text) => text.clone(),
        Any::BoolValue(flag) => flag.to_string(),
        Any::IntValue(number) => number.to_string(),
        Any::DoubleValue(number) => format!("{number:?}"),
        Any::ArrayValue(array) => {
            format!("{:?}", array.values.iter().map(text).collect::<Vec<_>>())
        }
        other => panic!("records have no {other:?}"),
    }
}

fn table(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let table: BTreeMap<_, _> = attributes
        .iter()
        .map(|entry| (entry.key.clone(), text(entry.value.as_ref().unwrap())))
        .collect();
    assert_eq!(
        table.len(),
        attributes.len(),
        "no attribute is written twice"
    );
    table
}

fn listing(attributes: &[KeyValue]) -> String {
    table(attributes)
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect()
}

#[test]
fn the_log_form_of_a_full_call_is_frozen() {
    let record = full_call();
    let bytes = request(&record, &encode(&record));
    let decoded = ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
    let resource = &decoded.resource_logs[0];
    let log = &resource.scope_logs[0].log_records[0];
    let head = format!(
        "scope {} resource {:?}\ntime {} observed {} severity {} {} event {} flags {}\nbody {}\n",
        resource.scope_logs[0].scope.as_ref().unwrap().name,
        table(&resource.resource.as_ref().unwrap().attributes),
        log.time_unix_nano,
        log.observed_time_unix_nano,
        log.severity_number,
        log.severity_text,
        log.event_name,
        log.flags,
        text(log.body.as_ref().unwrap()),
    );
    assert_eq!(
        head + &listing(&log.attributes),
        include_str!("../testdata/call-log-v1.txt")
    );
}

#[test]
fn the_bytes_of_the_log_form_are_frozen() {
    assert_eq!(
        encode(&full_call()),
        include_bytes!("../testdata/call-log-v1.bin")
    );
}

#[test]
fn the_span_is_a_view_with_the_users_hash_in_place_of_the_user() {
    let record = full_call();
    let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
    let code = keys.code(&canonical::bytes(&record));
    let seal = Seal {
        seq: record.envelope.position.unwrap().seq,
        key: keys.mac_key().as_str(),
        code: &code,
    };
    let mut form = SpanForm::default();
    assert!(form.write_rows(&rows(&record), &seal, SpanShows::DEFAULT));
    let bytes = request(&record, &form.pieces().concat());
    let decoded = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    let span = &decoded.resource_spans[0].scope_spans[0].spans[0];
    let status = span.status.as_ref().unwrap();
    let head = format!(
        "name {} kind {} start {} end {} status {} {:?} flags {} parent {:02x?}\n",
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status.code,
        status.message,
        span.flags,
        span.parent_span_id,
    );
    assert_eq!(
        head + &listing(&span.attributes),
        include_str!("../testdata/call-span-v1.txt")
    );
}

proptest! {
    #[test]
    fn the_record_comes_back_from_its_log_form(mut record in any_record()) {
        if record.envelope.position.is_none() {
            // The log form of a final record always has its place in the stream.
            record.envelope.position = full_call().envelope.position;
        }
        let decoded = decode(&encode(&record), record.envelope.service.as_ref()).unwrap();
        prop_assert_eq!(decoded.unknown, Vec::<String>::new());
        prop_assert_eq!(canonical::bytes(&decoded.record), canonical::bytes(&record));
        prop_assert_eq!(decoded.record, record);
        prop_assert!(decoded.mac.is_some());
    }

    #[test]
    fn the_generated_types_read_what_was_written(record in any_record()) {
        let log = encode(&record);
        let decoded = ExportLogsServiceRequest::decode(request(&record, &log).as_slice()).unwrap();
        let read = &decoded.resource_logs[0].scope_logs[0].log_records[0];
        let mut expected = 2; // number and code
        record.walk(&mut |name, role, _| {
            use crate::record::attribute::{Role, STREAM_SEQ};
            expected += usize::from(matches!(role, Role::Proven | Role::Derived) && name != STREAM_SEQ.name);
        });
        prop_assert_eq!(table(&read.attributes).len(), expected);
        prop_assert!(!text(read.body.as_ref().unwrap()).contains(char::is_control));
        let is_call = matches!(&record.body, Body::Call(call) if !call.operation.as_str().is_empty());
        let shown = span(&rows(&record), SpanShows::DEFAULT.showing(SpanPart::UserId));
        prop_assert_eq!(shown.is_some(), is_call && record.envelope.trace.is_some());
        let span = shown.unwrap_or_default();
        let spans = ExportTraceServiceRequest::decode(request(&record, &span).as_slice()).unwrap();
        prop_assert_eq!(spans.resource_spans.len(), 1);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at: prop::sample::Index) {
        let _ = decode(&bytes, None);
        let mut damaged = encode(&full_call());
        let at = at.index(damaged.len());
        damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
        let _ = decode(&damaged, Some(&Label::clip("billing")));
        let mut damaged = rows(&full_call());
        let at = at % damaged.len();
        damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
        let _ = span(&damaged, SpanShows::DEFAULT);
        let mut form = LogForm::default();
        let seal = Seal { seq: 0, key: "k", code: &[0; 32] };
        let _ = form.write_rows(&damaged, &seal);
    }
}
