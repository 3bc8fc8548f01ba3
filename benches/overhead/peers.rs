//! The pipelines.

use std::time::Duration;

use llm_audit::Auditor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

/// Records about the trail itself in a run: start and stop.
pub(crate) const SYSTEM_RECORDS: u64 = 2;

/// A pipeline that runs.
pub(crate) trait Pipeline {
    /// Where its spans go.
    fn dispatch(&self) -> &Dispatch;

    /// Waits until everything is delivered, as far as the pipeline does that; says what it counted as dropped, if it
    /// counts.
    fn finish(self) -> u64;

    fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(self.dispatch(), work)
    }
}

/// Our layer, spool and sender.
pub(crate) struct Ours {
    audit: Auditor,
    dispatch: Dispatch,
    directory: TempDir,
}

impl Ours {
    pub(crate) fn start(endpoint: &str, spool_bytes: u64) -> Self {
        let directory =
            TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory takes files");
        Self::start_in(directory, endpoint, spool_bytes)
    }

    /// As [`start`](Self::start), in a directory that may hold records already.
    pub(crate) fn start_in(directory: TempDir, endpoint: &str, spool_bytes: u64) -> Self {
        let audit = Auditor::builder()
            .service("bench")
            .data_dir(directory.path())
            .generate_keyring()
            .endpoint(endpoint)
            .spool_bytes(spool_bytes)
            .build()
            .expect("the auditor starts");
        let dispatch = Dispatch::new(Registry::default().with(audit.layer()));
        Self {
            audit,
            dispatch,
            directory,
        }
    }

    /// Ends it without delivering anything more; what is in its directory stays.
    pub(crate) fn abandon(self) -> TempDir {
        self.audit.shutdown(Duration::ZERO);
        self.directory
    }
}

impl Pipeline for Ours {
    fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    fn finish(self) -> u64 {
        self.audit.shutdown(PATIENCE);
        self.audit.health().dropped
    }
}

/// tracing-opentelemetry with the stock batch processor and exporter.
pub(crate) struct Stock {
    provider: SdkTracerProvider,
    dispatch: Dispatch,
    _runtime: tokio::runtime::Runtime,
}

impl Stock {
    /// As their documentation sets them up: the queue drops what it has no room for.
    pub(crate) fn start(endpoint: &str) -> Self {
        Self::with(endpoint, BatchConfigBuilder::default())
    }

    /// With a queue that nothing of a run is too much for.
    pub(crate) fn lossless(endpoint: &str) -> Self {
        Self::with(
            endpoint,
            BatchConfigBuilder::default().with_max_queue_size(1 << 21),
        )
    }

    fn with(endpoint: &str, config: BatchConfigBuilder) -> Self {
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
        let processor = BatchSpanProcessor::builder(exporter.expect("the exporter starts"))
            .with_batch_config(config.build())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let dispatch = Dispatch::new(Registry::default().with(layer));
        Self {
            provider,
            dispatch,
            _runtime: runtime,
        }
    }
}

impl Pipeline for Stock {
    fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    fn finish(self) -> u64 {
        // What it says when spans were lost is what is counted at the receiver.
        let _ = self.provider.shutdown_with_timeout(PATIENCE);
        0
    }
}

const PATIENCE: Duration = Duration::from_secs(600);
