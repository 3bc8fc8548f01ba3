//! A JSON value that is being put together, with its members in the order in which they came.

use std::fmt;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::fact::Said;
use super::hidden;
use crate::record::Timestamp;

/// A JSON value.
#[derive(Debug)]
pub(super) enum Node {
    Double(f64),
    Flag(bool),
    Int(u64),
    List(Vec<Node>),
    Object(Object),
    Raw(Box<RawValue>),
    Text(String),
}

/// A JSON object. A name that is put twice has the last value.
#[derive(Debug, Default)]
pub(super) struct Object(Vec<(String, Node)>);

/// How a format writes what has more than one form in JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) json: JsonAs,
    pub(super) time: TimeAs,
}

/// JSON inside of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum JsonAs {
    /// As it is.
    Json,
    /// As a text that holds it.
    Text,
}

/// An instant.
#[derive(Debug, Clone, Copy)]
pub(super) enum TimeAs {
    /// Milliseconds since 1970.
    Millis,
    /// RFC 3339 with nine decimals.
    Rfc3339,
}

impl Node {
    pub(super) fn text(text: impl fmt::Display) -> Self {
        Self::Text(text.to_string())
    }

    /// A list of texts.
    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// What a record says, in a format's style.
    pub(super) fn said(value: Said, style: Style) -> Self {
        match value {
            Said::Counts(counts) => {
                let mut object = Object::default();
                for (name, count) in counts {
                    object.put_member(&name, Self::Int(count));
                }
                Self::Object(object)
            }
            Said::Double(number) => Self::Double(number),
            Said::Flag => Self::Flag(true),
            Said::Int(number) => Self::Int(number),
            Said::Json(text) => match style.json {
                JsonAs::Json => Self::json(text),
                JsonAs::Text => Self::Text(text),
            },
            Said::Text(text) => Self::Text(text),
            Said::Texts(texts) => Self::List(texts.into_iter().map(Self::Text).collect()),
            Said::Time(time) => style.time.node(time),
        }
    }

    /// JSON as it is.
    pub(super) fn json(text: String) -> Self {
        Self::Raw(RawValue::from_string(text).expect("only valid JSON is taken for JSON"))
    }
}

impl TimeAs {
    pub(super) fn node(self, time: Timestamp) -> Node {
        match self {
            Self::Millis => Node::Int(time.unix_millis()),
            Self::Rfc3339 => Node::text(time),
        }
    }
}

impl Object {
    /// Puts a value under a path whose members are joined by points.
    pub(super) fn put(&mut self, path: &str, value: Node) {
        match path.split_once('.') {
            None => self.put_member(path, value),
            Some((name, rest)) => self.object(name).put(rest, value),
        }
    }

    /// Puts a value under a name, whatever characters that has.
    pub(super) fn put_member(&mut self, name: &str, value: Node) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The object of that name, made where there is none.
    pub(super) fn object(&mut self, name: &str) -> &mut Self {
        if !matches!(self.get(name), Some(Node::Object(_))) {
            self.put_member(name, Node::Object(Self::default()));
        }
        let member = self.0.iter_mut().find(|(known, _)| known == name);
        match member {
            Some((_, Node::Object(object))) => object,
            _ => unreachable!("it was made an object just now"),
        }
    }

    /// The value under a path.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        match (rest, value) {
            (None, value) => Some(value),
            (Some(rest), Node::Object(object)) => object.get(rest),
            (Some(_), _) => None,
        }
    }

    /// The text under a path.
    pub(super) fn text_at(&self, path: &str) -> Option<String> {
        match self.get(path) {
            Some(Node::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Appends it as one line without its end. What a terminal would act on or not show is written as `\u` escapes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let text =
            serde_json::to_string(self).expect("names are texts, and memory takes what is written");
        out.extend_from_slice(hidden::in_json(&text).as_bytes());
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Double(number) => to.serialize_f64(*number),
            Self::Flag(flag) => to.serialize_bool(*flag),
            Self::Int(number) => to.serialize_u64(*number),
            Self::List(nodes) => to.collect_seq(nodes),
            Self::Object(object) => object.serialize(to),
            Self::Raw(json) => json.serialize(to),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
