//! Sums over records, which dashboards must show.

use serde_json::{Map, Value};

/// The sum of an attribute of those that have it, be it a number or an exact decimal.
pub(crate) fn sum(calls: &[&Map<String, Value>], name: &str) -> f64 {
    let values = calls.iter().filter_map(|call| call.get(name));
    values
        .map(|value| {
            let number = value.as_str().map(|text| text.parse().unwrap());
            number.unwrap_or_else(|| value.as_f64().unwrap())
        })
        .sum()
}
