//! `llm-audit policy`: whether a policy file has faults, and what would leave of a call.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Exit;
use super::rows::{Cell, Format, Printer};
use super::trail::{count, warn};
use crate::emit::policy_choice::read_up_to;
use crate::policy::{ContentForm, Decision, Facts, Forms, Group, Policy, Subject};
use crate::record::attribute;

/// Check which content, texts and identities may leave
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit policy check policy.toml
  llm-audit policy check policy.toml --against record.json")]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell all faults of a policy file, or what it lets leave
    ///
    /// Without --against, one row a rule: the groups that leave raw, those that leave redacted, and the user's form in
    /// records and in spans. With it, one row a group of the call's record: its form in the record and in the span, and the
    /// rule that decides, where it is not the defaults that do. Ends with exit code 2 where the file has faults; all of them
    /// are told with their lines.
    #[command(after_help = "\
Example:
  llm-audit policy check policy.toml --against record.json
  echo '{\"service\": \"billing\", \"model\": \"gpt-4o\"}' | llm-audit policy check policy.toml --against -")]
    Check {
        /// The policy file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A record as a line of JSON lines has it, or an object of service, operation, provider, model, tenant, user; a
        /// dash is the standard input
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// How the rows are printed
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

impl PolicyCommand {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let Action::Check {
            file,
            against,
            format,
        } = &self.action;
        let policy = read(file)?;
        for (rule, forms) in policy.rules() {
            if let Some(dangers) = names(forms.dangers()) {
                warn(format_args!("rule {rule:?} lets leave raw: {dangers}"));
            }
        }
        match against {
            Some(against) => {
                let described = Described::read(against)?;
                print_decision(out, *format, &described, policy.decide(&described.facts()))?;
            }
            None => print_rules(out, *format, &policy)?,
        }
        Ok(Exit::Done)
    }
}

fn read(path: &Path) -> anyhow::Result<Policy> {
    let text = read_up_to(path, Policy::MAX_BYTES)
        .with_context(|| format!("policy {}", path.display()))?;
    text.parse().or_else(|error: crate::policy::PolicyError| {
        let shown = path.display();
        let faults = error.faults();
        let lines = faults
            .iter()
            .map(|fault| format!("\n  {shown}:{}: {}", fault.line(), fault.what()));
        let many = count(faults.len() as u64, "fault");
        bail!("{shown} has {many}{}", lines.collect::<String>())
    })
}

fn print_rules(out: &mut impl Write, format: Format, policy: &Policy) -> anyhow::Result<()> {
    let mut printer = Printer::new(format, out);
    let redacted = |forms: &Forms| {
        let word = ContentForm::Redact.as_str();
        let forms = *forms;
        names(
            Group::ALL
                .into_iter()
                .filter(move |it| forms.word(*it) == word),
        )
    };
    for (rule, forms) in policy.rules() {
        printer.row(&vec![
            ("rule", Cell::Text(rule.to_owned())),
            ("raw", Cell::text(names(forms.dangers()).as_deref())),
            ("redacted", Cell::text(redacted(forms).as_deref())),
            ("user", Cell::Text(forms.user.as_str().to_owned())),
            ("span_user", Cell::Text(forms.span.user.as_str().to_owned())),
        ])?;
    }
    printer.finish()?;
    if format == Format::Table {
        let rules = policy.rules().count() as u64;
        let digest = policy.digest().map_or("", |digest| digest.as_str());
        writeln!(out, "no faults, {}, {digest}", count(rules, "rule"))?;
    }
    Ok(())
}

fn print_decision(
    out: &mut impl Write,
    format: Format,
    described: &Described,
    decision: Decision<'_>,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(format, out);
    let is_call = described.kind == "call";
    for group in Group::ALL {
        let there = match group {
            Group::User | Group::Metadata => true,
            Group::ChangeValues => described.kind == "change",
            _ => is_call,
        };
        if there {
            let span = decision.forms.span_word(group).filter(|_| is_call);
            printer.row(&vec![
                ("group", Cell::Text(group.as_str().to_owned())),
                ("record", Cell::Text(decision.forms.word(group).to_owned())),
                ("span", Cell::text(span)),
                ("rule", Cell::text(decision.rule)),
            ])?;
        }
    }
    printer.finish()
}

/// Groups, in one text; none where there are none.
fn names(groups: impl Iterator<Item = Group>) -> Option<String> {
    let names: Vec<&str> = groups.map(Group::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What a file says of a call, or of another record.
struct Described {
    kind: String,
    subjects: Map<String, Value>,
}

impl Described {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text = if path == Path::new("-") {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(path)
        };
        let about = || format!("--against {}", path.display());
        let value = serde_json::from_str(&text.with_context(about)?);
        let value = value.with_context(|| format!("{}: not one JSON object", about()))?;
        let Value::Object(mut map) = value else {
            bail!("{}: not a JSON object", about());
        };
        let record = match map.remove("record") {
            Some(Value::Object(record)) => Some(record),
            Some(_) => bail!("{}: its record is no object", about()),
            None if map.contains_key(attribute::KIND.name) => Some(std::mem::take(&mut map)),
            None => None,
        };
        match record {
            Some(record) => Ok(Self::of_record(&record)),
            None => Self::of_call(map).with_context(about),
        }
    }

    /// What a record says, under the names of the attribute table.
    fn of_record(record: &Map<String, Value>) -> Self {
        let text = |row: &attribute::Attribute| record.get(row.name).and_then(Value::as_str);
        let kind = text(&attribute::KIND).unwrap_or("call");
        let model = text(&attribute::REQUEST_MODEL).or(text(&attribute::RESPONSE_MODEL));
        let said = [
            (Subject::Service, text(&attribute::SERVICE_NAME)),
            (Subject::Operation, text(&attribute::OPERATION_NAME)),
            (Subject::Provider, text(&attribute::PROVIDER_NAME)),
            (Subject::Model, model),
            (Subject::Tenant, text(&attribute::TENANT)),
            (Subject::User, text(&attribute::USER_ID)),
        ];
        if record.contains_key(attribute::USER_HASH.name) && text(&attribute::USER_ID).is_none() {
            warn(format_args!(
                "the record has its user as a hash: rules that ask for a user do not fit it here"
            ));
        }
        let subjects = said
            .into_iter()
            .filter_map(|(subject, text)| Some((subject.as_str().to_owned(), text?.into())));
        Self {
            kind: kind.to_owned(),
            subjects: subjects.collect(),
        }
    }

    fn of_call(subjects: Map<String, Value>) -> anyhow::Result<Self> {
        let names = Subject::ALL.map(Subject::as_str);
        for (name, value) in &subjects {
            if !names.contains(&name.as_str()) {
                bail!("{name:?} is not one of {}", names.join(", "));
            }
            if !value.is_string() {
                bail!("{name:?} is not a text");
            }
        }
        Ok(Self {
            kind: "call".to_owned(),
            subjects,
        })
    }

    fn facts(&self) -> Facts<'_> {
        let text = |subject: Subject| self.subjects.get(subject.as_str()).and_then(Value::as_str);
        Facts {
            service: text(Subject::Service),
            operation: text(Subject::Operation),
            provider: text(Subject::Provider),
            model: text(Subject::Model),
            tenant: text(Subject::Tenant),
            user: text(Subject::User),
        }
    }
}
