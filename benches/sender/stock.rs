//! The stock exporter: spans with the attributes of a call, batch after batch.

use std::time::{Duration, Instant, SystemTime};

use llm_audit::otlp::Compression;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// Spans a second.
pub(crate) fn rate(spans: u64, endpoint: &str, compression: Compression) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let mut builder = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(Duration::from_secs(10));
        if compression == Compression::Gzip {
            builder = builder.with_compression(opentelemetry_otlp::Compression::Gzip);
        }
        let exporter = builder.build().expect("an exporter is built");
        let batch = vec![span(); 512];
        exporter.export(batch.clone()).await.expect("it is taken");
        let begun = Instant::now();
        let batches = spans.div_ceil(512);
        for _ in 0..batches {
            exporter.export(batch.clone()).await.expect("it is taken");
        }
        (batches * 512) as f64 / begun.elapsed().as_secs_f64()
    })
}

fn span() -> SpanData {
    let text = |name: &'static str, length: usize| KeyValue::new(name, "x".repeat(length));
    let number = |name: &'static str| KeyValue::new(name, 1234_i64);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes([1; 16]),
            SpanId::from_bytes([2; 8]),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: "chat gpt-4o-mini".into(),
        start_time: SystemTime::now(),
        end_time: SystemTime::now(),
        attributes: vec![
            text("gen_ai.operation.name", 4),
            text("gen_ai.provider.name", 6),
            text("gen_ai.request.model", 11),
            text("gen_ai.conversation.id", 15),
            text("llm_audit.record.id", 36),
            text("llm_audit.kind", 4),
            text("llm_audit.stream.id", 36),
            text("llm_audit.action", 16),
            text("llm_audit.status", 7),
            text("llm_audit.input.hash", 90),
            text("llm_audit.mac", 90),
            text("llm_audit.user.hash", 90),
            text("llm_audit.cost.source", 4),
            text("llm_audit.cost.reason", 8),
            text("llm_audit.usage.source", 4),
            number("llm_audit.schema"),
            number("llm_audit.stream.seq"),
            number("llm_audit.duration_ns"),
            number("llm_audit.latency_ms"),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("llm_audit").build(),
    }
}
