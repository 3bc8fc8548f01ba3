//! An audit trail for LLM calls, native to OpenTelemetry.

pub mod record;
pub mod semconv;

pub use self::record::RecordId;
