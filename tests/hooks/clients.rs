//! async-openai, reqwest, reqwest-middleware and hyper, each through its own way to be extended.

use std::sync::Arc;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use axum::body::Body;
use futures_util::StreamExt as _;
use llm_audit::GuardError;
use llm_audit::http::{AuditHttp, Caller};
use serde_json::json;
use tower_layer::Layer as _;
use tower_service::Service as _;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::server::{SAID, Server, router};
use crate::{Bench, KEY, PROMPT, outline};

fn openai(bench: &Bench, server: &Server) -> Client<OpenAIConfig> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let config = OpenAIConfig::new()
        .with_api_base(server.base_url())
        .with_api_key(KEY);
    let hook = AuditHttp::new(&bench.audit)
        .base_url(&server.base_url(), "openai")
        .unwrap();
    // Above the layer that tries again: a call is one record however often it is sent.
    let retrying = OpenAIRetryLayer::default().layer(ReqwestService::new(http.clone()));
    Client::build(http, config).with_http_service(hook.layer(retrying))
}

fn request(model: &str) -> CreateChatCompletionRequestArgs {
    let mut request = CreateChatCompletionRequestArgs::default();
    request
        .model(model)
        .messages([ChatCompletionRequestUserMessage::from(PROMPT).into()]);
    request
}

fn streamed(model: &str) -> CreateChatCompletionRequest {
    let usage = ChatCompletionStreamOptions {
        include_usage: Some(true),
        include_obfuscation: None,
    };
    request(model)
        .stream(true)
        .stream_options(usage)
        .build()
        .unwrap()
}

#[tokio::test]
async fn async_openai_is_audited_by_its_http_service() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let client = openai(&bench, &server);
    let answer = client
        .chat()
        .create(request("gpt-4o").build().unwrap())
        .await
        .unwrap();
    assert_eq!(answer.choices[0].message.content.as_deref(), Some(SAID));
    let mut chunks = client
        .chat()
        .create_stream(streamed("gpt-4o"))
        .await
        .unwrap();
    let mut text = String::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        text.extend(
            chunk
                .choices
                .iter()
                .filter_map(|choice| choice.delta.content.as_deref()),
        );
    }
    assert_eq!(text, SAID);
    drop(chunks);
    let mut given_up = client
        .chat()
        .create_stream(streamed("endless"))
        .await
        .unwrap();
    given_up.next().await.unwrap().unwrap();
    drop(given_up);
    let embed = CreateEmbeddingRequestArgs::default()
        .model("text-embedding-3-small")
        .input(PROMPT)
        .build()
        .unwrap();
    client.embeddings().create(embed).await.unwrap();
    assert!(
        client
            .chat()
            .create(request("busy").build().unwrap())
            .await
            .is_ok()
    );
    let calls = bench.into_calls();
    assert_eq!(
        outline(&calls),
        [
            "chat chat.completions.create success 14 3",
            "chat chat.completions.stream success 14 3",
            "chat chat.completions.stream cancelled null null",
            "embeddings embeddings.create success 4 null",
            "chat chat.completions.create success 14 3",
        ]
    );
    let credential = &calls[0]["record"]["llm_audit.credential.hash"];
    assert!(credential.is_string());
    assert!(
        calls
            .iter()
            .all(|call| call["record"]["llm_audit.credential.hash"] == *credential)
    );
    assert!(calls[0]["record"]["llm_audit.cost.exact"].is_string());
    assert!(calls[0]["record"]["llm_audit.input.hash"].is_string());
}

#[tokio::test]
async fn a_call_of_async_openai_that_is_tried_again_is_one_record() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let client = openai(&bench, &server);
    client
        .chat()
        .create(request("busy").build().unwrap())
        .await
        .unwrap();
    assert_eq!(server.requests(), 2);
    let calls = bench.into_calls();
    assert_eq!(
        outline(&calls),
        ["chat chat.completions.create success 14 3"]
    );
}

#[tokio::test]
async fn async_openai_sends_nothing_that_cannot_be_recorded() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let client = openai(&bench, &server);
    bench.audit.shutdown(std::time::Duration::from_secs(5));
    let refused = client
        .chat()
        .create(request("gpt-4o").build().unwrap())
        .await
        .unwrap_err();
    let OpenAIError::Boxed(refused) = refused else {
        panic!("{refused}");
    };
    assert!(refused.downcast_ref::<GuardError>().is_some());
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn inside_of_an_instrumented_function_it_is_one_record_with_its_user() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let client = openai(&bench, &server);
    let subscriber = tracing_subscriber::registry().with(bench.audit.layer());
    let guard = tracing::subscriber::set_default(subscriber);
    let span = tracing::info_span!("ask", gen_ai.operation.name = "chat", user.id = "anna");
    let chat = async {
        client
            .chat()
            .create(request("gpt-4o").build().unwrap())
            .await
            .map(drop)
    };
    chat.instrument(span).await.unwrap();
    let handler = tracing::info_span!("POST /ask", user.id = "ben", session.id = "s1");
    let stream = async { client.chat().create_stream(streamed("gpt-4o")).await };
    let mut chunks = stream.instrument(handler).await.unwrap();
    while let Some(chunk) = chunks.next().await {
        chunk.unwrap();
    }
    drop((chunks, guard));
    let calls = bench.into_calls();
    assert_eq!(
        outline(&calls),
        [
            "chat chat.completions.create success 14 3",
            "chat chat.completions.stream success 14 3",
        ]
    );
    let users: Vec<_> = calls
        .iter()
        .map(|call| call["record"]["user.id"].as_str().unwrap())
        .collect();
    assert_eq!(users, ["anna", "ben"]);
    assert_eq!(calls[1]["record"]["session.id"], "s1");
}

