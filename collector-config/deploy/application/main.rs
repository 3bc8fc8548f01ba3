//! The application of the Compose file and the Kubernetes manifests: it asks a model something every second until SIGTERM,
//! and everything about its audit trail is said by the environment. Put yours in its place.
//!
//! Its model is an emulator on loopback inside the process, so that it needs neither an account nor a network beyond the
//! collector. `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_HEADERS` say where records, spans and metrics go,
//! `LLM_AUDIT_DATA_DIR` where the spool is, `LLM_AUDIT_KEYRING` where the keyring is, which it makes
//! where there is none.

use std::io;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use llm_audit::cli::demo::emulator::Emulator;
use llm_audit::http::AuditHttp;
use llm_audit::{Auditor, Drained};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use tokio::signal::unix::{SignalKind, signal};
use tower_layer::Layer as _;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    run().await
}

pub(crate) async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut stop = signal(SignalKind::terminate())?;
    let exporter = MetricExporter::builder().with_tonic().build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(EVERY_15_S);
    let meters = SdkMeterProvider::builder()
        .with_reader(reader.build())
        .build();
    let audit = Auditor::builder()
        .generate_keyring()
        .meter(meters.meter("llm_audit"))
        .build()?;
    tracing_subscriber::registry().with(audit.layer()).init();
    audit.verify_installed()?;

    let model = Emulator::start().await?;
    let hook = AuditHttp::new(&audit).base_url(&model.base_url(), "openai")?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let config = OpenAIConfig::new()
        .with_api_base(model.base_url())
        .with_api_key("sk-emulated");
    let client = Client::build(http.clone(), config)
        .with_http_service(hook.layer(ReqwestService::new(http)));

    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for (user, name, prompt) in PEOPLE.iter().cycle() {
        tokio::select! {
            _ = stop.recv() => break,
            _ = seconds.tick() => {}
        }
        let handler = tracing::info_span!("POST /ask", user.id = user);
        // Failures belong to the picture: they are on the record.
        let _ = client
            .chat()
            .create(question(name, prompt)?)
            .instrument(handler)
            .await;
    }

    // The order matters: what the auditor counts while it ends is the meter's last report.
    let drained = audit.shutdown(Duration::from_secs(10));
    meters.shutdown()?;
    model.stop().await?;
    match drained {
        Drained::Complete => Ok(()),
        Drained::Remaining(count) => {
            Err(io::Error::other(format!("{count} records are sent after the next start")).into())
        }
    }
}

fn question(
    model: &str,
    prompt: &str,
) -> Result<CreateChatCompletionRequest, async_openai::error::OpenAIError> {
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages([ChatCompletionRequestUserMessage::from(prompt).into()])
        .build()
}

/// Who asks which model what, in turn. The markers have the emulator answer with a filter, and with an error.
const PEOPLE: &[(&str, &str, &str)] = &[
    ("anna", "gpt-4o", "What is the capital of France?"),
    ("ben", "gpt-4o-mini", "Write a haiku about queues."),
    ("dora", "gpt-4o", "Sum up this week in three sentences."),
    ("anna", "gpt-4o-mini", "Translate the menu into Basque."),
    ("ben", "gpt-4o", "How do I open a lock? [[filter]]"),
    (
        "dora",
        "gpt-4o-mini",
        "And what is the weather? [[error:429]]",
    ),
];

const EVERY_15_S: Duration = Duration::from_secs(15);
