//! National Insurance numbers of the United Kingdom: two letters, six digits, one letter. There is no checksum.
//!
//! HM Revenue & Customs, National Insurance Manual NIM39110: neither letter of the prefix is D, F, I, Q, U or V, the second
//! is not O; BG, GB, KN, NK, NT, TN and ZZ are not used; the suffix is A, B, C or D. QQ, which the authority prints in its
//! examples, passes.

/// Whether the text can be a National Insurance number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let [first, second, number @ .., suffix] = text else {
        return false;
    };
    let prefix = [*first, *second];
    let letters = prefix.iter().all(u8::is_ascii_uppercase)
        && !prefix.iter().any(|letter| b"DFIQUV".contains(letter))
        && *second != b'O'
        && !UNUSED.contains(&&prefix);
    (letters || prefix == *b"QQ")
        && super::digits::<6>(number).is_some()
        && (b'A'..=b'D').contains(suffix)
}

const UNUSED: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn used_prefixes_and_the_printed_example_pass() {
        for text in [
            "AB123456C",
            "JG103759A",
            "OA123456D",
            "QQ123456C",
            "ZY000000B",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn unused_prefixes_and_suffixes_fail() {
        for text in [
            "DA123456A",
            "AD123456A",
            "AO123456A",
            "BG123456A",
            "ZZ123456A",
            "AB123456E",
            "QA123456A",
            "AB12345C",
            "AB1234567",
            "ab123456c",
            "",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }
}
