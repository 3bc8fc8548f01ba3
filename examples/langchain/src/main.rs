//! Calls, chains, agents and tools of langchain-rust: the layer is all there is to add.
//!
//! Run it with `cargo run` in this directory; it asserts what it shows, against a server of its own on loopback.

#[path = "../../rig/src/records.rs"]
mod records;
#[path = "../../rig/src/server.rs"]
mod server;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use langchain_rust::agent::{AgentExecutor, OpenAiToolAgentBuilder};
use langchain_rust::chain::Chain as _;
use langchain_rust::language_models::llm::LLM as _;
use langchain_rust::llm::OpenAIConfig;
use langchain_rust::llm::openai::OpenAI;
use langchain_rust::prompt_args;
use langchain_rust::tools::Tool;
use llm_audit::Auditor;
use serde_json::Value;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A tool of an agent.
struct LookUp;

#[async_trait::async_trait]
impl Tool for LookUp {
    fn name(&self) -> String {
        "look_up".to_owned()
    }

    fn description(&self) -> String {
        "Looks a city up".to_owned()
    }

    async fn run(&self, city: Value) -> Result<String, Box<dyn Error>> {
        Ok(format!("{city} is a capital"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder().service("langchain-example").data_dir(directory.path());
    let audit = builder.generate_keyring().without_sender().json_lines().build()?;
    tracing_subscriber::registry().with(audit.layer()).init();
    audit.verify_installed()?;

    let base_url = server::start().await?;
    let model = |base_url: &str| {
        let config = OpenAIConfig::default().with_api_base(base_url).with_api_key("sk-example");
        OpenAI::new(config).with_model("gpt-4o")
    };
    let handler = tracing::info_span!("POST /ask", user.id = "anna");
    async {
        println!("{}", model(&base_url).invoke("What is the capital of France?").await?);
        let tools: [Arc<dyn Tool>; 1] = [Arc::new(LookUp)];
        let agent = OpenAiToolAgentBuilder::new().tools(&tools).build(model(&base_url))?;
        let question = prompt_args! { "input" => "What is the capital of France?" };
        println!("{}", AgentExecutor::from_agent(agent).invoke(question).await?);
        let nobody = model("http://127.0.0.1:9/v1").invoke("Is anybody there?").await;
        assert!(nobody.is_err());
        Ok::<_, Box<dyn Error>>(())
    }
    .instrument(handler)
    .await?;

    audit.shutdown(Duration::from_secs(5));
    let calls = records::calls(directory.path())?;
    for line in records::outline(&calls) {
        println!("{line}");
    }
    // Only calls of models have tokens and a cost; agents, plans, chains and tools are records beside them.
    let mut lines = records::outline(&calls);
    lines.sort();
    lines.dedup();
    let tokens: u64 = calls.iter().filter_map(|call| call["gen_ai.usage.input_tokens"].as_u64()).sum();
    assert_eq!(tokens, 60, "three answers of twenty tokens each");
    assert!(calls.iter().all(|call| call["user.id"] == "anna"));
    let has = |line: &str| lines.iter().any(|known| known == line);
    assert!(has("chat success 20 5 cost -") && has("invoke_agent success - - - -"));
    assert!(has("execute_tool unknown - - - -") && has("plan unknown - - - -"));
    assert!(has("chat error - - - -"));
    Ok(())
}
