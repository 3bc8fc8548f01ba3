use super::*;
use crate::provider::{Provider, ProviderError, read_request};

fn request(provider: Provider, json: &str) -> RequestFacts {
    read_request(provider, json.as_bytes()).unwrap()
}

fn text(content: &Option<Content>) -> String {
    let text = content.as_ref().map(|content| content.raw().to_text());
    text.map_or_else(|| "none".to_owned(), |text| text.to_string())
}

#[test]
fn a_chat_completion_is_asked_for_with_its_developer_message_as_system_prompt() {
    let json = include_str!("../testdata/openai-chat-request.json");
    let facts = request(Provider::OpenAi, json);
    assert_eq!(
        (facts.operation, facts.action),
        ("chat", "chat.completions.stream")
    );
    assert_eq!(text(&facts.system_prompt), "\"Answer like a pirate.\"");
    let first = r#"[{"content":"Answer like a pirate.","role":"developer"}"#;
    assert!(text(&facts.input).starts_with(first));
    assert!(text(&facts.tools).contains("weather"));
    let expected = Request {
        model: Some("gpt-5.1".parse().unwrap()),
        max_tokens: Some(500),
        temperature: Some(0.2),
        top_p: Some(1.0),
        delivery: Delivery::Stream,
    };
    assert_eq!(facts.request, expected);
}

#[test]
fn a_response_is_asked_for_with_its_instructions_before_its_system_messages() {
    let json = include_str!("../testdata/openai-responses-request.json");
    let facts = request(Provider::OpenAi, json);
    assert_eq!(
        (facts.operation, facts.action),
        ("chat", "responses.create")
    );
    assert_eq!(
        text(&facts.system_prompt),
        r#"["Answer briefly.","Speak plainly."]"#
    );
    assert_eq!(facts.request.max_tokens, Some(300));
}

#[test]
fn embeddings_are_asked_for_with_texts() {
    let json = include_str!("../testdata/openai-embeddings-request.json");
    let facts = request(Provider::AzureOpenAi, json);
    assert_eq!(
        (facts.operation, facts.action),
        ("embeddings", "embeddings.create")
    );
    assert_eq!(text(&facts.input), r#"["one tower","another"]"#);
    assert!(facts.system_prompt.is_none() && facts.tools.is_none());
}

#[test]
fn a_message_is_asked_for_with_its_system_prompt_as_it_was_sent() {
    let json = include_str!("../testdata/anthropic-request.json");
    let facts = request(Provider::Anthropic, json);
    assert_eq!((facts.operation, facts.action), ("chat", "messages.stream"));
    let system =
        r#"[{"cache_control":{"type":"ephemeral"},"text":"You are a guide.","type":"text"}]"#;
    assert_eq!(text(&facts.system_prompt), system);
    assert_eq!(facts.request.max_tokens, Some(1024));
}

#[test]
fn interfaces_are_told_apart_by_members() {
    for (json, action) in [
        (
            r#"{"model":"gpt-5.2","input":"Hi","stream":true}"#,
            "responses.stream",
        ),
        (
            r#"{"model":"text-embedding-3-small","input":"Hi"}"#,
            "embeddings.create",
        ),
        (r#"{"input":[[1,2],[3]]}"#, "embeddings.create"),
        (
            r#"{"input":[{"role":"user","content":"Hi"}]}"#,
            "responses.create",
        ),
        (
            r#"{"messages":[],"stream":null}"#,
            "chat.completions.create",
        ),
    ] {
        assert_eq!(request(Provider::OpenAi, json).action, action, "{json}");
    }
    let error = read_request(Provider::Anthropic, b"{\"model\":\"x\"}").unwrap_err();
    assert!(matches!(
        error,
        ProviderError::Unrecognised { length: 13, .. }
    ));
}
