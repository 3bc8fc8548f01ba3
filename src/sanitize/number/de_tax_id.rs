//! Tax identification numbers of Germany (Steuerliche Identifikationsnummer, § 139b AO): eleven digits, the last by
//! ISO/IEC 7064 MOD 11,10.
//!
//! Bundeszentralamt für Steuern: the first digit is not 0; of the first ten, exactly one value stands twice or three times
//! and no other more than once. That three equal digits never stand side by side is not asked for: it would spare hardly
//! anything, and software that makes such numbers often forgets it. Finds every changed digit. One of some 290 random numbers
//! passes.

use super::checksum;

/// Whether the text can be a tax identification number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<11>(text).is_some_and(|digits| {
        digits[0] != 0 && one_value_is_repeated(&digits[..10]) && checksum::mod_11_10(&digits)
    })
}

fn one_value_is_repeated(digits: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    for digit in digits {
        counts[usize::from(*digit)] += 1;
    }
    let mut repeated = counts.iter().filter(|count| **count > 1);
    matches!((repeated.next(), repeated.next()), (Some(2 | 3), None))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        for text in [
            "86095742719",
            "47036892816",
            "65929970489",
            "57549285017",
            "25768131411",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_begins_with_0_or_repeats_nothing_or_too_much_fails() {
        for body in ["0123456788", "1234567890", "1122345678", "1111234567"] {
            let valid = property::completed(body, b"0123456789", is_valid);
            assert_eq!(valid, Vec::<String>::new(), "{body}");
        }
        assert!(!is_valid(b"8609574271") && !is_valid(b"860957427190"));
    }

    proptest! {
        #[test]
        fn one_check_digit_is_right_and_no_changed_digit(
            digits in Just(vec![0_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9]).prop_shuffle(),
            (from, to) in (0_usize..10, 0_usize..10),
        ) {
            let mut body = digits;
            body[to] = body[from];
            prop_assume!(from != to && body[0] != 0);
            let body: String = body.iter().map(u8::to_string).collect();
            let valid = property::completed(&body, b"0123456789", is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
