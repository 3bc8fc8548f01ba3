//! Calls by async-openai, in functions that are instrumented and say what they send and get.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use async_openai::types::chat::{
    ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    ChatCompletionStreamOptions, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
    CreateChatCompletionStreamResponse,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use async_openai::types::responses::CreateResponseArgs;
use futures_util::{Stream, StreamExt};
use tracing::Span;

use super::SYSTEM;
use crate::{AuditSpanExt, AuditStreamExt, Provider};

pub(super) struct OpenAi {
    client: Client<OpenAIConfig>,
}

impl OpenAi {
    pub(super) fn new(http: reqwest::Client, base_url: &str) -> Self {
        let config = OpenAIConfig::new()
            .with_api_base(base_url)
            .with_api_key("sk-demo");
        // A service of its own: the default one tries again what is refused, and one call would be several requests.
        let client =
            Client::build(http.clone(), config).with_http_service(ReqwestService::new(http));
        Self { client }
    }

    /// A whole answer; empty where the provider refuses.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn chat(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let call = Span::current();
        let request = messages(model, prompt).build()?;
        call.audit_request(Provider::OpenAi, &request)?;
        let response = match self.client.chat().create(request).await {
            Ok(response) => response,
            Err(error) => return refused(&call, &error),
        };
        call.audit_response(Provider::OpenAi, &response)?;
        let texts = response.choices.into_iter();
        Ok(texts.filter_map(|choice| choice.message.content).collect())
    }

    /// A streamed answer, read to its end.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn chat_stream(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let mut chunks = self.open_stream(model, prompt).await?;
        let mut text = String::new();
        while let Some(chunk) = chunks.next().await {
            text.push_str(&said(&chunk?));
        }
        Ok(text)
    }

    /// A streamed answer that the application gives up after two pieces.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn give_up(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let mut chunks = self.open_stream(model, prompt).await?.take(2);
        let mut text = String::new();
        while let Some(chunk) = chunks.next().await {
            text.push_str(&said(&chunk?));
        }
        Ok(text)
    }

    /// An answer of the responses interface.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", user.id = user))]
    pub(super) async fn respond(
        &self,
        user: &str,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<String> {
        let call = Span::current();
        let request = CreateResponseArgs::default()
            .model(model)
            .instructions(SYSTEM)
            .input(prompt)
            .build()?;
        call.audit_request(Provider::OpenAi, &request)?;
        let response = match self.client.responses().create(request).await {
            Ok(response) => response,
            Err(error) => return refused(&call, &error),
        };
        call.audit_response(Provider::OpenAi, &response)?;
        Ok(response.output_text().unwrap_or_default())
    }

    /// A vector, which is no text.
    #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "embeddings", user.id = user))]
    pub(super) async fn embed(
        &self,
        user: &str,
        model: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let call = Span::current();
        let request = CreateEmbeddingRequestArgs::default()
            .model(model)
            .input(text)
            .build()?;
        call.audit_request(Provider::OpenAi, &request)?;
        let response = match self.client.embeddings().create(request).await {
            Ok(response) => response,
            Err(error) => return refused(&call, &error),
        };
        call.audit_response(Provider::OpenAi, &response)?;
        Ok(String::new())
    }

    /// A stream that is audited as it is read, on the span of the caller.
    async fn open_stream(
        &self,
        model: &str,
        prompt: &str,
    ) -> anyhow::Result<
        impl Stream<Item = Result<CreateChatCompletionStreamResponse, OpenAIError>> + use<>,
    > {
        let call = Span::current();
        let usage = ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        };
        let request: CreateChatCompletionRequest = messages(model, prompt)
            .stream(true)
            .stream_options(usage)
            .build()?;
        call.audit_request(Provider::OpenAi, &request)?;
        let chunks = self.client.chat().create_stream(request).await;
        let chunks = call.audit_result(chunks)?;
        Ok(chunks.audit_events(&call, Provider::OpenAi))
    }
}

fn messages(model: &str, prompt: &str) -> CreateChatCompletionRequestArgs {
    let mut request = CreateChatCompletionRequestArgs::default();
    request.model(model).messages([
        ChatCompletionRequestSystemMessage::from(SYSTEM).into(),
        ChatCompletionRequestUserMessage::from(prompt).into(),
    ]);
    request
}

fn said(chunk: &CreateChatCompletionStreamResponse) -> String {
    let texts = chunk.choices.iter();
    texts
        .filter_map(|choice| choice.delta.content.as_deref())
        .collect()
}

/// Notes on the call's record that the provider refused, and why.
fn refused(call: &Span, error: &OpenAIError) -> anyhow::Result<String> {
    let class = match error {
        OpenAIError::ApiError(said) => said.api_error.r#type.as_deref(),
        _ => None,
    };
    call.audit_error(class.unwrap_or("client_error"), error)?;
    Ok(String::new())
}
