mod bedrock;
mod counted;
mod dashscope;
mod gemini;
mod others;
mod requests;

use proptest::prelude::*;

use super::*;
use crate::record::{Content, Failure, Label, RawText, Usage, Verdict};

/// Answers that came both whole and streamed.
const PAIRS: [(Provider, &str, &str); 15] = [
    (
        Provider::OpenAi,
        include_str!("testdata/openai-chat.json"),
        include_str!("testdata/openai-chat.sse"),
    ),
    (
        Provider::AzureOpenAi,
        include_str!("testdata/openai-tools.json"),
        include_str!("testdata/openai-tools.sse"),
    ),
    (
        Provider::OpenAi,
        include_str!("testdata/openai-refusal.json"),
        include_str!("testdata/openai-refusal.sse"),
    ),
    (
        Provider::OpenAi,
        include_str!("testdata/openai-responses.json"),
        include_str!("testdata/openai-responses.sse"),
    ),
    (
        Provider::Anthropic,
        include_str!("testdata/anthropic-message.json"),
        include_str!("testdata/anthropic-message.sse"),
    ),
    (
        Provider::GcpGemini,
        include_str!("testdata/gemini.json"),
        include_str!("testdata/gemini.sse"),
    ),
    (
        Provider::GcpVertexAi,
        include_str!("testdata/gemini.json"),
        include_str!("testdata/gemini-stream.json"),
    ),
    (
        Provider::AwsBedrock,
        include_str!("testdata/bedrock.json"),
        include_str!("testdata/bedrock-events.jsonl"),
    ),
    (
        Provider::Cohere,
        include_str!("testdata/cohere.json"),
        include_str!("testdata/cohere.sse"),
    ),
    (
        Provider::Cohere,
        include_str!("testdata/cohere-v1.json"),
        include_str!("testdata/cohere-v1.jsonl"),
    ),
    (
        Provider::Ollama,
        include_str!("testdata/ollama.json"),
        include_str!("testdata/ollama.jsonl"),
    ),
    (
        Provider::DashScope,
        include_str!("testdata/dashscope.json"),
        include_str!("testdata/dashscope.sse"),
    ),
    (
        Provider::DashScope,
        include_str!("testdata/dashscope.json"),
        include_str!("testdata/dashscope-repeated.sse"),
    ),
    (
        Provider::MistralAi,
        include_str!("testdata/mistral.json"),
        include_str!("testdata/mistral.sse"),
    ),
    (
        Provider::OpenAiCompatible("gateway"),
        include_str!("testdata/anthropic-message.json"),
        include_str!("testdata/anthropic-message.sse"),
    ),
];

fn read(provider: Provider, json: &str) -> ResponseFacts {
    read_response(provider, json.as_bytes()).unwrap()
}

fn content(content: &Option<Content>) -> String {
    let text = content.as_ref().map(|content| content.raw().to_text());
    text.map_or_else(|| "none".to_owned(), |text| text.to_string())
}

fn labels(labels: &[Label]) -> Vec<&str> {
    labels.iter().map(Label::as_str).collect()
}

/// Everything that facts say, as a text to compare.
fn picture(facts: &ResponseFacts) -> String {
    let verdict = match &facts.verdict {
        Verdict::Answered => "answered".to_owned(),
        Verdict::Blocked(reason) => format!("blocked: {reason}"),
        Verdict::Failed(failure) => {
            let text = failure.message.as_ref().map(RawText::to_text);
            let text = text.as_ref().map(|text| text.as_str());
            format!("failed: {} {text:?}", failure.error_type)
        }
    };
    format!(
        "{:?} {:?} {:?} {:?}\n{:?}\n{}\n{verdict}",
        facts.id,
        facts.model,
        labels(&facts.finish_reasons),
        facts.service_tier,
        facts.usage,
        content(&facts.output)
    )
}

fn streamed(provider: Provider, pieces: &[&[u8]], end: StreamEnd) -> ResponseFacts {
    let mut stream = StreamReader::new(provider);
    for piece in pieces {
        stream.push_bytes(piece);
    }
    stream.finish(end)
}

