//! The row form of a record, version 1: what an emitter keeps until the record is delivered.
//!
//! The fields of a record as a [walk](super::walk) gives them, in canonical order, under numbers instead of names: a third
//! of the log form, and quick to write. Left out are `llm_audit.stream.seq`, which a record has not got yet when it is
//! written, and `service.name`, which stands with the segment. Derived fields are in it.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | number of the row in the [attribute table](super::attribute), 1 to 127; the highest bit says that a text is packed |
//!
//! and behind it, by the kind of the row (integers as in protobuf: seven bits a byte, lowest first, the highest bit says
//! that more follow; lengths are such integers):
//!
//! | kind | value |
//! |---|---|
//! | `Double` | 8 bytes, IEEE 754, little-endian |
//! | `Flag` | nothing |
//! | `Int` | an integer; in the row of the sanitization classes, the whole name of the attribute as a text stands before it |
//! | `Text` | its length, the text |
//! | `Text`, packed | a byte that says how, and the bytes: 1 a UUID, 16 bytes; 2 hexadecimal digits, a byte with their number halved, the bytes; 3 a keyed hash of form `jcs1`, 4 one of form `raw1`, 5 an authentication code: a byte with the length of the key's name, the name, 32 bytes |
//! | `Texts` | how many, then each as a text |

use super::attribute::{self, Attribute, Kind, numbered};
use super::borrowed::RecordRef;
use super::digest::{KEY_ID_BYTES, KEYED_HASH_BYTES, encode_code, encode_keyed};
use super::parse::{Fields, OwnedValue, RecordError};
use super::walk::{FieldName, Sink, Value};
use super::{HashForm, KeyedHash, hex};

/// A row form in a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct RowForm {
    /// The form, and what is left behind it of longer ones.
    bytes: Vec<u8>,
    length: usize,
}

impl RowForm {
    /// Replaces what the buffer holds by the form of a record.
    pub(crate) fn write(&mut self, record: &RecordRef<'_>) {
        self.length = 0;
        record.walk(self);
    }

    /// Empties it, for fields that are given one by one, in canonical order.
    pub(crate) fn begin(&mut self) {
        self.length = 0;
    }

    /// Bytes that its buffer takes up.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The form.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The next so many bytes, of which the caller says how many it used.
    #[inline]
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.bytes.len() - self.length < length {
            self.bytes.resize(self.length + length + STEP_BYTES, 0);
        }
        &mut self.bytes[self.length..self.length + length]
    }

    #[inline]
    fn tag(&mut self, row: &Attribute) {
        self.room(1)[0] = row.number;
        self.length += 1;
    }

    #[inline]
    fn write_text(&mut self, row: &Attribute, text: &[u8]) {
        let Ok(short) = u8::try_from(text.len()) else {
            return self.write_long_text(row, text);
        };
        if short >= MORE {
            return self.write_long_text(row, text);
        }
        let room = self.room(2 + text.len());
        room[0] = row.number;
        room[1] = short;
        room[2..].copy_from_slice(text);
        self.length += 2 + text.len();
    }

    fn write_long_text(&mut self, row: &Attribute, text: &[u8]) {
        self.tag(row);
        self.write_counted(text);
    }

    fn write_counted(&mut self, text: &[u8]) {
        self.write_int(text.len() as u64);
        self.room(text.len()).copy_from_slice(text);
        self.length += text.len();
    }

    #[inline]
    fn write_int(&mut self, mut number: u64) {
        let room = self.room(LONGEST_INT_BYTES);
        let mut used = 0;
        while number >= u64::from(MORE) {
            room[used] = number.to_le_bytes()[0] | MORE;
            number >>= 7;
            used += 1;
        }
        room[used] = number.to_le_bytes()[0];
        self.length += used + 1;
    }

    /// Writes a text that spells out bytes: how it does, something before them, and the bytes.
    #[inline]
    fn write_packed(&mut self, row: &Attribute, packing: u8, before: &[u8], bytes: &[u8]) {
        let length = 2 + before.len() + bytes.len();
        let room = self.room(length);
        room[0] = row.number | PACKED;
        room[1] = packing;
        room[2..2 + before.len()].copy_from_slice(before);
        room[2 + before.len()..].copy_from_slice(bytes);
        self.length += length;
    }
}

