//! QRadar Log Event Extended Format 2.0.
//!
//! `LEEF:2.0|llm-audit|llm-audit|VERSION|EVENT|x09|key=value<TAB>key=value …`. The header holds fixed words only. The
//! format has no escape for its delimiter, so line breaks and tabs in values become spaces and other characters that are
//! not shown `<U+001B>`; `llmEscaped=1` says that this happened. Values end after 1,024 bytes, JSON values of changes
//! after 4,000. Quotes and backslashes mean nothing in LEEF; a reader that gives them a meaning, as Tenzir's does, may take
//! several fields for one where a value holds a single quote. Times are milliseconds since 1970.

use std::fmt::Write as _;

use super::fact::{end, facts};
use super::hidden::{is_hidden, push_visible, push_within};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR, event_id, scaled};
use crate::record::{AuditRecord, Mac};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let event = event_id(record);
    let severity = scaled(record, [3, 5, 7, 10]);
    let mut line = format!(
        "LEEF:2.0|{VENDOR}|{PRODUCT}|{PRODUCT_VERSION}|{event}|x09|devTime={}\tsev={severity}",
        end(record).unix_millis()
    );
    let mut escaped = false;
    for fact in facts(record, mac) {
        let Place::At(key) = fact.places.of(Format::Leef) else {
            continue;
        };
        let value = fact.value.text();
        if key == "devTime" || value.is_empty() {
            continue;
        }
        escaped |= value.contains(is_hidden);
        // Writing to a String does not fail.
        let _ = write!(line, "\t{key}=");
        push_within(longest(key), &value, &mut line, |c, line| match c {
            '\t' | '\n' | '\r' => line.push(' '),
            c => push_visible(c, line),
        });
    }
    if escaped {
        line.push_str("\tllmEscaped=1");
    }
    out.extend_from_slice(line.as_bytes());
}

/// The longest value of a key, in bytes.
fn longest(key: &str) -> usize {
    match key {
        "oldValue" | "newValue" => 4000,
        _ => 1024,
    }
}
