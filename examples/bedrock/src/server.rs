//! A server that answers as Bedrock's Converse and ConverseStream do.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Starts it on loopback, for the life of the runtime: its address.
pub async fn start() -> std::io::Result<String> {
    let router = Router::new()
        .route("/model/{model}/converse", post(converse))
        .route("/model/{model}/converse-stream", post(converse_stream));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn converse(axum::extract::Path(model): axum::extract::Path<String>) -> Response {
    if model == "forbidden" {
        let kind = [("x-amzn-errortype", "AccessDeniedException")];
        let said = json!({ "message": "You have no access to this model" });
        return (StatusCode::FORBIDDEN, kind, Json(said)).into_response();
    }
    let message = json!({ "role": "assistant", "content": [{ "text": "Paris." }] });
    let usage = json!({ "inputTokens": 12, "outputTokens": 4, "totalTokens": 16 });
    Json(json!({
        "output": { "message": message }, "stopReason": "end_turn", "usage": usage,
        "metrics": { "latencyMs": 7 },
    }))
    .into_response()
}

async fn converse_stream() -> Response {
    let events = [
        ("messageStart", json!({ "role": "assistant" })),
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": 0, "delta": { "text": "Pa" } }),
        ),
        (
            "contentBlockDelta",
            json!({ "contentBlockIndex": 0, "delta": { "text": "ris." } }),
        ),
        ("contentBlockStop", json!({ "contentBlockIndex": 0 })),
        ("messageStop", json!({ "stopReason": "end_turn" })),
        (
            "metadata",
            json!({ "usage": { "inputTokens": 12, "outputTokens": 4, "totalTokens": 16 }, "metrics": { "latencyMs": 7 } }),
        ),
    ];
    let mut body = Vec::new();
    for (name, event) in &events {
        if write_message_to(&message(name, event), &mut body).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    }
    let kind = [("content-type", "application/vnd.amazon.eventstream")];
    (kind, body).into_response()
}

fn message(name: &'static str, event: &Value) -> Message {
    let header = |name: &'static str, value: &'static str| {
        Header::new(name, HeaderValue::String(value.into()))
    };
    Message::new(event.to_string().into_bytes())
        .add_header(header(":event-type", name))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", "event"))
}
