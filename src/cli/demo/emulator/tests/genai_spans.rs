//! What genai's feature `otel` tells `tracing`.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use genai::Client;
use genai::chat::ChatOptions;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Instrument, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::genai_client::{ask, client};
use super::{Emulator, emulator};

/// Writes down, a line each, what genai does with its spans. Its events are left out.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if is_of_genai(id, &context) {
            let parent = context
                .span(id)
                .unwrap()
                .parent()
                .map_or("nothing", |parent| parent.name());
            self.note(format!(
                "new {} below {parent}",
                attributes.metadata().name()
            ));
            attributes.record(&mut Fields {
                when: "new",
                recorder: self,
            });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if is_of_genai(id, &context) {
            values.record(&mut Fields {
                when: "late",
                recorder: self,
            });
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if is_of_genai(id, &context) {
            self.note("enter".to_owned());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if is_of_genai(&id, &context) {
            self.note("close".to_owned());
        }
    }
}

fn is_of_genai<S: Subscriber + for<'a> LookupSpan<'a>>(id: &Id, context: &Context<'_, S>) -> bool {
    context
        .span(id)
        .is_some_and(|span| span.metadata().target() == "genai::otel::span")
}

struct Fields<'a> {
    when: &'static str,
    recorder: &'a Recorder,
}

impl Fields<'_> {
    fn note(&self, field: &Field, kind: &str, value: &dyn fmt::Debug) {
        self.recorder.note(format!(
            "{} {}: {kind} = {value:?}",
            self.when,
            field.name()
        ));
    }
}

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, "bool", &value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.note(field, "debug", value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.note(field, "f64", &value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, "i64", &value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, "str", &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, "u64", &value);
    }
}

/// What this thread does is recorded for as long as this lives.
struct Recording {
    recorder: Recorder,
    emulator: Emulator,
    _default: DefaultGuard,
    _second: Dispatch,
}

impl Recording {
    async fn start() -> Self {
        // With a single dispatcher alive, `tracing` keeps for every callsite the interest of the thread that meets it
        // first, and tests on other threads have none; with two it asks both.
        let second = Dispatch::new(tracing_subscriber::registry());
        let recorder = Recorder::default();
        let default =
            tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.clone()));
        Self {
            recorder,
            emulator: emulator().await,
            _default: default,
            _second: second,
        }
    }

    fn client(&self) -> Client {
        client(&self.emulator)
    }

    /// Reads up to so many items, but none after an error, and drops the stream.
    async fn stream(&self, model: &str, prompt: &str, options: &ChatOptions, items: usize) {
        let stream = self
            .client()
            .exec_chat_stream(model, ask(prompt), Some(options))
            .await
            .unwrap()
            .stream;
        let read = stream
            .take(items)
            .take_while(|item| std::future::ready(item.is_ok()));
        read.for_each(async |_| {}).await;
    }

    /// The lines since the last look, without the measured time and the port.
    fn lines(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.recorder.0.lock().unwrap());
        let stable = |line: String| match line.split_once(" = ") {
            Some((name, _))
                if name.contains("time_to_first_chunk") || name.contains("server.port") =>
            {
                name.to_owned()
            }
            _ => line,
        };
        lines.into_iter().map(stable).collect()
    }
}

fn chat_begins(model: &str, provider: &str, stream: bool) -> Vec<String> {
    vec![
        "new genai.chat below nothing".to_owned(),
        format!("new otel.name: str = \"chat {model}\""),
        "new otel.kind: str = \"client\"".to_owned(),
        "new gen_ai.operation.name: str = \"chat\"".to_owned(),
        format!("new gen_ai.provider.name: str = \"{provider}\""),
        format!("new gen_ai.request.model: str = \"{model}\""),
        format!("new gen_ai.request.stream: bool = {stream}"),
        "late server.address: str = \"127.0.0.1\"".to_owned(),
        "late server.port: i64".to_owned(),
    ]
}

fn assert_chat(lines: &[String], begins: &[String], then: &[&str]) {
    let (head, tail) = lines.split_at(begins.len());
    assert_eq!(
        (head, tail),
        (
            begins,
            then.iter()
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>()
                .as_slice()
        )
    );
}

#[tokio::test]
async fn a_whole_chat_is_one_span_never_entered_and_filled_at_the_end() {
    let recording = Recording::start().await;
    recording
        .client()
        .exec_chat("claude-haiku-4-5", ask("Tide? [[cache]] [[think]]"), None)
        .await
        .unwrap();
    let then = [
        "late gen_ai.response.model: str = \"claude-haiku-4-5-20251001\"",
        "late gen_ai.response.finish_reasons: str = \"[\\\"end_turn\\\"]\"",
        "late gen_ai.usage.input_tokens: i64 = 10",
        "late gen_ai.usage.output_tokens: i64 = 29",
        "late gen_ai.usage.cache_read.input_tokens: i64 = 5",
        "late gen_ai.usage.cache_creation.input_tokens: i64 = 2",
        "late gen_ai.usage.reasoning.output_tokens: i64 = 11",
        "close",
    ];
    assert_chat(
        &recording.lines(),
        &chat_begins("claude-haiku-4-5", "anthropic", false),
        &then,
    );
}

