//! Individual Taxpayer Identification Numbers of the United States: nine digits. There is no checksum.
//!
//! Internal Revenue Service, Publication 4757: the first digit is 9, the fourth and fifth are 50–65, 70–88, 90–92 or
//! 94–99 (89 and 93 belong to other numbers). One of 23 random numbers passes, and no Social Security number does.

/// Whether the text can be an Individual Taxpayer Identification Number.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let Some(digits) = super::digits::<9>(text) else {
        return false;
    };
    let group = digits[3] * 10 + digits[4];
    digits[0] == 9 && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

#[cfg(test)]
mod tests {
    use super::is_valid;
    use crate::sanitize::number::us_ssn;

    #[test]
    fn the_groups_of_the_revenue_service_pass_and_no_others() {
        let passing: Vec<u32> = (0..100)
            .filter(|group| is_valid(format!("912{group:02}3456").as_bytes()))
            .collect();
        let expected: Vec<u32> = (50..=65)
            .chain(70..=88)
            .chain(90..=92)
            .chain(94..=99)
            .collect();
        assert_eq!(passing, expected);
    }

    #[test]
    fn none_is_a_social_security_number() {
        assert!(is_valid(b"912703456") && !us_ssn::is_valid(b"912703456"));
        assert!(!is_valid(b"812703456") && !is_valid(b"91270345") && !is_valid(b"9127034567"));
    }
}
