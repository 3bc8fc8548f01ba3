//! What the fields of OTLP messages are made from, picked out of the row form of a record.

use crate::record::attribute;
use crate::record::decimal;
use crate::record::rows::{Row, RowName, RowText, RowValue, Rows};
use crate::record::{AccessOutcome, Severity, Status, SystemEvent};

/// Some fields of a record. What it has not got is empty or absent.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) kind: &'a [u8],
    pub(super) time: u64,
    pub(super) duration: Option<u64>,
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
    pub(super) parent_span_id: &'a [u8],
    pub(super) status: &'a [u8],
    pub(super) error_message: Option<&'a [u8]>,
    pub(super) operation: &'a [u8],
    pub(super) request_model: Option<&'a [u8]>,
    response_model: Option<&'a [u8]>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cost: Option<&'a [u8]>,
    access_operation: &'a [u8],
    access_outcome: &'a [u8],
    access_resource: Option<&'a [u8]>,
    action: &'a [u8],
    object_id: &'a [u8],
    table_name: &'a [u8],
    event: &'a [u8],
}

impl<'a> Facts<'a> {
    /// Reads a row form; none where these are no bytes of one.
    pub(super) fn read(rows: &'a [u8]) -> Option<Self> {
        let mut facts = Self::default();
        for row in Rows::new(rows) {
            facts.take(&row.ok()?);
        }
        Some(facts)
    }

    /// Notes a field, where something is made from it.
    pub(super) fn take(&mut self, row: &Row<'a>) {
        let RowName::Row(name) = row.name else { return };
        match row.value {
            RowValue::Text(RowText::Plain(text)) => self.take_text(name.number, text),
            RowValue::Text(RowText::Hex(id)) => match name.number {
                TRACE_ID => self.trace_id = id,
                SPAN_ID => self.span_id = id,
                PARENT_SPAN_ID => self.parent_span_id = id,
                _ => {}
            },
            RowValue::Int(number) => match name.number {
                TIME => self.time = number,
                DURATION_NS => self.duration = Some(number),
                INPUT_TOKENS => self.input_tokens = Some(number),
                OUTPUT_TOKENS => self.output_tokens = Some(number),
                _ => {}
            },
            _ => {}
        }
    }

    fn take_text(&mut self, row: u8, text: &'a [u8]) {
        match row {
            KIND => self.kind = text,
            STATUS => self.status = text,
            ERROR_MESSAGE => self.error_message = Some(text),
            OPERATION_NAME => self.operation = text,
            REQUEST_MODEL => self.request_model = Some(text),
            RESPONSE_MODEL => self.response_model = Some(text),
            COST_EXACT => self.cost = Some(text),
            ACCESS_OPERATION => self.access_operation = text,
            ACCESS_OUTCOME => self.access_outcome = text,
            ACCESS_RESOURCE => self.access_resource = Some(text),
            ACTION => self.action = text,
            CHANGE_OBJECT_ID => self.object_id = text,
            CHANGE_TABLE_NAME => self.table_name = text,
            SYSTEM_EVENT => self.event = text,
            _ => {}
        }
    }

    /// [`AuditRecord::severity`](crate::record::AuditRecord::severity).
    pub(super) fn severity(&self) -> Severity {
        let (status, outcome) = (self.status, self.access_outcome);
        let is = |text: &[u8], name: &str| text == name.as_bytes();
        match self.kind {
            b"access" if is(outcome, AccessOutcome::Denied.as_str()) => Severity::Warn,
            b"access" if is(outcome, AccessOutcome::Failed.as_str()) => Severity::Error,
            b"call" if is(status, Status::Error.as_str()) => Severity::Error,
            b"call" if !is(status, Status::Success.as_str()) => Severity::Warn,
            b"system" if is(self.event, SystemEvent::Gap.as_str()) => Severity::Fatal,
            _ => Severity::Info,
        }
    }

    /// Whether the call failed.
    pub(super) fn failed(&self) -> bool {
        self.status == Status::Error.as_str().as_bytes()
    }

