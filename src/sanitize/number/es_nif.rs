//! Tax identification numbers of natural persons in Spain: DNI (eight digits), NIE (X, Y or Z and seven digits) and the
//! numbers K, L, M (and seven digits), each with a check letter. Companies' numbers (CIF) are no personal data.
//!
//! Real Decreto 1065/2007, art. 19 and 20: the letter is the number modulo 23, with X, Y, Z as 0, 1, 2 in front, and K, L, M
//! left out. Finds every changed digit. One of 23 passes of random digits with a random one of the letters.

/// Whether the text can be the number of a natural person.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let &[first, ref rest @ .., letter] = text else {
        return false;
    };
    let front = match first {
        b'0'..=b'9' => u64::from(first - b'0'),
        b'X' | b'K' | b'L' | b'M' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return false,
    };
    let Some(number) = super::value(rest).filter(|_| rest.len() == 7) else {
        return false;
    };
    let remainder = (front * 10_000_000 + number) % 23;
    usize::try_from(remainder).is_ok_and(|place| LETTERS[place] == letter)
}

const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        for text in [
            "12345678Z",
            "54362315K",
            "X2482300W",
            "X5253868R",
            "M1234567L",
            "Z8327649K",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn companies_and_other_forms_fail() {
        for text in [
            "J99216582",
            "12345678",
            "1234567Z",
            "123456789Z",
            "12345678z",
            "A1234567L",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_letter_is_right_and_no_changed_digit(text in "[0-9XYZKLM][0-9]{7}") {
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
            let valid = property::completed(&text, letters, is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
