//! The canonical form of content (RFC 8785), written straight into the text that is kept of it, so that content is copied
//! once and nothing of it stays behind in memory that nobody wipes.
//!
//! Members of an object that do not come in order are put in order when the object ends, through a copy that is wiped.
//! Whole numbers and floating-point numbers are in the ECMAScript form; numbers that are not finite are `null`, as in
//! ECMAScript. An object that repeats a key has no form.

use std::cmp::Ordering;
use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::captured::RawText;
use super::decimal;

/// Writes the canonical form of `value` behind what `room` holds. `None` where there is none: a map with keys that are no
/// text, a key that stands twice, a value that refuses.
pub(super) fn write(value: &(impl Serialize + ?Sized), room: RawText) -> Option<RawText> {
    let mut form = Form {
        out: room,
        members: Vec::new(),
        objects: Vec::new(),
    };
    let mut serializer = Serializer::with_formatter(io::sink(), Writing(&mut form));
    value.serialize(&mut serializer).ok()?;
    Some(form.out)
}

struct Form {
    out: RawText,
    /// Members of the objects that are open, those of the innermost one last.
    members: Vec<Member>,
    /// Where the open objects begin, and which of the members is their first.
    objects: Vec<(usize, usize)>,
}

/// Where a member stands: its key with quotation marks, a colon, its value.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
}

impl Form {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend(bytes);
        Ok(())
    }

    fn at(&self) -> usize {
        self.out.as_bytes().len()
    }

    fn whole(&mut self, negative: bool, magnitude: u64) -> io::Result<()> {
        if magnitude > MAX_SAFE_INTEGER {
            // Numbers of the canonical form are doubles.
            let number = magnitude as f64;
            return self.double(if negative { -number } else { number });
        }
        if negative && magnitude > 0 {
            self.put(b"-")?;
        }
        self.put(decimal::encode(magnitude, &mut [0; 20]).as_bytes())
    }

    fn double(&mut self, number: f64) -> io::Result<()> {
        if !number.is_finite() {
            return self.put(b"null");
        }
        self.put(ryu_js::Buffer::new().format_finite(number).as_bytes())
    }

    fn end_object(&mut self) -> io::Result<()> {
        let (start, first) = self
            .objects
            .pop()
            .expect("an object ends after it has begun");
        let bytes = self.out.as_bytes();
        let key = |member: &Member| &bytes[member.start..member.key_end];
        let in_order = self.members[first..]
            .is_sorted_by(|one, other| compare_keys(key(one), key(other)) == Ordering::Less);
        if !in_order {
            self.put_in_order(start, first)?;
        }
        self.members.truncate(first);
        self.put(b"}")
    }

    fn put_in_order(&mut self, start: usize, first: usize) -> io::Result<()> {
        let mut copy = RawText::new(Vec::new());
        copy.extend(&self.out.as_bytes()[start..]);
        let bytes = copy.as_bytes();
        let key = |member: &Member| &bytes[member.start - start..member.key_end - start];
        let members = &mut self.members[first..];
        members.sort_by(|one, other| compare_keys(key(one), key(other)));
        if members
            .windows(2)
            .any(|pair| compare_keys(key(&pair[0]), key(&pair[1])) == Ordering::Equal)
        {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut at = start;
        let out = self.out.as_mut_bytes();
        for (number, member) in members.iter().enumerate() {
            if number > 0 {
                out[at] = b',';
                at += 1;
            }
            let member = &bytes[member.start - start..member.end - start];
            out[at..at + member.len()].copy_from_slice(member);
            at += member.len();
        }
        Ok(())
    }
}

/// RFC 8785 section 3.2.3: keys are sorted by the UTF-16 units of what they say. For keys without escapes and of characters
/// below U+E000 that is the order of their bytes.
fn compare_keys(one: &[u8], other: &[u8]) -> Ordering {
    let simple = |key: &[u8]| !key.iter().any(|byte| *byte == b'\\' || *byte >= 0xee);
    let (Some(one), Some(other)) = (unquoted(one), unquoted(other)) else {
        return one.cmp(other);
    };
    if simple(one) && simple(other) {
        return one.cmp(other);
    }
    units(one).cmp(&units(other))
}

fn unquoted(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

fn units(key: &[u8]) -> Vec<u16> {
    let quoted = [b"\"", key, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).unwrap_or_default();
    text.encode_utf16().collect()
}

/// What serde_json asks for the form of a value; what it would write to is left alone.
struct Writing<'a>(&'a mut Form);

