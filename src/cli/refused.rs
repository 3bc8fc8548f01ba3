//! `llm-audit refused`: what a receiver refused for good, with its words.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::rows::{Cell, Format, Printer, Row};
use super::trail::warn;
use crate::clock::Clock;
use crate::emit::sender::{DeadLetter, dead_letters};
use crate::emit::spool::Frame;
use crate::record::RecordId;

/// Print the records that a receiver refused for good, with its words
///
/// They are kept in the dead letter of the data directory; the exit code is 1 where there are any.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit refused --data-dir llm-audit-data")]
pub(super) struct Refused {
    /// The data directory of the application
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How they are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Refused {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        if !self.data_dir.is_dir() {
            anyhow::bail!(
                "{} is no directory: name the application's data directory",
                self.data_dir.display()
            );
        }
        let found = dead_letters(&self.data_dir.join("dead-letter"), &Clock::system());
        let mut printer = Printer::new(self.format, out);
        for letter in &found.letters {
            printer.row(&row(letter))?;
        }
        printer.finish()?;
        for path in &found.unread {
            warn(format_args!(
                "{} could not be read to its end: it is in use, or damaged",
                path.display()
            ));
        }
        for (path, words) in &found.barred {
            warn(format_args!(
                "{} could not be read: {words}",
                path.display()
            ));
        }
        let nothing =
            found.letters.is_empty() && found.unread.is_empty() && found.barred.is_empty();
        Ok(if nothing { Exit::Done } else { Exit::Finding })
    }
}

fn row(letter: &DeadLetter) -> Row {
    let id = Frame::read(&letter.payload).and_then(|frame| RecordId::from_bytes(frame.record_id));
    vec![
        ("refused", Cell::Text(letter.refused.to_string())),
        ("signal", Cell::Text(letter.signal.as_str().to_owned())),
        ("code", Cell::Number(letter.code.to_string())),
        (
            "record_id",
            id.map_or(Cell::Absent, |id| Cell::Text(id.to_string())),
        ),
        ("words", Cell::Text(letter.words.clone())),
    ]
}
