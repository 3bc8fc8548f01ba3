//! From the spool to the files: order, crashes, failures, draining.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use proptest::prelude::*;

use super::*;
use crate::emit::json_lines::Echo;
use crate::record::testing::any_record;
use crate::record::{Body, StreamPosition};

const LONG: Duration = Duration::from_secs(60);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_final_record_becomes_a_line_that_verifies(records in proptest::collection::vec(any_record(), 1..12)) {
        let setup = Setup::new();
        for record in &records {
            setup.append(record);
        }
        setup.own().sync().unwrap();
        assert!(setup.pass(&Shared::default()));
        let mut read = setup.read();
        read.sort_by_key(|stored| stored.record.envelope.position.map(|position| position.seq));
        prop_assert_eq!(read.len(), records.len());
        for (seq, (mut record, stored)) in (0..).zip(records.into_iter().zip(read)) {
            record.envelope.service = Some(Label::clip("billing"));
            record.envelope.position = Some(StreamPosition { stream: setup.own().stream(), seq });
            prop_assert!(stored.verifies(&keys()));
            prop_assert_eq!(stored.record, record);
        }
    }
}

#[test]
fn the_thread_follows_what_is_durable_and_drains_when_told_to() {
    let setup = Setup::new();
    let pulse = Arc::new(Pulse::default());
    let sink = JsonLines::start(
        &setup.lines,
        Arc::clone(&setup.spool),
        Arc::clone(&pulse),
        Echo::Quiet,
    )
    .unwrap();
    setup.append_heartbeats(3);
    pulse.beat();
    setup.append_heartbeats(2);
    assert_eq!(sink.stop(LONG), Drained::All);
    assert_eq!(
        sink.stop(LONG),
        Drained::All,
        "stopping twice changes nothing"
    );
    assert_eq!(setup.read().len(), 5);
    assert_eq!(sink.counters().written, 5);
    assert!(setup.own().is_drained(&[Consumer::Lines]));
    let file = fs::metadata(setup.lines.join("audit_2023-11-14.jsonl")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_not_on_disk_in_the_spool_is_no_line_yet() {
    let setup = Setup::new();
    setup.append_heartbeats(1);
    setup.append(&crate::record::testing::full_call());
    assert!(setup.pass(&Shared::default()));
    assert_eq!(setup.read().len(), 1);
    setup.own().sync().unwrap();
    assert!(setup.pass(&Shared::default()));
    assert_eq!(setup.read().len(), 2);
}

#[test]
fn a_start_is_no_line_and_does_not_hold_the_cursor() {
    let setup = Setup::new();
    let record = crate::record::testing::full_call();
    let mut rows = crate::record::rows::RowForm::default();
    rows.write(&crate::record::RecordRef::from(&record));
    let id = record.envelope.record_id;
    let start = setup
        .own()
        .start(SpanView::None, id, rows.as_bytes())
        .unwrap();
    setup.own().sync().unwrap();
    assert!(setup.pass(&Shared::default()));
    assert!(setup.read().is_empty());
    assert_eq!(setup.own().position(Consumer::Lines), setup.own().durable());
    setup
        .own()
        .finish_record(record, SpanView::None, Some(start))
        .unwrap();
    setup.own().sync().unwrap();
    assert!(setup.pass(&Shared::default()));
    assert_eq!(setup.read().len(), 1);
}

#[test]
fn a_line_torn_by_a_crash_is_ended_and_its_record_written_again() {
    let setup = Setup::new();
    setup.append_heartbeats(2);
    assert!(setup.pass(&Shared::default()));
    let path = setup.lines.join("audit_2023-11-14.jsonl");
    let whole = fs::read(&path).unwrap();
    // The crash left one line and a half, and the cursor where it was before.
    fs::write(&path, &whole[..whole.len() * 3 / 4]).unwrap();
    let after_crash = Setup::new();
    after_crash.append_heartbeats(2);
    let follower = &mut Follower::new(&setup.lines, Arc::clone(&after_crash.spool), Echo::Quiet);
    assert!(follower.pass(&Shared::default()));
    let (records, errors) = read_all(&setup.lines);
    assert_eq!(records.len(), 2, "the first is there twice and read once");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0]
            .to_string()
            .starts_with("audit_2023-11-14.jsonl line 2: not a line")
    );
}

#[test]
fn a_failure_is_counted_and_tried_again_and_loses_nothing() {
    let setup = Setup::new();
    setup.append_heartbeats(3);
    let shared = Shared::default();
    let in_the_way = setup.lines.join("audit_2023-11-14.jsonl");
    fs::create_dir(&in_the_way).unwrap();
    let mut follower = Follower::new(&setup.lines, Arc::clone(&setup.spool), Echo::Quiet);
    assert!(!follower.pass(&shared) && !follower.pass(&shared));
    assert_eq!(setup.own().position(Consumer::Lines), Default::default());
    let counters = shared.counters().clone();
    assert_eq!((counters.written, counters.failed_attempts), (0, 2));
    let told = counters.last_failure.unwrap();
    assert!(told.starts_with("cannot append to") && told.contains("audit_2023-11-14.jsonl"));

    fs::remove_dir(&in_the_way).unwrap();
    assert!(follower.pass(&shared));
    assert_eq!((setup.read().len(), shared.counters().written), (3, 3));
}

