//! An audit trail for LLM calls, native to OpenTelemetry.

pub mod record;

pub mod provider;

pub use self::record::RecordId;
