//! Bounded texts: every string of a record has a limit, and what is cut shows that it was cut.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use arrayvec::ArrayString;

/// A text is longer than its field allows, or is no JSON where JSON is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text is longer than the field's limit.
    #[error("{length} {unit} where at most {limit} are allowed")]
    TooLong {
        /// What was given.
        length: usize,
        /// What is allowed.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The text is no JSON value of the kind that the field holds.
    #[error("not a JSON value that the field can hold (line {line}, column {column})")]
    NotJson {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
    },
    /// The value has more arrays and objects in one another than are read again.
    #[error("nested deeper than the {limit} levels that are allowed")]
    TooDeep {
        /// What is allowed.
        limit: usize,
    },
}

impl TextError {
    pub(crate) const TOO_DEEP: Self = Self::TooDeep { limit: MOST_LEVELS };
}

/// A name or identifier: at most 1,024 bytes of UTF-8.
///
/// [`Label::clip`] cuts a longer text at a character boundary and ends it with `…`, so that the cut shows;
/// parsing refuses it. One of up to 56 bytes, which nearly all are, stands in the label itself and allocates nothing;
/// a longer one is shared by its clones.
#[derive(Clone)]
pub struct Label(Text);

#[derive(Clone)]
enum Text {
    Inline(ArrayString<INLINE_BYTES>),
    Shared(Arc<str>),
}

impl Label {
    /// The longest label, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// The text, cut to the limit where it is longer.
    #[must_use]
    pub fn clip(text: &str) -> Self {
        if text.len() <= Self::MAX_BYTES {
            return Self::holding(text);
        }
        let room = Self::MAX_BYTES - ELLIPSIS.len();
        Self(Text::Shared(
            format!("{}{ELLIPSIS}", boundary(text, room)).into(),
        ))
    }

    /// The parts in one, cut as [`clip`](Self::clip) cuts.
    pub(crate) fn join(parts: &[&str]) -> Self {
        let mut inline = ArrayString::new();
        if parts.iter().all(|part| inline.try_push_str(part).is_ok()) {
            return Self(Text::Inline(inline));
        }
        Self::clip(&parts.concat())
    }

    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Inline(text) => text,
            Text::Shared(text) => text,
        }
    }

    fn holding(text: &str) -> Self {
        Self(ArrayString::from(text).map_or_else(|_| Text::Shared(text.into()), Text::Inline))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Label").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl FromStr for Label {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TextError::TooLong {
                length: text.len(),
                limit: Self::MAX_BYTES,
                unit: "bytes",
            });
        }
        Ok(Self::holding(text))
    }
}

/// An error text for people: at most 500 characters, the first ones of what the provider or client said,
/// with captured content masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(Box<str>);

impl Message {
    /// The longest message, in characters.
    pub const MAX_CHARS: usize = 500;

    /// The first 500 characters of the text.
    #[must_use]
    pub fn clip(text: &str) -> Self {
        let end = text
            .char_indices()
            .nth(Self::MAX_CHARS)
            .map_or(text.len(), |(at, _)| at);
        Self(text[..end].into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Message {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let length = text.chars().count();
        if length > Self::MAX_CHARS {
            return Err(TextError::TooLong {
                length,
                limit: Self::MAX_CHARS,
                unit: "characters",
            });
        }
        Ok(Self(text.into()))
    }
}

/// A JSON value as its exact text: at most 16 KiB.
///
/// Kept as text so that the bytes which were hashed and proven are the bytes which are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// The longest JSON text, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// The value's text, keys sorted, numbers exact: RFC 8785 would round whole numbers beyond 2^53, which identifiers
    /// often are.
    ///
    /// # Errors
    /// [`TextError::TooLong`] where the text would be longer than 16 KiB, [`TextError::TooDeep`] where nobody could read it.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, TextError> {
        shallow(value)?;
        Self::bounded(exact_json(value))
    }

    /// A value as it was captured, of any length: the gate makes it short. One that is too deep is a note of that already.
    pub(crate) fn captured(value: &serde_json::Value) -> Self {
        match shallow(value) {
            Ok(()) => Self(exact_json(value).into()),
            Err(error) => Self::note(&error),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of a value, or where it would be too long or too deep, of a note that says so.
    pub(crate) fn or_note(value: &serde_json::Value) -> Self {
        Self::from_value(value).unwrap_or_else(|error| Self::note(&error))
    }

    /// What stands in the place of a value that is left out.
    pub(crate) fn note(why: &TextError) -> Self {
        let note = match why {
            TextError::TooLong { length, .. } => {
                serde_json::json!({ "llm_audit.omitted": "too_long", "bytes": length })
            }
            TextError::TooDeep { .. } => serde_json::json!({ "llm_audit.omitted": "too_deep" }),
            TextError::NotJson { .. } => serde_json::json!({ "llm_audit.omitted": "not_json" }),
        };
        Self(exact_json(&note).into())
    }

    /// The value.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).expect("only valid JSON is ever put into a JsonText")
    }

    fn bounded(text: String) -> Result<Self, TextError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TextError::TooLong {
                length: text.len(),
                limit: Self::MAX_BYTES,
                unit: "bytes",
            });
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for JsonText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let fault = |error: serde_json::Error| TextError::NotJson {
            line: error.line(),
            column: error.column(),
        };
        serde_json::from_str::<serde_json::Value>(text).map_err(fault)?;
        Self::bounded(text.to_owned())
    }
}

