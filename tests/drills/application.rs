//! The application of a drill: it records, and goes on doing so whatever becomes of the collector.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use llm_audit::record::AccessOutcome;
use llm_audit::record::keyring::Keyring;
use llm_audit::{Auditor, CallStart, Drained, RecordId, keyring_file};
use tempfile::TempDir;

use crate::collector::Collector;

/// An application with a data directory of its own.
pub(crate) struct Application {
    audit: Auditor,
    data_dir: TempDir,
}

/// What an application that is gone has recorded.
pub(crate) struct Made {
    /// The records that it was told the ids of.
    pub(crate) ids: BTreeSet<RecordId>,
    pub(crate) keys: Keyring,
}

impl Application {
    /// One that sends to a collector.
    pub(crate) fn before(collector: &Collector) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let audit = Auditor::builder()
            .service("billing")
            .data_dir(data_dir.path())
            .generate_keyring()
            .endpoint(&collector.endpoint())
            .header("authorization", &format!("Bearer {TOKEN}"))
            .build()
            .unwrap();
        Self { audit, data_dir }
    }

    /// Records so many; each is another one.
    pub(crate) fn record(&self, numbers: std::ops::Range<usize>) -> BTreeSet<RecordId> {
        numbers
            .map(|number| recorded(&self.audit, number))
            .collect()
    }

    /// Waits until the collector has said OK to so many.
    pub(crate) fn wait_until_sent(&self, records: usize) {
        wait_until(|| self.audit.health().sent >= records as u64);
    }

    /// Waits until something keeps it from delivering, and returns what it says of that.
    pub(crate) fn wait_until_it_cannot_deliver(&self) -> String {
        wait_until(|| self.audit.health().delivery_failure.is_some());
        let failure = self.audit.health().delivery_failure;
        failure.expect("nothing takes it back while nobody takes a record")
    }

    /// How many records the collector has not said OK to.
    pub(crate) fn unsent(&self) -> u64 {
        self.audit.health().depth
    }

    /// Ends it, when the collector has said OK to everything.
    pub(crate) fn end(self, ids: BTreeSet<RecordId>) -> Made {
        assert_eq!(ids.len(), RECORDS);
        assert_eq!(self.audit.shutdown(PATIENCE), Drained::Complete);
        let health = self.audit.health();
        assert_eq!((health.dropped, health.refused), (0, 0));
        let keys = keyring_file::read(&self.data_dir.path().join("keyring.json")).unwrap();
        Made { ids, keys }
    }
}

/// A record of one kind or another.
fn recorded(audit: &Auditor, number: usize) -> RecordId {
    let start = || {
        CallStart::new("chat")
            .provider("openai")
            .model("gpt-4o")
            .user("chen")
            .tenant("north")
            .conversation(&format!("c-{number}"))
    };
    match number % 8 {
        0 => audit.start(start()).unwrap().block("policy").unwrap(),
        1 => {
            let failed = audit.start(start()).unwrap();
            failed.fail("timeout", &"no answer\n\tin time").unwrap()
        }
        2 => audit.start(start()).unwrap().record_id(),
        3 => {
            // What looks like the beginning of a request, where people might look for one.
            let change = audit.change("updated", "settings", r#"{"resourceLogs":[{"#);
            change.changed_by("anna").record().unwrap()
        }
        4 => {
            let access = audit.access("read", AccessOutcome::Denied).user("eve");
            access
                .resource(&format!("settings/{number}"))
                .record()
                .unwrap()
        }
        _ => {
            let mut call = audit.start(start()).unwrap();
            call.input(&["Grüße, \"Welt\"\u{2028}\n"]).unwrap();
            call.finish().unwrap()
        }
    }
}

/// Waits until it has come to that.
pub(crate) fn wait_until(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "it does not come to that");
        std::thread::yield_now();
    }
}

/// How many an application of a drill records.
pub(crate) const RECORDS: usize = 10_000;
/// What the collector's door asks for.
pub(crate) const TOKEN: &str = "a-token-of-the-drills";
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
