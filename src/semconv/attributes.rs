//! Attributes of a `LogRecord`, written one behind the other.
//!
//! Nearly all are short texts and numbers under names of the table. For these one look says whether there is room, and
//! everything but the text itself is copied in blocks whose size is known when the program is made.

use super::log;
use super::wire::varint_len;
use crate::record::attribute::{self, Attribute, OTLP_KEY_BYTES, OtlpKey, Role};
use crate::record::{FieldName, Sink, Value};

/// A `LogRecord` whose attributes are being written. The buffer is as long as the longest one was: what it holds behind
/// this one means nothing, and need not be cleared.
pub(super) struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    at: usize,
}

impl<'a> Attributes<'a> {
    /// Begins with what stands before the attributes.
    pub(super) fn new(bytes: &'a mut Vec<u8>, head: &[u8]) -> Self {
        let mut attributes = Self { bytes, at: 0 };
        attributes.room(head.len()).copy_from_slice(head);
        attributes.at = head.len();
        attributes
    }

    /// How long the `LogRecord` is.
    pub(super) fn end(self) -> usize {
        self.at
    }

    /// Writes any attribute.
    fn write_named(&mut self, name: &str, value: Value<'_>) {
        self.bytes.truncate(self.at);
        log::write_attribute(self.bytes, name, value);
        self.at = self.bytes.len();
        self.bytes.resize(self.bytes.capacity(), 0);
    }

    fn write_double(&mut self, key: &OtlpKey, number: f64) {
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 11);
        let start = write_head(room, key, 11);
        room[start..start + 3].copy_from_slice(&[TAG_VALUE, 9, TAG_DOUBLE]);
        room[start + 3..start + 11].copy_from_slice(&number.to_bits().to_le_bytes());
        self.at += start + 11;
    }

    fn write_text(&mut self, key: &OtlpKey, text: &[u8]) {
        let [value_len, text_len] = [text.len() + 2, text.len()].map(one_byte);
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 4 + text.len());
        let start = write_head(room, key, text.len() + 4);
        let head = [TAG_VALUE, value_len, TAG_STRING, text_len];
        room[start..start + 4].copy_from_slice(&head);
        room[start + 4..start + 4 + text.len()].copy_from_slice(text);
        self.at += start + 4 + text.len();
    }

    fn write_int(&mut self, key: &OtlpKey, number: u64) {
        let digits = varint_len(number);
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 3 + LONGEST_VARINT_BYTES);
        let start = write_head(room, key, digits + 3);
        room[start..start + 3].copy_from_slice(&[TAG_VALUE, one_byte(digits + 1), TAG_INT]);
        let mut rest = number;
        for byte in &mut room[start + 3..start + 2 + digits] {
            *byte = rest.to_le_bytes()[0] | 0x80;
            rest >>= 7;
        }
        room[start + 2 + digits] = rest.to_le_bytes()[0];
        self.at += start + 3 + digits;
    }

    /// The next so many bytes.
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() - self.at < length {
            self.bytes.resize(self.at + length + STEP_BYTES, 0);
        }
        &mut self.bytes[self.at..self.at + length]
    }
}

impl Sink for Attributes<'_> {
    fn field(&mut self, name: FieldName<'_>, value: Value<'_>) {
        match (name, value) {
            (FieldName::Row(row), _) if !is_written(row) => {}
            (FieldName::Row(row), Value::Double(number)) => self.write_double(row.otlp_key, number),
            (FieldName::Row(row), Value::Int(number)) => self.write_int(row.otlp_key, number),
            (FieldName::Row(row), Value::Text(text)) if text.len() <= SHORT_TEXT_BYTES => {
                self.write_text(row.otlp_key, text.as_bytes());
            }
            (name, value) => self.write_named(name.as_str(), value),
        }
    }

    #[inline]
    fn text(&mut self, row: &'static Attribute, text: &str) {
        if text.len() > SHORT_TEXT_BYTES {
            self.field(FieldName::Row(row), Value::Text(text));
        } else if is_written(row) {
            self.write_text(row.otlp_key, text.as_bytes());
        }
    }

    #[inline]
    fn int(&mut self, row: &'static Attribute, number: u64) {
        if is_written(row) {
            self.write_int(row.otlp_key, number);
        }
    }
}

/// Whether a row of the table is an attribute of the log form before it is sealed.
#[inline]
fn is_written(row: &Attribute) -> bool {
    match row.role {
        Role::Derived => true,
        Role::Proven => row.name != attribute::STREAM_SEQ.name,
        Role::Authentication | Role::Native => false,
    }
}

/// Writes what stands before the value of an attribute, and says where that begins. The value, with its own head, has
/// less than 128 bytes.
#[inline]
fn write_head(room: &mut [u8], key: &OtlpKey, value_field_len: usize) -> usize {
    let length = key.length + value_field_len;
    room[0] = TAG_ATTRIBUTE;
    let head = if length < 0x80 {
        room[1] = one_byte(length);
        2
    } else {
        room[1] = one_byte(length & 0x7f) | 0x80;
        room[2] = one_byte(length >> 7);
        3
    };
    // The whole block: what is too much of it is written over.
    room[head..head + OTLP_KEY_BYTES].copy_from_slice(&key.block);
    head + key.length
}

/// A length that is less than 256 by the limits of this file.
#[inline]
fn one_byte(length: usize) -> u8 {
    length.to_le_bytes()[0]
}

/// The longest text whose lengths take one byte each.
const SHORT_TEXT_BYTES: usize = 0x7f - 4;
const LONGEST_HEAD_BYTES: usize = 3;
const LONGEST_VARINT_BYTES: usize = 10;
/// How much room is made at a time: for some ten attributes, and not so much that filling it takes long.
const STEP_BYTES: usize = 512;

const TAG_ATTRIBUTE: u8 = tag(log::ATTRIBUTES);
const TAG_VALUE: u8 = tag(log::VALUE);
const TAG_STRING: u8 = tag(log::STRING_VALUE);
const TAG_INT: u8 = (log::INT_VALUE << 3) as u8;
const TAG_DOUBLE: u8 = (log::DOUBLE_VALUE << 3 | 1) as u8;

/// The tag of a length-delimited field with a number below 16.
const fn tag(field: u32) -> u8 {
    (field << 3 | 2) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::attribute::TABLE;

    proptest! {
        #[test]
        fn the_quick_way_writes_what_the_plain_one_does(
            row in 0..TABLE.len(), text in ".{0,140}", number: u64, shift in 0..64_u32, before in 0..3000_usize,
        ) {
            let row: &'static Attribute = &TABLE[row];
            let (mut quick, mut plain) = (vec![9; 100], vec![7; before]);
            let mut attributes = Attributes::new(&mut quick, &plain);
            let number = number >> shift;
            attributes.text(row, &text);
            attributes.int(row, number);
            for value in [Value::Text(&text), Value::Double(0.5), Value::Int(number), Value::Flag, Value::Text(&text)] {
                attributes.field(FieldName::Row(row), value);
            }
            let length = attributes.end();
            if is_written(row) {
                let all = [
                    Value::Text(&text), Value::Int(number), Value::Text(&text), Value::Double(0.5), Value::Int(number),
                    Value::Flag, Value::Text(&text),
                ];
                all.into_iter().for_each(|value| log::write_attribute(&mut plain, row.name, value));
            }
            prop_assert_eq!(&quick[..length], plain);
        }
    }
}
