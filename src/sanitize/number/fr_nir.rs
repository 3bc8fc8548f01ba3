//! Social security numbers of France (NIR): thirteen characters and a key of two digits.
//!
//! INSEE, and R. 115-1 of the Code de la sécurité sociale: sex (1, 2; 3, 4, 7, 8 while registration is pending), year 2,
//! month 2 (01–12; 20 and above where it is not known), département 2 (2A and 2B in Corsica, counted as 19 and 18),
//! commune 3, order 3, key: 97 less the number modulo 97. Finds every changed digit. One of some 180 random numbers
//! passes.

/// Whether the text can be a social security number with its key.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    if text.len() != 15 {
        return false;
    }
    let mut written = [0; 13];
    written.copy_from_slice(&text[..13]);
    match &text[5..7] {
        b"2A" => written[5..7].copy_from_slice(b"19"),
        b"2B" => written[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let (Some(number), Some(month), Some(key)) = (
        super::value(&written),
        super::value(&written[3..5]),
        super::value(&text[13..]),
    ) else {
        return false;
    };
    matches!(text[0], b'1'..=b'4' | b'7' | b'8')
        && matches!(month, 1..=12 | 20..=99)
        && key == 97 - number % 97
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass() {
        for text in [
            "255081416802538",
            "295109912611193",
            "253072B07300470",
            "253072A07300443",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_sexes_months_and_departments_fail() {
        for body in [
            "5550814168025",
            "2551314168025",
            "2550014168025",
            "255082C168025",
        ] {
            assert!(
                property::completed_by_two(body, is_valid).is_empty(),
                "{body}"
            );
        }
        assert!(!is_valid(b"2550814168025") && !is_valid(b""));
    }

    proptest! {
        #[test]
        fn one_key_is_right_and_no_changed_digit(
            text in "[12][0-9]{2}(0[1-9]|1[0-2])([0-9]{2}|2A|2B)[0-9]{6}"
        ) {
            let valid = property::completed_by_two(&text, is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
