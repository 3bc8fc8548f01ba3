//! An audit trail for LLM calls, native to OpenTelemetry.
//!
//! One [`tracing`](https://docs.rs/tracing) layer turns every LLM call of an application into an audit record: who, when,
//! which model, tokens, cost, keyed hashes of prompt and answer, outcome. The record is on disk before the call goes on,
//! survives a killed process, and is delivered over OTLP to an OpenTelemetry Collector as a log record and as a span.
//!
//! ```
//! use llm_audit::{AuditSpanExt, Auditor, Provider};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! # let directory = tempfile::tempdir()?;
//! let audit = Auditor::builder()
//!     .service("billing")
//!     .data_dir(directory.path())
//!     .generate_keyring()
//!     .without_sender() // a collector is at http://localhost:4317 otherwise
//!     .json_lines()
//!     .build()?;
//! let subscriber = tracing_subscriber::registry().with(audit.layer());
//! tracing::subscriber::with_default(subscriber, || {
//!     let call = tracing::info_span!("ask", gen_ai.operation.name = "chat", user.id = "anna");
//!     let _entered = call.enter();
//!     call.audit_input(&["What is the capital of France?"])?;
//!     let answer = serde_json::json!({"type": "message", "content": [{"type": "text", "text": "Paris"}]});
//!     call.audit_response(Provider::Anthropic, &answer)?;
//!     call.audit_record_id()
//! })?;
//! audit.flush()?;
//! assert_eq!(audit.health().dropped, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//! * [`Auditor`] and [`AuditorBuilder`]: making one, and ending it
//! * [`AuditSpanExt`]: what an application tells of a call; [`AuditStreamExt`] for streamed answers
//! * [`CallStart`] and [`CallGuard`]: auditing without `tracing`, refused before the call when it cannot be recorded
//! * [`http`]: a tower layer that audits an HTTP client's calls of models, with no code beside each call
//! * [`record`]: what a record is, the attribute table, the canonical bytes, the keyring
//!
//! # Features
//! * `emit` (default): what an application links; no C code, no database, no web server
//! * `telemetry`: beside the application's own OpenTelemetry pipeline, with the OpenTelemetry SDK and its OTLP exporter
//! * `reqwest`, `reqwest-middleware`, `async-openai`: the hook of [`http`] for these clients
//! * `tls`: sending over https, with client certificates; it brings rustls on ring, which is C and assembly
//! * `cli`: the command line over the files of a data directory
//! * `demo`: `llm-audit demo`, with provider emulator, real clients and a receiver in one process
//!
//! Turning a feature on changes nothing until somebody calls it.

// A library prints nothing by itself.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]
#![cfg_attr(
    not(feature = "emit"),
    expect(dead_code, unused_imports, reason = "who captures calls is in emit")
)]

// Floor 0: words.
pub mod record;
// Floor 1: rules.
pub mod policy;
pub mod pricing;
pub mod provider;
pub mod sanitize;
pub mod semconv;
pub mod siem;

// Floor 2: the gate, and two guarded taps.
pub mod clock;
#[doc(hidden)]
pub mod journal;
pub mod refine;

// Floor 3: the application's shore.
#[cfg(feature = "emit")]
mod emit;

// Floor 5: keys.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

#[cfg(feature = "telemetry")]
pub use self::emit::telemetry::{self, telemetry};
#[cfg(feature = "emit")]
pub use self::emit::{
    AccessRecord, AuditError, AuditLayer, AuditSpanExt, AuditStreamExt, Auditor, AuditorBuilder,
    BuildError, CallGuard, CallStart, ChangeRecord, Drained, GuardError, Health, NotInstalled,
    Spans, failure, http, keyring_file, otlp, stream,
};
pub use self::provider::Provider;
pub use self::record::RecordId;
