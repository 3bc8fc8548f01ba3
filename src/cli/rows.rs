//! Rows, printed as a table for people, or for programs.

use std::io::Write;

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use super::escape;
use crate::emit::json_lines::columns::Column;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns for people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a head line; formulas are made harmless.
    Csv,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// Nothing: unknown, or none.
    Absent,
    /// A JSON value, as text without line breaks.
    Json(String),
    /// A number, as digits.
    Number(String),
    /// A text, as it is.
    Text(String),
}

/// A row: names and cells; all rows of one printer have the same names.
pub(super) type Row = Vec<(&'static str, Cell)>;

/// Prints rows as they come, or at the end where that takes all of them.
pub(super) struct Printer<'a, W: Write> {
    form: Form<'a, W>,
    rows: u64,
}

enum Form<'a, W: Write> {
    Csv(Box<csv::Writer<&'a mut W>>),
    Json(&'a mut W),
    Jsonl(&'a mut W),
    Table(Box<Table>, &'a mut W),
}

impl<'a, W: Write> Printer<'a, W> {
    pub(super) fn new(format: Format, out: &'a mut W) -> Self {
        let form = match format {
            Format::Csv => {
                let quoted = csv::QuoteStyle::NonNumeric;
                let writer = csv::WriterBuilder::new()
                    .quote_style(quoted)
                    .from_writer(out);
                Form::Csv(Box::new(writer))
            }
            Format::Json => Form::Json(out),
            Format::Jsonl => Form::Jsonl(out),
            Format::Table => {
                let mut table = Box::new(Table::new());
                table.load_style(presets::NOTHING);
                Form::Table(table, out)
            }
        };
        Self { form, rows: 0 }
    }

    pub(super) fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let first = self.rows == 0;
        self.rows += 1;
        match &mut self.form {
            Form::Csv(writer) => {
                if first {
                    writer.write_record(row.iter().map(|(name, _)| *name))?;
                }
                writer.write_record(row.iter().map(|(_, cell)| cell.csv()))?;
            }
            Form::Json(out) => {
                let before = if first { "[" } else { "," };
                write!(out, "{before}\n{}", object(row))?;
            }
            Form::Jsonl(out) => writeln!(out, "{}", object(row))?,
            Form::Table(table, _) => {
                if first {
                    table.set_header(row.iter().map(|(name, _)| name.to_uppercase()));
                }
                table.add_row(row.iter().map(|(_, cell)| cell.terminal()));
                for (at, (_, cell)) in row.iter().enumerate() {
                    align(table, at, cell);
                }
            }
        }
        Ok(())
    }

    /// Ends the output.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self.form {
            Form::Csv(mut writer) => writer.flush()?,
            Form::Json(out) if self.rows == 0 => writeln!(out, "[]")?,
            Form::Json(out) => writeln!(out, "\n]")?,
            Form::Jsonl(_) => {}
            Form::Table(table, out) if self.rows > 0 => writeln!(out, "{}", table.trim_fmt())?,
            Form::Table(..) => {}
        }
        Ok(())
    }
}

/// Columns of numbers stand on the right.
fn align(table: &mut Table, at: usize, cell: &Cell) {
    if let (Cell::Number(_), Some(column)) = (cell, table.column_mut(at)) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// The row as a JSON object, on one line.
pub(super) fn object(row: &Row) -> String {
    let members: Vec<String> = row
        .iter()
        .map(|(name, cell)| format!("\"{name}\":{}", cell.json()))
        .collect();
    format!("{{{}}}", members.join(","))
}

impl Cell {
    /// A text, or nothing.
    pub(super) fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text.to_owned()))
    }

    fn json(&self) -> String {
        match self {
            Self::Absent => "null".to_owned(),
            Self::Json(text) | Self::Number(text) => escape::json(text).into_owned(),
            Self::Text(text) => {
                let written = serde_json::Value::from(text.as_str()).to_string();
                escape::json(&written).into_owned()
            }
        }
    }

    fn csv(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Number(digits) => digits.clone(),
            Self::Json(text) | Self::Text(text) => escape::csv(text).into_owned(),
        }
    }

    fn terminal(&self) -> String {
        match self {
            Self::Absent => "-".to_owned(),
            Self::Json(text) | Self::Number(text) | Self::Text(text) => {
                escape::terminal(text).into_owned()
            }
        }
    }
}

impl From<Column<'_>> for Cell {
    fn from(column: Column<'_>) -> Self {
        match column {
            Column::Absent => Self::Absent,
            Column::Count(count) => Self::Number(count.to_string()),
            Column::Json(json) => Self::Json(json.as_str().replace(['\n', '\r', '\t'], "")),
            Column::Text(text) => Self::Text(text.to_owned()),
            Column::Usd(amount) => Self::Number(amount.to_string()),
        }
    }
}