/// The JSON of each event, as a client hands it on.
fn decoded(stream: &str) -> Vec<String> {
    let array = serde_json::from_str::<Vec<serde_json::Value>>(stream);
    if let Ok(events) = array {
        return events.iter().map(ToString::to_string).collect();
    }
    let data = stream.lines().filter_map(|line| {
        let json = line.strip_prefix("data:").map(str::trim);
        json.or(Some(line).filter(|line| line.starts_with('{')))
    });
    data.filter(|data| *data != "[DONE]")
        .map(str::to_owned)
        .collect()
}

#[test]
fn an_answer_reads_the_same_whole_and_streamed() {
    for (provider, whole, stream) in PAIRS {
        let expected = picture(&read(provider, whole));
        let from_bytes = streamed(provider, &[stream.as_bytes()], StreamEnd::Finished);
        assert_eq!(picture(&from_bytes), expected);
        let mut events = StreamReader::new(provider);
        for event in decoded(stream) {
            events.push_event(event.as_bytes());
        }
        assert!(events.is_complete());
        assert_eq!(events.skipped(), SkippedEvents::default());
        assert_eq!(picture(&events.finish(StreamEnd::Finished)), expected);
    }
}

#[test]
fn a_chat_completion_is_read_in_full() {
    let facts = read(PAIRS[0].0, PAIRS[0].1);
    assert_eq!(facts.id.unwrap().as_str(), "chatcmpl-B9zX4");
    assert_eq!(facts.model.unwrap().as_str(), "gpt-5.1-2025-11-13");
    assert_eq!(facts.service_tier.unwrap().as_str(), "default");
    assert_eq!(labels(&facts.finish_reasons), ["stop", "length"]);
    let expected = Usage {
        input_tokens: Some(1200),
        output_tokens: Some(340),
        cache_read_input_tokens: Some(1024),
        cache_write_input_tokens: Some(96),
        cache_write_1h_input_tokens: None,
        reasoning_output_tokens: Some(256),
        audio_input_tokens: Some(0),
        audio_output_tokens: Some(0),
    };
    assert_eq!(facts.usage, expected);
}

#[test]
fn tool_calls_keep_their_order_and_arguments_that_are_no_json_stay_text() {
    let facts = read(PAIRS[1].0, PAIRS[1].1);
    let expected = concat!(
        r#"[{"finish_reason":"tool_calls","parts":["#,
        r#"{"arguments":{"city":"Sassnitz","days":3,"ratio":1.5},"id":"call_w1","name":"weather","type":"tool_call"},"#,
        r#"{"arguments":"not json {","id":"call_n2","name":"note","type":"tool_call"},"#,
        r#"{"arguments":"","id":"call_t3","name":"tide","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
}

#[test]
fn output_items_of_a_response_are_parts_of_one_message() {
    let facts = read(PAIRS[3].0, PAIRS[3].1);
    let expected = concat!(
        r#"[{"finish_reason":"completed","parts":[{"content":"Compare the two towers.","type":"reasoning"},"#,
        r#"{"content":"Pick the older.","type":"reasoning"},"#,
        r#"{"generic_type":"web_search_call","type":"generic","value":{"action":{"query":"Kap Arkona","type":"search"},"#,
        r#""id":"ws_1","status":"completed","type":"web_search_call"}},"#,
        r#"{"content":"The older tower is of 1827.","type":"text"},{"content":" It was designed by Schinkel.","type":"text"},"#,
        r#"{"arguments":{"year":1827},"id":"call_9","name":"save","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
    assert_eq!(facts.usage.cache_write_input_tokens, Some(512));
    assert_eq!(facts.usage.reasoning_output_tokens, Some(1500));
}

#[test]
fn a_message_of_anthropic_is_read_in_full_and_its_counts_are_added_up() {
    let facts = read(PAIRS[4].0, PAIRS[4].1);
    let expected = Usage {
        input_tokens: Some(21 + 1000 + 188_086),
        output_tokens: Some(393),
        cache_read_input_tokens: Some(188_086),
        cache_write_input_tokens: Some(1000),
        cache_write_1h_input_tokens: Some(600),
        ..Usage::default()
    };
    assert_eq!(facts.usage, expected);
    assert_eq!(facts.service_tier.unwrap().as_str(), "standard");
    let output = content(&facts.output);
    for part in [
        r#"{"content":"The user asks for a tower. I look it up.","type":"reasoning"}"#,
        r#"{"id":"srvtoolu_1","name":"web_search","server_tool_call":{"query":"Kap Arkona"},"type":"server_tool_call"}"#,
        r#"{"arguments":{"limit":2,"place":"Kap Arkona"},"id":"toolu_01","name":"lookup","type":"tool_call"}"#,
        r#"{"arguments":{},"id":"toolu_02","name":"now","type":"tool_call"}"#,
        r#""generic_type":"web_search_tool_result""#,
    ] {
        assert!(output.contains(part), "{part} in {output}");
    }
}

/// Bodies, and the verdict that each comes to.
const VERDICTS: [(Provider, &str, &str); 12] = [
    (
        Provider::OpenAi,
        include_str!("testdata/openai-chat.json"),
        "answered",
    ),
    (
        Provider::OpenAi,
        include_str!("testdata/openai-filter.json"),
        "blocked: content_filter",
    ),
    (
        Provider::OpenAi,
        include_str!("testdata/openai-refusal.json"),
        "blocked: refusal",
    ),
    (
        Provider::AzureOpenAi,
        include_str!("testdata/azure-filter-error.json"),
        "blocked: content_filter",
    ),
    (
        Provider::OpenAi,
        include_str!("testdata/openai-responses-incomplete.json"),
        "answered",
    ),
    (
        Provider::Anthropic,
        include_str!("testdata/anthropic-refusal.json"),
        "blocked: refusal",
    ),
    (
        Provider::Anthropic,
        include_str!("testdata/anthropic-error.json"),
        "failed: overloaded_error Some(\"Overloaded\")",
    ),
    (
        Provider::OpenAi,
        r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"content_filter"}}"#,
        "blocked: content_filter",
    ),
    (
        Provider::OpenAi,
        r#"{"error":"model not found"}"#,
        "failed: _OTHER Some(\"model not found\")",
    ),
    (
        Provider::OpenAi,
        r#"{"error":{"code":429,"message":null}}"#,
        "failed: too_many_requests None",
    ),
    (
        Provider::OpenAi,
        r#"{"error":{"code":"model_not_found"}}"#,
        "failed: model_not_found None",
    ),
    (
        Provider::OpenAi,
        r#"{"statusCode":401,"message":"denied"}"#,
        "failed: unauthorized Some(\"denied\")",
    ),
];

