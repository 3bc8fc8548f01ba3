//! genai, unmodified, with its adapters for OpenAI chat, OpenAI responses and Anthropic.

use futures_util::StreamExt;
use genai::chat::{ChatOptions, ChatRequest, ChatStreamEvent, StopReason, StreamEnd, Tool};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, Error, ServiceTarget};

use super::{Emulator, emulator, tokens};

/// A client whose every request goes to the emulator.
pub(super) fn client(emulator: &Emulator) -> Client {
    let base = format!("{}/", emulator.base_url());
    let redirect = move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
        let (endpoint, auth) = (
            Endpoint::from_owned(base.clone()),
            AuthData::from_single("sk-test"),
        );
        Ok(ServiceTarget {
            endpoint,
            auth,
            model: target.model,
        })
    };
    Client::builder()
        .with_reqwest(reqwest::Client::new())
        .with_service_target_resolver_fn(redirect)
        .build()
        .unwrap()
}

pub(super) fn ask(prompt: &str) -> ChatRequest {
    ChatRequest::from_user(prompt).with_system("Be brief.")
}

fn capture() -> ChatOptions {
    let options = ChatOptions::default()
        .with_capture_content(true)
        .with_capture_usage(true);
    options
        .with_capture_tool_calls(true)
        .with_capture_reasoning_content(true)
}

async fn stream(
    emulator: &Emulator,
    model: &str,
    request: ChatRequest,
) -> (String, Option<StreamEnd>, Option<Error>) {
    let mut stream = client(emulator)
        .exec_chat_stream(model, request, Some(&capture()))
        .await
        .unwrap()
        .stream;
    let (mut text, mut end) = (String::new(), None);
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatStreamEvent::Chunk(chunk)) => text.push_str(&chunk.content),
            Ok(ChatStreamEvent::End(last)) => end = Some(last),
            Ok(_) => {}
            Err(error) => return (text, end, Some(error)),
        }
    }
    (text, end, None)
}

/// One model of each adapter: OpenAI chat, OpenAI responses, Anthropic.
const MODELS: [&str; 3] = ["gpt-4o-mini", "gpt-5-mini", "claude-haiku-4-5"];

#[tokio::test]
async fn every_adapter_reads_whole_and_streamed_answers_alike() {
    let emulator = emulator().await;
    for model in MODELS {
        let whole = client(&emulator)
            .exec_chat(model, ask("What is a tide?"), None)
            .await
            .unwrap();
        let (text, end, error) = stream(&emulator, model, ask("What is a tide?")).await;
        assert!(error.is_none(), "{model}: {error:?}");
        assert_eq!(whole.first_text(), Some(text.as_str()), "{model}");
        let usage = end.unwrap().captured_usage.unwrap();
        assert_eq!(usage.prompt_tokens, whole.usage.prompt_tokens, "{model}");
        assert_eq!(
            usage.completion_tokens, whole.usage.completion_tokens,
            "{model}"
        );
        let expected = tokens("Be brief.") + tokens("What is a tide?");
        assert_eq!(
            usage.prompt_tokens.map(i64::from),
            i64::try_from(expected).ok(),
            "{model}"
        );
        assert!(
            matches!(whole.stop_reason, Some(StopReason::Completed(_))),
            "{model}"
        );
    }
    let paths: Vec<&str> = emulator
        .requests()
        .iter()
        .step_by(2)
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        ["/v1/chat/completions", "/v1/responses", "/v1/messages"]
    );
}

#[tokio::test]
async fn every_adapter_reads_a_tool_call() {
    let emulator = emulator().await;
    for model in MODELS {
        let request = || ask("Umbrella? [[tool]]").with_tools([Tool::new("weather")]);
        let whole = client(&emulator)
            .exec_chat(model, request(), None)
            .await
            .unwrap();
        let call = whole.tool_calls()[0].clone();
        assert_eq!(
            (call.fn_name.as_str(), &call.fn_arguments["days"]),
            ("weather", &2.into()),
            "{model}"
        );
        let (_, end, _) = stream(&emulator, model, request()).await;
        let streamed = end.unwrap().captured_into_tool_calls().unwrap();
        assert_eq!(streamed[0].fn_arguments, call.fn_arguments, "{model}");
    }
}

#[tokio::test]
async fn anthropic_cache_counts_are_added_to_the_input() {
    let emulator = emulator().await;
    let prompt = format!("[[cache]] {}", "word ".repeat(80));
    let usage = client(&emulator)
        .exec_chat("claude-sonnet-5", ask(&prompt), None)
        .await
        .unwrap()
        .usage;
    let input = i32::try_from(tokens("Be brief.") + tokens(&prompt)).unwrap();
    assert_eq!(usage.prompt_tokens, Some(input));
    let details = usage.prompt_tokens_details.unwrap();
    assert_eq!(
        (details.cached_tokens, details.cache_creation_tokens),
        (Some(input / 2), Some(input / 8 * 2))
    );
}

#[tokio::test]
async fn anthropic_thinking_and_refusal_are_read() {
    let emulator = emulator().await;
    let thought = client(&emulator)
        .exec_chat("claude-sonnet-5", ask("[[think]]"), None)
        .await
        .unwrap();
    assert!(
        thought
            .reasoning_content
            .is_some_and(|text| text.starts_with("Weighing"))
    );
    let (_, end, _) = stream(&emulator, "claude-sonnet-5", ask("[[think]]")).await;
    assert!(
        end.unwrap()
            .captured_reasoning_content
            .is_some_and(|text| text.starts_with("Weighing"))
    );
    let refused = client(&emulator)
        .exec_chat("claude-sonnet-5", ask("[[refuse]]"), None)
        .await
        .unwrap();
    assert_eq!(refused.stop_reason.unwrap().raw(), "refusal");
}

#[tokio::test]
async fn an_error_repeats_the_body_that_repeats_the_prompt() {
    let emulator = emulator().await;
    for model in MODELS {
        let request = || ask("[[error:400]] my private words");
        let Err(error) = client(&emulator).exec_chat(model, request(), None).await else {
            panic!("no error")
        };
        assert!(
            matches!(error, Error::WebModelCall { .. }),
            "{model}: {error:?}"
        );
        assert!(error.to_string().contains("my private words"), "{model}");
        // A stream begins without waiting for the answer, so its error is its first item.
        let (_, _, error) = stream(&emulator, model, request()).await;
        let error = error.unwrap();
        assert!(
            matches!(error, Error::WebStream { .. }),
            "{model}: {error:?}"
        );
        assert!(error.to_string().contains("my private words"), "{model}");
    }
}

#[tokio::test]
async fn a_broken_stream_has_no_end_event() {
    let emulator = emulator().await;
    for model in MODELS {
        let (text, end, error) = stream(&emulator, model, ask("[[cut]]")).await;
        assert!(text.starts_with("Read ") && end.is_none(), "{model}");
        assert!(
            matches!(error, Some(Error::WebStream { .. })),
            "{model}: {error:?}"
        );

        let (text, end, error) = stream(&emulator, model, ask("[[error:stream]]")).await;
        assert!(text.starts_with("Read ") && end.is_none(), "{model}");
        assert!(
            matches!(error, Some(Error::ChatResponse { .. })),
            "{model}: {error:?}"
        );
    }
}

#[tokio::test]
async fn embeddings_are_read() {
    let emulator = emulator().await;
    let answer = client(&emulator)
        .embed("text-embedding-3-small", "tide", None)
        .await
        .unwrap();
    assert_eq!(
        (answer.embeddings.len(), answer.usage.prompt_tokens),
        (1, Some(1))
    );
}
