//! The log form: an OTLP `LogRecord` that *is* the record, complete.
//!
//! | `LogRecord` | from |
//! |---|---|
//! | `time_unix_nano` | start of the record |
//! | `observed_time_unix_nano` | its end, or its start where no end was seen |
//! | `severity_number`, `severity_text` | [`AuditRecord::severity`] |
//! | `event_name` | `llm_audit.call`, `.change`, `.access`, `.system` |
//! | `body` | one readable line, or the text that [`replace_body`](LogForm::replace_body) is given |
//! | `trace_id`, `span_id`, `flags` (sampled) | its place in a trace |
//! | `attributes` | every row of the attribute table that the record has, the stream number and the authentication code last |

use super::attributes::Attributes;
use super::facts::Facts;
use super::seal::Seal;
use super::wire::{Write as _, bytes_field_len};
use crate::record::rows::RowForm;
use crate::record::{AuditRecord, Mac, RecordRef};

/// A log record in a buffer that is used again.
#[derive(Debug, Default)]
pub struct LogForm {
    /// What stands before the attributes.
    head: Vec<u8>,
    /// The attributes, and what is left behind them of longer ones.
    bytes: Vec<u8>,
    length: usize,
    /// The readable line, before it is put into the head.
    line: Vec<u8>,
    /// Where the body begins in the head, which ends with it.
    body_at: usize,
}

impl LogForm {
    /// Replaces what the buffer holds by the log form of `record`, with this number in its stream and this code.
    pub fn write(&mut self, record: &AuditRecord, seq: u64, mac: &Mac) {
        let mut rows = RowForm::default();
        rows.write(&RecordRef::from(record));
        let seal = Seal {
            seq,
            key: mac.key().as_str(),
            code: mac.value(),
        };
        let written = self.write_rows(rows.as_bytes(), &seal);
        debug_assert!(written, "what has just been written can be read");
    }

    /// As [`write`](Self::write), from the row form. False where these are no bytes of one; then what the buffer holds means
    /// nothing.
    pub(crate) fn write_rows(&mut self, rows: &[u8], seal: &Seal<'_>) -> bool {
        let mut attributes = Attributes::of_log(&mut self.bytes);
        let facts = attributes.write_rows(rows, |_| true);
        attributes.write_seal(seal);
        self.length = attributes.end();
        let read = facts.is_some();
        self.write_head(&facts.unwrap_or_default());
        read
    }

    fn write_head(&mut self, facts: &Facts<'_>) {
        let out = &mut self.head;
        out.clear();
        let duration = match facts.kind {
            b"call" => facts.duration.unwrap_or(0),
            _ => 0,
        };
        let severity = facts.severity();
        out.fixed64_field(TIME, facts.time);
        out.fixed64_field(OBSERVED_TIME, facts.time.saturating_add(duration));
        out.varint_field(SEVERITY_NUMBER, severity as u64);
        out.bytes_field(SEVERITY_TEXT, severity.as_str().as_bytes());
        if !facts.trace_id.is_empty() {
            out.fixed32_field(FLAGS, SAMPLED);
            out.bytes_field(TRACE_ID, facts.trace_id);
            out.bytes_field(SPAN_ID, facts.span_id);
        }
        out.bytes_head(EVENT_NAME, EVENT_PREFIX.len() + facts.kind.len());
        out.extend_from_slice(EVENT_PREFIX);
        out.extend_from_slice(facts.kind);
        self.line.clear();
        facts.write_line(&mut self.line);
        self.body_at = out.len();
        write_body(out, &self.line);
    }

    /// Puts a text in the place of the readable line. It stands outside of the authentication code, as that does.
    pub(crate) fn replace_body(&mut self, text: &str) {
        self.head.truncate(self.body_at);
        write_body(&mut self.head, text.as_bytes());
    }

    /// The bytes of the `LogRecord` message, in two pieces.
    #[must_use]
    pub fn pieces(&self) -> [&[u8]; 2] {
        [&self.head, &self.bytes[..self.length]]
    }
}

fn write_body(out: &mut Vec<u8>, text: &[u8]) {
    out.bytes_head(BODY, bytes_field_len(text.len()));
    out.bytes_field(STRING_VALUE, text);
}

/// One line for people. It names no user, and control characters of names are escaped, so that no value can forge another
/// line.
pub(crate) fn line(record: &AuditRecord) -> String {
    let mut rows = RowForm::default();
    rows.write(&RecordRef::from(record));
    let mut line = Vec::new();
    if let Some(facts) = Facts::read(rows.as_bytes()) {
        facts.write_line(&mut line);
    }
    String::from_utf8_lossy(&line).into_owned()
}

// Field numbers of `LogRecord` (logs/v1/logs.proto).
pub(super) const TIME: u32 = 1;
const SEVERITY_NUMBER: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
pub(super) const ATTRIBUTES: u32 = 6;
const FLAGS: u32 = 8;
pub(super) const TRACE_ID: u32 = 9;
pub(super) const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;
const EVENT_NAME: u32 = 12;

// Field numbers of `KeyValue`, `AnyValue` and `ArrayValue` (common/v1/common.proto).
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;
pub(super) const STRING_VALUE: u32 = 1;
pub(super) const BOOL_VALUE: u32 = 2;
pub(super) const INT_VALUE: u32 = 3;
pub(super) const DOUBLE_VALUE: u32 = 4;
pub(super) const ARRAY_VALUE: u32 = 5;
pub(super) const ARRAY_VALUES: u32 = 1;

pub(super) const SAMPLED: u32 = 1;
const EVENT_PREFIX: &[u8] = b"llm_audit.";
