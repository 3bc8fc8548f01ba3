//! A call audited without `tracing`: it is not made unless its start is on disk.
//!
//! Run it with `cargo run --example guard`; it asserts what it shows.

use std::time::Duration;

use llm_audit::failure::Durability;
use llm_audit::{Auditor, CallStart, Drained, Provider};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("example")
        .data_dir(directory.path())
        .generate_keyring();
    let audit = builder.without_sender().json_lines().build()?;

    // Fails here, before the call, when the record cannot be written: `FailClosed` is the guard's default.
    // `Strict` waits for an fsync at the start and at the end.
    let start = CallStart::new("chat")
        .provider("openai")
        .model("gpt-4o")
        .user("anna")
        .durability(Durability::Strict);
    let mut call = audit.start(start)?;
    call.input(&[json!({ "role": "user", "content": "What is the capital of France?" })])?;
    call.metadata(&json!({ "team": "search" }))?;
    call.response(Provider::OpenAi, &answer())?;
    let answered = call.finish()?;

    let refused = audit
        .start(CallStart::new("chat").model("gpt-4o").user("ben"))?
        .block("prompt_injection")?;
    let failed = audit
        .start(CallStart::new("chat").model("gpt-4o").user("ben"))?
        .fail("timeout", &"no answer in 30 s")?;
    let given_up = audit.start(CallStart::new("chat").model("gpt-4o").user("chen"))?;
    let cancelled = given_up.record_id();
    drop(given_up);

    assert_eq!(audit.health().open_calls, 0);
    assert_eq!(audit.shutdown(Duration::from_secs(5)), Drained::Complete);

    let mut lines = String::new();
    for entry in std::fs::read_dir(directory.path())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            lines += &std::fs::read_to_string(path)?;
        }
    }
    for (id, status) in [
        (answered, "success"),
        (refused, "blocked"),
        (failed, "error"),
        (cancelled, "cancelled"),
    ] {
        let line = lines
            .lines()
            .find(|line| line.contains(&id.to_string()))
            .ok_or("every call has a record")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        assert_eq!(line["status"], status);
        println!(
            "{} {} {}",
            line["timestamp"], line["user_id"], line["status"]
        );
    }
    Ok(())
}

fn answer() -> serde_json::Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-11-20",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Paris" } }],
        "usage": { "prompt_tokens": 14, "completion_tokens": 1, "total_tokens": 15 },
    })
}
