//! A cost that a provider or gateway states: a number of US dollars, or an object with the total among its members.
//!
//! The number is taken digit by digit as it is written, also with an exponent, so it never goes through floating point.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::record::Usd;

/// The value of a `cost` member.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(in crate::provider) struct StatedCost(Option<Box<RawValue>>);

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    total_cost: Option<&'a RawValue>,
}

impl StatedCost {
    /// The amount; none where it is absent, negative or no number.
    pub(super) fn amount(&self) -> Option<Usd> {
        let text = self.0.as_ref()?.get();
        if !text.starts_with('{') {
            return amount(text);
        }
        let parts: Parts<'_> = serde_json::from_str(text).ok()?;
        amount(parts.total_cost?.get())
    }
}

/// A JSON number as an amount of US dollars.
fn amount(number: &str) -> Option<Usd> {
    let plain = Decimal::from_str_exact(number);
    let decimal = plain.or_else(|_| Decimal::from_scientific(number)).ok()?;
    Usd::of_decimal(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_taken_as_it_is_written() {
        for (json, expected) in [
            ("0.0093", Some("0.0093")),
            ("0.10", Some("0.1")),
            ("0", Some("0")),
            ("0.0", Some("0")),
            ("9.3e-05", Some("0.000093")),
            ("1E-7", Some("0.0000001")),
            (
                r#"{"input_tokens_cost":0.1,"total_cost":0.123456789012345678}"#,
                Some("0.123456789012345678"),
            ),
            (r#"{"total_cost":null}"#, None),
            (r#"{"upstream":1}"#, None),
            ("-0.5", None),
            (r#""0.5""#, None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("1e-40", None),
        ] {
            let stated: StatedCost = serde_json::from_str(json).unwrap();
            let amount = stated.amount().map(|amount| amount.to_string());
            assert_eq!(amount.as_deref(), expected, "{json}");
        }
    }
}
