//! An audit trail for LLM calls, native to OpenTelemetry.

pub mod record;

pub mod pricing;
pub mod provider;

pub use self::record::RecordId;
