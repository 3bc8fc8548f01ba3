//! Writing a line.

use std::fmt;
use std::io::Write as _;

use super::columns::{Column, walk_columns};
use crate::record::{AuditRecord, Mac, canonical};

/// Appends the line of a record, its newline included.
pub(super) fn write_line(out: &mut Vec<u8>, record: &AuditRecord, mac: &Mac) {
    write_line_of(out, record, &canonical::bytes(record), mac);
}

/// Appends the line of a record whose canonical bytes are there.
pub(super) fn write_line_of(out: &mut Vec<u8>, record: &AuditRecord, canonical: &[u8], mac: &Mac) {
    put(
        out,
        format_args!(r#"{{"v":{VERSION},"kind":"{}","#, record.body.kind()),
    );
    walk_columns(record, &mut |name, column| {
        put(out, format_args!(r#""{name}":"#));
        write_column(out, column);
        out.push(b',');
    });
    put(out, format_args!(r#""mac":"{mac}","record":"#));
    out.extend_from_slice(canonical);
    out.extend_from_slice(b"}\n");
}

/// Appends the JSON value of a column.
fn write_column(out: &mut Vec<u8>, column: Column<'_>) {
    match column {
        Column::Absent => out.extend_from_slice(b"null"),
        Column::Count(count) => put(out, format_args!("{count}")),
        // In valid JSON a line break is white space between tokens: inside a string it would not have been taken.
        Column::Json(json) => out.extend(
            json.as_str()
                .bytes()
                .filter(|byte| !matches!(byte, b'\n' | b'\r' | b'\t')),
        ),
        Column::Text(text) => {
            serde_json::to_writer(out, text).expect("a text has a JSON form and memory takes it");
        }
        Column::Usd(amount) => put(out, format_args!("{amount}")),
    }
}

fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to memory does not fail");
}

/// Version of the line format.
pub(super) const VERSION: u64 = 1;
