//! Numbers of payment cards (ISO/IEC 7812-1): 12 to 19 digits, the range of a network, and Luhn.
//!
//! Finds every changed digit. The ranges are those that the networks publish: American Express 34, 37 (15 digits); Diners
//! Club 300–305, 3095, 36, 38, 39 (14–19); Discover 6011, 644–649, 65 (16–19); JCB 3528–3589 and RuPay 353, 356, taken
//! together as 35 (16–19), the old JCB 2131, 1800 (15); Maestro and the national debit networks in its ranges, such as
//! Dankort, Elo, RuPay and Verve, 0604, 50, 56–58, 60–61, 63, 66–69 (12–19); Mastercard 51–55, 2221–2720 (16); Mir
//! 2200–2204 (16–19); RuPay 81, 82 and UnionPay 62, 81 (16–19); Troy 9792 (16); Visa 4 (13, 16, 19). Test numbers of the
//! networks and payment services are in these ranges and valid.
//!
//! One number of some 25 of 16 random digits passes. Of 13 digits it is one of some 50, and article numbers (EAN) have 13:
//! with 12 and 13 digits a caller should ask for a word about cards.

use super::checksum;

/// Whether the text can be the number of a card.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    (12..=19).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit)
        && has_a_network(text)
        && checksum::luhn(text)
}

fn has_a_network(text: &[u8]) -> bool {
    let first = text[..4]
        .iter()
        .fold(0, |first, digit| first * 10 + u32::from(digit - b'0'));
    let found = |network: &&Network| (network.first..=network.last).contains(&first);
    NETWORKS
        .iter()
        .filter(found)
        .any(|network| network.lengths.contains(&text.len()))
}

/// A range of first four digits, and how many digits its cards have.
struct Network {
    first: u32,
    last: u32,
    lengths: &'static [usize],
}

const fn network(first: u32, last: u32, lengths: &'static [usize]) -> Network {
    Network {
        first,
        last,
        lengths,
    }
}

const NETWORKS: &[Network] = &[
    network(604, 604, DEBIT),
    network(1800, 1800, &[15]),
    network(2131, 2131, &[15]),
    network(2200, 2204, SINCE_2017),
    network(2221, 2720, &[16]),
    network(3000, 3059, &[14, 15, 16, 17, 18, 19]),
    network(3090, 3099, &[14, 15, 16, 17, 18, 19]),
    network(3400, 3499, &[15]),
    network(3500, 3599, SINCE_2017),
    network(3600, 3699, &[14, 15, 16, 17, 18, 19]),
    network(3700, 3799, &[15]),
    network(3800, 3999, &[14, 15, 16, 17, 18, 19]),
    network(4000, 4999, &[13, 16, 19]),
    network(5000, 5099, DEBIT),
    network(5100, 5599, &[16]),
    network(5600, 5899, DEBIT),
    network(6000, 6199, DEBIT),
    network(6200, 6299, SINCE_2017),
    network(6300, 6399, DEBIT),
    network(6440, 6599, SINCE_2017),
    network(6600, 6999, DEBIT),
    network(8100, 8299, SINCE_2017),
    network(9792, 9792, &[16]),
];

/// Lengths that the edition of 2017 allows to networks that began with 16.
const SINCE_2017: &[usize] = &[16, 17, 18, 19];
const DEBIT: &[usize] = &[12, 13, 14, 15, 16, 17, 18, 19];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;
    use crate::sanitize::number::property;

    #[test]
    fn test_numbers_of_the_networks_pass() {
        for text in [
            "378282246310005",
            "371449635398431",
            "30569309025904",
            "36227206271667",
            "6011111111111117",
            "3566002020360505",
            "5555555555554444",
            "2223003122003222",
            "2200770212727079",
            "6200000000000005",
            "5018000000000009",
            "4222222222222",
            "4111111111111111",
            "4988438843884305001",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_ranges_and_lengths_fail() {
        for text in [
            "0000000000000000",
            "1111111111111117",
            "7992739871300005",
            "41111111111111",
            "41111111111111111",
            "4111 1111 1111 1111",
            "",
            "42",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_check_digit_of_ten_is_right_and_no_changed_digit(
            text in "(4[0-9]{14}|5[1-5][0-9]{13}|3[47][0-9]{12}|3[68][0-9]{11}|6011[0-9]{11}|62[0-9]{16}|50[0-9]{9})"
        ) {
            let valid = property::completed(&text, b"0123456789", is_valid);
            prop_assert_eq!(valid.len(), 1);
            prop_assert!(property::luhn_by_hand(&valid[0]));
            prop_assert_eq!(property::changed_and_valid(&valid[0], is_valid), None);
        }
    }
}
