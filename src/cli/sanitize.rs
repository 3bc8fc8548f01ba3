//! `llm-audit sanitize`: a text without personal data and secrets.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::Exit;
use crate::record::Sanitization;
use crate::sanitize::{Class, Finding, SanitizeStream, Sanitizer};

/// Replace personal data and secrets in a text
///
/// The text comes from the standard input and goes to the standard output, with placeholders in the place of what was
/// found; the report goes to the standard error stream, as one JSON object. Nothing that was found is ever printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  echo 'mail anna@example.com' | llm-audit sanitize
  llm-audit sanitize --observe --format json < chat.txt
  llm-audit sanitize --class email --class phone --rules rules.json < chat.txt")]
pub(super) struct Sanitize {
    /// Find and count, and replace nothing
    #[arg(long)]
    observe: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Look for this class only; may be given more than once, and for classes that are off by default
    #[arg(long, value_name = "CLASS", value_parser = class())]
    class: Vec<Class>,
    /// Rules of your own, as JSON
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The text, and the report on the standard error stream.
    Text,
    /// One JSON object: text, count, by_class, findings.
    Json,
}

impl Sanitize {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let sanitizer = self.sanitizer()?;
        match self.format {
            Format::Json => print_json(&sanitizer, out)?,
            Format::Text => print_text(&sanitizer, out)?,
        }
        Ok(Exit::Done)
    }

    fn sanitizer(&self) -> anyhow::Result<Sanitizer> {
        let mut builder = Sanitizer::builder();
        if !self.class.is_empty() {
            builder = builder.only(self.class.iter().copied());
        }
        if let Some(path) = &self.rules {
            let json = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            builder = builder
                .rules(&json)
                .with_context(|| path.display().to_string())?;
        }
        if self.observe {
            builder = builder.observe();
        }
        Ok(builder.build())
    }
}

fn print_json(sanitizer: &Sanitizer, out: &mut impl Write) -> anyhow::Result<()> {
    let mut input = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut input)?;
    let text = match std::str::from_utf8(&input) {
        Ok(text) => text,
        Err(fault) => bail!("the input is not UTF-8 at byte {}", fault.valid_up_to()),
    };
    let done = sanitizer.sanitize(text);
    let findings = done.findings().iter().map(finding).collect::<Value>();
    let mut object = report(done.report());
    object.insert("text".into(), done.text().into());
    object.insert("findings".into(), findings);
    writeln!(out, "{}", Value::Object(object))?;
    Ok(())
}

/// The text as it comes, however long it is.
fn print_text(sanitizer: &Sanitizer, out: &mut impl Write) -> anyhow::Result<()> {
    let mut stream = sanitizer.stream();
    let mut input = Zeroizing::new(vec![0; PIECE_BYTES]);
    let mut held = 0;
    let mut read = 0;
    let mut stdin = io::stdin().lock();
    loop {
        let length = stdin.read(&mut input[held..])?;
        let filled = held + length;
        let valid = match std::str::from_utf8(&input[..filled]) {
            Ok(text) => text.len(),
            // A character may be cut where the piece ends, and only there.
            Err(fault) if fault.error_len().is_none() && length > 0 => fault.valid_up_to(),
            Err(fault) => bail!(
                "the input is not UTF-8 at byte {}",
                read + fault.valid_up_to()
            ),
        };
        let piece = std::str::from_utf8(&input[..valid]).context("the input is not UTF-8")?;
        out.write_all(stream.push(piece).as_bytes())?;
        if length == 0 {
            break;
        }
        input.copy_within(valid..filled, 0);
        (held, read) = (filled - valid, read + valid);
    }
    out.write_all(stream.finish().as_bytes())?;
    out.flush()?;
    tell(&stream)?;
    Ok(())
}

fn tell(stream: &SanitizeStream) -> anyhow::Result<()> {
    let mut object = report(stream.report());
    let findings = stream.findings().iter().map(finding);
    object.insert("findings".into(), findings.collect::<Value>());
    writeln!(io::stderr(), "{}", Value::Object(object))?;
    Ok(())
}

fn report(report: &Sanitization) -> Map<String, Value> {
    let classes = report.classes.iter();
    let by_class: Map<String, Value> = classes
        .map(|(class, count)| (class.as_str().to_owned(), (*count).into()))
        .collect();
    let mut object = Map::new();
    object.insert("status".into(), report.status.as_str().into());
    object.insert("count".into(), report.count.into());
    object.insert("by_class".into(), Value::Object(by_class));
    let rules = report.rules.as_ref().map(|rules| rules.as_str());
    object.insert("rules".into(), rules.into());
    object
}

fn finding(finding: &Finding) -> Value {
    let range = finding.range();
    json!({"class": finding.class(), "start": range.start, "end": range.end})
}

fn class() -> impl TypedValueParser<Value = Class> {
    PossibleValuesParser::new(Class::ALL.iter().map(|class| class.as_str()))
        .try_map(|name| name.parse::<Class>())
}

const PIECE_BYTES: usize = 64 * 1024;
