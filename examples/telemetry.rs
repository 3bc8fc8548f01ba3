//! Telemetry and audit trail in one call: spans go to a collector without content, calls of models as records.
//!
//! Run it with `cargo run --example telemetry --features telemetry`. A collector at `http://localhost:4317` receives all of
//! it; without one the records stay in `llm-audit-data` for the next run, and ordinary spans are lost, as they always are.

use std::time::Duration;

use llm_audit::{AuditSpanExt as _, Auditor, Provider, RecordId};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry::{KeyValue, trace::SpanKind};
use serde_json::json;
use tracing::{Span, instrument};

/// A call that the audit layer sees.
#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                              gen_ai.request.model = "claude-sonnet-4-5", user.id = user))]
fn ask(user: &str, prompt: &str) -> Result<RecordId, llm_audit::AuditError> {
    let call = Span::current();
    call.audit_input(&json!([{ "role": "user", "content": prompt }]))?;
    let answer = json!({ "id": "msg_1", "type": "message", "model": "claude-sonnet-4-5-20250929", "stop_reason": "end_turn",
                         "content": [{ "type": "text", "text": "Paris." }],
                         "usage": { "input_tokens": 14, "output_tokens": 3 } });
    call.audit_response(Provider::Anthropic, &answer)?;
    call.audit_record_id()
}

/// An ordinary span around it. What it says of the prompt stays in the process: `prompt` is no name that is allowed.
#[instrument(skip_all, fields(http.route = "/ask", shop.order = 7, prompt = prompt))]
fn handle(user: &str, prompt: &str) -> Result<RecordId, llm_audit::AuditError> {
    ask(user, prompt)
}

/// A call of an instrumentation that uses the OpenTelemetry API. Its finished span becomes a record.
fn ask_elsewhere(tracer: &impl opentelemetry::trace::Tracer) {
    let call = tracer
        .span_builder("chat gpt-4o")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "openai"),
            KeyValue::new("gen_ai.request.model", "gpt-4o"),
            KeyValue::new(
                "gen_ai.input.messages",
                r#"["What is the capital of France?"]"#,
            ),
        ]);
    let mut call = call.start(tracer);
    call.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", 3));
    call.end();
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let telemetry = llm_audit::telemetry()
        .auditor(Auditor::builder().generate_keyring().json_lines())
        .service("telemetry-example")
        .allow("shop.order")
        .build()?;
    telemetry.init()?;
    telemetry.auditor().verify_installed()?;

    let record_id = handle("anna", "What is the capital of France?")?;
    println!("the answer's record is {record_id}");
    ask_elsewhere(&telemetry.tracer_provider().tracer("elsewhere"));

    let health = telemetry.auditor().health();
    assert_eq!(health.dropped, 0);
    let drained = telemetry.shutdown(Duration::from_secs(2));
    println!("delivered: {drained:?}");
    Ok(())
}
