//! An audit trail for LLM calls, native to OpenTelemetry.

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
