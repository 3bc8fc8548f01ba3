//! Calls of Gemini, Bedrock, Cohere and Ollama by plain HTTP, as programs make them that use no client crate.

use anyhow::Context as _;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tracing::Span;

use super::SYSTEM;
use crate::{AuditSpanExt, AuditStreamExt, Provider};

/// Whom to call.
#[derive(Clone, Copy)]
pub(super) enum Service {
    Bedrock,
    Cohere,
    Gemini,
    Ollama,
}

pub(super) struct Plain {
    http: reqwest::Client,
    root: String,
}

impl Plain {
    pub(super) fn new(http: reqwest::Client, root_url: &str) -> Self {
        let root = root_url.to_owned();
        Self { http, root }
    }

    /// A whole answer.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = service.operation(), gen_ai.request.model = model,
        user.id = user))]
    pub(super) async fn whole(
        &self,
        service: Service,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let (call, provider) = (Span::current(), service.provider());
        let request = service.request(model, prompt, false);
        call.audit_request(provider, &request)?;
        let path = service.path(model, false);
        let response = call.audit_result(self.post(&path, &request).await)?;
        let answer: Value = call.audit_result(response.json().await)?;
        call.audit_response(provider, &answer)?;
        text_of(&answer).context("an answer without text")
    }

    /// A streamed answer, audited by its raw bytes, whatever form they have.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = service.operation(), gen_ai.request.model = model,
        user.id = user))]
    pub(super) async fn streamed(
        &self,
        service: Service,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let (call, provider) = (Span::current(), service.provider());
        let request = service.request(model, prompt, true);
        call.audit_request(provider, &request)?;
        let path = service.path(model, true);
        let response = call.audit_result(self.post(&path, &request).await)?;
        let mut pieces = response.bytes_stream().audit_stream(&call, provider);
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(objects(&bytes).iter().filter_map(text_of).collect())
    }

    async fn post(&self, path: &str, request: &Value) -> reqwest::Result<reqwest::Response> {
        let post = self.http.post(format!("{}{path}", self.root));
        post.bearer_auth("demo").json(request).send().await
    }
}

impl Service {
    const fn provider(self) -> Provider {
        match self {
            Self::Bedrock => Provider::AwsBedrock,
            Self::Cohere => Provider::Cohere,
            Self::Gemini => Provider::GcpGemini,
            Self::Ollama => Provider::Ollama,
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::Gemini => "generate_content",
            Self::Bedrock | Self::Cohere | Self::Ollama => "chat",
        }
    }

    fn path(self, model: &str, stream: bool) -> String {
        match (self, stream) {
            (Self::Bedrock, false) => format!("/model/{model}/converse"),
            (Self::Bedrock, true) => format!("/model/{model}/converse-stream"),
            (Self::Cohere, _) => "/v2/chat".to_owned(),
            (Self::Gemini, false) => format!("/v1beta/models/{model}:generateContent"),
            (Self::Gemini, true) => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            (Self::Ollama, _) => "/api/chat".to_owned(),
        }
    }

    fn request(self, model: &str, prompt: &str, stream: bool) -> Value {
        match self {
            Self::Bedrock => json!({
                "system": [{"text": SYSTEM}],
                "messages": [{"role": "user", "content": [{"text": prompt}]}],
                "inferenceConfig": {"maxTokens": 512},
            }),
            Self::Gemini => json!({
                "systemInstruction": {"parts": [{"text": SYSTEM}]},
                "contents": [{"role": "user", "parts": [{"text": prompt}]}],
                "generationConfig": {"maxOutputTokens": 512},
            }),
            Self::Cohere | Self::Ollama => json!({
                "model": model,
                "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
                "stream": stream,
            }),
        }
    }
}

/// The text of an answer or of an event, wherever its format has it.
fn text_of(answer: &Value) -> Option<String> {
    let places = [
        "/candidates/0/content/parts/0/text",
        "/delta/message/content/text",
        "/delta/text",
        "/message/content",
        "/message/content/0/text",
        "/output/message/content/0/text",
    ];
    let mut texts = places
        .iter()
        .filter_map(|place| answer.pointer(place)?.as_str());
    texts.next().map(str::to_owned)
}

/// The JSON objects in the bytes of a stream, whatever stands between them.
fn objects(bytes: &[u8]) -> Vec<Value> {
    let mut objects = Vec::new();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(|byte| *byte == b'{') {
        at += start;
        let mut values = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter();
        match values.next() {
            Some(Ok(object)) => {
                objects.push(object);
                at += values.byte_offset();
            }
            Some(Err(_)) | None => at += 1,
        }
    }
    objects
}
