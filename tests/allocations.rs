//! What a call allocates on its caller's thread.

use llm_audit::{AuditSpanExt, Auditor};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn a_call_with_plain_fields_and_a_text_prompt_allocates_nothing_in_the_long_run() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("tests")
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        (0..CALLS).for_each(call);
        let counted = allocation_counter::measure(|| (0..CALLS).for_each(call));
        // Tables that grow with what is open or not delivered yet grow now and then.
        assert!(
            counted.count_total < CALLS / 50,
            "{} allocations of {} bytes in {CALLS} calls",
            counted.count_total,
            counted.bytes_total
        );
    });
    assert_eq!(audit.health().dropped, 0);
}

fn call(number: u64) {
    let span = info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude-sonnet-4-5",
        gen_ai.response.model = "claude-sonnet-4-5-20250929",
        gen_ai.response.id = "msg_01XFDUDYJgAACzvnptvVoYEL",
        gen_ai.response.finish_reasons = "end_turn",
        gen_ai.usage.input_tokens = number,
        gen_ai.usage.output_tokens = 310,
        gen_ai.request.temperature = 0.7,
        user.id = "anna@example.com",
        llm_audit.tenant = "acme",
    );
    span.in_scope(|| {
        span.audit_input("What is \"the\" capital of France?\n")
            .expect("the span is audited");
    });
}

const CALLS: u64 = 500;
