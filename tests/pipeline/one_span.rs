//! Who sends the span of a call that the layer audits.

use llm_audit::record::Status;
use llm_audit::telemetry::SanitizingProcessor;
use llm_audit::{AuditSpanExt as _, Spans};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracerProvider, SimpleSpanProcessor,
};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::stage::{ORDERS, Order, Pipeline, Stage, attribute, hex, sent_text};

/// How the application handles the span of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handling {
    Entered,
    NeverEntered,
    Told,
}

const HANDLINGS: [Handling; 3] = [Handling::Entered, Handling::NeverEntered, Handling::Told];

fn call(handling: Handling) {
    let span = info_span!(
        "call",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = "gpt-4o"
    );
    match handling {
        Handling::Entered => span.in_scope(|| {
            info_span!("inside").in_scope(|| ());
            span.audit_output(&["an answer"]).unwrap();
        }),
        Handling::NeverEntered => {}
        Handling::Told => {
            span.audit_output(&["an answer"]).unwrap();
        }
    }
}

#[test]
fn a_call_has_one_record_and_one_span_in_every_order_of_layers() {
    for order in ORDERS {
        for pipeline in [Pipeline::Stock, Pipeline::Wrapped] {
            for handling in HANDLINGS {
                let stage = Stage::new(pipeline);
                stage.run(order, || info_span!("request").in_scope(|| call(handling)));
                let came = stage.end();
                let what = format!("{order:?} {pipeline:?} {handling:?}");
                let (record, call) = came.record();
                let trace = record.envelope.trace.unwrap();
                let (ours, theirs) = (came.sent.len(), came.ordinary("call").len());
                let expected = match pipeline {
                    Pipeline::Stock => (0, 1),
                    Pipeline::Wrapped => (1, 0),
                };
                assert_eq!((ours, theirs), expected, "{what}");
                assert_eq!(
                    call.hashes.output.is_some(),
                    handling != Handling::NeverEntered,
                    "{what}: what was told is kept"
                );
                let request = came.ordinary("request")[0];
                assert_eq!(
                    trace.trace_id.to_string(),
                    request.span_context.trace_id().to_string(),
                    "{what}"
                );
                if let Some(span) = came.sent.first() {
                    assert_eq!(hex(&span.span_id), trace.span_id.to_string(), "{what}");
                    let parent = request.span_context.span_id().to_string();
                    assert_eq!(hex(&span.parent_span_id), parent, "{what}");
                    assert_eq!(
                        sent_text(span, "llm_audit.record.id"),
                        Some(record.envelope.record_id.to_string()),
                        "{what}"
                    );
                }
                if handling == Handling::Entered {
                    let inside = came.ordinary("inside")[0];
                    assert_eq!(
                        inside.parent_span_id.to_string(),
                        trace.span_id.to_string(),
                        "{what}: spans inside hang on the call's"
                    );
                }
            }
        }
    }
}

#[test]
fn a_call_has_the_parent_that_was_set_from_outside() {
    for order in ORDERS {
        let stage = Stage::new(Pipeline::Wrapped);
        let remote = SpanContext::new(
            TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap(),
            SpanId::from_hex("b7ad6b7169203331").unwrap(),
            TraceFlags::SAMPLED,
            true,
            opentelemetry::trace::TraceState::default(),
        );
        stage.run(order, || {
            let span = info_span!("call", gen_ai.operation.name = "chat");
            let context = opentelemetry::Context::new().with_remote_span_context(remote.clone());
            span.set_parent(context).unwrap();
            span.in_scope(|| ());
        });
        let came = stage.end();
        let trace = came.record().0.envelope.trace.unwrap();
        assert_eq!(
            trace.trace_id.to_string(),
            "0af7651916cd43dd8448eb211c80319c",
            "{order:?}"
        );
        assert_eq!(
            hex(&came.sent[0].parent_span_id),
            "b7ad6b7169203331",
            "{order:?}"
        );
    }
}

#[test]
fn spans_can_be_forced_and_forbidden() {
    for (spans, expected) in [(Spans::Always, (1, 0)), (Spans::Never, (0, 1))] {
        for order in ORDERS {
            let stage = Stage::with(Pipeline::Wrapped, Sampler::AlwaysOn, |builder| {
                builder.spans(spans)
            });
            stage.run(order, || call(Handling::Entered));
            let came = stage.end();
            let counted = (came.sent.len(), came.ordinary("call").len());
            assert_eq!(counted, expected, "{spans:?} {order:?}");
            assert_eq!(came.records().len(), 1);
        }
    }
    let stage = Stage::with(Pipeline::Stock, Sampler::AlwaysOn, |builder| {
        builder.spans(Spans::Always)
    });
    stage.run(Order::AuditFirst, || call(Handling::Entered));
    let came = stage.end();
    assert_eq!(
        (came.sent.len(), came.ordinary("call").len()),
        (1, 1),
        "who forces spans beside a pipeline that has them gets both"
    );
}

#[test]
fn what_is_not_recorded_goes_the_ordinary_way() {
    for order in ORDERS {
        for handling in HANDLINGS {
            let stage = Stage::new(Pipeline::Wrapped);
            stage.audit.set_enabled(false).unwrap();
            stage.run(order, || call(handling));
            let came = stage.end();
            assert!(came.records().is_empty() && came.sent.is_empty());
            assert_eq!(came.ordinary("call").len(), 1, "{order:?} {handling:?}");
        }
    }
}

