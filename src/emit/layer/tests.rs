mod values;

use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider};
use serde_json::json;
use tracing::{Dispatch, Span, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use super::*;
use crate::emit::spool::SpanView;
use crate::emit::testing::Bench;
use crate::provider::Provider;
use crate::record::{Cost, Delivery, SanitizationStatus, Status};

/// Runs `work` under a registry with the audit layer.
fn audited<R>(bench: &Bench, work: impl FnOnce() -> R) -> R {
    let subscriber = Registry::default().with(AuditLayer::new(Arc::clone(&bench.recorder)));
    tracing::subscriber::with_default(subscriber, work)
}

fn answer() -> serde_json::Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "Paris."}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 20}
    })
}

#[instrument(skip_all, fields(
    gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic", gen_ai.request.model = model, user.id = user
))]
fn ask(model: &str, user: &str) -> Result<crate::RecordId, AuditError> {
    let call = Span::current();
    call.audit_system_prompt("be brief")?
        .audit_input(&[json!({"role": "user", "content": "capital of France?"})])?;
    call.audit_response(Provider::Anthropic, &answer())?;
    call.audit_record_id()
}

#[test]
fn an_instrumented_function_becomes_one_record_with_all_that_is_known() {
    let bench = Bench::new();
    let id = audited(&bench, || ask("claude-sonnet-4-5", "anna")).unwrap();
    let written = bench.call();
    let (envelope, call) = (&written.record.envelope, written.call());
    assert_eq!(envelope.record_id, id);
    assert_eq!(envelope.actor.user_id.as_ref().unwrap().as_str(), "anna");
    assert!(envelope.actor.user_hash.is_some() && envelope.trace.is_some());
    assert_eq!(call.outcome.status, Status::Success);
    assert_eq!(call.action.as_str(), "messages.create");
    assert_eq!(
        call.response.model.as_ref().unwrap().as_str(),
        "claude-sonnet-4-5-20250929"
    );
    assert_eq!(
        (call.usage.input_tokens, call.usage.output_tokens),
        (Some(100), Some(20))
    );
    let Cost::Known { exact, .. } = &call.cost else {
        panic!("{:?}", call.cost)
    };
    assert_eq!(exact.to_string(), "0.0006");
    assert!(
        call.hashes.input.is_some()
            && call.hashes.output.is_some()
            && call.hashes.system_prompt.is_some()
    );
    assert!(call.duration_ns.is_some());
    assert_eq!(
        written.view,
        SpanView::Sent(crate::semconv::SpanShows::DEFAULT)
    );
}

#[test]
fn what_was_sanitized_in_the_texts_of_a_call_adds_up_on_its_record() {
    let bench = Bench::new();
    let sanitizer = crate::sanitize::Sanitizer::default();
    audited(&bench, || {
        let call = info_span!("ask", gen_ai.operation.name = "chat");
        let system = sanitizer.sanitize("write to a@b.com");
        let prompt = sanitizer.sanitize("from c@d.com, SSN 078-05-1120");
        let entered = call.enter();
        call.audit_sanitization(&system)?;
        call.audit_sanitization(&prompt)?.audit_output(&["done"])?;
        drop(entered);
        Ok::<_, AuditError>(())
    })
    .unwrap();
    let written = bench.call();
    let sanitization = &written.call().sanitization;
    assert_eq!(sanitization.status, SanitizationStatus::Applied);
    assert_eq!(sanitization.count, Some(3));
    let classes = sanitization.classes.iter();
    let classes: Vec<_> = classes
        .map(|(class, count)| (class.as_str(), *count))
        .collect();
    assert_eq!(classes, [("email", 2), ("us_ssn", 1)]);
    assert_eq!(sanitization.rules.as_ref(), Some(sanitizer.rules()));
}

#[test]
fn a_call_with_neither_answer_nor_error_is_unknown_never_success() {
    let bench = Bench::new();
    audited(&bench, || {
        info_span!("call", gen_ai.operation.name = "chat").in_scope(|| ())
    });
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(
        (outcome.status, outcome.reason.unwrap().as_str()),
        (Status::Unknown, "neither_answer_nor_error")
    );
}