/// Adds what completes the form of a record, its number and its authentication code, to bytes that end in it.
pub(crate) fn write_seal(out: &mut Vec<u8>, seq: u64, key: &str, code: &[u8; 32]) {
    let mut form = RowForm::default();
    form.tag(&attribute::STREAM_SEQ);
    form.write_int(seq);
    let (name, length) = counted_key(key);
    form.write_packed(&attribute::MAC, CODE, &name[..length], code);
    out.extend_from_slice(form.as_bytes());
}

/// The name of a key with its length before it.
fn counted_key(key: &str) -> ([u8; 1 + KEY_ID_BYTES], usize) {
    let mut counted = [0; 1 + KEY_ID_BYTES];
    counted[0] = u8::try_from(key.len()).expect("the name of a key has at most 32 characters");
    counted[1..=key.len()].copy_from_slice(key.as_bytes());
    (counted, 1 + key.len())
}

impl Sink for RowForm {
    fn field(&mut self, name: FieldName<'_>, value: Value<'_>) {
        match (name, value) {
            (FieldName::Class(name), Value::Int(count)) => {
                self.tag(&attribute::SANITIZATION_CLASS);
                self.write_counted(name.as_bytes());
                self.write_int(count);
            }
            (FieldName::Row(row), Value::Double(number)) => {
                self.tag(row);
                self.room(8).copy_from_slice(&number.to_le_bytes());
                self.length += 8;
            }
            (FieldName::Row(row), Value::Flag) => self.tag(row),
            (FieldName::Row(row), Value::Int(number)) => self.int(row, number),
            (FieldName::Row(row), Value::Text(text)) => self.text(row, text),
            (FieldName::Row(row), Value::Texts(texts)) => {
                self.tag(row);
                self.write_int(texts.len() as u64);
                for text in texts {
                    self.write_counted(text.as_str().as_bytes());
                }
            }
            (FieldName::Class(_), _) => unreachable!("a class is counted"),
        }
    }

    #[inline]
    fn text(&mut self, row: &'static Attribute, text: &str) {
        if row.number != attribute::SERVICE_NAME.number {
            self.write_text(row, text.as_bytes());
        }
    }

    #[inline]
    fn hash(&mut self, row: &'static Attribute, hash: &KeyedHash) {
        let (name, length) = counted_key(hash.key_id());
        let packing = match hash.form {
            HashForm::Jcs1 => HASH_JCS1,
            HashForm::Raw1 => HASH_RAW1,
        };
        self.write_packed(row, packing, &name[..length], &hash.value);
    }

    #[inline]
    fn uuid(&mut self, row: &'static Attribute, id: &[u8; 16]) {
        self.write_packed(row, UUID, &[], id);
    }

    #[inline]
    fn hex(&mut self, row: &'static Attribute, id: &[u8]) {
        self.write_packed(row, HEX, &[id.len().to_le_bytes()[0]], id);
    }

    #[inline]
    fn int(&mut self, row: &'static Attribute, number: u64) {
        if row.number != attribute::STREAM_SEQ.number {
            self.tag(row);
            self.write_int(number);
        }
    }
}

/// The fields of a row form, one by one. What cannot be read ends them as an error with its offset.
#[derive(Debug, Clone)]
pub(crate) struct Rows<'a> {
    rest: &'a [u8],
    length: usize,
}

/// A field that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) name: RowName<'a>,
    pub(crate) value: RowValue<'a>,
}

