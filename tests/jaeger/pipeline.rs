//! The application's own OpenTelemetry pipeline, which sends to the same collector: no call is shown twice.

use llm_audit::{Auditor, Drained};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, TracerProviderBuilder};
use tokio::runtime::Runtime;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::application::agent;
use crate::collector::Collector;
use crate::jaeger::Shown;
use crate::recorded::Recorded;
use crate::view::{pair, tree};
use crate::{PATIENCE, SERVICE, both, settings};

#[test]
fn a_pipeline_that_is_not_wrapped_shows_each_call_once() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let pipeline = Pipeline::start(&collector, |builder, stock| {
        builder.with_span_processor(stock)
    });
    tracing::dispatcher::with_default(&pipeline.audited_first(&audit), agent);
    pipeline.end();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let shown = jaeger.wait_for(SERVICE, 5);
    let expected = [
        ("agent", ""),
        ("ask", "plan"),
        ("embed", "agent"),
        ("plan", "tool"),
        ("tool", "agent"),
    ];
    assert_eq!(
        tree(&shown),
        expected.map(|(name, parent)| pair(name, parent))
    );
    assert_each_is_there_once(&Recorded::read(directory.path()), &shown);
}

/// An OpenTelemetry pipeline as an application has it.
pub(crate) struct Pipeline {
    pub(crate) provider: SdkTracerProvider,
    runtime: Runtime,
}

impl Pipeline {
    /// One that sends to the collector. `attach` puts the stock processor into the provider, as it is or wrapped.
    pub(crate) fn start(
        collector: &Collector,
        attach: impl FnOnce(TracerProviderBuilder, BatchSpanProcessor) -> TracerProviderBuilder,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(collector.endpoint());
        let stock = BatchSpanProcessor::builder(exporter.build().unwrap()).build();
        drop(entered);
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let builder = SdkTracerProvider::builder().with_resource(resource);
        let provider = attach(builder, stock).build();
        Self { provider, runtime }
    }

    /// A subscriber with our layer before that of OpenTelemetry.
    pub(crate) fn audited_first(&self, audit: &Auditor) -> Dispatch {
        let tracer = self.provider.tracer("application");
        let ordinary = tracing_opentelemetry::layer().with_tracer(tracer);
        Dispatch::new(
            tracing_subscriber::registry()
                .with(audit.layer())
                .with(ordinary),
        )
    }

    /// Sends what is left.
    pub(crate) fn end(self) {
        let _entered = self.runtime.enter();
        self.provider.shutdown().unwrap();
    }
}

/// Every call that was recorded is shown by one span that has its ids.
pub(crate) fn assert_each_is_there_once(recorded: &Recorded, shown: &[Shown]) {
    assert_eq!(recorded.calls().len(), 4);
    for call in recorded.calls() {
        let here = |span: &&Shown| {
            call["trace_id"] == span.trace_id.as_str() && call["span_id"] == span.span_id.as_str()
        };
        assert_eq!(shown.iter().filter(here).count(), 1, "{call:?}");
    }
}
