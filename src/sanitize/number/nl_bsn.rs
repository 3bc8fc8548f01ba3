//! Citizen service numbers of the Netherlands (burgerservicenummer): nine digits, or eight where the first is 0.
//!
//! Wet algemene bepalingen burgerservicenummer, and Logisch Ontwerp BSN: the digits times 9, 8, … 2 less the last add up to
//! a multiple of eleven. Finds every changed digit. One of 11 random numbers passes: a caller should ask for a word about
//! the number.

use super::checksum::weighted;

/// Whether the text can be a citizen service number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let mut padded = [b'0'; 9];
    match text.len() {
        8 => padded[1..].copy_from_slice(text),
        9 => padded.copy_from_slice(text),
        _ => return false,
    }
    super::digits::<9>(&padded).is_some_and(|digits| {
        let sum = weighted(&digits, &WEIGHTS);
        sum > 0 && sum % 11 == u32::from(digits[8])
    })
}

const WEIGHTS: [u32; 9] = [9, 8, 7, 6, 5, 4, 3, 2, 0];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        assert!(is_valid(b"111222333") && is_valid(b"123456782") && is_valid(b"999994669"));
        assert!(is_valid(b"010464554") && is_valid(b"10464554"));
    }

    #[test]
    fn nothing_and_other_lengths_fail() {
        for text in [
            "000000000",
            "00000000",
            "1234567",
            "1112223330",
            "111.222.333",
            "11122233A",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn at_most_one_check_digit_is_right_and_no_changed_digit(text in "[0-9]{7,8}") {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert!(valid.len() <= 1);
            for valid in valid {
                prop_assert_eq!(property::changed_and_valid(&valid, is_valid), None);
            }
        }
    }
}
