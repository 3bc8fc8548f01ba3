//! The seal of a log form: its number in the stream and its authentication code.
//!
//! A record is encoded once, as a `LogRecord` without number and code. Both are added by whoever seals it, without
//! decoding it: [`write_canonical`] makes the [canonical bytes](crate::record::canonical) from the bytes of the
//! `LogRecord`, and [`write_seal`] appends the two attributes that complete it.
//!
//! Attributes stand in the log form in canonical order already. What the canonical bytes have beside them is merged in at
//! its place: the number, the service, which the resource names, and `time_unix_nano`, `trace_id` and `span_id`, which are
//! fields of the `LogRecord` that stand before its attributes. Derived attributes are left out.

use super::log;
use super::wire::{Field, Fields};
use crate::record::{Label, attribute, canonical, hex};

/// Replaces what `out` holds by the canonical bytes of the record whose log form, without number and code, is given;
/// `service` is the `service.name` of its resource. `false` where these are no bytes of such a log form; then what `out`
/// holds means nothing.
#[must_use]
pub fn write_canonical(
    log_record: &[u8],
    service: Option<&Label>,
    seq: u64,
    out: &mut Vec<u8>,
) -> bool {
    out.clear();
    out.reserve(log_record.len() + MERGED_BYTES);
    let mut merge = Merge {
        out,
        service: service.map(|label| label.as_str().as_bytes()),
        seq,
        time: 0,
        trace_id: &[],
        span_id: &[],
        merged: 0,
    };
    merge.log_record(log_record).is_some()
}

/// Appends the attributes that complete a log form, its number and its authentication code, in this order, to its bytes.
pub fn write_seal(out: &mut Vec<u8>, seq: u64, key: &str, code: &[u8; 32]) {
    log::write_attribute(
        out,
        attribute::STREAM_SEQ.name,
        crate::record::Value::Int(whole(seq)),
    );
    let mut digits = [0; 64];
    let parts = [MAC_PREFIX, key, ":", hex::encode(code, &mut digits)];
    let text_length = parts.iter().map(|part| part.len()).sum();
    log::write_text_head(out, attribute::MAC.name, text_length);
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The attributes of a log form and what stands elsewhere, on their way into one order.
struct Merge<'a, 'o> {
    out: &'o mut Vec<u8>,
    service: Option<&'a [u8]>,
    seq: u64,
    time: u64,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    /// How many of `MERGED` are through.
    merged: usize,
}

impl<'a> Merge<'a, '_> {
    fn log_record(&mut self, log_record: &'a [u8]) -> Option<()> {
        let mut rest = log_record;
        // What is no attribute stands before them: behind one it might come too late for its place.
        while rest.first().is_some_and(|tag| *tag != ATTRIBUTE) {
            rest = self.native(rest)?;
        }
        while !rest.is_empty() {
            self.attribute(part(&mut rest, ATTRIBUTE)?)?;
        }
        self.merge_all_before(&[u8::MAX]);
        self.out.push(b'}');
        Some(())
    }

    /// Reads the field that comes first and returns what is behind it.
    fn native(&mut self, log_record: &'a [u8]) -> Option<&'a [u8]> {
        let mut fields = Fields::new(log_record);
        let (number, field) = fields.next()?.ok()?;
        match (u32::try_from(number).ok()?, field) {
            (log::TIME, Field::Fixed64(nanos)) => self.time = nanos,
            (log::TRACE_ID, Field::Bytes(id)) => self.trace_id = id,
            (log::SPAN_ID, Field::Bytes(id)) => self.span_id = id,
            _ => {}
        }
        Some(fields.rest())
    }

    fn attribute(&mut self, mut key_value: &[u8]) -> Option<()> {
        let key = part(&mut key_value, KEY)?;
        let any = part(&mut key_value, VALUE)?;
        if DERIVED.iter().any(|name| key == name.as_bytes()) {
            return Some(());
        }
        self.merge_all_before(key);
        self.name(key);
        self.value(any)
    }

    fn value(&mut self, mut any: &[u8]) -> Option<()> {
        if any.first() == Some(&STRING) {
            canonical::write_string(self.out, part(&mut any, STRING)?);
            return Some(());
        }
        let (number, value) = Fields::new(any).next()?.ok()?;
        match (u32::try_from(number).ok()?, value) {
            (log::INT_VALUE, Field::Varint(number)) => canonical::write_int(self.out, number),
            (log::BOOL_VALUE, Field::Varint(1)) => self.out.extend_from_slice(b"true"),
            (log::DOUBLE_VALUE, Field::Fixed64(bits)) if f64::from_bits(bits).is_finite() => {
                canonical::write_double(self.out, f64::from_bits(bits));
            }
            (log::ARRAY_VALUE, Field::Bytes(values)) => self.texts(values)?,
            _ => return None,
        }
        Some(())
    }

    fn texts(&mut self, mut values: &[u8]) -> Option<()> {
        self.out.push(b'[');
        while !values.is_empty() {
            let mut any = part(&mut values, ITEM)?;
            canonical::write_string(self.out, part(&mut any, STRING)?);
            if !values.is_empty() {
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Some(())
    }

    /// Writes what is not among the attributes and stands before this key.
    fn merge_all_before(&mut self, key: &[u8]) {
        while let Some((name, what)) = MERGED.get(self.merged) {
            if name.as_bytes() > key {
                return;
            }
            self.merged += 1;
            let mut digits = [0; 32];
            let text = match what {
                Merged::Seq => {
                    self.name(name.as_bytes());
                    canonical::write_int(self.out, whole(self.seq));
                    continue;
                }
                Merged::Time => {
                    self.name(name.as_bytes());
                    canonical::write_int(self.out, whole(self.time));
                    continue;
                }
                Merged::Service => self.service,
                Merged::SpanId => digits_of(self.span_id, &mut digits),
                Merged::TraceId => digits_of(self.trace_id, &mut digits),
            };
            if let Some(text) = text {
                self.name(name.as_bytes());
                canonical::write_string(self.out, text);
            }
        }
    }

    fn name(&mut self, name: &[u8]) {
        self.out.push(if self.out.is_empty() { b'{' } else { b',' });
        canonical::write_string(self.out, name);
        self.out.push(b':');
    }
}

/// The hexadecimal digits of an id; none where there is no id.
fn digits_of<'d>(id: &[u8], digits: &'d mut [u8; 32]) -> Option<&'d [u8]> {
    let digits = digits.get_mut(..2 * id.len()).filter(|it| !it.is_empty())?;
    Some(hex::encode(id, digits).as_bytes())
}

/// Takes the length-delimited field that comes first, where it has this tag.
///
/// Most of the work of a seal is done here, so it knows short forms only: tags of one byte, lengths of up to four.
fn part<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, low], rest) = bytes.split_first_chunk()?;
    let (length, rest) = if low < 0x80 {
        (usize::from(low), rest)
    } else {
        longer(low, rest)?
    };
    let (part, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    (found == tag).then_some(part)
}

