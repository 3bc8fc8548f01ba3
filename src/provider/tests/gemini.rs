//! Forms of <https://ai.google.dev/api/generate-content> and
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>.

use super::*;

#[test]
fn an_answer_of_gemini_is_read_in_full() {
    let facts = read(Provider::GcpGemini, include_str!("../testdata/gemini.json"));
    assert_eq!(facts.id.as_ref().unwrap().as_str(), "kLoHaZ2fKJuA7M8P");
    assert_eq!(facts.model.as_ref().unwrap().as_str(), "gemini-2.5-pro");
    assert_eq!(labels(&facts.finish_reasons), ["stop"]);
    let expected = Usage {
        input_tokens: Some(120),
        output_tokens: Some(65),
        cache_read_input_tokens: Some(64),
        reasoning_output_tokens: Some(25),
        ..Usage::default()
    };
    assert_eq!(facts.usage, expected);
    let expected = concat!(
        r#"[{"finish_reason":"stop","parts":["#,
        r#"{"content":"The user wants the height. I call the tool.","type":"reasoning"},"#,
        r#"{"content":"The tower at Kap Arkona – I look it up.","type":"text"},"#,
        r#"{"arguments":{"tower":"Kap Arkona","unit":"m"},"id":"fc-1","name":"height","type":"tool_call"},"#,
        r#"{"arguments":{},"name":"now","type":"tool_call"},"#,
        r#"{"generic_type":"executable_code","type":"generic","value":"#,
        r#"{"executableCode":{"code":"print(35)","language":"PYTHON"}}}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
}

#[test]
fn what_a_filter_of_google_stops_is_blocked() {
    for (json, reasons, verdict) in [
        (
            include_str!("../testdata/gemini-safety.json"),
            vec!["safety"],
            "blocked: safety",
        ),
        (
            include_str!("../testdata/gemini-blocked.json"),
            vec![],
            "blocked: prohibited_content",
        ),
    ] {
        let facts = read(Provider::GcpGemini, json);
        assert_eq!(labels(&facts.finish_reasons), reasons);
        assert_eq!(facts.usage.input_tokens, Some(9));
        assert_eq!(picture(&facts).lines().last().unwrap(), verdict);
    }
    for reason in [
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
    ] {
        let json = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
        let verdict = read(Provider::GcpVertexAi, &json).verdict;
        let word = reason.to_lowercase();
        assert!(matches!(verdict, Verdict::Blocked(said) if said.as_str() == word));
    }
    for reason in ["STOP", "MAX_TOKENS", "MALFORMED_FUNCTION_CALL", "OTHER"] {
        let json = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
        let verdict = read(Provider::GcpGemini, &json).verdict;
        assert!(matches!(verdict, Verdict::Answered), "{reason}");
    }
}

#[test]
fn errors_of_google_are_classed_by_their_status() {
    let expected =
        "failed: RESOURCE_EXHAUSTED Some(\"Resource has been exhausted (e.g. check quota).\")";
    let json = include_str!("../testdata/gemini-error.json");
    for body in [json.to_owned(), format!("[{json}]")] {
        let facts = read(Provider::GcpVertexAi, &body);
        assert_eq!(picture(&facts).lines().last().unwrap(), expected);
        let mut stream = StreamReader::new(Provider::GcpGemini);
        stream.push_bytes(body.as_bytes());
        assert!(stream.is_complete());
        let facts = stream.finish(StreamEnd::Finished);
        assert_eq!(picture(&facts).lines().last().unwrap(), expected);
    }
}

#[test]
fn a_list_of_objects_of_a_stream_is_read_as_the_answer_that_it_is() {
    let list = include_str!("../testdata/gemini-stream.json");
    let whole = include_str!("../testdata/gemini.json");
    let provider = Provider::GcpGemini;
    assert_eq!(
        picture(&read(provider, list)),
        picture(&read(provider, whole))
    );
    assert!(read_response(provider, b"[{\"candidates\":]").is_err());
    assert!(read_response(provider, b"[3, {}]").is_err());
}

#[test]
fn models_of_anthropic_on_vertex_ai_answer_as_anthropic_does() {
    let whole = include_str!("../testdata/anthropic-message.json");
    let stream = include_str!("../testdata/anthropic-message.sse");
    let expected = picture(&read(Provider::Anthropic, whole));
    assert_eq!(picture(&read(Provider::GcpVertexAi, whole)), expected);
    let facts = streamed(
        Provider::GcpVertexAi,
        &[stream.as_bytes()],
        StreamEnd::Finished,
    );
    assert_eq!(picture(&facts), expected);
    let error = read(
        Provider::GcpVertexAi,
        include_str!("../testdata/anthropic-error.json"),
    );
    assert!(picture(&error).ends_with("failed: overloaded_error Some(\"Overloaded\")"));
}

#[test]
fn vectors_of_google_are_no_content() {
    for json in [
        r#"{"embedding":{"values":[0.1,0.2]}}"#,
        r#"{"embeddings":[{"values":[0.1]}]}"#,
        r#"{"predictions":[{"embeddings":{"values":[0.1],"statistics":{"token_count":4}}}]}"#,
    ] {
        let facts = read(Provider::GcpVertexAi, json);
        assert!(facts.output.is_none() && facts.finish_reasons.is_empty());
    }
}

#[test]
fn a_request_to_gemini_says_its_settings() {
    let json = include_str!("../testdata/gemini-request.json");
    let facts = read_request(Provider::GcpGemini, json.as_bytes()).unwrap();
    assert_eq!(
        (facts.operation, facts.action),
        ("generate_content", "generate_content.create")
    );
    assert_eq!(facts.request.model.unwrap().as_str(), "gemini-2.5-pro");
    assert_eq!(
        (
            facts.request.max_tokens,
            facts.request.temperature,
            facts.request.top_p
        ),
        (Some(800), Some(0.5), Some(0.9))
    );
    assert_eq!(
        content(&facts.system_prompt),
        r#"{"parts":[{"text":"Answer briefly."}]}"#
    );
    assert!(content(&facts.input).contains("How high is the tower?"));
    assert!(content(&facts.tools).contains("functionDeclarations"));
    for (json, input) in [
        (r#"{"content":{"parts":[{"text":"a"}]}}"#, "\"a\""),
        (r#"{"instances":[{"content":"a"}]}"#, "\"a\""),
        (
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#,
            "\"a\"",
        ),
    ] {
        let facts = read_request(Provider::GcpVertexAi, json.as_bytes()).unwrap();
        assert_eq!(facts.operation, "embeddings");
        assert!(content(&facts.input).contains(input));
    }
}
