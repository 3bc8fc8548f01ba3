//! A server in the form of OpenAI's: chat, whole and streamed, and embeddings.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// A server that is there until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let requests = Arc::new(AtomicUsize::new(0));
        let router = router(Arc::clone(&requests));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            requests,
            serving,
        })
    }

    /// The address that clients take.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What it answers.
pub(crate) fn router(requests: Arc<AtomicUsize>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings))
        .with_state(requests)
}

async fn chat(State(requests): State<Arc<AtomicUsize>>, body: Bytes) -> Response {
    let number = requests.fetch_add(1, Ordering::SeqCst);
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let model = request["model"].as_str().unwrap_or_default().to_owned();
    if model == "busy" && number == 0 {
        let error = json!({ "error": { "type": "rate_limit_error", "message": format!("{SAID} is too much"), "code": null, "param": null } });
        return (StatusCode::TOO_MANY_REQUESTS, axum::Json(error)).into_response();
    }
    if request["stream"] == true {
        return streamed(&model);
    }
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": SAID } }],
        "usage": { "prompt_tokens": 14, "completion_tokens": 3, "total_tokens": 17 },
    });
    axum::Json(answer).into_response()
}

fn streamed(model: &str) -> Response {
    let chunk = |delta: Value, finish: Value| {
        json!({ "id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": model,
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
    };
    let (first, second) = SAID.split_at(5);
    let usage = json!({ "id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [],
                        "usage": { "prompt_tokens": 14, "completion_tokens": 3, "total_tokens": 17 } });
    let chunks = [
        chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
        chunk(json!({ "content": first }), Value::Null),
        chunk(json!({ "content": second }), json!("stop")),
        usage,
    ];
    let events = chunks
        .into_iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .chain(["data: [DONE]\n\n".to_owned()])
        .map(Ok::<_, Infallible>);
    // One that never ends is there to be given up.
    let (said, more) = match model {
        "endless" => (2, stream::pending().left_stream()),
        _ => (usize::MAX, stream::empty().right_stream()),
    };
    let frames = stream::iter(events.take(said)).chain(more);
    let kind = [("content-type", "text/event-stream")];
    (kind, Body::from_stream(frames)).into_response()
}

async fn embeddings(State(requests): State<Arc<AtomicUsize>>) -> Response {
    requests.fetch_add(1, Ordering::SeqCst);
    axum::Json(json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] }],
        "usage": { "prompt_tokens": 4, "total_tokens": 4 },
    }))
    .into_response()
}

/// What the model says.
pub(crate) const SAID: &str = "marmalade-4410";
