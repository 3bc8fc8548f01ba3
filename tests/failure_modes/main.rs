//! Every way to fail, in every mode: what the mode promises holds, and no restart is needed afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
mod deleted;
#[path = "../support/disk.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod disk;
mod disks;
mod durable;
mod full;
mod hanging;
#[path = "../support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "other tests ask it for more")]
mod receiver;
mod refused;
#[path = "../support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use application::PATIENCE;
use llm_audit::failure::OnFailure;
use llm_audit::{Auditor, CallStart, GuardError};

/// What keeps JSON lines from being written while it lives: a directory stands where their file would.
struct Obstacle([PathBuf; 2]);

impl Obstacle {
    fn put(data_dir: &Path) -> Self {
        let files = [0, 1].map(|days| {
            let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
            data_dir.join(format!("audit_{}.jsonl", day.strftime("%F")))
        });
        for file in &files {
            fs::create_dir(file).unwrap();
        }
        Self(files)
    }
}

impl Drop for Obstacle {
    fn drop(&mut self) {
        for file in &self.0 {
            fs::remove_dir(file).ok();
        }
    }
}

/// Why a call that must not be lost would not be made now.
fn refusal(audit: &Auditor) -> Option<&'static str> {
    let start = CallStart::new("chat").on_failure(OnFailure::FailClosed);
    match audit.start(start) {
        Ok(call) => {
            call.finish().ok();
            None
        }
        Err(GuardError::NotRecorded { reason, .. }) => Some(reason),
        Err(other) => panic!("{other:?}"),
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
