//! What changed from one price table to another.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::rows::{Cell, Format, Printer};
use super::{Exit, list, table_of};
use crate::pricing::PriceTable;

/// Print what is not the same in two price tables
///
/// The exit code is 1 where anything is not.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit price diff builtin model_prices_and_context_window.json")]
pub(super) struct Diff {
    /// A price table or a LiteLLM price map, or the word builtin
    before: PathBuf,
    /// A price table or a LiteLLM price map, or the word builtin
    after: PathBuf,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Diff {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let (before, after) = (named_table(&self.before)?, named_table(&self.after)?);
        let changes = before.changes(&after);
        let mut printer = Printer::new(self.format, out);
        let cell = |price: Option<String>| price.map_or(Cell::Absent, Cell::Number);
        let any = !changes.is_empty();
        for change in changes {
            let mut row = list::named(&change.price);
            row.push(("before", cell(change.before)));
            row.push(("after", cell(change.after)));
            printer.row(&row)?;
        }
        printer.finish()?;
        Ok(if any { Exit::Finding } else { Exit::Done })
    }
}

fn named_table(name: &Path) -> anyhow::Result<PriceTable> {
    if name.as_os_str() == "builtin" {
        return Ok(PriceTable::builtin());
    }
    table_of(name)
}