#[test]
fn verdicts_tell_blocked_from_failed_from_answered() {
    use Provider::OpenAi;
    for (provider, json, verdict) in VERDICTS {
        let picture = picture(&read(provider, json));
        assert_eq!(picture.lines().last().unwrap(), verdict, "{json}");
    }
    let limited = picture(&read(OpenAi, include_str!("testdata/openai-error.json")));
    assert!(limited.contains("failed: tokens Some(\"Rate limit reached"));
    let failed = picture(&read(
        OpenAi,
        include_str!("testdata/openai-responses-failed.json"),
    ));
    assert!(
        failed.contains("\nnone\nfailed: server_error Some("),
        "{failed}"
    );
}

#[test]
fn the_reason_of_an_incomplete_response_is_its_finish_reason() {
    let facts = read(
        Provider::OpenAi,
        include_str!("testdata/openai-responses-incomplete.json"),
    );
    assert_eq!(labels(&facts.finish_reasons), ["max_output_tokens"]);
    assert!(content(&facts.output).contains("Once upon"));
}

#[test]
fn vectors_are_no_content() {
    let facts = read(
        Provider::OpenAi,
        include_str!("testdata/openai-embeddings.json"),
    );
    assert!(facts.output.is_none() && facts.finish_reasons.is_empty());
    assert_eq!(
        (facts.usage.input_tokens, facts.usage.output_tokens),
        (Some(12), None)
    );
}

