//! The records of a data directory, and what is told about those that cannot be read.

use std::io::{self, Write as _};
use std::ops::RangeBounds;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::emit::json_lines::day::Day;
use crate::emit::json_lines::read::{LineError, Lines, StoredRecord, days, read_dir};

/// The records of a data directory in the order of its files. Lines that are no record are told on the standard error
/// stream and counted.
#[derive(Debug)]
pub(super) struct Trail {
    lines: Lines,
    skipped: u64,
}

impl Trail {
    /// Opens the files of the days in `range`.
    pub(super) fn open(dir: &Path, range: impl RangeBounds<Day>) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read {}", dir.display());
        if days(dir).with_context(cannot)?.is_empty() {
            bail!(
                "no audit_YYYY-MM-DD.jsonl in {}: give the data directory that an application writes its JSON lines to",
                dir.display()
            );
        }
        Ok(Self {
            lines: read_dir(dir, range).with_context(cannot)?,
            skipped: 0,
        })
    }

    /// The next record.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<StoredRecord>> {
        loop {
            match self.lines.next() {
                None => return Ok(None),
                Some(Ok(stored)) => return Ok(Some(stored)),
                Some(Err(error @ LineError::Unreadable { .. })) => return Err(error.into()),
                Some(Err(error)) => self.skip(&error),
            }
        }
    }

    /// Lines so far that are no record.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Lines so far that repeat a record.
    pub(super) fn duplicates(&self) -> u64 {
        self.lines.duplicates()
    }

    fn skip(&mut self, error: &LineError) {
        self.skipped += 1;
        if self.skipped <= MOST_TOLD {
            warn(format_args!("{error}; skipped"));
        } else if self.skipped == MOST_TOLD + 1 {
            warn(format_args!(
                "more lines are skipped; they are counted only"
            ));
        }
    }
}

/// Tells something on the standard error stream.
pub(super) fn warn(what: std::fmt::Arguments<'_>) {
    // A closed stream is no reason not to go on.
    let _ = writeln!(io::stderr(), "warning: {what}");
}

/// A count with its noun: `1 line`, `2 lines`.
pub(super) fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Faults that are told one by one.
const MOST_TOLD: u64 = 10;