#[tokio::test]
async fn any_service_of_http_requests_is_audited() {
    let bench = Bench::new();
    let mut client = AuditHttp::new(&bench.audit).layer(router(Arc::default()));
    let body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": PROMPT }] });
    let url = "https://api.openai.com/v1/chat/completions";
    let request = http::Request::post(url).extension(Caller::default().user("anna"));
    let answer = client.call(request.body(Body::from(body.to_string())).unwrap());
    let answer = axum::body::to_bytes(Body::new(answer.await.unwrap().into_body()), 1 << 20).await;
    assert!(answer.unwrap().len() > 100);
    let calls = bench.into_calls();
    assert_eq!(
        outline(&calls),
        ["chat chat.completions.create success 14 3"]
    );
    assert_eq!(calls[0]["record"]["user.id"], "anna");
}

#[tokio::test]
async fn reqwest_is_audited_as_a_service() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut client = AuditHttp::new(&bench.audit)
        .caller(Caller::default().user("anna"))
        .layer(http.clone());
    let url = format!("{}/chat/completions", server.base_url());
    let body = json!({ "model": "llama-4", "messages": [{ "role": "user", "content": PROMPT }] });
    let whole = http
        .post(&url)
        .bearer_auth(KEY)
        .json(&body)
        .build()
        .unwrap();
    let answer = client.call(whole).await.unwrap();
    assert_eq!(answer.url().as_str(), url);
    assert!(answer.text().await.unwrap().contains(SAID));
    // A body whose bytes reqwest itself does not know ahead.
    let text = body.to_string();
    let (first, second) = text.split_at(20);
    let pieces = [first.to_owned(), second.to_owned()].map(Ok::<_, std::io::Error>);
    let pieces = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let bit_by_bit = http
        .post(&url)
        .bearer_auth(KEY)
        .body(pieces)
        .build()
        .unwrap();
    client
        .call(bit_by_bit)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let nobody = http.post("http://127.0.0.1:9/v1/chat/completions?key=sk-planted-5521");
    assert!(
        client
            .call(nobody.json(&body).build().unwrap())
            .await
            .is_err()
    );
    let calls = bench.into_calls();
    assert_eq!(
        outline(&calls),
        [
            "chat chat.completions.create success 14 3",
            "chat chat.completions.create success 14 3",
            "chat chat.completions.create error null null",
        ]
    );
    let record = |index: usize| &calls[index]["record"];
    assert_eq!(record(0)["gen_ai.provider.name"], "openai_compatible");
    assert_eq!(record(0)["server.address"], "127.0.0.1");
    assert_eq!(record(0)["user.id"], "anna");
    assert_eq!(
        record(0)["llm_audit.input.hash"],
        record(1)["llm_audit.input.hash"]
    );
    assert_eq!(record(2)["error.type"], "connect");
}

#[tokio::test]
async fn reqwest_middleware_takes_the_hook_as_it_is() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(AuditHttp::new(&bench.audit))
        .build();
    let url = format!("{}/chat/completions", server.base_url());
    let body = json!({ "model": "llama-4", "stream": true, "messages": [{ "role": "user", "content": PROMPT }] });
    let post = |extension: Caller| {
        let request = client.post(&url).bearer_auth(KEY).body(body.to_string());
        request.with_extension(extension)
    };
    let answer = post(Caller::default().user("anna").conversation("c1"))
        .send()
        .await
        .unwrap();
    assert!(answer.text().await.unwrap().contains("[DONE]"));
    client.get(server.base_url()).send().await.unwrap();
    let calls = {
        bench.audit.flush().unwrap();
        bench.into_calls()
    };
    assert_eq!(
        outline(&calls),
        ["chat chat.completions.stream success 14 3"]
    );
    assert_eq!(calls[0]["record"]["gen_ai.conversation.id"], "c1");
}

#[tokio::test]
async fn reqwest_middleware_sends_nothing_that_cannot_be_recorded() {
    let bench = Bench::new();
    let server = Server::start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(AuditHttp::new(&bench.audit))
        .build();
    bench.audit.shutdown(std::time::Duration::from_secs(5));
    let url = format!("{}/chat/completions", server.base_url());
    let refused = client.post(&url).body("{}").send().await.unwrap_err();
    assert!(matches!(refused, reqwest_middleware::Error::Middleware(_)));
    assert_eq!(server.requests(), 0);
}
