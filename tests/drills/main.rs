//! Drills: ten thousand records on their way through the collector's own files of `collector-config/destinations`, and
//! something on that way goes wrong. Behind each, nothing is missing: what the application was told the ids of, and nothing
//! else but the trail's own start and stop, is at the far side, with codes that hold and numbers without a gap. Copies say
//! the same, so that whoever goes by record ids has each once.
//!
//! `LLM_AUDIT_TEST_COLLECTOR` names the collector, which `.ci/collector` makes. For Kafka, `LLM_AUDIT_TEST_COLLECTOR_FULL`
//! names the one that `.ci/collector full` makes, and `LLM_AUDIT_TEST_KAFKA` the launcher of the broker, which `.ci/kafka`
//! fetches.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod application;
mod broker;
#[path = "../support/collector.rs"]
mod collector;
#[path = "../support/disk.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod disk;
mod far_side;
mod own_metrics;
mod refusing;
mod send_again;
#[path = "../support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::fs;
use std::path::Path;
use std::time::Instant;

use application::{Application, Made, RECORDS, TOKEN, wait_until};
use broker::Broker;
use collector::Collector;
use disk::Disk;
use far_side::FarSide;
use own_metrics::OwnMetrics;
use refusing::Refusing;
use send_again::send_again;
use trail::Trail;

#[test]
fn a_collector_that_is_killed_again_and_again_loses_nothing() {
    let Some((mut backend, mut collector)) = before_a_backend(&[]) else {
        return;
    };
    let started = Instant::now();
    backend.start();
    collector.start();
    let application = Application::before(&collector);
    let ids = std::thread::scope(|scope| {
        let recording = scope.spawn(|| application.record(0..RECORDS));
        for kill in 0..KILLS {
            application.wait_until_sent(RECORDS * (kill + 1) / (KILLS + 1));
            collector.kill();
            collector.start();
        }
        recording.join().unwrap()
    });
    let made = application.end(ids);
    collector.kill();
    collector.start();
    let trail = backend.wait_for(&made);
    report("collector killed six times", &made, &trail, started);
}

#[test]
fn a_backend_that_is_down_for_the_whole_run_gets_everything_when_it_is_up() {
    let Some((mut backend, mut collector)) = before_a_backend(&[]) else {
        return;
    };
    let started = Instant::now();
    collector.start();
    let application = Application::before(&collector);
    let ids = application.record(0..RECORDS);
    let made = application.end(ids);
    collector.kill();
    collector.start();
    assert!(backend.is_empty());
    backend.start();
    backend.wait_for_the_first();
    backend.kill();
    backend.start();
    let trail = backend.wait_for(&made);
    report("backend down for the whole run", &made, &trail, started);
}

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

#[test]
fn a_broker_and_a_gateway_that_are_killed_lose_nothing() {
    let Some((mut broker, mut agent, mut gateway, mut backend)) = around_a_broker() else {
        return;
    };
    let started = Instant::now();
    for collector in [&mut agent, &mut gateway] {
        collector.start();
    }
    backend.start();
    let application = Application::before(&agent);
    let mut ids = application.record(0..RECORDS / 2);
    backend.wait_for_the_first();
    broker.kill();
    ids.extend(application.record(RECORDS / 2..RECORDS));
    gateway.kill();
    broker.start();
    gateway.start();
    agent.kill();
    agent.start();
    let made = application.end(ids);
    let trail = backend.wait_for(&made);
    let what = "Kafka's broker, the gateway and the agent killed";
    report(what, &made, &trail, started);
}

/// What is there, and says so. A drill that loses something ends before.
fn report(what: &str, made: &Made, trail: &Trail, started: Instant) {
    let others = trail.records.len() - made.ids.len();
    println!(
        "{what}: {} records and {others} of the trail itself arrived, none is missing, {} copies more, {:.1?}",
        made.ids.len(),
        trail.repeated,
        started.elapsed()
    );
}

/// A backend, and the collector of `grafana.yaml` before it, both not running.
fn before_a_backend(variables: &[(&'static str, &str)]) -> Option<(FarSide, Collector)> {
    let backend = FarSide::absent(Collector::absent()?);
    let address = backend.http();
    let mut variables = variables.to_vec();
    variables.extend([
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_LOKI", address.as_str()),
        ("LLM_AUDIT_TEMPO", &address),
        // It takes none, which is nothing to the records.
        ("LLM_AUDIT_PROMETHEUS", &address),
    ]);
    let collector = Collector::absent()?.configured("destinations/grafana.yaml", &variables);
    Some((backend, collector))
}

/// A broker that is running, and what stands around it and does not: `kafka-agent.yaml` before it, `kafka-gateway.yaml`
/// behind it, and a backend behind that.
fn around_a_broker() -> Option<(Broker, Collector, Collector, FarSide)> {
    let Some(full) = std::env::var_os("LLM_AUDIT_TEST_COLLECTOR_FULL") else {
        println!("SKIPPED: set LLM_AUDIT_TEST_COLLECTOR_FULL to what `.ci/collector full` prints");
        return None;
    };
    let mut broker = Broker::absent()?;
    broker.start();
    broker.make_topic("llm_audit.logs");
    let collector = || Collector::of(Path::new(&full));
    let backend = FarSide::absent(collector());
    let kafka = ("LLM_AUDIT_KAFKA", broker.address());
    let agent = [kafka, ("LLM_AUDIT_INGEST_TOKEN", TOKEN)];
    let agent = collector().configured("destinations/kafka-agent.yaml", &agent);
    let gateway = [kafka, ("LLM_AUDIT_BACKEND", &backend.http())];
    let gateway = collector().configured("destinations/kafka-gateway.yaml", &gateway);
    Some((broker, agent, gateway, backend))
}

const KILLS: usize = 6;
/// The exporter of records in `grafana.yaml`.
const LOKI: &str = "otlp_http/loki";
