//! A real Jaeger behind a real collector with `collector-config/jaeger.yaml`: an operator finds every call there, with
//! every attribute, once, and in its place.
//!
//! `LLM_AUDIT_TEST_COLLECTOR` and `LLM_AUDIT_TEST_JAEGER` name the binaries; `.ci/collector` and `.ci/jaeger` make them and
//! print their paths. The reference is what the same auditor writes as JSON lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/collector.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod collector;
#[path = "support/jaeger.rs"]
mod jaeger;
#[path = "support/recorded.rs"]
mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use collector::Collector;
use jaeger::{Jaeger, Shown};
use llm_audit::record::attribute::{self, Kind};
use llm_audit::{AuditSpanExt as _, Auditor, AuditorBuilder, CallStart, Drained, Provider};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use recorded::Recorded;
use serde_json::{Value, json};
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn jaeger_shows_every_call_with_every_attribute_in_its_type() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    application(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, recorded.calls().len());
    assert_each_once(&recorded, &shown);
    for span in &shown {
        check(&recorded.records[&record_id(span)], span);
    }
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

#[test]
fn a_pipeline_of_the_application_that_is_not_wrapped_shows_each_call_once() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector.endpoint());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().unwrap())
        .with_resource(Resource::builder().with_service_name(SERVICE).build())
        .build();
    let subscriber = tracing_subscriber::registry()
        .with(audit.layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("application")));
    tracing::subscriber::with_default(subscriber, agent);
    provider.shutdown().unwrap();
    drop(entered);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let shown = jaeger.wait_for(SERVICE, 5);
    let expected = [
        ("agent", ""),
        ("ask", "plan"),
        ("embed", "agent"),
        ("plan", "tool"),
        ("tool", "agent"),
    ];
    assert_eq!(
        tree(&shown),
        expected.map(|(name, parent)| pair(name, parent))
    );
    let recorded = Recorded::read(directory.path());
    assert_eq!(recorded.calls().len(), 4);
    for call in recorded.calls() {
        let here = |span: &&Shown| {
            call["trace_id"] == span.trace_id.as_str() && call["span_id"] == span.span_id.as_str()
        };
        assert_eq!(shown.iter().filter(here).count(), 1, "{call:?}");
    }
}

/// An application's calls: whole, failing, blocked, cancelled, and within one another.
fn application(audit: &Auditor) {
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        ask("anna", "What is the capital of France?").unwrap();
        ask("ben", "fail").unwrap_err();
        agent();
    });
    let start = || {
        CallStart::new("chat")
            .provider("openai")
            .model("gpt-4o")
            .user("chen")
            .tenant("north")
            .conversation("c-7")
    };
    let mut call = audit.start(start()).unwrap();
    call.input(&["Grüße, \"Welt\"\u{2028}\n"]).unwrap();
    call.finish().unwrap();
    let failed = audit.start(start()).unwrap();
    failed.fail("timeout", &"no answer\n\tin time").unwrap();
    audit.start(start()).unwrap().block("policy").unwrap();
    drop(audit.start(start()).unwrap());
    audit
        .change("updated", "settings", "7")
        .changed_by("anna")
        .record()
        .unwrap();
}

#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                              gen_ai.request.model = "claude-sonnet-4-5", user.id = user))]
fn ask(user: &str, prompt: &str) -> Result<(), String> {
    let call = Span::current();
    let request = json!({ "model": "claude-sonnet-4-5", "max_tokens": 300, "temperature": 0.25, "top_p": 0.9,
                          "messages": [{ "role": "user", "content": prompt }] });
    call.audit_request(Provider::Anthropic, &request).unwrap();
    if prompt == "fail" {
        return call.audit_result(Err(format!("400: cannot understand {prompt}")));
    }
    let response = json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{ "type": "text", "text": "Paris" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 21, "output_tokens": 2, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0 },
    });
    call.audit_response(Provider::Anthropic, &response).unwrap();
    Ok(())
}

/// An agent: a call of its own, around a tool's with a chat in it, and an embedding.
#[instrument(skip_all, fields(gen_ai.operation.name = "invoke_agent", gen_ai.request.model = "researcher-model"))]
fn agent() {
    tool();
    embed();
}

#[instrument(skip_all, fields(gen_ai.operation.name = "execute_tool"))]
fn tool() {
    plan();
}

#[instrument(skip_all)]
fn plan() {
    ask("dora", "within a tool of an agent").unwrap();
}

#[instrument(skip_all, fields(gen_ai.operation.name = "embeddings", gen_ai.provider.name = "openai",
                              gen_ai.request.model = "text-embedding-3-small", user.id = "dora"))]
