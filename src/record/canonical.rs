//! The canonical bytes of a record, version 1: the one byte string that is authenticated, hashed and compared.
//!
//! One JSON object in the form of RFC 8785, whose keys are the names of [`attribute::TABLE`]
//! with the roles `Proven` and `Native`, and no others: derived values, severity, body text, unknown attributes and the
//! authentication code itself stay outside.
//!
//! * texts are strings; a JSON-valued field is the string of its exact text; money is a decimal string
//! * whole numbers up to 2^53 are numbers, larger ones decimal strings (so `time_unix_nano` always is one)
//! * floating-point numbers are in the ECMAScript form; a flag is `true`; lists are arrays of strings
//! * what is absent is absent, never `null`
//!
//! This file never changes its output. Another form is another version, with another `llm_audit.schema`.

use super::attribute::{self, Role};
use super::{AuditRecord, Label, RecordError, Value, parse};

/// The canonical bytes of the record.
///
/// ```
/// # use llm_audit::record::*;
/// # let id = RecordId::from_parts(1_700_000_000_000, [7; 10]);
/// let mut envelope = Envelope::new(id, Timestamp::from_unix_nanos(1_700_000_000_000_000_000));
/// let body = Body::System(System { event: SystemEvent::Heartbeat, detail: None });
/// let bytes = canonical::bytes(&AuditRecord { envelope, body });
/// assert!(bytes.starts_with(br#"{"llm_audit.kind":"system","llm_audit.record.id":"#));
/// ```
#[must_use]
pub fn bytes(record: &AuditRecord) -> Vec<u8> {
    let mut form = CanonicalForm::default();
    form.write(record);
    form.bytes
}

/// The record that canonical bytes say, and the names in them that are in no row of the attribute table.
///
/// # Errors
/// [`RecordError`] where the text is no record of this version.
pub fn parse(text: &str) -> Result<(AuditRecord, Vec<String>), RecordError> {
    let parsed = parse::fields_of_json(text)?.into_record()?;
    Ok((parsed.record, parsed.unknown))
}

/// Canonical bytes in a buffer that is used again, with the place of the sequence number known, so that all before it
/// can be authenticated before the number is given.
#[derive(Debug, Default)]
pub struct CanonicalForm {
    bytes: Vec<u8>,
    seq: Option<std::ops::Range<usize>>,
}

impl CanonicalForm {
    /// Replaces what the buffer holds by the form of `record`.
    pub fn write(&mut self, record: &AuditRecord) {
        self.bytes.clear();
        self.seq = None;
        self.bytes.push(b'{');
        record.walk(&mut |name, role, value| {
            if matches!(role, Role::Proven | Role::Native) {
                self.field(name, value);
            }
        });
        self.bytes.push(b'}');
    }

    /// The bytes before the sequence number, and those behind it; all and nothing where the record has none.
    #[must_use]
    pub fn around_seq(&self) -> (&[u8], &[u8]) {
        let seq = self
            .seq
            .clone()
            .unwrap_or(self.bytes.len()..self.bytes.len());
        (&self.bytes[..seq.start], &self.bytes[seq.end..])
    }

    fn field(&mut self, name: &str, value: Value<'_>) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        write_string(&mut self.bytes, name.as_bytes());
        self.bytes.push(b':');
        let start = self.bytes.len();
        write_value(&mut self.bytes, value);
        if name == attribute::STREAM_SEQ.name {
            self.seq = Some(start..self.bytes.len());
        }
    }
}

/// Writes a whole number: digits, in quotation marks beyond 2^53.
pub(crate) fn write_int(out: &mut Vec<u8>, number: u64) {
    let quote = number > MAX_SAFE_INTEGER;
    if quote {
        out.push(b'"');
    }
    out.extend_from_slice(super::decimal::encode(number, &mut [0; 20]).as_bytes());
    if quote {
        out.push(b'"');
    }
}

fn write_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Double(number) => write_double(out, number),
        Value::Flag => out.extend_from_slice(b"true"),
        Value::Int(number) => write_int(out, number),
        Value::Text(text) => write_string(out, text.as_bytes()),
        Value::Texts(texts) => write_list(out, texts),
    }
}

fn write_list(out: &mut Vec<u8>, texts: &[Label]) {
    out.push(b'[');
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, text.as_str().as_bytes());
    }
    out.push(b']');
}

/// RFC 8785 section 3.2.2.3: a floating-point number as ECMAScript writes it. It must be finite.
pub(crate) fn write_double(out: &mut Vec<u8>, number: f64) {
    let mut digits = ryu_js::Buffer::new();
    out.extend_from_slice(digits.format_finite(number).as_bytes());
}

/// RFC 8785 section 3.2.2.2: the two-character escapes where JSON has them, `\u00xx` for the other control characters,
/// everything else as it is. The bytes are UTF-8.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if !has_escapes(text) {
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    let mut plain = 0;
    for (at, byte) in text.iter().copied().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            0x00..=0x1f => 0,
            _ => continue,
        };
        out.extend_from_slice(&text[plain..at]);
        plain = at + 1;
        out.push(b'\\');
        if short == 0 {
            let mut digits = [0; 2];
            out.extend_from_slice(b"u00");
            out.extend_from_slice(super::hex::encode(&[byte], &mut digits).as_bytes());
        } else {
            out.push(short);
        }
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}

/// Whether there is a byte that is escaped. Most texts have none, so eight bytes are looked at in one go.
fn has_escapes(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The highest bit of a byte that is smaller than `limit` becomes one, and perhaps that of a byte above such a one: a
    // word without such a byte gives 0, and no other does.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let escapes = |bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        // With the second bit turned over, the quotation mark comes to stand next to the control characters.
        below(word ^ (ONES << 1), 0x21) | below(word ^ (ONES * u64::from(b'\\')), 1)
    };
    let Some(last) = text.last_chunk() else {
        return text
            .iter()
            .any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
    };
    let (words, _) = text.as_chunks();
    let any = words.iter().fold(0, |any, word| any | escapes(word));
    any | escapes(last) != 0
}

const MAX_SAFE_INTEGER: u64 = 1 << 53;

#[cfg(test)]
mod tests;