/// A length of more than one byte, the first of which is given, and what is behind it.
fn longer(low: u8, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = usize::from(low & 0x7f);
    for shift in [7, 14, 21] {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((length, rest));
        }
    }
    None
}

/// Numbers beyond 2^63 - 1 are written as 2^63 - 1, as everywhere on a record.
fn whole(number: u64) -> u64 {
    number.min(i64::MAX.cast_unsigned())
}

/// What the canonical bytes have that is no attribute of an unsealed log form.
enum Merged {
    Seq,
    Service,
    SpanId,
    Time,
    TraceId,
}

// Tags of length-delimited fields: the number, then three bits that are 2.
const ATTRIBUTE: u8 = (log::ATTRIBUTES << 3 | 2) as u8;
const KEY: u8 = (log::KEY << 3 | 2) as u8;
const VALUE: u8 = (log::VALUE << 3 | 2) as u8;
const STRING: u8 = (log::STRING_VALUE << 3 | 2) as u8;
const ITEM: u8 = (log::ARRAY_VALUES << 3 | 2) as u8;

/// In canonical order.
const MERGED: [(&str, Merged); 5] = [
    (attribute::STREAM_SEQ.name, Merged::Seq),
    (attribute::SERVICE_NAME.name, Merged::Service),
    (attribute::SPAN_ID.name, Merged::SpanId),
    (attribute::TIME.name, Merged::Time),
    (attribute::TRACE_ID.name, Merged::TraceId),
];
const DERIVED: [&str; 3] = [
    attribute::TIME_TO_FIRST_CHUNK.name,
    attribute::COST_USD.name,
    attribute::LATENCY_MS.name,
];
/// Room for what is merged in, usually enough; growing would do no harm.
const MERGED_BYTES: usize = 512;
const MAC_PREFIX: &str = "hmac-sha256:";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::attribute::Role;
    use crate::record::keyring::Keyring;
    use crate::record::testing::{any_record, full_call};
    use crate::record::{AuditRecord, StreamPosition, Timestamp};
    use crate::semconv::LogForm;

    fn derived(record: &AuditRecord, seq: u64) -> Vec<u8> {
        let mut form = LogForm::default();
        form.write(record);
        let mut out = b"what was there before".to_vec();
        let service = record.envelope.service.as_ref();
        assert!(write_canonical(form.as_bytes(), service, seq, &mut out));
        out
    }

    #[test]
    fn the_canonical_bytes_of_a_full_call_are_those_that_are_frozen() {
        let record = full_call();
        let seq = record.envelope.position.unwrap().seq;
        assert_eq!(derived(&record, seq), canonical::bytes(&record));
    }

    #[test]
    fn what_is_left_out_and_merged_is_what_the_table_says() {
        let named = |role| {
            let rows = attribute::TABLE.iter().filter(move |row| row.role == role);
            rows.map(|row| row.name)
        };
        assert!(named(Role::Derived).eq(DERIVED));
        let merged = MERGED.iter().map(|(name, _)| *name);
        assert!(merged.skip(1).eq(named(Role::Native)));
    }

    #[test]
    fn a_seal_is_the_number_and_the_text_of_the_code() {
        let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
        let mut mac = keys.authenticate();
        mac.update(b"bytes");
        let mac = mac.finish();
        assert_eq!(&keys.code(b"bytes"), mac.value());
        let (mut sealed, mut expected) = (Vec::new(), Vec::new());
        write_seal(
            &mut sealed,
            300,
            keys.mac_key().as_str(),
            &keys.code(b"bytes"),
        );
        for (name, value) in [
            (attribute::STREAM_SEQ.name, crate::record::Value::Int(300)),
            (
                attribute::MAC.name,
                crate::record::Value::Text(&mac.to_string()),
            ),
        ] {
            log::write_attribute(&mut expected, name, value);
        }
        assert_eq!(sealed, expected);
    }

    proptest! {
        #[test]
        fn the_canonical_bytes_come_from_the_log_form_as_from_the_record(mut record in any_record(), seq: u64) {
            // Whatever is sealed has its stream's name in the log form.
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
            let mut form = LogForm::default();
            form.write(&full_call());
            let mut damaged = form.as_bytes().to_vec();
            let at = at.index(damaged.len());
            damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
            let _ = write_canonical(&damaged, Some(&Label::clip("billing")), seq, &mut out);
        }
    }
}
