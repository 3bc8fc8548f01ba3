//! Beside the application's own OpenTelemetry pipeline: [`telemetry()`] builds pipeline and auditor in one,
//! [`SanitizingProcessor`] puts an auditor beside a pipeline that is there.
//!
//! | the application's pipeline | a call's log record | a call's span |
//! |---|---|---|
//! | none | the auditor | the auditor, under ids of its own |
//! | wrapped by [`SanitizingProcessor`], bound to the auditor | the auditor | the auditor, under the pipeline's ids, sampled or not |
//! | any other | the auditor, with the pipeline's ids | the pipeline, as it sampled it, content included |
//!
//! [`Spans`](crate::Spans) forces the auditor's spans on or off. What an exporter of the application gets of a call is
//! settled when the call begins. An auditor that is shut down or switched off, that has no sender, or whose receiver takes
//! no spans, leaves them to the pipeline. Spans that end when their provider is shut down are seen by no processor: the
//! SDK drops them. Calls of the [`AuditLayer`](crate::AuditLayer) that began before are recorded all the same.

mod allow_list;
mod driver;
mod finished;
mod processor;
mod sanitized;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::thread::Builder;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracerProvider, SpanExporter, TracerProviderBuilder,
};
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use self::allow_list::AllowList;
use self::driver::Driver;
use super::auditor::Auditor;
use super::builder::{AuditorBuilder, BuildError};
use super::environment::Environment;
use super::health::Drained;

pub use self::processor::SanitizingProcessor;

/// The application's telemetry and its audit trail in one: spans of `tracing` go to an OTLP exporter without content, calls
/// of models to the auditor.
///
/// Exporter, sampler and limits of the ordinary pipeline are set by the `OTEL_*` variables as ever
/// (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, …) or by [`TelemetryBuilder::provider`]. No sampler
/// decides on a call: its record and its span are always there. The ordinary pipeline keeps nothing on disk: what it cannot
/// send it drops. It speaks OTLP/gRPC unless it is given another exporter, which it has to be where
/// `OTEL_EXPORTER_OTLP_PROTOCOL` or `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` says anything but `grpc`; for an `https` endpoint
/// the application enables a TLS feature of `opentelemetry-otlp`.
///
/// ```no_run
/// let telemetry = llm_audit::telemetry().service("billing").build()?;
/// telemetry.init()?;
/// telemetry.auditor().verify_installed()?;
/// // … the application …
/// telemetry.shutdown(std::time::Duration::from_secs(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn telemetry() -> TelemetryBuilder {
    TelemetryBuilder {
        auditor: Auditor::builder(),
        service: None,
        endpoint: None,
        exporter: None,
        allow: AllowList::default(),
        provider: Box::new(|provider| provider),
    }
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The auditor cannot be built.
    #[error(transparent)]
    Auditor(#[from] BuildError),
    /// The environment asks for a protocol that the ordinary pipeline's own exporter does not speak.
    #[error(
        "{variable} is {value}, but ordinary spans go by grpc: give an exporter that speaks it to telemetry().exporter(..), \
         or set {variable} to grpc"
    )]
    Protocol {
        /// The variable that says so.
        variable: &'static str,
        /// What it says.
        value: String,
    },
    /// The ordinary pipeline's exporter cannot be built.
    #[error("the exporter of ordinary spans cannot be built: {fault}")]
    Exporter {
        /// What it said.
        fault: String,
    },
    /// Another subscriber is the global one already.
    #[error("another tracing subscriber is installed already: add telemetry.layer() to that one")]
    Installed,
    /// A thread could not be started.
    #[error("the exporter of ordinary spans cannot start: {0}")]
    Start(#[source] io::Error),
}

/// Settings of [`Telemetry`]; made by [`telemetry()`].
#[must_use = "telemetry is started by build()"]
pub struct TelemetryBuilder {
    auditor: AuditorBuilder,
    service: Option<String>,
    endpoint: Option<String>,
    exporter: Option<Attach>,
    allow: AllowList,
    provider: Box<dyn FnOnce(TracerProviderBuilder) -> TracerProviderBuilder>,
}

/// Puts an exporter behind the sanitizing processor of a provider.
type Attach = Box<dyn FnOnce(TracerProviderBuilder, AllowList, &Auditor) -> TracerProviderBuilder>;

