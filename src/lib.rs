//! An audit trail for LLM calls, native to OpenTelemetry.

pub mod record;
pub mod sanitize;

pub use self::record::RecordId;
