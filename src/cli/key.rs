//! `llm-audit key`: make, rotate and list the keys of a keyring.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};

use super::rows::{Cell, Format, Printer};
use super::{Exit, keyring_file};
use crate::clock::Clock;
use crate::record::KeyId;
use crate::record::keyring::{self, KeyPurpose, Keyring};

/// Make, rotate and list keys
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit key generate --out keyring.json
  llm-audit key rotate --keyring keyring.json --purpose hash")]
pub(super) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a keyring with one key of each purpose
    ///
    /// The file is made with mode 0600 and never overwritten. Its secrets are printed only where --out is a dash.
    #[command(after_help = "Example:\n  llm-audit key generate --out keyring.json")]
    Generate {
        /// The file to make; a dash is the standard output
        #[arg(long, value_name = "FILE", default_value = "keyring.json")]
        out: PathBuf,
    },
    /// List the keys, without their secrets
    #[command(after_help = "Example:\n  llm-audit key list --keyring keyring.json")]
    List {
        /// The keyring
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
        /// How they are printed
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Add a key and retire the one before it
    ///
    /// What the retired key has made is still found and verified with it.
    #[command(after_help = "Example:\n  llm-audit key rotate --keyring keyring.json --purpose mac")]
    Rotate {
        /// The keyring
        #[arg(long, value_name = "FILE")]
        keyring: PathBuf,
        /// What the key is for
        #[arg(long, value_enum)]
        purpose: Purpose,
    },
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// Hashes of content and identities.
    Hash,
    /// Authentication codes of records.
    Mac,
}

impl Key {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Generate { out: path } => generate(path, out)?,
            Action::List { keyring, format } => list(&keyring_file::load(keyring)?, *format, out)?,
            Action::Rotate { keyring, purpose } => rotate(keyring, *purpose, out)?,
        }
        Ok(Exit::Done)
    }
}

fn generate(path: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let clock = Clock::system();
    let keys = Keyring::generate(clock.now(), [clock.random(), clock.random()]);
    if path == Path::new("-") {
        return Ok(out.write_all(keys.to_file_text().as_bytes())?);
    }
    keyring_file::create(path, &keys)?;
    let ids: Vec<&str> = keys.keys().iter().map(|key| key.id().as_str()).collect();
    Ok(writeln!(
        out,
        "made {} with keys {}",
        path.display(),
        ids.join(", ")
    )?)
}

fn rotate(path: &Path, purpose: Purpose, out: &mut impl Write) -> anyhow::Result<()> {
    let clock = Clock::system();
    let keys = keyring_file::load(path)?;
    let now = clock.now();
    let id = free_id(&keys, &format!("{}-{}", purpose.name(), now.day()))?;
    let key = keyring::Key::new(id, purpose.into(), now, clock.random());
    let keys = keys.rotate(key)?;
    keyring_file::replace(path, &keys)?;
    Ok(writeln!(
        out,
        "{id} is the {} key of {} now",
        purpose.name(),
        path.display()
    )?)
}

/// The wanted id, with a number behind it where it is taken.
fn free_id(keys: &Keyring, wanted: &str) -> anyhow::Result<KeyId> {
    let taken = |id: &str| keys.keys().iter().any(|key| key.id().as_str() == id);
    let numbered = (2..=MOST_KEYS_A_DAY).map(|number| format!("{wanted}-{number}"));
    let free = std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|id| !taken(id));
    let id = free.with_context(|| format!("{MOST_KEYS_A_DAY} keys are of today already"))?;
    Ok(id.parse()?)
}

fn list(keys: &Keyring, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let mut printer = Printer::new(format, out);
    for key in keys.keys() {
        let retired = key.retired().map(|time| time.to_string());
        printer.row(&vec![
            ("id", Cell::Text(key.id().to_string())),
            (
                "purpose",
                Cell::Text(Purpose::from(key.purpose()).name().to_owned()),
            ),
            ("created", Cell::Text(key.created().to_string())),
            ("retired", Cell::text(retired.as_deref())),
        ])?;
    }
    printer.finish()
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Mac => "mac",
        }
    }
}

impl From<Purpose> for KeyPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Hash => Self::Hash,
            Purpose::Mac => Self::Mac,
        }
    }
}

impl From<KeyPurpose> for Purpose {
    fn from(purpose: KeyPurpose) -> Self {
        match purpose {
            KeyPurpose::Hash => Self::Hash,
            KeyPurpose::Mac => Self::Mac,
        }
    }
}

const MOST_KEYS_A_DAY: u32 = 1000;
