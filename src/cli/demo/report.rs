//! What a run is told as: tables for people, or one JSON object with the same facts.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::ledger::Ledger;
use super::totals::{self, Totals};
use crate::cli::rows::{self, Cell, Format, Printer, Row};
use crate::emit::json_lines::columns::walk_columns;
use crate::record::AuditRecord;

/// What there is to tell.
pub(super) struct Report<'a> {
    pub(super) calls: &'a [&'a AuditRecord],
    pub(super) ledger: &'a Ledger,
    /// The data directory, where it is kept.
    pub(super) kept: Option<&'a Path>,
    /// What kept calls from being audited.
    pub(super) faults: &'a [String],
}

impl Report<'_> {
    /// Tables and sentences.
    pub(super) fn print_tables(&self, out: &mut impl Write) -> anyhow::Result<()> {
        table(out, self.calls.iter().map(|call| short(call)))?;
        writeln!(out)?;
        let all = Totals::of(self.calls.iter().copied());
        let mut models = by("requested_model", self.by_model());
        models.push(totals_row(
            "requested_model",
            Cell::Text("all".into()),
            &all,
        ));
        table(out, models)?;
        writeln!(out)?;
        table(out, by("user", self.by_user()))?;
        writeln!(out)?;
        for (name, value, remark) in self.counts() {
            writeln!(out, "{name:<22}{value:>6}{remark}")?;
        }
        writeln!(out)?;
        for check in &self.ledger.checks {
            let found = match check.faults {
                0 => "ok".to_owned(),
                faults => format!("NOT SO: {faults} found"),
            };
            writeln!(out, "{:<55}{found}", check.claim)?;
        }
        for fault in self.faults {
            writeln!(out, "not audited: {fault}")?;
        }
        writeln!(out)?;
        self.print_files(out)
    }

    /// One JSON object.
    pub(super) fn print_json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let calls = self.calls.iter().map(|call| complete(call)).collect();
        let all = Totals::of(self.calls.iter().copied());
        let members = [
            ("calls", array(calls)),
            ("by_model", array(by("requested_model", self.by_model()))),
            ("by_user", array(by("user", self.by_user()))),
            ("total", rows::object(&numbers(&all))),
            ("ledger", rows::object(&self.ledger_row())),
            ("checks", rows::object(&self.checks_row())),
            ("faults", serde_json::to_string(self.faults)?),
            ("data_dir", serde_json::to_string(&self.kept)?),
        ];
        let members = members.map(|(name, json)| format!("\"{name}\":{json}"));
        writeln!(out, "{{{}}}", members.join(",\n"))?;
        Ok(())
    }

    fn by_model(&self) -> BTreeMap<Option<String>, Totals> {
        Totals::by(self.calls.iter().copied(), totals::requested_model)
    }

    fn by_user(&self) -> BTreeMap<Option<String>, Totals> {
        Totals::by(self.calls.iter().copied(), totals::user)
    }

    fn counts(&self) -> [(&'static str, u64, String); 5] {
        let ledger = self.ledger;
        let kinds = format!(
            "  (calls {}, changes {}, accesses {}, system {})",
            ledger.received_calls,
            ledger.received_changes,
            ledger.received_accesses,
            ledger.received_system
        );
        [
            ("calls made", ledger.calls, String::new()),
            ("records spooled", ledger.spooled, String::new()),
            ("log records received", ledger.logs, kinds),
            ("spans received", ledger.spans, String::new()),
            ("lost", ledger.lost, String::new()),
        ]
    }

    fn ledger_row(&self) -> Row {
        let ledger = self.ledger;
        let counts = [
            ("calls_made", ledger.calls),
            ("records_spooled", ledger.spooled),
            ("logs_received", ledger.logs),
            ("spans_received", ledger.spans),
            ("calls_received", ledger.received_calls),
            ("changes_received", ledger.received_changes),
            ("accesses_received", ledger.received_accesses),
            ("system_received", ledger.received_system),
            ("lost", ledger.lost),
        ];
        counts.map(|(name, count)| (name, number(count))).into()
    }

    fn checks_row(&self) -> Row {
        let checks = self.ledger.checks.iter();
        checks
            .map(|check| (check.name, number(check.faults)))
            .collect()
    }

    fn print_files(&self, out: &mut impl Write) -> anyhow::Result<()> {
        match self.kept {
            Some(path) => {
                let path = path.display();
                writeln!(
                    out,
                    "The records are kept in {path} as JSON lines, with the keyring that verifies them:"
                )?;
                writeln!(out, "  llm-audit query calls --data-dir {path}")?;
            }
            None => {
                writeln!(out, "Nothing of this is kept. To keep it, and look at it:")?;
                writeln!(out, "  llm-audit demo --data-dir ./demo-data --exit")?;
                writeln!(out, "  llm-audit query calls --data-dir ./demo-data")?;
            }
        }
        Ok(())
    }
}

