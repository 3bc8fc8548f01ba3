//! Forms of <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>, `ConverseStream` and
//! `InvokeModelWithResponseStream`.

use super::*;
use crate::provider::event_stream::tests::{event, message};

/// The events of the stream as Bedrock sends them.
fn messages() -> Vec<u8> {
    let events = include_str!("../testdata/bedrock-events.jsonl");
    let named = |line: &str| {
        let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        event.into_iter().next().unwrap()
    };
    let messages = events.lines().map(|line| {
        let (name, payload) = named(line);
        event(&name, &payload.to_string())
    });
    messages.collect::<Vec<_>>().concat()
}

fn base64(text: &str) -> String {
    let letters: Vec<char> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/'])
        .collect();
    let sixths = |group: &[u8]| {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(*group.get(at).unwrap_or(&0))
        });
        (0..=group.len())
            .map(move |at| (bits >> (18 - 6 * at)) as usize & 63)
            .collect::<Vec<_>>()
    };
    text.as_bytes()
        .chunks(3)
        .flat_map(sixths)
        .map(|sixth| letters[sixth])
        .collect()
}

#[test]
fn an_answer_of_converse_is_read_in_full() {
    let facts = read(
        Provider::AwsBedrock,
        include_str!("../testdata/bedrock.json"),
    );
    assert_eq!(labels(&facts.finish_reasons), ["tool_use"]);
    assert_eq!(facts.service_tier.as_ref().unwrap().as_str(), "priority");
    let expected = Usage {
        input_tokens: Some(30 + 1000 + 24),
        output_tokens: Some(628),
        cache_read_input_tokens: Some(1000),
        cache_write_input_tokens: Some(24),
        ..Usage::default()
    };
    assert_eq!(facts.usage, expected);
    let expected = concat!(
        r#"[{"finish_reason":"tool_use","parts":["#,
        r#"{"content":"I need the tide.","type":"reasoning"},"#,
        r#"{"content":"I look the tide up – wait.","type":"text"},"#,
        r#"{"arguments":{"days":2,"place":"Sassnitz"},"id":"tooluse_kZJM","name":"tide","type":"tool_call"},"#,
        r#"{"arguments":{},"id":"tooluse_now","name":"now","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
}

#[test]
fn a_stream_of_messages_comes_to_the_facts_of_the_whole_answer_wherever_it_is_split() {
    let (messages, provider) = (messages(), Provider::AwsBedrock);
    let expected = picture(&read(provider, include_str!("../testdata/bedrock.json")));
    for size in [1, 7, 64, messages.len()] {
        let mut stream = StreamReader::new(provider);
        messages
            .chunks(size)
            .for_each(|piece| stream.push_bytes(piece));
        assert!(stream.is_complete());
        assert_eq!(stream.skipped(), SkippedEvents::default());
        assert_eq!(picture(&stream.finish(StreamEnd::Finished)), expected);
    }
    let mut damaged = messages;
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    let mut stream = StreamReader::new(provider);
    stream.push_bytes(&damaged);
    assert_eq!(stream.skipped().malformed, 1);
}

#[test]
fn a_guardrail_blocks() {
    let facts = read(
        Provider::AwsBedrock,
        include_str!("../testdata/bedrock-guardrail.json"),
    );
    assert!(picture(&facts).ends_with("blocked: guardrail_intervened"));
    assert!(content(&facts.output).contains("Sorry"));
    let filtered = r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"content_filtered"}"#;
    assert!(picture(&read(Provider::AwsBedrock, filtered)).ends_with("blocked: content_filtered"));
}