#[tokio::test]
async fn only_the_responses_adapter_tells_the_id_of_the_answer() {
    let recording = Recording::start().await;
    for (model, told) in [
        ("gpt-4o", false),
        ("gpt-5", true),
        ("claude-haiku-4-5", false),
    ] {
        recording
            .client()
            .exec_chat(model, ask("Tide?"), None)
            .await
            .unwrap();
        assert_eq!(
            recording
                .lines()
                .iter()
                .any(|line| line.starts_with("late gen_ai.response.id: str")),
            told,
            "{model}"
        );
    }
}

#[tokio::test]
async fn a_streamed_chat_tells_usage_only_when_the_caller_captures_it_and_never_the_model_that_answered()
 {
    let recording = Recording::start().await;
    let begins = chat_begins("gpt-4o", "openai", true);
    let first = "late gen_ai.response.time_to_first_chunk: f64";
    let reasons = "late gen_ai.response.finish_reasons: str = \"[\\\"stop\\\"]\"";
    recording
        .stream("gpt-4o", "Tide?", &ChatOptions::default(), usize::MAX)
        .await;
    assert_chat(&recording.lines(), &begins, &[first, reasons, "close"]);

    let capturing = ChatOptions::default().with_capture_usage(true);
    recording
        .stream("gpt-4o", "Tide?", &capturing, usize::MAX)
        .await;
    let usage = [
        "late gen_ai.usage.input_tokens: i64 = 5",
        "late gen_ai.usage.output_tokens: i64 = 18",
    ];
    assert_chat(
        &recording.lines(),
        &begins,
        &[first, reasons, usage[0], usage[1], "close"],
    );
}

#[tokio::test]
async fn a_stream_that_is_dropped_closes_without_reason_or_error() {
    let recording = Recording::start().await;
    recording
        .stream("gpt-4o", "[[slow]]", &ChatOptions::default(), 20)
        .await;
    let then = ["late gen_ai.response.time_to_first_chunk: f64", "close"];
    assert_chat(
        &recording.lines(),
        &chat_begins("gpt-4o", "openai", true),
        &then,
    );
}

#[tokio::test]
async fn an_error_is_its_status_or_for_a_stream_only_its_kind() {
    let recording = Recording::start().await;
    let failed = "late otel.status_code: str = \"error\"";
    assert!(
        recording
            .client()
            .exec_chat("gpt-4o", ask("[[error:429]]"), None)
            .await
            .is_err()
    );
    let then = [failed, "late error.type: str = \"429\"", "close"];
    assert_chat(
        &recording.lines(),
        &chat_begins("gpt-4o", "openai", false),
        &then,
    );

    recording
        .stream(
            "gpt-4o",
            "[[error:429]]",
            &ChatOptions::default(),
            usize::MAX,
        )
        .await;
    let then = [failed, "late error.type: str = \"web_stream\"", "close"];
    assert_chat(
        &recording.lines(),
        &chat_begins("gpt-4o", "openai", true),
        &then,
    );

    let first = "late gen_ai.response.time_to_first_chunk: f64";
    for (prompt, kind) in [
        ("[[cut]]", "web_stream"),
        ("[[error:stream]]", "chat_response"),
    ] {
        recording
            .stream(
                "claude-haiku-4-5",
                prompt,
                &ChatOptions::default(),
                usize::MAX,
            )
            .await;
        let then = [
            first,
            failed,
            &format!("late error.type: str = \"{kind}\""),
            "close",
        ];
        assert_chat(
            &recording.lines(),
            &chat_begins("claude-haiku-4-5", "anthropic", true),
            &then,
        );
    }
}

#[tokio::test]
async fn embeddings_are_a_span_below_the_one_of_the_caller() {
    let recording = Recording::start().await;
    let client = recording.client();
    let call = client.embed("text-embedding-3-small", "tide", None);
    call.instrument(tracing::info_span!("job")).await.unwrap();
    let expected = [
        "new genai.embeddings below job",
        "new otel.name: str = \"embeddings text-embedding-3-small\"",
        "new otel.kind: str = \"client\"",
        "new gen_ai.operation.name: str = \"embeddings\"",
        "new gen_ai.provider.name: str = \"openai\"",
        "new gen_ai.request.model: str = \"text-embedding-3-small\"",
        "late server.address: str = \"127.0.0.1\"",
        "late server.port: i64",
        "late gen_ai.response.model: str = \"text-embedding-3-small\"",
        "late gen_ai.usage.input_tokens: i64 = 1",
        "close",
    ];
    assert_eq!(recording.lines(), expected);
}