/// The name of a field that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowName<'a> {
    /// Of a class count.
    Class(&'a [u8]),
    Row(&'static Attribute),
}

/// The value of a field that was read. Texts are as they were written, which was in UTF-8.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowValue<'a> {
    Double(f64),
    Flag,
    Int(u64),
    Text(RowText<'a>),
    Texts(RowTexts<'a>),
}

/// A text, packed or not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowText<'a> {
    Code(&'a [u8], &'a [u8; 32]),
    Hash(HashForm, &'a [u8], &'a [u8; 32]),
    Hex(&'a [u8]),
    Plain(&'a [u8]),
    Uuid(&'a [u8; 16]),
}

/// A list of texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowTexts<'a> {
    left: u64,
    rest: &'a [u8],
}

/// Holds any text that is unpacked.
pub(crate) type TextBuffer = [u8; KEYED_HASH_BYTES];
/// An empty one.
pub(crate) const TEXT_BUFFER: TextBuffer = [0; KEYED_HASH_BYTES];

impl<'a> RowText<'a> {
    /// The text, in a buffer where it was packed.
    #[inline]
    pub(crate) fn bytes<'b>(&self, buffer: &'b mut TextBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        let length = match *self {
            Self::Plain(text) => return text,
            Self::Code(key, value) => encode_code(key, value, buffer),
            Self::Hash(form, key, value) => encode_keyed(form, key, value, buffer),
            Self::Hex(id) => {
                let length = 2 * id.len();
                hex::encode(id, &mut buffer[..length]);
                length
            }
            Self::Uuid(id) => {
                let text = uuid::Uuid::from_bytes(*id).hyphenated();
                text.encode_lower(buffer).len()
            }
        };
        &buffer[..length]
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(form: &'a [u8]) -> Self {
        Self {
            rest: form,
            length: form.len(),
        }
    }

    #[inline]
    fn row(&mut self) -> Option<Row<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        let row = numbered(tag & !PACKED)?;
        let mut name = RowName::Row(row);
        let value = match row.kind {
            Kind::Text if tag >= PACKED => RowValue::Text(packed(&mut self.rest)?),
            Kind::Text => RowValue::Text(RowText::Plain(counted(&mut self.rest)?)),
            Kind::Int => {
                if row.number == attribute::SANITIZATION_CLASS.number {
                    name = RowName::Class(counted(&mut self.rest)?);
                }
                RowValue::Int(int(&mut self.rest)?)
            }
            Kind::Double => RowValue::Double(f64::from_le_bytes(*chunk(&mut self.rest)?)),
            Kind::Flag => RowValue::Flag,
            Kind::Texts => {
                let left = int(&mut self.rest)?;
                let texts = RowTexts {
                    left,
                    rest: self.rest,
                };
                for _ in 0..left {
                    counted(&mut self.rest)?;
                }
                RowValue::Texts(texts)
            }
        };
        Some(Row { name, value })
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.length - self.rest.len();
        let row = self.row().ok_or(offset);
        if row.is_err() {
            self.rest = &[];
        }
        Some(row)
    }
}

impl<'a> Iterator for RowTexts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        counted(&mut self.rest)
    }
}

/// The fields of a row form, owned.
///
/// # Errors
/// [`RecordError::Malformed`] where the bytes are no row form.
pub(crate) fn fields(form: &[u8]) -> Result<Fields, RecordError> {
    let mut fields = Fields::default();
    for row in Rows::new(form) {
        let read = row.ok().and_then(owned);
        let (name, value) = read.ok_or(RecordError::Malformed {
            offset: 0,
            length: form.len(),
        })?;
        fields.insert(name, value);
    }
    Ok(fields)
}

fn owned(row: Row<'_>) -> Option<(String, OwnedValue)> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let name = match row.name {
        RowName::Class(name) => text(name)?,
        RowName::Row(row) => row.name.to_owned(),
    };
    let value = match row.value {
        RowValue::Double(number) => OwnedValue::Double(number),
        RowValue::Flag => OwnedValue::Flag(true),
        RowValue::Int(number) => OwnedValue::Int(number.cast_signed()),
        RowValue::Text(packed) => OwnedValue::Text(text(packed.bytes(&mut { TEXT_BUFFER }))?),
        RowValue::Texts(texts) => OwnedValue::Texts(texts.map(text).collect::<Option<_>>()?),
    };
    Some((name, value))
}

