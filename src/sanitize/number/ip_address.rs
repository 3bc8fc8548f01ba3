//! Addresses of the Internet Protocol, as text: four decimal numbers with dots, or the forms of RFC 4291 section 2.2.
//!
//! Leading zeros are not allowed (RFC 6943 section 3.1.1). Addresses that are nobody's are not valid: unspecified, loopback,
//! the broadcast address and the netmasks written as an address. Private, shared and documentation ranges are
//! somebody's, or stand for somebody's. Of the short forms with `::`, those without a digit and with fewer than three groups
//! are words of a programming language (`dead::beef`).
//!
//! A version number may have four parts too: only the words around it tell.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the text is an address that can be somebody's.
pub(in crate::sanitize) fn is_valid(text: &[u8]) -> bool {
    let text = str::from_utf8(text).unwrap_or_default();
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_somebodys(address),
        Ok(IpAddr::V6(address)) => is_somebodys_v6(address) && !is_words(text),
        Err(_) => false,
    }
}

fn is_somebodys(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    let netmask = bits.leading_ones() >= 8 && bits.leading_ones() + bits.trailing_zeros() >= 32;
    !address.is_loopback() && !address.is_unspecified() && !netmask
}

fn is_somebodys_v6(address: Ipv6Addr) -> bool {
    !address.is_loopback() && !address.is_unspecified()
}

fn is_words(text: &str) -> bool {
    let groups = text.split(':').filter(|group| !group.is_empty()).count();
    groups < 3 && !text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_valid;

    #[test]
    fn every_text_form_passes() {
        for text in [
            "8.8.8.8",
            "192.168.1.10",
            "203.0.113.7",
            "224.0.0.251",
            "2001:db8::8a2e:370:7334",
            "2001:0DB8:0000:0000:0000:8A2E:0370:7334",
            "fe80::1",
            "::ffff:192.0.2.128",
            "1::",
        ] {
            assert!(is_valid(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn nobodys_addresses_and_other_texts_fail() {
        for text in [
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "255.255.255.0",
            "255.0.0.0",
            "::1",
            "::",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4 ",
            "dead::beef",
            "std::io",
            "12:30:45",
            "2001:db8:::1",
            "fe80::1%eth0",
            "",
        ] {
            assert!(!is_valid(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_printed_is_read(v4 in any::<[u8; 4]>(), v6 in any::<[u16; 8]>()) {
            prop_assume!((1..=223).contains(&v4[0]) && v4[0] != 127);
            prop_assert!(is_valid(core::net::Ipv4Addr::from(v4).to_string().as_bytes()));
            prop_assert!(is_valid(core::net::Ipv6Addr::from(v6).to_string().as_bytes()));
        }
    }
}
