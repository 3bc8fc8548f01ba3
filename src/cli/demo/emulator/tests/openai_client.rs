//! async-openai, unmodified.

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::{OpenAIError, StreamError};
use async_openai::middleware::ReqwestService;
use async_openai::types::chat::{
    CreateChatCompletionRequest, CreateChatCompletionStreamResponse, FinishReason,
};
use async_openai::types::responses::{OutputItem, ResponseStreamEvent, Status};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Emulator, emulator, tokens};

fn config(emulator: &Emulator, key: &str) -> OpenAIConfig {
    OpenAIConfig::new()
        .with_api_base(emulator.base_url())
        .with_api_key(key)
}

/// A client that sends every request once.
fn client(emulator: &Emulator) -> Client<OpenAIConfig> {
    let http = reqwest::Client::new();
    Client::build(http.clone(), config(emulator, "sk-test"))
        .with_http_service(ReqwestService::new(http))
}

fn request<T: DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).unwrap()
}

fn chat(prompt: &str) -> CreateChatCompletionRequest {
    let usage = json!({"include_usage": true});
    request(
        json!({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], "stream_options": usage}),
    )
}

fn blocking_chat(prompt: &str) -> CreateChatCompletionRequest {
    request(json!({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}]}))
}

async fn refused(prompt: &str) -> OpenAIError {
    let emulator = emulator().await;
    client(&emulator)
        .chat()
        .create(blocking_chat(prompt))
        .await
        .unwrap_err()
}

async fn collected<T>(stream: impl Stream<Item = T>) -> Vec<T> {
    stream.collect().await
}

fn text_of(chunks: &[CreateChatCompletionStreamResponse]) -> String {
    let deltas = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .filter_map(|choice| choice.delta.content.clone());
    deltas.collect()
}

#[tokio::test]
async fn a_chat_is_answered_and_counted() {
    let emulator = emulator().await;
    let body = json!({"model": "gpt-5-mini", "n": 2, "service_tier": "flex", "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a tide? [[cache]]"}]});
    let answer = client(&emulator)
        .chat()
        .create(request(body))
        .await
        .unwrap();
    let texts: Vec<&str> = answer
        .choices
        .iter()
        .filter_map(|choice| choice.message.content.as_deref())
        .collect();
    assert_eq!(texts.len(), 2);
    assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Stop));
    assert_eq!(serde_json::to_value(&answer.service_tier).unwrap(), "flex");
    let usage = answer.usage.unwrap();
    let thought = usage
        .completion_tokens_details
        .unwrap()
        .reasoning_tokens
        .unwrap();
    let said: u64 = texts.iter().map(|text| tokens(text)).sum();
    assert!(thought > 0);
    assert_eq!(
        u64::from(usage.prompt_tokens),
        tokens("Be brief.") + tokens("What is a tide? [[cache]]")
    );
    assert_eq!(
        u64::from(usage.completion_tokens),
        u64::from(thought) + said
    );
    assert_eq!(
        usage.prompt_tokens_details.unwrap().cached_tokens,
        Some(usage.prompt_tokens / 2)
    );
}

#[tokio::test]
async fn a_streamed_chat_says_the_same_as_a_whole_one_and_ends_with_usage() {
    let emulator = emulator().await;
    for prompt in ["What is a tide?", "What is a tide? [[crlf]]"] {
        let whole = client(&emulator)
            .chat()
            .create(blocking_chat(prompt))
            .await
            .unwrap();
        let stream = client(&emulator)
            .chat()
            .create_stream(chat(prompt))
            .await
            .unwrap();
        let chunks: Vec<_> = collected(stream)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(Some(text_of(&chunks)), whole.choices[0].message.content);
        assert_eq!(chunks.last().unwrap().usage, whole.usage);
        assert!(
            chunks
                .iter()
                .rev()
                .skip(1)
                .all(|chunk| chunk.usage.is_none())
        );
    }
}

