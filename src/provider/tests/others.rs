//! Cohere (<https://docs.cohere.com/reference/chat>), Ollama (<https://docs.ollama.com/api/chat>), Mistral
//! (<https://docs.mistral.ai/api>), and others who answer in the form of OpenAI.

use super::*;

#[test]
fn an_answer_of_cohere_is_read_in_full() {
    let facts = read(Provider::Cohere, include_str!("../testdata/cohere.json"));
    assert_eq!(labels(&facts.finish_reasons), ["tool_call"]);
    assert_eq!(
        (facts.usage.input_tokens, facts.usage.output_tokens),
        (Some(17), Some(42)),
        "what is billed"
    );
    let expected = concat!(
        r#"[{"finish_reason":"tool_call","parts":[{"content":"I will look up the tower.","type":"reasoning"},"#,
        r#"{"content":"A tower, then.","type":"reasoning"},{"content":"One moment – please.","type":"text"},"#,
        r#"{"arguments":{"tower":"Kap Arkona"},"id":"lookup_1","name":"lookup","type":"tool_call"},"#,
        r#"{"arguments":{},"id":"now_2","name":"now","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
}

#[test]
fn an_answer_of_ollama_is_read_in_full() {
    let facts = read(Provider::Ollama, include_str!("../testdata/ollama.json"));
    assert_eq!(facts.model.as_ref().unwrap().as_str(), "qwen3:8b");
    assert_eq!(
        (facts.usage.input_tokens, facts.usage.output_tokens),
        (Some(26), Some(298))
    );
    let expected = concat!(
        r#"[{"finish_reason":"stop","parts":[{"content":"Tides, then.","type":"reasoning"},"#,
        r#"{"content":"High tide is at nine – roughly.","type":"text"},"#,
        r#"{"arguments":{"days":2,"place":"Sassnitz"},"name":"tide","type":"tool_call"},"#,
        r#"{"arguments":{},"name":"now","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
    let generated =
        r#"{"model":"m","response":"Yes.","done":true,"prompt_eval_count":2,"eval_count":1}"#;
    assert!(content(&read(Provider::Ollama, generated).output).contains("Yes."));
    let embedded = r#"{"model":"m","embeddings":[[0.1]],"prompt_eval_count":2}"#;
    let facts = read(Provider::Ollama, embedded);
    assert!(facts.output.is_none() && facts.usage.input_tokens == Some(2));
}

#[test]
fn thoughts_and_arguments_of_mistral_are_told_apart_from_texts() {
    let facts = read(
        Provider::MistralAi,
        include_str!("../testdata/mistral.json"),
    );
    let expected = concat!(
        r#"[{"finish_reason":"tool_calls","parts":[{"content":"Older means earlier.","type":"reasoning"},"#,
        r#"{"content":"The one of 1827 – of course.","type":"text"},"#,
        r#"{"arguments":{"year":1827},"id":"D681PevKs","name":"note","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
}

/// Bodies of errors and refusals as each provider words them, and the verdict that they come to.
const VERDICTS: [(Provider, &str, &str); 22] = [
    (
        Provider::Cohere,
        r#"{"message":"invalid api token"}"#,
        "failed: _OTHER Some(\"invalid api token\")",
    ),
    (
        Provider::Cohere,
        r#"{"id":"x","message":{"role":"assistant","content":[]},"finish_reason":"ERROR_TOXIC"}"#,
        "blocked: error_toxic",
    ),
    (
        Provider::Cohere,
        r#"{"id":"x","message":{"role":"assistant","content":[]},"finish_reason":"ERROR"}"#,
        "failed: error None",
    ),
    (
        Provider::Cohere,
        r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"gone"}}"#,
        "failed: _OTHER Some(\"gone\")",
    ),
    (
        Provider::Ollama,
        r#"{"error":"model 'x' not found"}"#,
        "failed: _OTHER Some(\"model 'x' not found\")",
    ),
    (
        Provider::MistralAi,
        r#"{"object":"error","message":"bad","type":"invalid_request_error","param":null,"code":"1500"}"#,
        "failed: invalid_request_error Some(\"bad\")",
    ),
    (
        Provider::MistralAi,
        r#"{"message":"Unauthorized","request_id":"r"}"#,
        "failed: _OTHER Some(\"Unauthorized\")",
    ),
    (
        Provider::MistralAi,
        r#"{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":{"x":"hunter2"}}]}"#,
        "failed: unprocessable_content Some(\"Field required\")",
    ),
    (
        Provider::MistralAi,
        r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#,
        "failed: error None",
    ),
    (
        Provider::Perplexity,
        r#"{"detail":"Not allowed"}"#,
        "failed: _OTHER Some(\"Not allowed\")",
    ),
    (
        Provider::XAi,
        r#"{"code":"invalid-argument","error":"Incorrect API key provided"}"#,
        "failed: invalid-argument Some(\"Incorrect API key provided\")",
    ),
    (
        Provider::DeepSeek,
        r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
        "failed: unknown_error Some(\"Insufficient Balance\")",
    ),
    (
        Provider::DeepSeek,
        r#"{"choices":[{"message":{"content":"x"},"finish_reason":"insufficient_system_resource"}]}"#,
        "failed: insufficient_system_resource None",
    ),
    (
        Provider::DeepSeek,
        r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#,
        "blocked: content_filter",
    ),
    (
        Provider::Groq,
        r#"{"error":{"message":"bad JSON","type":"invalid_request_error","code":"json_validate_failed","failed_generation":"hunter2"}}"#,
        "failed: invalid_request_error Some(\"bad JSON\")",
    ),
    (
        Provider::AzureInference,
        r#"{"error":{"code":"content_filter","message":"no","status":400}}"#,
        "blocked: content_filter",
    ),
    (
        Provider::AzureOpenAi,
        r#"{"error":{"code":"400","message":"no","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        "blocked: content_filter",
    ),
    (
        Provider::OpenAi,
        r#"{"error":{"code":"content_policy_violation","type":"image_generation_user_error","message":"no"}}"#,
        "blocked: content_filter",
    ),
    (
        Provider::OpenAiCompatible("vllm"),
        r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
        "failed: BadRequestError Some(\"too long\")",
    ),
    (
        Provider::OpenAiCompatible("tgi"),
        r#"{"error":"Model is overloaded","error_type":"overloaded"}"#,
        "failed: overloaded Some(\"Model is overloaded\")",
    ),
    (
        Provider::OpenAiCompatible("gateway"),
        r#"{"choices":[{"error":{"code":502,"message":"upstream"},"finish_reason":"error"}]}"#,
        "failed: bad_gateway Some(\"upstream\")",
    ),
    (
        Provider::OpenAiCompatible("gateway"),
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        "failed: overloaded_error Some(\"Overloaded\")",
    ),
];

#[test]
fn errors_and_refusals_of_all_providers_are_told_apart() {
    for (provider, json, verdict) in VERDICTS {
        let facts = read(provider, json);
        assert_eq!(picture(&facts).lines().last().unwrap(), verdict, "{json}");
        let mut stream = StreamReader::new(provider);
        stream.push_bytes(json.as_bytes());
        let facts = stream.finish(StreamEnd::Finished);
        assert_eq!(picture(&facts).lines().last().unwrap(), verdict, "{json}");
    }
}

#[test]
fn what_others_add_to_chat_completions_is_read() {
    let groq = r#"{"id":"c","object":"chat.completion.chunk","choices":[],"x_groq":{"id":"req","usage":{"prompt_tokens":4,"completion_tokens":2}}}"#;
    assert_eq!(read(Provider::Groq, groq).usage.input_tokens, Some(4));
    for member in ["reasoning_content", "reasoning"] {
        let json =
            format!(r#"{{"choices":[{{"message":{{"{member}":"So.","content":"Yes."}}}}]}}"#);
        let output = content(&read(Provider::DeepSeek, &json).output);
        assert!(
            output.contains(r#"{"content":"So.","type":"reasoning"}"#),
            "{output}"
        );
    }
    let completion = r#"{"object":"text_completion","choices":[{"text":"Yes.","index":0,"finish_reason":"stop"}]}"#;
    assert!(content(&read(Provider::OpenAi, completion).output).contains("Yes."));
    let reranked = r#"{"id":"r","results":[{"index":0,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":1}}}"#;
    let facts = read(Provider::Cohere, reranked);
    assert!(facts.output.is_none() && facts.extras.search_units == Some(1));
}

#[test]
fn repeated_events_are_told_from_new_ones_by_the_second_text() {
    let text = |pieces: &[&str]| {
        let mut stream = StreamReader::new(Provider::DashScope);
        for piece in pieces {
            let json = format!(
                r#"{{"output":{{"choices":[{{"message":{{"content":"{piece}"}},"finish_reason":"null"}}]}}}}"#
            );
            stream.push_event(json.as_bytes());
        }
        content(&stream.finish(StreamEnd::Dropped).output)
    };
    assert!(text(&["One", "One tw", "One two"]).contains("\"One two\""));
    assert!(text(&["One", " tw", "o"]).contains("\"One two\""));
    assert!(text(&["no", " ", "no no"]).contains("\"no no no\""));
}

#[test]
fn requests_say_their_interface_and_delivery() {
    for (provider, json, operation, action) in [
        (
            Provider::Cohere,
            r#"{"messages":[],"stream":true}"#,
            "chat",
            "chat.stream",
        ),
        (
            Provider::Cohere,
            r#"{"message":"Hi","chat_history":[]}"#,
            "chat",
            "chat.create",
        ),
        (
            Provider::Cohere,
            r#"{"texts":["a"],"input_type":"search_query"}"#,
            "embeddings",
            "embeddings.create",
        ),
        (
            Provider::Cohere,
            r#"{"query":"a","documents":["b"]}"#,
            "rerank",
            "rerank.create",
        ),
        (
            Provider::Ollama,
            r#"{"messages":[]}"#,
            "chat",
            "chat.stream",
        ),
        (
            Provider::Ollama,
            r#"{"messages":[],"stream":false}"#,
            "chat",
            "chat.create",
        ),
        (
            Provider::Ollama,
            r#"{"prompt":"Hi","stream":false}"#,
            "text_completion",
            "generate.create",
        ),
        (
            Provider::Ollama,
            r#"{"input":"Hi"}"#,
            "embeddings",
            "embeddings.create",
        ),
        (
            Provider::MistralAi,
            r#"{"messages":[]}"#,
            "chat",
            "chat.completions.create",
        ),
        (
            Provider::MistralAi,
            r#"{"prompt":"fn ","suffix":"}"}"#,
            "text_completion",
            "completions.create",
        ),
        (
            Provider::XAi,
            r#"{"input":[{"role":"user","content":"Hi"}]}"#,
            "chat",
            "responses.create",
        ),
        (
            Provider::GcpVertexAi,
            r#"{"anthropic_version":"vertex-2023-10-16","messages":[],"stream":true}"#,
            "chat",
            "messages.stream",
        ),
        (
            Provider::OpenAiCompatible("x"),
            r#"{"messages":[]}"#,
            "chat",
            "chat.completions.create",
        ),
    ] {
        let facts = read_request(provider, json.as_bytes()).unwrap();
        assert_eq!(
            (facts.operation, facts.action),
            (operation, action),
            "{json}"
        );
    }
    let facts = read_request(
        Provider::Cohere,
        br#"{"message":"Now?","chat_history":[{"role":"USER","message":"Before"}],"preamble":"Be brief.","p":0.5}"#,
    );
    let facts = facts.unwrap();
    assert_eq!(content(&facts.system_prompt), "\"Be brief.\"");
    assert_eq!(
        content(&facts.input),
        r#"[[{"message":"Before","role":"USER"}],"Now?"]"#
    );
    assert_eq!(facts.request.top_p, Some(0.5));
}

#[test]
fn actions_are_words_of_the_interface() {
    use crate::record::Delivery::{Stream, Whole};
    for (provider, operation, delivery, expected) in [
        (Some("aws.bedrock"), "chat", Stream, "converse.stream"),
        (Some("x_ai"), "chat", Whole, "chat.completions.create"),
        (
            Some("gcp.gemini"),
            "generate_content",
            Stream,
            "generate_content.stream",
        ),
        (Some("my-gateway"), "chat", Whole, "chat.create"),
    ] {
        assert_eq!(action(provider, operation, delivery).as_str(), expected);
    }
    assert_eq!(
        streamed(Provider::OpenAi, &[], StreamEnd::Dropped).finish_reasons,
        []
    );
}
