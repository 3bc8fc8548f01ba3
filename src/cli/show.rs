//! `llm-audit show`: one record, complete, and whether its code verifies.

use std::io::Write;
use std::ops::Bound;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::rows::{self, Cell, Format, Printer, Row};
use super::trail::{Trail, count, warn};
use super::{Exit, keyring_file};
use crate::RecordId;
use crate::emit::json_lines::day::Day;
use crate::emit::json_lines::read::StoredRecord;
use crate::record::keyring::{KeyPurpose, Keyring};
use crate::record::{Timestamp, Value};

/// Show one record with all its fields, and whether it verifies
///
/// A record verifies when its authentication code was made with a key of the keyring over the very bytes in the file.
/// Without --keyring, keyring.json of the data directory is taken where it is there. Ends with exit code 1 when the record
/// is not there, or does not verify with the keyring. Two keyrings may name different keys alike, since a key's id tells its day only: the
/// keyring has to be the one of the application.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit show 0193cdb1-0d3c-7c02-9c5a-1f2e3d4c5b6a --data-dir llm-audit-data --keyring keyring.json")]
pub(super) struct Show {
    /// The record's id, which is the request id
    record_id: RecordId,
    /// The directory that holds audit_YYYY-MM-DD.jsonl
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The keyring to verify with
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Names and values for people.
    Table,
    /// One JSON object: record_id, verification, mac, record.
    Json,
}

/// What is known of a record's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verification {
    Failed,
    NotChecked,
    UnknownKey,
    Verified,
}

impl Show {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let Some(stored) = self.find()? else {
            return Ok(Exit::Finding);
        };
        let verification = match self.keys()? {
            None => Verification::NotChecked,
            Some(keys) => Verification::of(&stored, &keys),
        };
        match self.format {
            Form::Table => print_table(out, &stored, verification)?,
            Form::Json => writeln!(out, "{}", rows::object(&members(&stored, verification)))?,
        }
        Ok(match verification {
            Verification::NotChecked | Verification::Verified => Exit::Done,
            Verification::Failed | Verification::UnknownKey => Exit::Finding,
        })
    }

    /// Looks where the id says that it was made first, then everywhere else.
    fn find(&self) -> anyhow::Result<Option<StoredRecord>> {
        let made = Timestamp::from_unix_nanos(self.unix_millis().saturating_mul(1_000_000));
        let made = Day::from(made);
        let ranges = [
            (Bound::Included(made), Bound::Included(made)),
            (Bound::Excluded(made), Bound::Unbounded),
            (Bound::Unbounded, Bound::Excluded(made)),
        ];
        let mut skipped = 0;
        for range in ranges {
            let mut trail = Trail::open(&self.data_dir, range)?;
            if let Some(found) = self.find_in(&mut trail)? {
                return Ok(Some(found));
            }
            skipped += trail.skipped();
        }
        warn(format_args!(
            "no record {} in {}; {} skipped",
            self.record_id,
            self.data_dir.display(),
            count(skipped, "line"),
        ));
        Ok(None)
    }

    fn find_in(&self, trail: &mut Trail) -> anyhow::Result<Option<StoredRecord>> {
        while let Some(stored) = trail.next()? {
            if stored.record.envelope.record_id == self.record_id {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    fn keys(&self) -> anyhow::Result<Option<Keyring>> {
        let beside = self.data_dir.join("keyring.json");
        match &self.keyring {
            Some(path) => keyring_file::load(path).map(Some),
            None if beside.exists() => keyring_file::load(&beside).map(Some),
            None => Ok(None),
        }
    }

    /// The time that a UUID of version 7 begins with.
    fn unix_millis(&self) -> u64 {
        let bytes = self.record_id.as_bytes();
        bytes[..6]
            .iter()
            .fold(0, |time, byte| time << 8 | u64::from(*byte))
    }
}

impl Verification {
    fn of(stored: &StoredRecord, keys: &Keyring) -> Self {
        let known = keys
            .keys()
            .iter()
            .any(|key| key.purpose() == KeyPurpose::Mac && key.id() == stored.mac.key());
        match (known, stored.verifies(keys)) {
            (_, true) => Self::Verified,
            (true, false) => Self::Failed,
            (false, false) => Self::UnknownKey,
        }
    }

    /// For programs.
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
            Self::UnknownKey => "unknown_key",
            Self::Verified => "verified",
        }
    }

    /// For people.
    fn sentence(self, key: &str) -> String {
        match self {
            Self::Failed => {
                format!(
                    "DOES NOT VERIFY with key {key}: this keyring has another key of the same id, or the record or its code is not as it was made"
                )
            }
            Self::NotChecked => "not checked: no keyring was given".to_owned(),
            Self::UnknownKey => format!("cannot be verified: key {key} is not in the keyring"),
            Self::Verified => format!("verified with key {key}"),
        }
    }
}

fn print_table(
    out: &mut impl Write,
    stored: &StoredRecord,
    verification: Verification,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(Format::Table, out);
    let mut line = |name: &str, value: Cell| {
        let name = Cell::Text(name.to_owned());
        printer.row(&vec![("field", name), ("value", value)])
    };
    line("time", Cell::Text(stored.record.envelope.time.to_string()))?;
    let mut fields = Vec::new();
    stored
        .record
        .walk(&mut |name, _, value| fields.push((name.to_owned(), cell(value))));
    for (name, value) in fields {
        line(&name, value)?;
    }
    line("llm_audit.mac", Cell::Text(stored.mac.to_string()))?;
    let sentence = verification.sentence(stored.mac.key().as_str());
    line("verification", Cell::Text(sentence))?;
    printer.finish()
}

fn cell(value: Value<'_>) -> Cell {
    Cell::Text(match value {
        Value::Double(number) => number.to_string(),
        Value::Flag => "true".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.to_owned(),
        Value::Texts(texts) => {
            let texts: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
            texts.join(", ")
        }
    })
}

fn members(stored: &StoredRecord, verification: Verification) -> Row {
    vec![
        (
            "record_id",
            Cell::Text(stored.record.envelope.record_id.to_string()),
        ),
        ("verification", Cell::Text(verification.name().to_owned())),
        ("mac", Cell::Text(stored.mac.to_string())),
        ("record", Cell::Json(stored.canonical().to_owned())),
    ]
}
