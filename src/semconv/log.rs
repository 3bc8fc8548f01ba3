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

use std::fmt::Write as _;

use super::wire::{Write as _, bytes_field_len, varint_len};
use crate::record::attribute::{self, Role};
use crate::record::{AuditRecord, Body, Call, Cost, Label, Mac, Value};

/// A log record in a buffer that is used again.
///
/// [`write`](Self::write) does all that can be done before the record has its number; [`seal`](Self::seal) adds the
/// number and the code.
#[derive(Debug, Default)]
pub struct LogForm {
    bytes: Vec<u8>,
    line: String,
}

impl LogForm {
    /// Replaces what the buffer holds by the log form of `record` without stream number and authentication code.
    pub fn write(&mut self, record: &AuditRecord) {
        let out = &mut self.bytes;
        out.clear();
        let time = record.envelope.time.unix_nanos();
        let duration = match &record.body {
            Body::Call(call) => call.duration_ns.unwrap_or(0),
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
        let kind = record.body.kind();
        out.bytes_head(EVENT_NAME, EVENT_PREFIX.len() + kind.len());
        out.extend_from_slice(EVENT_PREFIX.as_bytes());
        out.extend_from_slice(kind.as_bytes());
        self.line.clear();
        write_line(&mut self.line, record);
        out.bytes_head(BODY, bytes_field_len(self.line.len()));
        out.bytes_field(STRING_VALUE, self.line.as_bytes());
        record.walk(&mut |name, role, value| {
            if matches!(role, Role::Proven | Role::Derived) && name != attribute::STREAM_SEQ.name {
                write_attribute(out, name, value);
            }
        });
    }

    /// Adds the record's number in its stream and its authentication code, which makes it complete.
    pub fn seal(&mut self, seq: u64, mac: &Mac) {
        super::write_seal(&mut self.bytes, seq, mac.key().as_str(), mac.value());
    }

    /// The bytes of the `LogRecord` message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
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

pub(super) fn write_attribute(out: &mut Vec<u8>, name: &str, value: Value<'_>) {
    let value_len = any_value_len(value);
    out.bytes_head(
        ATTRIBUTES,
        bytes_field_len(name.len()) + bytes_field_len(value_len),
    );
    out.bytes_field(KEY, name.as_bytes());
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

/// Appends one line for people, and escapes the whole of `line`. It names no user, and control characters of names are escaped, so that no value can forge
/// another line.
pub fn write_line(line: &mut String, record: &AuditRecord) {
    match &record.body {
        Body::Access(access) => {
            push(line, "access ", &access.operation);
            line.extend(
                access
                    .resource
                    .iter()
                    .flat_map(|resource| [" on ", resource.as_str()]),
            );
            let _ = write!(line, ": {}", access.outcome);
        }
        Body::Call(call) => write_call_line(line, call),
        Body::Change(change) => {
            push(line, "", &change.table_name);
            push(line, " ", &change.object_id);
            push(line, " ", &change.action);
        }
        Body::System(system) => {
            let _ = write!(line, "audit trail: {}", system.event);
        }
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

fn write_call_line(line: &mut String, call: &Call) {
    line.push_str(call.outcome.status.as_str());
    push(line, " ", &call.operation);
    if let Some(model) = call.response.model.as_ref().or(call.request.model.as_ref()) {
        push(line, " ", model);
    }
    if let Some(tokens) = call.usage.input_tokens {
        let _ = write!(line, " input={tokens}");
    }
    if let Some(tokens) = call.usage.output_tokens {
        let _ = write!(line, " output={tokens}");
    }
    if let Cost::Known { exact, .. } = &call.cost {
        let _ = write!(line, " usd={exact}");
    }
    if let Some(nanos) = call.duration_ns {
        let _ = write!(line, " ms={}", nanos / 1_000_000);
    }
}

fn push(line: &mut String, before: &str, label: &Label) {
    line.push_str(before);
    line.push_str(label.as_str());
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
