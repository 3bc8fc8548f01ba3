//! The calls that the application makes.

use llm_audit::{AuditSpanExt as _, Auditor, CallStart, Provider};
use serde_json::json;
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;

/// An application's calls: whole, failing, blocked, cancelled, and within one another.
pub(crate) fn application(audit: &Auditor) {
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

/// A call of which everything is known.
pub(crate) fn detailed() {
    let span = tracing::info_span!(
        "detailed",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude-sonnet-4-5",
        gen_ai.conversation.id = "c-9",
        gen_ai.request.stream = true,
        gen_ai.response.time_to_first_chunk = 0.25,
        client.address = "192.0.2.17",
        llm_audit.service_tier = "standard",
        server.address = "api.anthropic.com",
        server.port = 443_u64,
        session.id = "s-1",
    );
    span.in_scope(|| {
        let call = span.audit_credential("sk-1234").unwrap();
        call.audit_system_prompt("Answer in one word.").unwrap();
        call.audit_tools(&json!([{ "name": "search" }])).unwrap();
        let response = json!({
            "id": "msg_02", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": [{ "type": "text", "text": "Paris" }], "stop_reason": "end_turn",
            "usage": { "input_tokens": 21, "output_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 9,
                       "cache_creation": { "ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5 } },
        });
        call.audit_response(Provider::Anthropic, &response).unwrap();
    });
    let spoken = tracing::info_span!(
        "spoken",
        gen_ai.operation.name = "chat",
        gen_ai.usage.audio.input_tokens = 3_i64,
        gen_ai.usage.audio.output_tokens = 1_i64,
        gen_ai.usage.reasoning.output_tokens = 2_i64,
    );
    spoken
        .in_scope(|| spoken.audit_output(&["Paris"]).map(drop))
        .unwrap();
}

/// An agent: a call of its own, around a tool's with a chat in it, and an embedding.
#[instrument(skip_all, fields(gen_ai.operation.name = "invoke_agent", gen_ai.request.model = "researcher-model"))]
pub(crate) fn agent() {
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
