//! From the bytes of a `LogRecord` back to the record.

use super::log;
use super::wire::{Field, Fields};
use crate::record::{
    self, AuditRecord, Label, Mac, OwnedValue, RecordError, SpanId, TraceId, attribute,
};

/// A record that was read from its log form.
#[derive(Debug)]
pub struct DecodedRecord {
    /// The record.
    pub record: AuditRecord,
    /// Its authentication code, unchecked.
    pub mac: Option<Mac>,
    /// Names of the attributes that are in no row of the attribute table.
    pub unknown: Vec<String>,
}

/// Reads a `LogRecord` message; `service` is the `service.name` of the resource that it came under.
///
/// # Errors
/// [`RecordError`] where the bytes are no protobuf or make up no record of this version.
pub fn decode(log_record: &[u8], service: Option<&Label>) -> Result<DecodedRecord, RecordError> {
    let parsed = fields_of(log_record, service)?.into_record()?;
    Ok(DecodedRecord {
        record: parsed.record,
        mac: parsed.mac,
        unknown: parsed.unknown,
    })
}

/// The fields of a `LogRecord` message.
pub(super) fn fields_of(
    log_record: &[u8],
    service: Option<&Label>,
) -> Result<record::Fields, RecordError> {
    let mut fields = record::Fields::default();
    if let Some(service) = service {
        fields.insert(
            attribute::SERVICE_NAME.name,
            OwnedValue::Text(service.as_str().to_owned()),
        );
    }
    let malformed = |offset| RecordError::Malformed {
        offset,
        length: log_record.len(),
    };
    for field in Fields::new(log_record) {
        let (number, value) = field.map_err(malformed)?;
        match (u32::try_from(number).unwrap_or(u32::MAX), value) {
            (log::TIME, Field::Fixed64(nanos)) => {
                let nanos = i64::try_from(nanos).map_err(|_| RecordError::Invalid {
                    name: attribute::TIME.name,
                })?;
                fields.insert(attribute::TIME.name, OwnedValue::Int(nanos));
            }
            (log::TRACE_ID, Field::Bytes(bytes)) if !bytes.is_empty() => {
                let id = bytes.try_into().ok().and_then(TraceId::from_bytes);
                let id = id.ok_or(RecordError::Invalid {
                    name: attribute::TRACE_ID.name,
                })?;
                fields.insert(attribute::TRACE_ID.name, OwnedValue::Text(id.to_string()));
            }
            (log::SPAN_ID, Field::Bytes(bytes)) if !bytes.is_empty() => {
                let id = bytes.try_into().ok().and_then(SpanId::from_bytes);
                let id = id.ok_or(RecordError::Invalid {
                    name: attribute::SPAN_ID.name,
                })?;
                fields.insert(attribute::SPAN_ID.name, OwnedValue::Text(id.to_string()));
            }
            (log::ATTRIBUTES, Field::Bytes(bytes)) => {
                let (key, value) = key_value(bytes).ok_or_else(|| malformed(0))?;
                if let Some(value) = value {
                    fields.insert(key, value);
                }
            }
            _ => {}
        }
    }
    Ok(fields)
}

/// The key of a `KeyValue` message and the bytes of its `AnyValue`.
pub(super) fn raw_key_value(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (mut key, mut any): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(bytes) {
        match field.ok()? {
            (1, Field::Bytes(text)) => key = text,
            (2, Field::Bytes(value)) => any = value,
            _ => {}
        }
    }
    Some((std::str::from_utf8(key).ok()?, any))
}

/// The text of an `AnyValue`, where it is one.
pub(super) fn text_value(any: &[u8]) -> Option<&str> {
    match any_value(any)? {
        (log::STRING_VALUE, Field::Bytes(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn any_value(any: &[u8]) -> Option<(u32, Field<'_>)> {
    let (number, field) = Fields::new(any).last()?.ok()?;
    Some((u32::try_from(number).ok()?, field))
}

/// The key and value; no value where it is of a kind that records do not have.
fn key_value(bytes: &[u8]) -> Option<(String, Option<OwnedValue>)> {
    let (key, any) = raw_key_value(bytes)?;
    let value = match any_value(any) {
        Some((log::STRING_VALUE, Field::Bytes(text))) => {
            Some(OwnedValue::Text(std::str::from_utf8(text).ok()?.to_owned()))
        }
        Some((log::BOOL_VALUE, Field::Varint(flag))) => Some(OwnedValue::Flag(flag != 0)),
        Some((log::INT_VALUE, Field::Varint(number))) => {
            Some(OwnedValue::Int(number.cast_signed()))
        }
        Some((log::DOUBLE_VALUE, Field::Fixed64(bits))) => {
            Some(OwnedValue::Double(f64::from_bits(bits)))
        }
        Some((log::ARRAY_VALUE, Field::Bytes(values))) => texts(values).map(OwnedValue::Texts),
        _ => None,
    };
    Some((key.to_owned(), value))
}

fn texts(array: &[u8]) -> Option<Vec<String>> {
    let texts = Fields::new(array).map(|field| match field.ok()? {
        (1, Field::Bytes(any)) => text_value(any).map(str::to_owned),
        _ => None,
    });
    texts.collect()
}
