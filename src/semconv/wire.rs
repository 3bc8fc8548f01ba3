//! Protobuf primitives: fields out, fields in (<https://protobuf.dev/programming-guides/encoding/>).

/// Writes protobuf fields behind what the buffer holds.
pub(crate) trait Write {
    /// A base-128 varint.
    fn varint(&mut self, value: u64);
    /// A varint field.
    fn varint_field(&mut self, field: u32, value: u64);
    /// A 64-bit field.
    fn fixed64_field(&mut self, field: u32, value: u64);
    /// A 32-bit field.
    fn fixed32_field(&mut self, field: u32, value: u32);
    /// A length-delimited field.
    fn bytes_field(&mut self, field: u32, bytes: &[u8]);
    /// The head of a length-delimited field whose `length` bytes the caller writes next.
    fn bytes_head(&mut self, field: u32, length: usize);
}

impl Write for Vec<u8> {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.push(value.to_le_bytes()[0]);
    }

    fn varint_field(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3));
        self.varint(value);
    }

    fn fixed64_field(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3 | FIXED64));
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn fixed32_field(&mut self, field: u32, value: u32) {
        self.varint(u64::from(field << 3 | FIXED32));
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes_field(&mut self, field: u32, bytes: &[u8]) {
        self.bytes_head(field, bytes.len());
        self.extend_from_slice(bytes);
    }

    fn bytes_head(&mut self, field: u32, length: usize) {
        self.varint(u64::from(field << 3 | LENGTH_DELIMITED));
        self.varint(length as u64);
    }
}

/// Bytes that a varint takes.
pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes that a length-delimited field with a number below 16 takes, its head included.
pub(crate) fn bytes_field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// A field that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    Bytes(&'a [u8]),
    Fixed32(u32),
    Fixed64(u64),
    Varint(u64),
}

/// Reads the fields of a message one by one. What cannot be read ends it as an error with the offset.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.varint()?;
        let field = match u32::try_from(key & 7).ok()? {
            VARINT => Field::Varint(self.varint()?),
            FIXED64 => Field::Fixed64(u64::from_le_bytes(*self.take(8)?.first_chunk()?)),
            LENGTH_DELIMITED => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            FIXED32 => Field::Fixed32(u32::from_le_bytes(*self.take(4)?.first_chunk()?)),
            _ => return None,
        };
        Some((key >> 3, field))
    }

    fn varint(&mut self) -> Option<u64> {
        let first = *self.bytes.get(self.at)?;
        if first < 0x80 {
            self.at += 1;
            return Some(u64::from(first));
        }
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    /// The field's number and value, or the offset of what cannot be read.
    type Item = Result<(u64, Field<'a>), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = self.at;
        let field = self.field().ok_or(start);
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_comes_back_and_has_the_length_foretold(value: u64) {
            let mut bytes = Vec::new();
            bytes.varint_field(15, value);
            prop_assert_eq!(bytes.len(), 1 + varint_len(value));
            prop_assert_eq!(Fields::new(&bytes).collect::<Vec<_>>(), [Ok((15, Field::Varint(value)))]);
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_go_on_for_ever(bytes: Vec<u8>) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }
}
