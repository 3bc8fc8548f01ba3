//! Calls by async-openai, audited by a layer around its HTTP service: nothing beside a call says so.
//!
//! Run it with `cargo run --example http_tower --features async-openai,demo`; it asserts what it shows, against a server of
//! its own on loopback.

#[path = "../tests/hooks/server.rs"]
#[allow(dead_code, reason = "tests ask it more")]
mod server;

use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use futures_util::StreamExt as _;
use llm_audit::Auditor;
use llm_audit::http::AuditHttp;
use tower_layer::Layer as _;
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
    // The layer is not needed for calls to be recorded. With it, they know the user from the spans around them.
    tracing_subscriber::registry().with(audit.layer()).init();

    let server = server::Server::start().await?;
    // Needed for servers of one's own alone: the hosts of providers are known.
    let hook = AuditHttp::new(&audit).base_url(&server.base_url(), "openai")?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let retrying = OpenAIRetryLayer::default().layer(ReqwestService::new(http.clone()));
    let config = OpenAIConfig::new()
        .with_api_base(server.base_url())
        .with_api_key("sk-example");
    let client = Client::build(http, config).with_http_service(hook.layer(retrying));

    // The server refuses this one at first, and the layer below the hook tries it again: one call.
    client.chat().create(question("busy", false)?).await?;

    let handler = tracing::info_span!("POST /ask", user.id = "anna", session.id = "s-1");
    async {
        client.chat().create(question("gpt-4o", false)?).await?;
        let mut chunks = client
            .chat()
            .create_stream(question("gpt-4o", true)?)
            .await?;
        while let Some(chunk) = chunks.next().await {
            chunk?;
        }
        Ok::<_, async_openai::error::OpenAIError>(())
    }
    .instrument(handler)
    .await?;
    audit.shutdown(Duration::from_secs(5));
    let mut calls = 0;
    for entry in std::fs::read_dir(directory.path())? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let line: serde_json::Value = serde_json::from_str(line)?;
            if line["record"]["llm_audit.kind"] != "call" {
                continue;
            }
            calls += 1;
            assert_eq!(
                (&line["status"], &line["input_tokens"]),
                (&"success".into(), &14.into())
            );
            println!(
                "{} {} {} {}",
                line["timestamp"], line["user_id"], line["model"], line["cost_usd"]
            );
        }
    }
    assert_eq!(calls, 3);
    Ok(())
}

fn question(
    model: &str,
    stream: bool,
) -> Result<CreateChatCompletionRequest, async_openai::error::OpenAIError> {
    let question = ChatCompletionRequestUserMessage::from("What is the capital of France?");
    let mut request = CreateChatCompletionRequestArgs::default();
    request
        .model(model)
        .messages([question.into()])
        .stream(stream);
    request.build()
}
