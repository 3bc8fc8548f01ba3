//! Messages and tool arguments as JSON.

use std::fmt;

use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

use super::class::Class;
use super::restorer::Restorer;
use super::sanitizer::{Finding, Sanitizer};
use super::scan::Kind;
use super::secret_names::{self, Sensitivity};
use crate::record::Sanitization;

/// A JSON value without what was found in it.
#[derive(Clone, PartialEq)]
pub struct SanitizedJson {
    value: Value,
    report: Sanitization,
}

impl Sanitizer {
    /// The value with placeholders in the place of what was found in its texts, its numbers and the names of its fields.
    ///
    /// A field's name counts as words before its value (`{"ssn": "078051120"}`), and what stands under the name of a
    /// secret is replaced as a whole. A number becomes a text where it is replaced. What is nested deeper than 128 levels is
    /// left as it is: nothing reads it from JSON.
    #[must_use]
    pub fn sanitize_json(&self, value: Value) -> SanitizedJson {
        self.sanitize_json_with(&mut Restorer::new(), value)
    }

    /// As [`sanitize_json`](Self::sanitize_json), with the placeholders of a conversation.
    #[must_use]
    pub fn sanitize_json_with(&self, restorer: &mut Restorer, value: Value) -> SanitizedJson {
        let mut walk = Walk {
            sanitizer: self,
            restorer,
            report: self.empty_report(),
            findings: Vec::new(),
        };
        let value = walk.value("", value, 0);
        SanitizedJson {
            value,
            report: walk.report,
        }
    }
}

impl SanitizedJson {
    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The value, taken out.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// How many were found: the sum over the classes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.report.count.unwrap_or(0)
    }

    /// What the record of the call says of it.
    #[must_use]
    pub fn report(&self) -> &Sanitization {
        &self.report
    }
}

impl AsRef<Sanitization> for SanitizedJson {
    fn as_ref(&self) -> &Sanitization {
        &self.report
    }
}

impl fmt::Debug for SanitizedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SanitizedJson")
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

struct Walk<'s> {
    sanitizer: &'s Sanitizer,
    restorer: &'s mut Restorer,
    report: Sanitization,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn value(&mut self, name: &str, value: Value, depth: usize) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(name, text)),
            Value::Number(number) => self.number(name, number),
            Value::Array(items) if depth < MOST_LEVELS => {
                let items = items.into_iter();
                items
                    .map(|item| self.value(name, item, depth + 1))
                    .collect()
            }
            Value::Object(fields) if depth < MOST_LEVELS => {
                let mut kept = Map::new();
                for (field, value) in fields {
                    let value = self.value(&field, value, depth + 1);
                    let field = self.text("", field);
                    kept.insert(field, value);
                }
                Value::Object(kept)
            }
            other => other,
        }
    }

    fn text(&mut self, name: &str, text: String) -> String {
        let named = secret_names::sensitivity(name) >= Sensitivity::Texts;
        let secret = Kind::Class(Class::Secret);
        let is_placeholder = super::placeholder::is_one(&text);
        let is_secret = named
            && !text.is_empty()
            && !is_placeholder
            && self.sanitizer.scan_rules().classes.has(Class::Secret);
        if is_secret {
            return self.replaced(&text, &[(0..text.len(), secret)]);
        }
        // The name stands before a short value as in `name: value`; a long one speaks for itself.
        let before = if name.is_empty() || text.len() > MOST_NAMED {
            String::new()
        } else {
            format!("{name}: ")
        };
        let whole = Zeroizing::new(format!("{before}{text}"));
        let found = self.sanitizer.find(&whole);
        let within = found.into_iter().filter_map(|(range, kind)| {
            let start = range.start.checked_sub(before.len())?;
            Some((start..range.end - before.len(), kind))
        });
        let found: Vec<_> = within.collect();
        if found.is_empty() {
            return text;
        }
        self.replaced(&text, &found)
    }

    fn replaced(&mut self, text: &str, found: &[(std::ops::Range<usize>, Kind)]) -> String {
        let mut out = String::new();
        let mut done = 0;
        for (range, kind) in found {
            self.sanitizer
                .take(self.restorer, *kind, text, range.clone(), done, &mut out);
            self.sanitizer
                .note(*kind, range.clone(), &mut self.report, &mut self.findings);
            done = range.end;
        }
        out.push_str(&text[done..]);
        out
    }

    fn number(&mut self, name: &str, number: Number) -> Value {
        let text = number.to_string();
        let before = self.findings.len();
        let replaced = self.text(name, text);
        if self.findings.len() == before || !replaced.starts_with('<') {
            return Value::Number(number);
        }
        Value::String(replaced)
    }
}

/// As deep as JSON is read.
const MOST_LEVELS: usize = 128;
/// The longest text before which the name of its field is read.
const MOST_NAMED: usize = 256;
