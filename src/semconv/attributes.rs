//! Attributes of a `LogRecord`, written one behind the other.
//!
//! Nearly all are short texts and numbers under names of the table. For these one look says whether there is room, and
//! everything but the text itself is copied in blocks whose size is known when the program is made.

use super::log;
use super::wire::varint_len;
use crate::record::Value;
use crate::record::attribute::{Attribute, OTLP_KEY_BYTES, OtlpKey};

/// Attributes that are being written behind what a buffer holds. The buffer is longer than they are until they
/// [end](Self::end).
pub(super) struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    at: usize,
}

impl<'a> Attributes<'a> {
    pub(super) fn behind(bytes: &'a mut Vec<u8>) -> Self {
        let at = bytes.len();
        Self { bytes, at }
    }

    /// Writes the attribute of a row.
    #[inline]
    pub(super) fn write(&mut self, row: &'static Attribute, value: Value<'_>) {
        match value {
            Value::Text(text) if text.len() <= SHORT_TEXT_BYTES => {
                self.write_text(row.otlp_key, text.as_bytes());
            }
            Value::Int(number) => self.write_int(row.otlp_key, number),
            _ => self.write_named(row.name, value),
        }
    }

    /// Writes any attribute.
    pub(super) fn write_named(&mut self, name: &str, value: Value<'_>) {
        self.bytes.truncate(self.at);
        log::write_attribute(self.bytes, name, value);
        self.at = self.bytes.len();
    }

    /// Makes the buffer end where the attributes do.
    pub(super) fn end(self) {
        self.bytes.truncate(self.at);
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
            let (mut quick, mut plain) = (vec![7; before], vec![7; before]);
            let mut attributes = Attributes::behind(&mut quick);
            for value in [Value::Text(&text), Value::Int(number >> shift), Value::Double(0.5), Value::Text(&text)] {
                attributes.write(row, value);
                log::write_attribute(&mut plain, row.name, value);
            }
            attributes.end();
            prop_assert_eq!(quick, plain);
        }
    }
}
