//! Lower-case hexadecimal, strict: what [`encode`] writes is all that [`decode`] reads.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes `bytes` as hexadecimal into `buffer`, which must hold exactly two characters a byte.
pub(crate) fn encode<'a>(bytes: &[u8], buffer: &'a mut [u8]) -> &'a str {
    debug_assert_eq!(buffer.len(), bytes.len() * 2);
    for (pair, byte) in buffer.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(buffer).expect("hexadecimal digits are ASCII")
}

/// Reads exactly `out.len()` bytes of lower-case hexadecimal; false where `text` is anything else.
pub(crate) fn decode(text: &str, out: &mut [u8]) -> bool {
    let text = text.as_bytes();
    if text.len() != out.len() * 2 {
        return false;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        match (nibble(pair[0]), nibble(pair[1])) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return false,
        }
    }
    true
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
