//! What a sanitized pipeline costs the thread that ends a span, beside the same pipeline as it is.
//!
//! `cargo bench --bench pipeline --features telemetry`. Spans end in a processor that drops them, so that no exporter is
//! measured; records go to the spool and nowhere else. Best of several rounds, nanoseconds of processor time of the thread
//! that makes the spans, a span.

use std::hint::black_box;
use std::time::Duration;

use llm_audit::telemetry::SanitizingProcessor;
use llm_audit::{AuditSpanExt as _, Auditor};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use rustix::time::{ClockId, clock_gettime};
use tracing_subscriber::layer::SubscriberExt as _;

/// Takes spans and drops them.
#[derive(Debug)]
struct Nowhere;

impl SpanProcessor for Nowhere {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        black_box(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn ordinary(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("bench");
    let mut span = tracer.start("GET /orders");
    for (name, value) in ATTRIBUTES {
        span.set_attribute(KeyValue::new(*name, *value));
    }
    span.add_event(
        "event src/orders.rs:12",
        vec![KeyValue::new("level", "INFO")],
    );
    span.end();
}

fn call() {
    let span = tracing::info_span!(
        "call",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-4o",
        gen_ai.usage.input_tokens = 100,
        gen_ai.usage.output_tokens = 20,
    );
    span.in_scope(|| black_box(span.audit_user("anna")).map(drop))
        .expect("the layer is installed on this thread");
}

/// The best round, in nanoseconds a span.
fn best(work: impl Fn()) -> u128 {
    let round = || {
        let begun = processor_time();
        (0..SPANS).for_each(|_| work());
        (processor_time() - begun).as_nanos() / u128::from(SPANS)
    };
    (0..ROUNDS).map(|_| round()).min().unwrap_or_default()
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .endpoint("http://127.0.0.1:9")
        .build()?;
    let stock = SdkTracerProvider::builder()
        .with_span_processor(Nowhere)
        .build();
    let wrapped = SdkTracerProvider::builder()
        .with_span_processor(SanitizingProcessor::new(Nowhere, &audit))
        .build();
    for (name, provider) in [("stock", &stock), ("wrapped", &wrapped)] {
        println!("ordinary span, {name}: {} ns", best(|| ordinary(provider)));
        let subscriber = tracing_subscriber::registry()
            .with(audit.layer())
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("bench")));
        let nanos = tracing::subscriber::with_default(subscriber, || best(call));
        println!("audited call, {name}: {nanos} ns");
    }
    let alone = tracing_subscriber::registry().with(audit.layer());
    let nanos = tracing::subscriber::with_default(alone, || best(call));
    println!("audited call, no pipeline: {nanos} ns");
    audit.shutdown(Duration::ZERO);
    Ok(())
}

const SPANS: u32 = 5_000;
const ROUNDS: u32 = 7;
/// Of an HTTP server, eight that pass and two that do not.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("http.request.method", "GET"),
    ("http.route", "/orders"),
    ("network.protocol.version", "1.1"),
    ("server.address", "shop.example"),
    ("url.scheme", "https"),
    ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("thread.name", "worker-1"),
    ("target", "shop::orders"),
    ("url.full", "https://shop.example/orders?page=7&sort=newest"),
    ("shop.customer.note", "please leave it with my neighbour"),
];
