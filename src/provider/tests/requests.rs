use super::*;

/// A request of each form.
const REQUESTS: [(Provider, &str); 10] = [
    (
        Provider::Anthropic,
        include_str!("../testdata/anthropic-request.json"),
    ),
    (
        Provider::AwsBedrock,
        include_str!("../testdata/bedrock-request.json"),
    ),
    (
        Provider::Cohere,
        include_str!("../testdata/cohere-request.json"),
    ),
    (
        Provider::Cohere,
        include_str!("../testdata/cohere-v1-request.json"),
    ),
    (
        Provider::DashScope,
        include_str!("../testdata/dashscope-request.json"),
    ),
    (
        Provider::GcpGemini,
        include_str!("../testdata/gemini-request.json"),
    ),
    (
        Provider::MistralAi,
        include_str!("../testdata/mistral-request.json"),
    ),
    (
        Provider::Ollama,
        include_str!("../testdata/ollama-request.json"),
    ),
    (
        Provider::OpenAi,
        include_str!("../testdata/openai-chat-request.json"),
    ),
    (
        Provider::XAi,
        include_str!("../testdata/openai-responses-request.json"),
    ),
];

#[test]
fn requests_of_all_forms_say_model_instructions_input_and_tools() {
    for (provider, json) in REQUESTS {
        let facts = read_request(provider, json.as_bytes()).unwrap();
        assert!(facts.request.model.is_some(), "{provider:?}");
        assert!(facts.system_prompt.is_some(), "{provider:?}");
        assert!(facts.input.is_some(), "{provider:?}");
        let first_version = json.contains("chat_history");
        let has_tools = !first_version && !json.contains("instructions");
        assert_eq!(facts.tools.is_some(), has_tools, "{provider:?}");
        assert_eq!(facts.request.max_tokens.is_some(), !first_version);
    }
}

#[test]
fn what_is_no_request_is_told_by_its_length() {
    for provider in name::KNOWN {
        for json in ["{}", "[]", "3", r#"{"model":"m"}"#] {
            let error = read_request(*provider, json.as_bytes()).unwrap_err();
            let expected = ProviderError::Unrecognised {
                provider: *provider,
                length: json.len(),
            };
            assert_eq!(error, expected);
        }
        let error = read_request(*provider, b"{\"model\": hunter2").unwrap_err();
        assert!(matches!(error, ProviderError::Malformed { .. }));
        assert!(!error.to_string().contains("hunter2"));
    }
}

proptest! {
    #[test]
    fn a_damaged_request_makes_no_reader_panic(
        which in 0..REQUESTS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let (_, json) = REQUESTS[which];
        let mut bytes = json.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for provider in name::KNOWN {
            let _ = read_request(*provider, &bytes);
            let _ = read_request(*provider, &bytes[..cut.index(bytes.len())]);
        }
    }
}