    /// Appends one line for people, and escapes the whole of `line`. It names no user, and control characters of names
    /// are escaped, so that no value can forge another line.
    pub(super) fn write_line(&self, line: &mut Vec<u8>) {
        match self.kind {
            b"access" => {
                push(line, b"access ", self.access_operation);
                if let Some(resource) = self.access_resource {
                    push(line, b" on ", resource);
                }
                push(line, b": ", self.access_outcome);
            }
            b"change" => {
                line.extend_from_slice(self.table_name);
                push(line, b" ", self.object_id);
                push(line, b" ", self.action);
            }
            b"system" => push(line, b"audit trail: ", self.event),
            _ => self.write_call_line(line),
        }
        // Bytes tell it without decoding, but for control characters beyond ASCII, which begin with 0xc2.
        let suspicious = |byte: &u8| *byte < 0x20 || *byte == 0x7f || *byte == 0xc2;
        if line.iter().any(suspicious) {
            let escaped: String = String::from_utf8_lossy(line)
                .chars()
                .flat_map(visible)
                .collect();
            *line = escaped.into_bytes();
        }
    }

    fn write_call_line(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(self.status);
        push(line, b" ", self.operation);
        if let Some(model) = self.response_model.or(self.request_model) {
            push(line, b" ", model);
        }
        let millis = self.duration.map(|nanos| nanos / 1_000_000);
        let push_int = |line: &mut Vec<u8>, before: &[u8], number: Option<u64>| {
            if let Some(number) = number {
                push(
                    line,
                    before,
                    decimal::encode(number, &mut [0; 20]).as_bytes(),
                );
            }
        };
        push_int(line, b" input=", self.input_tokens);
        push_int(line, b" output=", self.output_tokens);
        if let Some(cost) = self.cost {
            push(line, b" usd=", cost);
        }
        push_int(line, b" ms=", millis);
    }
}

fn push(line: &mut Vec<u8>, before: &[u8], text: &[u8]) {
    line.extend_from_slice(before);
    line.extend_from_slice(text);
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() {
        (Some(c.escape_default()), None)
    } else {
        (None, Some(c))
    };
    escaped.into_iter().flatten().chain(plain)
}

const ACCESS_OPERATION: u8 = attribute::ACCESS_OPERATION.number;
const ACCESS_OUTCOME: u8 = attribute::ACCESS_OUTCOME.number;
const ACCESS_RESOURCE: u8 = attribute::ACCESS_RESOURCE.number;
const ACTION: u8 = attribute::ACTION.number;
const CHANGE_OBJECT_ID: u8 = attribute::CHANGE_OBJECT_ID.number;
const CHANGE_TABLE_NAME: u8 = attribute::CHANGE_TABLE_NAME.number;
const COST_EXACT: u8 = attribute::COST_EXACT.number;
const DURATION_NS: u8 = attribute::DURATION_NS.number;
const ERROR_MESSAGE: u8 = attribute::ERROR_MESSAGE.number;
const INPUT_TOKENS: u8 = attribute::INPUT_TOKENS.number;
const KIND: u8 = attribute::KIND.number;
const OPERATION_NAME: u8 = attribute::OPERATION_NAME.number;
const OUTPUT_TOKENS: u8 = attribute::OUTPUT_TOKENS.number;
const PARENT_SPAN_ID: u8 = attribute::PARENT_SPAN_ID.number;
const REQUEST_MODEL: u8 = attribute::REQUEST_MODEL.number;
const RESPONSE_MODEL: u8 = attribute::RESPONSE_MODEL.number;
const SPAN_ID: u8 = attribute::SPAN_ID.number;
const STATUS: u8 = attribute::STATUS.number;
const SYSTEM_EVENT: u8 = attribute::SYSTEM_EVENT.number;
const TIME: u8 = attribute::TIME.number;
const TRACE_ID: u8 = attribute::TRACE_ID.number;
