//! The documentation of where each field stands, made from the table that writers use.

use std::fmt::Write as _;

use super::Format;
use super::place::{PLACES, Place};

/// Where each field of a record stands in each format, as a table in Markdown.
#[must_use]
pub fn field_map() -> String {
    let mut table = String::from("| field |");
    let formats = [
        (Format::Ocsf, "OCSF 1.8.0"),
        (Format::Ecs, "ECS"),
        (Format::Cef, "CEF"),
        (Format::Leef, "LEEF 2.0"),
        (Format::Syslog, "RFC 5424"),
        (Format::Hec, "Splunk HEC"),
        (Format::Asim, "ASIM"),
        (Format::Udm, "UDM"),
    ];
    // Writing to a String does not fail.
    for (_, name) in formats {
        let _ = write!(table, " {name} |");
    }
    let _ = writeln!(table, "\n|{}", "---|".repeat(formats.len() + 1));
    for row in PLACES {
        let _ = write!(table, "| `{}` |", row.field);
        for (format, _) in formats {
            let _ = match (row.of(format), format.home()) {
                (Place::At(path), _) => write!(table, " `{path}` |"),
                (Place::Home, Some(home)) => write!(table, " in `{home}` |"),
                (Place::Home, None) | (Place::Nowhere, _) => write!(table, " – |"),
            };
        }
        table.push('\n');
    }
    table
}
