//! A real Jaeger behind a real collector with `collector-config/jaeger.yaml`: an operator finds every call there, with
//! every attribute, once, and in its place.
//!
//! `LLM_AUDIT_TEST_COLLECTOR` and `LLM_AUDIT_TEST_JAEGER` name the binaries; `.ci/collector` and `.ci/jaeger` make them and
//! print their paths. The reference is what the same auditor writes as JSON lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod application;
#[path = "../support/collector.rs"]
mod collector;
#[path = "../support/jaeger.rs"]
mod jaeger;
mod pipeline;
#[path = "../support/recorded.rs"]
mod recorded;
mod view;
#[cfg(feature = "telemetry")]
mod wrapped;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use application::{agent, application, detailed};
use collector::Collector;
use jaeger::{Jaeger, Shown};
use llm_audit::record::attribute;
use llm_audit::{Auditor, AuditorBuilder, Drained};
use recorded::Recorded;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;
use view::{ELSEWHERE, assert_each_once, check, pair, record_id, tree};

#[test]
fn jaeger_shows_every_call_with_every_attribute_in_its_type() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    application(&audit);
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, detailed);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, recorded.calls().len());
    assert_each_once(&recorded, &shown);
    for span in &shown {
        check(&recorded.records[&record_id(span)], span);
    }
    let not_shown = attribute::TABLE.iter().map(|row| row.name).filter(|name| {
        let expected = !OF_OTHERS.iter().any(|start| name.starts_with(start));
        expected && !shown.iter().any(|span| span.tags.contains_key(*name))
    });
    let not_shown: Vec<&str> = not_shown.collect();
    assert_eq!(not_shown, ELSEWHERE, "all others of the table are shown");
    assert_eq!(jaeger.services(), [SERVICE]);
    assert_eq!(
        collector.log_records().len(),
        recorded.records.len(),
        "records that Jaeger does not take are in the file"
    );
}

#[test]
fn jaeger_finds_calls_by_user_model_operation_and_status() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    application(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    jaeger.wait_for(SERVICE, recorded.calls().len());
    let of_user = |user: &str| {
        let mut calls = recorded.calls().into_iter();
        let call = calls
            .find(|call| call.get("user.id").is_some_and(|id| id == user))
            .unwrap();
        call["user.hash"].clone()
    };
    let searches = [
        ("user.hash", of_user("anna"), 1),
        ("user.hash", of_user("dora"), 2),
        ("user.hash", of_user("chen"), 4),
        ("gen_ai.request.model", json!("claude-sonnet-4-5"), 3),
        ("gen_ai.operation.name", json!("embeddings"), 1),
        // Jaeger's own `error=true` finds nothing in its memory, which takes the word for a text; ours does.
        ("llm_audit.status", json!("error"), 2),
        ("llm_audit.status", json!("blocked"), 1),
        ("llm_audit.status", json!("cancelled"), 1),
        ("error.type", json!("timeout"), 1),
        ("gen_ai.usage.input_tokens", json!(21), 2),
    ];
    for (name, value, expected) in searches {
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        let tags = json!({ name: text }).to_string();
        let found = jaeger.search(&[("service", SERVICE), ("tags", &tags)]);
        let matching = found
            .iter()
            .filter(|span| span.tags.get(name).is_some_and(|tag| tag["value"] == value));
        assert_eq!(matching.count(), expected, "{tags}");
        for (_, trace) in by_trace(&found) {
            let matches =
                |span: &&Shown| span.tags.get(name).is_some_and(|tag| tag["value"] == value);
            assert!(trace.iter().any(matches), "{tags} finds another trace");
        }
    }
    let operation = "embeddings text-embedding-3-small";
    let named = jaeger.search(&[("service", SERVICE), ("operation", operation)]);
    assert!(named.iter().any(|span| span.name == operation));
}

#[test]
fn calls_within_calls_stand_in_their_place() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, agent);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let shown = jaeger.wait_for(SERVICE, 4);
    // A span that is no call, `plan`, is nobody's parent: it goes nowhere.
    let expected = [
        ("chat claude-sonnet-4-5", "execute_tool"),
        (
            "embeddings text-embedding-3-small",
            "invoke_agent researcher-model",
        ),
        ("execute_tool", "invoke_agent researcher-model"),
        ("invoke_agent researcher-model", ""),
    ];
    assert_eq!(
        tree(&shown),
        expected.map(|(name, parent)| pair(name, parent))
    );
    let traces: BTreeSet<_> = shown.iter().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 1);
}