#[test]
fn counts_of_every_integer_type_are_numbers() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.usage.input_tokens = 42_u64,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            gen_ai.usage.cache_read.input_tokens = -1_i64,
            gen_ai.request.temperature = 0.5,
            gen_ai.response.finish_reasons = r#"["stop"]"#,
        );
        span.record("gen_ai.usage.output_tokens", 7_i32);
    });
    let written = bench.call();
    let call = written.call();
    assert_eq!(
        (call.usage.input_tokens, call.usage.output_tokens),
        (Some(42), Some(7))
    );
    assert_eq!(
        call.usage.cache_read_input_tokens, None,
        "no count is negative"
    );
    assert_eq!(call.request.temperature, Some(0.5));
    assert_eq!(call.response.finish_reasons[0].as_str(), "stop");
    assert_eq!(call.outcome.status, Status::Success);
}

#[instrument(skip_all, err, fields(gen_ai.operation.name = "chat"))]
fn fails(prompt: &str) -> Result<(), String> {
    let _ = Span::current().audit_input(&[prompt]);
    Err(format!("invalid request near '{prompt}'"))
}

#[test]
fn an_error_that_instrument_tells_is_taken_and_what_it_repeats_is_masked() {
    let bench = Bench::new();
    audited(&bench, || {
        fails("my mother's maiden name is Przybylski").unwrap_err()
    });
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(outcome.status, Status::Error);
    let message = outcome.error_message.unwrap();
    assert!(
        message.as_str().contains("invalid request") && !message.as_str().contains("Przybylski"),
        "{message:?}"
    );
}

#[test]
fn spans_that_are_never_entered_begin_with_their_first_late_field() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = info_span!(
            target: "genai::otel::span", "genai.chat",
            gen_ai.operation.name = "chat", gen_ai.request.model = "gpt-4o", server.port = tracing::field::Empty,
        );
        span.record("server.port", 443_i64);
        assert_eq!(
            bench.recorder.lane().open_starts(),
            1,
            "the start is on its way to the disk"
        );
    });
    assert_eq!(bench.call().call().server_port, Some(443));
    assert_eq!(bench.recorder.lane().open_starts(), 0);
}

#[test]
fn a_span_without_the_marker_or_without_the_layer_is_not_audited() {
    let bench = Bench::new();
    let input = |span: Span| span.audit_input("text").map(drop);
    assert_eq!(
        audited(&bench, || input(info_span!("plain"))),
        Err(AuditError::NotAudited)
    );
    assert_eq!(
        input(info_span!("call", gen_ai.operation.name = "chat")),
        Err(AuditError::NotAudited)
    );
    assert!(bench.calls().is_empty());
}

#[test]
fn a_call_within_a_call_stands_below_it_in_one_trace() {
    let bench = Bench::new();
    audited(&bench, || {
        info_span!("agent", gen_ai.operation.name = "invoke_agent").in_scope(|| {
            info_span!("between").in_scope(|| {
                info_span!(
                    "call",
                    gen_ai.operation.name = "chat",
                    gen_ai.usage.input_tokens = 5_u64
                )
                .in_scope(|| ());
            });
        });
    });
    let calls = bench.calls();
    let (inner, outer) = (
        calls[0].record.envelope.trace.unwrap(),
        calls[1].record.envelope.trace.unwrap(),
    );
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.parent_span_id, Some(outer.span_id));
    assert_eq!(outer.parent_span_id, None);
    let Cost::Unknown { reason } = &calls[1].call().cost else {
        panic!("an agent costs nothing by itself")
    };
    assert_eq!(reason.as_str(), "not_an_inference");
}

#[test]
fn latency_ends_with_the_last_exit_not_with_the_close() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = info_span!("call", gen_ai.operation.name = "chat");
        span.in_scope(|| ());
        let held = span.clone();
        drop(span);
        let spent = bench.recorder.clock().moment();
        while bench.recorder.clock().moment().nanos_since(spent) < 20_000_000 {
            std::hint::spin_loop();
        }
        drop(held);
    });
    assert!(bench.call().call().duration_ns.unwrap() < 20_000_000);
}

