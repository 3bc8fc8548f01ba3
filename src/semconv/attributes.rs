//! Attributes of a `LogRecord` or `Span`, written one behind the other.
//!
//! Nearly all are short texts and numbers under names of the table. For these one look says whether there is room, and
//! everything but the text itself is copied in blocks whose size is known when the program is made.

use super::facts::Facts;
use super::log;
use super::seal::{Seal, whole};
use super::span;
use super::wire::{Write as _, bytes_field_len, varint_len};
use crate::record::attribute::{self, Attribute, OTLP_KEY_BYTES, OtlpKey, Role};
use crate::record::rows::{Row, RowName, RowText, RowTexts, RowValue, Rows, TEXT_BUFFER};

/// Attributes that are being written. The buffer is as long as the longest one was: what it holds behind
/// this one means nothing, and need not be cleared.
pub(super) struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    at: usize,
    /// The tag of an attribute in this message.
    tag: u8,
}

impl<'a> Attributes<'a> {
    /// Begins the attributes of a `LogRecord`.
    pub(super) fn of_log(bytes: &'a mut Vec<u8>) -> Self {
        let tag = tag(log::ATTRIBUTES);
        Self { bytes, at: 0, tag }
    }

    /// Begins those of a `Span`.
    pub(super) fn of_span(bytes: &'a mut Vec<u8>) -> Self {
        let tag = tag(span::ATTRIBUTES);
        Self { bytes, at: 0, tag }
    }

    /// Writes what stands behind the attributes.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// How long they are, with what was written behind them.
    pub(super) fn end(self) -> usize {
        self.at
    }

