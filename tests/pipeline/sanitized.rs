//! Ordinary spans leave without content, whoever made them.

use llm_audit::CallStart;
use llm_audit::telemetry::SanitizingProcessor;
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor};
use tracing::{error, info, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::stage::{Order, Pipeline, Stage, attribute};

const CONTENT: &str = "my dog is called Rex";

#[test]
fn content_is_taken_out_of_attributes_events_links_status_and_name() {
    let stage = Stage::new(Pipeline::Wrapped);
    let tracer = stage.provider.tracer("another");
    let around = SpanContext::new(
        TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap(),
        SpanId::from_hex("b7ad6b7169203331").unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let content = || KeyValue::new("input.value", CONTENT);
    let list = Value::Array(Array::String(vec![StringValue::from(CONTENT)]));
    let mut span = tracer
        .span_builder(format!("ask {CONTENT}"))
        .with_links(vec![Link::new(around, vec![content()], 0)])
        .start(&tracer);
    span.set_attributes([
        content(),
        KeyValue::new("llm.prompts", list),
        KeyValue::new("http.route", "/chat"),
        KeyValue::new("server.port", "443"),
        KeyValue::new("peer.service", "sk-proj-0123456789abcdefghijklmnopqrstuv"),
    ]);
    span.add_event(CONTENT, vec![content(), KeyValue::new("level", "INFO")]);
    span.add_event(
        "exception",
        vec![KeyValue::new(
            "exception.message",
            format!("bad: {CONTENT}"),
        )],
    );
    span.set_status(Status::error(format!(
        "400 to {CONTENT} with password=hunter2"
    )));
    span.end();
    let came = stage.end();
    let span = &came.ordinary[0];
    let shown = format!("{span:?}");
    for secret in ["Rex", "hunter2", "0123456789abcdef"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(span.name, "ask <masked>");
    assert_eq!(attribute(span, "http.route"), Some(&"/chat".into()));
    assert_eq!(attribute(span, "server.port"), Some(&Value::I64(443)));
    assert_eq!(span.events[0].name, "event");
    assert_eq!(span.events[1].name, "exception");
    assert_eq!(span.links.len(), 1);
    let Status::Error { description } = &span.status else {
        panic!("{:?}", span.status)
    };
    assert_eq!(description, "400 to <masked> with password=<masked>");
    let counted = attribute(span, "llm_audit.redacted.attributes");
    assert_eq!(counted, Some(&Value::I64(4)));
    let counted = attribute(span, "llm_audit.redacted.texts");
    assert_eq!(counted, Some(&Value::I64(5)));
}

#[test]
fn a_span_without_content_is_as_it_was() {
    let stage = Stage::new(Pipeline::Wrapped);
    stage.run(Order::First, || {
        info_span!(
            "request",
            http.route = "/chat",
            http.response.status_code = 200
        )
        .in_scope(|| {
            info!(http.route = "/chat");
        });
    });
    let came = stage.end();
    let span = &came.ordinary[0];
    for name in [
        "code.file.path",
        "code.line.number",
        "thread.id",
        "busy_ns",
        "http.route",
    ] {
        assert!(attribute(span, name).is_some(), "{name}: {span:?}");
    }
    assert_eq!(attribute(span, "llm_audit.redacted.attributes"), None);
    assert_eq!(attribute(span, "llm_audit.redacted.texts"), None);
}

#[instrument(err, skip_all, fields(gen_ai.operation.name = "chat"))]
fn ask(prompt: &str) -> Result<(), String> {
    use llm_audit::AuditSpanExt as _;
    tracing::Span::current().audit_input(&[prompt]).unwrap();
    Err(format!("400: {prompt}"))
}

#[instrument(err, skip_all)]
fn handle(prompt: &str) -> Result<(), String> {
    ask(prompt)
}

#[test]
fn errors_around_a_call_do_not_repeat_what_was_sent() {
    for order in crate::stage::ORDERS {
        let stage = Stage::new(Pipeline::Wrapped);
        stage.run(order, || handle(CONTENT).unwrap_err());
        let came = stage.end();
        let around = came.ordinary("handle")[0];
        let shown = format!("{around:?}");
        assert!(!shown.contains("Rex"), "{shown}");
        assert!(matches!(around.status, Status::Error { .. }));
        assert!(came.ordinary("ask").is_empty());
    }
}

#[test]
fn errors_around_a_call_that_is_not_recorded_do_not_repeat_what_was_sent_either() {
    let stage = Stage::new(Pipeline::Wrapped);
    stage.audit.set_enabled(false).unwrap();
    stage.run(Order::First, || handle(CONTENT).unwrap_err());
    let tracer = stage.provider.tracer("another");
    tracer.in_span("around", |around| {
        let mut call = tracer.start("chat");
        call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        call.end();
        around
            .span()
            .set_status(Status::error(format!("400: {CONTENT}")));
    });
    let came = stage.end();
    assert!(came.records().is_empty());
    assert_eq!(came.ordinary.len(), 4);
    let shown = format!("{:?}", came.ordinary);
    assert!(!shown.contains("Rex"), "{shown}");
}

#[test]
fn an_error_long_after_a_call_of_its_trace_does_not_repeat_what_was_sent() {
    let stage = Stage::new(Pipeline::Wrapped);
    // Nothing of it is recorded, which makes it quick; calls are calls all the same.
    stage.audit.set_enabled(false).unwrap();
    let tracer = stage.provider.tracer("another");
    let call = || {
        let mut call = tracer.start("chat");
        call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        call.end();
    };
    tracer.in_span("around", |around| {
        call();
        let elsewhere = opentelemetry::Context::new().attach();
        (0..5_000).for_each(|_| call());
        drop(elsewhere);
        around
            .span()
            .set_status(Status::error(format!("400: {CONTENT}")));
    });
    let came = stage.end();
    let around = came.ordinary("around")[0];
    assert_eq!(around.status, Status::error("<masked>"));
}

#[test]
fn errors_elsewhere_say_what_they_say() {
    let stage = Stage::new(Pipeline::Wrapped);
    stage.run(Order::First, || {
        info_span!("elsewhere").in_scope(|| error!(error = "the disk is full, password=hunter2"));
    });
    let came = stage.end();
    let event = &came.ordinary[0].events[0];
    let message = event
        .attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == "exception.message");
    assert_eq!(
        message.unwrap().value.as_str(),
        "\"the disk is full, password=<masked>\""
    );
}

#[test]
fn an_application_allows_names_of_its_own() {
    let stage = Stage::new(Pipeline::Stock);
    let exporter = InMemorySpanExporter::default();
    let processor =
        SanitizingProcessor::new(SimpleSpanProcessor::new(exporter.clone()), &stage.audit)
            .allow("shop.order")
            .allow_prefix("shop.cart.")
            .allow_event("cart emptied")
            .danger_allow_error_texts();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    let tracer = provider.tracer("shop");
    let mut call = tracer.start("chat");
    call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
    let around = opentelemetry::Context::new().with_span(call);
    let mut span = tracer.start_with_context("checkout", &around);
    around.span().end();
    for name in ["shop.order", "shop.cart.size", "shop.customer"] {
        span.set_attribute(KeyValue::new(name, 7));
    }
    span.add_event("cart emptied", vec![]);
    span.set_status(Status::error("sold out, token=hunter2"));
    span.end();
    let spans = exporter.get_finished_spans().unwrap();
    let names: Vec<_> = spans[0]
        .attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    assert_eq!(names[..2], ["shop.order", "shop.cart.size"]);
    assert_eq!(names.len(), 4, "two counts: {names:?}");
    assert_eq!(spans[0].events[0].name, "cart emptied");
    assert_eq!(spans[0].status, Status::error("sold out, token=<masked>"));
}

#[test]
fn errors_are_withheld_in_every_trace_where_the_application_wants_that() {
    let stage = Stage::new(Pipeline::Stock);
    let exporter = InMemorySpanExporter::default();
    let processor =
        SanitizingProcessor::new(SimpleSpanProcessor::new(exporter.clone()), &stage.audit)
            .withhold_error_texts();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    let mut span = provider.tracer("shop").start("before any call");
    span.set_status(Status::error(format!("400: {CONTENT}")));
    span.end();
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans[0].status, Status::error("<masked>"));
}

#[test]
fn a_processor_that_is_wrapped_thrice_counts_what_it_takes_out_once() {
    let stage = Stage::new(Pipeline::Stock);
    let exporter = InMemorySpanExporter::default();
    let wrap = || SimpleSpanProcessor::new(exporter.clone());
    let audit = &stage.audit;
    let once = SanitizingProcessor::new(wrap(), audit);
    let twice = SanitizingProcessor::new(SanitizingProcessor::new(wrap(), audit), audit);
    let thrice = SanitizingProcessor::new(
        SanitizingProcessor::new(SanitizingProcessor::new(wrap(), audit), audit),
        audit,
    );
    let provider = SdkTracerProvider::builder()
        .with_span_processor(once)
        .with_span_processor(twice)
        .with_span_processor(thrice)
        .build();
    let tracer = provider.tracer("shop");
    tracer.in_span("around", |around| {
        let mut call = tracer.start("chat");
        call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        call.end();
        let around = around.span();
        around.set_attribute(KeyValue::new("input.value", CONTENT));
        around.add_event(CONTENT, vec![]);
        around.set_status(Status::error(format!("400: {CONTENT}")));
    });
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 3, "no call goes this way: {spans:?}");
    for span in spans {
        let mut counts: Vec<_> = span
            .attributes
            .iter()
            .filter(|attribute| attribute.key.as_str().starts_with("llm_audit.redacted."))
            .map(|attribute| (attribute.key.as_str(), attribute.value.clone()))
            .collect();
        counts.sort_by_key(|(name, _)| *name);
        let expected = [
            ("llm_audit.redacted.attributes", 1),
            ("llm_audit.redacted.texts", 2),
        ];
        assert_eq!(
            counts,
            expected.map(|(name, count)| (name, Value::I64(count)))
        );
    }
}

