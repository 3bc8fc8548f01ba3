//! The two pipelines, and the call that both are given.

use std::time::Duration;

use llm_audit::{AuditSpanExt, Auditor};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tempfile::TempDir;
use tracing::{Dispatch, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

/// Records about the trail itself in a run: start and stop.
pub(crate) const SYSTEM_RECORDS: u64 = 2;

/// One call with 25 attributes: 14 texts, 8 whole numbers, 3 floating-point numbers. The prompt goes to whoever audits.
pub(crate) fn call(number: u64) {
    let span = info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude-sonnet-4-5",
        gen_ai.response.model = "claude-sonnet-4-5-20250929",
        gen_ai.response.id = "msg_01XFDUDYJgAACzvnptvVoYEL",
        gen_ai.response.finish_reasons = "end_turn",
        gen_ai.conversation.id = "conversation-0123456789",
        session.id = "session-0123456789",
        user.id = "anna@example.com",
        llm_audit.tenant = "acme",
        llm_audit.action = "messages.create",
        llm_audit.service_tier = "standard",
        client.address = "192.0.2.17",
        server.address = "api.anthropic.com",
        server.port = 443_i64,
        gen_ai.request.max_tokens = 1024_i64,
        gen_ai.usage.input_tokens = number.cast_signed() % 4096,
        gen_ai.usage.output_tokens = 310_i64,
        gen_ai.usage.cache_read.input_tokens = 0_i64,
        gen_ai.usage.cache_write.input_tokens = 0_i64,
        gen_ai.usage.reasoning.output_tokens = 17_i64,
        gen_ai.usage.audio.input_tokens = 0_i64,
        gen_ai.request.temperature = 0.7,
        gen_ai.request.top_p = 0.95,
        gen_ai.response.time_to_first_chunk = 0.231,
    );
    span.in_scope(|| {
        // Under the stock pipeline nobody audits, and the prompt goes nowhere.
        let _ = span.audit_input(PROMPT);
    });
}

/// Our layer, spool and sender.
pub(crate) struct Ours {
    audit: Auditor,
    dispatch: Dispatch,
    _directory: TempDir,
}

impl Ours {
    pub(crate) fn start(endpoint: &str, spool_bytes: u64) -> Self {
        let directory =
            TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory takes files");
        let builder = Auditor::builder()
            .service("bench")
            .data_dir(directory.path())
            .generate_keyring();
        let audit = builder
            .endpoint(endpoint)
            .spool_bytes(spool_bytes)
            .build()
            .expect("the auditor starts");
        let dispatch = Dispatch::new(Registry::default().with(audit.layer()));
        Self {
            audit,
            dispatch,
            _directory: directory,
        }
    }

    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// Waits until everything is delivered, and says what was dropped.
    pub(crate) fn finish(self) -> u64 {
        self.audit.shutdown(Duration::from_secs(600));
        self.audit.health().dropped
    }
}

/// tracing-opentelemetry with the stock batch processor and exporter, as their documentation sets them up.
pub(crate) struct Stock {
    provider: SdkTracerProvider,
    dispatch: Dispatch,
    _runtime: tokio::runtime::Runtime,
}

impl Stock {
    pub(crate) fn start(endpoint: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime starts");
        let entered = runtime.enter();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build();
        drop(entered);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.expect("the exporter starts"))
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let dispatch = Dispatch::new(Registry::default().with(layer));
        Self {
            provider,
            dispatch,
            _runtime: runtime,
        }
    }

    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    pub(crate) fn finish(self) {
        // What it says when spans were lost is what is counted at the receiver.
        let _ = self.provider.shutdown();
    }
}

const PROMPT: &str = "Summarise the quarterly report for the board in five sentences, name the three largest risks, \
    keep the tone sober, do not mention figures that the report itself does not contain, and end with one question.";
