//! `llm-audit price`: what a call cost, from its usage as the provider reported it.

use std::io::Write;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::json;

use super::Exit;
use crate::pricing::{PriceContext, PriceTable, Priced, PricedOperation, Processing};
use crate::provider::{self, UsageFormat};
use crate::record::Timestamp;

/// Print the exact cost of a call from the usage that its provider reported
///
/// The cost is exact: nothing is rounded. A model or tier whose price is not known has no cost and a reason, never 0; the
/// exit code is 1 then.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit price --provider anthropic --model claude-sonnet-4-5 --usage '{\"input_tokens\": 1000, \"output_tokens\": 500}'")]
pub(super) struct Price {
    /// The provider: openai, anthropic, azure
    #[arg(long)]
    provider: String,
    /// The model's name, dated or not
    #[arg(long)]
    model: String,
    /// The usage object as the provider's API returns it
    #[arg(long, value_name = "JSON")]
    usage: String,
    /// The form of the usage object, if it is not to be told from its fields: openai.chat, openai.responses,
    /// anthropic.messages
    #[arg(long, value_name = "FORM")]
    usage_format: Option<String>,
    /// What else the price depends on: {"service_tier": …, "batch": …, "billing_time": …, "call_type": …}
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
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

/// What else a price depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Circumstances {
    service_tier: Option<String>,
    batch: bool,
    billing_time: Option<String>,
    call_type: Option<String>,
}

impl Price {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let provider = match self.provider.as_str() {
            "azure" => "azure.ai.openai",
            known => known,
        };
        let usage =
            provider::read_usage(self.form(provider)?, self.usage.as_bytes()).context("--usage")?;
        let circumstances: Circumstances = match &self.context {
            Some(text) => serde_json::from_str(text).context("--context")?,
            None => Circumstances::default(),
        };
        let time = circumstances
            .billing_time
            .as_deref()
            .map(str::parse::<Timestamp>)
            .transpose();
        let call_type = circumstances.call_type.as_deref().unwrap_or("completion");
        let context = PriceContext {
            service_tier: circumstances.service_tier.as_deref(),
            processing: if circumstances.batch || call_type == "batch" {
                Processing::Batch
            } else {
                Processing::Immediate
            },
            operation: if call_type.starts_with("embedding") {
                PricedOperation::Embeddings
            } else {
                PricedOperation::Generation
            },
            time: time.context("--context billing_time")?,
        };
        let table = PriceTable::builtin();
        let priced = table.price(provider, &self.model, &usage.usage, &context);
        match self.format {
            Format::Json => self.print_json(out, &priced, &table)?,
            Format::Table => print_lines(out, &priced)?,
        }
        Ok(match priced {
            Priced::Known { .. } => Exit::Done,
            Priced::Unknown { .. } => Exit::Finding,
        })
    }

    /// The form of the usage object: as said, else the one form that the provider has, else told from its fields.
    fn form(&self, provider: &str) -> anyhow::Result<UsageFormat> {
        if let Some(name) = &self.usage_format {
            return UsageFormat::from_name(name)
                .with_context(|| format!("--usage-format {name:?} is none of openai.chat, openai.responses, anthropic.messages"));
        }
        match provider {
            "anthropic" => Ok(UsageFormat::AnthropicMessages),
            "openai" | "azure.ai.openai" if self.usage.contains("\"prompt_tokens\"") => {
                Ok(UsageFormat::OpenAiChat)
            }
            "openai" | "azure.ai.openai" => Ok(UsageFormat::OpenAiResponses),
            other => bail!(
                "the form of usage of provider {other:?} is not known: name one with --usage-format"
            ),
        }
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
            "price_table": table.digest().as_str(),
        });
        match priced {
            Priced::Known { exact, lines } => {
                bill["cost_usd"] = exact.to_string().into();
                bill["source"] = "local".into();
                bill["reason"] = serde_json::Value::Null;
                let lines = lines.iter().map(|line| {
                    json!({
                        "item": line.item.as_str(),
                        "tokens": line.tokens,
                        "unit_price": line.unit_price.to_string(),
                        "amount": line.amount.to_string(),
                    })
                });
                bill["lines"] = lines.collect();
            }
            Priced::Unknown { reason } => {
                bill["cost_usd"] = serde_json::Value::Null;
                bill["source"] = "none".into();
                bill["reason"] = reason.as_str().into();
                bill["lines"] = json!([]);
            }
        }
        writeln!(out, "{bill}")?;
        Ok(())
    }
}

fn print_lines(out: &mut impl Write, priced: &Priced) -> anyhow::Result<()> {
    match priced {
        Priced::Known { exact, lines } => {
            for line in lines {
                writeln!(
                    out,
                    "{:<12} {:>12} x {:<16} = {}",
                    line.item.as_str(),
                    line.tokens,
                    line.unit_price,
                    line.amount
                )?;
            }
            writeln!(out, "USD {exact}")?;
        }
        Priced::Unknown { reason } => writeln!(out, "no cost: {}", reason.as_str())?,
    }
    Ok(())
}
