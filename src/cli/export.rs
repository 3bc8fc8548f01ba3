//! `llm-audit export`: the records of a data directory in the format of a SIEM.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::Exit;
use super::rows::{self, Printer, Row};
use super::trail::{Trail, count};
use super::wanted::Wanted;
use super::when::When;
use crate::clock::Clock;
use crate::emit::json_lines::columns::walk_columns;
use crate::emit::json_lines::day::Day;
use crate::emit::json_lines::read::StoredRecord;
use crate::record::{Status, Timestamp};
use crate::siem::{self, Framing};

/// Print the records of a data directory in the format of a SIEM
///
/// One record a line, in the order of the files. The format jsonl has the lines of the audit files with their
/// authentication codes; csv has the columns of one kind. Totals go to the standard error stream.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit export --data-dir llm-audit-data --format ocsf --since 24h > calls.json
  llm-audit export --data-dir llm-audit-data --format csv --kind change > changes.csv
  llm-audit export --data-dir llm-audit-data --format syslog | ncat --ssl-verify siem.example 6514")]
pub(super) struct Export {
    /// The directory that holds audit_YYYY-MM-DD.jsonl
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// How syslog messages follow each other; lengths before them unless told otherwise
    #[arg(long, value_enum)]
    framing: Option<Frames>,
    /// Only records that began then or later: an instant, a day (UTC), or so long ago (24h, 7d)
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only records that began before: an instant or so long ago; a day counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Only records of this kind
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only records of this user: the identifier, or its keyed hash as `llm-audit hash --field user` gives it
    #[arg(long)]
    user: Option<String>,
    /// Only calls of this model, as asked for or as it answered
    #[arg(long)]
    model: Option<String>,
    /// Only calls that ended so
    #[arg(long, value_parser = super::wanted::status())]
    status: Option<Status>,
    /// End with exit code 1 when a line is no record
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Microsoft Sentinel ASIM audit events, JSON
    Asim,
    /// ArcSight Common Event Format
    Cef,
    /// Comma-separated values of one kind, with a head line; formulas are made harmless
    Csv,
    /// Elastic Common Schema, JSON
    Ecs,
    /// Splunk HTTP Event Collector, JSON
    Hec,
    /// The lines of the audit files
    Jsonl,
    /// QRadar Log Event Extended Format 2.0
    Leef,
    /// Open Cybersecurity Schema Framework 1.8.0, JSON
    Ocsf,
    /// RFC 5424 messages
    Syslog,
    /// Google SecOps Unified Data Model, JSON
    Udm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Frames {
    /// A newline behind each message
    Newline,
    /// The length in bytes before each message (RFC 5425, RFC 6587)
    OctetCounting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Logins, denials, and reads and exports of the trail
    Access,
    /// Calls of models
    Call,
    /// Changes of users, keys, roles and configuration
    Change,
    /// What happened to the trail itself
    System,
}

impl Export {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        self.check()?;
        let wanted = self.wanted(Clock::system().now());
        let last = wanted
            .until
            .map_or(Timestamp::from_unix_nanos(u64::MAX), |until| {
                Timestamp::from_unix_nanos(until.unix_nanos().saturating_sub(1))
            });
        let mut trail = Trail::open(&self.data_dir, Day::from(wanted.since)..=Day::from(last))?;
        let mut found = 0;
        let mut take = |each: &mut dyn FnMut(&StoredRecord) -> anyhow::Result<()>| {
            while let Some(stored) = trail.next()? {
                if wanted.takes(&stored.record) {
                    each(&stored)?;
                    found += 1;
                    tell_progress(found);
                }
            }
            anyhow::Ok(())
        };
        if self.format == Format::Csv {
            let mut printer = Printer::new(rows::Format::Csv, out);
            take(&mut |stored| {
                let mut row = Row::new();
                walk_columns(&stored.record, &mut |name, column| {
                    row.push((name, column.into()));
                });
                printer.row(&row)
            })?;
            printer.finish()?;
        } else {
            let mut line = Vec::new();
            take(&mut |stored| {
                line.clear();
                self.write(stored, &mut line);
                Ok(out.write_all(&line)?)
            })?;
        }
        out.flush()?;
        tell_totals(&trail, found);
        let broken = self.strict && trail.skipped() > 0;
        Ok(if broken { Exit::Finding } else { Exit::Done })
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.format == Format::Csv && self.kind.is_none() {
            bail!("csv has the columns of one kind: give --kind call, change, access or system");
        }
        if self.framing.is_some() && self.format != Format::Syslog {
            bail!("--framing is for --format syslog: other formats end each record with a newline");
        }
        Ok(())
    }

    fn wanted(&self, now: Timestamp) -> Wanted<'_> {
        let earliest = Timestamp::from_unix_nanos(0);
        Wanted {
            kind: self.kind.map(Kind::as_str),
            user: self.user.as_deref(),
            model: self.model.as_deref(),
            status: self.status,
            since: self.since.map_or(earliest, |when| when.first(now)),
            until: self.until.map(|when| when.end(now)),
        }
    }

    /// Appends a record with what ends it.
    fn write(&self, stored: &StoredRecord, line: &mut Vec<u8>) {
        let Some(format) = self.format.siem() else {
            return stored.write_line(line);
        };
        let mut record = Vec::new();
        format.write(&stored.record, Some(&stored.mac), &mut record);
        let framing = match (format, self.framing) {
            (siem::Format::Syslog, None | Some(Frames::OctetCounting)) => Framing::OctetCounting,
            _ => Framing::Newline,
        };
        framing.write(&record, line);
    }
}

impl Format {
    /// The format of a SIEM, if it is one.
    fn siem(self) -> Option<siem::Format> {
        Some(match self {
            Self::Asim => siem::Format::Asim,
            Self::Cef => siem::Format::Cef,
            Self::Ecs => siem::Format::Ecs,
            Self::Hec => siem::Format::Hec,
            Self::Leef => siem::Format::Leef,
            Self::Ocsf => siem::Format::Ocsf,
            Self::Syslog => siem::Format::Syslog,
            Self::Udm => siem::Format::Udm,
            Self::Csv | Self::Jsonl => return None,
        })
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Call => "call",
            Self::Change => "change",
            Self::System => "system",
        }
    }
}

/// So that long work shows that it goes on.
fn tell_progress(found: u64) {
    if found.is_multiple_of(PROGRESS) {
        let _ = writeln!(io::stderr(), "{found} records so far");
    }
}

fn tell_totals(trail: &Trail, found: u64) {
    // The records are out; a closed stream takes nothing from them.
    let _ = writeln!(
        io::stderr(),
        "{}, {} skipped, {} dropped",
        count(found, "record"),
        count(trail.skipped(), "line"),
        count(trail.duplicates(), "duplicate"),
    );
}

/// Records between two signs of life.
const PROGRESS: u64 = 100_000;