#[tokio::test]
async fn a_tool_is_called_once_and_its_arguments_arrive_whole() {
    let emulator = emulator().await;
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}});
    let mut messages = vec![json!({"role": "user", "content": "Umbrella? [[tool]]"})];
    let body =
        |messages: &[Value]| json!({"model": "gpt-4o", "tools": [tool], "messages": messages});
    let answer = client(&emulator)
        .chat()
        .create(request(body(&messages)))
        .await
        .unwrap();
    let message = serde_json::to_value(&answer.choices[0].message).unwrap();
    assert_eq!(
        answer.choices[0].finish_reason,
        Some(FinishReason::ToolCalls)
    );
    assert_eq!(message["tool_calls"][0]["function"]["name"], "weather");

    let stream = client(&emulator)
        .chat()
        .create_stream(request(body(&messages)))
        .await
        .unwrap();
    let mut arguments = String::new();
    for chunk in collected(stream).await {
        let calls = chunk
            .unwrap()
            .choices
            .remove(0)
            .delta
            .tool_calls
            .unwrap_or_default();
        let pieces = calls
            .into_iter()
            .filter_map(|call| call.function?.arguments);
        arguments.extend(pieces);
    }
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], arguments);

    let id = message["tool_calls"][0]["id"].clone();
    messages.extend([
        message,
        json!({"role": "tool", "tool_call_id": id, "content": "rain"}),
    ]);
    let answer = client(&emulator)
        .chat()
        .create(request(body(&messages)))
        .await
        .unwrap();
    assert_eq!(answer.choices[0].finish_reason, Some(FinishReason::Stop));
}

#[tokio::test]
async fn a_filtered_a_cut_short_and_a_refused_answer_are_told_apart() {
    let emulator = emulator().await;
    let choice = async |prompt: &str| {
        client(&emulator)
            .chat()
            .create(blocking_chat(prompt))
            .await
            .unwrap()
            .choices
            .remove(0)
    };
    assert_eq!(
        choice("[[filter]]").await.finish_reason,
        Some(FinishReason::ContentFilter)
    );
    assert_eq!(
        choice("[[length]]").await.finish_reason,
        Some(FinishReason::Length)
    );
    let refused = choice("[[refuse]]").await;
    assert_eq!(refused.finish_reason, Some(FinishReason::Stop));
    assert!(refused.message.refusal.is_some() && refused.message.content.is_none());
}

#[tokio::test]
async fn a_response_says_the_same_whole_and_streamed() {
    let emulator = emulator().await;
    for (prompt, status) in [
        ("Tide?", Status::Completed),
        ("[[refuse]]", Status::Completed),
        ("[[tool]]", Status::Completed),
        ("[[filter]]", Status::Incomplete),
        ("[[length]]", Status::Incomplete),
    ] {
        let body = json!({"model": "o4-mini", "instructions": "Be brief.", "input": prompt});
        let whole = client(&emulator)
            .responses()
            .create(request(body.clone()))
            .await
            .unwrap();
        assert_eq!(whole.status, status, "{prompt}");
        let usage = whole.usage.as_ref().unwrap();
        assert_eq!(
            u64::from(usage.input_tokens),
            tokens("Be brief.") + tokens(prompt)
        );
        assert!(usage.output_tokens_details.reasoning_tokens > 0);
        assert!(matches!(whole.output[0], OutputItem::Reasoning(_)));

        let stream = client(&emulator)
            .responses()
            .create_stream(request(body))
            .await
            .unwrap();
        let events: Vec<_> = collected(stream)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert!(matches!(events[0], ResponseStreamEvent::ResponseCreated(_)));
        let last = match events.last().unwrap() {
            ResponseStreamEvent::ResponseCompleted(event) => &event.response,
            ResponseStreamEvent::ResponseIncomplete(event) => &event.response,
            other => panic!("ends with {other:?}"),
        };
        assert_eq!(
            (&last.usage, last.output.len()),
            (&whole.usage, whole.output.len())
        );
        let deltas = events.iter().filter_map(|event| match event {
            ResponseStreamEvent::ResponseOutputTextDelta(event) => Some(event.delta.as_str()),
            _ => None,
        });
        assert_eq!(
            deltas.collect::<String>(),
            whole.output_text().unwrap_or_default(),
            "{prompt}"
        );
    }
}

#[tokio::test]
async fn a_response_stream_fails_with_an_error_event() {
    let emulator = emulator().await;
    let body = json!({"model": "gpt-4.1", "input": "[[error:stream]]"});
    let stream = client(&emulator)
        .responses()
        .create_stream(request(body))
        .await
        .unwrap();
    let events = collected(stream).await;
    assert!(matches!(
        events.last(),
        Some(Ok(ResponseStreamEvent::ResponseError(_)))
    ));
}

