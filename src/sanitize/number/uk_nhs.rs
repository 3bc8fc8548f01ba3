//! NHS numbers of England, Wales and the Isle of Man, and the numbers of the same form in Scotland and Northern Ireland:
//! ten digits, the last a check digit.
//!
//! NHS Data Dictionary, NHS NUMBER: the digits times 10, 9, … 1 add up to a multiple of eleven; a number whose check digit
//! would be ten is not given out. Finds every changed digit. One of 11 random numbers passes. Numbers of one digit repeated
//! are not given out.

use super::checksum::weighted;

/// Whether the text can be an NHS number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<10>(text).is_some_and(|digits| {
        weighted(&digits, &WEIGHTS).is_multiple_of(11) && !super::all_the_same(text)
    })
}

const WEIGHTS: [u32; 10] = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn numbers_of_the_data_dictionary_pass() {
        assert!(is_valid(b"9434765919") && is_valid(b"4010232137") && is_valid(b"9876543210"));
    }

    #[test]
    fn other_lengths_and_repeated_digits_fail() {
        for text in [
            "943476591",
            "94347659190",
            "0000000000",
            "1111111111",
            "943476591X",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn at_most_one_check_digit_is_right_and_no_changed_digit(text in "[0-9]{9}") {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert!(valid.len() <= 1);
            for valid in valid {
                prop_assert_eq!(property::changed_and_valid(&valid, is_valid), None);
            }
        }
    }
}