fn embed() {
    let response = json!({
        "object": "list", "model": "text-embedding-3-small", "data": [{ "object": "embedding", "index": 0, "embedding": [0.1] }],
        "usage": { "prompt_tokens": 8, "total_tokens": 8 },
    });
    Span::current()
        .audit_response(Provider::OpenAi, &response)
        .unwrap();
}

/// A span is the view of a record: its attributes, each of its type, its time, its place and its outcome.
fn check(record: &serde_json::Map<String, Value>, span: &Shown) {
    let elsewhere = [
        attribute::PARENT_SPAN_ID.name,
        attribute::SERVICE_NAME.name,
        attribute::SPAN_ID.name,
        attribute::TIME.name,
        attribute::TRACE_ID.name,
        attribute::USER_ID.name,
    ];
    let mut tags = span.tags.clone();
    for (name, value) in record
        .iter()
        .filter(|(name, _)| !elsewhere.contains(&name.as_str()))
    {
        let tag = tags
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not shown"));
        let (of_type, value) = shown_as(name, value);
        assert_eq!(
            (&tag["type"], &tag["value"]),
            (&json!(of_type), &value),
            "{name}"
        );
    }
    for derived in [
        attribute::COST_USD.name,
        attribute::LATENCY_MS.name,
        attribute::TIME_TO_FIRST_CHUNK.name,
    ] {
        tags.remove(derived);
    }
    let failed = record["llm_audit.status"] == "error";
    let of_jaeger: BTreeMap<&str, &Value> = tags
        .iter()
        .map(|(name, tag)| (name.as_str(), &tag["value"]))
        .collect();
    let mut expected = BTreeMap::from([
        ("otel.scope.name", json!("llm_audit")),
        ("otel.scope.version", json!(env!("CARGO_PKG_VERSION"))),
        ("span.kind", json!("client")),
    ]);
    if failed {
        expected.insert("error", json!(true));
        expected.insert("otel.status_code", json!("ERROR"));
        expected.insert(
            "otel.status_description",
            record["llm_audit.error.message"].clone(),
        );
    }
    assert_eq!(
        of_jaeger,
        expected
            .iter()
            .map(|(name, value)| (*name, value))
            .collect()
    );
    assert_eq!(
        (&json!(span.trace_id), &json!(span.span_id)),
        (&record["trace_id"], &record["span_id"])
    );
    assert_eq!(
        span.parent.as_deref(),
        record
            .get(attribute::PARENT_SPAN_ID.name)
            .map(|parent| parent.as_str().unwrap())
    );
    let nanos: u64 = record[attribute::TIME.name]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(span.start_micros, nanos / 1000);
    let duration = record
        .get("llm_audit.duration_ns")
        .map_or(0, |nanos| nanos.as_u64().unwrap());
    assert_eq!(span.duration_micros, duration / 1000);
    assert_eq!(
        (span.service.as_str(), &span.warnings),
        (SERVICE, &Value::Null)
    );
}

/// How Jaeger's query API shows an attribute: type and value.
fn shown_as(name: &str, value: &Value) -> (&'static str, Value) {
    let row = attribute::TABLE
        .iter()
        .find(|row| row.name == name)
        .unwrap();
    let of_type = match row.kind {
        Kind::Double => "float64",
        Kind::Flag => "bool",
        Kind::Int => "int64",
        Kind::Text => "string",
        // It has no lists: one is shown as JSON.
        Kind::Texts => return ("string", json!(value.to_string())),
    };
    (of_type, value.clone())
}

/// Every call that was recorded is shown, no other, and none twice.
fn assert_each_once(recorded: &Recorded, shown: &[Shown]) {
    let mut ids: Vec<String> = shown.iter().map(record_id).collect();
    ids.sort();
    let mut expected: Vec<&str> = recorded.calls().into_iter().map(recorded::id).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

fn record_id(span: &Shown) -> String {
    span.tags[attribute::RECORD_ID.name]["value"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The names of spans and of their parents.
fn tree(spans: &[Shown]) -> Vec<(String, String)> {
    let name = |id: &String| {
        spans
            .iter()
            .find(|span| span.span_id == *id)
            .unwrap()
            .name
            .clone()
    };
    let mut tree: Vec<_> = spans
        .iter()
        .map(|span| {
            (
                span.name.clone(),
                span.parent.as_ref().map(name).unwrap_or_default(),
            )
        })
        .collect();
    tree.sort();
    tree
}

fn pair(name: &str, parent: &str) -> (String, String) {
    (name.to_owned(), parent.to_owned())
}

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