#[tokio::test]
async fn embeddings_are_unit_vectors_of_their_text() {
    let emulator = emulator().await;
    let body = json!({"model": "text-embedding-3-small", "input": ["tide", "moon", "tide"], "dimensions": 64});
    let answer = client(&emulator)
        .embeddings()
        .create(request(body))
        .await
        .unwrap();
    let vectors: Vec<Vec<f32>> = answer
        .data
        .into_iter()
        .map(|datum| datum.embedding)
        .collect();
    assert_eq!((vectors.len(), vectors[0].len()), (3, 64));
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    assert!((vectors[0].iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-4);
    assert_eq!(
        u64::from(answer.usage.prompt_tokens),
        2 * tokens("tide") + tokens("moon")
    );
}

#[tokio::test]
async fn an_error_keeps_the_words_of_the_provider() {
    let OpenAIError::ApiError(error) = refused("[[error:400]] my private words").await else {
        panic!("no api error")
    };
    assert_eq!(
        (error.status_code.as_u16(), error.api_error.code.as_deref()),
        (400, Some("invalid_value"))
    );
    assert!(error.to_string().contains("my private words"));

    let OpenAIError::ApiError(error) = refused("[[error:quota]]").await else {
        panic!("no api error")
    };
    assert_eq!(
        (
            error.status_code.as_u16(),
            error.api_error.r#type.as_deref()
        ),
        (429, Some("insufficient_quota"))
    );

    // Of a server error the client keeps the whole body as the message, and neither type nor code.
    let OpenAIError::ApiError(error) = refused("[[error:500]]").await else {
        panic!("no api error")
    };
    assert_eq!(
        (error.status_code.as_u16(), error.api_error.r#type),
        (500, None)
    );
    assert!(error.api_error.message.starts_with("{\"error\":"));
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_model_are_refused() {
    let emulator = emulator().await;
    let wrong = Client::with_config(config(&emulator, "sk-invalid-1234"));
    let Err(OpenAIError::ApiError(error)) = wrong.chat().create(blocking_chat("hi")).await else {
        panic!("no api error")
    };
    assert_eq!(error.api_error.code.as_deref(), Some("invalid_api_key"));
    assert!(error.api_error.message.contains("sk-i****1234"));
    let unknown = json!({"model": "gpt-0", "messages": [{"role": "user", "content": "hi"}]});
    let Err(OpenAIError::ApiError(error)) = client(&emulator).chat().create(request(unknown)).await
    else {
        panic!("no api error")
    };
    assert_eq!(
        (error.status_code.as_u16(), error.api_error.code.as_deref()),
        (404, Some("model_not_found"))
    );
}

#[tokio::test]
async fn the_client_retries_server_errors_three_times_unless_its_service_is_replaced() {
    let emulator = emulator().await;
    let retrying = Client::with_config(config(&emulator, "sk-test"));
    assert!(
        retrying
            .chat()
            .create(blocking_chat("[[error:500]]"))
            .await
            .is_err()
    );
    assert_eq!(emulator.requests().len(), 4);
    assert!(
        client(&emulator)
            .chat()
            .create(blocking_chat("[[error:500]]"))
            .await
            .is_err()
    );
    assert_eq!(emulator.requests().len(), 5);
    // A used-up quota is final for the retrying client as well.
    assert!(
        retrying
            .chat()
            .create(blocking_chat("[[error:quota]]"))
            .await
            .is_err()
    );
    assert_eq!(emulator.requests().len(), 6);
}

#[tokio::test]
async fn a_broken_stream_ends_with_an_error_item() {
    let emulator = emulator().await;
    let mut items = collected(
        client(&emulator)
            .chat()
            .create_stream(chat("[[cut]]"))
            .await
            .unwrap(),
    )
    .await;
    let Some(Err(OpenAIError::StreamError(error))) = items.pop() else {
        panic!("no stream error")
    };
    assert!(matches!(*error, StreamError::EventStream(_)));
    assert!(!items.is_empty() && items.iter().all(Result::is_ok));

    let mut items = collected(
        client(&emulator)
            .chat()
            .create_stream(chat("[[error:stream]]"))
            .await
            .unwrap(),
    )
    .await;
    let Some(Err(OpenAIError::JSONDeserialize(_, content))) = items.pop() else {
        panic!("no error chunk")
    };
    assert!(content.contains("server_error"));
    let error = client(&emulator)
        .chat()
        .create(blocking_chat("[[cut]]"))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenAIError::Reqwest(_)));
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_a_slow_stream() {
    let emulator = emulator().await;
    let mut stream = client(&emulator)
        .chat()
        .create_stream(chat("[[slow]]"))
        .await
        .unwrap();
    for _ in 0..40 {
        assert!(stream.next().await.unwrap().is_ok());
    }
    drop(stream);
    emulator.stop().await.unwrap();
}
