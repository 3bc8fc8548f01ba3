//! A line, read.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::emit::json_lines::line::{VERSION, write_line_of};
use crate::record::keyring::Keyring;
use crate::record::{AuditRecord, DigestError, Mac, RecordError, canonical};

/// A record as a line holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRecord {
    /// The record.
    pub(crate) record: AuditRecord,
    /// Its authentication code, unchecked.
    pub(crate) mac: Mac,
    canonical: Box<str>,
}

impl StoredRecord {
    /// Reads a line, with or without its newline.
    pub(crate) fn read(line: &[u8]) -> Result<Self, LineFault> {
        let text = std::str::from_utf8(line).map_err(|error| LineFault::Malformed {
            column: error.valid_up_to() + 1,
        })?;
        let members: Members<'_> =
            serde_json::from_str(text).map_err(|error| LineFault::of_text(text, &error))?;
        if members.v != VERSION {
            return Err(LineFault::UnknownVersion {
                found: members.v,
                known: VERSION,
            });
        }
        let canonical = members.record.get();
        let (record, _) = canonical::parse(canonical)?;
        Ok(Self {
            record,
            mac: members.mac.parse()?,
            canonical: canonical.into(),
        })
    }

    /// The bytes that the code covers, as they stand in the line.
    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Appends the line, its newline included; what the code covers is as it was read, byte for byte.
    pub(crate) fn write_line(&self, out: &mut Vec<u8>) {
        write_line_of(out, &self.record, self.canonical.as_bytes(), &self.mac);
    }

    /// Whether the record, byte for byte as the line holds it, is what a holder of one of the keys has written.
    pub(crate) fn verifies(&self, keys: &Keyring) -> bool {
        keys.verifies(&self.mac, self.canonical.as_bytes())
    }
}

/// Why a line is no record. Says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LineFault {
    /// The record's id was there before, with other content.
    #[error("its record id was read before, with other content")]
    Conflict,
    /// Its code has not the form of one.
    #[error("its mac is {0}")]
    Mac(#[from] DigestError),
    /// It is no JSON object with the members of a line.
    #[error("not a line of an audit file (column {column})")]
    Malformed {
        /// Column of the first fault, from 1, in bytes.
        column: usize,
    },
    /// What it holds is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is longer than any record.
    #[error("{length} bytes where at most {limit} are a line")]
    TooLong {
        /// Its length, in bytes.
        length: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The file ends in the middle of it.
    #[error("it has no end: it is being written, or was cut by a crash")]
    Unfinished,
    /// It was written by a later version of this program.
    #[error("version {found} where version {known} is known: use a newer llm-audit")]
    UnknownVersion {
        /// What the line says.
        found: u64,
        /// What is read here.
        known: u64,
    },
}

impl LineFault {
    /// The fault of a text whose members could not be taken: of another version, or not of this format at all.
    fn of_text(text: &str, error: &serde_json::Error) -> Self {
        match serde_json::from_str::<Version>(text) {
            Ok(Version { v }) if v != VERSION => Self::UnknownVersion {
                found: v,
                known: VERSION,
            },
            _ => Self::Malformed {
                // 0 where the text is empty.
                column: error.column().max(1),
            },
        }
    }
}

/// What readers take of a line.
#[derive(Deserialize)]
struct Members<'a> {
    v: u64,
    mac: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}
