//! The prices of a table, one a row.

use std::io::Write;

use clap::Args;

use super::super::rows::{Cell, Format, Printer, Row};
use super::{Exit, Overrides};
use crate::pricing::ListedPrice;

/// Print the prices that calls are billed by
///
/// In US dollars: of a million tokens, of a second (audio_time), or of a piece (image, search_unit, web_search,
/// grounded_prompt); uplifts are factors.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit price list --provider anthropic --model claude-opus-5")]
pub(super) struct List {
    /// Of this provider only, by any of its names
    #[arg(long)]
    provider: Option<String>,
    /// Of models whose name has this in it
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl List {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let table = self.overrides.table()?;
        let mut printer = Printer::new(self.format, out);
        for price in table.list() {
            let provider = self.provider.as_deref();
            let of_provider = provider.is_none_or(|name| price.is_of_provider(name));
            let model = self.model.as_deref().unwrap_or("");
            if of_provider && price.model.contains(model) {
                let mut row = named(&price);
                row.push(("price", Cell::Number(price.price)));
                printer.row(&row)?;
            }
        }
        printer.finish()?;
        Ok(Exit::Done)
    }
}

/// What a price is of.
pub(super) fn named(price: &ListedPrice) -> Row {
    let above = price.above_tokens;
    let above = above.map_or(Cell::Absent, |tokens| Cell::Number(tokens.to_string()));
    vec![
        ("provider", Cell::Text(price.provider.clone())),
        ("model", Cell::Text(price.model.clone())),
        ("class", Cell::Text(price.class.clone())),
        ("above_tokens", above),
        ("item", Cell::Text(price.item.clone())),
        ("valid_from", Cell::text(price.valid_from.as_deref())),
    ]
}
