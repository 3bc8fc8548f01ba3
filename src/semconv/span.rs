//! The span view: an OTLP `Span` made from the row form of a call.
//!
//! Name `{operation} {model}`, kind CLIENT, start and end from time and duration, status ERROR with the masked message
//! where the call failed and unset otherwise (OpenTelemetry: never OK by an instrumentation). Attributes are those of
//! the log form, byte for byte, but for `llm_audit.parent_span_id`, which is a field of a span, and for what a span shows
//! only where a rule says so, or not where one says so: see [`SpanPart`].

use super::attributes::Attributes;
use super::facts::Facts;
use super::log;
use super::seal::Seal;
use super::wire::Write as _;
use crate::record::attribute::{self, Attribute};

/// Parts of a record that its span shows or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SpanPart {
    /// `llm_audit.error.message` and the message of the status; shown unless said.
    ErrorText = 1 << 7,
    /// `gen_ai.input.messages`.
    Input = 1 << 4,
    /// `gen_ai.output.messages`.
    Output = 1 << 5,
    /// `gen_ai.system_instructions`.
    SystemPrompt = 1 << 3,
    /// `gen_ai.tool.definitions`.
    Tools = 1 << 6,
    /// `user.hash`; shown unless said.
    UserHash = 1 << 2,
    /// `user.id`.
    UserId = 1 << 1,
}

impl SpanPart {
    /// The part that a row is.
    fn of(row: &Attribute) -> Option<Self> {
        let numbered =
            |(part, own): &(&Attribute, Self)| (part.number == row.number).then_some(*own);
        PARTS.iter().find_map(numbered)
    }
}

/// Which parts of its record a span shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanShows(u8);

impl SpanShows {
    /// The user's hash and the error's text, and no content.
    pub const DEFAULT: Self = Self(SpanPart::UserHash as u8 | SpanPart::ErrorText as u8);

    /// The same, and this part shown.
    #[must_use]
    pub const fn showing(self, part: SpanPart) -> Self {
        Self(self.0 | part as u8)
    }

    /// The same, and this part not shown.
    #[must_use]
    pub const fn hiding(self, part: SpanPart) -> Self {
        Self(self.0 & !(part as u8))
    }

    /// Whether this part is shown.
    #[must_use]
    pub const fn shows(self, part: SpanPart) -> bool {
        self.0 & part as u8 != 0
    }

    /// Bits 1 to 7, each set where its part is not as in [`DEFAULT`](Self::DEFAULT).
    pub(crate) const fn to_bits(self) -> u8 {
        self.0 ^ Self::DEFAULT.0
    }

    /// What [`to_bits`](Self::to_bits) said; bit 0 says nothing.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self((bits & !1) ^ Self::DEFAULT.0)
    }
}

/// A span in a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct SpanForm {
    /// What stands before the attributes.
    head: Vec<u8>,
    /// The attributes, what stands behind them, and what is left of longer ones.
    bytes: Vec<u8>,
    length: usize,
}

impl SpanForm {
    /// Replaces what the buffer holds by the `Span` message of the call whose row form is given. False where there is none:
    /// the record is no call, or has no place in a trace. Then what the buffer holds means nothing.
    pub(crate) fn write_rows(&mut self, rows: &[u8], seal: &Seal<'_>, shows: SpanShows) -> bool {
        let mut attributes = Attributes::of_span(&mut self.bytes);
        let facts = attributes.write_rows(rows, |row| {
            row.number != attribute::PARENT_SPAN_ID.number
                && SpanPart::of(row).is_none_or(|part| shows.shows(part))
        });
        let complete = |facts: &Facts<'_>| {
            facts.trace_id.len() == 16 && facts.span_id.len() == 8 && !facts.operation.is_empty()
        };
        let Some(facts) = facts.filter(complete) else {
            return false;
        };
        attributes.write_seal(seal);
        self.head.clear();
        if facts.failed() {
            let message = facts.error_message;
            write_status(
                &mut self.head,
                message.filter(|_| shows.shows(SpanPart::ErrorText)),
            );
        }
        self.head.fixed32_field(FLAGS, log::SAMPLED);
        attributes.write_bytes(&self.head);
        self.length = attributes.end();
        self.write_head(&facts);
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

    /// The bytes of the `Span` message, in two pieces.
    pub(crate) fn pieces(&self) -> [&[u8]; 2] {
        [&self.head, &self.bytes[..self.length]]
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

const PARTS: [(&Attribute, SpanPart); 7] = [
    (&attribute::INPUT_MESSAGES, SpanPart::Input),
    (&attribute::OUTPUT_MESSAGES, SpanPart::Output),
    (&attribute::SYSTEM_INSTRUCTIONS, SpanPart::SystemPrompt),
    (&attribute::TOOL_DEFINITIONS, SpanPart::Tools),
    (&attribute::ERROR_MESSAGE, SpanPart::ErrorText),
    (&attribute::USER_HASH, SpanPart::UserHash),
    (&attribute::USER_ID, SpanPart::UserId),
];

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