#[test]
fn exceptions_fail_a_call_before_and_within_a_stream() {
    for (json, expected) in [
        (
            r#"{"message":"Too many requests, please wait."}"#,
            "failed: _OTHER Some(\"Too many requests, please wait.\")",
        ),
        (
            r#"{"__type":"com.amazon.coral.service#ThrottlingException","message":"slow"}"#,
            "failed: ThrottlingException Some(\"slow\")",
        ),
        (r#"{"Message":"no"}"#, "failed: _OTHER Some(\"no\")"),
        (
            r#"{"modelStreamErrorException":{"message":"cut","originalStatusCode":500}}"#,
            "failed: ModelStreamErrorException Some(\"cut\")",
        ),
    ] {
        let facts = read(Provider::AwsBedrock, json);
        assert_eq!(picture(&facts).lines().last().unwrap(), expected);
    }
    let begun = event(
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"text":"Hal"}}"#,
    );
    let headers = [
        (":message-type", "exception"),
        (":exception-type", "throttlingException"),
    ];
    let stream = [begun, message(&headers, br#"{"message":"slow"}"#)].concat();
    let facts = streamed(Provider::AwsBedrock, &[&stream], StreamEnd::Finished);
    assert!(content(&facts.output).contains("Hal"));
    assert!(picture(&facts).ends_with("failed: ThrottlingException Some(\"slow\")"));
}

#[test]
fn models_of_anthropic_on_bedrock_answer_as_anthropic_does() {
    let whole = include_str!("../testdata/anthropic-message.json");
    let stream = include_str!("../testdata/anthropic-message.sse");
    let expected = picture(&read(Provider::Anthropic, whole));
    assert_eq!(picture(&read(Provider::AwsBedrock, whole)), expected);
    let chunks: Vec<String> = decoded(stream)
        .iter()
        .map(|json| format!(r#"{{"bytes":"{}","p":"abc"}}"#, base64(json)))
        .collect();
    let messages: Vec<Vec<u8>> = chunks.iter().map(|chunk| event("chunk", chunk)).collect();
    let facts = streamed(
        Provider::AwsBedrock,
        &[&messages.concat()],
        StreamEnd::Finished,
    );
    assert_eq!(picture(&facts), expected);
    let mut events = StreamReader::new(Provider::AwsBedrock);
    for chunk in &chunks {
        events.push_event(format!(r#"{{"chunk":{chunk}}}"#).as_bytes());
    }
    assert!(events.is_complete());
    assert_eq!(picture(&events.finish(StreamEnd::Finished)), expected);
}

#[test]
fn models_of_amazon_and_meta_are_read_with_their_counts() {
    let titan = r#"{"inputTextTokenCount":7,"results":[{"tokenCount":3,"outputText":"Yes.","completionReason":"FINISH"}]}"#;
    let llama = r#"{"generation":"Yes.","prompt_token_count":7,"generation_token_count":3,"stop_reason":"stop"}"#;
    for (json, reason) in [(titan, "finish"), (llama, "stop")] {
        let facts = read(Provider::AwsBedrock, json);
        assert_eq!(labels(&facts.finish_reasons), [reason]);
        assert_eq!(facts.usage.input_tokens, Some(7));
        assert!(content(&facts.output).contains("Yes."));
    }
    let vector = read(
        Provider::AwsBedrock,
        r#"{"embedding":[0.1],"inputTextTokenCount":7}"#,
    );
    assert!(vector.output.is_none() && vector.usage.input_tokens == Some(7));
}

#[test]
fn a_request_to_converse_says_its_settings_and_one_to_a_model_of_anthropic_is_anthropics() {
    let json = include_str!("../testdata/bedrock-request.json");
    let facts = read_request(Provider::AwsBedrock, json.as_bytes()).unwrap();
    assert_eq!((facts.operation, facts.action), ("chat", "converse.create"));
    let model = facts.request.model.as_ref().unwrap();
    assert_eq!(model.as_str(), "anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(
        (
            facts.request.max_tokens,
            facts.request.temperature,
            facts.request.top_p
        ),
        (Some(512), Some(0.5), Some(0.9))
    );
    assert_eq!(
        content(&facts.system_prompt),
        r#"[{"text":"You are a pilot."}]"#
    );
    assert!(content(&facts.tools).contains("toolSpec"));
    let invoked = br#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    let facts = read_request(Provider::AwsBedrock, invoked).unwrap();
    assert_eq!(
        (facts.action, facts.request.max_tokens),
        ("messages.create", Some(9))
    );
}

proptest! {
    #[test]
    fn damaged_messages_make_no_reader_panic(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut stream = messages();
        let (at, cut) = (at.index(stream.len()), cut.index(stream.len()));
        stream[at] = byte;
        let whole = streamed(Provider::AwsBedrock, &[&stream], StreamEnd::Dropped);
        let split = streamed(Provider::AwsBedrock, &[&stream[..cut], &stream[cut..]], StreamEnd::Dropped);
        prop_assert_eq!(picture(&split), picture(&whole));
    }
}