    /// Writes the fields of a row form that are attributes, as far as they are `shown`, and tells what fields are made from.
    /// None where these are no bytes of a row form.
    pub(super) fn write_rows<'r>(
        &mut self,
        rows: &'r [u8],
        shown: impl Fn(&Attribute) -> bool,
    ) -> Option<Facts<'r>> {
        let mut facts = Facts::default();
        for row in Rows::new(rows) {
            let row = row.ok()?;
            facts.take(&row);
            match row.name {
                RowName::Row(name) if is_attribute(name) && shown(name) => {
                    self.write_row(name, &row);
                }
                RowName::Row(_) => {}
                RowName::Class(name) => self.write_plainly(name, row.value),
            }
        }
        Some(facts)
    }

    /// Writes the attributes that complete a record: its number and its authentication code.
    pub(super) fn write_seal(&mut self, seal: &Seal<'_>) {
        self.write_int(attribute::STREAM_SEQ.otlp_key, whole(seal.seq));
        let code = RowText::Code(seal.key.as_bytes(), seal.code);
        self.write_text(attribute::MAC.otlp_key, code.bytes(&mut { TEXT_BUFFER }));
    }

    fn write_row(&mut self, name: &Attribute, row: &Row<'_>) {
        match row.value {
            RowValue::Double(number) => self.write_double(name.otlp_key, number),
            RowValue::Int(number) => self.write_int(name.otlp_key, number),
            RowValue::Text(text) => {
                let mut buffer = TEXT_BUFFER;
                let text = text.bytes(&mut buffer);
                if text.len() <= SHORT_TEXT_BYTES {
                    self.write_text(name.otlp_key, text);
                } else {
                    let value = RowValue::Text(RowText::Plain(text));
                    self.write_plainly(name.name.as_bytes(), value);
                }
            }
            RowValue::Flag | RowValue::Texts(_) => {
                self.write_plainly(name.name.as_bytes(), row.value);
            }
        }
    }

    /// Writes any attribute.
    fn write_plainly(&mut self, name: &[u8], value: RowValue<'_>) {
        self.bytes.truncate(self.at);
        write_attribute(self.bytes, self.tag, name, value);
        self.at = self.bytes.len();
        self.bytes.resize(self.bytes.capacity(), 0);
    }

    fn write_double(&mut self, key: &OtlpKey, number: f64) {
        let tag = self.tag;
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 11);
        let start = write_head(room, tag, key, 11);
        room[start..start + 3].copy_from_slice(&[TAG_VALUE, 9, TAG_DOUBLE]);
        room[start + 3..start + 11].copy_from_slice(&number.to_bits().to_le_bytes());
        self.at += start + 11;
    }

    fn write_text(&mut self, key: &OtlpKey, text: &[u8]) {
        let tag = self.tag;
        let [value_len, text_len] = [text.len() + 2, text.len()].map(one_byte);
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 4 + text.len());
        let start = write_head(room, tag, key, text.len() + 4);
        let head = [TAG_VALUE, value_len, TAG_STRING, text_len];
        room[start..start + 4].copy_from_slice(&head);
        room[start + 4..start + 4 + text.len()].copy_from_slice(text);
        self.at += start + 4 + text.len();
    }

    fn write_int(&mut self, key: &OtlpKey, number: u64) {
        let tag = self.tag;
        let digits = varint_len(number);
        let room = self.room(LONGEST_HEAD_BYTES + OTLP_KEY_BYTES + 3 + LONGEST_VARINT_BYTES);
        let start = write_head(room, tag, key, digits + 3);
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

/// Whether a row of the table is an attribute of what has not been sealed.
fn is_attribute(row: &Attribute) -> bool {
    match row.role {
        Role::Derived => true,
        Role::Proven => row.number != attribute::STREAM_SEQ.number,
        Role::Authentication | Role::Native => false,
    }
}

/// Appends an attribute.
fn write_attribute(out: &mut Vec<u8>, tag: u8, name: &[u8], value: RowValue<'_>) {
    let value_len = any_value_len(value);
    out.push(tag);
    out.varint((bytes_field_len(name.len()) + bytes_field_len(value_len)) as u64);
    out.bytes_field(log::KEY, name);
    out.bytes_head(log::VALUE, value_len);
    match value {
        RowValue::Double(number) => out.fixed64_field(log::DOUBLE_VALUE, number.to_bits()),
        RowValue::Flag => out.varint_field(log::BOOL_VALUE, 1),
        RowValue::Int(number) => out.varint_field(log::INT_VALUE, number),
        RowValue::Text(text) => {
            out.bytes_field(log::STRING_VALUE, text.bytes(&mut { TEXT_BUFFER }));
        }
        RowValue::Texts(texts) => {
            out.bytes_head(log::ARRAY_VALUE, texts_len(texts));
            for text in texts {
                out.bytes_head(log::ARRAY_VALUES, bytes_field_len(text.len()));
                out.bytes_field(log::STRING_VALUE, text);
            }
        }
    }
}

fn any_value_len(value: RowValue<'_>) -> usize {
    match value {
        RowValue::Double(_) => 9,
        RowValue::Flag => 2,
        RowValue::Int(number) => 1 + varint_len(number),
        RowValue::Text(text) => bytes_field_len(text.bytes(&mut { TEXT_BUFFER }).len()),
        RowValue::Texts(texts) => bytes_field_len(texts_len(texts)),
    }
}

fn texts_len(texts: RowTexts<'_>) -> usize {
    texts
        .map(|text| bytes_field_len(bytes_field_len(text.len())))
        .sum()
}

/// Writes what stands before the value of an attribute, and says where that begins. The value, with its own head, has
/// less than 128 bytes.
#[inline]
fn write_head(room: &mut [u8], tag: u8, key: &OtlpKey, value_field_len: usize) -> usize {
    let length = key.length + value_field_len;
    room[0] = tag;
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
            let number = number >> shift;
            let values = [
                RowValue::Text(RowText::Plain(text.as_bytes())), RowValue::Int(number), RowValue::Double(0.5), RowValue::Flag,
            ];
            let mut attributes = Attributes::of_log(&mut quick);
            attributes.write_bytes(&plain);
            for value in values {
                attributes.write_row(row, &Row { name: RowName::Row(row), value });
            }
            let length = attributes.end();
            for value in values {
                write_attribute(&mut plain, tag(log::ATTRIBUTES), row.name.as_bytes(), value);
            }
            prop_assert_eq!(&quick[..length], plain);
        }
    }
}
