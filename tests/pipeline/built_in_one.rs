//! `telemetry()`: layer, pipeline and auditor in one.

use std::time::Duration;

use llm_audit::telemetry::TelemetryError;
use llm_audit::{AuditSpanExt as _, Drained, keyring_file};
use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler};
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::part::{Part, Player};
use crate::receiver::Receiver;
use crate::stage::{PATIENCE, auditor};

#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.request.model = "gpt-4o"))]
fn ask() {
    Span::current().audit_output(&["an answer"]).unwrap();
}

#[instrument(skip_all, fields(prompt = "my dog is called Rex"))]
fn handle() {
    ask();
}

#[test]
fn calls_and_other_spans_arrive_each_once_and_without_content() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let telemetry = llm_audit::telemetry()
        .auditor(auditor(directory.path()))
        .service("shop")
        .endpoint(&receiver.endpoint())
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        handle();
        telemetry.auditor().verify_installed().unwrap();
    });
    assert_eq!(telemetry.shutdown(PATIENCE), Drained::Complete);
    let requests = receiver.requests();
    let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
    let trail = requests.trail(&keys);
    assert_eq!(trail.count("success"), 1);
    assert_eq!(trail.count("unknown"), 0, "the canary leaves no record");
    let mut names: Vec<_> = requests.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["chat gpt-4o", "handle"]);
    let wire = requests.traces.concat();
    assert!(!contains(&wire, b"Rex"));
    assert!(contains(&wire, b"shop"));
}

#[test]
fn the_ordinary_pipeline_is_the_users_and_the_audit_is_not_sampled_with_it() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let exporter = InMemorySpanExporter::default();
    let telemetry = llm_audit::telemetry()
        .auditor(auditor(directory.path()).endpoint(&receiver.endpoint()))
        .exporter(exporter.clone())
        .provider(|provider| provider.with_sampler(Sampler::AlwaysOff))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, handle);
    telemetry.tracer_provider().force_flush().unwrap();
    assert!(exporter.get_finished_spans().unwrap().is_empty());
    assert_eq!(telemetry.shutdown(PATIENCE), Drained::Complete);
    let names: Vec<_> = receiver
        .requests()
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["chat gpt-4o"]);
}

#[test]
fn shutting_down_hangs_nowhere_and_loses_nothing_when_nobody_listens() {
    let directory = tempfile::tempdir().unwrap();
    let end = || {
        let telemetry = llm_audit::telemetry()
            .auditor(auditor(directory.path()))
            .endpoint("http://127.0.0.1:9")
            .build()
            .unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, handle);
        telemetry.shutdown(Duration::from_millis(200))
    };
    assert!(matches!(end(), Drained::Remaining(_)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert!(matches!(
        runtime.block_on(async { end() }),
        Drained::Remaining(_)
    ));
    let receiver = Receiver::start();
    let next = auditor(directory.path())
        .endpoint(&receiver.endpoint())
        .build()
        .unwrap();
    assert_eq!(next.shutdown(PATIENCE), Drained::Complete);
    assert_eq!(receiver.requests().spans().len(), 2);
}

#[test]
fn installed_it_serves_the_whole_process() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let player = Player::start(
        "built_in_one::installed_it_serves_the_whole_process",
        "application",
        directory.path(),
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint()),
            ("OTEL_SERVICE_NAME", "shop"),
            ("LLM_AUDIT_DATA_DIR", directory.path().to_str().unwrap()),
        ],
    );
    player.end();
    let requests = receiver.requests();
    let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
    assert_eq!(requests.trail(&keys).count("success"), 2);
    let mut names: Vec<_> = requests.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["chat", "chat gpt-4o", "checkout", "handle"]);
    assert!(!contains(&requests.traces.concat(), b"Rex"));
}

/// Set up by the environment alone, ended by a drop.
fn application(_: &Part) {
    let settings = llm_audit::Auditor::builder().generate_keyring();
    let telemetry = llm_audit::telemetry().auditor(settings).build().unwrap();
    telemetry.init().unwrap();
    let again = telemetry.init();
    assert!(matches!(again, Err(TelemetryError::Installed)));
    handle();
    let tracer = global::tracer("another");
    let mut call = tracer.start("chat");
    call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
    call.set_attribute(KeyValue::new("gen_ai.completion", "Rex is a good dog"));
    call.end();
    tracer.start("checkout").end();
    drop(telemetry);
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
