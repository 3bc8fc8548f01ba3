//! Tax file numbers of Australia: nine digits, as persons have them. (The eight of old organisations are not told apart from
//! other numbers.)
//!
//! Australian Taxation Office: the digits times 1, 4, 3, 7, 5, 8, 6, 9, 10 add up to a multiple of eleven. Finds every changed
//! digit. One of 11 random numbers passes: a caller should ask for a word about the number.

use super::checksum::weighted;

/// Whether the text can be a tax file number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<9>(text).is_some_and(|digits| {
        let sum = weighted(&digits, &WEIGHTS);
        sum > 0 && sum.is_multiple_of(11)
    })
}

const WEIGHTS: [u32; 9] = [1, 4, 3, 7, 5, 8, 6, 9, 10];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        assert!(is_valid(b"123456782") && is_valid(b"876543210") && is_valid(b"565051603"));
    }

    #[test]
    fn nothing_and_other_lengths_fail() {
        for text in ["000000000", "12345678", "1234567820", "12345678A"] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn at_most_one_check_digit_is_right_and_no_changed_digit(text in "[0-9]{8}") {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert!(valid.len() <= 1);
            for valid in valid {
                prop_assert_eq!(property::changed_and_valid(&valid, is_valid), None);
            }
        }
    }
}
