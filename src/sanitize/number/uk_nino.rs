//! National Insurance numbers of the United Kingdom: two letters, six digits, one letter. There is no checksum.
//!
//! HM Revenue & Customs, National Insurance Manual NIM39110: neither letter of the prefix is D, F, I, Q, U or V, the second
//! is not O; BG, GB, KN, NK, NT, TN and ZZ are not used; the suffix is A, B, C or D. QQ, which the authority prints in its
//! examples, passes; so does ZZ with the suffix T, which no person has and test data is full of.

/// Whether the text can be a National Insurance number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let [first, second, number @ .., suffix] = text else {
        return false;
    };
    let prefix = [*first, *second];
    let known = match suffix {
        b'A'..=b'D' => is_used(prefix) || prefix == *b"QQ",
        b'T' => prefix == *b"ZZ",
        _ => false,
    };
    known && super::digits::<6>(number).is_some()
}

fn is_used(prefix: [u8; 2]) -> bool {
    let is_given_out = |letter: &u8| letter.is_ascii_uppercase() && !b"DFIQUV".contains(letter);
    prefix.iter().all(is_given_out) && prefix[1] != b'O' && !UNUSED.contains(&&prefix)
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
            "ZZ123456T",
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
            "AB123456T",
            "AB12345C",
            "AB1234567",
            "ab123456c",
            "",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }
}
