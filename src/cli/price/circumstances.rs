//! `--context`: what besides usage a price depends on.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::pricing::{PriceTable, PriceTableError, PricedOperation, Processing};
use crate::record::Timestamp;

/// What is known of a call besides its usage.
#[derive(Debug, Default)]
pub(super) struct Circumstances {
    pub(super) service_tier: Option<String>,
    pub(super) processing: Processing,
    pub(super) operation: PricedOperation,
    pub(super) time: Option<Timestamp>,
    pub(super) vertex_location: Option<String>,
    pub(super) data_residency: Option<String>,
    /// Prices of this call alone, under the names of a LiteLLM price map.
    prices: Map<String, Value>,
    /// Members that say nothing that a price depends on.
    pub(super) unknown: Vec<String>,
}

impl Circumstances {
    /// Reads the text of `--context`.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let members: Map<String, Value> = serde_json::from_str(text)?;
        let mut said = Self::default();
        for (name, value) in members {
            said.take(name, value)?;
        }
        Ok(said)
    }

    fn take(&mut self, name: String, value: Value) -> anyhow::Result<()> {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("service_tier", Value::String(tier)) => self.service_tier = Some(tier),
            ("batch", Value::Bool(true)) => self.processing = Processing::Batch,
            ("batch", Value::Bool(false)) => {}
            ("billing_time", Value::String(time)) => {
                self.time = Some(time.parse().context("billing_time")?);
            }
            ("vertex_location", Value::String(place)) => self.vertex_location = Some(place),
            ("data_residency", Value::String(region)) => {
                self.data_residency = Some(region.to_ascii_lowercase());
            }
            ("call_type", Value::String(kind)) => self.take_kind(&kind),
            ("custom_cost_per_token", Value::Object(prices)) => self.prices.extend(prices),
            (_, price @ (Value::Number(_) | Value::String(_))) if name.contains("cost") => {
                self.prices.insert(name, price);
            }
            ("service_tier" | "batch" | "billing_time" | "vertex_location" | "call_type", _) => {
                anyhow::bail!("{name} is of another type than it should be")
            }
            _ => self.unknown.push(name),
        }
        Ok(())
    }

    /// A kind of call, as gateways name them: `completion`, `aembedding`, `rerank`, `batch`, ….
    fn take_kind(&mut self, kind: &str) {
        if kind.contains("batch") {
            self.processing = Processing::Batch;
        } else if kind.contains("embedding") {
            self.operation = PricedOperation::Embeddings;
        } else if kind.contains("rerank") {
            self.operation = PricedOperation::Ranking;
        }
    }

    /// The prices of this call alone over others.
    pub(super) fn over(
        &self,
        table: PriceTable,
        provider: &str,
        model: &str,
    ) -> Result<PriceTable, PriceTableError> {
        if self.prices.is_empty() {
            return Ok(table);
        }
        let mut entry = self.prices.clone();
        entry.insert("litellm_provider".to_owned(), json!(provider));
        let map = json!({ model: entry }).to_string();
        Ok(table.with_overrides(PriceTable::from_litellm(&map)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_told_and_what_is_of_another_type_refused() {
        let said = Circumstances::parse(r#"{"weather":"fine","batch":true,"service_tier":null}"#);
        let said = said.unwrap();
        assert_eq!(said.unknown, ["weather"]);
        assert_eq!(
            (said.processing, said.service_tier),
            (Processing::Batch, None)
        );
        for refused in [r#"{"batch":"yes"}"#, r#"{"billing_time":"noon"}"#, "[]", ""] {
            assert!(Circumstances::parse(refused).is_err(), "{refused}");
        }
    }
}