fn table(out: &mut impl Write, rows: impl IntoIterator<Item = Row>) -> anyhow::Result<()> {
    let mut printer = Printer::new(Format::Table, out);
    rows.into_iter().try_for_each(|row| printer.row(&row))?;
    printer.finish()
}

fn array(rows: Vec<Row>) -> String {
    let objects: Vec<String> = rows.iter().map(rows::object).collect();
    format!("[\n{}\n]", objects.join(",\n"))
}

/// All columns of a call, under the names that the JSON lines have.
fn complete(call: &AuditRecord) -> Row {
    let mut row = Row::new();
    walk_columns(call, &mut |name, column| row.push((name, column.into())));
    row
}

/// The columns of a call that people look at first.
fn short(call: &AuditRecord) -> Row {
    let all = complete(call);
    let columns = SHORT.iter().filter_map(|(name, short)| {
        let (_, cell) = all.iter().find(|(own, _)| own == name)?;
        Some((*short, shortened(name, cell.clone())))
    });
    columns.collect()
}

fn shortened(name: &str, cell: Cell) -> Cell {
    match cell {
        // The day is today; the rest of the nanoseconds tells people nothing.
        Cell::Text(time) if name == "timestamp" => {
            Cell::Text(time.get(11..23).unwrap_or(&time).to_owned())
        }
        // Ids of one moment begin alike.
        Cell::Text(id) if name == "request_id" => {
            let end = id.len().saturating_sub(12);
            Cell::Text(format!("\u{2026}{}", id.get(end..).unwrap_or(&id)))
        }
        cell => cell,
    }
}

fn by(key: &'static str, totals: BTreeMap<Option<String>, Totals>) -> Vec<Row> {
    let rows = totals.iter();
    rows.map(|(name, totals)| totals_row(key, Cell::text(name.as_deref()), totals))
        .collect()
}

fn totals_row(key: &'static str, name: Cell, totals: &Totals) -> Row {
    let mut row = vec![(key, name)];
    row.extend(numbers(totals));
    row
}

fn numbers(totals: &Totals) -> Row {
    let cost = totals.cost.map(|cost| Cell::Number(cost.to_string()));
    vec![
        ("calls", number(totals.calls)),
        ("input_tokens", number(totals.input_tokens)),
        ("output_tokens", number(totals.output_tokens)),
        ("cost_usd", cost.unwrap_or(Cell::Absent)),
        ("unpriced", number(totals.unpriced)),
    ]
}

fn number(count: u64) -> Cell {
    Cell::Number(count.to_string())
}

/// Columns of the table of calls, and their names there.
const SHORT: [(&str, &str); 10] = [
    ("timestamp", "time"),
    ("user_id", "user"),
    ("model", "model"),
    ("action", "action"),
    ("status", "status"),
    ("input_tokens", "in"),
    ("output_tokens", "out"),
    ("cost_usd", "cost usd"),
    ("latency_ms", "ms"),
    ("request_id", "record id"),
];
