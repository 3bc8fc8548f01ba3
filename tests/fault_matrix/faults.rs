//! The rows: one macro call makes a test of each fault for each protocol.

use std::time::{Duration, SystemTime};

use llm_audit::otlp::Compression;

use crate::server::{Act, Column, Door, Retry, Seen, Status};
use crate::{CALLS, Copies, Expected, Scene, calls};

macro_rules! matrix {
    ($($row:ident)*) => {
        mod over_grpc {
            $(#[test] fn $row() { super::$row(crate::server::Column::Grpc); })*
        }
        mod over_http {
            $(#[test] fn $row() { super::$row(crate::server::Column::Http); })*
        }
    };
}

matrix! {
    no_fault_and_compressed_requests
    a_receiver_that_is_not_there_yet
    a_receiver_that_accepts_and_hangs
    a_receiver_that_slams_the_door
    a_receiver_that_speaks_something_else
    a_request_that_is_never_answered
    a_connection_that_breaks_before_the_answer
    a_connection_that_breaks_in_the_midst_of_the_answer
    a_receiver_that_wants_another_authorization
    a_receiver_that_forbids_it
    a_receiver_that_has_no_pipeline_for_logs
    a_receiver_that_is_exhausted
    a_receiver_that_says_in_seconds_when_to_come_back
    a_receiver_that_says_by_date_when_to_come_back
    a_receiver_that_fails_many_times
    a_poisoned_record
    a_receiver_that_takes_small_requests_only
    a_receiver_that_rejects_some
    a_receiver_that_rejects_all
    a_receiver_that_answers_garbage
    a_receiver_that_closes_idle_connections
    a_receiver_that_goes_in_the_midst_of_requests
    a_name_that_does_not_resolve
}

const ONCE: Expected = Expected {
    copies: Copies::One,
    put_aside: None,
};

/// The first requests fare so, all others are taken.
fn first(count: u32, act: Act) -> impl FnMut(&Seen) -> Act + Send {
    let mut left = count;
    move |_| match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            act.clone()
        }
        None => Act::Take,
    }
}

fn status(grpc: i32, http: u16, retry: Option<Retry>) -> Act {
    Act::Status(Status {
        grpc,
        http,
        words: "not like this".into(),
        retry,
    })
}

fn no_fault_and_compressed_requests(column: Column) {
    let scene = Scene::new(column);
    let audit = scene.auditor(scene.destination().compression(Compression::Gzip));
    let ids = calls(&audit, 2000);
    scene.end(audit, &ids, &ONCE);
    assert!(scene.server.ledger().compressed > 0);
}

fn a_receiver_that_is_not_there_yet(column: Column) {
    let mut scene = Scene::absent(column);
    let audit = scene.auditor(scene.destination());
    let ids = calls(&audit, CALLS);
    while audit.health().failed_deliveries < 2 {
        std::thread::yield_now();
    }
    let why = audit.health().delivery_failure.unwrap();
    assert!(why.contains("nobody listens there"), "{why}");
    scene.server.appear();
    scene.end(audit, &ids, &ONCE);
}

fn a_receiver_that_accepts_and_hangs(column: Column) {
    let scene = Scene::new(column);
    scene.server.doors(|number| {
        if number <= 3 {
            Door::Hangs
        } else {
            Door::Opens
        }
    });
    scene.run(&ONCE);
}

fn a_receiver_that_slams_the_door(column: Column) {
    let scene = Scene::new(column);
    scene.server.doors(|number| {
        if number <= 4 {
            Door::Slams
        } else {
            Door::Opens
        }
    });
    scene.run(&ONCE);
}

fn a_receiver_that_speaks_something_else(column: Column) {
    let scene = Scene::new(column);
    scene.server.doors(|number| {
        if number <= 4 {
            Door::Babbles
        } else {
            Door::Opens
        }
    });
    scene.run(&ONCE);
}

fn a_request_that_is_never_answered(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(2, Act::Hang));
    scene.run(&ONCE);
}

fn a_connection_that_breaks_before_the_answer(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(2, Act::Reset));
    scene.run(&ONCE);
}

fn a_connection_that_breaks_in_the_midst_of_the_answer(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(2, Act::LoseAnswer));
    scene.run(&Expected {
        copies: Copies::Several,
        ..ONCE
    });
    let logs = scene.server.ledger().logs;
    assert!(logs.values().any(|copies| copies.len() == 3));
}

/// What an operator mends is waited for, and told meanwhile.
fn mended(column: Column, act: Act, told: [&str; 2]) {
    let scene = Scene::new(column);
    scene.server.play(move |_| act.clone());
    let audit = scene.auditor(scene.destination());
    let ids = calls(&audit, CALLS);
    scene.server.wait_for(|ledger| ledger.requests >= 3);
    let health = audit.health();
    let why = health.delivery_failure.unwrap();
    let told = told[usize::from(column == Column::Http)];
    assert!(why.contains(told), "{why}");
    assert!(!why.contains("not like this"), "{why}");
    assert_eq!((health.sent, health.refused), (0, 0));
    scene.server.play(|_| Act::Take);
    scene.end(audit, &ids, &ONCE);
}

fn a_receiver_that_wants_another_authorization(column: Column) {
    mended(
        column,
        status(16, 401, None),
        ["UNAUTHENTICATED", "HTTP 401"],
    );
}

