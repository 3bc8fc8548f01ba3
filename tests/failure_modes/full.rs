//! The spool is full: each mode does what it says, and goes on when there is room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use llm_audit::failure::{OnFailure, Patience};
use llm_audit::record::SystemEvent;
use llm_audit::{Auditor, CallStart, Drained, RecordId};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::application::{PATIENCE, a_span, adopted, lines};
use crate::trail::Trail;
use crate::{Obstacle, refusal, until};

/// More than a spool of a megabyte holds.
const MANY: usize = 6000;

fn spans(audit: &Auditor, count: usize) -> Vec<RecordId> {
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || (0..count).map(|_| a_span()).collect())
}

#[test]
fn a_layer_that_waits_loses_nothing_and_holds_up_no_other_thread() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path())
        .spool_bytes(1 << 20)
        .layer_on_failure(OnFailure::WaitForRoom(Patience::Unlimited))
        .build()
        .unwrap();
    let obstacle = Obstacle::put(directory.path());
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    let ids = std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                (0..MANY).map(|_| a_span()).collect::<Vec<_>>()
            })
        });
        until("a full spool", || refusal(&audit) == Some("spool_full"));
        assert!(!waits.is_finished());
        // The same registry, and the same shards of it: spans that are no calls come and go.
        tracing::dispatcher::with_default(&dispatch, || {
            for number in 0..1000 {
                tracing::info_span!("other", number).in_scope(|| ());
            }
        });
        assert!(!waits.is_finished());
        drop(obstacle);
        waits.join().unwrap()
    });
    assert_eq!(audit.health().dropped, 0);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let trail = Trail::of_lines(directory.path());
    let success = |id: &&RecordId| trail.status(**id) == Some("success");
    assert_eq!(ids.iter().filter(success).count(), MANY);
    assert_eq!(
        (trail.missing(), trail.gaps()),
        (BTreeMap::new(), BTreeMap::new())
    );
}

#[test]
fn who_waits_waits_no_longer_than_asked_and_then_counts() {
    let directory = tempfile::tempdir().unwrap();
    let patience = Duration::from_millis(60);
    let audit = lines(directory.path())
        .spool_bytes(1 << 20)
        .layer_on_failure(OnFailure::WaitForRoom(Patience::AtMost(Duration::ZERO)))
        .guard_on_failure(OnFailure::WaitForRoom(Patience::AtMost(patience)))
        .build()
        .unwrap();
    let obstacle = Obstacle::put(directory.path());
    let mut ids = Vec::new();
    while refusal(&audit).is_none() {
        ids.extend(spans(&audit, 10));
    }
    let begun = Instant::now();
    let call = audit.start(CallStart::new("chat")).unwrap();
    assert!(begun.elapsed() >= patience);
    // Its end may fit where a start with the room that it keeps does not.
    ids.push(call.finish().unwrap());
    while audit.health().dropped < 4 {
        ids.extend(spans(&audit, 1));
    }
    let dropped = audit.health().dropped;
    drop(obstacle);
    until("room", || refusal(&audit).is_none());
    until("the gap record", || {
        let gaps = Trail::of_lines(directory.path()).gaps();
        gaps == BTreeMap::from([("spool_full".to_owned(), dropped)])
    });
    audit.shutdown(PATIENCE);
    let trail = Trail::of_lines(directory.path());
    let lost = ids.iter().filter(|id| trail.status(**id).is_none()).count();
    assert_eq!((lost as u64, trail.missing()), (dropped, BTreeMap::new()));
}

#[test]
fn a_shutdown_ends_all_waiting_and_what_waited_is_told_as_lost() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path())
        .spool_bytes(1 << 20)
        .guard_on_failure(OnFailure::WaitForRoom(Patience::Unlimited))
        .build()
        .unwrap();
    let obstacle = Obstacle::put(directory.path());
    let made = std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut made = 0_u64;
            loop {
                let call = audit.start(CallStart::new("chat")).unwrap();
                call.finish().unwrap();
                made += 1;
                if audit.health().dropped > 0 {
                    return made;
                }
            }
        });
        until("a full spool", || refusal(&audit) == Some("spool_full"));
        assert!(matches!(
            audit.shutdown(Duration::ZERO),
            Drained::Remaining(_)
        ));
        waits.join().unwrap()
    });
    assert_eq!(audit.health().dropped, 1);
    drop((audit, obstacle));
    // Whoever writes lines was told to end and not waited for: until it has, the lane is nobody else's.
    let deadline = Instant::now() + PATIENCE;
    let mut trail = adopted(directory.path());
    while trail.gaps().is_empty() && Instant::now() < deadline {
        trail = adopted(directory.path());
    }
    assert_eq!(trail.gaps(), BTreeMap::from([("shut_down".to_owned(), 1)]));
    assert!(trail.count("success") as u64 >= made - 1);
    assert!(trail.system(SystemEvent::Stop).len() >= 2);
}
