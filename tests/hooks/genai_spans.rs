//! genai makes spans of its own, which the layer knows: for chat, embeddings, agents and tools.

use futures_util::StreamExt as _;
use genai::chat::{ChatOptions, ChatRequest, ToolCall};
use genai::otel::agent::{AgentSpan, execute_tool_span};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ServiceTarget};
use serde_json::Value;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::server::{SAID, Server};
use crate::{Bench, KEY, PROMPT, outline};

fn client(server: &Server) -> Client {
    let base = format!("{}/", server.base_url());
    let redirect = move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(base.clone()),
            auth: AuthData::from_single(KEY),
            model: target.model,
        })
    };
    Client::builder()
        .with_reqwest(reqwest::Client::builder().no_proxy().build().unwrap())
        .with_service_target_resolver_fn(redirect)
        .build()
        .unwrap()
}

#[tokio::test]
async fn calls_agents_and_tools_of_genai_are_records_and_count_once() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let client = client(&server);
    let subscriber = tracing_subscriber::registry().with(bench.audit.layer());
    let guard = tracing::subscriber::set_default(subscriber);
    let handler = tracing::info_span!("POST /ask", user.id = "anna", session.id = "s1");
    let agent = handler.in_scope(|| {
        AgentSpan::invoke_agent()
            .internal()
            .with_name("geographer")
            .start()
    });
    async {
        let ask = || ChatRequest::from_user(PROMPT);
        let answer = client.exec_chat("gpt-4o", ask(), None).await.unwrap();
        assert_eq!(answer.first_text(), Some(SAID));
        let call: ToolCall = serde_json::from_value(serde_json::json!({
            "call_id": "t1", "fn_name": "look_up", "fn_arguments": { "city": PROMPT },
        }))
        .unwrap();
        execute_tool_span(&call).in_scope(|| ());
        let options = ChatOptions::default().with_capture_usage(true);
        let answer = client
            .exec_chat_stream("gpt-4o", ask(), Some(&options))
            .await
            .unwrap();
        let mut events = answer.stream;
        while let Some(event) = events.next().await {
            event.unwrap();
        }
    }
    .instrument(agent)
    .await;
    drop((guard, handler));
    let calls = bench.into_calls();
    let mut lines = outline(&calls);
    lines.sort();
    assert_eq!(
        lines,
        [
            "chat chat.completions.create success 14 3",
            "chat chat.completions.stream success 14 3",
            "execute_tool execute_tool.create unknown null null",
            "invoke_agent invoke_agent.create unknown null null",
        ]
    );
    let says = |name: &str, value: &str| calls.iter().all(|call| call["record"][name] == value);
    assert!(says("user.id", "anna") && says("session.id", "s1"));
    let priced = calls
        .iter()
        .filter(|call| call["record"]["llm_audit.cost.exact"] != Value::Null);
    assert_eq!(priced.count(), 2, "only calls of models cost anything");
}
