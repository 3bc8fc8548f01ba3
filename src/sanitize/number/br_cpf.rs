//! CPF numbers of Brazil (Cadastro de Pessoas Físicas): eleven digits, the last two check digits.
//!
//! Receita Federal: the first check digit is 11 less the sum of the nine digits times 10 … 2, modulo 11, the second the
//! same of ten digits times 11 … 2; where that gives 10 or 11 it is 0. Numbers of one digit repeated are not given out. One
//! of 100 random numbers passes.
//!
//! Since two remainders share the digit 0, it does not find every changed digit: one number of six stays valid when its
//! first digit is replaced by a neighbour, which the second sum does not count, or its sixth by the one two further. A
//! changed digit anywhere else is found, and 99.8 of 100 changed digits are.

use super::checksum::weighted;

/// Whether the text can be a CPF number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let Some(digits) = super::digits::<11>(text) else {
        return false;
    };
    let check = |sum: u32| (sum * 10) % 11 % 10;
    check(weighted(&digits, &FIRST)) == u32::from(digits[9])
        && check(weighted(&digits, &SECOND)) == u32::from(digits[10])
        && !super::all_the_same(text)
}

const FIRST: [u32; 11] = [10, 9, 8, 7, 6, 5, 4, 3, 2, 0, 0];
const SECOND: [u32; 11] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 0];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        for text in ["11144477735", "12345678909", "39053344705", "52998224725"] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn repeated_digits_and_other_lengths_fail() {
        for text in [
            "00000000000",
            "11111111111",
            "1234567890",
            "123456789090",
            "1234567890X",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    /// Whether a changed digit can go unseen: the first by one, the sixth by two.
    fn may_go_unseen(valid: &[u8], place: usize, digit: u8) -> bool {
        let sums_end_in_zero = valid[9] == b'0';
        let step = (11 + i32::from(valid[place]) - i32::from(digit)) % 11;
        sums_end_in_zero
            && match place {
                0 => step == 1 || step == 10,
                5 => step == 2 || step == 9,
                _ => false,
            }
    }

    proptest! {
        #[test]
        fn one_pair_is_right_and_no_changed_digit_but_where_remainders_share_the_zero(
            text in "[0-9]{9}"
        ) {
            let valid = property::completed_by_two(&text, is_valid);
            prop_assume!(!valid.is_empty());
            prop_assert_eq!(valid.len(), 1);
            let valid = valid[0].as_bytes();
            for place in 0..11 {
                for digit in (b'0'..=b'9').filter(|digit| *digit != valid[place]) {
                    let mut changed = valid.to_vec();
                    changed[place] = digit;
                    prop_assert!(!is_valid(&changed) || may_go_unseen(valid, place, digit));
                }
            }
        }
    }

    #[test]
    fn a_changed_first_digit_that_goes_unseen() {
        assert!(is_valid(b"29808525202") && is_valid(b"39808525202"));
    }
}
