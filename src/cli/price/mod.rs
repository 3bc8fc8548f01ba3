//! `llm-audit price`: what a call cost, and the prices that it is worked out with.

mod bill;
mod circumstances;
mod diff;
mod import;
mod list;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::Exit;
use crate::pricing::PriceTable;

/// Print the exact cost of a call from the usage that its provider reported
///
/// The cost is exact: nothing is rounded. What the provider states that the call cost is its cost. A model whose
/// price is not known, and a tier that nobody has, has no cost and a reason, never 0; the exit code is 1 then. A tier that the
/// model has no prices of its own for costs the standard price.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Example:
  llm-audit price --provider anthropic --model claude-sonnet-4-5 --usage '{\"input_tokens\": 1000, \"output_tokens\": 500}'
  llm-audit price --provider deepseek --model deepseek-v4-pro --usage '{\"prompt_tokens\": 1000, \"completion_tokens\": 500}' \\
    --context '{\"billing_time\": \"2026-11-22T02:30:00Z\"}' --format json
  llm-audit price list --provider openai --model gpt-5.4
  llm-audit price import model_prices_and_context_window.json > prices.json
  llm-audit price diff builtin prices.json"
)]
pub(super) struct Price {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bill: bill::Bill,
}

#[derive(Debug, Subcommand)]
enum Command {
    Diff(diff::Diff),
    Import(import::Import),
    List(list::List),
}

impl Price {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        match &self.command {
            Some(Command::Diff(diff)) => diff.run(out),
            Some(Command::Import(import)) => import.run(out),
            Some(Command::List(list)) => list.run(out),
            None => self.bill.run(out),
        }
    }
}

/// Prices in files that go over the built-in ones.
#[derive(Debug, Args)]
struct Overrides {
    /// Prices that go over the built-in ones, of a file: a price table, or a LiteLLM price map; the last one counts most
    #[arg(long, value_name = "FILE")]
    prices: Vec<PathBuf>,
}

impl Overrides {
    fn table(&self) -> anyhow::Result<PriceTable> {
        let builtin = PriceTable::builtin();
        self.prices.iter().try_fold(builtin, |table, file| {
            Ok(table.with_overrides(table_of(file)?))
        })
    }
}

/// The price table or price map in a file.
fn table_of(file: &Path) -> anyhow::Result<PriceTable> {
    let named = || file.display().to_string();
    let text = fs::read_to_string(file).with_context(named)?;
    PriceTable::read(&text).with_context(named)
}
