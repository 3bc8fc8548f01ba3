//! The log form: an OTLP `LogRecord` that *is* the record, complete.
//!
//! | `LogRecord` | from |
//! |---|---|
//! | `time_unix_nano` | start of the record |
//! | `observed_time_unix_nano` | its end, or its start where no end was seen |
//! | `severity_number`, `severity_text` | [`AuditRecord::severity`] |
//! | `event_name` | `llm_audit.call`, `.change`, `.access`, `.system` |
//! | `body` | one readable line |
//! | `trace_id`, `span_id`, `flags` (sampled) | its place in a trace |
//! | `attributes` | every row of the attribute table that the record has, the stream number and the authentication code last |

use super::attributes::Attributes;
use super::start::{self, StartRef};
use super::wire::{Write as _, bytes_field_len, varint_len};
use crate::record::{
    AuditRecord, BodyRef, CallRef, CostRef, Label, Mac, RecordRef, StreamId, StreamPosition,
    USD_BYTES, Value, decimal,
};

/// A log record in a buffer that is used again.
///
/// [`write`](Self::write) does all that can be done before the record has its number; [`seal`](Self::seal) adds the
/// number and the code.
#[derive(Debug, Default)]
pub struct LogForm {
    /// The form and what is left behind it of longer ones.
    bytes: Vec<u8>,
    length: usize,
    /// What stands before the attributes, and the line in it, before they are put together.
    head: Vec<u8>,
    line: String,
}

impl LogForm {
    /// Replaces what the buffer holds by the log form of `record` without stream number and authentication code.
    pub fn write(&mut self, record: &AuditRecord) {
        self.write_ref(&RecordRef::from(record), None);
    }

    /// As [`write`](Self::write), from a record that borrows, as one of `stream` where this is given.
    pub(crate) fn write_ref(&mut self, record: &RecordRef<'_>, stream: Option<StreamId>) {
        let mut record = *record;
        if let Some(stream) = stream {
            record.envelope.position = Some(StreamPosition { stream, seq: 0 });
        }
        let record = &record;
        self.write_head(record);
        self.write_body(record);
        let mut attributes = Attributes::new(&mut self.bytes, &self.head);
        record.walk(&mut attributes);
        self.length = attributes.end();
    }

    /// Replaces what the buffer holds by what is written when a call begins.
    pub(crate) fn write_start(&mut self, start: &StartRef<'_>) {
        self.head.clear();
        start::write_head(&mut self.head, start);
        let mut attributes = Attributes::new(&mut self.bytes, &self.head);
        start::write_attributes(&mut attributes, start);
        self.length = attributes.end();
    }

    fn write_head(&mut self, record: &RecordRef<'_>) {
        let out = &mut self.head;
        out.clear();
        let time = record.envelope.time.unix_nanos();
        let duration = match &record.body {
            BodyRef::Call(call) => call.duration_ns.unwrap_or(0),
            _ => 0,
        };
        let severity = record.severity();
        out.fixed64_field(TIME, time);
        out.fixed64_field(OBSERVED_TIME, time.saturating_add(duration));
        out.varint_field(SEVERITY_NUMBER, severity as u64);
        out.bytes_field(SEVERITY_TEXT, severity.as_str().as_bytes());
        if let Some(trace) = &record.envelope.trace {
            out.fixed32_field(FLAGS, SAMPLED);
            out.bytes_field(TRACE_ID, trace.trace_id.as_bytes());
            out.bytes_field(SPAN_ID, trace.span_id.as_bytes());
        }
        let kind = record.kind();
        out.bytes_head(EVENT_NAME, EVENT_PREFIX.len() + kind.len());
        out.extend_from_slice(EVENT_PREFIX.as_bytes());
        out.extend_from_slice(kind.as_bytes());
    }

    fn write_body(&mut self, record: &RecordRef<'_>) {
        self.line.clear();
        write_line_of(&mut self.line, record);
        self.head.bytes_head(BODY, bytes_field_len(self.line.len()));
        self.head.bytes_field(STRING_VALUE, self.line.as_bytes());
    }

    /// Adds the record's number in its stream and its authentication code, which makes it complete.
    pub fn seal(&mut self, seq: u64, mac: &Mac) {
        self.bytes.truncate(self.length);
        super::write_seal(&mut self.bytes, seq, mac.key().as_str(), mac.value());
        self.length = self.bytes.len();
    }

