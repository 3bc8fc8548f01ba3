//! An application with a pipeline of its own and an auditor, and what came of both.

use std::path::Path;
use std::time::Duration;

use llm_audit::record::{AuditRecord, Body, Call};
use llm_audit::telemetry::SanitizingProcessor;
use llm_audit::{Auditor, AuditorBuilder, Drained, keyring_file};
use opentelemetry::Value;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Sent;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracerProvider, ShouldSample, SimpleSpanProcessor, SpanData,
};
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::receiver::Receiver;
use crate::trail::Trail;

/// Where the audit layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    AuditFirst,
    AuditLast,
}

/// What the application's pipeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipeline {
    Stock,
    Wrapped,
}

pub(crate) const ORDERS: [Order; 2] = [Order::AuditFirst, Order::AuditLast];

pub(crate) struct Stage {
    directory: TempDir,
    receiver: Receiver,
    pub(crate) audit: Auditor,
    pub(crate) provider: SdkTracerProvider,
    pub(crate) exporter: InMemorySpanExporter,
}

/// What came of it.
pub(crate) struct Came {
    pub(crate) trail: Trail,
    /// Spans that the auditor sent.
    pub(crate) sent: Vec<Span>,
    /// Spans that the pipeline exported.
    pub(crate) ordinary: Vec<SpanData>,
}

impl Stage {
    pub(crate) fn new(pipeline: Pipeline) -> Self {
        Self::with(pipeline, Sampler::AlwaysOn, |builder| builder)
    }

    pub(crate) fn with(
        pipeline: Pipeline,
        sampler: impl ShouldSample + 'static,
        settings: impl FnOnce(AuditorBuilder) -> AuditorBuilder,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start();
        let builder = auditor(directory.path()).endpoint(&receiver.endpoint());
        let audit = settings(builder).build().unwrap();
        let exporter = InMemorySpanExporter::default();
        let exporting = SimpleSpanProcessor::new(exporter.clone());
        let provider =
            SdkTracerProvider::builder().with_sampler(Box::new(sampler) as Box<dyn ShouldSample>);
        let provider = match pipeline {
            Pipeline::Stock => provider.with_span_processor(exporting),
            Pipeline::Wrapped => {
                provider.with_span_processor(SanitizingProcessor::new(exporting, &audit))
            }
        };
        Self {
            directory,
            receiver,
            audit,
            provider: provider.build(),
            exporter,
        }
    }

    /// A subscriber with both layers.
    pub(crate) fn subscriber(&self, order: Order) -> Dispatch {
        let audit = self.audit.layer();
        let tracer = self.provider.tracer("application");
        match order {
            Order::AuditFirst => Dispatch::new(
                Registry::default()
                    .with(audit)
                    .with(tracing_opentelemetry::layer().with_tracer(tracer)),
            ),
            Order::AuditLast => Dispatch::new(
                Registry::default()
                    .with(tracing_opentelemetry::layer().with_tracer(tracer))
                    .with(audit),
            ),
        }
    }

    /// Runs the application under both layers.
    pub(crate) fn run<R>(&self, order: Order, application: impl FnOnce() -> R) -> R {
        tracing::dispatcher::with_default(&self.subscriber(order), application)
    }

    /// Ends all, pipeline first.
    pub(crate) fn end(self) -> Came {
        let ordinary = self.exporter.get_finished_spans().unwrap();
        // Where the test has ended it, it says so.
        let _ = self.provider.shutdown();
        let drained = self.audit.shutdown(PATIENCE);
        if self.audit.health().dropped == 0 {
            assert_eq!(drained, Drained::Complete);
        }
        let keys = keyring_file::read(&self.directory.path().join("keyring.json")).unwrap();
        let requests = self.receiver.requests();
        Came {
            trail: requests.trail(&keys),
            sent: requests.spans(),
            ordinary,
        }
    }
}

impl Came {
    /// The records of calls.
    pub(crate) fn records(&self) -> Vec<(&AuditRecord, &Call)> {
        let records = self.trail.records.values();
        let calls = records.filter_map(|record| match &record.body {
            Body::Call(call) => Some((record, &**call)),
            _ => None,
        });
        calls.collect()
    }

    /// The only one.
    pub(crate) fn record(&self) -> (&AuditRecord, &Call) {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records[0]
    }

    /// Ordinary spans of a name.
    pub(crate) fn ordinary(&self, name: &str) -> Vec<&SpanData> {
        self.ordinary
            .iter()
            .filter(|span| span.name == name)
            .collect()
    }
}

/// An auditor in a directory.
pub(crate) fn auditor(directory: &Path) -> AuditorBuilder {
    Auditor::builder()
        .data_dir(directory)
        .generate_keyring()
        .service("application")
}

/// An attribute of an ordinary span.
pub(crate) fn attribute<'a>(span: &'a SpanData, name: &str) -> Option<&'a Value> {
    span.attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == name)
        .map(|attribute| &attribute.value)
}

/// A text attribute of a span that was sent.
pub(crate) fn sent_text(span: &Span, name: &str) -> Option<String> {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Sent::StringValue(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
