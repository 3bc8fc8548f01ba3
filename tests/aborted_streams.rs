//! What the record says of a stream that the application gave up: what was delivered, and the counts as far as they came.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod place;

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use futures_executor::block_on_stream;
use futures_util::stream;
use llm_audit::{AuditSpanExt as _, AuditStreamExt as _, Auditor, Drained, Provider};
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;

/// Streams, how many events of them are read, and what the record then says: status, source of counts, input, output.
type Case = (
    Provider,
    &'static str,
    usize,
    (&'static str, &'static str, Option<u64>, Option<u64>),
);

const CASES: [Case; 6] = [
    (
        Provider::Anthropic,
        include_str!("../src/provider/testdata/anthropic-message.sse"),
        6,
        ("cancelled", "estimated", Some(189_107), Some(1)),
    ),
    (
        Provider::Anthropic,
        include_str!("../src/provider/testdata/anthropic-message.sse"),
        usize::MAX,
        ("success", "provider", Some(189_107), Some(393)),
    ),
    (
        Provider::GcpGemini,
        include_str!("../src/provider/testdata/gemini.sse"),
        3,
        ("cancelled", "estimated", Some(120), Some(31)),
    ),
    (
        Provider::AwsBedrock,
        include_str!("../src/provider/testdata/bedrock-events.jsonl"),
        7,
        ("cancelled", "none", None, None),
    ),
    (
        Provider::OpenAi,
        include_str!("../src/provider/testdata/openai-chat.sse"),
        4,
        ("cancelled", "none", None, None),
    ),
    (
        Provider::Ollama,
        include_str!("../src/provider/testdata/ollama.jsonl"),
        3,
        ("cancelled", "none", None, None),
    ),
];

#[test]
fn a_stream_that_is_given_up_leaves_what_was_delivered_and_counts_as_far_as_they_came() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("tests")
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    let made = tracing::subscriber::with_default(subscriber, || {
        CASES.map(|(provider, text, read, expected)| {
            let span = tracing::info_span!("call", gen_ai.operation.name = "chat");
            let id = span.audit_record_id().unwrap();
            let events = events_of(text).into_iter().map(Ok::<_, Infallible>);
            let answer = stream::iter(events).audit_events(&span, provider);
            assert!(block_on_stream(answer).take(read).count() > 0);
            (provider, id.to_string(), expected)
        })
    });
    assert_eq!(audit.shutdown(Duration::from_secs(60)), Drained::Complete);
    let lines: Vec<Value> = place::files(directory.path())
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.collect::<Vec<Value>>()
        })
        .collect();
    for (provider, id, (status, source, input, output)) in made {
        let line = lines.iter().find(|line| line["request_id"] == id.as_str());
        let record = &line.unwrap()["record"];
        assert_eq!(record["llm_audit.status"], status, "{provider:?}");
        assert_eq!(record["llm_audit.usage.source"], source, "{provider:?}");
        assert_eq!(
            record["gen_ai.usage.input_tokens"].as_u64(),
            input,
            "{provider:?}"
        );
        assert_eq!(
            record["gen_ai.usage.output_tokens"].as_u64(),
            output,
            "{provider:?}"
        );
        assert!(record["llm_audit.output.hash"].is_string(), "{provider:?}");
        assert!(
            record["llm_audit.action"]
                .as_str()
                .unwrap()
                .ends_with(".stream")
        );
    }
}

fn events_of(text: &str) -> Vec<Value> {
    let json = text.lines().filter_map(|line| {
        let data = line.strip_prefix("data:").map(str::trim);
        data.or(Some(line).filter(|line| line.starts_with('{')))
    });
    let json = json.filter(|json| *json != "[DONE]");
    json.map(|json| serde_json::from_str(json).unwrap())
        .collect()
}
