//! PESEL numbers of Poland: eleven digits, the first six a date of birth, the last a check digit.
//!
//! Ustawa o ewidencji ludności (2010), art. 15: year 2, month 2 (and 20, 40, 60, 80 for the 2000s, 2100s, 2200s and
//! 1800s), day 2, serial 4; the digits times 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1 add up to a multiple of ten. Finds every changed
//! digit. One of some 55 random numbers passes.

use jiff::civil::Date;

use super::checksum::weighted;

/// Whether the text can be a PESEL number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    super::digits::<11>(text).is_some_and(|digits| {
        weighted(&digits, &WEIGHTS).is_multiple_of(10) && begins_with_a_date(&digits)
    })
}

fn begins_with_a_date(digits: &[u8; 11]) -> bool {
    let [year, month, day] = [0, 2, 4].map(|at| digits[at] * 10 + digits[at + 1]);
    let century = [1900_i16, 2000, 2100, 2200, 1800][usize::from(month / 20)];
    let number = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
    Date::new(century + i16::from(year), number(month % 20), number(day)).is_ok()
}

const WEIGHTS: [u32; 11] = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        for text in ["44051401359", "44051401458", "02070803628"] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_begins_with_no_date_fails() {
        for body in [
            "8500010000",
            "8513010000",
            "8502300000",
            "0022300000",
            "8599010000",
        ] {
            assert!(
                property::completed(body, b"0123456789", is_valid).is_empty(),
                "{body}"
            );
        }
        assert!(!is_valid(b"4405140145") && !is_valid(b"440514014588"));
    }

    proptest! {
        #[test]
        fn one_check_digit_is_right_and_no_changed_digit(
            text in "[0-9]{2}([02468][1-9]|[13579][0-2])(0[1-9]|1[0-9]|2[0-8])[0-9]{4}"
        ) {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
