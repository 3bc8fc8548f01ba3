//! The span view: an OTLP `Span` made from the row form of a call.
//!
//! Name `{operation} {model}`, kind CLIENT, start and end from time and duration, status ERROR with the masked message
//! where the call failed and unset otherwise (OpenTelemetry: never OK by an instrumentation). Attributes are those of
//! the log form, byte for byte, but for `llm_audit.parent_span_id`, which is a field of a span, and `user.id`, which a
//! span shows only where a rule says so; `user.hash` stands in for it.

use super::attributes::Attributes;
use super::facts::Facts;
use super::log;
use super::seal::Seal;
use super::wire::Write as _;
use crate::record::attribute;

/// Whether a span shows the user's identifier or only its keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanIdentity {
    /// `user.hash` only.
    Hashed,
    /// `user.id` too.
    Shown,
}

/// A span in a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct SpanForm {
    /// The form and what is left behind it of longer ones.
    bytes: Vec<u8>,
    length: usize,
    /// What stands before the attributes.
    head: Vec<u8>,
}

impl SpanForm {
    /// Replaces what the buffer holds by the `Span` message of the call whose row form is given. False where there is none:
    /// the record is no call, or has no place in a trace. Then what the buffer holds means nothing.
    pub(crate) fn write_rows(
        &mut self,
        rows: &[u8],
        seal: &Seal<'_>,
        identity: SpanIdentity,
    ) -> bool {
        let complete = |facts: &Facts<'_>| {
            facts.trace_id.len() == 16 && facts.span_id.len() == 8 && !facts.operation.is_empty()
        };
        let Some(facts) = Facts::read(rows).filter(complete) else {
            return false;
        };
        self.write_head(&facts);
        let mut attributes = Attributes::of_span(&mut self.bytes, &self.head);
        attributes.write_rows(rows, |row| {
            row.number != attribute::PARENT_SPAN_ID.number
                && (row.number != attribute::USER_ID.number || identity == SpanIdentity::Shown)
        });
        attributes.write_seal(seal);
        self.head.clear();
        if facts.failed() {
            write_status(&mut self.head, facts.error_message);
        }
        self.head.fixed32_field(FLAGS, log::SAMPLED);
        attributes.write_bytes(&self.head);
        self.length = attributes.end();
        true
    }

    fn write_head(&mut self, facts: &Facts<'_>) {
        let out = &mut self.head;
        out.clear();
        out.bytes_field(TRACE_ID, facts.trace_id);
        out.bytes_field(SPAN_ID, facts.span_id);
        if !facts.parent_span_id.is_empty() {
            out.bytes_field(PARENT_SPAN_ID, facts.parent_span_id);
        }
        let model = facts.request_model.unwrap_or_default();
        let space = usize::from(!model.is_empty());
        out.bytes_head(NAME, facts.operation.len() + space + model.len());
        out.extend_from_slice(facts.operation);
        out.extend_from_slice(&b" "[..space]);
        out.extend_from_slice(model);
        out.varint_field(KIND, KIND_CLIENT);
        out.fixed64_field(START_TIME, facts.time);
        let end = facts.time.saturating_add(facts.duration.unwrap_or(0));
        out.fixed64_field(END_TIME, end);
    }

    /// The bytes of the `Span` message.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn write_status(out: &mut Vec<u8>, message: Option<&[u8]>) {
    let mut status = Vec::new();
    if let Some(message) = message {
        status.bytes_field(STATUS_MESSAGE, message);
    }
    status.varint_field(STATUS_CODE, STATUS_ERROR);
    out.bytes_field(STATUS, &status);
}

// Field numbers of `Span` and `Status` (trace/v1/trace.proto).
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START_TIME: u32 = 7;
const END_TIME: u32 = 8;
pub(super) const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

const KIND_CLIENT: u64 = 3;
const STATUS_ERROR: u64 = 2;
