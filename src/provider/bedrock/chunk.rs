//! Chunks of `InvokeModelWithResponseStream`: `{"bytes": "…"}`, an event of the model's maker in base64 (RFC 4648
//! section 4); a client that decoded the message puts `{"chunk": …}` around it.

use serde::Deserialize;

use crate::provider::ProviderError;
use crate::provider::tolerant;
use crate::provider::wiped::{WipedBytes, WipedText};

/// The event in a chunk; none where this is no chunk.
///
/// # Errors
/// [`ProviderError::Malformed`] where it is no JSON, or the bytes are no base64.
pub(in crate::provider) fn unwrapped(json: &[u8]) -> Result<Option<WipedBytes>, ProviderError> {
    let said = tolerant::parse::<ChunkBody>(json)?;
    let inside = said.and_then(|said| said.bytes.or(said.chunk.and_then(|chunk| chunk.bytes)));
    let Some(text) = inside else {
        return Ok(None);
    };
    let broken = |offset| ProviderError::Malformed {
        offset,
        length: json.len(),
    };
    decoded(text.as_str().as_bytes()).map(Some).map_err(broken)
}

/// The bytes of a base64 text, whose padding may be absent; else where it breaks the form.
fn decoded(text: &[u8]) -> Result<WipedBytes, usize> {
    let unpadded = text.iter().rposition(|byte| *byte != b'=');
    let text = &text[..unpadded.map_or(0, |last| last + 1)];
    let mut bytes = WipedBytes::default();
    for (at, group) in (0..).step_by(4).zip(text.chunks(4)) {
        let mut bits = 0_u32;
        for (index, byte) in group.iter().enumerate() {
            let value = value_of(*byte).ok_or(at + index)?;
            bits |= u32::from(value) << (18 - 6 * index);
        }
        match group.len() {
            1 => return Err(at),
            known => bytes.push(&bits.to_be_bytes()[1..known]),
        }
    }
    Ok(bytes)
}

fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[derive(Deserialize)]
struct ChunkBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    bytes: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    chunk: Option<InnerBody>,
}

#[derive(Deserialize)]
struct InnerBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    bytes: Option<WipedText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648_are_decoded() {
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmE", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            let bytes = decoded(text.as_bytes()).unwrap();
            assert_eq!(bytes.as_slice(), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_base64_is_told_by_its_place() {
        for (text, at) in [("Zm9vY", 4), ("Zm9-", 3), ("Zm9v Ym", 4)] {
            assert_eq!(decoded(text.as_bytes()).err(), Some(at), "{text}");
        }
    }
}