impl TelemetryBuilder {
    /// Settings of the auditor; those of [`Auditor::builder`] unless said.
    pub fn auditor(mut self, auditor: AuditorBuilder) -> Self {
        self.auditor = auditor;
        self
    }

    /// Name of the application (`service.name`), for both; `OTEL_SERVICE_NAME` unless said.
    pub fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// Where both send: an OTLP/gRPC endpoint; the `OTEL_EXPORTER_OTLP_*` variables unless said.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self
    }

    /// Another exporter of ordinary spans, in place of OTLP/gRPC.
    pub fn exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        self.exporter = Some(attach(exporter));
        self
    }

    /// Further settings of the ordinary pipeline: sampler, limits, resource. Span processors that are added here see
    /// spans with their content.
    pub fn provider(
        mut self,
        settings: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder + 'static,
    ) -> Self {
        self.provider = Box::new(settings);
        self
    }

    /// See [`SanitizingProcessor::allow`].
    pub fn allow(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow(name.into());
        self
    }

    /// See [`SanitizingProcessor::allow_prefix`].
    pub fn allow_prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow_prefix(prefix.into());
        self
    }

    /// See [`SanitizingProcessor::allow_event`].
    pub fn allow_event(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow_event(name.into());
        self
    }

    /// See [`SanitizingProcessor::danger_allow_error_texts`].
    pub fn danger_allow_error_texts(mut self) -> Self {
        self.allow.danger_allow_error_texts();
        self
    }

    /// See [`SanitizingProcessor::withhold_error_texts`].
    pub fn withhold_error_texts(mut self) -> Self {
        self.allow.withhold_error_texts();
        self
    }

    /// Starts the auditor and the pipeline. Nothing is installed yet.
    ///
    /// # Errors
    /// See [`TelemetryError`].
    pub fn build(self) -> Result<Telemetry, TelemetryError> {
        self.build_in(&Environment::of_process())
    }

    fn build_in(self, environment: &Environment) -> Result<Telemetry, TelemetryError> {
        let driver = Driver::start().map_err(TelemetryError::Start)?;
        let attach = match self.exporter {
            Some(attach) => attach,
            None => {
                wants_grpc(environment)?;
                attach(otlp_exporter(&driver, self.endpoint.as_deref())?)
            }
        };
        let mut auditor = self.auditor;
        let mut provider = SdkTracerProvider::builder();
        if let Some(service) = self.service {
            auditor = auditor.service(&service);
            let resource = Resource::builder().with_service_name(service).build();
            provider = provider.with_resource(resource);
        }
        if let Some(endpoint) = &self.endpoint {
            auditor = auditor.endpoint(endpoint);
        }
        let auditor = auditor.build()?;
        let provider = attach((self.provider)(provider), self.allow, &auditor).build();
        Ok(Telemetry {
            auditor,
            provider,
            _driver: driver,
        })
    }
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// A pipeline and an auditor that run, ended together: dropping it does what [`shutdown`](Self::shutdown) does, within
/// two seconds.
#[derive(Debug)]
#[must_use = "dropping it ends pipeline and auditor"]
pub struct Telemetry {
    auditor: Auditor,
    provider: SdkTracerProvider,
    /// Dropped last: the exporter needs it until it is shut down.
    _driver: Driver,
}

