//! Whatever a sampler decides: the record is there, and so is the auditor's span where it sends one.

use std::path::Path;

use llm_audit::AuditSpanExt as _;
use llm_audit::record::Status;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracerProvider, SimpleSpanProcessor,
};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::part::{Part, Player};
use crate::receiver::Receiver;
use crate::stage::{ORDERS, PATIENCE, Pipeline, Stage, auditor, hex};
use llm_audit::telemetry::SanitizingProcessor;

fn call() -> Option<String> {
    let span = info_span!("call", gen_ai.operation.name = "chat");
    span.in_scope(|| {
        span.audit_output(&["an answer"]).unwrap();
        let context = Context::current();
        let context = context.span().span_context().clone();
        context.is_valid().then(|| context.span_id().to_string())
    })
}

#[test]
fn a_call_that_is_not_sampled_has_its_record_and_where_the_pipeline_is_wrapped_its_span() {
    for order in ORDERS {
        for (pipeline, spans) in [(Pipeline::Wrapped, 1), (Pipeline::Stock, 0)] {
            let stage = Stage::with(pipeline, Sampler::AlwaysOff, |builder| builder);
            let id = stage.run(order, call).unwrap();
            let came = stage.end();
            let what = format!("{order:?} {pipeline:?}");
            let (record, call) = came.record();
            assert_eq!(call.outcome.status, Status::Success, "{what}");
            assert_eq!(
                record.envelope.trace.unwrap().span_id.to_string(),
                id,
                "{what}"
            );
            assert!(came.ordinary.is_empty(), "{what}");
            assert_eq!(came.sent.len(), spans, "{what}");
            if let Some(span) = came.sent.first() {
                assert_eq!(hex(&span.span_id), id, "{what}");
            }
        }
    }
}

#[test]
fn a_call_that_is_neither_sampled_nor_entered_has_its_record_and_its_span() {
    for order in ORDERS {
        let stage = Stage::with(Pipeline::Wrapped, Sampler::AlwaysOff, |builder| builder);
        stage.run(order, || {
            drop(info_span!("call", gen_ai.operation.name = "chat"));
        });
        let came = stage.end();
        assert_eq!((came.records().len(), came.sent.len()), (1, 1), "{order:?}");
    }
}

#[test]
fn a_pipeline_that_was_seen_not_to_be_wrapped_is_not_taken_for_one_that_is() {
    // A provider that is wrapped, and beside it one that is not and samples the first of two calls.
    let stage = Stage::new(Pipeline::Wrapped);
    let provider = SdkTracerProvider::builder()
        .with_sampler(EveryOther::default())
        .with_simple_exporter(InMemorySpanExporter::default())
        .build();
    let beside = tracing_subscriber::registry()
        .with(stage.audit.layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("beside")));
    tracing::subscriber::with_default(beside, || {
        call();
        call();
    });
    let came = stage.end();
    assert_eq!((came.records().len(), came.sent.len()), (2, 0));
}

#[test]
fn variables_of_the_ordinary_pipeline_do_not_touch_the_audit() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    for (sampler, argument) in [("always_off", ""), ("traceidratio", "0")] {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start();
        let player = Player::start(
            "samplers::variables_of_the_ordinary_pipeline_do_not_touch_the_audit",
            "application",
            directory.path(),
            &[
                ("OTEL_TRACES_SAMPLER", sampler),
                ("OTEL_TRACES_SAMPLER_ARG", argument),
                ("ENDPOINT", &receiver.endpoint()),
            ],
        );
        player.end();
        let requests = receiver.requests();
        let keys = Path::join(directory.path(), "keyring.json");
        let keys = llm_audit::keyring_file::read(&keys).unwrap();
        assert_eq!(requests.trail(&keys).count("success"), 2, "{sampler}");
        assert_eq!(requests.spans().len(), 2, "{sampler}");
    }
}

/// A wrapped pipeline that samples nothing, and no pipeline at all.
fn application(part: &Part) {
    let audit = auditor(&part.data_dir)
        .endpoint(&part.setting("ENDPOINT").unwrap())
        .build()
        .unwrap();
    let exporter = InMemorySpanExporter::default();
    let exporting = SimpleSpanProcessor::new(exporter.clone());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(SanitizingProcessor::new(exporting, &audit))
        .build();
    let subscriber = tracing_subscriber::registry()
        .with(audit.layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("application")));
    tracing::subscriber::with_default(subscriber, || {
        info_span!("ordinary").in_scope(|| call().unwrap());
    });
    assert!(exporter.get_finished_spans().unwrap().is_empty());
    let alone = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(alone, call);
    audit.shutdown(PATIENCE);
}

/// Samples the first span, the third, …
#[derive(Debug, Clone, Default)]
struct EveryOther(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl opentelemetry_sdk::trace::ShouldSample for EveryOther {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: opentelemetry::trace::TraceId,
        name: &str,
        kind: &opentelemetry::trace::SpanKind,
        attributes: &[opentelemetry::KeyValue],
        links: &[opentelemetry::trace::Link],
    ) -> opentelemetry_sdk::trace::SamplingResult {
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let sampler = if before.is_multiple_of(2) {
            Sampler::AlwaysOn
        } else {
            Sampler::AlwaysOff
        };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}
