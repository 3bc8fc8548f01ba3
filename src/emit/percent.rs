//! Percent-encoding (RFC 3986 section 2.1), as headers and the environment use it.

/// The text behind an encoded one. What is no encoding stays as it is; what is no UTF-8 is replaced.
pub(crate) fn decoded(words: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(words.len());
    let mut rest = words;
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(byte);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
