//! Calls by plain reqwest, audited by a middleware: whatever is sent to a provider is a call.
//!
//! Run it with `cargo run --example reqwest_middleware --features demo,reqwest-middleware`; it asserts what it shows,
//! against a server of its own on loopback.

#[path = "../tests/hooks/server.rs"]
#[allow(dead_code, reason = "tests ask it more")]
mod server;

use std::time::Duration;

use llm_audit::http::{AuditHttp, Caller};
use llm_audit::{Auditor, Drained};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("example")
        .data_dir(directory.path());
    let audit = builder
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()?;

    let server = server::Server::start().await?;
    let hook = AuditHttp::new(&audit).caller(Caller::default().tenant("acme"));
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(hook)
        .build();

    let url = format!("{}/chat/completions", server.base_url());
    let question = json!({ "model": "llama-4", "messages": [{ "role": "user", "content": "Capital of France?" }] });
    let request = client
        .post(&url)
        .bearer_auth("sk-example")
        .body(question.to_string());
    let caller = Caller::default().user("anna").tenant("acme");
    let answer = request.with_extension(caller).send().await?.text().await?;
    let answer: Value = serde_json::from_str(&answer)?;
    println!("{}", answer["choices"][0]["message"]["content"]);

    assert_eq!(audit.shutdown(Duration::from_secs(5)), Drained::Complete);
    let files = std::fs::read_dir(directory.path())?;
    let mut lines = String::new();
    for path in files.flatten().map(|entry| entry.path()) {
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            lines += &std::fs::read_to_string(path)?;
        }
    }
    let call = lines
        .lines()
        .find(|line| line.contains(r#""llm_audit.kind":"call""#));
    let call: Value = serde_json::from_str(call.ok_or("the call has a record")?)?;
    assert_eq!(call["record"]["user.id"], "anna");
    assert_eq!(call["record"]["llm_audit.tenant"], "acme");
    assert_eq!(call["record"]["gen_ai.request.model"], "llama-4");
    assert_eq!(call["record"]["server.address"], "127.0.0.1");
    // Who serves this model is not known here, and neither is its price.
    assert_eq!(call["record"]["gen_ai.provider.name"], "openai_compatible");
    assert!(call["cost_usd"].is_null());
    Ok(())
}
