//! What genai's feature `otel` tells `tracing`.

use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::emulator;
use super::genai_client::{ask, client};

/// Writes down, a line each, what genai does with its spans.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        if metadata.target().starts_with("genai") {
            self.note(format!(
                "new {} {} {}",
                metadata.name(),
                metadata.target(),
                metadata.level()
            ));
            attributes.record(&mut Fields {
                when: "new",
                recorder: self,
            });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if context
            .span(id)
            .is_some_and(|span| span.metadata().target().starts_with("genai"))
        {
            values.record(&mut Fields {
                when: "late",
                recorder: self,
            });
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("genai") {
            self.note(format!("event {}", event.metadata().level()));
            event.record(&mut Fields {
                when: "event",
                recorder: self,
            });
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if context
            .span(id)
            .is_some_and(|span| span.metadata().target().starts_with("genai"))
        {
            self.note("enter".to_owned());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if context
            .span(&id)
            .is_some_and(|span| span.metadata().target().starts_with("genai"))
        {
            self.note("close".to_owned());
        }
    }
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

#[tokio::test]
async fn genai_tells_a_call_in_spans_that_are_never_entered() {
    // With a single dispatcher alive, `tracing` caches the interest of whichever thread meets a callsite first, and
    // tests on other threads have none; with two it asks both.
    let _second = Dispatch::new(tracing_subscriber::registry());
    let recorder = Recorder::default();
    let _default =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.clone()));
    let emulator = emulator().await;
    let client = client(&emulator);
    for (label, model, prompt, options) in [("plain", "gpt-4o-mini", "Tide? [[cache]]", None)] {
        let _ = client.exec_chat(model, ask(prompt), options).await;
        println!("--- {label}\n{}", recorder.take().join("\n"));
    }
    for model in ["gpt-5-mini", "claude-haiku-4-5"] {
        let _ = client
            .exec_chat(model, ask("Tide? [[cache]] [[think]]"), None)
            .await;
        println!("--- plain {model}\n{}", recorder.take().join("\n"));
    }
    for capture in [false, true] {
        for (model, prompt) in [
            ("gpt-4o-mini", "x"),
            ("gpt-5-mini", "x"),
            ("claude-haiku-4-5", "x"),
            ("claude-haiku-4-5", "[[error:stream]]"),
            ("claude-haiku-4-5", "[[cut]]"),
            ("gpt-4o-mini", "[[cut]]"),
            ("gpt-4o-mini", "[[error:429]]"),
        ] {
            let options = genai::chat::ChatOptions::default().with_capture_usage(capture);
            let mut stream = client
                .exec_chat_stream(model, ask(prompt), Some(&options))
                .await
                .unwrap()
                .stream;
            while let Some(item) = stream.next().await {
                if item.is_err() {
                    break;
                }
            }
            drop(stream);
            println!(
                "--- stream capture={capture} {model} {prompt}\n{}",
                recorder.take().join("\n")
            );
        }
    }
    let mut stream = client
        .exec_chat_stream("gpt-4o", ask("[[slow]]"), None)
        .await
        .unwrap()
        .stream;
    for _ in 0..20 {
        stream.next().await;
    }
    drop(stream);
    println!("--- dropped\n{}", recorder.take().join("\n"));
    let _ = client
        .exec_chat("gpt-4o", ask("[[error:400]] private"), None)
        .await;
    println!("--- error\n{}", recorder.take().join("\n"));
    let _ = client.embed("text-embedding-3-small", "tide", None).await;
    println!("--- embed\n{}", recorder.take().join("\n"));
    let _ = client
        .embed("text-embedding-3-small", "[[error:429]] tide", None)
        .await;
    println!("--- embed error\n{}", recorder.take().join("\n"));
}
