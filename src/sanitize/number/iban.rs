//! International bank account numbers (ISO 13616-1): country, two check digits, and the country's own part.
//!
//! Check digits by ISO/IEC 7064 MOD 97-10, from 02 to 98; length and characters of the country's part as the IBAN registry
//! of SWIFT has them (release 101), and for the countries that use such numbers without being in the registry as their
//! central banks publish them. The countries' own check digits inside are not looked at. Finds every changed digit and,
//! of a random number of the form, lets one of 97 pass.

/// Whether the text is a number of a country that has such numbers.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let Some((head, own)) = text.split_at_checked(4) else {
        return false;
    };
    let check = super::value(&head[2..]);
    check.is_some_and(|check| (2..=98).contains(&check))
        && form([head[0], head[1]]).is_some_and(|form| has_the_form(own, form))
        && remainder(own, head) == 1
}

/// How many characters the numbers of a country have, given its two capital letters.
pub(in crate::sanitize) fn length(country: [u8; 2]) -> Option<usize> {
    form(country).map(|form| 4 + parts(form).map(|(_, count)| count).sum::<usize>())
}

fn form(country: [u8; 2]) -> Option<&'static str> {
    let found = |table: &[(&[u8; 2], &'static str)]| {
        let place = table.binary_search_by_key(&country, |(own, _)| **own);
        place.ok().map(|place| table[place].1)
    };
    found(&REGISTERED).or_else(|| found(&UNREGISTERED))
}

fn has_the_form(own: &[u8], form: &str) -> bool {
    let mut rest = own;
    for (kind, count) in parts(form) {
        let Some((part, after)) = rest.split_at_checked(count) else {
            return false;
        };
        let fits = |byte: &u8| match kind {
            b'n' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        };
        if !part.iter().all(fits) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// The parts of a form, `n8c12`: kind and count.
fn parts(form: &str) -> impl Iterator<Item = (u8, usize)> {
    let mut rest = form.as_bytes();
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first()?;
        let end = after.iter().position(|byte| !byte.is_ascii_digit());
        let (count, after) = after.split_at(end.unwrap_or(after.len()));
        rest = after;
        let count = super::value(count).and_then(|count| usize::try_from(count).ok());
        count.map(|count| (*kind, count))
    })
}

