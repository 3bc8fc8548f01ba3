//! The cost of one call.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::circumstances::Circumstances;
use super::{Exit, Overrides};
use crate::pricing::{PriceContext, PriceTable, Priced};
use crate::provider::{UsageFormat, find_usage, read_usage};
use crate::record::{CostSource, Label, UsageFacts};

#[derive(Debug, Args)]
pub(super) struct Bill {
    /// The provider, by any of its names: openai, anthropic, azure, bedrock_converse, gcp.gemini, vertex_ai, xai, …
    #[arg(long, required = true)]
    provider: Option<String>,
    /// The model's name, dated or not
    #[arg(long, required = true)]
    model: Option<String>,
    /// The usage object as the provider's API returns it, or the answer that holds it
    #[arg(long, value_name = "JSON", required = true)]
    usage: Option<String>,
    /// The form of the usage object, if it is not to be told from its members: openai.chat, openai.responses,
    /// anthropic.messages, gemini.generateContent, bedrock.converse, cohere.chat, ollama.chat
    #[arg(long, value_name = "FORM")]
    usage_format: Option<String>,
    /// What else the price depends on: {"service_tier": …, "batch": …, "billing_time": …, "vertex_location": …,
    /// "data_residency": …, "call_type": …}, and prices of this call alone: {"input_cost_per_token": …, …}
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// How the bill is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people.
    Table,
    /// One JSON object.
    Json,
}

impl Bill {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let (Some(provider), Some(model), Some(usage)) = (&self.provider, &self.model, &self.usage)
        else {
            anyhow::bail!("a call is named by --provider, --model and --usage");
        };
        let said = self.usage(provider, usage.as_bytes())?;
        let circumstances = match &self.context {
            Some(text) => Circumstances::parse(text).context("--context")?,
            None => Circumstances::default(),
        };
        for name in &circumstances.unknown {
            // A note; nothing is lost with it.
            let _ = writeln!(
                io::stderr(),
                "note: no price depends on {name:?} of --context"
            );
        }
        let table = circumstances
            .over(self.overrides.table()?, provider, model)
            .context("--context")?;
        let context = PriceContext {
            service_tier: served_tier(&said, &circumstances),
            processing: circumstances.processing,
            operation: circumstances.operation,
            time: circumstances.time,
            extras: Some(&said.extras),
            vertex_location: circumstances.vertex_location.as_deref(),
            data_residency: circumstances.data_residency.as_deref(),
        };
        let priced = table.price(provider, model, &said.usage, &context);
        match self.format {
            Format::Json => self.print_json(out, &priced, &table)?,
            Format::Table => print_lines(out, &priced)?,
        }
        Ok(match priced {
            Priced::Known { .. } => Exit::Done,
            Priced::Unknown { .. } => Exit::Finding,
        })
    }

    /// What the usage object says: in the form that is named, else in the one that its members tell.
    fn usage(&self, provider: &str, json: &[u8]) -> anyhow::Result<UsageFacts> {
        let named = self.usage_format.as_deref().filter(|name| *name != "none");
        if let Some(name) = named {
            let format = UsageFormat::from_name(name).with_context(|| {
                let known = UsageFormat::ALL.map(UsageFormat::as_str).join(", ");
                format!("--usage-format {name:?} is none of {known}")
            })?;
            return read_usage(format, json).context("--usage");
        }
        let found = find_usage(provider, json).context("--usage")?;
        found.context("--usage has no member that tells its form: name one with --usage-format")
    }

    fn print_json(
        &self,
        out: &mut impl Write,
        priced: &Priced,
        table: &PriceTable,
    ) -> anyhow::Result<()> {
        let mut bill = json!({
            "provider": self.provider,
            "model": self.model,
            "cost_usd": Value::Null,
            "source": "none",
            "reason": Value::Null,
            "price_table": table.digest().as_str(),
            "lines": [],
        });
        match priced {
            Priced::Known {
                exact,
                source,
                lines,
            } => {
                bill["cost_usd"] = exact.to_string().into();
                bill["source"] = source.as_str().into();
                if *source == CostSource::Provider {
                    bill["price_table"] = Value::Null;
                }
                let lines = lines.iter().map(|line| {
                    json!({
                        "item": line.item.as_str(),
                        "quantity": line.quantity,
                        "unit": line.item.unit().as_str(),
                        "unit_price": line.unit_price.to_string(),
                        "amount": line.amount.to_string(),
                    })
                });
                bill["lines"] = lines.collect();
            }
            Priced::Unknown { reason } => bill["reason"] = reason.as_str().into(),
        }
        writeln!(out, "{bill}")?;
        Ok(())
    }
}

/// The tier that served the call as its usage says, else the one that was asked for.
fn served_tier<'a>(said: &'a UsageFacts, circumstances: &'a Circumstances) -> Option<&'a str> {
    let served = said.service_tier.as_ref().map(Label::as_str);
    let served = served.filter(|tier| *tier != "auto");
    served.or(circumstances.service_tier.as_deref())
}

fn print_lines(out: &mut impl Write, priced: &Priced) -> anyhow::Result<()> {
    match priced {
        Priced::Known {
            exact,
            source,
            lines,
        } => {
            for line in lines {
                writeln!(
                    out,
                    "{:<16} {:>12} x {:<16} = {}",
                    line.item, line.quantity, line.unit_price, line.amount
                )?;
            }
            let stated = match source {
                CostSource::Local => "",
                CostSource::Provider => " (stated by the provider)",
            };
            writeln!(out, "USD {exact}{stated}")?;
        }
        Priced::Unknown { reason } => writeln!(out, "no cost: {}", reason.as_str())?,
    }
    Ok(())
}
