//! The call that all are given.

use llm_audit::AuditSpanExt;
use tracing::{Span, info_span};

/// One call with 25 attributes: 14 texts, 8 whole numbers, 3 floating-point numbers. The prompt goes to whoever audits.
pub(crate) fn call(number: u64) {
    call_with(number, PROMPT);
}

/// The call, with a prompt of the caller's.
pub(crate) fn call_with(number: u64, prompt: &str) {
    let span = span(number);
    span.in_scope(|| {
        // Under the stock pipeline nobody audits, and the prompt goes nowhere.
        let _ = span.audit_input(prompt);
    });
}

/// The call's span.
pub(crate) fn span(number: u64) -> Span {
    info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude-sonnet-4-5",
        gen_ai.response.model = "claude-sonnet-4-5-20250929",
        gen_ai.response.id = "msg_01XFDUDYJgAACzvnptvVoYEL",
        gen_ai.response.finish_reasons = "end_turn",
        gen_ai.conversation.id = "conversation-0123456789",
        session.id = "session-0123456789",
        user.id = "anna@example.com",
        llm_audit.tenant = "acme",
        llm_audit.action = "messages.create",
        llm_audit.service_tier = "standard",
        client.address = "192.0.2.17",
        server.address = "api.anthropic.com",
        server.port = 443_i64,
        gen_ai.request.max_tokens = 1024_i64,
        gen_ai.usage.input_tokens = number.cast_signed() % 4096,
        gen_ai.usage.output_tokens = 310_i64,
        gen_ai.usage.cache_read.input_tokens = 0_i64,
        gen_ai.usage.cache_write.input_tokens = 0_i64,
        gen_ai.usage.reasoning.output_tokens = 17_i64,
        gen_ai.usage.audio.input_tokens = 0_i64,
        gen_ai.request.temperature = 0.7,
        gen_ai.request.top_p = 0.95,
        gen_ai.response.time_to_first_chunk = 0.231,
    )
}

pub(crate) const PROMPT: &str = "Summarise the quarterly report for the board in five sentences, name the three largest risks, \
    keep the tone sober, do not mention figures that the report itself does not contain, and end with one question.";
