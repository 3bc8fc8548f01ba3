//! Tax codes of natural persons in Italy (codice fiscale): sixteen characters, the last a check letter.
//!
//! Decreto ministeriale 23 dicembre 1976, art. 2 to 7: six letters of the names, year 2, a letter for the month, day 2 (and
//! 40 for women), the place's letter and three digits, the check letter. Where two persons would share a code, digits are
//! replaced from the right by L M N P Q R S T U V (omocodia); any of them may be here. Finds every changed digit and
//! every changed letter of the names. One of 26 of the form passes.

/// Whether the text can be a tax code.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let Ok(text) = <&[u8; 16]>::try_from(text) else {
        return false;
    };
    has_the_form(text) && check_letter(text) == Some(text[15])
}

fn has_the_form(text: &[u8; 16]) -> bool {
    let letters = |from: usize, to: usize| text[from..to].iter().all(u8::is_ascii_uppercase);
    let number = |places: &[usize]| {
        places.iter().try_fold(0, |number, place| {
            digit(text[*place]).map(|digit| number * 10 + digit)
        })
    };
    letters(0, 6)
        && number(&[6, 7]).is_some()
        && b"ABCDEHLMPRST".contains(&text[8])
        && matches!(number(&[9, 10]), Some(1..=31 | 41..=71))
        && letters(11, 12)
        && number(&[12, 13, 14]).is_some()
}

/// The digit that a character stands for, be it itself or a letter of the omocodia.
fn digit(character: u8) -> Option<u32> {
    let place = match character {
        b'0'..=b'9' => return Some(u32::from(character - b'0')),
        letter => OMOCODIA.iter().position(|own| *own == letter)?,
    };
    u32::try_from(place).ok()
}

fn check_letter(text: &[u8; 16]) -> Option<u8> {
    let mut sum = 0;
    for (place, character) in text[..15].iter().enumerate() {
        let value = match character {
            b'0'..=b'9' => character - b'0',
            b'A'..=b'Z' => character - b'A',
            _ => return None,
        };
        sum += match place % 2 {
            0 => u32::from(AT_ODD_PLACES[usize::from(value)]),
            _ => u32::from(value),
        };
    }
    u8::try_from(sum % 26).ok().map(|letter| b'A' + letter)
}

const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";

/// What a letter counts at the first, third, … place; a digit counts as the letter of its value.
const AT_ODD_PLACES: [u8; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn published_examples_pass_with_and_without_omocodia() {
        for text in ["RCCMNL83S18D969H", "MRTMTT91D08F205J", "RSSMRA85T10A562S"] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        assert_eq!(
            property::completed("RCCMNL83S18D96V", letters, is_valid).len(),
            1
        );
    }

    #[test]
    fn other_months_days_and_letters_fail() {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for body in [
            "RCCMNL83F18D969",
            "RCCMNL83S32D969",
            "RCCMNL83S00D969",
            "RCCMNL83S72D969",
            "RCCMN183S18D969",
            "RCCMNL8AS18D969",
        ] {
            assert!(
                property::completed(body, letters, is_valid).is_empty(),
                "{body}"
            );
        }
        assert!(!is_valid(b"RCCMNL83S18D969") && !is_valid(b"rccmnl83s18d969h"));
    }

    proptest! {
        #[test]
        fn one_letter_is_right_and_no_changed_digit(
            text in "[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T](0[1-9]|[1256][0-9]|3[01]|4[1-9]|7[01])[A-Z][0-9L-NP-V]{3}"
        ) {
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
            let valid = property::completed(&text, letters, is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
