//! Reading a directory: order, duplicates, what is no record.

use std::fs;

use super::*;
use crate::record::RecordId;

#[test]
fn a_line_that_is_there_twice_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (line_of(&heartbeat(1)), line_of(&heartbeat(2)));
    write(&directory, "2023-11-14", &[&one, &two, &one]);
    write(&directory, "2023-11-15", &[&two]);
    let mut lines = read_dir(directory.path(), ..).unwrap();
    assert_eq!(lines.by_ref().filter(Result::is_ok).count(), 2);
    assert_eq!(lines.duplicates(), 2);
}

#[test]
fn another_record_under_a_known_id_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut other = heartbeat(1);
    other.envelope.time = START.plus_nanos(5);
    write(
        &directory,
        "2023-11-14",
        &[&line_of(&heartbeat(1)), &line_of(&other)],
    );
    let (records, errors) = read_all(directory.path());
    assert_eq!(records.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "audit_2023-11-14.jsonl line 2: its record id was read before, with other content"
    );
}

#[test]
fn files_are_read_in_the_order_of_days_and_others_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, "2023-11-15", &[&line_of(&heartbeat(2))]);
    write(&directory, "2023-11-14", &[&line_of(&heartbeat(1))]);
    write(&directory, "2023-11-16", &[]);
    write(&directory, "2023-11-17", &[&line_of(&heartbeat(3))]);
    for name in ["audit_2023-11-14.jsonl.bak", "audit_23-11-14.jsonl", "x"] {
        fs::write(directory.path().join(name), "no record\n").unwrap();
    }
    let (records, errors) = read_all(directory.path());
    assert!(errors.is_empty());
    let order: Vec<RecordId> = records
        .iter()
        .map(|one| one.record.envelope.record_id)
        .collect();
    assert_eq!(order, [id(1), id(2), id(3)]);

    let day = |text: &str| text.parse::<Day>().unwrap();
    let range = day("2023-11-15")..=day("2023-11-16");
    assert_eq!(read_dir(directory.path(), range).unwrap().count(), 1);
    let all: Vec<String> = days(directory.path())
        .unwrap()
        .iter()
        .map(Day::to_string)
        .collect();
    assert_eq!(
        all,
        ["2023-11-14", "2023-11-15", "2023-11-16", "2023-11-17"]
    );
}

#[test]
fn what_is_no_record_is_told_by_its_line_and_the_rest_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (line_of(&heartbeat(1)), line_of(&heartbeat(2)));
    let long = [vec![b'x'; 9 << 20], vec![b'\n']].concat();
    write(
        &directory,
        "2023-11-14",
        &[b"\xff\n", &one, b"\n", &long, &two, &one[..one.len() / 2]],
    );
    let (records, errors) = read_all(directory.path());
    assert_eq!(records.len(), 2);
    let told: Vec<String> = errors.iter().map(LineError::to_string).collect();
    let name = "audit_2023-11-14.jsonl line";
    assert_eq!(
        told,
        [
            format!("{name} 1: not a line of an audit file (column 1)"),
            format!("{name} 3: not a line of an audit file (column 1)"),
            format!("{name} 4: 9437184 bytes where at most 8388608 are a line"),
            format!("{name} 6: it has no end: it is being written, or was cut by a crash"),
        ]
    );
}

#[test]
fn a_last_record_that_lacks_nothing_but_its_newline_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let one = line_of(&heartbeat(1));
    write(&directory, "2023-11-14", &[&one[..one.len() - 1]]);
    assert_eq!(read_all(directory.path()).0.len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_next_ones_are_read() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("audit_2023-11-14.jsonl")).unwrap();
    write(&directory, "2023-11-15", &[&line_of(&heartbeat(1))]);
    let (records, errors) = read_all(directory.path());
    assert_eq!(records.len(), 1);
    assert!(matches!(errors[..], [LineError::Unreadable { .. }]));
}

fn heartbeat(number: u8) -> AuditRecord {
    let detail = serde_json::json!({});
    system_record(id(number), START, SystemEvent::Heartbeat, &detail)
}

fn id(number: u8) -> RecordId {
    RecordId::from_parts(START.unix_millis(), [number; 10])
}

fn write(directory: &TempDir, day: &str, lines: &[&[u8]]) {
    let path = directory.path().join(format!("audit_{day}.jsonl"));
    fs::write(path, lines.concat()).unwrap();
}
