//! `llm-audit hash`: a value as records have it, for look-ups.

use std::io::{self, Read as _, Write};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use zeroize::Zeroizing;

use super::{Exit, keyring_file};
use crate::record::{Content, HashField, HashForm, ShortUnkeyedHash};

/// Print the keyed hash of a value as records have it
///
/// The value comes from the standard input. JSON is hashed in its canonical form (jcs1), so that spacing and the order of
/// keys do not matter; other bytes are hashed as they come (raw1), so use `printf` rather than `echo`. A user, credential or error
/// is always taken as it comes, without a line end behind it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  printf anna@example.com | llm-audit hash --keyring keyring.json --field user
  llm-audit hash --keyring keyring.json --field input --all-keys < messages.json")]
pub(super) struct Hash {
    /// The keyring
    #[arg(long, value_name = "FILE")]
    keyring: PathBuf,
    /// The field of the record; equal values hash differently in different fields
    #[arg(long, value_parser = field())]
    field: HashField,
    /// The tenant, which has keys of its own
    #[arg(long)]
    tenant: Option<String>,
    /// The value is a text, not JSON: hashed as `audit_system_prompt("…")` and the like take it
    #[arg(long)]
    text: bool,
    /// One hash for each key that ever was, the newest first: older records have older ones
    #[arg(long)]
    all_keys: bool,
    /// Print the first 16 digits of the plain SHA-256 of the bytes too, as older logs have it; anybody can try guesses
    /// against it
    #[arg(long)]
    short_unkeyed: bool,
}

impl Hash {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let keys = keyring_file::load(&self.keyring)?;
        let mut given = Zeroizing::new(Vec::new());
        io::stdin().lock().read_to_end(&mut given)?;
        let value = match self.field {
            HashField::User | HashField::Credential | HashField::Error => without_line_end(&given),
            _ => &given,
        };
        let tenant = self.tenant.as_deref();
        if self.all_keys {
            for hasher in keys.lookup_hashers(tenant) {
                self.print(out, value, |form, bytes| {
                    hasher.hash(self.field, form, bytes)
                })?;
            }
        } else {
            let hasher = keys.hasher(tenant);
            self.print(out, value, |form, bytes| {
                hasher.hash(self.field, form, bytes)
            })?;
        }
        if self.short_unkeyed {
            writeln!(out, "short-unkeyed-sha256:{}", ShortUnkeyedHash::of(value))?;
        }
        Ok(Exit::Done)
    }

    fn print<H: std::fmt::Display>(
        &self,
        out: &mut impl Write,
        value: &[u8],
        hash: impl Fn(HashForm, &[u8]) -> H,
    ) -> io::Result<()> {
        let as_text = |value| std::str::from_utf8(value).ok().and_then(Content::canonical);
        let content = match (self.field, std::str::from_utf8(value)) {
            (HashField::User | HashField::Credential | HashField::Error, _) | (_, Err(_)) => None,
            _ if self.text => as_text(value),
            (_, Ok(text)) => Some(Content::of_text(text)),
        };
        let hash = match &content {
            Some(Content::Json(canonical)) => hash(HashForm::Jcs1, canonical.as_bytes()),
            Some(Content::Bytes(_)) | None => hash(HashForm::Raw1, value),
        };
        writeln!(out, "{hash}")
    }
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

fn field() -> impl TypedValueParser<Value = HashField> {
    PossibleValuesParser::new(FIELDS.map(HashField::as_str))
        .try_map(|text| text.parse::<HashField>())
}

const FIELDS: [HashField; 9] = [
    HashField::Credential,
    HashField::Error,
    HashField::Input,
    HashField::Metadata,
    HashField::Output,
    HashField::SystemPrompt,
    HashField::Tools,
    HashField::User,
    HashField::Value,
];
