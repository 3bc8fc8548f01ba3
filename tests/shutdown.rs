//! The end of an application, however it comes: what was recorded is delivered or waits, and what comes too late is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/application.rs"]
mod application;
#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "other tests ask it for more")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

use application::{CALLS, PATIENCE, a_call, a_span, adopted, assert_all_there, lines, nowhere};
use llm_audit::failure::OnFailure;
use llm_audit::record::AccessOutcome;
use llm_audit::record::{AuditRecord, Body, SystemEvent};
use llm_audit::{AuditSpanExt as _, Auditor, CallStart, Drained, GuardError, RecordId};
use part::{Part, Player};
use tracing_subscriber::layer::SubscriberExt as _;
use trail::Trail;

#[test]
fn a_shutdown_works_on_every_thread_of_every_runtime() {
    let current = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let workers = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap()
    };
    let ways: [(&str, &dyn Fn(Auditor) -> Drained); 4] = [
        ("blocking in a current-thread runtime", &|audit| {
            current().block_on(async { audit.shutdown(PATIENCE) })
        }),
        ("awaited in a current-thread runtime", &|audit| {
            current().block_on(audit.shutdown_async(PATIENCE))
        }),
        ("blocking on the only worker", &|audit| {
            let runtime = workers();
            let task = runtime.spawn(async move { audit.shutdown(PATIENCE) });
            runtime.block_on(task).unwrap()
        }),
        ("awaited on the only worker", &|audit| {
            let runtime = workers();
            let task = runtime.spawn(async move { audit.shutdown_async(PATIENCE).await });
            runtime.block_on(task).unwrap()
        }),
    ];
    for (way, shutdown) in ways {
        let directory = tempfile::tempdir().unwrap();
        let audit = lines(directory.path()).build().unwrap();
        let ids: Vec<RecordId> = (0..100).map(|_| a_call(&audit)).collect();
        assert_eq!(shutdown(audit), Drained::Complete, "{way}");
        let trail = Trail::of_lines(directory.path());
        assert!(
            ids.iter().all(|id| trail.status(*id) == Some("success")),
            "{way}"
        );
        assert_eq!(trail.system(SystemEvent::Stop).len(), 1, "{way}");
    }
}

#[test]
fn dropping_the_auditor_is_a_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path()).build().unwrap();
    let clone = audit.clone();
    let ids: Vec<RecordId> = (0..200).map(|_| a_call(&audit)).collect();
    drop(audit);
    let id = a_call(&clone);
    drop(clone);
    let here = Trail::of_lines(directory.path());
    let all = adopted(directory.path());
    assert!(
        ids.iter()
            .chain([&id])
            .all(|id| all.status(*id) == Some("success"))
    );
    assert_eq!(
        (all.count("success"), all.missing()),
        (201, BTreeMap::new())
    );
    println!(
        "dropping delivered {} of 201 calls in its half second",
        here.count("success")
    );
}

#[test]
fn a_process_that_exits_without_a_word_loses_nothing() {
    if let Some(part) = Part::of_this_process() {
        let audit = lines(&part.data_dir).build().unwrap();
        let open = audit.start(CallStart::new("chat")).unwrap();
        part.say(&open.record_id().to_string());
        (0..CALLS).for_each(|_| part.say(&a_call(&audit).to_string()));
        std::process::exit(0);
    }
    let directory = tempfile::tempdir().unwrap();
    let player = Player::start(
        "a_process_that_exits_without_a_word_loses_nothing",
        "exits",
        directory.path(),
        &[],
    );
    let (heard, _) = player.end();
    let trail = adopted(directory.path());
    assert_all_there(&trail, &heard);
    assert_eq!((trail.count("success"), trail.count("unknown")), (CALLS, 1));
}

