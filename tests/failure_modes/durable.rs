//! When records count as written: what a killed process leaves behind, and what is on disk when a call returns.

use std::collections::BTreeMap;

use llm_audit::failure::Durability;
use llm_audit::{CallStart, Drained};

use crate::application::{CALLS, PATIENCE, a_call, adopted, assert_all_there, lines, nowhere};
use crate::part::{Part, Player};
use crate::trail::Trail;
use crate::until;

#[test]
fn buffered_records_survive_a_killed_process() {
    if let Some(part) = Part::of_this_process() {
        let audit = nowhere(&part.data_dir)
            .durability(Durability::Buffered)
            .build()
            .unwrap();
        (0..CALLS).for_each(|_| part.say(&a_call(&audit).to_string()));
        let open = audit.start(CallStart::new("chat")).unwrap();
        part.say(&open.record_id().to_string());
        assert_eq!(part.hear(), None);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "durable::buffered_records_survive_a_killed_process";
    let mut player = Player::start(test, "dead", directory.path(), &[]);
    let heard: Vec<String> = std::iter::from_fn(|| player.hear())
        .take(CALLS + 1)
        .collect();
    player.kill();
    let trail = adopted(directory.path());
    assert_all_there(&trail, &heard);
    assert_eq!((trail.count("success"), trail.count("unknown")), (CALLS, 1));
    assert_eq!(trail.gaps(), BTreeMap::new());
}

#[test]
fn buffered_records_are_delivered_without_anybody_asking() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path())
        .durability(Durability::Buffered)
        .build()
        .unwrap();
    let id = a_call(&audit);
    until("the fsync", || {
        Trail::of_lines(directory.path()).status(id) == Some("success")
    });
    // A call may ask for more than its auditor.
    let strict = CallStart::new("chat").durability(Durability::Strict);
    let call = audit.start(strict).unwrap();
    let id = call.finish().unwrap();
    audit.flush().unwrap();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    assert_eq!(
        Trail::of_lines(directory.path()).status(id),
        Some("success")
    );
}

#[test]
fn a_strict_auditor_has_each_call_on_disk_when_it_returns() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path())
        .sync_interval(PATIENCE)
        .guard_durability(Durability::Strict)
        .build()
        .unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        audit
            .start(CallStart::new("chat"))
            .unwrap()
            .finish()
            .unwrap();
    }
    let elapsed = begun.elapsed();
    assert!(
        elapsed < PATIENCE,
        "who waits for an fsync does not wait for the interval: {elapsed:?}"
    );
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
}