#[test]
fn counts_that_are_no_counts_are_unknown_and_absent_is_not_zero() {
    for (count, expected) in [
        ("0", Some(0)),
        ("7.0", Some(7)),
        ("9223372036854775807", Some(i64::MAX as u64)),
        ("9223372036854775808", None),
        ("18446744073709551616", None),
        ("-1", None),
        ("1.5", None),
        ("\"12\"", None),
        ("null", None),
        ("{}", None),
        ("[1]", None),
        ("true", None),
    ] {
        let json = format!(r#"{{"prompt_tokens":{count},"completion_tokens":1}}"#);
        let usage = read_usage(UsageFormat::OpenAiChat, json.as_bytes())
            .unwrap()
            .usage;
        assert_eq!(usage.input_tokens, expected, "{count}");
        assert_eq!(
            (usage.output_tokens, usage.reasoning_output_tokens),
            (Some(1), None)
        );
    }
}

#[test]
fn a_sum_of_which_a_part_is_no_count_is_unknown() {
    let input = |json: &str| {
        let usage = read_usage(UsageFormat::AnthropicMessages, json.as_bytes());
        usage.unwrap().usage.input_tokens
    };
    assert_eq!(input(r#"{"input_tokens":5}"#), Some(5));
    assert_eq!(
        input(r#"{"input_tokens":5,"cache_read_input_tokens":null}"#),
        Some(5)
    );
    assert_eq!(
        input(r#"{"input_tokens":5,"cache_read_input_tokens":"9"}"#),
        None
    );
    assert_eq!(input(r#"{"cache_read_input_tokens":9}"#), None);
    let most = i64::MAX;
    assert_eq!(
        input(&format!(
            r#"{{"input_tokens":{most},"cache_read_input_tokens":1}}"#
        )),
        None
    );
    let parts = r#"{"input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3}}"#;
    assert_eq!(input(parts), Some(6));
}

#[test]
fn members_of_other_types_cost_nothing_but_themselves() {
    let odd = r#"{"object":"chat.completion","id":7,"model":["x"],"service_tier":{},"usage":"none","choices":[null,
        {"index":"a","message":{"content":[],"tool_calls":[3,{"id":1,"function":"f"}]},"finish_reason":"stop"}]}"#;
    let facts = read(Provider::OpenAi, odd);
    assert!(facts.id.is_none() && facts.usage.is_empty());
    assert_eq!(labels(&facts.finish_reasons), ["stop"]);
}

#[test]
fn a_malformed_body_is_told_by_its_place_and_never_by_its_words() {
    let secret = b"{\"choices\":\n [{\"message\": hunter2 ]}";
    let error = read_response(Provider::OpenAi, secret).unwrap_err();
    let at = secret.iter().rposition(|byte| *byte == b'h').unwrap() + 1;
    let expected = ProviderError::Malformed {
        offset: at,
        length: secret.len(),
    };
    assert_eq!(error, expected);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    for json in ["{}", "[]", "3", "null", r#"{"type":"ping"}"#] {
        for provider in [Provider::OpenAi, Provider::Anthropic] {
            let error = read_response(provider, json.as_bytes()).unwrap_err();
            assert!(
                matches!(error, ProviderError::Unrecognised { .. }),
                "{json}"
            );
        }
    }
}

#[test]
fn a_stream_that_is_cut_keeps_what_was_delivered_and_shows_that_it_was_cut() {
    for (provider, _, stream) in PAIRS {
        let mut reader = StreamReader::new(provider);
        let mut pieces = stream.as_bytes().chunks(50);
        while reader.progress() == Progress::Awaiting {
            reader.push_bytes(pieces.next().unwrap());
        }
        assert_eq!(reader.progress(), Progress::Delivering);
        assert_eq!(reader.skipped().malformed, 0);
        let facts = reader.finish(StreamEnd::Dropped);
        let reasons = labels(&facts.finish_reasons);
        assert!(
            reasons.iter().all(|reason| *reason == "error"),
            "{reasons:?}"
        );
        let has_id = !matches!(provider, Provider::AwsBedrock | Provider::Ollama);
        assert!(facts.id.is_some() == has_id && facts.output.is_some());
    }
    let reader = StreamReader::new(Provider::Anthropic);
    assert_eq!(reader.progress(), Progress::Awaiting);
    assert!(reader.finish(StreamEnd::Dropped).output.is_none());
}

#[test]
fn an_error_in_a_stream_fails_it_and_keeps_what_came_before() {
    let stream = include_bytes!("testdata/anthropic-error.sse");
    let client = Failure {
        error_type: Label::clip("transport"),
        message: None,
    };
    let facts = streamed(Provider::Anthropic, &[stream], StreamEnd::Failed(client));
    let picture = picture(&facts);
    assert!(
        picture.ends_with("failed: overloaded_error Some(\"Overloaded\")"),
        "{picture}"
    );
    assert!(picture.contains("The old"));
    let mut reader = StreamReader::new(Provider::Anthropic);
    reader.push_bytes(stream);
    assert!(reader.is_complete() && !format!("{reader:?}").contains("The old"));
    for (provider, stream, expected) in [
        (
            Provider::OpenAi,
            "data: {\"error\":{\"type\":\"server_error\"}}\n\n",
            "server_error",
        ),
        (
            Provider::OpenAi,
            "event: error\ndata: upstream timed out\n\n",
            "error",
        ),
        (
            Provider::OpenAi,
            "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}\n\n",
            "rate_limit_exceeded",
        ),
    ] {
        let facts = streamed(provider, &[stream.as_bytes()], StreamEnd::Finished);
        assert!(
            matches!(facts.verdict, Verdict::Failed(failure) if failure.error_type.as_str() == expected)
        );
    }
}

#[test]
fn a_failure_of_the_client_is_the_verdict_where_the_stream_brought_none() {
    let failure = Failure {
        error_type: Label::clip("timeout"),
        message: None,
    };
    let facts = streamed(Provider::OpenAi, &[], StreamEnd::Failed(failure));
    assert!(
        matches!(facts.verdict, Verdict::Failed(failure) if failure.error_type.as_str() == "timeout")
    );
}

#[test]
fn malformed_and_oversized_events_are_counted_and_skipped() {
    let mut stream = StreamReader::new(Provider::OpenAi);
    stream.push_bytes(b"data: {\"choices\n\ndata: 5\n\ndata: ");
    let long = vec![b'x'; 1024 * 1024];
    for _ in 0..9 {
        stream.push_bytes(&long);
    }
    stream.push_bytes(b"\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"on\"},\"finish_reason\":\"stop\"}]}\n\n");
    stream.push_event(b"{");
    let expected = SkippedEvents {
        malformed: 2,
        oversized: 1,
    };
    assert_eq!(stream.skipped(), expected);
    assert!(!stream.is_complete(), "[DONE] is missing");
    stream.push_bytes(b"data: [DONE]");
    assert!(stream.is_complete());
    let facts = stream.finish(StreamEnd::Finished);
    assert!(content(&facts.output).contains("\"content\":\"on\""));
}

#[test]
fn names_are_read_back() {
    for provider in name::KNOWN {
        assert_eq!(Provider::from_name(provider.as_str()), Some(*provider));
    }
    for format in ["anthropic.messages", "openai.chat", "openai.responses"] {
        assert_eq!(UsageFormat::from_name(format).unwrap().as_str(), format);
    }
    assert_eq!(Provider::from_name("OpenAI"), None);
}

proptest! {
    #[test]
    fn a_stream_split_anywhere_comes_to_the_same_facts(
        which in 0..PAIRS.len(), mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        upto in any::<prop::sample::Index>(),
    ) {
        let (provider, _, stream) = PAIRS[which];
        let stream = &stream.as_bytes()[..=upto.index(stream.len())];
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let whole = streamed(provider, &[stream], StreamEnd::Dropped);
        let split = streamed(provider, &pieces, StreamEnd::Dropped);
        prop_assert_eq!(picture(&split), picture(&whole));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for provider in name::KNOWN.iter().copied() {
            let _ = read_response(provider, &bytes);
            let _ = read_request(provider, &bytes);
            let _ = streamed(provider, &[&bytes, b"\n\ndata:", &bytes], StreamEnd::Dropped);
        }
    }

    #[test]
    fn a_damaged_answer_makes_no_reader_panic(
        which in 0..PAIRS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let (provider, whole, stream) = PAIRS[which];
        for text in [whole, stream] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read_response(provider, &bytes);
            let _ = read_response(provider, &bytes[..cut.index(bytes.len())]);
            let _ = streamed(provider, &[&bytes], StreamEnd::Finished);
        }
    }
}

#[test]
fn an_error_of_anthropic_is_one_without_the_type_around_it_too() {
    let facts = read_response(
        Provider::Anthropic,
        br#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    );
    let Verdict::Failed(failure) = facts.unwrap().verdict else {
        panic!("an error was expected")
    };
    assert_eq!(failure.error_type.as_str(), "overloaded_error");
    assert!(read_response(Provider::Anthropic, b"{}").is_err());
}
