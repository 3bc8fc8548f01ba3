//! How far counts go, of streams that end and of streams that break off.

use super::*;
use crate::record::Counted;

/// The stream as far as it brought output for the first time, and then as far as its end.
fn cut_and_whole(provider: Provider, stream: &str) -> (ResponseFacts, ResponseFacts) {
    let mut cut = StreamReader::new(provider);
    for event in decoded(stream) {
        cut.push_event(event.as_bytes());
        if cut.progress() != Progress::Awaiting {
            break;
        }
    }
    let whole = streamed(provider, &[stream.as_bytes()], StreamEnd::Finished);
    (cut.finish(StreamEnd::Dropped), whole)
}

#[test]
fn counts_of_a_stream_that_broke_off_are_partial_or_none() {
    let partial = [
        Provider::Anthropic,
        Provider::DashScope,
        Provider::GcpGemini,
        Provider::GcpVertexAi,
    ];
    for (provider, _, stream) in PAIRS {
        let (cut, whole) = cut_and_whole(provider, stream);
        assert_eq!(whole.counted, Counted::Final, "{provider:?}");
        assert!(cut.output.is_some(), "{provider:?}");
        let of_anthropic = stream.contains("message_start");
        if partial.contains(&provider) || of_anthropic {
            assert_eq!(cut.counted, Counted::Partial, "{provider:?}");
            assert!(cut.usage.input_tokens.is_some(), "{provider:?}");
        } else {
            assert!(cut.usage.is_empty(), "{provider:?}");
        }
    }
}

#[test]
fn counts_that_came_with_the_last_finish_reason_are_final_though_the_last_event_is_missing() {
    for (provider, stream, missing) in [
        (
            Provider::Anthropic,
            include_str!("../testdata/anthropic-message.sse"),
            "message_stop",
        ),
        (
            Provider::OpenAi,
            include_str!("../testdata/openai-chat.sse"),
            "[DONE]",
        ),
    ] {
        let mut reader = StreamReader::new(provider);
        for event in decoded(stream)
            .iter()
            .filter(|event| !event.contains(missing))
        {
            reader.push_event(event.as_bytes());
        }
        assert_eq!(reader.finish(StreamEnd::Dropped).counted, Counted::Final);
    }
}

#[test]
fn a_finish_reason_makes_no_earlier_counts_final() {
    let mut reader = StreamReader::new(Provider::Anthropic);
    for event in [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
    ] {
        reader.push_event(event.as_bytes());
    }
    assert_eq!(reader.finish(StreamEnd::Dropped).counted, Counted::Partial);
}

#[test]
fn counts_before_an_error_in_a_stream_are_partial() {
    let stream = include_bytes!("../testdata/anthropic-error.sse");
    let facts = streamed(Provider::Anthropic, &[stream], StreamEnd::Finished);
    assert_eq!(facts.counted, Counted::Partial);
    assert!(matches!(facts.verdict, Verdict::Failed(_)));
}

#[test]
fn counts_that_come_in_every_event_are_partial_until_the_last() {
    let event = |text: &str, count: u64, reason: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":{reason}}}],
                "usage":{{"prompt_tokens":4,"completion_tokens":{count}}}}}"#
        )
    };
    let mut reader = StreamReader::new(Provider::Perplexity);
    reader.push_bytes(format!("data: {}\n\n", event("on", 1, "null").replace('\n', "")).as_bytes());
    reader.push_bytes(
        format!("data: {}\n\n", event("e", 2, "\"stop\"").replace('\n', "")).as_bytes(),
    );
    assert!(reader.is_complete(), "no [DONE] is sent");
    let facts = reader.finish(StreamEnd::Finished);
    assert_eq!(
        (facts.usage.output_tokens, facts.counted),
        (Some(2), Counted::Final)
    );
    let mut reader = StreamReader::new(Provider::Perplexity);
    reader.push_event(event("on", 1, "null").as_bytes());
    let facts = reader.finish(StreamEnd::Dropped);
    assert_eq!(
        (facts.usage.output_tokens, facts.counted),
        (Some(1), Counted::Partial)
    );
}
