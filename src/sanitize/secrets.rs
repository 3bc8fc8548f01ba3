//! Secrets in the JSON of change records.

use serde_json::{Map, Value};
use std::collections::HashMap;

use crate::record::{Content, exact_json};

use super::class::Class;
use super::placeholder;
use super::secret_names::{self, Sensitivity, looks_generated};
use super::secret_text::secret_spans;

/// A value without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Masked {
    /// The value.
    pub value: Value,
    /// How many values, keys and parts of texts were replaced.
    pub count: usize,
}

/// Masks the secrets of a JSON value: what stands under a secret name, and what has the shape of a secret.
///
/// * Under a secret name (`password`, `clientSecret`, `Proxy-Authorization`, … ; not `max_tokens`, `password_policy`,
///   `primary_key`), the whole value becomes `"<masked>"`, of whatever type. `null`, flags and what is empty stay: they
///   say that there is no secret, and hold none. Numbers stay under names of amounts (`tokens`).
/// * The name may also stand beside the value (`{"name": "Authorization", "value": …}`, `[["cookie", …]]`, JSON Patch,
///   `["--password", …]`).
/// * In every other text, object keys included, what has the shape of a secret becomes `<masked:CLASS>`, and what
///   follows a secret name (`password=…`) `<masked>`. Texts that hold JSON are masked as JSON, and written anew where something
///   was found; those that repeat a key are masked as text.
/// * What is nested deeper than 128 levels, or 6 layers of JSON in text, is not looked into: the former is masked
///   whole, the latter as text.
///
/// Masking what is masked changes nothing and counts nothing. Keys that become equal are numbered.
///
/// ```
/// # use llm_audit::sanitize::mask_secrets;
/// let before = serde_json::json!({"user": "ann", "apiKey": "k-1", "limits": {"max_tokens": 4096}});
/// let masked = mask_secrets(before);
/// assert_eq!(masked.count, 1);
/// assert_eq!(masked.value, serde_json::json!({"user": "ann", "apiKey": "<masked>", "limits": {"max_tokens": 4096}}));
/// ```
#[must_use]
pub fn mask_secrets(value: Value) -> Masked {
    let mut walk = Walk { count: 0 };
    let value = walk.value(
        value,
        Sensitivity::Ordinary,
        Depth {
            levels: 0,
            layers: 0,
        },
    );
    Masked {
        value,
        count: walk.count,
    }
}

struct Walk {
    count: usize,
}

#[derive(Clone, Copy)]
struct Depth {
    /// Of arrays and objects.
    levels: usize,
    /// Of JSON in text.
    layers: usize,
}

impl Depth {
    fn deeper(self) -> Self {
        Self {
            levels: self.levels + 1,
            ..self
        }
    }
}

impl Walk {
    fn value(&mut self, value: Value, name: Sensitivity, depth: Depth) -> Value {
        if is_secret(&value, name)
            || (depth.levels > MAX_LEVELS && (value.is_array() || value.is_object()))
        {
            self.count += 1;
            return Value::from(Class::Secret.masked());
        }
        match value {
            Value::String(text) => Value::String(self.text(text, depth)),
            Value::Array(items) => Value::Array(self.array(items, name, depth.deeper())),
            Value::Object(entries) => Value::Object(self.object(entries, depth.deeper())),
            other => other,
        }
    }

    fn array(&mut self, items: Vec<Value>, name: Sensitivity, depth: Depth) -> Vec<Value> {
        let of_pairs = items.iter().all(|item| first_of_pair(item).is_some());
        let mut named = name;
        let mut masked = Vec::with_capacity(items.len());
        for item in items {
            let next = flag(&item).unwrap_or(name);
            masked.push(match item {
                Value::Array(pair) if of_pairs => Value::Array(self.pair(pair, depth.deeper())),
                item => self.value(item, named, depth),
            });
            named = next;
        }
        masked
    }

    /// A name and its value, as an array of two.
    fn pair(&mut self, pair: Vec<Value>, depth: Depth) -> Vec<Value> {
        let mut name = Sensitivity::Ordinary;
        let mut masked = Vec::with_capacity(pair.len());
        for item in pair {
            let item = self.value(item, name, depth);
            name = masked
                .is_empty()
                .then(|| item.as_str().map(secret_names::sensitivity))
                .flatten()
                .unwrap_or(name);
            masked.push(item);
        }
        masked
    }

    fn object(&mut self, entries: Map<String, Value>, depth: Depth) -> Map<String, Value> {
        let beside = self.name_beside(&entries);
        let mut kept = Map::new();
        let mut renamed = Vec::new();
        for (key, value) in entries {
            let masked_key = self.plain_text(&key);
            let is_value = beside > Sensitivity::Ordinary
                && VALUE_FIELDS.contains(&key.to_ascii_lowercase().as_str());
            let own = secret_names::sensitivity(masked_key.as_deref().unwrap_or(&key));
            let value = self.value(value, if is_value { own.max(beside) } else { own }, depth);
            match masked_key {
                Some(masked_key) => renamed.push((masked_key, value)),
                None => {
                    kept.insert(key, value);
                }
            }
        }
        insert_numbered(&mut kept, renamed);
        kept
    }

