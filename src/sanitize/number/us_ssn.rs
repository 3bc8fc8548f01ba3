//! Social Security numbers of the United States: nine digits, area 3, group 2, serial 4. There is no checksum.
//!
//! Social Security Administration, POMS RM 10201.035: no area is 000, 666 or 900–999, no group 00, no serial 0000; since
//! 2011 everything else may be given out. Numbers that were printed in advertisements and are void (078-05-1120,
//! 219-09-9999) pass, as examples do. Nine of ten random numbers pass: a caller should ask for the form 3-2-4 or for a
//! word about the number.

/// Whether the text can be a Social Security number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let Some(_) = super::digits::<9>(text) else {
        return false;
    };
    let (area, group, serial) = (&text[..3], &text[3..5], &text[5..]);
    area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn numbers_that_may_be_given_out_pass() {
        for text in [
            "123456789",
            "001010001",
            "899999999",
            "078051120",
            "772010001",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_never_given_out_fails() {
        for text in [
            "000123456",
            "666123456",
            "900123456",
            "999999999",
            "123006789",
            "123450000",
            "12345678",
            "1234567890",
            "12345678A",
            "123-45-67",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }
}