macro_rules! whole_numbers {
    ($sign:expr; $($method:ident $type:ty),+) => {
        $(fn $method<W: ?Sized + io::Write>(&mut self, _writer: &mut W, value: $type) -> io::Result<()> {
            let negative: fn($type) -> bool = $sign;
            match u64::try_from(value.abs_diff(0)) {
                Ok(magnitude) => self.0.whole(negative(value), magnitude),
                Err(_) => self.0.double(value as f64),
            }
        })+
    };
}

impl Formatter for Writing<'_> {
    whole_numbers!(|value| value < 0;
        write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128);
    whole_numbers!(|_| false;
        write_u8 u8, write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128);

    fn write_null<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"null")
    }

    fn write_bool<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        value: bool,
    ) -> io::Result<()> {
        self.0.put(if value { b"true" } else { b"false" })
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _writer: &mut W, value: f32) -> io::Result<()> {
        self.0.double(f64::from(value))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _writer: &mut W, value: f64) -> io::Result<()> {
        self.0.double(value)
    }

    fn write_number_str<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        value: &str,
    ) -> io::Result<()> {
        let number = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        self.0.double(number)
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"\"")
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"\"")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.0.put(fragment.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote => self.0.put(b"\\\""),
            CharEscape::ReverseSolidus => self.0.put(b"\\\\"),
            CharEscape::Solidus => self.0.put(b"/"),
            CharEscape::Backspace => self.0.put(b"\\b"),
            CharEscape::FormFeed => self.0.put(b"\\f"),
            CharEscape::LineFeed => self.0.put(b"\\n"),
            CharEscape::CarriageReturn => self.0.put(b"\\r"),
            CharEscape::Tab => self.0.put(b"\\t"),
            CharEscape::AsciiControl(byte) => {
                self.0.put(b"\\u00")?;
                self.0
                    .put(super::hex::encode(&[byte], &mut [0; 2]).as_bytes())
            }
        }
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.put(if first { b"" } else { b"," })
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b"{")?;
        let first = self.0.members.len();
        self.0.objects.push((self.0.at(), first));
        Ok(())
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.end_object()
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.put(if first { b"" } else { b"," })?;
        let start = self.0.at();
        self.0.members.push(Member {
            start,
            key_end: start,
            end: start,
        });
        Ok(())
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        let at = self.0.at();
        if let Some(member) = self.0.members.last_mut() {
            member.key_end = at;
        }
        Ok(())
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.0.put(b":")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        let at = self.0.at();
        if let Some(member) = self.0.members.last_mut() {
            member.end = at;
        }
        Ok(())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(
        &mut self,
        _writer: &mut W,
        _fragment: &str,
    ) -> io::Result<()> {
        // What is written already cannot be put into canonical form here.
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Whole numbers up to it are doubles exactly, and are written with all their digits in either form.
const MAX_SAFE_INTEGER: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn form(value: &(impl Serialize + ?Sized)) -> Option<String> {
        let text = write(value, RawText::new(Vec::new()))?;
        Some(String::from_utf8(text.as_bytes().to_vec()).unwrap())
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any_text(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-d]{0,3}",
            ".{0,12}",
            "[\"\\\\/\u{0}-\u{1f}\u{7f}é\u{e000}\u{ffff}😀]{0,4}"
        ]
    }

    proptest! {
        #[test]
        fn the_form_is_that_of_the_reference(value in any_json()) {
            prop_assert_eq!(form(&value), serde_json_canonicalizer::to_string(&value).ok());
        }

        #[test]
        fn members_are_put_in_order_however_they_come(members in prop::collection::hash_map(any_text(), any_text(), 0..8)) {
            let members: HashMap<_, _> = members;
            prop_assert_eq!(form(&members), serde_json_canonicalizer::to_string(&members).ok());
        }

        #[test]
        fn whole_numbers_of_every_size_are_doubles(small: i8, large: i128, unsigned: u128) {
            let numbers = (small, large, unsigned, large as i64, unsigned as u64);
            prop_assert_eq!(form(&numbers), serde_json_canonicalizer::to_string(&numbers).ok());
        }
    }

    #[test]
    fn what_has_no_form_is_refused() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("a", 1), ("b", 2), ("a", 3)])
            }
        }
        assert_eq!(form(&Twice), None);
        assert_eq!(form(&HashMap::from([((1, 2), 3)])), None);
        assert_eq!(form(&[f64::NAN]).as_deref(), Some("[null]"));
    }

    #[test]
    fn a_text_goes_behind_what_is_there_and_nothing_else_is_kept() {
        let mut room = RawText::new(b"secret".to_vec());
        room.wipe();
        let text = write(&json!({"role": "user", "content": "hi"}), room).unwrap();
        assert_eq!(text.as_bytes(), br#"{"content":"hi","role":"user"}"#);
    }
}
