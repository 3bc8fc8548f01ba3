//! `llm-audit query`: records by user, model, status and time.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::rows::{Cell, Format, Printer, Row};
use super::trail::{Trail, count};
use super::wanted::Wanted;
use super::when::When;
use crate::clock::Clock;
use crate::emit::json_lines::columns::walk_columns;
use crate::emit::json_lines::day::Day;
use crate::record::{AuditRecord, Status, Timestamp};

/// Print the records of a data directory
///
/// The formats json, jsonl and csv have all columns under the names of the audit files; the table has a selection. Records
/// come in the order of the files; totals go to the standard error stream.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit query calls --data-dir llm-audit-data --user anna --since 24h --status error
  llm-audit query changes --data-dir llm-audit-data --since 2026-11-01 --format csv > changes.csv")]
pub(super) struct Query {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// Logins, denials, and reads and exports of the trail
    #[command(
        after_help = "Example:\n  llm-audit query access --data-dir llm-audit-data --since 7d"
    )]
    Access {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        user: User,
    },
    /// Calls of models
    #[command(
        after_help = "Example:\n  llm-audit query calls --data-dir llm-audit-data --model gpt-5 --since 2026-11-22 --format jsonl"
    )]
    Calls {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        user: User,
        /// Only calls of this model, as asked for or as it answered
        #[arg(long)]
        model: Option<String>,
        /// Only calls that ended so
        #[arg(long, value_parser = super::wanted::status())]
        status: Option<Status>,
    },
    /// Changes of users, keys, roles and configuration
    #[command(
        after_help = "Example:\n  llm-audit query changes --data-dir llm-audit-data --user carla --limit 20"
    )]
    Changes {
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        user: User,
    },
    /// What happened to the trail itself: starts, stops, gaps
    #[command(
        after_help = "Example:\n  llm-audit query system --data-dir llm-audit-data --since 7d"
    )]
    System {
        #[command(flatten)]
        scope: Scope,
    },
}

#[derive(Debug, Args)]
struct Scope {
    /// The directory that holds audit_YYYY-MM-DD.jsonl
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Only records that began then or later: an instant, a day (UTC), or so long ago (24h, 7d)
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only records that began before: an instant or so long ago; a day counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// How they are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// End with exit code 1 when a line is no record
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
struct User {
    /// Only records of this user: the identifier, or its keyed hash as `llm-audit hash --field user` gives it
    #[arg(long)]
    user: Option<String>,
}

impl Query {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let (scope, wanted) = self.subject.parts(Clock::system().now());
        let last = wanted
            .until
            .map_or(Timestamp::from_unix_nanos(u64::MAX), |until| {
                Timestamp::from_unix_nanos(until.unix_nanos().saturating_sub(1))
            });
        let mut trail = Trail::open(&scope.data_dir, Day::from(wanted.since)..=Day::from(last))?;
        let mut printer = Printer::new(scope.format, out);
        let limit = scope.limit.map_or(0, NonZeroUsize::get);
        let (mut found, mut kept) = (0, VecDeque::new());
        while let Some(stored) = trail.next()? {
            if !wanted.takes(&stored.record) {
                continue;
            }
            found += 1;
            let row = row(scope.format, &stored.record);
            if limit == 0 {
                printer.row(&row)?;
                continue;
            }
            if kept.len() == limit {
                kept.pop_front();
            }
            kept.push_back(row);
        }
        let shown = if limit == 0 { found } else { kept.len() as u64 };
        for row in &kept {
            printer.row(row)?;
        }
        printer.finish()?;
        out.flush()?;
        tell_totals(&trail, found, shown);
        let broken = scope.strict && trail.skipped() > 0;
        Ok(if broken { Exit::Finding } else { Exit::Done })
    }
}

impl Subject {
    fn parts(&self, now: Timestamp) -> (&Scope, Wanted<'_>) {
        let (kind, scope, user) = match self {
            Self::Access { scope, user } => ("access", scope, user.user.as_deref()),
            Self::Calls { scope, user, .. } => ("call", scope, user.user.as_deref()),
            Self::Changes { scope, user } => ("change", scope, user.user.as_deref()),
            Self::System { scope } => ("system", scope, None),
        };
        let (model, status) = match self {
            Self::Calls { model, status, .. } => (model.as_deref(), *status),
            _ => (None, None),
        };
        let earliest = Timestamp::from_unix_nanos(0);
        let wanted = Wanted {
            kind: Some(kind),
            user,
            model,
            status,
            since: scope.since.map_or(earliest, |when| when.first(now)),
            until: scope.until.map(|when| when.end(now)),
        };
        (scope, wanted)
    }
}

/// All columns for programs, a selection with clipped texts for people.
fn row(format: Format, record: &AuditRecord) -> Row {
    let mut row = Row::new();
    if format != Format::Table {
        walk_columns(record, &mut |name, column| row.push((name, column.into())));
        return row;
    }
    let mut places = Vec::new();
    walk_columns(record, &mut |name, column| {
        let place = SHORT.iter().position(|(own, _)| *own == name);
        places.extend(place.map(|place| (place, clip(name, column.into()))));
    });
    places.sort_by_key(|(place, _)| *place);
    row.extend(
        places
            .into_iter()
            .map(|(place, cell)| (SHORT[place].1, cell)),
    );
    row.push((
        "record id",
        Cell::Text(record.envelope.record_id.to_string()),
    ));
    row
}

fn clip(name: &str, cell: Cell) -> Cell {
    match cell {
        // Milliseconds are enough for people; the last character is the zone.
        Cell::Text(text) if matches!(name, "timestamp" | "updated_at") => {
            Cell::Text(format!("{}Z", text.get(..23).unwrap_or(&text)))
        }
        Cell::Json(text) | Cell::Text(text) if text.chars().count() > WIDEST => {
            let begin: String = text.chars().take(WIDEST - 1).collect();
            Cell::Text(format!("{begin}…"))
        }
        cell => cell,
    }
}

fn tell_totals(trail: &Trail, found: u64, shown: u64) {
    let last = if shown < found {
        format!(" (the last {shown} shown)")
    } else {
        String::new()
    };
    // The rows are out; a closed stream takes nothing from them.
    let _ = writeln!(
        io::stderr(),
        "{}{last}, {} skipped, {} dropped",
        count(found, "record"),
        count(trail.skipped(), "line"),
        count(trail.duplicates(), "duplicate"),
    );
}

/// Columns that the table has, in its order, and their names there.
const SHORT: [(&str, &str); 18] = [
    ("timestamp", "time"),
    ("updated_at", "time"),
    ("user_id", "user"),
    ("changed_by", "user"),
    ("model", "model"),
    ("action", "action"),
    ("status", "status"),
    ("input_tokens", "in"),
    ("output_tokens", "out"),
    ("cost_usd", "cost usd"),
    ("latency_ms", "latency ms"),
    ("table_name", "table"),
    ("object_id", "object"),
    ("operation", "operation"),
    ("resource", "resource"),
    ("outcome", "outcome"),
    ("event", "event"),
    ("detail", "detail"),
];
/// The widest text in a table, in characters.
const WIDEST: usize = 40;
