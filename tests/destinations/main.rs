//! The files of `collector-config/destinations` in a real collector: they are valid, and what an
//! application records arrives at a far side that speaks the destination's protocol.
//!
//! `LLM_AUDIT_TEST_COLLECTOR_FULL` names the binary; `.ci/collector full` makes one and prints its path.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../jaeger/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
#[path = "../support/collector.rs"]
mod collector;
mod far_side;
#[path = "../support/recorded.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod recorded;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use application::application;
use collector::Collector;
use far_side::{Events, FarSide};
use llm_audit::otlp::LogBody;
use llm_audit::{Auditor, Drained};
use recorded::Recorded;
use serde_json::Value;

#[test]
fn every_file_is_valid() {
    let Some(binary) = full() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut valid = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("collector-config/destinations");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            continue;
        }
        let mut command = Command::new(&binary);
        command
            .arg("validate")
            .arg("--config")
            .arg(&path)
            .env("LLM_AUDIT_COLLECTOR_DIR", directory.path())
            .envs(REQUIRED);
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} is not valid: {words}");
        valid.insert(name);
    }
    assert!(valid.len() >= 16, "{valid:?}");
}

#[test]
fn splunk_gets_every_record_with_its_fields() {
    let Some((mut splunk, mut collector)) = before_splunk() else {
        return;
    };
    splunk.start();
    collector.start();
    let recorded = record(&collector);
    let events = splunk.wait_for(recorded.records.len());
    check(&recorded, &events);
    let copies = events.values().map(Vec::len).sum::<usize>();
    assert_eq!(
        copies,
        events.len(),
        "nothing went wrong, so nothing is there twice"
    );
}

#[test]
fn splunk_gets_the_body_that_the_application_makes_as_the_event() {
    let Some((mut splunk, mut collector)) = before_splunk() else {
        return;
    };
    splunk.start();
    collector.start();
    let recorded = record_with(&collector, LogBody::Ocsf);
    let events = splunk.wait_for(recorded.records.len());
    for (id, copies) in &events {
        let event: Value = serde_json::from_str(copies[0]["event"].as_str().unwrap()).unwrap();
        assert_eq!(event["metadata"]["uid"], id.as_str());
        assert_eq!(event["metadata"]["version"], "1.8.0");
    }
}

#[test]
fn splunk_misses_no_record_when_both_sides_are_killed() {
    let Some((mut splunk, mut collector)) = before_splunk() else {
        return;
    };
    collector.start();
    // With Splunk away, OK means that the queue on disk has it.
    let recorded = record(&collector);
    collector.kill();
    collector.start();
    splunk.start();
    splunk.wait_for(1);
    splunk.kill();
    collector.kill();
    splunk.start();
    collector.start();
    let events = splunk.wait_for(recorded.records.len());
    check(&recorded, &events);
}

#[test]
fn of_several_destinations_one_gets_everything_and_another_what_is_notable() {
    let Some(binary) = full() else {
        return;
    };
    let [mut everything, mut notable] = [Collector::of(&binary), Collector::of(&binary)];
    let mut variables = REQUIRED.to_vec();
    let (lake, security) = (everything.http_endpoint(), notable.http_endpoint());
    let spans = everything.endpoint().replace("http://", "");
    variables.push(("LLM_AUDIT_EVERYTHING", &lake));
    variables.push(("LLM_AUDIT_NOTABLE", &security));
    variables.push(("LLM_AUDIT_JAEGER", &spans));
    let mut collector = Collector::of(&binary).configured("destinations/several.yaml", &variables);
    collector.start();
    // The one that is away does not hold up the other.
    everything.start();
    let recorded = record(&collector);
    let all: BTreeSet<String> = recorded.records.keys().cloned().collect();
    wait_until(|| everything.logged_ids().0 == all);
    wait_until(|| everything.traced_ids().0.len() == recorded.calls().len());
    notable.start();
    let expected: BTreeSet<String> = recorded
        .records
        .values()
        .filter(|record| is_notable(record))
        .map(|record| recorded::id(record).to_owned())
        .collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    wait_until(|| notable.logged_ids().0 == expected);
}

