//! What a record says, field by field, in the order of the table of places.

use std::net::IpAddr;

use super::place::{
    CHANGE_ACTION, CLASSES, CLIENT_NAME, CLIENT_V6, DECISION, END, MODEL, PLACES, Places, row_of,
};
use crate::record::{
    AuditRecord, Body, Call, Mac, SanitizationStatus, Status, Timestamp, Value, attribute as a,
};

/// A field with its value and its places.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) places: &'static Places,
    pub(super) value: Said,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Numbers by name.
    Counts(Vec<(String, u64)>),
    Double(f64),
    Flag,
    Int(u64),
    /// A JSON value, on one line.
    Json(String),
    Text(String),
    Texts(Vec<String>),
    Time(Timestamp),
}

/// Everything that the record says.
pub(super) fn facts(record: &AuditRecord, mac: Option<&Mac>) -> Vec<Fact> {
    let mut found: Vec<(usize, Said)> = Vec::with_capacity(PLACES.len());
    let mut add = |field: &str, value: Said| {
        found.extend(row_of(field).map(|row| (row, value)));
    };
    let mut classes = Vec::new();
    record.walk(&mut |name, _, value| match value {
        _ if row_of(name).is_none() => {
            if let (Some(class), Value::Int(count)) =
                (name.strip_prefix(a::SANITIZATION_PREFIX), value)
            {
                classes.push((class.to_owned(), count));
            }
        }
        Value::Text(text) if name == a::CLIENT_ADDRESS.name => {
            let (field, text) = address(text);
            add(field, Said::Text(text));
        }
        Value::Text(text) if name == a::ACTION.name => {
            let change = matches!(record.body, Body::Change(_));
            let field = if change { CHANGE_ACTION } else { name };
            add(field, Said::Text(text.to_owned()));
        }
        Value::Int(nanos) if name == a::TIME.name => {
            add(name, Said::Time(Timestamp::from_unix_nanos(nanos)));
        }
        Value::Text(text) if JSON.contains(&name) => add(name, json(text)),
        Value::Double(number) => add(name, Said::Double(number)),
        Value::Flag => add(name, Said::Flag),
        Value::Int(number) => add(name, Said::Int(number)),
        Value::Text(text) => add(name, Said::Text(text.to_owned())),
        Value::Texts(texts) => {
            let texts = texts.iter().map(|text| text.as_str().to_owned());
            add(name, Said::Texts(texts.collect()));
        }
    });
    if !classes.is_empty() {
        add(CLASSES, Said::Counts(classes));
    }
    add(END, Said::Time(end(record)));
    if let Some(mac) = mac {
        add(a::MAC.name, Said::Text(mac.to_string()));
    }
    if let Body::Call(call) = &record.body {
        add(DECISION, Said::Text(Decision::of(call).as_str().to_owned()));
        if let Some(model) = model(call) {
            add(MODEL, Said::Text(model.to_owned()));
        }
    }
    found.sort_by_key(|(row, _)| *row);
    let fact = |(row, value): (usize, Said)| Fact {
        places: &PLACES[row],
        value,
    };
    found.into_iter().map(fact).collect()
}

/// When the record's event ended; its beginning where no end was seen.
pub(super) fn end(record: &AuditRecord) -> Timestamp {
    let nanos = match &record.body {
        Body::Call(call) => call.duration_ns.unwrap_or(0),
        _ => 0,
    };
    record.envelope.time.plus_nanos(nanos)
}

/// The model that answered, else the one that was asked for.
pub(super) fn model(call: &Call) -> Option<&str> {
    let model = call.response.model.as_ref().or(call.request.model.as_ref());
    model.map(|model| model.as_str())
}

/// What was done about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Let through as it was.
    Allowed,
    /// Stopped by a filter, a guardrail or a refusal.
    Blocked,
    /// Let through with something replaced.
    Modified,
    /// Nobody knows what became of it.
    Observed,
}

impl Decision {
    pub(super) fn of(call: &Call) -> Self {
        let sanitization = &call.sanitization;
        let replaced = sanitization.status == SanitizationStatus::Applied
            && sanitization.count.is_some_and(|count| count > 0);
        match call.outcome.status {
            Status::Blocked => Self::Blocked,
            Status::Unknown => Self::Observed,
            _ if replaced => Self::Modified,
            _ => Self::Allowed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
            Self::Modified => "modified",
            Self::Observed => "observed",
        }
    }
}

impl Said {
    /// The value as a text of one line or several: what lines of text hold.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Counts(counts) => {
                let counts = counts.iter().map(|(name, count)| format!("{name}:{count}"));
                counts.collect::<Vec<_>>().join(",")
            }
            Self::Double(number) => number.to_string(),
            Self::Flag => "true".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Json(text) | Self::Text(text) => text.clone(),
            Self::Texts(texts) => texts.join(","),
            Self::Time(time) => time.unix_millis().to_string(),
        }
    }
}

/// Which row an address stands in, and how it is written there. An IPv4 address inside of an IPv6 one is taken out.
fn address(text: &str) -> (&'static str, String) {
    match text.parse().map(|address: IpAddr| address.to_canonical()) {
        Ok(address @ IpAddr::V4(_)) => (a::CLIENT_ADDRESS.name, address.to_string()),
        Ok(address @ IpAddr::V6(_)) => (CLIENT_V6, address.to_string()),
        Err(_) => (CLIENT_NAME, text.to_owned()),
    }
}

/// JSON that every reader takes, on one line; what some would refuse, such as half of a surrogate pair, as a text. In
/// valid JSON a line break is white space between tokens: inside a string it would not have been taken.
fn json(text: &str) -> Said {
    if serde_json::from_str::<serde_json::Value>(text).is_ok() {
        Said::Json(text.replace(['\n', '\r', '\t'], ""))
    } else {
        Said::Text(text.to_owned())
    }
}

/// Fields that hold JSON.
const JSON: [&str; 8] = [
    a::CHANGE_BEFORE_VALUE.name,
    a::CHANGE_UPDATED_VALUES.name,
    a::INPUT_MESSAGES.name,
    a::METADATA.name,
    a::OUTPUT_MESSAGES.name,
    a::SYSTEM_DETAIL.name,
    a::SYSTEM_INSTRUCTIONS.name,
    a::TOOL_DEFINITIONS.name,
];