fn packed<'a>(rest: &mut &'a [u8]) -> Option<RowText<'a>> {
    let [how] = *chunk(rest)?;
    if how == UUID {
        return Some(RowText::Uuid(chunk(rest)?));
    }
    let [length] = *chunk(rest)?;
    let (bytes, behind) = rest.split_at_checked(usize::from(length))?;
    *rest = behind;
    if how == HEX {
        return (bytes.len() <= LONGEST_ID_BYTES).then_some(RowText::Hex(bytes));
    }
    let value = chunk(rest)?;
    let key = (bytes.len() <= KEY_ID_BYTES).then_some(bytes)?;
    match how {
        CODE => Some(RowText::Code(key, value)),
        HASH_JCS1 => Some(RowText::Hash(HashForm::Jcs1, key, value)),
        HASH_RAW1 => Some(RowText::Hash(HashForm::Raw1, key, value)),
        _ => None,
    }
}

fn chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(chunk)
}

#[inline]
fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(int(rest)?).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

#[inline]
fn int(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = *chunk(rest)?;
        number |= u64::from(byte & !MORE) << shift;
        if byte < MORE {
            return Some(number);
        }
    }
    None
}

/// The bit of a tag that says that the text is packed.
const PACKED: u8 = 0x80;
/// The bit of an integer's byte that says that more follow.
const MORE: u8 = 0x80;
const LONGEST_INT_BYTES: usize = 10;
const LONGEST_ID_BYTES: usize = 16;
/// How much room is made at a time.
const STEP_BYTES: usize = 256;

// How texts are packed.
const UUID: u8 = 1;
const HEX: u8 = 2;
const HASH_JCS1: u8 = 3;
const HASH_RAW1: u8 = 4;
const CODE: u8 = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::testing::{any_record, full_call};
    use crate::record::{AuditRecord, Label, canonical};

    fn form(record: &AuditRecord) -> Vec<u8> {
        let mut form = RowForm::default();
        form.write(&RecordRef::from(record));
        form.as_bytes().to_vec()
    }

    fn record(form: &[u8], of: &AuditRecord) -> AuditRecord {
        let mut fields = fields(form).unwrap();
        let text = |label: &Label| OwnedValue::Text(label.as_str().to_owned());
        if let Some(service) = &of.envelope.service {
            fields.insert(attribute::SERVICE_NAME.name, text(service));
        }
        if let Some(position) = of.envelope.position {
            let seq = OwnedValue::Int(position.seq.cast_signed());
            fields.insert(attribute::STREAM_SEQ.name, seq);
        }
        fields.into_record().unwrap().record
    }

    #[test]
    fn the_bytes_of_a_full_call_are_frozen() {
        assert_eq!(
            form(&full_call()),
            include_bytes!("testdata/call-rows-v1.bin")
        );
    }

    #[test]
    fn a_seal_is_two_rows_more() {
        let mut bytes = b"rows".to_vec();
        write_seal(&mut bytes, 300, "m1", &[7; 32]);
        let golden = [
            &b"rows"[..],
            &[attribute::STREAM_SEQ.number, 0xac, 2],
            &[attribute::MAC.number | 0x80, 5, 2],
            b"m1",
            &[7; 32],
        ];
        assert_eq!(bytes, golden.concat());
        let fields = fields(&bytes[4..]).unwrap();
        let code = format!("hmac-sha256:m1:{}", "07".repeat(32));
        assert!(format!("{fields:?}").contains(&code), "{fields:?}");
    }

    proptest! {
        #[test]
        fn the_record_comes_back_from_its_rows(of in any_record()) {
            let back = record(&form(&of), &of);
            prop_assert_eq!(canonical::bytes(&back), canonical::bytes(&of));
            prop_assert_eq!(back, of);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at: prop::sample::Index) {
            let _ = fields(&bytes);
            let mut damaged = form(&full_call());
            let at = at.index(damaged.len());
            damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
            let _ = fields(&damaged);
        }
    }
}