#[test]
fn a_sender_without_the_token_keeps_what_it_has() {
    let Some((_splunk, mut collector)) = before_splunk() else {
        return;
    };
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("billing")
        .data_dir(directory.path())
        .generate_keyring()
        .endpoint(&collector.endpoint())
        .json_lines()
        .build()
        .unwrap();
    application(&audit);
    assert!(matches!(
        audit.shutdown(Duration::from_secs(2)),
        Drained::Remaining(_)
    ));
    assert!(collector.log_records().is_empty());
    assert_eq!(audit.health().dropped, 0);
}

/// What a security team must see: the application has no accesses, and this trail no heartbeats.
fn is_notable(record: &serde_json::Map<String, Value>) -> bool {
    record["llm_audit.kind"] != "call"
        || ["error", "blocked", "unknown"]
            .iter()
            .any(|status| record["llm_audit.status"] == *status)
}

fn wait_until(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(Instant::now() < deadline, "it does not come to that");
        std::thread::yield_now();
    }
}

/// Every record is there, each copy of it says the same, and has the names that Splunk's own searches use.
fn check(recorded: &Recorded, events: &Events) {
    let expected: BTreeSet<&String> = recorded.records.keys().collect();
    assert_eq!(events.keys().collect::<BTreeSet<_>>(), expected);
    for (id, copies) in events {
        let record = &recorded.records[id];
        for event in copies {
            assert_eq!(event, &copies[0], "a copy");
            assert!(!event["event"].as_str().unwrap().is_empty());
            assert_eq!(event["vendor_product"], "llm-audit");
            assert_eq!(event["app"], "billing");
            assert_eq!(event["id"], id.as_str());
            assert_eq!(event.get("user"), record.get("user.id"));
            for name in [
                "llm_audit.kind",
                "llm_audit.mac",
                "llm_audit.status",
                "user.hash",
            ] {
                assert_eq!(event.get(name), record.get(name), "{name}");
            }
            if record["llm_audit.kind"] == "call" {
                assert_eq!(event.get("object"), record.get("gen_ai.request.model"));
                assert_eq!(event["status"], record["llm_audit.status"]);
            }
        }
    }
    let refused = |event: &Value| event == "blocked" || event == "error";
    let of_status =
        |fields: &[serde_json::Map<String, Value>]| fields[0].get("status").is_some_and(refused);
    assert_eq!(
        events.values().filter(|copies| of_status(copies)).count(),
        3
    );
}

/// What an application records, all of it delivered to the collector.
fn record(collector: &Collector) -> Recorded {
    record_with(collector, LogBody::Text)
}

fn record_with(collector: &Collector, body: LogBody) -> Recorded {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("billing")
        .data_dir(directory.path())
        .generate_keyring()
        .endpoint(&collector.endpoint())
        .header("authorization", &format!("Bearer {TOKEN}"))
        .log_body(body)
        .json_lines()
        .build()
        .unwrap();
    application(&audit);
    assert_eq!(audit.shutdown(Duration::from_secs(60)), Drained::Complete);
    Recorded::read(directory.path())
}

/// Splunk's place, and the collector of `splunk.yaml` before it, both not running.
fn before_splunk() -> Option<(FarSide, Collector)> {
    let binary = full()?;
    let splunk = FarSide::absent(&binary);
    let url = splunk.url();
    let mut variables = REQUIRED.to_vec();
    variables.push(("LLM_AUDIT_SPLUNK", &url));
    let collector = Collector::of(&binary).configured("destinations/splunk.yaml", &variables);
    Some((splunk, collector))
}

/// None, and said loudly, where nothing names the binary.
fn full() -> Option<PathBuf> {
    let binary = std::env::var_os("LLM_AUDIT_TEST_COLLECTOR_FULL");
    if binary.is_none() {
        println!("SKIPPED: set LLM_AUDIT_TEST_COLLECTOR_FULL to what `.ci/collector full` prints");
    }
    binary.map(PathBuf::from)
}

const TOKEN: &str = "a-token-of-the-tests";
/// What the files cannot do without.
const REQUIRED: [(&str, &str); 7] = [
    ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
    ("LLM_AUDIT_DATADOG_KEY", "key"),
    ("LLM_AUDIT_EVENT_HUBS", "audit.servicebus.windows.net:9093"),
    ("LLM_AUDIT_EVENT_HUBS_CONNECTION", "connection"),
    ("LLM_AUDIT_GATEWAY_TOKEN", "token"),
    ("LLM_AUDIT_ELASTIC_KEY", "key"),
    ("LLM_AUDIT_SPLUNK_TOKEN", "token"),
];
