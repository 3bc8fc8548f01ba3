//! The seal of a record: its number in the stream and its authentication code.
//!
//! A record is written once, in its [row form](crate::record::rows), without number and code. Both are added by whoever
//! seals it: [`write_canonical`] makes the [canonical bytes](crate::record::canonical) from the rows, which stand in canonical
//! order already; only the number and the service, which the segment names, are put in at their place, and derived
//! fields are left out.

use crate::record::attribute::{self, Attribute, Role};
use crate::record::rows::{Row, RowName, RowValue, Rows, TEXT_BUFFER};
use crate::record::{AuditRecord, KeyId, Label, Mac, OwnedValue, RecordError, canonical, rows};

/// What completes a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal<'a> {
    /// The record's number in its stream.
    pub(crate) seq: u64,
    /// Name of the key that the code was made with.
    pub(crate) key: &'a str,
    /// HMAC-SHA256 over the canonical bytes.
    pub(crate) code: &'a [u8; 32],
}

/// Replaces what `out` holds by the canonical bytes of the record whose row form is given; `service` is the `service.name`
/// of its resource. `false` where these are no bytes of such a form; then what `out` holds means nothing.
#[must_use]
pub(crate) fn write_canonical(
    rows: &[u8],
    service: Option<&Label>,
    seq: u64,
    out: &mut Vec<u8>,
) -> bool {
    out.clear();
    out.reserve(4 * rows.len() + MERGED_BYTES);
    let mut service = service;
    for row in Rows::new(rows) {
        let Ok(row) = row else { return false };
        let RowName::Row(name) = row.name else {
            write_class(out, &row);
            continue;
        };
        if name.role == Role::Derived {
            continue;
        }
        if FOLLOW_SERVICE.contains(&name.number)
            && let Some(service) = service.take()
        {
            write_name(out, &attribute::SERVICE_NAME);
            canonical::write_string(out, service.as_str().as_bytes());
        }
        write_name(out, name);
        write_value(out, row.value);
        if name.number == attribute::STREAM_ID.number {
            write_name(out, &attribute::STREAM_SEQ);
            canonical::write_int(out, whole(seq));
        }
    }
    out.push(b'}');
    // Every record says when it was.
    service.is_none() && out.len() > 1
}

/// The record whose row form is given, and its authentication code, unchecked.
///
/// # Errors
/// [`RecordError`] where the bytes make up no record of this version.
pub(crate) fn read_rows(
    form: &[u8],
    seal: &Seal<'_>,
    service: Option<&Label>,
) -> Result<(AuditRecord, Mac), RecordError> {
    let mut fields = rows::fields(form)?;
    if let Some(service) = service {
        let service = OwnedValue::Text(service.as_str().to_owned());
        fields.insert(attribute::SERVICE_NAME.name, service);
    }
    let seq = OwnedValue::Int(whole(seal.seq).cast_signed());
    fields.insert(attribute::STREAM_SEQ.name, seq);
    let invalid = RecordError::Invalid {
        name: attribute::MAC.name,
    };
    let key: KeyId = seal.key.parse().map_err(|_| invalid)?;
    Ok((fields.into_record()?.record, Mac::new(key, *seal.code)))
}

fn write_name(out: &mut Vec<u8>, row: &Attribute) {
    out.push(if out.is_empty() { b'{' } else { b',' });
    out.extend_from_slice(row.json_key.as_bytes());
}

fn write_class(out: &mut Vec<u8>, row: &Row<'_>) {
    if let RowName::Class(name) = row.name {
        out.push(if out.is_empty() { b'{' } else { b',' });
        canonical::write_string(out, name);
        out.push(b':');
        write_value(out, row.value);
    }
}

fn write_value(out: &mut Vec<u8>, value: RowValue<'_>) {
    match value {
        RowValue::Double(number) if number.is_finite() => canonical::write_double(out, number),
        RowValue::Double(_) => out.extend_from_slice(b"null"),
        RowValue::Flag => out.extend_from_slice(b"true"),
        RowValue::Int(number) => canonical::write_int(out, number),
        RowValue::Text(text) => canonical::write_string(out, text.bytes(&mut { TEXT_BUFFER })),
        RowValue::Texts(texts) => {
            out.push(b'[');
            for (at, text) in texts.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                canonical::write_string(out, text);
            }
            out.push(b']');
        }
    }
}

/// Numbers beyond 2^63 - 1 are written as 2^63 - 1, as everywhere on a record.
pub(super) fn whole(number: u64) -> u64 {
    number.min(i64::MAX.cast_unsigned())
}

/// Rows that may be the first behind `service.name`; every record has the second or the third.
const FOLLOW_SERVICE: [u8; 3] = [
    attribute::SESSION_ID.number,
    attribute::SPAN_ID.number,
    attribute::TIME.number,
];
/// Room for names and what is merged in, usually enough; growing would do no harm.
const MERGED_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::rows::RowForm;
    use crate::record::testing::{any_record, full_call};
    use crate::record::{AuditRecord, RecordRef, StreamPosition};

    fn rows(record: &AuditRecord) -> Vec<u8> {
        let mut rows = RowForm::default();
        rows.write(&RecordRef::from(record));
        rows.as_bytes().to_vec()
    }

    fn derived(record: &AuditRecord, seq: u64) -> Vec<u8> {
        let mut out = b"what was there before".to_vec();
        let service = record.envelope.service.as_ref();
        assert!(write_canonical(&rows(record), service, seq, &mut out));
        out
    }

    #[test]
    fn the_canonical_bytes_of_a_full_call_are_those_that_are_frozen() {
        let record = full_call();
        let seq = record.envelope.position.unwrap().seq;
        assert_eq!(derived(&record, seq), canonical::bytes(&record));
    }

    #[test]
    fn nothing_else_stands_between_what_is_put_in_and_its_neighbours() {
        let place = |row: &Attribute| {
            let found = attribute::TABLE.iter().position(|other| other == row);
            found.unwrap()
        };
        assert_eq!(
            place(&attribute::STREAM_ID) + 1,
            place(&attribute::STREAM_SEQ)
        );
        let behind = &attribute::TABLE[place(&attribute::SERVICE_NAME) + 1..][..3];
        assert!(behind.iter().map(|row| row.number).eq(FOLLOW_SERVICE));
    }

    proptest! {
        #[test]
        fn the_canonical_bytes_come_from_the_rows_as_from_the_record(mut record in any_record(), seq: u64) {
            // Whatever is sealed has its stream's name in its rows.
            let stream = full_call().envelope.position.unwrap().stream;
            let position = record.envelope.position.get_or_insert(StreamPosition { stream, seq: 0 });
            position.seq = seq >> 1;
            prop_assert_eq!(
                String::from_utf8(derived(&record, seq >> 1)).unwrap(),
                String::from_utf8(canonical::bytes(&record)).unwrap()
            );
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index, seq: u64) {
            let mut out = Vec::new();
            let _ = write_canonical(&bytes, None, seq, &mut out);
            let mut damaged = rows(&full_call());
            let at = at.index(damaged.len());
            damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
            let _ = write_canonical(&damaged, Some(&Label::clip("billing")), seq, &mut out);
        }
    }
}
