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
mod full_disk;
mod kafka;
mod own_metrics;
mod refused;
mod refusing;
mod send_again;
#[path = "../support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;
mod two_tiers;

use std::time::Instant;

use application::{Application, Made, RECORDS, TOKEN};
use collector::Collector;
use far_side::FarSide;
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
    report("collector killed again and again", &made, &trail, started);
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
    collector.stop();
    collector.start();
    assert!(backend.is_empty());
    backend.start();
    backend.wait_for_the_first();
    backend.kill();
    backend.start();
    let trail = backend.wait_for(&made);
    report("backend down for the whole run", &made, &trail, started);
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
    before_a_backend_with("destinations/grafana.yaml", variables)
}

/// The same with a file of one's own that asks for the same variables.
fn before_a_backend_with(
    file: &str,
    variables: &[(&'static str, &str)],
) -> Option<(FarSide, Collector)> {
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
    let collector = Collector::absent()?.configured(file, &variables);
    Some((backend, collector))
}

/// How often the collector is killed while records flow.
const KILLS: usize = 6;