#[test]
fn what_waited_for_jaeger_survives_a_kill_of_the_collector_and_is_shown_once() {
    let (Some(mut jaeger), Some(collector)) = (Jaeger::absent(), Collector::absent()) else {
        return;
    };
    let mut collector = collector.configured(CONFIG, &[("LLM_AUDIT_JAEGER", &jaeger.otlp())]);
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    application(&audit);
    assert_eq!(
        audit.shutdown(PATIENCE),
        Drained::Complete,
        "the collector took it, with Jaeger away"
    );
    collector.kill();
    jaeger.start();
    collector.start();
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, recorded.calls().len());
    assert_each_once(&recorded, &shown);
}

#[test]
fn a_collector_that_is_killed_again_and_again_makes_jaeger_show_no_call_twice() {
    let Some((jaeger, mut collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    for _ in 0..4 {
        for _ in 0..40 {
            application(&audit);
        }
        collector.kill();
        application(&audit);
        collector.start();
    }
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, recorded.calls().len());
    assert_each_once(&recorded, &shown);
    let copies = jaeger.search(&[("service", SERVICE), ("raw", "true")]);
    println!(
        "4 kills of the collector: {} calls shown, each once; {} copies of them came to Jaeger",
        shown.len(),
        copies.len() - shown.len()
    );
}

#[test]
fn jaeger_alone_takes_the_spans_and_the_records_wait_loudly_for_a_collector() {
    let (Some(jaeger), Some(mut collector)) = (Jaeger::running(), Collector::absent()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let direct = format!("http://{}", jaeger.otlp());
    let audit = auditor(directory.path()).endpoint(&direct).build().unwrap();
    application(&audit);
    audit.flush().unwrap();
    let recorded = Recorded::wait_for(directory.path(), 12);
    let shown = jaeger.wait_for(SERVICE, recorded.calls().len());
    assert_each_once(&recorded, &shown);
    let health = eventually(&audit, |health| {
        health.spans_sent == shown.len() as u64 && health.delivery_failure.is_some()
    });
    assert_eq!(
        health.delivery_failure.as_deref(),
        Some("the receiver says UNIMPLEMENTED")
    );
    assert_eq!((health.sent, health.refused, health.dropped), (0, 0, 0));
    assert_eq!(health.depth, recorded.records.len() as u64);
    let Drained::Remaining(left) = audit.shutdown(Duration::from_secs(1)) else {
        panic!("Jaeger takes no log records")
    };
    assert_eq!(left, recorded.records.len() as u64 + 1, "and the stop");
    drop(audit);

    collector = collector.configured(CONFIG, &[("LLM_AUDIT_JAEGER", &jaeger.otlp())]);
    collector.start();
    let audit = auditor(directory.path())
        .service("another")
        .endpoint(&collector.endpoint())
        .build()
        .unwrap();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    assert_eq!(collector.log_records().len(), recorded.records.len());
    let raw = jaeger.search(&[("service", SERVICE), ("raw", "true")]);
    assert_each_once(&recorded, &raw);
}

/// Attributes of changes, accesses and records about the trail, and of calls whose application sanitizes or describes them,
/// or has a rule that lets content leave.
const OF_OTHERS: [&str; 9] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "llm_audit.access.",
    "llm_audit.change.",
    "llm_audit.metadata",
    "llm_audit.sanitization.",
    "llm_audit.system.",
];

fn by_trace(spans: &[Shown]) -> BTreeMap<&str, Vec<&Shown>> {
    let mut traces: BTreeMap<&str, Vec<&Shown>> = BTreeMap::new();
    for span in spans {
        traces.entry(&span.trace_id).or_default().push(span);
    }
    traces
}

/// Waits until the auditor's health is as described.
fn eventually(
    audit: &Auditor,
    as_described: impl Fn(&llm_audit::Health) -> bool,
) -> llm_audit::Health {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = audit.health();
        if as_described(&health) {
            return health;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        std::thread::yield_now();
    }
}

/// Jaeger, and a collector in front of it.
fn both() -> Option<(Jaeger, Collector)> {
    let (jaeger, collector) = (Jaeger::running()?, Collector::absent()?);
    let mut collector = collector.configured(CONFIG, &[("LLM_AUDIT_JAEGER", &jaeger.otlp())]);
    collector.start();
    Some((jaeger, collector))
}

fn settings(data_dir: &Path, collector: &Collector) -> AuditorBuilder {
    auditor(data_dir).endpoint(&collector.endpoint())
}

fn auditor(data_dir: &Path) -> AuditorBuilder {
    Auditor::builder()
        .service(SERVICE)
        .data_dir(data_dir)
        .generate_keyring()
        .json_lines()
}

const CONFIG: &str = "jaeger.yaml";
const SERVICE: &str = "billing";
const PATIENCE: Duration = Duration::from_secs(60);
