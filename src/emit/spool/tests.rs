use super::*;
use crate::emit::testing::Bench;
use crate::record::{Body, Label, System, SystemEvent, Timestamp};

const SMALL: JournalOptions = JournalOptions {
    segment_bytes: 1 << 16,
    capacity_bytes: 1 << 20,
    writing: crate::journal::Writing::Calls,
};

fn spool(root: &Path, consumers: &[Consumer], clock: &Clock) -> Spool {
    let origin = Origin::new(Some(&Label::clip("tests")), &[]);
    let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
    Spool::open(
        root,
        SMALL,
        consumers.to_vec(),
        &origin,
        Arc::new(keys),
        clock,
    )
    .unwrap()
}

#[test]
fn records_that_a_receiver_is_owed_are_left_to_a_process_that_sends() {
    let directory = tempfile::tempdir().unwrap();
    let (root, clock) = (directory.path(), Clock::system());
    drop(spool(root, &[Consumer::Logs, Consumer::Traces], &clock));

    let reader = spool(root, &[Consumer::Lines], &clock);
    assert_eq!(reader.adopt(&clock), 0);
    let unreadable = reader.unreadable();
    assert!(
        unreadable.len() == 1 && unreadable[0].1.contains("no sender"),
        "{unreadable:?}"
    );
    drop(reader);

    let sender = spool(root, &[Consumer::Lines, Consumer::Logs], &clock);
    assert_eq!(
        sender.adopt(&clock),
        2,
        "what a sink alone was to get, a sender with a sink may take"
    );
}

#[test]
fn losses_that_found_no_room_are_told_by_the_next_process() {
    let bench = Bench::with(JournalOptions {
        segment_bytes: 1 << 16,
        capacity_bytes: 1 << 18,
        writing: crate::journal::Writing::Calls,
    });
    while bench.recorder.lane().totals().2 < 7 {
        let call = bench.recorder.new_call(Label::clip("chat"));
        bench.recorder.end_or_count(call, SpanView::None, None);
        // The first gap finds the room that was kept for it, the others none.
        bench.recorder.tell_losses();
    }
    let told = |bench: &Bench| -> u64 {
        let details = bench
            .written()
            .into_iter()
            .filter_map(|written| match written.record.body {
                Body::System(System {
                    event: SystemEvent::Gap,
                    detail,
                }) => detail,
                _ => None,
            });
        details
            .map(|detail| detail.to_value()["count"].as_u64().unwrap())
            .sum()
    };
    assert!(told(&bench) < 7);
    assert_eq!(told(&bench.next_process()), 7);
}

#[test]
fn a_note_of_losses_that_nobody_can_read_is_told_as_such() {
    let bench = Bench::with(SMALL);
    bench
        .recorder
        .lane()
        .journal()
        .save_note("{\"spool_full\":")
        .unwrap();
    let next = bench.next_process();
    let is_told = next
        .written()
        .into_iter()
        .any(|written| match written.record.body {
            Body::System(System {
                event: SystemEvent::Gap,
                detail: Some(detail),
            }) => detail.to_value()["reason"] == "losses_unreadable",
            _ => false,
        });
    assert!(is_told);
}
