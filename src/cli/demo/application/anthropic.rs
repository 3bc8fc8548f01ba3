//! Calls of Anthropic by plain HTTP: no client crate, the provider's own JSON and bytes.

use anyhow::Context as _;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tracing::Span;

use super::SYSTEM;
use crate::{AuditSpanExt, AuditStreamExt, Provider};

pub(super) struct Anthropic {
    http: reqwest::Client,
    url: String,
}

impl Anthropic {
    pub(super) fn new(http: reqwest::Client, base_url: &str) -> Self {
        let url = format!("{base_url}/messages");
        Self { http, url }
    }

    /// A whole answer.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn messages(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let call = Span::current();
        let request = request(model, prompt);
        call.audit_request(Provider::Anthropic, &request)?;
        let response = call.audit_result(self.post(&request).await)?;
        let message: Value = call.audit_result(response.json().await)?;
        call.audit_response(Provider::Anthropic, &message)?;
        let text = message["content"][0]["text"].as_str();
        Ok(text.context("an answer without text")?.to_owned())
    }

    /// A streamed answer, audited by its raw bytes.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn messages_stream(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let call = Span::current();
        let mut request = request(model, prompt);
        request["stream"] = true.into();
        call.audit_request(Provider::Anthropic, &request)?;
        let response = call.audit_result(self.post(&request).await)?;
        let pieces = response.bytes_stream();
        let mut pieces = pieces.audit_stream(&call, Provider::Anthropic);
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(text_of(&String::from_utf8(bytes)?))
    }

    async fn post(&self, request: &Value) -> reqwest::Result<reqwest::Response> {
        let headers = [
            ("x-api-key", "sk-ant-demo"),
            ("anthropic-version", "2023-06-01"),
        ];
        let post = self.http.post(&self.url).json(request);
        let post = headers
            .into_iter()
            .fold(post, |post, (name, value)| post.header(name, value));
        post.send().await
    }
}

fn request(model: &str, prompt: &str) -> Value {
    json!({
        "model": model,
        "max_tokens": 512,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": prompt}],
    })
}

/// The text that the events of a stream add up to.
fn text_of(events: &str) -> String {
    let data = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|event| Some(event["delta"]["text"].as_str()?.to_owned()))
        .collect()
}