#[test]
fn recording_that_is_switched_on_in_a_call_makes_no_record_of_it() {
    for order in ORDERS {
        let stage = Stage::new(Pipeline::Wrapped);
        stage.audit.set_enabled(false).unwrap();
        stage.run(order, || {
            let span = info_span!("call", gen_ai.operation.name = "chat");
            stage.audit.set_enabled(true).unwrap();
            drop(span);
        });
        let came = stage.end();
        let counted = (came.records().len(), came.ordinary("call").len());
        assert_eq!(counted, (0, 1), "{order:?}");
    }
}

#[test]
fn a_call_that_ends_behind_the_pipelines_end_is_recorded_and_its_span_sent() {
    for order in ORDERS {
        let stage = Stage::new(Pipeline::Wrapped);
        stage.run(order, || {
            let span = info_span!("call", gen_ai.operation.name = "chat");
            span.in_scope(|| stage.provider.shutdown().unwrap());
            span.audit_output(&["an answer"]).unwrap();
            drop(span);
            call(Handling::Entered);
        });
        stage.audit.flush().unwrap();
        let exported = stage.exporter.get_finished_spans().unwrap();
        assert!(exported.is_empty());
        let came = stage.end();
        assert_eq!(came.trail.count(Status::Success.as_str()), 2, "{order:?}");
        assert_eq!(came.sent.len(), 2, "{order:?}");
    }
}

#[test]
fn a_call_begun_behind_the_auditors_end_stays_in_its_pipeline() {
    for order in ORDERS {
        let stage = Stage::new(Pipeline::Wrapped);
        stage.audit.shutdown(crate::stage::PATIENCE);
        stage.run(order, || call(Handling::Entered));
        assert_eq!(stage.audit.health().dropped, 1);
        let came = stage.end();
        assert_eq!(came.ordinary("call").len(), 1, "{order:?}");
    }
}

#[test]
fn processors_that_are_wrapped_twice_or_stand_side_by_side_do_no_more_than_once() {
    for order in ORDERS {
        let mut stage = Stage::new(Pipeline::Stock);
        let exporters: [InMemorySpanExporter; 2] = Default::default();
        let [one, other] = exporters.each_ref().map(|exporter| {
            let exporting = SimpleSpanProcessor::new(exporter.clone());
            let once = SanitizingProcessor::new(exporting, &stage.audit);
            SanitizingProcessor::new(once, &stage.audit)
        });
        stage.provider = SdkTracerProvider::builder()
            .with_span_processor(one)
            .with_span_processor(other)
            .build();
        stage.run(order, || {
            call(Handling::Entered);
            call(Handling::NeverEntered);
            info_span!("ordinary", secret = "hunter2").in_scope(|| ());
        });
        let exported = exporters.map(|exporter| exporter.get_finished_spans().unwrap());
        let came = stage.end();
        assert_eq!((came.records().len(), came.sent.len()), (2, 2), "{order:?}");
        for spans in exported {
            let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
            assert_eq!(names, ["inside", "ordinary"], "{order:?}");
            assert_eq!(attribute(&spans[1], "secret"), None);
            let redacted = attribute(&spans[1], "llm_audit.redacted.attributes");
            assert_eq!(redacted, Some(&opentelemetry::Value::I64(1)));
        }
    }
}

#[test]
fn providers_side_by_side_keep_what_is_theirs() {
    let wrapped = Stage::new(Pipeline::Wrapped);
    let stock = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(stock.clone())
        .build();
    wrapped.run(Order::AuditFirst, || call(Handling::Entered));
    let beside = {
        use opentelemetry::trace::TracerProvider as _;
        use tracing_subscriber::layer::SubscriberExt as _;
        let tracer = provider.tracer("beside");
        tracing_subscriber::registry()
            .with(wrapped.audit.layer())
            .with(tracing_opentelemetry::layer().with_tracer(tracer))
    };
    tracing::subscriber::with_default(beside, || call(Handling::Entered));
    let theirs = stock.get_finished_spans().unwrap();
    let came = wrapped.end();
    assert_eq!(came.records().len(), 2);
    assert_eq!(
        came.sent.len(),
        1,
        "the other provider exports the other one itself"
    );
    assert_eq!(theirs.iter().filter(|span| span.name == "call").count(), 1);
}

#[test]
fn an_auditor_that_sends_no_spans_leaves_them_to_the_pipeline() {
    let directory = tempfile::tempdir().unwrap();
    let audit = crate::stage::auditor(directory.path())
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let exporter = InMemorySpanExporter::default();
    let processor = SanitizingProcessor::new(SimpleSpanProcessor::new(exporter.clone()), &audit);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    use opentelemetry::trace::TracerProvider as _;
    use tracing_subscriber::layer::SubscriberExt as _;
    let subscriber = tracing_subscriber::registry()
        .with(audit.layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("application")));
    tracing::subscriber::with_default(subscriber, || {
        info_span!("call", gen_ai.operation.name = "chat").in_scope(|| {
            let told = Span::current();
            told.audit_input(&["my dog is called Rex"]).unwrap();
            tracing::error!(error = "no dog is called my dog is called Rex");
        });
    });
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1);
    let shown = format!("{spans:?}");
    assert!(!shown.contains("Rex"), "{shown}");
}
