//! The emulator on the wire, and (below) under real client crates.

mod forms;
mod genai_client;
mod genai_spans;
mod openai_client;

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::prompt::tokens;
use super::{Emulator, SeenRequest};

async fn emulator() -> Emulator {
    Emulator::start().await.unwrap()
}

async fn post(emulator: &Emulator, path: &str, body: &Value) -> reqwest::Response {
    let request = reqwest::Client::new()
        .post(format!("{}{path}", emulator.base_url()))
        .json(body);
    request
        .header("x-api-key", "sk-test")
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .unwrap()
}

/// The pieces as they arrive, up to the end or the error.
async fn pieces(response: reqwest::Response) -> (Vec<Vec<u8>>, Option<reqwest::Error>) {
    let mut stream = response.bytes_stream();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(bytes) => pieces.push(bytes.to_vec()),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

fn chat(prompt: &str) -> Value {
    json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": prompt}]})
}

#[tokio::test]
async fn streams_are_cut_inside_characters_and_between_line_ends_and_join_to_the_same_text() {
    let emulator = emulator().await;
    let (pieces_seen, end) =
        pieces(post(&emulator, "/chat/completions", &chat("[[crlf]] hi")).await).await;
    assert!(end.is_none());
    assert!(
        pieces_seen
            .iter()
            .any(|piece| std::str::from_utf8(piece).is_err())
    );
    assert!(pieces_seen.iter().any(|piece| piece.ends_with(b"\r")));
    let joined = String::from_utf8(pieces_seen.concat()).unwrap();
    assert!(joined.contains("\u{2713}"));
    assert!(joined.ends_with("data: [DONE]\r\n\r\n"));

    let (plain, _) = pieces(post(&emulator, "/chat/completions", &chat("hi")).await).await;
    assert!(
        plain.iter().any(|piece| piece.ends_with(b"\n"))
            && plain.iter().any(|piece| piece.starts_with(b"\n"))
    );
}

#[tokio::test]
async fn the_same_request_is_cut_at_the_same_places() {
    let (one, other) = (emulator().await, emulator().await);
    let first = pieces(post(&one, "/chat/completions", &chat("once more")).await)
        .await
        .0;
    let second = pieces(post(&other, "/chat/completions", &chat("once more")).await)
        .await
        .0;
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_cut_stream_delivers_its_beginning_and_then_breaks() {
    let emulator = emulator().await;
    let (seen, end) = pieces(post(&emulator, "/chat/completions", &chat("[[cut]]")).await).await;
    assert!(String::from_utf8_lossy(&seen.concat()).contains("Read "));
    assert!(end.is_some());
}

#[tokio::test]
async fn stopping_ends_an_endless_stream() {
    let emulator = emulator().await;
    let mut stream = post(&emulator, "/chat/completions", &chat("[[slow]]"))
        .await
        .bytes_stream();
    assert!(stream.next().await.is_some());
    let rest = tokio::spawn(async move { while stream.next().await.is_some() {} });
    emulator.stop().await.unwrap();
    rest.await.unwrap();
}

#[tokio::test]
async fn requests_are_listed_in_order_with_model_and_markers_but_no_text() {
    let emulator = emulator().await;
    post(
        &emulator,
        "/chat/completions",
        &chat("[[think]] secret [[cache]]"),
    )
    .await;
    post(
        &emulator,
        "/embeddings",
        &json!({"model": "nobody", "input": ["a", "b"]}),
    )
    .await;
    let think_and_cache = vec!["think".to_owned(), "cache".to_owned()];
    assert_eq!(
        emulator.requests(),
        [
            SeenRequest {
                path: "/v1/chat/completions",
                model: "gpt-4o".into(),
                markers: think_and_cache
            },
            SeenRequest {
                path: "/v1/embeddings",
                model: "nobody".into(),
                markers: vec![]
            },
        ]
    );
}

#[tokio::test]
async fn an_answer_repeats_the_prompt_only_when_asked_to() {
    let emulator = emulator().await;
    let body = |prompt: &str| json!({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}]});
    let text = async |prompt: &str| {
        let answer: Value = post(&emulator, "/chat/completions", &body(prompt))
            .await
            .json()
            .await
            .unwrap();
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(!text("zebra crossing").await.contains("zebra"));
    assert_eq!(text("zebra [[echo]] crossing").await, "zebra crossing");
}

#[tokio::test]
async fn anthropic_requires_its_version_header_and_max_tokens() {
    let emulator = emulator().await;
    let body =
        json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]});
    let answer = post(&emulator, "/messages", &body).await;
    assert_eq!(answer.status(), 400);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["message"], "max_tokens: Field required");
    let url = format!("{}/messages", emulator.base_url());
    let answer = reqwest::Client::new()
        .post(url)
        .header("x-api-key", "sk-test")
        .json(&body)
        .send()
        .await
        .unwrap();
    let error: Value = answer.json().await.unwrap();
    assert_eq!(
        error["error"]["message"],
        "anthropic-version: header is required"
    );
}

#[tokio::test]
async fn anthropic_counts_cache_and_thinking_apart() {
    let emulator = emulator().await;
    let prompt = "[[cache]] ".to_owned() + &"word ".repeat(80);
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 100, "thinking": {"type": "enabled", "budget_tokens": 50},
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
    });
    let answer: Value = post(&emulator, "/messages", &body)
        .await
        .json()
        .await
        .unwrap();
    let (usage, input) = (&answer["usage"], tokens(&prompt));
    assert_eq!(usage["cache_read_input_tokens"], input / 2);
    assert_eq!(
        usage["cache_creation"]["ephemeral_5m_input_tokens"],
        input / 8
    );
    assert_eq!(
        usage["cache_creation"]["ephemeral_1h_input_tokens"],
        input / 8
    );
    assert_eq!(usage["input_tokens"], input - input / 2 - input / 8 * 2);
    assert_eq!(answer["content"][0]["type"], "thinking");
    let said = tokens(answer["content"][0]["thinking"].as_str().unwrap())
        + tokens(answer["content"][1]["text"].as_str().unwrap());
    assert_eq!(usage["output_tokens"], said);
    assert_eq!(answer["model"], "claude-sonnet-4-5-20250929");
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let emulator = emulator().await;
    let answer = post(&emulator, "/chat/completions", &chat("[[error:429]]")).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["retry-after"].as_bytes()
        ),
        (429, &b"1"[..])
    );
    let messages = json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "[[error:529]]"}]});
    let answer = post(&emulator, "/messages", &messages).await;
    assert_eq!(answer.status(), 529);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["type"], "overloaded_error");
}