#[test]
fn a_deadline_that_passes_leaves_the_rest_in_the_spool() {
    let setup = Setup::new();
    setup.append_heartbeats(1);
    let in_the_way = setup.lines.join("audit_2023-11-14.jsonl");
    fs::create_dir(&in_the_way).unwrap();
    let pulse = Arc::new(Pulse::default());
    let sink =
        JsonLines::start(&setup.lines, Arc::clone(&setup.spool), pulse, Echo::Quiet).unwrap();
    assert_eq!(sink.stop(Duration::from_millis(1)), Drained::DeadlinePassed);
    assert_eq!(sink.stop(LONG), Drained::DeadlinePassed);
    assert!(!setup.own().is_drained(&[Consumer::Lines]));
}

#[test]
fn one_day_that_fails_does_not_repeat_another() {
    let setup = Setup::new();
    for (number, day) in [0_u64, 1, 2].into_iter().enumerate() {
        let time = START.plus_nanos(day * 86_400_000_000_000);
        let id = crate::record::RecordId::from_parts(5, [u8::try_from(number).unwrap(); 10]);
        let detail = serde_json::json!({});
        setup.append(&system_record(id, time, SystemEvent::Heartbeat, &detail));
    }
    setup.own().sync().unwrap();
    fs::create_dir(setup.lines.join("audit_2023-11-15.jsonl")).unwrap();
    let shared = Shared::default();
    let mut follower = Follower::new(&setup.lines, Arc::clone(&setup.spool), Echo::Quiet);
    assert!(!follower.pass(&shared) && !follower.pass(&shared));
    let first = fs::read_to_string(setup.lines.join("audit_2023-11-14.jsonl")).unwrap();
    assert_eq!(first.lines().count(), 1);
    assert_eq!(shared.counters().written, 1);
}

#[test]
fn many_writers_share_a_file_without_breaking_a_line() {
    let (one, two) = (Setup::new(), Setup::new());
    // The other process draws other numbers.
    for _ in 0..1000 {
        let _ = two.clock.record_id(two.clock.now());
    }
    let pulse = Arc::new(Pulse::default());
    let start = |setup: &Setup| {
        JsonLines::start(
            &one.lines,
            Arc::clone(&setup.spool),
            Arc::clone(&pulse),
            Echo::Quiet,
        )
        .unwrap()
    };
    let sinks = [start(&one), start(&two)];
    for _ in 0..50 {
        one.append_heartbeats(1);
        two.append_heartbeats(1);
        pulse.beat();
    }
    for sink in &sinks {
        assert_eq!(sink.stop(LONG), Drained::All);
    }
    let (records, errors) = read_all(&one.lines);
    assert_eq!((records.len(), errors.len()), (100, 0));
}

#[test]
fn a_damaged_frame_is_told_once_and_the_rest_is_written() {
    let setup = Setup::new();
    setup.append_heartbeats(3);
    damage_second_frame(&setup);
    let mut follower = Follower::new(&setup.lines, Arc::clone(&setup.spool), Echo::Quiet);
    assert!(follower.pass(&Shared::default()));
    assert_eq!(setup.read().len(), 2);
    let now = setup.clock.now();
    setup.own().tell_losses(now, || setup.clock.record_id(now));
    setup.own().sync().unwrap();
    assert!(follower.pass(&Shared::default()));
    let read = setup.read();
    let Body::System(gap) = &read[2].record.body else {
        panic!("{:?}", read[2].record.body)
    };
    assert_eq!(gap.event, SystemEvent::Gap);
    let detail = gap.detail.as_ref().unwrap().as_str();
    assert_eq!(detail, r#"{"count":1,"reason":"frames_damaged"}"#);
}

/// Overwrites a byte in the middle of the second frame's payload.
fn damage_second_frame(setup: &Setup) {
    let mut ids = Vec::new();
    let mut reader = setup.own().journal().reader(Default::default());
    while let Some(entry) = reader.next(setup.own().durable()).unwrap() {
        let crate::journal::Entry::Frame(frame) = entry else {
            panic!("{entry:?}")
        };
        ids.push(frame.payload[2..18].to_vec());
    }
    let lane = setup.directory.path().join("spool");
    let lane = fs::read_dir(lane).unwrap().next().unwrap().unwrap().path();
    let segment = fs::read_dir(lane)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let segment = path.extension().is_some_and(|end| end == "seg");
            segment && fs::metadata(path).unwrap().len() > 0
        })
        .unwrap();
    let bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(16).position(|part| part == ids[1]).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(b"damage", at as u64 + 100).unwrap();
}
