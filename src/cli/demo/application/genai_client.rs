//! Calls by the genai crate, which makes spans of its own: nothing here says that it is audited.

use futures_util::StreamExt;
use genai::chat::{ChatOptions, ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ServiceTarget};

use super::SYSTEM;

pub(super) struct GenAi {
    client: Client,
}

impl GenAi {
    pub(super) fn new(http: reqwest::Client, base_url: &str) -> anyhow::Result<Self> {
        let base = format!("{base_url}/");
        let redirect =
            move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
                Ok(ServiceTarget {
                    endpoint: Endpoint::from_owned(base.clone()),
                    auth: AuthData::from_single("sk-demo"),
                    model: target.model,
                })
            };
        let client = Client::builder()
            .with_reqwest(http)
            .with_service_target_resolver_fn(redirect)
            .build()?;
        Ok(Self { client })
    }

    /// A whole answer.
    pub(super) async fn chat(&self, model: &str, prompt: &str) -> anyhow::Result<String> {
        let answer = self.client.exec_chat(model, ask(prompt), None).await?;
        Ok(answer.first_text().unwrap_or_default().to_owned())
    }

    /// A streamed answer, read to its end.
    pub(super) async fn chat_stream(&self, model: &str, prompt: &str) -> anyhow::Result<String> {
        // Otherwise the crate asks for no token counts, and there are none to record.
        let options = ChatOptions::default().with_capture_usage(true);
        let answer = self
            .client
            .exec_chat_stream(model, ask(prompt), Some(&options))
            .await?;
        let mut events = answer.stream;
        let mut text = String::new();
        while let Some(event) = events.next().await {
            if let ChatStreamEvent::Chunk(chunk) = event? {
                text.push_str(&chunk.content);
            }
        }
        Ok(text)
    }
}

fn ask(prompt: &str) -> ChatRequest {
    ChatRequest::from_user(prompt).with_system(SYSTEM)
}
