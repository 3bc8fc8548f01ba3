//! Tolerant reading: a member of another type than expected is read as absent, and costs nothing but itself.
//!
//! Providers and the gateways before them change types of members without notice (`"id": 7`, `"content": [..]`,
//! `"usage": ""`). None of that may lose the rest of an answer; only text that is no JSON does.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::value::RawValue;

use super::ProviderError;
use super::wiped::WipedText;
use crate::record::Label;

/// The value that a whole text holds.
pub(super) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<Option<T>, ProviderError> {
    let whole: Object<T> = serde_json::from_slice(json).map_err(|error| malformed(json, &error))?;
    Ok(whole.0)
}

/// The objects in the list that a whole text holds; none where it holds no list.
pub(super) fn parse_list<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Vec<T> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    objects(&mut reader).unwrap_or_default()
}

/// Whether a whole text is JSON, of whatever shape.
pub(super) fn check(json: &[u8]) -> Result<(), ProviderError> {
    let any: Result<IgnoredAny, _> = serde_json::from_slice(json);
    any.map(drop).map_err(|error| malformed(json, &error))
}

/// The text that a JSON value is; none where it is something else.
pub(super) fn text(json: &RawValue) -> Option<WipedText> {
    let mut reader = serde_json::Deserializer::from_str(json.get());
    leaf(&mut reader).unwrap_or_default()
}

/// The text that a JSON value is, else the value as it stands. Arguments of tools come either way.
pub(super) fn text_or_json(json: &RawValue) -> WipedText {
    text(json).unwrap_or_else(|| WipedText::from(json.get()))
}

/// The name of an object's first member.
pub(super) fn first_member(json: &str) -> Option<Label> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let FirstMember(name) = leaf(&mut reader).unwrap_or_default();
    name
}

/// A member that is a text, a number or a flag.
pub(super) fn leaf<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Tolerant<'de> + Default,
{
    Ok(deserializer
        .deserialize_any(Any(PhantomData))?
        .unwrap_or_default())
}

/// A member that is an object.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Object::deserialize(deserializer)?.0)
}

/// A member that is a list of objects; elements of other types are left out.
pub(super) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list: Option<List<Object<T>>> = deserializer.deserialize_any(Any(PhantomData))?;
    Ok(list.map_or_else(Vec::new, |List(items)| {
        items.into_iter().filter_map(|item| item.0).collect()
    }))
}

/// A member that is a list; the elements as they stand.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list: Option<List<T>> = deserializer.deserialize_any(Any(PhantomData))?;
    Ok(list.map_or_else(Vec::new, |List(items)| items))
}

/// A count of tokens, as a provider gave it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Count {
    /// Not said.
    #[default]
    Absent,
    /// Said, but no count: negative, beyond `i64::MAX`, a fraction.
    Unusable,
    /// So many.
    Known(u64),
}

impl Count {
    /// A number as a count.
    pub(super) fn of(number: u64) -> Self {
        if number <= MOST_TOKENS {
            Self::Known(number)
        } else {
            Self::Unusable
        }
    }

    /// The count; unknown where it is absent or no count.
    pub(super) fn known(self) -> Option<u64> {
        match self {
            Self::Known(count) => Some(count),
            Self::Absent | Self::Unusable => None,
        }
    }

    /// What to add for it in a sum: nothing where it is absent; no sum where it is no count.
    pub(super) fn addend(self) -> Option<u64> {
        match self {
            Self::Absent => Some(0),
            Self::Unusable => None,
            Self::Known(count) => Some(count),
        }
    }

    /// This count, or the other where this one is absent.
    #[must_use]
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Absent { other } else { self }
    }
}

/// What can be made of a JSON value of the right type; of any other it makes nothing.
pub(super) trait Tolerant<'de>: Sized {
    fn of_text(_: &str) -> Option<Self> {
        None
    }

    fn of_integer(_: u64) -> Option<Self> {
        None
    }

    fn of_number(_: f64) -> Option<Self> {
        None
    }

    fn of_flag(_: bool) -> Option<Self> {
        None
    }

    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Self>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn of_object<A: MapAccess<'de>>(mut members: A) -> Result<Option<Self>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A name; an empty one says nothing.
impl Tolerant<'_> for Option<Label> {
    fn of_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Some(Label::clip(text)))
    }
}

impl Tolerant<'_> for Option<WipedText> {
    fn of_text(text: &str) -> Option<Self> {
        Some(Some(WipedText::from(text)))
    }
}

impl Tolerant<'_> for Option<u64> {
    fn of_integer(number: u64) -> Option<Self> {
        Some(Some(number))
    }
}

impl Tolerant<'_> for Option<f64> {
    fn of_integer(number: u64) -> Option<Self> {
        Self::of_number(number as f64)
    }

    fn of_number(number: f64) -> Option<Self> {
        Some(Some(number))
    }
}

impl Tolerant<'_> for Option<bool> {
    fn of_flag(flag: bool) -> Option<Self> {
        Some(Some(flag))
    }
}

impl Tolerant<'_> for bool {
    fn of_flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Tolerant<'_> for Count {
    fn of_text(_: &str) -> Option<Self> {
        Some(Self::Unusable)
    }

    fn of_flag(_: bool) -> Option<Self> {
        Some(Self::Unusable)
    }

    fn of_integer(number: u64) -> Option<Self> {
        Some(Self::of(number))
    }

    /// JSON does not tell `12` from `12.0`, and some gateways write the latter.
    fn of_number(number: f64) -> Option<Self> {
        let whole = number.fract() == 0.0 && (0.0..=EXACT_IN_FLOAT).contains(&number);
        Some(if whole {
            Self::Known(number as u64)
        } else {
            Self::Unusable
        })
    }
}

#[derive(Default)]
struct FirstMember(Option<Label>);

impl<'de> Tolerant<'de> for FirstMember {
    fn of_object<A: MapAccess<'de>>(mut members: A) -> Result<Option<Self>, A::Error> {
        let first = members.next_entry::<Cow<'de, str>, IgnoredAny>()?;
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(first.map(|(name, _)| Self(Some(Label::clip(&name)))))
    }
}

/// An object, or anything else.
pub(super) struct Object<T>(Option<T>);

impl<T> Object<T> {
    pub(super) fn into_inner(self) -> Option<T> {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found: Option<Self> = deserializer.deserialize_any(Any(PhantomData))?;
        Ok(found.unwrap_or(Self(None)))
    }
}

impl<'de, T: Deserialize<'de>> Tolerant<'de> for Object<T> {
    fn of_object<A: MapAccess<'de>>(members: A) -> Result<Option<Self>, A::Error> {
        let value = T::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Some(Self(Some(value))))
    }
}

struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Tolerant<'de> for List<T> {
    fn of_list<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Self>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Some(Self(list)))
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Tolerant<'de>> Visitor<'de> for Any<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::of_flag(flag))
    }

    /// serde_json calls this for negative numbers only.
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::of_number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::of_integer(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::of_number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::of_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        T::of_list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        T::of_object(members)
    }
}

fn malformed(json: &[u8], error: &serde_json::Error) -> ProviderError {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    ProviderError::Malformed {
        offset: (before + error.column()).min(json.len()),
        length: json.len(),
    }
}

const MOST_TOKENS: u64 = i64::MAX as u64;
const EXACT_IN_FLOAT: f64 = 9_007_199_254_740_992.0;
