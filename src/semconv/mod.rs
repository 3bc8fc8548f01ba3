//! Records on the wire: the OTLP log record that is the record, the span that is a view of it, and back.
//!
//! OTLP 1.x protobuf (opentelemetry-proto `logs/v1`, `trace/v1`, `common/v1`), written and read by hand: from the
//! row form that a spool keeps in one pass, without a record in between. The generated types of `opentelemetry-proto` are the
//! oracle of the tests.

mod attributes;
pub mod dialect;
mod facts;
mod log;
mod read;
mod request;
mod seal;
mod span;
mod start;
pub(crate) mod wire;

pub use self::log::LogForm;
pub(crate) use self::log::line;
pub use self::read::{DecodedRecord, decode};
pub use self::request::{Signal, scope_and_resource, write_item, write_request_head};
pub(crate) use self::seal::{Seal, read_rows, write_canonical};
pub(crate) use self::span::SpanForm;
pub use self::span::{SpanPart, SpanShows};
pub(crate) use self::start::{StartRef, decode_start};

/// Name of the instrumentation scope of everything that is sent.
pub const SCOPE: &str = "llm_audit";
