//! A server in OpenAI's form that asks for the tool `look_up` first, and answers when it has its result.

use axum::body::Bytes;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Starts it on loopback, for the life of the runtime: its address.
pub async fn start() -> std::io::Result<String> {
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embeddings));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/v1"))
}

async fn chat(body: Bytes) -> axum::response::Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let answered = messages.iter().any(|message| message["role"] == "tool");
    let tools = request["tools"].is_array();
    let (message, reason) = if answered || !tools {
        let text = json!({ "role": "assistant", "content": "Paris, of course." });
        (text, "stop")
    } else {
        let function = json!({ "name": "look_up", "arguments": "{\"city\":\"Paris\"}" });
        let call = json!({ "id": "call_1", "type": "function", "function": function });
        (
            json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
            "tool_calls",
        )
    };
    if request["stream"] == true {
        return streamed(&request["model"]);
    }
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{ "index": 0, "finish_reason": reason, "message": message, "logprobs": null }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25 },
    }))
    .into_response()
}

fn streamed(model: &Value) -> axum::response::Response {
    let chunk = |choices: Value, usage: Value| {
        json!({ "id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": model,
                "choices": choices, "usage": usage })
    };
    let delta = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let chunks = [
        chunk(
            delta(
                json!({ "role": "assistant", "content": "Paris" }),
                Value::Null,
            ),
            Value::Null,
        ),
        chunk(delta(json!({ "content": "." }), json!("stop")), Value::Null),
        chunk(
            json!([]),
            json!({ "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25 }),
        ),
    ];
    let mut events: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    events += "data: [DONE]\n\n";
    ([("content-type", "text/event-stream")], events).into_response()
}

async fn embeddings() -> Json<Value> {
    Json(json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] }],
        "usage": { "prompt_tokens": 4, "total_tokens": 4 },
    }))
}