    /// How long a form fits without more memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes of the `LogRecord` message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Appends an attribute up to its value's text of so many bytes, which the caller writes next.
pub(super) fn write_text_head(out: &mut Vec<u8>, name: &str, text_length: usize) {
    let value_len = bytes_field_len(text_length);
    out.bytes_head(
        ATTRIBUTES,
        bytes_field_len(name.len()) + bytes_field_len(value_len),
    );
    out.bytes_field(KEY, name.as_bytes());
    out.bytes_head(VALUE, value_len);
    out.bytes_head(STRING_VALUE, text_length);
}

/// Appends an attribute.
pub(super) fn write_attribute(out: &mut Vec<u8>, name: &str, value: Value<'_>) {
    let value_len = any_value_len(value);
    out.bytes_head(
        ATTRIBUTES,
        bytes_field_len(name.len()) + bytes_field_len(value_len),
    );
    out.bytes_field(KEY, name.as_bytes());
    write_value(out, value_len, value);
}

fn write_value(out: &mut Vec<u8>, value_len: usize, value: Value<'_>) {
    out.bytes_head(VALUE, value_len);
    match value {
        Value::Double(number) => out.fixed64_field(DOUBLE_VALUE, number.to_bits()),
        Value::Flag => out.varint_field(BOOL_VALUE, 1),
        Value::Int(number) => out.varint_field(INT_VALUE, number),
        Value::Text(text) => out.bytes_field(STRING_VALUE, text.as_bytes()),
        Value::Texts(texts) => {
            out.bytes_head(ARRAY_VALUE, texts_len(texts));
            for text in texts {
                out.bytes_head(ARRAY_VALUES, bytes_field_len(text.as_str().len()));
                out.bytes_field(STRING_VALUE, text.as_str().as_bytes());
            }
        }
    }
}

fn any_value_len(value: Value<'_>) -> usize {
    match value {
        Value::Double(_) => 9,
        Value::Flag => 2,
        Value::Int(number) => 1 + varint_len(number),
        Value::Text(text) => bytes_field_len(text.len()),
        Value::Texts(texts) => bytes_field_len(texts_len(texts)),
    }
}

fn texts_len(texts: &[Label]) -> usize {
    texts
        .iter()
        .map(|text| bytes_field_len(bytes_field_len(text.as_str().len())))
        .sum()
}

/// Appends one line for people, and escapes the whole of `line`. It names no user, and control characters of names are
/// escaped, so that no value can forge another line.
pub fn write_line(line: &mut String, record: &AuditRecord) {
    write_line_of(line, &RecordRef::from(record));
}

fn write_line_of(line: &mut String, record: &RecordRef<'_>) {
    match &record.body {
        BodyRef::Access(access) => {
            push(line, "access ", access.operation.as_str());
            if let Some(resource) = &access.resource {
                push(line, " on ", resource.as_str());
            }
            push(line, ": ", access.outcome.as_str());
        }
        BodyRef::Call(call) => write_call_line(line, call),
        BodyRef::Change(change) => {
            push(line, "", change.table_name.as_str());
            push(line, " ", change.object_id.as_str());
            push(line, " ", change.action.as_str());
        }
        BodyRef::System(system) => push(line, "audit trail: ", system.event.as_str()),
    }
    // Bytes tell it without decoding, but for control characters beyond ASCII, which begin with 0xc2.
    let suspicious = |byte: u8| byte < 0x20 || byte == 0x7f || byte == 0xc2;
    if line.bytes().any(suspicious) {
        *line = line.chars().flat_map(visible).collect();
    }
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() {
        (Some(c.escape_default()), None)
    } else {
        (None, Some(c))
    };
    escaped.into_iter().flatten().chain(plain)
}

fn write_call_line(line: &mut String, call: &CallRef<'_>) {
    line.push_str(call.outcome.status.as_str());
    push(line, " ", call.operation.as_str());
    if let Some(model) = call.response.model.or(call.request.model.as_ref()) {
        push(line, " ", model.as_str());
    }
    if let Some(tokens) = call.usage.input_tokens {
        push(line, " input=", decimal::encode(tokens, &mut [0; 20]));
    }
    if let Some(tokens) = call.usage.output_tokens {
        push(line, " output=", decimal::encode(tokens, &mut [0; 20]));
    }
    if let CostRef::Known { exact, .. } = &call.cost {
        push(line, " usd=", exact.encode(&mut [0; USD_BYTES]));
    }
    if let Some(nanos) = call.duration_ns {
        push(
            line,
            " ms=",
            decimal::encode(nanos / 1_000_000, &mut [0; 20]),
        );
    }
}

fn push(line: &mut String, before: &str, text: &str) {
    line.push_str(before);
    line.push_str(text);
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
const EVENT_PREFIX: &str = "llm_audit.";
