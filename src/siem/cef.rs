//! ArcSight Common Event Format, version 0.
//!
//! `CEF:0|llm-audit|llm-audit|VERSION|EVENT|NAME|SEVERITY|key=value key=value …`. The header holds fixed words only. In
//! values a backslash, an equals sign and line breaks are written `\\`, `\=`, `\n` and `\r`; other characters that are not
//! shown become `<U+001B>`; white space at a value's ends is dropped, since readers take it for the space between fields.
//! Severity is 3, 5, 7 or 10. Lengths are those of the ArcSight extension dictionary, in bytes as written.

use std::fmt::Write as _;

use super::fact::{end, facts};
use super::hidden::{push_visible, push_within};
use super::place::Place;
use super::{Format, PRODUCT, PRODUCT_VERSION, VENDOR, event_id, event_name, scaled};
use crate::record::{AuditRecord, Mac};

pub(super) fn write(record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
    let severity = scaled(record, [3, 5, 7, 10]);
    let (event, name) = (event_id(record), event_name(record));
    let mut line = format!("CEF:0|{VENDOR}|{PRODUCT}|{PRODUCT_VERSION}|{event}|{name}|{severity}|");
    for fact in facts(record, mac) {
        let Place::At(place) = fact.places.of(Format::Cef) else {
            continue;
        };
        let (key, label) = place
            .split_once(':')
            .map_or((place, None), |(key, label)| (key, Some(label)));
        let value = fact.value.text();
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        if let Some(label) = label {
            push_field(&format!("{key}Label"), label, &mut line);
        }
        push_field(key, value, &mut line);
    }
    push_field("end", &end(record).unix_millis().to_string(), &mut line);
    out.extend_from_slice(line.trim_end().as_bytes());
}

fn push_field(key: &str, value: &str, line: &mut String) {
    // Writing to a String does not fail.
    let _ = write!(line, "{key}=");
    push_within(longest(key), value, line, |c, line| match c {
        '\\' => line.push_str("\\\\"),
        '=' => line.push_str("\\="),
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        c => push_visible(c, line),
    });
    line.push(' ');
}

/// The longest value of a key.
fn longest(key: &str) -> usize {
    match key {
        "externalId" => 40,
        "act" | "outcome" => 63,
        "deviceExternalId" => 255,
        "cs1" | "cs2" | "cs3" | "cs4" | "cs5" | "cs6" => 4000,
        _ => 1023,
    }
}
