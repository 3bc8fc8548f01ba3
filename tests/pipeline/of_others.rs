//! Calls that other instrumentations made with the OpenTelemetry API: recorded when their span has ended.

use std::time::{Duration, UNIX_EPOCH};

use llm_audit::Spans;
use llm_audit::record::{Cost, Status};
use opentelemetry::trace::{
    Span as _, SpanKind, Status as SpanStatus, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::Sampler;

use crate::stage::{Order, Pipeline, Stage, attribute, hex, sent_text};

const PROMPT: &str =
    r#"[{"role":"user","parts":[{"type":"text","content":"my dog is called Rex"}]}]"#;

fn texts(texts: &[&'static str]) -> Value {
    let texts = texts.iter().map(|text| StringValue::from(*text));
    Value::Array(Array::String(texts.collect()))
}

/// A call as the conventions of today have it.
fn chat(stage: &Stage) -> opentelemetry_sdk::trace::Span {
    let tracer = stage.provider.tracer("another");
    let began = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let attributes = [
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "openai"),
        KeyValue::new("gen_ai.request.model", "gpt-4o"),
        KeyValue::new("gen_ai.request.temperature", 0.5),
        KeyValue::new("gen_ai.usage.input_tokens", 100),
        KeyValue::new("gen_ai.usage.output_tokens", "20"),
        KeyValue::new("gen_ai.input.messages", PROMPT),
        KeyValue::new("gen_ai.response.finish_reasons", texts(&["stop", "length"])),
        KeyValue::new("user.id", "anna"),
    ];
    tracer
        .span_builder("chat gpt-4o")
        .with_kind(SpanKind::Client)
        .with_start_time(began)
        .with_attributes(attributes)
        .start(&tracer)
}

#[test]
fn a_finished_span_becomes_a_record_and_the_auditors_span() {
    let stage = Stage::new(Pipeline::Wrapped);
    let mut parent = None;
    let tracer = stage.provider.tracer("application");
    tracer.in_span("request", |context| {
        parent = Some(context.span().span_context().clone());
        let mut call = chat(&stage);
        call.end_with_timestamp(UNIX_EPOCH + Duration::from_millis(1_800_000_000_250));
    });
    let came = stage.end();
    let (record, call) = came.record();
    let parent = parent.unwrap();
    let trace = record.envelope.trace.unwrap();
    assert_eq!(trace.trace_id.to_string(), parent.trace_id().to_string());
    assert_eq!(
        trace.parent_span_id.unwrap().to_string(),
        parent.span_id().to_string()
    );
    assert_eq!(record.envelope.time.unix_millis(), 1_800_000_000_000);
    assert_eq!(
        record.envelope.service.as_ref().unwrap().as_str(),
        "application"
    );
    assert_eq!(
        record.envelope.actor.user_id.as_ref().unwrap().as_str(),
        "anna"
    );
    assert_eq!(call.duration_ns, Some(250_000_000));
    assert_eq!(call.outcome.status, Status::Success);
    let usage = (call.usage.input_tokens, call.usage.output_tokens);
    assert_eq!(
        usage,
        (Some(100), Some(20)),
        "a count that came as a text is a number"
    );
    assert!(matches!(call.cost, Cost::Known { .. }));
    assert_eq!(call.request.temperature, Some(0.5));
    assert_eq!(call.response.finish_reasons.len(), 2);
    assert!(call.hashes.input.is_some(), "content leaves as its hash");
    assert_eq!((came.sent.len(), came.ordinary.len()), (1, 1));
    assert_eq!(came.ordinary[0].name, "request");
    let span = &came.sent[0];
    assert_eq!(hex(&span.span_id), trace.span_id.to_string());
    assert_eq!(span.start_time_unix_nano, 1_800_000_000_000_000_000);
    assert_eq!(span.end_time_unix_nano, 1_800_000_000_250_000_000);
    assert_eq!(sent_text(span, "user.id"), None);
}

#[test]
fn errors_are_taken_from_status_events_and_attributes() {
    for way in ["status", "event", "attribute", "recovered"] {
        let stage = Stage::new(Pipeline::Wrapped);
        let mut call = chat(&stage);
        let text = "the provider says 400 to \"my dog is called Rex\"";
        let exception = vec![
            KeyValue::new("exception.type", "RateLimit"),
            KeyValue::new("exception.message", text),
        ];
        match way {
            "status" => call.set_status(SpanStatus::error(text)),
            "event" => {
                call.add_event("exception", exception);
                call.set_status(SpanStatus::error(""));
            }
            "recovered" => call.add_event("exception", exception),
            _ => call.set_attribute(KeyValue::new("error.type", "429")),
        }
        drop(call);
        let came = stage.end();
        let outcome = &came.record().1.outcome;
        let expected = match way {
            "recovered" => (Status::Success, None),
            "attribute" => (Status::Error, Some("429")),
            "event" => (Status::Error, Some("RateLimit")),
            _ => (Status::Error, Some("_OTHER")),
        };
        let found = outcome.error_type.as_ref().map(|error| error.as_str());
        assert_eq!((outcome.status, found), expected, "{way}");
        let message = outcome.error_message.as_ref().map(|text| text.as_str());
        if matches!(way, "status" | "event") {
            let message = message.unwrap();
            assert!(
                message.contains("the provider says 400") && !message.contains("Rex"),
                "{way}: {message}"
            );
        }
    }
}

#[test]
fn names_of_older_conventions_mean_the_same() {
    let stage = Stage::new(Pipeline::Wrapped);
    let tracer = stage.provider.tracer("older");
    let mut call = tracer.start("openai.chat");
    for attribute in [
        KeyValue::new("gen_ai.system", "xai"),
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.usage.prompt_tokens", 7),
        KeyValue::new("gen_ai.usage.completion_tokens", 3),
    ] {
        call.set_attribute(attribute);
    }
    call.add_event(
        "gen_ai.content.prompt",
        vec![KeyValue::new("gen_ai.prompt", "my dog is called Rex")],
    );
    drop(call);
    let came = stage.end();
    let call = came.record().1;
    assert_eq!(call.provider.as_ref().unwrap().as_str(), "x_ai");
    let usage = (call.usage.input_tokens, call.usage.output_tokens);
    assert_eq!(usage, (Some(7), Some(3)));
    assert!(call.hashes.input.is_some());
}

#[test]
fn agents_and_tools_are_records_that_count_no_tokens_again() {
    let stage = Stage::new(Pipeline::Wrapped);
    let tracer = stage.provider.tracer("agents");
    let start = |operation: &'static str, around: &Context| {
        let attributes = [
            KeyValue::new("gen_ai.operation.name", operation),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", "gpt-4o"),
            KeyValue::new("gen_ai.usage.input_tokens", 100),
        ];
        let builder = tracer.span_builder(operation).with_attributes(attributes);
        around.with_span(builder.start_with_context(&tracer, around))
    };
    let agent = start("invoke_agent", &Context::new());
    for operation in ["chat", "execute_tool", "embeddings"] {
        start(operation, &agent).span().end();
    }
    agent.span().end();
    let came = stage.end();
    let counted: Vec<_> = came
        .records()
        .into_iter()
        .map(|(_, call)| (call.operation.as_str(), call.usage.input_tokens))
        .collect();
    for expected in [
        ("chat", Some(100)),
        ("embeddings", Some(100)),
        ("execute_tool", None),
        ("invoke_agent", None),
    ] {
        assert!(counted.contains(&expected), "{expected:?}: {counted:?}");
    }
    assert_eq!(
        (counted.len(), came.sent.len(), came.ordinary.len()),
        (4, 4, 0)
    );
}

