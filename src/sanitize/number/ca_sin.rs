//! Social insurance numbers of Canada: nine digits, the last by Luhn.
//!
//! Employment and Social Development Canada: the first digit tells the region, 9 temporary residents. 0 is of numbers that
//! the Revenue Agency gives, and of printed examples; 8 is of businesses, those of one person too. All of them pass but
//! the number of zeros. Finds every changed digit. One of ten random numbers passes: a caller should ask for the form
//! 3-3-3 or for a word about the number.

use super::checksum;

/// Whether the text can be a social insurance number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<9>(text).is_some() && checksum::luhn(text) && text != b"000000000"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        assert!(is_valid(b"046454286") && is_valid(b"130692544") && is_valid(b"123456782"));
    }

    #[test]
    fn zeros_and_other_lengths_fail() {
        for text in [
            "000000000",
            "12345678",
            "1306925440",
            "13069254A",
            "999999999",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_check_digit_is_right_and_no_changed_digit(text in "[1-9][0-9]{7}") {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert!(property::luhn_by_hand(&valid[0]));
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
