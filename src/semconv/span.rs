//! The span view: an OTLP `Span` made from the bytes of a call's log form.
//!
//! Name `{operation} {model}`, kind CLIENT, start and end from time and duration, status ERROR with the masked message
//! where the call failed and unset otherwise (OpenTelemetry: never OK by an instrumentation). Attributes are those of
//! the log form, byte for byte, but for `llm_audit.parent_span_id`, which is a field of a span, and for what a span shows
//! only where a rule says so, or not where one says so: see [`SpanPart`].

use super::log;
use super::read::{int_value, raw_key_value, text_value};
use super::wire::{Field, Fields, Write as _};
use crate::record::attribute;

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
    /// The part that an attribute is.
    fn of_key(key: &[u8]) -> Option<Self> {
        let named = |(row, part): &(&attribute::Attribute, Self)| {
            (row.name.as_bytes() == key).then_some(*part)
        };
        PARTS.iter().find_map(named)
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

/// Appends the `Span` message of the call whose log form is given, with its [seal](super::write_seal) apart where that does
/// not stand in it yet. `false`, with `out` as it was, where there is none: the record is no call, or has no place in a
/// trace.
pub fn write_span(log_record: &[u8], seal: &[u8], shows: SpanShows, out: &mut Vec<u8>) -> bool {
    let Some(facts) = Facts::read(log_record) else {
        return false;
    };
    out.bytes_field(TRACE_ID, facts.trace_id);
    out.bytes_field(SPAN_ID, facts.span_id);
    let mut parent = [0; 8];
    if facts
        .parent
        .is_some_and(|digits| crate::record::hex::decode(digits, &mut parent))
    {
        out.bytes_field(PARENT_SPAN_ID, &parent);
    }
    let space = usize::from(!facts.model.is_empty());
    out.bytes_head(NAME, facts.operation.len() + space + facts.model.len());
    out.extend_from_slice(facts.operation.as_bytes());
    out.extend_from_slice(&b" "[..space]);
    out.extend_from_slice(facts.model.as_bytes());
    out.varint_field(KIND, KIND_CLIENT);
    out.fixed64_field(START_TIME, facts.time);
    out.fixed64_field(END_TIME, facts.time.saturating_add(facts.duration));
    let fields = Fields::new(log_record).chain(Fields::new(seal));
    for (number, field) in fields.flatten() {
        if let (true, Field::Bytes(bytes)) = (number == u64::from(log::ATTRIBUTES), field) {
            let hidden = key_of(bytes).is_none_or(|key| {
                key == attribute::PARENT_SPAN_ID.name.as_bytes()
                    || SpanPart::of_key(key).is_some_and(|part| !shows.shows(part))
            });
            if !hidden {
                out.bytes_field(ATTRIBUTES, bytes);
            }
        }
    }
    if facts.failed {
        let message = facts.message.filter(|_| shows.shows(SpanPart::ErrorText));
        write_status(out, message);
    }
    out.fixed32_field(FLAGS, log::SAMPLED);
    true
}

/// What the fields of a span are made from.
#[derive(Default)]
struct Facts<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent: Option<&'a str>,
    time: u64,
    duration: u64,
    operation: &'a str,
    model: &'a str,
    failed: bool,
    message: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn read(log_record: &'a [u8]) -> Option<Self> {
        let mut facts = Self::default();
        for field in Fields::new(log_record) {
            let (number, value) = field.ok()?;
            match (u32::try_from(number).ok()?, value) {
                (log::TIME, Field::Fixed64(nanos)) => facts.time = nanos,
                (log::TRACE_ID, Field::Bytes(bytes)) => facts.trace_id = bytes,
                (log::SPAN_ID, Field::Bytes(bytes)) => facts.span_id = bytes,
                (log::ATTRIBUTES, Field::Bytes(bytes)) => facts.take(bytes),
                _ => {}
            }
        }
        let complete =
            facts.trace_id.len() == 16 && facts.span_id.len() == 8 && !facts.operation.is_empty();
        complete.then_some(facts)
    }

    /// Reads the value of an attribute only where something is made of it: most are copied unread.
    fn take(&mut self, attribute: &'a [u8]) {
        let Some(key) = key_of(attribute) else { return };
        let any = || {
            raw_key_value(attribute)
                .map(|(_, any)| any)
                .unwrap_or_default()
        };
        let is = |row: &attribute::Attribute| key == row.name.as_bytes();
        if is(&attribute::OPERATION_NAME) {
            self.operation = text_value(any()).unwrap_or_default();
        } else if is(&attribute::REQUEST_MODEL) {
            self.model = text_value(any()).unwrap_or_default();
        } else if is(&attribute::DURATION_NS) {
            self.duration = int_value(any()).unwrap_or(0);
        } else if is(&attribute::STATUS) {
            self.failed = text_value(any()) == Some(crate::record::Status::Error.as_str());
        } else if is(&attribute::ERROR_MESSAGE) {
            self.message = text_value(any());
        } else if is(&attribute::PARENT_SPAN_ID) {
            self.parent = text_value(any());
        }
    }
}

/// The key of a `KeyValue` message, which every writer puts first.
fn key_of(key_value: &[u8]) -> Option<&[u8]> {
    match Fields::new(key_value).next()?.ok()? {
        (1, Field::Bytes(key)) => Some(key),
        _ => None,
    }
}

fn write_status(out: &mut Vec<u8>, message: Option<&str>) {
    let mut status = Vec::new();
    if let Some(message) = message {
        status.bytes_field(STATUS_MESSAGE, message.as_bytes());
    }
    status.varint_field(STATUS_CODE, STATUS_ERROR);
    out.bytes_field(STATUS, &status);
}

const PARTS: [(&attribute::Attribute, SpanPart); 7] = [
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
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;

const KIND_CLIENT: u64 = 3;
const STATUS_ERROR: u64 = 2;
