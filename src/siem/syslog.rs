//! RFC 5424 syslog messages, all in structured data.
//!
//! `<PRI>1 TIMESTAMP - llm-audit - KIND [llm_audit@32473 name="value" …] KIND.OUTCOME`. The facility is 13 (log audit),
//! the severity 6, 4, 3 or 2. The timestamp has six decimals, which are the most that the RFC allows. In values `"`, `\`
//! and `]` stand behind a backslash; characters that are not shown, line breaks among them, become `<U+000A>`. Values end
//! after 1,024 bytes, and where a message is longer than 8,000 bytes the last ones end earlier or are left out: receivers
//! should take 8,192 (RFC 5425, section 4.3.1), and some, rsyslog among them unless told otherwise, take what is beyond
//! that for a message of its own, which a value could then make up. Receivers must take 480 bytes and should take 2,048, so
//! what identifies and proves a record comes first. 32473 is the enterprise number that RFC 5612 reserves for documentation: this project has none of
//! its own.

use std::fmt::Write as _;

use super::fact::{end, facts};
use super::hidden::{push_visible, push_within};
use super::place::Place;
use super::{Format, event_id, scaled};
use crate::record::{AuditRecord, Mac};

/// How syslog messages follow each other in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A newline behind each message (RFC 6587, section 3.4.2).
    Newline,
    /// The length in bytes and a space before each message (RFC 5425; RFC 6587, section 3.4.1).
    OctetCounting,
}

impl Framing {
    /// Appends a message in its frame.
    pub fn write(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Newline => {
                out.extend_from_slice(message);
                out.push(b'\n');
            }
            Self::OctetCounting => {
                out.extend_from_slice(format!("{} ", message.len()).as_bytes());
                out.extend_from_slice(message);
            }
        }
    }
}

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let priority = LOG_AUDIT * 8 + scaled(record, [6, 4, 3, 2]);
    let time = end(record).to_string();
    let time = time.get(..MICROSECONDS).unwrap_or(&time);
    let kind = record.body.kind();
    let tail = format!("] {}", event_id(record));
    let mut line = format!("<{priority}>1 {time}Z - llm-audit - {kind} [{STRUCTURED_DATA}");
    for fact in facts(record, mac) {
        let Place::At(name) = fact.places.of(Format::Syslog) else {
            continue;
        };
        let around = format!(" {name}=\"\"").len();
        let room = LONGEST_MESSAGE.saturating_sub(line.len() + around + tail.len());
        if room < SHORTEST {
            continue;
        }
        // Writing to a String does not fail.
        let _ = write!(line, " {name}=\"");
        push_within(
            LONGEST.min(room),
            &fact.value.text(),
            &mut line,
            |c, line| match c {
                '"' | '\\' | ']' => line.extend(['\\', c]),
                c => push_visible(c, line),
            },
        );
        line.push('"');
    }
    line.push_str(&tail);
    out.extend_from_slice(line.as_bytes());
}

/// The facility "log audit".
const LOG_AUDIT: u8 = 13;
/// Length of an instant with six decimals, without its zone.
const MICROSECONDS: usize = "2026-11-22T10:00:00.000000".len();
/// Name of the structured data, with an enterprise number.
const STRUCTURED_DATA: &str = "llm_audit@32473";
/// The longest value, in bytes.
const LONGEST: usize = 1024;
/// The longest message, in bytes, its frame apart.
const LONGEST_MESSAGE: usize = 8000;
/// With less room than this a value is left out.
const SHORTEST: usize = 16;
