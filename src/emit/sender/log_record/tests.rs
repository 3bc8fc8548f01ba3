use std::cell::RefCell;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Message;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prost::Message as _;

use super::*;
use crate::record::keyring::Keyring;
use crate::record::rows::RowForm;
use crate::record::testing::{any_record, full_call};
use crate::record::{
    AuditRecord, RecordRef, Sink as _, StreamPosition, Timestamp, attribute, canonical,
};
use crate::siem::tests::hostile_record;

/// A record on its way: its rows, and what completes them.
struct Way {
    rows: Vec<u8>,
    service: Option<Label>,
    seq: u64,
    keys: Keyring,
    code: [u8; 32],
}

impl Way {
    fn of(record: &AuditRecord) -> Self {
        let mut rows = RowForm::default();
        rows.write(&RecordRef::from(record));
        let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
        Self {
            rows: rows.as_bytes().to_vec(),
            service: record.envelope.service.clone(),
            seq: record.envelope.position.unwrap().seq,
            code: keys.code(&canonical::bytes(record)),
            keys,
        }
    }

    /// The bytes of the log record with a body.
    fn bytes(&self, body: LogBody, most: usize) -> Vec<u8> {
        self.bytes_in(&mut LogRecord::new(body), most)
    }

    fn bytes_in(&self, log: &mut LogRecord, most: usize) -> Vec<u8> {
        assert!(log.write(&self.rows, &self.seal(), self.service.as_ref(), most));
        log.pieces().concat()
    }

    fn seal(&self) -> Seal<'_> {
        Seal {
            seq: self.seq,
            key: self.keys.mac_key().as_str(),
            code: &self.code,
        }
    }
}

fn body_of(message: &Message) -> String {
    match message.body.clone().unwrap().value.unwrap() {
        Value::StringValue(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

/// As whatever is sealed, it has its place in a stream.
fn placed(mut record: AuditRecord) -> AuditRecord {
    let stream = full_call().envelope.position.unwrap().stream;
    let position = record.envelope.position;
    record.envelope.position = Some(position.unwrap_or(StreamPosition { stream, seq: 7 }));
    record
}

#[test]
fn the_body_of_a_thousand_hostile_records_is_the_record_that_arrives_in_its_format() {
    let mut runner = TestRunner::new(Config {
        cases: 1_000,
        failure_persistence: None,
        ..Config::default()
    });
    let records = prop_oneof![1 => any_record(), 3 => hostile_record()];
    // Used again for the next record, as a batch does.
    let logs = RefCell::new(LogBody::ALL.map(LogRecord::new));
    let checked = runner.run(&records, |record| {
        let way = Way::of(&placed(record));
        let bytes = way.bytes(LogBody::Text, usize::MAX);
        let plain = Message::decode(&*bytes).unwrap();
        let arrived = semconv::decode(&bytes, way.service.as_ref()).unwrap();
        let mac = arrived.mac.unwrap();
        prop_assert!(way.keys.verifies(&mac, &canonical::bytes(&arrived.record)));
        for log in logs.borrow_mut().iter_mut() {
            let mut message = Message::decode(&*way.bytes_in(log, usize::MAX)).unwrap();
            let mut expected = semconv::line(&arrived.record).into_bytes();
            if let Some(format) = log.body.format() {
                expected.clear();
                format.write(&arrived.record, Some(&mac), &mut expected);
            }
            prop_assert_eq!(body_of(&message), String::from_utf8(expected).unwrap());
            message.body.clone_from(&plain.body);
            prop_assert_eq!(&message, &plain, "nothing but the body differs");
        }
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn a_record_that_is_too_long_with_its_body_keeps_the_readable_line() {
    let record = full_call();
    let way = Way::of(&record);
    let plain = way.bytes(LogBody::Text, usize::MAX);
    let long = way.bytes(LogBody::Ocsf, usize::MAX);
    assert!(long.len() > plain.len() + 1000);
    assert_eq!(way.bytes(LogBody::Ocsf, plain.len() + 1000), plain);
    let body = body_of(&Message::decode(&*long).unwrap());
    let enough = plain.len() + body.len();
    assert_eq!(way.bytes(LogBody::Ocsf, enough), long);
    assert_eq!(way.bytes(LogBody::Ocsf, enough - 1), plain);
}

#[test]
fn what_is_no_record_of_this_version_is_sent_with_the_readable_line() {
    // Rows of a call, and no more: enough for a log record, not for a record.
    let mut rows = RowForm::default();
    rows.begin();
    rows.text(&attribute::OPERATION_NAME, "chat");
    rows.text(&attribute::KIND, "call");
    let mut way = Way::of(&full_call());
    way.rows = rows.as_bytes().to_vec();
    let plain = way.bytes(LogBody::Text, usize::MAX);
    for body in LogBody::ALL {
        assert_eq!(way.bytes(body, usize::MAX), plain);
    }
    let mut log = LogRecord::new(LogBody::Cef);
    assert!(!log.write(b"\xff", &way.seal(), None, usize::MAX));
}

#[test]
fn it_shows_nothing_of_what_it_holds() {
    let way = Way::of(&full_call());
    let mut log = LogRecord::new(LogBody::Ecs);
    assert!(log.write(&way.rows, &way.seal(), None, usize::MAX));
    assert_eq!(format!("{log:?}"), "LogRecord { body: Ecs, .. }");
}
