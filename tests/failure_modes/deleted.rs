//! Somebody deletes the spool under a running application: it is made again, and what was lost is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use llm_audit::failure::Durability;
use llm_audit::record::SystemEvent;
use llm_audit::{CallStart, Drained, RecordId};

use crate::application::{PATIENCE, a_call, adopted, lines, nowhere};
use crate::trail::Trail;
use crate::until;

/// The auditor may be making something behind the deleting hand.
fn delete(directory: &Path) {
    while let Err(error) = fs::remove_dir_all(directory) {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound),
            "{error}"
        );
        if kind == ErrorKind::NotFound {
            return;
        }
    }
}

#[test]
fn a_deleted_spool_is_made_again_and_loses_nothing_that_was_in_open_files() {
    let directory = tempfile::tempdir().unwrap();
    let audit = nowhere(directory.path()).build().unwrap();
    let before: Vec<RecordId> = (0..50).map(|_| a_call(&audit)).collect();
    audit.flush().unwrap();
    let open = audit.start(CallStart::new("chat")).unwrap();
    delete(&directory.path().join("spool"));
    let strict = CallStart::new("chat").durability(Durability::Strict);
    let strict = audit.start(strict).unwrap().finish().unwrap();
    let after: Vec<RecordId> = (0..50).map(|_| a_call(&audit)).collect();
    let open = open.finish().unwrap();
    until("the new directory", || audit.health().spool_made_again >= 1);
    audit.flush().unwrap();
    assert_eq!(audit.health().dropped, 0);
    audit.shutdown(PATIENCE / 60);
    drop(audit);
    let trail = adopted(directory.path());
    let all = before.iter().chain(&after).chain([&strict, &open]);
    for id in all {
        assert_eq!(trail.status(*id), Some("success"));
    }
    let told = trail.system(SystemEvent::Configuration);
    assert_eq!(told[0]["spool"], "made_again");
    assert_eq!(
        (trail.missing(), trail.gaps()),
        (BTreeMap::new(), BTreeMap::new())
    );
}

#[test]
fn what_stood_in_deleted_files_is_told_to_the_record() {
    let directory = tempfile::tempdir().unwrap();
    let audit = nowhere(directory.path())
        .spool_bytes(1 << 20)
        .build()
        .unwrap();
    let calls = || (0..600).map(|_| a_call(&audit)).collect::<Vec<_>>();
    let mut ids = calls();
    audit.flush().unwrap();
    delete(&directory.path().join("spool"));
    until("the new directory", || audit.health().spool_made_again >= 1);
    ids.extend(calls());
    audit.shutdown(PATIENCE / 60);
    drop(audit);
    let trail = adopted(directory.path());
    let absent = ids.iter().filter(|id| trail.status(**id).is_none()).count();
    let missing: usize = trail.missing().values().map(Vec::len).sum();
    assert!(absent > 0, "some stood in files that were closed");
    assert_eq!(
        trail.gaps(),
        BTreeMap::from([("spool_deleted".to_owned(), missing as u64)])
    );
    assert!(absent <= missing && missing <= absent + 2, "and the start");
    println!("{absent} of {} calls stood in deleted files", ids.len());
}

#[test]
fn a_deleted_data_directory_leaves_the_application_running_and_recording() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let audit = lines(&data_dir).build().unwrap();
    let keyring = fs::read(data_dir.join("keyring.json")).unwrap();
    a_call(&audit);
    delete(&data_dir);
    // Nobody calls: it is noticed all the same.
    until("the new directory", || audit.health().spool_made_again >= 1);
    let ids: Vec<RecordId> = (0..50).map(|_| a_call(&audit)).collect();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    fs::write(data_dir.join("keyring.json"), keyring).unwrap();
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    fs::set_permissions(data_dir.join("keyring.json"), mode).unwrap();
    let trail = Trail::of_lines(&data_dir);
    for id in ids {
        assert_eq!(trail.status(id), Some("success"));
    }
}
