//! Disks that are full or cannot be written to, in each mode, and well again afterwards.

use std::collections::BTreeMap;
use std::fs;

use llm_audit::failure::{OnFailure, Patience};
use llm_audit::{CallStart, Drained, RecordId};

use crate::application::{PATIENCE, a_call, lines};
use crate::disk::Disk;
use crate::trail::Trail;
use crate::{refusal, until};

/// What breaks a disk, and mends it when it is dropped.
type Fault = fn(&Disk) -> Box<dyn Send>;

const FAULTS: [(&str, Fault); 2] = [
    ("full", |disk| Box::new(Ballast(disk.fill()))),
    ("read-only", |disk| Box::new(disk.cover(disk.path()))),
];

struct Ballast(std::path::PathBuf);

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

#[test]
fn who_fails_closed_is_refused_while_a_disk_fails_and_served_when_it_is_well() {
    for (name, fault) in FAULTS {
        let Some(disk) = Disk::mount("size=16m") else {
            return;
        };
        let audit = lines(disk.path()).spool_bytes(4 << 20).build().unwrap();
        let fault = fault(&disk);
        let mut ids = Vec::new();
        let reason = loop {
            match refusal(&audit) {
                Some(reason) => break reason,
                None => ids.extend(
                    audit
                        .start(CallStart::new("chat"))
                        .map(|call| call.finish()),
                ),
            }
        };
        assert!(["spool_failed", "spool_full"].contains(&reason), "{name}");
        drop(fault);
        until("a disk that is well", || refusal(&audit).is_none());
        let id = a_call(&audit);
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete, "{name}");
        let trail = Trail::of_lines(disk.path());
        assert_eq!(trail.status(id), Some("success"), "{name}");
        let made: Vec<RecordId> = ids.into_iter().filter_map(Result::ok).collect();
        for id in made {
            assert_eq!(trail.status(id), Some("success"), "{name}");
        }
        assert_eq!(trail.missing(), BTreeMap::new(), "{name}");
    }
}

#[test]
fn who_waits_goes_on_when_a_disk_is_well_and_has_lost_nothing() {
    for (name, fault) in FAULTS {
        let Some(disk) = Disk::mount("size=16m") else {
            return;
        };
        let audit = lines(disk.path())
            .spool_bytes(4 << 20)
            .guard_on_failure(OnFailure::WaitForRoom(Patience::Unlimited))
            .build()
            .unwrap();
        let fault = fault(&disk);
        let ids: Vec<RecordId> = std::thread::scope(|scope| {
            let waits = scope.spawn(|| (0..6000).map(|_| a_call(&audit)).collect());
            until("a failing disk", || refusal(&audit).is_some());
            assert!(!waits.is_finished(), "{name}");
            drop(fault);
            waits.join().unwrap()
        });
        assert_eq!(audit.health().dropped, 0, "{name}");
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete, "{name}");
        let trail = Trail::of_lines(disk.path());
        let success = |id: &&RecordId| trail.status(**id) == Some("success");
        assert_eq!(ids.iter().filter(success).count(), ids.len(), "{name}");
        assert_eq!(
            (trail.missing(), trail.gaps()),
            (BTreeMap::new(), BTreeMap::new()),
            "{name}"
        );
    }
}
