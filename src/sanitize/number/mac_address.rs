//! Addresses of network hardware (IEEE 802, EUI-48 and EUI-64), as text: six or eight pairs of hexadecimal digits with `:` or
//! `-` between them, the same throughout, or three or four groups of four with `.`.
//!
//! All zeros and all ones (broadcast) are nobody's and not valid. Without separators an address is any other hexadecimal
//! number, and not found.

/// Whether the text is an address that can be somebody's.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let has_the_form = match text.get(2) {
        Some(b':') => groups(text, 2, b':', &[6, 8]),
        Some(b'-') => groups(text, 2, b'-', &[6, 8]),
        _ => groups(text, 4, b'.', &[3, 4]),
    };
    let mut digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
    has_the_form
        && !digits.clone().all(|digit| *digit == b'0')
        && !digits.all(|digit| b"fF".contains(digit))
}

fn groups(text: &[u8], size: usize, separator: u8, counts: &[usize]) -> bool {
    let mut groups = text.split(|byte| *byte == separator);
    counts.contains(&groups.clone().count())
        && groups.all(|group| group.len() == size && group.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn every_text_form_passes() {
        for text in [
            "00:1B:44:11:3A:B7",
            "00-1b-44-11-3a-b7",
            "001b.4411.3ab7",
            "02:00:00:00:00:01",
            "00:25:96:FF:FE:12:34:56",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn nobodys_addresses_and_other_texts_fail() {
        for text in [
            "00:00:00:00:00:00",
            "FF:FF:FF:FF:FF:ff",
            "00:1B:44-11:3A:B7",
            "00:1B:44:11:3A",
            "00:1B:44:11:3A:B7:01",
            "001B44113AB7",
            "0:1B:44:11:3A:B7",
            "00:1G:44:11:3A:B7",
            "",
            "..",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }
}
