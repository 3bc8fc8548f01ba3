//! An audit trail for LLM calls, native to OpenTelemetry.

pub mod record;
pub mod semconv;

pub mod clock;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use self::record::RecordId;