/// The number that the characters write, letters as 10 to 35, modulo 97; the head counts last.
fn remainder(own: &[u8], head: &[u8]) -> u32 {
    own.iter()
        .chain(head)
        .fold(0, |remainder, byte| match byte {
            b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
            _ => (remainder * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
        })
}

/// The countries of the registry, in order. `n` are digits, `a` capital letters, `c` either.
const REGISTERED: [(&[u8; 2], &str); 89] = [
    (b"AD", "n8c12"),
    (b"AE", "n19"),
    (b"AL", "n8c16"),
    (b"AT", "n16"),
    (b"AZ", "a4c20"),
    (b"BA", "n16"),
    (b"BE", "n12"),
    (b"BG", "a4n6c8"),
    (b"BH", "a4c14"),
    (b"BI", "n23"),
    (b"BR", "n23a1c1"),
    (b"BY", "c4n4c16"),
    (b"CH", "n5c12"),
    (b"CR", "n18"),
    (b"CY", "n8c16"),
    (b"CZ", "n20"),
    (b"DE", "n18"),
    (b"DJ", "n23"),
    (b"DK", "n14"),
    (b"DO", "c4n20"),
    (b"EE", "n16"),
    (b"EG", "n25"),
    (b"ES", "n20"),
    (b"FI", "n14"),
    (b"FK", "a2n12"),
    (b"FO", "n14"),
    (b"FR", "n10c11n2"),
    (b"GB", "a4n14"),
    (b"GE", "a2n16"),
    (b"GI", "a4c15"),
    (b"GL", "n14"),
    (b"GR", "n7c16"),
    (b"GT", "c24"),
    (b"HN", "a4n20"),
    (b"HR", "n17"),
    (b"HU", "n24"),
    (b"IE", "a4n14"),
    (b"IL", "n19"),
    (b"IQ", "a4n15"),
    (b"IS", "n22"),
    (b"IT", "a1n10c12"),
    (b"JO", "a4n4c18"),
    (b"KW", "a4c22"),
    (b"KZ", "n3c13"),
    (b"LB", "n4c20"),
    (b"LC", "a4c24"),
    (b"LI", "n5c12"),
    (b"LT", "n16"),
    (b"LU", "n3c13"),
    (b"LV", "a4c13"),
    (b"LY", "n21"),
    (b"MC", "n10c11n2"),
    (b"MD", "c20"),
    (b"ME", "n18"),
    (b"MK", "n3c10n2"),
    (b"MN", "n16"),
    (b"MR", "n23"),
    (b"MT", "a4n5c18"),
    (b"MU", "a4n19a3"),
    (b"NI", "a4n20"),
    (b"NL", "a4n10"),
    (b"NO", "n11"),
    (b"OM", "n3c16"),
    (b"PK", "a4c16"),
    (b"PL", "n24"),
    (b"PS", "a4c21"),
    (b"PT", "n21"),
    (b"QA", "a4c21"),
    (b"RO", "a4c16"),
    (b"RS", "n18"),
    (b"RU", "n14c15"),
    (b"SA", "n2c18"),
    (b"SC", "a4n20a3"),
    (b"SD", "n14"),
    (b"SE", "n20"),
    (b"SI", "n15"),
    (b"SK", "n20"),
    (b"SM", "a1n10c12"),
    (b"SO", "n19"),
    (b"ST", "n21"),
    (b"SV", "a4n20"),
    (b"TL", "n19"),
    (b"TN", "n20"),
    (b"TR", "n6c16"),
    (b"UA", "n6c19"),
    (b"VA", "n18"),
    (b"VG", "a4n16"),
    (b"XK", "n16"),
    (b"YE", "a4n4c18"),
];

/// Countries that use such numbers and are not in the registry, in order.
const UNREGISTERED: [(&[u8; 2], &str); 22] = [
    (b"AO", "n21"),
    (b"BF", "c2n22"),
    (b"BJ", "c2n22"),
    (b"CF", "n23"),
    (b"CG", "n23"),
    (b"CI", "c2n22"),
    (b"CM", "n23"),
    (b"CV", "n21"),
    (b"DZ", "n22"),
    (b"GA", "n23"),
    (b"GQ", "n23"),
    (b"GW", "c2n19"),
    (b"IR", "n22"),
    (b"KM", "n23"),
    (b"MA", "n24"),
    (b"MG", "n23"),
    (b"ML", "c2n22"),
    (b"MZ", "n21"),
    (b"NE", "a2n22"),
    (b"SN", "a2n22"),
    (b"TD", "n23"),
    (b"TG", "a2n22"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{REGISTERED, UNREGISTERED, is_valid, length, parts};
    use crate::sanitize::number::property;

    #[test]
    fn examples_of_the_registry_pass() {
        for text in [
            "AD1200012030200359100100",
            "BE68539007547034",
            "BR1800360305000010009795493C1",
            "CH9300762011623852957",
            "DE89370400440532013000",
            "ES9121000418450200051332",
            "FR1420041010050500013M02606",
            "GB29NWBK60161331926819",
            "GB82WEST12345698765432",
            "IT60X0542811101000000123456",
            "MT84MALT011000012345MTLCAST001S",
            "NL91ABNA0417164300",
            "NO9386011117947",
            "PL61109010140000071219812874",
            "SC18SSCB11010000000000001497USD",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_countries_lengths_and_characters_fail() {
        for text in [
            "XX89370400440532013000",
            "US89370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "DE89370400440532013001",
            "DE8937040044053201300O",
            "de89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29",
            "",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_tables_are_in_order_and_within_the_standard() {
        for table in [&REGISTERED[..], &UNREGISTERED[..]] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
            for (country, _) in table {
                assert!((15..=34).contains(&length(**country).unwrap()));
            }
        }
        assert_eq!(length(*b"NO"), Some(15));
        assert_eq!(length(*b"RU"), Some(33));
        assert_eq!(length(*b"US"), None);
    }

    fn number() -> impl Strategy<Value = (String, String)> {
        let tables = REGISTERED.iter().chain(&UNREGISTERED);
        let countries: Vec<_> = tables.copied().collect();
        proptest::sample::select(countries).prop_flat_map(|(country, form)| {
            let pattern: String = parts(form)
                .map(|(kind, count)| match kind {
                    b'n' => format!("[0-9]{{{count}}}"),
                    b'a' => format!("[A-Z]{{{count}}}"),
                    _ => format!("[0-9A-Z]{{{count}}}"),
                })
                .collect();
            let country = String::from_utf8_lossy(country).into_owned();
            let own = proptest::string::string_regex(&pattern).unwrap();
            (Just(country), own)
        })
    }

    proptest! {
        #[test]
        fn one_pair_of_check_digits_is_right_and_no_changed_digit((country, own) in number()) {
            let valid: Vec<String> = (0..100)
                .map(|check| format!("{country}{check:02}{own}"))
                .filter(|text| is_valid(text.as_bytes()))
                .collect();
            prop_assert_eq!(valid.len(), 1);
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
