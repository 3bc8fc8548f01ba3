//! What the formats look like; the files are made anew with `LLM_AUDIT_BLESS=1`.

use std::fs;

use super::*;
use crate::record::{
    Access, AccessOutcome, Change, Envelope, RecordId, System, SystemEvent, Timestamp,
};

/// One record of each kind.
fn records() -> Vec<AuditRecord> {
    let label = Label::clip;
    let call = crate::record::testing::full_call();
    let other = |number: u8, body: Body| {
        let time = Timestamp::from_unix_nanos(1_700_000_001_000_000_000);
        let id = RecordId::from_parts(1_700_000_001_000, [number; 10]);
        let mut envelope = Envelope::new(id, time);
        envelope.actor.user_id = Some(label("carla"));
        envelope.service = Some(label("console"));
        AuditRecord { envelope, body }
    };
    let access = |operation: &str, outcome| {
        Body::Access(Access {
            operation: label(operation),
            resource: Some(label("audit=trail|x")),
            outcome,
        })
    };
    let change = Body::Change(Change {
        action: label("updated"),
        table_name: label("policies"),
        object_id: label("retention"),
        before_value: "{\"days\":30}".parse().ok(),
        updated_values: "{\"days\":3650}".parse().ok(),
        changed_by_api_key: None,
    });
    let system = Body::System(System {
        event: SystemEvent::Gap,
        detail: "{\"missing\":12}".parse().ok(),
    });
    vec![
        call,
        other(1, change),
        other(2, access("login", AccessOutcome::Denied)),
        other(3, access("export", AccessOutcome::Allowed)),
        other(4, system),
    ]
}

#[test]
fn every_format_of_every_kind_is_as_it_was() {
    for format in Format::ALL {
        let records = records();
        let lines = records.iter().map(|record| line(format, record) + "\n");
        let lines: String = lines.collect();
        let version = format!("|{PRODUCT_VERSION}|");
        let lines = lines.replace(&version, "|VERSION|").replace(
            &format!("ersion\":\"{PRODUCT_VERSION}\""),
            "ersion\":\"VERSION\"",
        );
        same(&format!("{format:?}.txt").to_lowercase(), &lines);
    }
}

#[test]
fn the_documented_field_map_is_the_one_that_is_written() {
    let head = "# Where each field of a record stands in each format\n\nMade from the table that the writers use. A \
        dash is a field that the format leaves out. OCSF, ECS, CEF and LEEF can be the bodies of log records too: \
        `LLM_AUDIT_LOG_BODY`.\n\n";
    same(
        "../../../collector-config/FIELDS.md",
        &(head.to_owned() + &field_map()),
    );
}

fn same(name: &str, expected: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("tests/data/siem").join(name);
    if std::env::var_os("LLM_AUDIT_BLESS").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept == expected,
        "{name} is no longer what is written:\n{expected}"
    );
}
