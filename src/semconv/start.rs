//! The start form: what is written when a call begins, so that a call whose end is never seen leaves a record.
//!
//! An OTLP `LogRecord` with the few fields that make the call's record together with the constants of a call that was
//! begun and not ended: `time_unix_nano`, `trace_id`, `span_id`, and of the attributes, in the order of the table,
//!
//! `gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.request.model`, `llm_audit.action`,
//! `llm_audit.parent_span_id`, `llm_audit.record.id`, `llm_audit.tenant`, `user.hash`.
//!
//! The user stands in it as a keyed hash, the narrowest form that any rule could choose. [`decode_start`] adds the
//! constants: kind `call`, status `unknown` with the reason `end_not_recorded`, no usage and no cost, sanitization
//! skipped. It never leaves the process: the version is that of the spool's frames.

use super::attributes::Attributes;
use super::log;
use super::read;
use super::wire::Write as _;
use crate::record::attribute;
use crate::record::{
    AuditRecord, KeyedHash, Label, OwnedValue, RecordError, RecordId, Sink as _, Timestamp,
    TraceContext,
};

/// What is known of a call when it begins.
#[derive(Debug, Clone)]
pub(crate) struct StartRef<'a> {
    pub(crate) record_id: RecordId,
    pub(crate) time: Timestamp,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) operation: &'a Label,
    pub(crate) action: Label,
    pub(crate) provider: Option<&'a Label>,
    pub(crate) model: Option<&'a Label>,
    pub(crate) tenant: Option<&'a Label>,
    pub(crate) user_hash: Option<KeyedHash>,
}

/// Appends what stands before the attributes.
pub(super) fn write_head(out: &mut Vec<u8>, start: &StartRef<'_>) {
    out.fixed64_field(log::TIME, start.time.unix_nanos());
    if let Some(trace) = &start.trace {
        out.bytes_field(log::TRACE_ID, trace.trace_id.as_bytes());
        out.bytes_field(log::SPAN_ID, trace.span_id.as_bytes());
    }
}

/// Writes the attributes.
pub(super) fn write_attributes(out: &mut Attributes<'_>, start: &StartRef<'_>) {
    let mut text = |row, text: Option<&str>| {
        if let Some(text) = text {
            out.text(row, text);
        }
    };
    let parent = start.trace.and_then(|trace| trace.parent_span_id);
    text(&attribute::OPERATION_NAME, Some(start.operation.as_str()));
    text(&attribute::PROVIDER_NAME, start.provider.map(Label::as_str));
    text(&attribute::REQUEST_MODEL, start.model.map(Label::as_str));
    text(&attribute::ACTION, Some(start.action.as_str()));
    let mut digits = [0; 16];
    text(
        &attribute::PARENT_SPAN_ID,
        parent.as_ref().map(|id| id.encode(&mut digits)),
    );
    text(
        &attribute::RECORD_ID,
        Some(start.record_id.encode(&mut [0; 36])),
    );
    text(&attribute::TENANT, start.tenant.map(Label::as_str));
    text(
        &attribute::USER_HASH,
        start.user_hash.as_ref().map(KeyedHash::as_str),
    );
}

/// The record of a call of which only the start was seen.
///
/// # Errors
/// [`RecordError`] where the bytes are no start form.
pub(crate) fn decode_start(
    start: &[u8],
    service: Option<&Label>,
) -> Result<AuditRecord, RecordError> {
    let mut fields = read::fields_of(start, service)?;
    for (row, text) in CONSTANTS {
        fields.insert(row.name, OwnedValue::Text((*text).to_owned()));
    }
    let schema = i64::try_from(attribute::VERSION).expect("the version is a small number");
    fields.insert(attribute::SCHEMA.name, OwnedValue::Int(schema));
    Ok(fields.into_record()?.record)
}

const CONSTANTS: &[(&attribute::Attribute, &str)] = &[
    (&attribute::COST_REASON, "no_usage"),
    (&attribute::COST_SOURCE, "none"),
    (&attribute::KIND, "call"),
    (&attribute::SANITIZATION_STATUS, "skipped"),
    (&attribute::STATUS, "unknown"),
    (&attribute::STATUS_REASON, "end_not_recorded"),
    (&attribute::USAGE_SOURCE, "none"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::full_call;
    use crate::record::{Body, Status};
    use crate::semconv::LogForm;

    #[test]
    fn a_start_becomes_the_record_of_a_call_of_unknown_outcome() {
        let full = full_call();
        let Body::Call(call) = &full.body else {
            panic!("a full call is a call")
        };
        let start = StartRef {
            record_id: full.envelope.record_id,
            time: full.envelope.time,
            trace: full.envelope.trace,
            operation: &call.operation,
            action: call.action.clone(),
            provider: call.provider.as_ref(),
            model: call.request.model.as_ref(),
            tenant: full.envelope.actor.tenant.as_ref(),
            user_hash: full.envelope.actor.user_hash,
        };
        let mut form = LogForm::default();
        form.write_start(&start);
        let record = decode_start(form.as_bytes(), full.envelope.service.as_ref()).unwrap();
        assert_eq!(record.envelope.record_id, full.envelope.record_id);
        assert_eq!(record.envelope.trace, full.envelope.trace);
        assert_eq!(record.envelope.service, full.envelope.service);
        assert_eq!(
            record.envelope.actor.user_hash,
            full.envelope.actor.user_hash
        );
        assert_eq!(record.envelope.actor.user_id, None);
        let Body::Call(recovered) = &record.body else {
            panic!("a start is that of a call")
        };
        assert_eq!(
            (&recovered.operation, &recovered.action),
            (&call.operation, &call.action)
        );
        assert_eq!(recovered.outcome.status, Status::Unknown);
        assert_eq!(
            recovered.outcome.reason,
            Some(Label::clip("end_not_recorded"))
        );
        // What the next hand writes is a whole record.
        form.write(&record);
        assert_eq!(
            super::super::decode(form.as_bytes(), full.envelope.service.as_ref())
                .unwrap()
                .record,
            record
        );
        assert!(decode_start(b"\x09", None).is_err());
    }
}
