//! A LiteLLM price map made into a price table.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use crate::pricing::Imported;

/// Make a price table of a LiteLLM price map, and print it
///
/// Members without a price that a call could be billed by are left out, and counted on the standard error stream; so are
/// those with no price but 0, which the map also says of what nobody looked up. The built-in table is made this way.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit price import model_prices_and_context_window.json --provider openai --provider anthropic \\
    --version 2026-11-12 --valid-from 2026-11-12 > prices.json")]
pub(super) struct Import {
    /// The map: model_prices_and_context_window.json
    file: PathBuf,
    /// Keep the models of this provider only; may stand several times
    #[arg(long)]
    provider: Vec<String>,
    /// Take this model as free where all its prices are 0, by its name without the provider; may stand several times
    #[arg(long, value_name = "MODEL")]
    free: Vec<String>,
    /// What the table calls itself by, instead of the digest of the map
    #[arg(long)]
    version: Option<String>,
    /// Where the map is from, for the table's `source`
    #[arg(long, value_name = "TEXT")]
    origin: Option<String>,
    /// The day from which on the prices are known, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    valid_from: Option<String>,
}

impl Import {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let named = || self.file.display().to_string();
        let text = fs::read_to_string(&self.file).with_context(named)?;
        let mut imported = Imported::read(&text).with_context(named)?;
        imported.keep_free(&self.free);
        if !self.provider.is_empty() {
            imported.keep_providers(&self.provider);
        }
        if let Some(version) = &self.version {
            imported.set_version(version);
        }
        if let Some(origin) = &self.origin {
            imported.set_origin(origin);
        }
        if let Some(day) = &self.valid_from {
            imported.set_valid_from(day).context("--valid-from")?;
        }
        write!(out, "{}", imported.to_json())?;
        let (models, skipped) = (imported.models(), imported.skipped());
        // A count for people; the table is whole without it.
        let _ = writeln!(
            io::stderr(),
            "{models} models; {skipped} members of the map have no price that a call could be billed by, or none but 0"
        );
        Ok(Exit::Done)
    }
}