fn a_receiver_that_forbids_it(column: Column) {
    mended(
        column,
        status(7, 403, None),
        ["PERMISSION_DENIED", "HTTP 403"],
    );
}

fn a_receiver_that_has_no_pipeline_for_logs(column: Column) {
    mended(column, status(12, 404, None), ["UNIMPLEMENTED", "HTTP 404"]);
}

fn a_receiver_that_is_exhausted(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(2, status(8, 429, None)));
    scene.run(&ONCE);
}

/// The receiver is not asked again before the time it said.
fn comes_back(column: Column, retry: Retry, least: Duration) {
    let scene = Scene::new(column);
    let (grpc, http) = (14, 503);
    let mut asked = None;
    let mut pauses = Vec::new();
    let (tell, told) = std::sync::mpsc::channel();
    scene.server.play(move |_| {
        let now = SystemTime::now();
        if let Some(before) = asked.replace(now) {
            pauses.push(now.duration_since(before).unwrap_or_default());
            tell.send(pauses[0]).ok();
            return Act::Take;
        }
        status(grpc, http, Some(retry.clone()))
    });
    let audit = scene.auditor(scene.destination());
    let ids = calls(&audit, CALLS);
    let pause = told.recv_timeout(crate::PATIENCE).unwrap();
    assert!(pause >= least, "asked again after {pause:?}");
    scene.end(audit, &ids, &ONCE);
}

fn a_receiver_that_says_in_seconds_when_to_come_back(column: Column) {
    comes_back(column, Retry::Seconds(1), Duration::from_millis(950));
}

fn a_receiver_that_says_by_date_when_to_come_back(column: Column) {
    let then = jiff::Timestamp::now() + Duration::from_secs(3);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&then)
        .unwrap();
    comes_back(column, Retry::Date(date, 1), Duration::from_millis(500));
}

fn a_receiver_that_fails_many_times(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(5, status(13, 500, None)));
    scene.run(&ONCE);
}

fn a_poisoned_record(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(|seen| {
        if seen.users.iter().any(|user| user == "poison") {
            status(3, 400, None)
        } else {
            Act::Take
        }
    });
    scene.run(&Expected {
        put_aside: Some(("poison", [3, 400], "not like this")),
        ..ONCE
    });
}

fn a_receiver_that_takes_small_requests_only(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(|seen| {
        if seen.size <= 4096 {
            return Act::Take;
        }
        Act::Status(Status {
            grpc: 8,
            http: 413,
            words: "grpc: received message larger than max (5000 vs. 4096)".into(),
            retry: None,
        })
    });
    scene.run(&ONCE);
}

fn a_receiver_that_rejects_some(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(|seen| {
        if seen.users.iter().any(|user| user == "poison") {
            Act::Partial(1, "not this one")
        } else {
            Act::Take
        }
    });
    scene.run(&Expected {
        put_aside: Some(("poison", [0, 0], "not this one")),
        ..ONCE
    });
}

fn a_receiver_that_rejects_all(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(|seen| {
        if seen.users.is_empty() {
            return Act::Take;
        }
        Act::Partial(i64::MAX, "none of these")
    });
    scene.run(&Expected {
        put_aside: Some(("", [0, 0], "none of these")),
        ..ONCE
    });
}

fn a_receiver_that_answers_garbage(column: Column) {
    let scene = Scene::new(column);
    scene.server.play(first(2, Act::Garbage));
    scene.run(&ONCE);
}

fn a_receiver_that_closes_idle_connections(column: Column) {
    let scene = Scene::new(column);
    let audit = scene.auditor(scene.destination());
    let mut ids = calls(&audit, 5);
    for _ in 0..3 {
        let so_far = ids.clone();
        scene
            .server
            .wait_for(|ledger| so_far.keys().all(|id| ledger.logs.contains_key(id)));
        scene.server.hang_up();
        ids.extend(calls(&audit, 5));
    }
    scene.end(audit, &ids, &ONCE);
}

fn a_receiver_that_goes_in_the_midst_of_requests(column: Column) {
    let mut scene = Scene::new(column);
    let audit = scene.auditor(scene.destination());
    let mut ids = calls(&audit, 2000);
    for _ in 0..3 {
        scene.server.wait_for(|ledger| ledger.requests > 0);
        scene.server.kill();
        ids.extend(calls(&audit, 200));
        scene.server.appear();
    }
    scene.end(
        audit,
        &ids,
        &Expected {
            copies: Copies::Several,
            ..ONCE
        },
    );
}

/// There is no way to change what a name means for this process alone, so the endpoint is mended by the next process.
fn a_name_that_does_not_resolve(column: Column) {
    let scene = Scene::new(column);
    let named = |host: &str| {
        let endpoint = format!("http://{host}:{}", scene.server.port());
        scene.auditor(scene.destination().endpoint(&endpoint))
    };
    let audit = named("collector.invalid");
    let ids = calls(&audit, CALLS);
    while audit.health().failed_deliveries < 2 {
        std::thread::yield_now();
    }
    let why = audit.health().delivery_failure.unwrap();
    assert!(
        why.contains("cannot be resolved") || why.contains("in time"),
        "{why}"
    );
    audit.shutdown(Duration::ZERO);
    drop(audit);
    assert_eq!(scene.server.ledger().connections, 0);
    scene.end(named("localhost"), &ids, &ONCE);
}
