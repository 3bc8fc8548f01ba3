//! Calls, agents and tools of rig: the layer is all there is to add, and the hook adds hashes of what was said.
//!
//! Run it with `cargo run` in this directory; it asserts what it shows, against a server of its own on loopback.

mod records;
mod server;

use std::time::Duration;

use llm_audit::Auditor;
use llm_audit::http::AuditHttp;
use rig::prelude::*;
use rig::providers::openai::{OpenAI, OpenAIConfig};
use rig::rig_reqwest::ReqwestMiddlewareClient;
use rig::tool::ToolExecutionError;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A tool of an agent.
#[rig::rig_tool(
    description = "Look a city up",
    params(city = "Its name"),
    required(city)
)]
fn look_up(city: String) -> Result<String, ToolExecutionError> {
    Ok(format!("{city} is a capital"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("rig-example")
        .data_dir(directory.path());
    let audit = builder
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()?;
    tracing_subscriber::registry().with(audit.layer()).init();
    audit.verify_installed()?;

    let base_url = server::start().await?;
    let config = || OpenAIConfig::new("sk-example").with_base_url(base_url.as_str());

    // The layer alone: rig's spans say which model, how many tokens, how it ended.
    ask(&config().client()).await?;

    // With the hook in rig's transport the same records have hashes of what was said, and the credential's. Where an
    // application's own span is around the agent, rig makes none for it; what it says of the user is on every call.
    let http = reqwest::Client::builder().no_proxy().build()?;
    let hook = AuditHttp::new(&audit).base_url(&base_url, "openai")?;
    let hooked = reqwest_middleware::ClientBuilder::new(http)
        .with(hook)
        .build();
    let client = config().connect(ReqwestMiddlewareClient::from(hooked));
    let handler = tracing::info_span!("POST /ask", user.id = "anna");
    ask(&client).instrument(handler).await?;
    client
        .embedding("text-embedding-3-small", None)
        .embed_text("Paris")
        .await?;

    audit.shutdown(Duration::from_secs(5));
    let calls = records::calls(directory.path())?;
    for line in records::outline(&calls) {
        println!("{line}");
    }
    let agents_run = [
        "chat success 20 5 cost -",
        "execute_tool success - - - -",
        "chat success 20 5 cost -",
    ];
    assert_eq!(calls.len(), 8);
    let (by_spans, hooked) = calls.split_at(4);
    let (inside, agent) = (&by_spans[..3], &by_spans[3]);
    assert_eq!(records::outline(inside), agents_run);
    assert_eq!(
        records::outline(std::slice::from_ref(agent)),
        ["invoke_agent success - - - -"]
    );
    assert!(
        inside
            .iter()
            .all(|call| call["trace_id"] == agent["trace_id"])
    );

    assert_eq!(
        records::outline(hooked),
        [
            "chat success 20 5 cost input",
            "execute_tool success - - - -",
            "chat success 20 5 cost input",
            "embeddings success 4 0 cost input",
        ]
    );
    assert!(hooked[..3].iter().all(|call| call["user.id"] == "anna"));
    assert!(hooked[0]["llm_audit.credential.hash"].is_string());
    Ok(())
}

async fn ask(client: &OpenAI) -> Result<(), Box<dyn std::error::Error>> {
    let agent = AgentBuilder::new(client.chat("gpt-4o"))
        .preamble("Be brief.")
        .tool(LookUp)
        .build();
    let answer = agent
        .prompt("What is the capital of France?")
        .max_turns(3)
        .await?;
    println!("{}", answer.output());
    Ok(())
}
