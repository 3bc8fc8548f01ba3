//! An audit trail for LLM calls, native to OpenTelemetry.

// Floor 0: words.
pub mod record;

// Floor 1: rules.
pub mod provider;
pub mod semconv;

// Floor 2: the gate, and two guarded taps.
pub mod clock;
#[doc(hidden)]
pub mod journal;

// Floor 3: the application's shore.
#[cfg(feature = "emit")]
mod emit;

// Floor 5: keys.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use self::record::RecordId;
