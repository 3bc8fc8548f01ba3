//! An application with a meter, and calls whose sums are known.

use std::path::Path;

use llm_audit::record::AccessOutcome;
use llm_audit::sanitize::Sanitizer;
use llm_audit::{Auditor, CallStart, Drained, Provider};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::metadata::MetadataMap;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::collector::Collector;
use crate::recorded::Recorded;
use crate::server::PATIENCE;

/// The application. What it recorded it also has as JSON lines.
pub(crate) struct Application {
    pub(crate) audit: Auditor,
    meters: SdkMeterProvider,
    runtime: Runtime,
    data_dir: TempDir,
}

impl Application {
    /// One that sends records, spans and metrics to the collector.
    pub(crate) fn before(collector: &Collector) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let meters = {
            let _entered = runtime.enter();
            meters(collector)
        };
        let audit = auditor(data_dir.path(), collector)
            .meter(meters.meter("llm_audit"))
            .build()
            .unwrap();
        Self {
            audit,
            meters,
            runtime,
            data_dir,
        }
    }

    /// Sends the metrics as they are now.
    pub(crate) fn report(&self) {
        let _entered = self.runtime.enter();
        self.meters.force_flush().unwrap();
    }

    /// Calls, one after another: answered, failed, blocked, within an agent; a change and an access.
    pub(crate) fn work(&self) {
        let sanitizer = Sanitizer::default();
        for (user, text) in [
            ("anna", "write to ben@example.com and dora@example.com"),
            ("anna", "nothing"),
            ("ben", "the host is 203.0.113.9"),
        ] {
            let prompt = sanitizer.sanitize(text);
            let mut call = self.audit.start(claude(user)).unwrap();
            call.sanitization(&prompt);
            call.input(&[prompt.text()]).unwrap();
            call.response(Provider::Anthropic, &answer_of_claude())
                .unwrap();
            call.finish().unwrap();
        }
        let agent = CallStart::new("invoke_agent")
            .model("researcher")
            .user("ben");
        let agent = self.audit.start(agent).unwrap();
        let mut call = self.audit.start(gpt("ben")).unwrap();
        call.response(Provider::OpenAi, &answer_of_gpt()).unwrap();
        call.finish().unwrap();
        agent.finish().unwrap();
        let subscriber = tracing_subscriber::registry().with(self.audit.layer());
        tracing::subscriber::with_default(subscriber, || {
            drop(tracing::info_span!(
                "streamed",
                gen_ai.operation.name = "chat",
                gen_ai.provider.name = "openai",
                gen_ai.request.model = "gpt-4o",
                gen_ai.request.stream = true,
                gen_ai.response.time_to_first_chunk = 0.25,
                user.id = "dora",
            ));
        });
        let failed = self.audit.start(gpt("ben")).unwrap();
        failed.fail("timeout", &"no answer in 30 s").unwrap();
        let blocked = self.audit.start(gpt("chen")).unwrap();
        blocked.block("prompt_injection").unwrap();
        let change = self.audit.change("updated", "prompts", "7");
        change.changed_by("anna").record().unwrap();
        self.audit
            .access("export", AccessOutcome::Denied)
            .user("chen")
            .record()
            .unwrap();
    }

    /// Ends it, with everything delivered, and returns what it recorded.
    pub(crate) fn end(self) -> Recorded {
        assert_eq!(self.audit.shutdown(PATIENCE), Drained::Complete);
        self.report();
        let _entered = self.runtime.enter();
        self.meters.shutdown().unwrap();
        Recorded::read(self.data_dir.path())
    }

    /// As [`end`](Self::end), but so many changes come when it is too late. They are lost, which the next process tells.
    pub(crate) fn end_and_lose(self, late: usize, collector: &Collector) -> Recorded {
        assert_eq!(self.audit.shutdown(PATIENCE), Drained::Complete);
        for _ in 0..late {
            let change = self.audit.change("updated", "prompts", "8");
            change.record().unwrap_err();
        }
        drop(self.audit);
        let next = auditor(self.data_dir.path(), collector).build().unwrap();
        assert_eq!(next.shutdown(PATIENCE), Drained::Complete);
        Recorded::read(self.data_dir.path())
    }
}

fn auditor(data_dir: &Path, collector: &Collector) -> llm_audit::AuditorBuilder {
    Auditor::builder()
        .service(SERVICE)
        .data_dir(data_dir)
        .generate_keyring()
        .endpoint(&collector.endpoint())
        .header("authorization", &format!("Bearer {TOKEN}"))
        .json_lines()
}

/// A pipeline of metrics as an application has it, which sends when it is told to.
fn meters(collector: &Collector) -> SdkMeterProvider {
    let mut token = MetadataMap::new();
    token.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(collector.endpoint())
        .with_metadata(token)
        .build()
        .unwrap();
    let reader = PeriodicReader::builder(exporter)
        .with_interval(PATIENCE * 100)
        .build();
    let instance = opentelemetry::KeyValue::new("service.instance.id", "a");
    let resource = Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(instance)
        .build();
    SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(reader)
        .build()
}

fn claude(user: &str) -> CallStart {
    let start = CallStart::new("chat").provider("anthropic");
    start.model("claude-sonnet-4-5").user(user)
}

fn gpt(user: &str) -> CallStart {
    let start = CallStart::new("chat").provider("openai");
    start.model("gpt-4o").user(user)
}

fn answer_of_claude() -> serde_json::Value {
    json!({ "type": "message", "id": "msg_1", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
            "content": [{ "type": "text", "text": "Done." }], "stop_reason": "end_turn",
            "usage": { "input_tokens": 1000, "output_tokens": 200 } })
}

fn answer_of_gpt() -> serde_json::Value {
    json!({ "object": "chat.completion", "id": "chatcmpl-1", "model": "gpt-4o-2024-08-06",
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Done." } }],
            "usage": { "prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540 } })
}

pub(crate) const SERVICE: &str = "billing";
pub(crate) const TOKEN: &str = "a-token-of-the-tests";