#[test]
fn the_exporter_behind_it_has_the_resource() {
    let (_stage, exporter, processor) = wrapped();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .build();
    provider.tracer("shop").start("checkout").end();
    provider.force_flush().unwrap();
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 1);
    let shown = format!("{exporter:?}");
    assert!(shown.contains("shop"), "{shown}");
}

#[test]
fn an_error_around_a_call_without_a_span_is_withheld() {
    let (stage, exporter, processor) = wrapped();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    provider.tracer("shop").in_span("around", |around| {
        let call = stage.audit.start(CallStart::new("chat")).unwrap();
        call.fail("server_error", &CONTENT).unwrap();
        around
            .span()
            .set_status(Status::error(format!("500: {CONTENT}")));
    });
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].status, Status::error("<masked>"));
}

#[test]
fn an_error_around_a_call_that_no_opentelemetry_layer_knows_is_withheld() {
    let (stage, exporter, processor) = wrapped();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    let ours_alone = tracing_subscriber::registry().with(stage.audit.layer());
    provider.tracer("shop").in_span("around", |around| {
        tracing::subscriber::with_default(ours_alone, || {
            info_span!("ask", gen_ai.operation.name = "chat").in_scope(|| {});
        });
        around
            .span()
            .set_status(Status::error(format!("500: {CONTENT}")));
    });
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].status, Status::error("<masked>"));
}

/// An exporter in memory, and a processor around it.
fn wrapped() -> (
    Stage,
    InMemorySpanExporter,
    SanitizingProcessor<SimpleSpanProcessor<InMemorySpanExporter>>,
) {
    let stage = Stage::new(Pipeline::Stock);
    let exporter = InMemorySpanExporter::default();
    let processor =
        SanitizingProcessor::new(SimpleSpanProcessor::new(exporter.clone()), &stage.audit);
    (stage, exporter, processor)
}
