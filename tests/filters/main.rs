//! Filters, in every place where one can stand: a call leaves a record, or somebody names what hides it and what to do.
//!
//! Subscribers and levels are global to a process, so each case has one of its own. What the features `max_level_*` of
//! tracing do is one constant, which a unit test of `verify_installed` varies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
mod changed;
mod installed;
#[path = "../support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "other tests ask it for more")]
mod receiver;
#[path = "../support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::time::{Duration, Instant};

use application::{PATIENCE, lines};
use llm_audit::{Auditor, Drained};
use part::{Part, Player};
use trail::Trail;

/// What a case left behind.
struct Outcome {
    trail: Trail,
    stderr: String,
    /// Calls that were made and are to have a record.
    calls: usize,
}

/// Plays the case in a process of its own, with these variables; none in that process, which has played it.
fn case(
    test: &str,
    settings: &[(&str, &str)],
    play: impl Fn(&Auditor, &Calls<'_>),
) -> Option<Outcome> {
    if let Some(part) = Part::of_this_process() {
        let audit = lines(&part.data_dir)
            .canary_interval(Duration::from_millis(20))
            .build()
            .unwrap();
        play(&audit, &Calls(&part));
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let (heard, stderr) = Player::start(test, "case", directory.path(), settings).end();
    let trail = Trail::of_lines(directory.path());
    for id in &heard {
        let status = trail.status(id.parse().unwrap());
        assert!(status.is_some(), "{id} has no record: {stderr}");
    }
    Some(Outcome {
        trail,
        stderr,
        calls: heard.len(),
    })
}

/// The calls of a case.
struct Calls<'a>(&'a Part);

impl Calls<'_> {
    /// A call that is to leave a record.
    fn seen(&self) {
        self.0.say(&application::a_span().to_string());
    }

    /// A call that a filter hides.
    fn hidden(&self) {
        let span = tracing::info_span!("hidden", gen_ai.operation.name = "chat");
        span.in_scope(|| ());
    }
}

/// Asks until it is so. Nothing here can be told of what other threads of the product do.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::yield_now();
    }
}
