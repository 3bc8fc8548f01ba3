//! The application's own OpenTelemetry pipeline, which sends to the same collector: no call is shown twice.

use llm_audit::Drained;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::application::agent;
use crate::jaeger::Shown;
use crate::recorded::Recorded;
use crate::view::{pair, tree};
use crate::{PATIENCE, SERVICE, both, settings};

#[test]
fn a_pipeline_of_the_application_that_is_not_wrapped_shows_each_call_once() {
    let Some((jaeger, collector)) = both() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector.endpoint());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter.build().unwrap())
        .with_resource(Resource::builder().with_service_name(SERVICE).build())
        .build();
    let subscriber = tracing_subscriber::registry()
        .with(audit.layer())
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("application")));
    tracing::subscriber::with_default(subscriber, agent);
    provider.shutdown().unwrap();
    drop(entered);
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
    let recorded = Recorded::read(directory.path());
    assert_eq!(recorded.calls().len(), 4);
    for call in recorded.calls() {
        let here = |span: &&Shown| {
            call["trace_id"] == span.trace_id.as_str() && call["span_id"] == span.span_id.as_str()
        };
        assert_eq!(shown.iter().filter(here).count(), 1, "{call:?}");
    }
}
