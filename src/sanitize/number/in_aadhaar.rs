//! Aadhaar numbers of India: twelve digits, the last by Verhoeff.
//!
//! Unique Identification Authority of India, A UID Numbering Scheme (2010): the first digit is 2 to 9, and no number reads
//! the same backwards. Finds every changed digit and every swap of neighbours. One of 12 random numbers passes.

use super::checksum;

/// Whether the text can be an Aadhaar number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<12>(text).is_some_and(|digits| {
        digits[0] >= 2 && !digits.iter().eq(digits.iter().rev()) && checksum::verhoeff(&digits)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        assert!(is_valid(b"234123412346"));
        assert!(!is_valid(b"234123412347"));
    }

    #[test]
    fn what_begins_with_0_or_1_and_what_reads_backwards_fails() {
        for text in ["0", "1"] {
            let body = format!("{text}3412341234");
            assert!(property::completed(&body, b"0123456789", is_valid).is_empty());
        }
        assert!(!is_valid(b"222222222222"));
    }

    proptest! {
        #[test]
        fn one_check_digit_is_right_and_no_changed_digit_and_no_swap(text in "[2-9][0-9]{10}") {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assume!(!valid.is_empty());
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
            for place in 0..11 {
                let mut swapped = valid[0].clone().into_bytes();
                swapped.swap(place, place + 1);
                prop_assert!(swapped == valid[0].as_bytes() || !is_valid(&swapped));
            }
        }
    }
}