    /// What a field that names another field of the same object says of it.
    fn name_beside(&self, entries: &Map<String, Value>) -> Sensitivity {
        let is_name = |key: &str| NAME_FIELDS.contains(&key.to_ascii_lowercase().as_str());
        let names = entries
            .iter()
            .filter(|(key, _)| is_name(key))
            .filter_map(|(_, value)| value.as_str());
        let short = names.filter(|name| name.len() <= MAX_NAME_BYTES);
        let of = |name: &str| {
            let spans = secret_spans(name);
            secret_names::sensitivity(&placeholder::replace(name, &spans))
        };
        short.map(of).max().unwrap_or(Sensitivity::Ordinary)
    }

    fn text(&mut self, text: String, depth: Depth) -> String {
        let before = self.count;
        if let Some(value) = json_within(&text).filter(|_| depth.layers < MAX_LAYERS) {
            let inner = Depth {
                levels: depth.levels,
                layers: depth.layers + 1,
            };
            let value = self.value(value, Sensitivity::Ordinary, inner);
            if self.count > before {
                return exact_json(&value);
            }
            // Of a key that is repeated, only the last value was seen: such a text is masked as text.
            if matches!(Content::of_text(&text), Content::Json(_)) {
                return text;
            }
        }
        self.plain_text(&text).unwrap_or(text)
    }

    /// The masked text; nothing where there is nothing to mask.
    fn plain_text(&mut self, text: &str) -> Option<String> {
        let spans = secret_spans(text);
        self.count += spans.len();
        (!spans.is_empty()).then(|| placeholder::replace(text, &spans))
    }
}

fn is_secret(value: &Value, name: Sensitivity) -> bool {
    match (value, name) {
        (_, Sensitivity::Ordinary) | (Value::Null | Value::Bool(_), _) => false,
        (Value::String(text), _) if text.is_empty() || placeholder::is_one(text) => false,
        (Value::String(text), Sensitivity::Doubtful) => looks_generated(text),
        (Value::String(text), Sensitivity::Texts) => text.parse::<f64>().is_err(),
        (Value::String(_), Sensitivity::Whole) => true,
        (Value::Number(_), name) => name == Sensitivity::Whole,
        (_, Sensitivity::Doubtful) => false,
        (Value::Array(items), name) => items.iter().any(|item| is_secret(item, name)),
        (Value::Object(entries), name) => entries.values().any(|item| is_secret(item, name)),
    }
}

/// The JSON array, object or string that a text is.
fn json_within(text: &str) -> Option<Value> {
    let first = text.trim_start().as_bytes().first()?;
    b"{[\""
        .contains(first)
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// The first of two, where it is a text.
fn first_of_pair(item: &Value) -> Option<&str> {
    match item.as_array()?.as_slice() {
        [first, _] => first.as_str(),
        _ => None,
    }
}

/// What the flag of a command says of the argument after it.
fn flag(item: &Value) -> Option<Sensitivity> {
    let name = item
        .as_str()?
        .strip_prefix("--")
        .or_else(|| item.as_str()?.strip_prefix('-'))?;
    let is_flag = !name.contains(['=', ' ']);
    is_flag.then(|| secret_names::sensitivity(name))
}

/// Adds entries whose keys were masked; a key that is taken gets a number.
fn insert_numbered(entries: &mut Map<String, Value>, renamed: Vec<(String, Value)>) {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for (key, value) in renamed {
        let used = uses.entry(key.clone()).or_insert(0);
        let mut name = key.clone();
        while entries.contains_key(&name) {
            *used += 1;
            name = format!("{key} ({})", *used + 1);
        }
        entries.insert(name, value);
    }
}

/// As deep as `serde_json` reads.
const MAX_LEVELS: usize = 128;
const MAX_LAYERS: usize = 6;
/// The longest text that counts as the name of a field beside it.
const MAX_NAME_BYTES: usize = 128;
const NAME_FIELDS: &[&str] = &[
    "env",
    "field",
    "header",
    "header_name",
    "id",
    "key",
    "label",
    "name",
    "path",
    "property",
    "type",
    "variable",
];
const VALUE_FIELDS: &[&str] = &[
    "after",
    "before",
    "current",
    "default",
    "defaultvalue",
    "default_value",
    "from",
    "new",
    "newvalue",
    "new_value",
    "old",
    "oldvalue",
    "old_value",
    "previous",
    "to",
    "val",
    "value",
    "values",
    "v",
];

#[cfg(test)]
mod tests;
