//! The disk of a collector's queue and copy is full.

use std::time::Instant;

use crate::application::{Application, RECORDS};
use crate::disk::Disk;
use crate::send_again::{can_send_again, send_again};
use crate::{before_a_backend, report};

#[test]
fn a_collector_whose_disk_is_full_takes_no_record_that_it_does_not_keep() {
    let Some(disk) = Disk::mount("size=16m") else {
        return;
    };
    let directory = ("LLM_AUDIT_COLLECTOR_DIR", disk.path().to_str().unwrap());
    let Some((mut backend, mut collector)) = before_a_backend(&[directory]) else {
        return;
    };
    let started = Instant::now();
    collector.start();
    let application = Application::before(&collector);
    let ids = application.record(0..RECORDS);
    let said = application.wait_until_it_cannot_deliver();
    assert_eq!(said, "the receiver says UNAVAILABLE");
    let kept = application.unsent();
    assert!(kept > 0);
    disk.remount("size=1g");
    let made = application.end(ids);
    assert!(!collector.has_ended());
    backend.start();
    let trail = backend.wait_for(&made);
    println!("the collector said UNAVAILABLE and went on; the application kept {kept} records");
    report("collector's disk full", &made, &trail, started);
}

/// A collector that is started on a full disk cannot write its queue anew: what was under way to the backend is dropped from
/// it. The copy has it.
#[test]
fn what_a_collector_loses_that_is_started_on_a_full_disk_is_in_the_copy_and_is_sent_again() {
    if !can_send_again() {
        return;
    }
    let Some(disk) = Disk::mount("size=16m") else {
        return;
    };
    let directory = ("LLM_AUDIT_COLLECTOR_DIR", disk.path().to_str().unwrap());
    let Some((mut backend, mut collector)) = before_a_backend(&[directory]) else {
        return;
    };
    let started = Instant::now();
    collector.start();
    let application = Application::before(&collector);
    let ids = application.record(0..RECORDS);
    application.wait_until_it_cannot_deliver();
    collector.kill();
    collector.start();
    disk.remount("size=1g");
    let made = application.end(ids);
    backend.start();
    send_again(disk.path(), &collector.http_endpoint());
    let trail = backend.wait_for(&made);
    let what = "collector started on a full disk, copy sent again";
    report(what, &made, &trail, started);
}
