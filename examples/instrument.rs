//! One call, audited with `#[instrument]`: the example of the README, with a client that answers by itself.
//!
//! Run it with `cargo run --example instrument`; it asserts what it shows.

use std::time::Duration;

use llm_audit::{AuditSpanExt, Auditor, Provider, RecordId};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const SYSTEM: &str = "Answer in one word.";

#[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                                       gen_ai.request.model = model, user.id = user))]
fn ask(
    model: &str,
    user: &str,
    prompt: &str,
) -> Result<(String, RecordId), Box<dyn std::error::Error>> {
    let call = tracing::Span::current();
    let messages = serde_json::json!([{ "role": "user", "content": prompt }]);
    call.audit_system_prompt(SYSTEM)?.audit_input(&messages)?;
    let response = call.audit_result(send(model, SYSTEM, &messages))?;
    call.audit_response(Provider::Anthropic, &response)?;
    let text = response["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok((text, call.audit_record_id()?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let audit = Auditor::builder()
        .service("example")
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()?;
    tracing_subscriber::registry()
        .with(audit.layer())
        .with(tracing_subscriber::fmt::layer())
        .init();
    audit.verify_installed()?;

    let (answer, record_id) = ask(
        "claude-sonnet-4-5",
        "anna",
        "What is the capital of France?",
    )?;
    assert_eq!(answer, "Paris");
    assert!(ask("claude-sonnet-4-5", "ben", "fail please").is_err());
    audit.shutdown(Duration::from_secs(5));

    let lines = lines_below(directory.path())?;
    let call = |id: &str| lines.iter().find(|line| line["request_id"] == id).cloned();
    let record = call(&record_id.to_string()).ok_or("the call has a record")?;
    assert_eq!(record["status"], "success");
    assert_eq!(record["user_id"], "anna");
    assert_eq!(
        (&record["input_tokens"], &record["output_tokens"]),
        (&json!(21), &json!(2))
    );
    assert_eq!(record["cost_usd"].to_string(), "0.000093");
    let failed = lines
        .iter()
        .find(|line| line["user_id"] == "ben")
        .ok_or("so has the failed one")?;
    assert_eq!(failed["status"], "error");
    assert!(
        !failed["error_message"].to_string().contains("fail please"),
        "what an error repeats is masked"
    );
    println!("{}", serde_json::to_string_pretty(&record)?);
    Ok(())
}

/// Stands in for the provider's client.
fn send(model: &str, _system: &str, messages: &Value) -> Result<Value, String> {
    let prompt = messages[0]["content"].as_str().unwrap_or_default();
    if prompt.starts_with("fail") {
        return Err(format!(
            "400 invalid_request_error: I do not understand \"{prompt}\""
        ));
    }
    Ok(json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": model,
        "content": [{ "type": "text", "text": "Paris" }],
        "stop_reason": "end_turn",
        "usage": { "input_tokens": 21, "output_tokens": 2 },
    }))
}

fn lines_below(directory: &std::path::Path) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            for line in std::fs::read_to_string(path)?.lines() {
                lines.push(serde_json::from_str(line)?);
            }
        }
    }
    Ok(lines)
}