/// The application's own pipeline, on either side of the audit layer.
fn with_pipeline(
    bench: &Bench,
    sampler: Sampler,
    audit_first: bool,
    work: impl FnOnce(),
) -> Vec<opentelemetry_sdk::trace::SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_simple_exporter(exporter.clone())
        .build();
    let audit = AuditLayer::new(Arc::clone(&bench.recorder));
    let otel = tracing_opentelemetry::layer().with_tracer(provider.tracer("application"));
    let dispatch = if audit_first {
        Dispatch::new(Registry::default().with(audit).with(otel))
    } else {
        let otel = tracing_opentelemetry::layer().with_tracer(provider.tracer("application"));
        Dispatch::new(Registry::default().with(otel).with(audit))
    };
    tracing::dispatcher::with_default(&dispatch, work);
    exporter.get_finished_spans().unwrap()
}

#[test]
fn ids_are_those_of_the_pipeline_in_every_order_and_the_span_is_left_to_it() {
    for audit_first in [true, false] {
        let bench = Bench::new();
        let spans = with_pipeline(&bench, Sampler::AlwaysOn, audit_first, || {
            info_span!("request").in_scope(|| {
                info_span!("call", gen_ai.operation.name = "chat").in_scope(|| ());
            });
        });
        let written = bench.call();
        let trace = written.record.envelope.trace.unwrap();
        let theirs = spans.iter().find(|span| span.name == "call").unwrap();
        assert_eq!(
            trace.trace_id.to_string(),
            theirs.span_context.trace_id().to_string()
        );
        assert_eq!(
            trace.span_id.to_string(),
            theirs.span_context.span_id().to_string()
        );
        assert_eq!(
            trace.parent_span_id.unwrap().to_string(),
            theirs.parent_span_id.to_string(),
            "{audit_first}"
        );
        assert_eq!(written.view, SpanView::None);
    }
}

#[test]
fn a_call_that_the_pipeline_does_not_sample_is_recorded_with_its_ids() {
    for audit_first in [true, false] {
        let bench = Bench::new();
        let mut context = None;
        let spans = with_pipeline(&bench, Sampler::AlwaysOff, audit_first, || {
            info_span!("call", gen_ai.operation.name = "chat").in_scope(|| {
                context = Some(
                    opentelemetry::Context::current()
                        .span()
                        .span_context()
                        .clone(),
                );
            });
        });
        assert!(spans.is_empty());
        let trace = bench.call().record.envelope.trace.unwrap();
        assert_eq!(
            trace.trace_id.to_string(),
            context.unwrap().trace_id().to_string()
        );
    }
}

#[test]
fn a_process_that_dies_in_a_call_leaves_it_as_unknown() {
    let bench = Bench::new();
    let subscriber =
        Dispatch::new(Registry::default().with(AuditLayer::new(Arc::clone(&bench.recorder))));
    tracing::dispatcher::with_default(&subscriber, || {
        let span = info_span!(
            "call",
            gen_ai.operation.name = "chat",
            user.id = "anna",
            gen_ai.request.model = "gpt-4o"
        );
        span.in_scope(|| ());
        std::mem::forget(span);
    });
    drop(subscriber);
    assert!(bench.calls().is_empty());
    let bench = bench.next_process();
    let written = bench.call();
    let (envelope, call) = (&written.record.envelope, written.call());
    assert_eq!(call.outcome.status, Status::Unknown);
    assert_eq!(
        call.outcome.reason.as_ref().unwrap().as_str(),
        "end_not_recorded"
    );
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "gpt-4o");
    assert!(
        envelope.actor.user_id.is_none() && envelope.actor.user_hash.is_some(),
        "a start names nobody"
    );
    assert_eq!(envelope.service.as_ref().unwrap().as_str(), "tests");
}

