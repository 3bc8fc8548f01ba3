//! The two pipelines.

use std::time::Duration;

use llm_audit::Auditor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

/// Records about the trail itself in a run: start and stop.
pub(crate) const SYSTEM_RECORDS: u64 = 2;

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
