//! The application's own OpenTelemetry pipeline behind our processor: its calls go our way, under the pipeline's ids, and
//! stand in the application's own trace.

use llm_audit::telemetry::SanitizingProcessor;
use llm_audit::{Auditor, Drained};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::Sampler;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::application::agent;
use crate::jaeger::Shown;
use crate::pipeline::{Pipeline, assert_each_is_there_once};
use crate::recorded::Recorded;
use crate::view::{assert_each_once, pair, tree};
use crate::{PATIENCE, SERVICE, both, settings};

#[test]
fn a_wrapped_pipeline_shows_each_call_once_in_its_place() {
    check_wrapped(|pipeline, audit| pipeline.audited_first(audit));
}

#[test]
fn a_wrapped_pipeline_before_our_layer_shows_each_call_once_in_its_place() {
    check_wrapped(|pipeline, audit| {
        let tracer = pipeline.provider.tracer("application");
        let ordinary = tracing_opentelemetry::layer().with_tracer(tracer);
        Dispatch::new(
            tracing_subscriber::registry()
                .with(ordinary)
                .with(audit.layer()),
        )
    });
}

#[test]
fn calls_of_a_wrapped_pipeline_that_samples_nothing_are_shown_once() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let pipeline = Pipeline::start(&collector, |builder, stock| {
        builder
            .with_sampler(Sampler::AlwaysOff)
            .with_span_processor(SanitizingProcessor::new(stock, &audit))
    });
    tracing::dispatcher::with_default(&pipeline.audited_first(&audit), agent);
    pipeline.end();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, 4);
    assert_each_once(&recorded, &shown);
    assert_each_is_there_once(&recorded, &shown);
}

#[test]
fn a_call_of_another_instrumentation_is_shown_once_in_its_place() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let pipeline = Pipeline::start(&collector, |builder, stock| {
        builder.with_span_processor(SanitizingProcessor::new(stock, &audit))
    });
    let tracer = pipeline.provider.tracer("application");
    tracer.in_span("request", |_| {
        let mut call = tracer.start("chat gpt-4o");
        call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        call.set_attribute(KeyValue::new("gen_ai.request.model", "gpt-4o"));
        call.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 21));
        call.set_attribute(KeyValue::new("gen_ai.prompt", "nobody else's business"));
        call.end();
        opentelemetry::Context::current().span().end();
    });
    pipeline.end();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let shown = jaeger.wait_for(SERVICE, 2);
    assert_eq!(
        tree(&shown),
        [pair("chat gpt-4o", "request"), pair("request", "")]
    );
    let call = shown.iter().find(|span| span.parent.is_some()).unwrap();
    assert_eq!(call.tags["gen_ai.usage.input_tokens"]["value"], 21);
    assert!(call.tags.contains_key("llm_audit.input.hash"));
    assert!(!call.tags.contains_key("gen_ai.prompt"));
    assert_eq!(Recorded::read(directory.path()).calls().len(), 1);
}

/// An agent's calls, in a subscriber that has a wrapped pipeline.
fn check_wrapped(subscriber: impl FnOnce(&Pipeline, &Auditor) -> Dispatch) {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let pipeline = Pipeline::start(&collector, |builder, stock| {
        builder.with_span_processor(SanitizingProcessor::new(stock, &audit))
    });
    tracing::dispatcher::with_default(&subscriber(&pipeline, &audit), agent);
    pipeline.end();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(directory.path());
    let shown = jaeger.wait_for(SERVICE, 5);
    // `plan` is no call: it comes from the pipeline, the others from us.
    let expected = [
        ("chat claude-sonnet-4-5", "plan"),
        (
            "embeddings text-embedding-3-small",
            "invoke_agent researcher-model",
        ),
        ("execute_tool", "invoke_agent researcher-model"),
        ("invoke_agent researcher-model", ""),
        ("plan", "execute_tool"),
    ];
    assert_eq!(
        tree(&shown),
        expected.map(|(name, parent)| pair(name, parent))
    );
    assert_each_is_there_once(&recorded, &shown);
    let of_ours = |span: &&Shown| span.tags.contains_key("llm_audit.record.id");
    let ours: Vec<Shown> = shown.iter().filter(of_ours).cloned().collect();
    assert_each_once(&recorded, &ours);
}