#[test]
fn verification_names_what_would_swallow_calls() {
    use crate::emit::installed::{NotInstalled, verify};
    let none = || assert_eq!(verify(), Err(NotInstalled::NoSubscriber));
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), none);
    tracing::subscriber::with_default(Registry::default(), || {
        assert_eq!(verify(), Err(NotInstalled::NoLayer));
    });
    let bench = Bench::new();
    audited(&bench, || assert_eq!(verify(), Ok(())));
    let filter = EnvFilter::new("off");
    let subscriber = Registry::default()
        .with(AuditLayer::new(Arc::clone(&bench.recorder)))
        .with(filter);
    tracing::subscriber::with_default(subscriber, || {
        assert!(matches!(verify(), Err(NotInstalled::Filtered { .. })));
    });
    audited(&bench, || {
        drop(info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.input.messages = "[]"
        ));
        assert_eq!(
            verify(),
            Err(NotInstalled::ContentInFields { callsites: 1 })
        );
    });
    assert_eq!(bench.calls().len(), 1, "the canary leaves no record");
}

#[test]
fn switched_off_an_application_runs_as_ever_and_nothing_is_recorded_but_the_switch() {
    let bench = Bench::new();
    bench.recorder.switch(false).unwrap();
    audited(&bench, || ask("claude-sonnet-4-5", "anna")).unwrap();
    let written = bench.written();
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].record.body.kind(), "system");
}

#[test]
fn an_answer_that_nobody_understands_is_no_success() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = info_span!("call", gen_ai.operation.name = "chat");
        for answer in [
            json!(null),
            json!({}),
            json!("<html>502 Bad Gateway</html>"),
        ] {
            assert!(span.audit_response(Provider::Anthropic, &answer).is_err());
        }
    });
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(
        (outcome.status, outcome.reason.unwrap().as_str()),
        (Status::Unknown, "answer_not_understood")
    );
}

#[test]
fn words_that_repeat_content_are_masked_wherever_they_are_put() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.response.finish_reasons = "said Przybylski"
        );
        span.audit_input(&["my name is said Przybylski"]).unwrap();
        span.audit_error("said Przybylski", &"no").unwrap();
    });
    audited(&bench, || {
        let span = info_span!("call", gen_ai.operation.name = "chat");
        span.audit_blocked("sk-proj-0123456789abcdefghijklmnopqrstuv")
            .unwrap();
    });
    let shown = format!("{:?}", bench.calls());
    assert!(
        !shown.contains("Przybylski") && !shown.contains("0123456789abcdef"),
        "{shown}"
    );
}

#[test]
fn a_field_says_that_a_stream_was_asked_for() {
    let bench = Bench::new();
    audited(&bench, || {
        drop(info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.request.stream = true,
            gen_ai.system = "xai"
        ));
    });
    let written = bench.call();
    assert_eq!(written.call().request.delivery, Delivery::Stream);
    assert_eq!(written.call().provider.as_ref().unwrap().as_str(), "x_ai");
}

#[test]
fn spans_of_a_crate_with_words_of_its_own_are_calls() {
    let bench = Bench::new();
    audited(&bench, || {
        let span = |name: &'static str| match name {
            "agent.run" => {
                info_span!(target: "langchain_rust::agent::executor", "agent.run", total_tokens = 30)
            }
            _ => info_span!(
                target: "langchain_rust::observability",
                "llm.generate",
                provider = "openai",
                model = "gpt-4o",
                stream = true,
                prompt_tokens = tracing::field::Empty,
                completion_tokens = tracing::field::Empty,
                error = tracing::field::Empty,
            ),
        };
        span("agent.run").in_scope(|| {
            let answered = span("llm.generate");
            answered.in_scope(|| ());
            answered
                .record("prompt_tokens", 20)
                .record("completion_tokens", 10);
            let failed = span("llm.generate");
            failed.in_scope(|| ());
            failed.record("error", tracing::field::display("no route to host"));
            drop(answered);
        });
    });
    let calls = bench.calls();
    let said: Vec<_> = calls
        .iter()
        .map(|call| call.call())
        .map(|call| {
            (
                call.operation.as_str(),
                call.outcome.status,
                call.usage.input_tokens,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("chat", Status::Success, Some(20)),
            ("chat", Status::Error, None),
            ("invoke_agent", Status::Success, None),
        ]
    );
    let call = calls[0].call();
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "gpt-4o");
    assert_eq!(call.request.delivery, Delivery::Stream);
    assert!(matches!(call.cost, Cost::Known { .. }));
}
