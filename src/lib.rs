//! An audit trail for LLM calls, native to OpenTelemetry.

// A library prints nothing by itself.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

// Floor 0: words.
pub mod record;
// Floor 1: rules.
pub mod pricing;
pub mod provider;
pub mod sanitize;
pub mod semconv;

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

#[cfg(feature = "emit")]
pub use self::emit::{
    AccessRecord, AuditError, AuditLayer, AuditSpanExt, AuditStreamExt, Auditor, AuditorBuilder,
    BuildError, CallGuard, CallStart, ChangeRecord, Drained, Durability, GuardError, Health,
    NotInstalled, OnFailure, Spans, keyring_file, stream,
};
pub use self::provider::Provider;
pub use self::record::{AccessOutcome, RecordId};
