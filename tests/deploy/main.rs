//! The application of `collector-config/deploy` and the collector of its containers, as processes: what the Compose file and
//! the manifests start, without the containers. `.ci/schemas` looks at those files themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../collector-config/deploy/application/main.rs"]
#[allow(dead_code, reason = "its main is the test here")]
mod application;
#[path = "../support/collector.rs"]
mod collector;
mod figures;
#[path = "../support/jaeger.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod jaeger;
#[path = "../support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use collector::Collector;
use jaeger::Jaeger;
use part::{Part, Player};
use serde_json::Value;

#[test]
fn what_the_application_records_is_at_the_collector_when_it_has_been_stopped() {
    if Part::of_this_process().is_some() {
        return play();
    }
    let (Some(collector), Some(mut jaeger)) = (Collector::absent(), Jaeger::absent()) else {
        return;
    };
    let otlp = jaeger.otlp();
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_JAEGER", otlp.as_str()),
        ("LLM_AUDIT_PROMETHEUS", "http://127.0.0.1:9"),
        ("LLM_AUDIT_COLLECTOR_METRICS", "none"),
        ("LLM_AUDIT_LISTEN", "127.0.0.1"),
    ];
    let mut collector = collector.configured("deploy/collector.yaml", &variables);
    let spool = tempfile::tempdir().unwrap();

    // Nothing waits for anything: the application is there before its collector, and that before Jaeger.
    let application = start(&collector, spool.path());
    until("its keyring is there", || {
        spool.path().join("keyring.json").exists()
    });
    collector.start();
    let calls = |of: &str| count(&collector, "llm_audit.status", of);
    until("a call was recorded", || calls("success") >= 1);
    application.kill();

    let application = start(&collector, spool.path());
    until("each of its prompts was recorded", || {
        calls("success") >= 5 && calls("blocked") >= 1 && calls("error") >= 1
    });
    stop(application);
    let events = |of: &str| count(&collector, "llm_audit.system.event", of);
    assert_eq!((events("start"), events("stop"), events("gap")), (2, 1, 0));
    let records = records(&collector);
    let users: BTreeSet<&str> = records
        .values()
        .filter_map(|one| one["user.id"].as_str())
        .collect();
    assert_eq!(users, ["anna", "ben", "dora"].into());

    jaeger.start();
    let recorded = records
        .values()
        .filter(|one| one["llm_audit.kind"] == "call");
    let shown = jaeger.wait_for("shop", recorded.count());
    assert!(shown.iter().all(|span| span.tags.contains_key("user.hash")));
}

/// The application, with the environment that its container has.
fn start(collector: &Collector, data_dir: &Path) -> Player {
    let header = format!("authorization=Bearer%20{TOKEN}");
    let settings = [
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_HEADERS", &header),
        ("LLM_AUDIT_DATA_DIR", data_dir.to_str().unwrap()),
    ];
    let test = "what_the_application_records_is_at_the_collector_when_it_has_been_stopped";
    Player::start(test, "application", data_dir, &settings)
}

fn play() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(application::run()).unwrap();
}

/// As `docker stop` and Kubernetes do. It has succeeded only when all records were taken, and its metrics too.
fn stop(application: Player) {
    let id = application.process_id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(killed.success());
    application.end();
}

/// How many records say so. Delivery is at least once: what a kill interrupted is there twice.
fn count(collector: &Collector, attribute: &str, value: &str) -> usize {
    let records = records(collector);
    let so = records.values().filter(|one| one[attribute] == value);
    so.count()
}

/// The texts of the attributes of each record, by its id.
fn records(collector: &Collector) -> BTreeMap<String, Value> {
    let text = |attribute: &Value| {
        let name = attribute["key"].as_str()?.to_owned();
        Some((name, attribute["value"]["stringValue"].clone()))
    };
    let records = collector.log_records().into_iter().map(|(_, record)| {
        let attributes = record["attributes"].as_array().unwrap();
        let texts: Value = attributes.iter().filter_map(text).collect();
        (texts["llm_audit.record.id"].to_string(), texts)
    });
    records.collect()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}: it never came");
        thread::yield_now();
    }
}

const TOKEN: &str = "a-token-of-the-tests";
const PATIENCE: Duration = Duration::from_secs(60);
