//! The golden files, which the tests of the command line read too.

use super::*;
use crate::record::{
    Access, AccessOutcome, Body, Change, Cost, Envelope, JsonText, Message, RecordId, Status,
    testing,
};

const FIRST_DAY: &str = include_str!("../../../../tests/data/trail/audit_2023-11-14.jsonl");
const SECOND_DAY: &str = include_str!("../../../../tests/data/trail/audit_2023-11-15.jsonl");

#[test]
fn the_files_of_every_kind_are_frozen() {
    let setup = Setup::new();
    for record in records() {
        setup.append(&record);
    }
    setup.own().sync().unwrap();
    assert!(setup.pass(&Shared::default()));
    for (day, golden) in [("2023-11-14", FIRST_DAY), ("2023-11-15", SECOND_DAY)] {
        let written = setup.lines.join(format!("audit_{day}.jsonl"));
        assert_eq!(std::fs::read_to_string(written).unwrap(), golden, "{day}");
    }
}

#[test]
fn the_frozen_lines_verify_and_are_written_again_as_they_are() {
    assert_eq!(
        (FIRST_DAY.lines().count(), SECOND_DAY.lines().count()),
        (2, 5)
    );
    for line in FIRST_DAY.lines().chain(SECOND_DAY.lines()) {
        let stored = StoredRecord::read(line.as_bytes()).unwrap();
        assert!(stored.verifies(&keys()));
        let mut again = Vec::new();
        write_line(&mut again, &stored.record, &stored.mac);
        assert_eq!(again.strip_suffix(b"\n"), Some(line.as_bytes()));
    }
}

#[test]
fn the_keyring_of_the_frozen_files_is_the_one_they_were_made_with() {
    let golden = include_str!("../../../../tests/data/trail/keyring.json");
    assert_eq!(*keys().to_file_text(), golden);
}

/// All kinds of records on two days: what is known and what is not, and values that somebody chose with malice.
fn records() -> Vec<AuditRecord> {
    let detail = serde_json::json!({"count": 2, "reason": "spool_full"});
    let gap = system_record(id(6), after(90_000), SystemEvent::Gap, &detail);
    let mut records = vec![
        testing::full_call(),
        answered(),
        unknown(),
        hostile(),
        change(),
        access(),
        gap,
    ];
    for record in &mut records {
        record.envelope.service = Some(Label::clip("billing"));
    }
    records
}

fn answered() -> AuditRecord {
    let mut record = testing::full_call();
    record.envelope.record_id = id(2);
    record.envelope.time = after(60);
    record.envelope.actor.user_id = Some(Label::clip("bruno"));
    if let Body::Call(call) = &mut record.body {
        call.outcome.status = Status::Success;
        call.outcome.reason = None;
        call.outcome.error_type = None;
        call.outcome.error_message = None;
        call.response.model = Some(Label::clip("claude-haiku-4-5"));
        call.request.model = Some(Label::clip("claude-haiku-4-5"));
        call.cost = known_cost("1234567890.123456789012345678");
    }
    record
}

/// What is left of a call whose process was killed.
fn unknown() -> AuditRecord {
    let mut record = testing::full_call();
    let time = after(7_200);
    record.envelope = Envelope {
        actor: crate::record::Actor {
            user_hash: record.envelope.actor.user_hash,
            ..Default::default()
        },
        ..Envelope::new(id(3), time)
    };
    if let Body::Call(call) = &mut record.body {
        call.outcome.status = Status::Unknown;
        call.outcome.error_message = None;
        call.duration_ns = None;
        call.hashes = Default::default();
        call.usage = Default::default();
        call.response = Default::default();
        call.sanitization = crate::record::Sanitization::skipped();
        call.cost = Cost::Unknown {
            reason: Label::clip("no_usage"),
        };
    }
    record
}

fn hostile() -> AuditRecord {
    let mut record = answered();
    record.envelope.record_id = id(4);
    record.envelope.time = after(10_800);
    record.envelope.actor.user_id = Some(Label::clip(
        "=cmd()\u{1b}[2J\r\nroot\u{202e}gpj.exe\u{2028}\u{9b}31m",
    ));
    record.envelope.metadata =
        "{\n  \"team\":\t\"\u{2066}a\u{85}\\n\",\r\n \"big\": 9007199254740993.10\n}"
            .parse()
            .ok();
    if let Body::Call(call) = &mut record.body {
        call.outcome.status = Status::Blocked;
        call.outcome.error_message = Some(Message::clip(&"😀".repeat(500)));
    }
    record
}

fn change() -> AuditRecord {
    let mut envelope = Envelope::new(id(5), after(10_900));
    envelope.actor.user_id = Some(Label::clip("carla"));
    let json = |value: serde_json::Value| JsonText::from_value(&value).ok();
    let body = Body::Change(Change {
        action: Label::clip("updated"),
        table_name: Label::clip("rate_limits"),
        object_id: Label::clip("team-7"),
        before_value: json(serde_json::json!({"requests_per_minute": 60})),
        updated_values: json(serde_json::json!({"requests_per_minute": 6000})),
        changed_by_api_key: format!("hmac-sha256:raw1:hash-01:{}", "c".repeat(64))
            .parse()
            .ok(),
    });
    AuditRecord { envelope, body }
}

fn access() -> AuditRecord {
    let mut envelope = Envelope::new(id(7), after(11_000));
    envelope.actor.user_id = Some(Label::clip("dora"));
    let body = Body::Access(Access {
        operation: Label::clip("login"),
        resource: None,
        outcome: AccessOutcome::Denied,
    });
    AuditRecord { envelope, body }
}

fn known_cost(exact: &str) -> Cost {
    Cost::Known {
        exact: exact.parse().unwrap(),
        source: crate::record::CostSource::Provider,
        price_table: None,
    }
}

fn id(number: u8) -> RecordId {
    RecordId::from_parts(START.unix_millis(), [number; 10])
}

fn after(seconds: u64) -> Timestamp {
    START.plus_nanos(seconds * 1_000_000_000)
}
