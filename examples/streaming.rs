//! Streamed answers: read to the end, given up half-way, and cut by the provider.
//!
//! Run it with `cargo run --example streaming`; it asserts what it shows.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use llm_audit::{AuditSpanExt, AuditStreamExt, Auditor, Provider, RecordId};
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Returns at once; the record ends with the stream, which keeps the call's span open.
#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "openai",
                              gen_ai.request.model = "gpt-4o-mini", user.id = user))]
fn ask(
    user: &str,
    bytes: &[u8],
) -> (
    impl Stream<Item = Result<Vec<u8>, Infallible>> + use<>,
    Option<RecordId>,
) {
    let call = Span::current();
    let id = call.audit_record_id().ok();
    (provider(bytes).audit_stream(&call, Provider::OpenAi), id)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("example")
        .data_dir(directory.path())
        .generate_keyring();
    let audit = builder.without_sender().json_lines().build()?;
    tracing_subscriber::registry().with(audit.layer()).init();
    audit.verify_installed()?;

    let mut expected = Vec::new();
    futures_executor::block_on(async {
        let (answer, id) = ask("anna", ANSWER.as_bytes());
        let pieces: Vec<_> = answer.collect().await;
        assert_eq!(
            pieces.len(),
            ANSWER.len().div_ceil(PIECE),
            "the stream passes unchanged"
        );
        expected.push((id, "success"));

        let (mut answer, id) = ask("ben", ANSWER.as_bytes());
        for _ in 0..ANSWER.len() / PIECE / 2 {
            answer.next().await;
        }
        drop(answer);
        expected.push((id, "cancelled"));

        let (answer, id) = ask("chen", &ANSWER.as_bytes()[..ANSWER.len() / 2]);
        answer.for_each(|_| async {}).await;
        expected.push((id, "error"));
    });
    audit.shutdown(Duration::from_secs(5));

    let mut lines = String::new();
    for entry in std::fs::read_dir(directory.path())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            lines += &std::fs::read_to_string(path)?;
        }
    }
    for (id, status) in expected {
        let id = id.ok_or("every stream is audited")?.to_string();
        let line = lines
            .lines()
            .find(|line| line.contains(&id))
            .ok_or("every stream has a record")?;
        let line: serde_json::Value = serde_json::from_str(line)?;
        assert_eq!(line["status"], status);
        assert!(
            line["output_hash"].is_string(),
            "what was delivered is hashed"
        );
        let ttft = &line["record"]["llm_audit.time_to_first_chunk_ns"];
        println!(
            "{} {} first output after {ttft} ns",
            line["user_id"], line["status"]
        );
    }
    Ok(())
}

/// Stands in for the provider: server-sent events, split without regard to anything.
fn provider(bytes: &[u8]) -> impl Stream<Item = Result<Vec<u8>, Infallible>> + use<> {
    let pieces: Vec<_> = bytes
        .chunks(PIECE)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    stream::iter(pieces)
}

const PIECE: usize = 7;
const ANSWER: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"role":"assistant","content":"The capital"}}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":" is Paris."}}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":14,"completion_tokens":5,"total_tokens":19}}

data: [DONE]

"#;