#[test]
fn a_call_of_another_instrumentation_inside_of_an_audited_one_is_a_record_of_its_own() {
    let stage = Stage::new(Pipeline::Wrapped);
    stage.run(Order::AuditFirst, || {
        tracing::info_span!("outer", gen_ai.operation.name = "invoke_agent").in_scope(|| {
            chat(&stage).end();
        });
    });
    let came = stage.end();
    assert_eq!((came.records().len(), came.sent.len()), (2, 2));
    let of = |operation: &str| {
        let records = came.records();
        let found = records
            .iter()
            .find(|(_, call)| call.operation.as_str() == operation);
        found.unwrap().0.envelope.trace.unwrap()
    };
    assert_eq!(of("chat").parent_span_id, Some(of("invoke_agent").span_id));
}

#[test]
fn a_call_of_another_instrumentation_is_not_taken_for_one_of_the_layer_that_waits() {
    let stage = Stage::new(Pipeline::Wrapped);
    stage.run(Order::AuditLast, || {
        let waits = tracing::info_span!("waits", gen_ai.operation.name = "chat");
        // Made at the same time, but it began in another year.
        chat(&stage).end();
        drop(waits);
    });
    let came = stage.end();
    assert_eq!((came.records().len(), came.sent.len()), (2, 2));
}

#[test]
fn what_the_auditor_does_not_send_the_pipeline_shows_without_content() {
    let stage = Stage::with(Pipeline::Wrapped, Sampler::AlwaysOn, |builder| {
        builder.spans(Spans::Never)
    });
    chat(&stage).end();
    stage.audit.set_enabled(false).unwrap();
    chat(&stage).end();
    let came = stage.end();
    assert_eq!((came.records().len(), came.ordinary.len()), (1, 2));
    for span in &came.ordinary {
        assert!(!format!("{span:?}").contains("Rex"), "{span:?}");
        let tokens = attribute(span, "gen_ai.usage.output_tokens");
        assert_eq!(tokens, Some(&Value::I64(20)));
    }
}