impl Telemetry {
    /// The auditor.
    pub fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    /// The ordinary pipeline, for instrumentations that use the OpenTelemetry API: their spans are sanitized too, and
    /// their calls recorded.
    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.provider
    }

    /// The audit layer and the OpenTelemetry layer, for a subscriber with other layers beside them.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.provider.tracer("tracing");
        let ordinary = tracing_opentelemetry::layer().with_tracer(tracer);
        self.auditor.layer().and_then(ordinary)
    }

    /// Installs both layers as the global subscriber, and the provider as the global one.
    ///
    /// # Errors
    /// [`TelemetryError::Installed`] where a global subscriber is there already; the provider is not installed then
    /// either.
    pub fn init(&self) -> Result<(), TelemetryError> {
        let subscriber = Registry::default().with(self.layer());
        subscriber
            .try_init()
            .map_err(|_| TelemetryError::Installed)?;
        opentelemetry::global::set_tracer_provider(self.provider.clone());
        Ok(())
    }

    /// Ends both, in this order: the pipeline, whose last spans may be calls, within half of the time; then the auditor,
    /// with what is left of it. Blocks the thread, which may be a worker of any runtime.
    ///
    /// Says whether the auditor delivered everything; nothing of it is lost if not.
    pub fn shutdown(self, deadline: Duration) -> Drained {
        self.end(deadline)
    }

    /// As [`shutdown`](Self::shutdown), without blocking the task's thread.
    pub async fn shutdown_async(self, deadline: Duration) -> Drained {
        let auditor = self.auditor.clone();
        let (done, drained) = tokio::sync::oneshot::channel();
        let end = Builder::new().name("llm-audit-stop".into()).spawn(move || {
            // Where the task is gone, nobody wants to know.
            let _ = done.send(self.end(deadline));
        });
        match end {
            Ok(_) => drained.await.unwrap_or(Drained::Remaining(0)),
            // The thread that could not be started has dropped the rest, which has ended it.
            Err(_) => auditor.shutdown(Duration::ZERO),
        }
    }

    fn end(&self, deadline: Duration) -> Drained {
        let clock = self.auditor.recorder().clock();
        let begun = clock.moment();
        // A second shutdown says that there was a first, and a pipeline that cannot send keeps nothing anyway.
        let _ = self.provider.shutdown_with_timeout(deadline / 2);
        let spent = Duration::from_nanos(clock.moment().nanos_since(begun));
        self.auditor.shutdown(deadline.saturating_sub(spent))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.end(END_ON_DROP);
    }
}

fn attach(exporter: impl SpanExporter + 'static) -> Attach {
    Box::new(move |provider, allow, auditor| {
        let exporting = BatchSpanProcessor::builder(exporter).build();
        provider.with_span_processor(SanitizingProcessor::with(exporting, allow, auditor))
    })
}

/// Whether ordinary spans may go by gRPC. The exporter does not look, and what it sends to a port that speaks HTTP is lost.
fn wants_grpc(environment: &Environment) -> Result<(), TelemetryError> {
    let set = PROTOCOLS
        .into_iter()
        .find_map(|variable| Some((variable, environment.get(variable)?)));
    match set {
        None => Ok(()),
        Some((_, value)) if value.trim().eq_ignore_ascii_case("grpc") => Ok(()),
        Some((variable, value)) => Err(TelemetryError::Protocol {
            variable,
            value: value.to_owned(),
        }),
    }
}

fn otlp_exporter(
    driver: &Driver,
    endpoint: Option<&str>,
) -> Result<impl SpanExporter + 'static, TelemetryError> {
    let _inside = driver.enter();
    let mut exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic();
    if let Some(endpoint) = endpoint {
        exporter = exporter.with_endpoint(endpoint);
    }
    exporter.build().map_err(|error| TelemetryError::Exporter {
        fault: error.to_string(),
    })
}

const END_ON_DROP: Duration = Duration::from_secs(2);
/// Where the protocol of spans is set, the first that is.
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::InMemorySpanExporter;

    use super::*;

    const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

    fn refused(variables: &[(&str, &str)]) -> String {
        let built = telemetry().build_in(&Environment::of(variables));
        built.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_protocol_that_ordinary_spans_do_not_speak_is_refused_by_its_variable() {
        assert_eq!(
            refused(&[HTTP]),
            "OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, but ordinary spans go by grpc: give an exporter that speaks it \
             to telemetry().exporter(..), or set OTEL_EXPORTER_OTLP_PROTOCOL to grpc"
        );
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json");
        let both = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let refused = refused(&[both, traces]);
        assert!(refused.starts_with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is http/json"));
    }

    #[test]
    fn the_protocol_of_traces_goes_before_that_of_all_and_none_is_grpc() {
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
        for variables in [&[HTTP, traces][..], &[traces], &[], &[(HTTP.0, "")]] {
            wants_grpc(&Environment::of(variables)).unwrap();
        }
    }

    #[test]
    fn an_exporter_that_is_given_speaks_what_it_speaks() {
        let directory = tempfile::tempdir().unwrap();
        let auditor = Auditor::builder()
            .data_dir(directory.path())
            .generate_keyring()
            .without_sender()
            .json_lines();
        let telemetry = telemetry()
            .auditor(auditor)
            .exporter(InMemorySpanExporter::default())
            .build_in(&Environment::of(&[HTTP]));
        assert!(telemetry.is_ok(), "{telemetry:?}");
    }
}
