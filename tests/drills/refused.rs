//! A backend that refuses for good, so that the collector drops what it has for it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::application::{Application, RECORDS, wait_until};
use crate::disk::Disk;
use crate::own_metrics::OwnMetrics;
use crate::refusing::Refusing;
use crate::send_again::{can_send_again, send_again};
use crate::{before_a_backend, report};

#[test]
fn what_a_backend_refuses_for_good_is_in_the_copy_and_is_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    refused_for_good("backend says 400", directory.path(), |_| {});
}

#[test]
fn a_copy_that_a_full_disk_has_torn_is_sent_again_without_a_loss() {
    let Some(disk) = Disk::mount("size=16m") else {
        return;
    };
    let what = "backend says 400 and the collector's disk is full";
    refused_for_good(what, disk.path(), |application| {
        application.wait_until_it_cannot_deliver();
        let copy = fs::read(disk.path().join("logs.jsonl")).unwrap();
        assert!(!copy.ends_with(b"\n"), "part of a request is there");
        disk.remount("size=1g");
    });
}

/// A backend answers 400 to everything, so that the collector drops it; the backend is mended, and the copy is sent again by
/// the commands of the README.
fn refused_for_good(what: &str, directory: &Path, make_room: impl FnOnce(&Application)) {
    if !can_send_again() {
        return;
    }
    let metrics = OwnMetrics::somewhere();
    let mut variables = metrics.variables().to_vec();
    variables.push(("LLM_AUDIT_COLLECTOR_DIR", directory.to_str().unwrap()));
    let Some((mut backend, mut collector)) = before_a_backend(&variables) else {
        return;
    };
    let started = Instant::now();
    let refusing = Refusing::at(&backend.http());
    collector.start();
    let application = Application::before(&collector);
    let ids = application.record(0..RECORDS);
    make_room(&application);
    let made = application.end(ids);
    let dropped = || metrics.of_exporter("otelcol_exporter_send_failed_log_records", LOKI);
    let queued = || metrics.of_exporter("otelcol_exporter_queue_size", LOKI);
    wait_until(|| dropped() > RECORDS as f64 && queued() == 0.0);
    drop(refusing);
    collector.kill();
    backend.start();
    collector.start();
    assert!(backend.is_empty());
    send_again(directory, &collector.http_endpoint());
    let trail = backend.wait_for(&made);
    report(what, &made, &trail, started);
}

/// The exporter of records in `grafana.yaml`.
const LOKI: &str = "otlp_http/loki";
