//! The checksums that several classes share. Each finds every changed digit.

/// Luhn: from the right, every second digit is doubled and the digits of all are added; a multiple of ten is right.
///
/// ISO/IEC 7812-1 annex B. One number of ten passes. The text is of digits.
pub(super) fn luhn(text: &[u8]) -> bool {
    let sum: u32 = text
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 {
                digit
            } else {
                LUHN_DOUBLED[digit as usize]
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Verhoeff: each digit is permuted by its place and multiplied in the dihedral group of the pentagon; the unit is right.
///
/// J. Verhoeff, Error Detecting Decimal Codes, 1969. One number of ten passes; also finds every swap of neighbours.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let product = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |product, (place, digit)| {
            times(product, permuted(*digit, place))
        });
    product == 0
}

/// ISO/IEC 7064 MOD 11,10: one number of ten passes.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        let sum = if sum == 0 { 10 } else { sum };
        sum * 2 % 11
    });
    (product + u32::from(*check)) % 10 == 1
}

/// The sum of digits times weights.
pub(super) fn weighted<const N: usize>(digits: &[u8; N], weights: &[u32; N]) -> u32 {
    let pairs = digits.iter().zip(weights);
    pairs
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum()
}

/// The product of two elements: 0 to 4 turn the pentagon, 5 to 9 flip it.
fn times(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

fn permuted(digit: u8, times: usize) -> u8 {
    (0..times % 8).fold(digit, |digit, _| VERHOEFF_PERMUTATION[usize::from(digit)])
}

const LUHN_DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
const VERHOEFF_PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

#[cfg(test)]
mod tests {
    use super::{luhn, mod_11_10, verhoeff};

    #[test]
    fn published_examples_pass() {
        // ISO/IEC 7812-1; Verhoeff 236 with its digit 3; ISO/IEC 7064, 0794 with its digit 5.
        assert!(luhn(b"17893729974"));
        assert!(!luhn(b"17893729975"));
        assert!(verhoeff(&[2, 3, 6, 3]));
        assert!(!verhoeff(&[2, 3, 6, 4]));
        assert!(mod_11_10(&[0, 7, 9, 4, 5]));
        assert!(!mod_11_10(&[0, 7, 9, 4, 6]));
    }
}
