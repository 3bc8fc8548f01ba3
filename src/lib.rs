//! An audit trail for LLM calls, native to OpenTelemetry.

#[doc(hidden)]
pub mod journal;