#[test]
fn calls_after_the_shutdown_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path()).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    let late = audit.start(CallStart::new("chat")).unwrap();
    let (late_id, dropped) = (late.record_id(), |audit: &Auditor| audit.health().dropped);
    audit.shutdown(PATIENCE);
    let refused = audit.start(CallStart::new("chat")).unwrap_err();
    assert!(
        matches!(
            refused,
            GuardError::NotRecorded {
                reason: "shut_down",
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(
        dropped(&audit),
        0,
        "a call that is refused is not made, and so not lost"
    );
    tracing::subscriber::with_default(subscriber, a_span);
    assert_eq!(dropped(&audit), 1);
    let counted = audit
        .start(CallStart::new("chat").on_failure(OnFailure::DropAndCount))
        .unwrap();
    counted.finish().unwrap();
    assert_eq!(dropped(&audit), 2);
    late.finish().unwrap_err();
    assert_eq!(dropped(&audit), 3);
    audit
        .change("created", "users", "anna")
        .record()
        .unwrap_err();
    audit
        .access("login", AccessOutcome::Denied)
        .record()
        .unwrap_err();
    assert_eq!(dropped(&audit), 5);
    assert!(matches!(
        audit.shutdown(PATIENCE),
        Drained::Remaining(_) | Drained::Complete
    ));
    drop(audit);
    let trail = adopted(directory.path());
    assert_eq!(
        (trail.count("unknown"), trail.status(late_id)),
        (1, Some("unknown"))
    );
    assert_eq!(
        trail.gaps(),
        BTreeMap::from([("shut_down".to_owned(), 5)]),
        "what came too late is told by the next process"
    );
}

#[test]
fn a_stop_is_the_last_record_whatever_is_being_written() {
    for _ in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let audit = lines(directory.path()).build().unwrap();
        let under_way = Barrier::new(4);
        let finished: Vec<RecordId> = std::thread::scope(|scope| {
            let work = || {
                a_call(&audit);
                under_way.wait();
                let calls = std::iter::from_fn(|| audit.start(CallStart::new("chat")).ok());
                calls
                    .filter_map(|call| call.finish().ok())
                    .collect::<Vec<_>>()
            };
            let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            under_way.wait();
            let id = a_call(&audit);
            audit.shutdown(PATIENCE);
            let finished = workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap());
            finished.chain([id]).collect()
        });
        drop(audit);
        let trail = adopted(directory.path());
        assert!(
            finished
                .iter()
                .all(|id| trail.status(*id) == Some("success"))
        );
        let stream = trail.records[&finished[0]]
            .envelope
            .position
            .unwrap()
            .stream;
        let mut of_stream: Vec<&AuditRecord> = trail.records.values().collect();
        of_stream.retain(|record| record.envelope.position.unwrap().stream == stream);
        of_stream.sort_by_key(|record| record.envelope.position.unwrap().seq);
        let behind = of_stream
            .iter()
            .skip_while(|record| event(record) != Some(SystemEvent::Stop))
            .skip(1);
        for record in behind {
            // What the next process finished, and how many came too late.
            let unknown = trail.status(record.envelope.record_id) == Some("unknown");
            assert!(
                unknown || event(record) == Some(SystemEvent::Gap),
                "{record:?}"
            );
        }
    }
}

fn event(record: &AuditRecord) -> Option<SystemEvent> {
    match &record.body {
        Body::System(system) => Some(system.event),
        _ => None,
    }
}

#[test]
fn what_was_lost_just_before_the_end_is_told_too() {
    let directory = tempfile::tempdir().unwrap();
    let audit = nowhere(directory.path())
        .spool_bytes(1 << 20)
        .build()
        .unwrap();
    let mut lost = 0;
    while lost < 3 {
        let call = audit
            .start(CallStart::new("chat").on_failure(OnFailure::DropAndCount))
            .unwrap();
        call.finish().unwrap();
        lost = audit.health().dropped;
    }
    audit.shutdown(Duration::ZERO);
    drop(audit);
    let trail = adopted(directory.path());
    assert_eq!(
        trail.gaps(),
        BTreeMap::from([("spool_full".to_owned(), lost)])
    );
    assert_eq!(trail.missing(), BTreeMap::new());
}

#[test]
fn a_switch_in_the_environment_turns_recording_off_and_says_so() {
    if let Some(part) = Part::of_this_process() {
        let audit = lines(&part.data_dir).build().unwrap();
        let subscriber = tracing_subscriber::registry().with(audit.layer());
        tracing::subscriber::with_default(subscriber, || {
            audit.verify_installed().unwrap();
            let span = tracing::info_span!("call", gen_ai.operation.name = "chat");
            span.in_scope(|| span.audit_user("anna").map(drop)).unwrap();
        });
        a_call(&audit);
        drop(audit.start(CallStart::new("chat")).unwrap());
        audit.change("created", "users", "anna").record().unwrap();
        audit
            .access("login", AccessOutcome::Denied)
            .record()
            .unwrap();
        assert_eq!(audit.health().dropped, 0, "what is not wanted is not lost");
        audit.set_enabled(true).unwrap();
        part.say(&a_call(&audit).to_string());
        audit.shutdown(PATIENCE);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "a_switch_in_the_environment_turns_recording_off_and_says_so";
    let (heard, _) = Player::start(
        test,
        "off",
        directory.path(),
        &[("LLM_AUDIT_DISABLED", "true")],
    )
    .end();
    let trail = Trail::of_lines(directory.path());
    assert_eq!(trail.system(SystemEvent::Start)[0]["recording"], "off");
    assert_eq!(
        trail.system(SystemEvent::Configuration)[0]["recording"],
        "on"
    );
    let others: Vec<_> = trail
        .records
        .values()
        .filter(|record| !matches!(record.body, Body::System(_)))
        .collect();
    assert_eq!(others.len(), 1, "{others:?}");
    assert_eq!(trail.status(heard[0].parse().unwrap()), Some("success"));
}