/// Content that a rule lets leave: a JSON value as its exact text, at most 256 KiB.
///
/// Its `Debug` shows its size and none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentText(Box<str>);

impl ContentText {
    /// The longest text of one content, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContentText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentText({} bytes)", self.0.len())
    }
}

impl FromStr for ContentText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.len() > Self::MAX_BYTES {
            return Err(TextError::TooLong {
                length: text.len(),
                limit: Self::MAX_BYTES,
                unit: "bytes",
            });
        }
        let fault = |error: serde_json::Error| TextError::NotJson {
            line: error.line(),
            column: error.column(),
        };
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(fault)?;
        Ok(Self(text.into()))
    }
}

/// Whether a value is read again when it is written.
fn shallow(value: &serde_json::Value) -> Result<(), TextError> {
    fn is_within(value: &serde_json::Value, levels: usize) -> bool {
        use serde_json::Value;
        match value {
            Value::Array(items) => {
                levels > 0 && items.iter().all(|item| is_within(item, levels - 1))
            }
            Value::Object(fields) => {
                levels > 0 && fields.values().all(|field| is_within(field, levels - 1))
            }
            _ => true,
        }
    }
    if is_within(value, MOST_LEVELS) {
        Ok(())
    } else {
        Err(TextError::TOO_DEEP)
    }
}

/// As deep as serde_json reads.
const MOST_LEVELS: usize = 127;

/// A value's text with sorted keys and exact numbers, whatever order its maps keep.
pub(crate) fn exact_json(value: &serde_json::Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect()
        }
        other => other.clone(),
    }
}

/// The longest beginning of `text` that is whole characters and no longer than `room` bytes.
fn boundary(text: &str, room: usize) -> &str {
    let end = (0..=room)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    &text[..end]
}

const ELLIPSIS: &str = "…";
/// Identifiers of answers, UUIDs, addresses and names of models are shorter than this; with it a label fills one cache
/// line.
const INLINE_BYTES: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_label_is_cut_at_a_character_and_shows_it() {
        let long = "é".repeat(600);
        let label = Label::clip(&long);
        assert!(label.as_str().ends_with('…') && label.as_str().len() <= Label::MAX_BYTES);
        assert!(long.parse::<Label>().is_err());
        assert_eq!(Label::clip("short").as_str(), "short");
    }

    #[test]
    fn labels_of_one_text_are_equal_however_long_it_is() {
        for length in [0, 1, INLINE_BYTES, INLINE_BYTES + 1, Label::MAX_BYTES] {
            let text = "x".repeat(length);
            let (clipped, parsed) = (Label::clip(&text), text.parse::<Label>().unwrap());
            assert_eq!(clipped, parsed);
            assert_eq!(
                Label::join(&[&text[..length / 2], &text[length / 2..]]),
                parsed
            );
            assert_eq!(parsed.as_str(), text);
            assert!(clipped < Label::clip(&format!("{text}y")) || length == Label::MAX_BYTES);
        }
        assert_eq!(size_of::<Option<Label>>(), 64);
    }

    #[test]
    fn a_message_holds_500_characters_not_bytes() {
        assert_eq!(
            Message::clip(&"é".repeat(501)).as_str().chars().count(),
            500
        );
        assert!("é".repeat(500).parse::<Message>().is_ok());
        assert!("é".repeat(501).parse::<Message>().is_err());
    }

    #[test]
    fn a_content_text_is_json_of_limited_length_and_its_debug_shows_none_of_it() {
        let of_length = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        assert!(
            of_length(ContentText::MAX_BYTES)
                .parse::<ContentText>()
                .is_ok()
        );
        assert!(
            of_length(ContentText::MAX_BYTES + 1)
                .parse::<ContentText>()
                .is_err()
        );
        assert!("[1,".parse::<ContentText>().is_err());
        let text: ContentText = "\"hunter2\"".parse().unwrap();
        assert_eq!(format!("{text:?}"), "ContentText(9 bytes)");
    }

    #[test]
    fn json_text_is_checked_and_bounded() {
        assert!("{\"a\":".parse::<JsonText>().is_err());
        assert!(
            format!("\"{}\"", "x".repeat(JsonText::MAX_BYTES))
                .parse::<JsonText>()
                .is_err()
        );
        for levels in [1, 127, 128, 129, 1000] {
            let value = crate::record::testing::nested(levels);
            let read = |text: JsonText| text.as_str().parse::<JsonText>().unwrap().to_value();
            match JsonText::from_value(&value) {
                Ok(text) => assert_eq!((read(text), levels <= 127), (value.clone(), true)),
                Err(error) => assert_eq!((error, levels > 127), (TextError::TOO_DEEP, true)),
            }
            read(JsonText::or_note(&value));
            read(JsonText::captured(&value));
        }
        let text = JsonText::from_value(&serde_json::json!({"b": 1, "a": [true]})).unwrap();
        assert_eq!(text.as_str(), r#"{"a":[true],"b":1}"#);
        let exact =
            JsonText::from_value(&serde_json::json!({"id": 9_007_199_254_740_993_u64})).unwrap();
        assert_eq!(
            exact.as_str(),
            r#"{"id":9007199254740993}"#,
            "no number is rounded"
        );
    }
}
