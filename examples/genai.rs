//! Calls by the genai crate, which makes spans of its own: the layer is all there is to add.
//!
//! Run it with `cargo run --example genai --features demo`; it asserts what it shows, against a server of its own on
//! loopback.

#[path = "../tests/hooks/server.rs"]
#[allow(dead_code, reason = "tests ask it more")]
mod server;

use std::time::Duration;

use genai::chat::ChatRequest;
use genai::otel::agent::AgentSpan;
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ServiceTarget};
use llm_audit::Auditor;
use serde_json::Value;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
    tracing_subscriber::registry().with(audit.layer()).init();

    let server = server::Server::start().await?;
    let base = format!("{}/", server.base_url());
    let redirect = move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
        let endpoint = Endpoint::from_owned(base.clone());
        let auth = AuthData::from_single("sk-example");
        let model = target.model;
        Ok(ServiceTarget {
            endpoint,
            auth,
            model,
        })
    };
    let client = Client::builder()
        .with_reqwest(reqwest::Client::builder().no_proxy().build()?)
        .with_service_target_resolver_fn(redirect)
        .build()?;

    // The user stands on the span of the request, and is on the record of everything inside of it.
    let handler = tracing::info_span!("POST /ask", user.id = "anna");
    let agent = handler.in_scope(|| {
        AgentSpan::invoke_agent()
            .internal()
            .with_name("geographer")
            .start()
    });
    let question = ChatRequest::from_user("What is the capital of France?");
    let asking = client.exec_chat("gpt-4o", question, None).instrument(agent);
    println!("{}", asking.await?.first_text().unwrap_or_default());
    drop(handler);

    audit.shutdown(Duration::from_secs(5));
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
    let record = |operation: &str| -> Result<Value, Box<dyn std::error::Error>> {
        let named = format!(r#""gen_ai.operation.name":"{operation}""#);
        let line = lines.lines().find(|line| line.contains(&named));
        Ok(serde_json::from_str(line.ok_or("it has a record")?)?)
    };
    let (call, agent) = (record("chat")?, record("invoke_agent")?);
    assert_eq!(
        (&call["user_id"], &agent["user_id"]),
        (&"anna".into(), &"anna".into())
    );
    assert_eq!(call["input_tokens"], 14);
    assert!(call["cost_usd"].is_number() && agent["cost_usd"].is_null());
    assert_eq!(
        call["record"]["llm_audit.parent_span_id"],
        agent["record"]["span_id"]
    );
    println!("{}", serde_json::to_string_pretty(&call["record"])?);
    Ok(())
}
