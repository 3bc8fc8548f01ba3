//! The start form: what is written when a call begins, so that a call whose end is never seen leaves a record.
//!
//! The rows of the few fields that make the call's record together with the constants of a call that was begun and not
//! ended, in the order of the table:
//!
//! `gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.request.model`, `llm_audit.action`,
//! `llm_audit.parent_span_id`, `llm_audit.record.id`, `llm_audit.tenant`, `span_id`, `time_unix_nano`, `trace_id`,
//! `user.hash`.
//!
//! The user stands in it as a keyed hash, the narrowest form that any rule could choose. [`decode_start`] adds the
//! constants: kind `call`, status `unknown` with the reason `end_not_recorded`, no usage and no cost, sanitization
//! skipped. It never leaves the process: the version is that of the spool's frames.

use crate::record::attribute;
use crate::record::rows::{self, RowForm};
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

impl StartRef<'_> {
    /// Replaces what the buffer holds by the start form.
    pub(crate) fn write(&self, out: &mut RowForm) {
        out.begin();
        let mut text = |row, text: Option<&str>| {
            if let Some(text) = text {
                out.text(row, text);
            }
        };
        text(&attribute::OPERATION_NAME, Some(self.operation.as_str()));
        text(&attribute::PROVIDER_NAME, self.provider.map(Label::as_str));
        text(&attribute::REQUEST_MODEL, self.model.map(Label::as_str));
        text(&attribute::ACTION, Some(self.action.as_str()));
        if let Some(parent) = self.trace.and_then(|trace| trace.parent_span_id) {
            out.hex(&attribute::PARENT_SPAN_ID, parent.as_bytes());
        }
        out.uuid(&attribute::RECORD_ID, self.record_id.as_bytes());
        if let Some(tenant) = self.tenant {
            out.text(&attribute::TENANT, tenant.as_str());
        }
        if let Some(trace) = &self.trace {
            out.hex(&attribute::SPAN_ID, trace.span_id.as_bytes());
        }
        out.int(&attribute::TIME, self.time.unix_nanos());
        if let Some(trace) = &self.trace {
            out.hex(&attribute::TRACE_ID, trace.trace_id.as_bytes());
        }
        if let Some(hash) = &self.user_hash {
            out.hash(&attribute::USER_HASH, hash);
        }
    }
}

/// The record of a call of which only the start was seen.
///
/// # Errors
/// [`RecordError`] where the bytes are no start form.
pub(crate) fn decode_start(
    start: &[u8],
    service: Option<&Label>,
) -> Result<AuditRecord, RecordError> {
    let mut fields = rows::fields(start)?;
    if let Some(service) = service {
        let service = OwnedValue::Text(service.as_str().to_owned());
        fields.insert(attribute::SERVICE_NAME.name, service);
    }
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
        let mut form = RowForm::default();
        start.write(&mut form);
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
        assert!(decode_start(b"\xff", None).is_err());
    }
}
