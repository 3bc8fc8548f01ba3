//! E-mail addresses.
//!
//! The local part is what RFC 5322 calls a dot-atom, at most 64 characters, and letters outside ASCII (RFC 6531); quoted
//! ones are not looked for. The domain is a host name with at least one dot whose last label is letters: `user@host` of
//! a shell is none, nor is `package@1.2.3`. Where the last label is the end of a file's name (`icon@2x.png`), it is none
//! either.

use std::ops::Range;

use super::class::Class;
use super::scan::Place;
use super::view::FOREIGN_LETTER;

/// The address around the `@` at `at`.
pub(super) fn around(place: &Place<'_, '_>, at: usize) -> Option<(Range<usize>, Class)> {
    let view = place.view;
    let mut start = view.run_back(at, place.floor, LOCAL_BYTES + 1, is_local);
    if at - start > LOCAL_BYTES {
        return None;
    }
    // Signs around an address are none of it, and a literal `\n` before it is a line end.
    start += view
        .slice(start..at)
        .iter()
        .take_while(|b| b".'=/&{}|`*_?!#$%^~-+".contains(b))
        .count();
    if start > place.floor && view.before(start) == Some(b'\\') && at > start + 1 {
        start += usize::from(view.byte(start).is_some_and(|b| b"nrt".contains(&b)));
    }
    let local = view.slice(start..at);
    if local.is_empty() || local.ends_with(b".") || local == b"git" {
        return None;
    }
    // What follows a sign of a query or setting is the address, not what stands before it.
    let sign = local.iter().rposition(|b| b"=&?/".contains(b));
    let start = start + sign.map_or(0, |sign| sign + 1);
    let end = end_of_domain(place, at + 1)?;
    (start < at).then_some((start..end, Class::Email))
}

/// Where the host name ends that begins here.
fn end_of_domain(place: &Place<'_, '_>, start: usize) -> Option<usize> {
    let view = place.view;
    let mut last = start;
    // What stands behind the last label that can end a name (`anna@example.com.2`) is none of it.
    let mut known = None;
    loop {
        let end = view.run(last, LABEL_BYTES + 1, is_label);
        let label = view.slice(last..end);
        if label.is_empty() || label.len() > LABEL_BYTES || label[0] == b'-' {
            return known;
        }
        let goes_on = !label.ends_with(b"-")
            && view.byte(end) == Some(b'.')
            && view.byte(end + 1).is_some_and(is_label)
            && end - start < DOMAIN_BYTES;
        if goes_on {
            let is_host = last > start && is_top_label(label, false);
            known = if is_host { Some(end) } else { known };
            last = end + 1;
            continue;
        }
        // A hyphen behind the last label (`anna@example.com-and`) is none of it.
        let is_international = label.len() > 4 && label[..4].eq_ignore_ascii_case(b"xn--");
        let hyphen = label.iter().position(|b| *b == b'-');
        let length = hyphen.filter(|_| !is_international).unwrap_or(label.len());
        let is_host = last > start && is_top_label(&label[..length], is_international);
        let is_address = is_host && view.byte(end) != Some(b'@');
        return if is_address {
            Some(last + length)
        } else {
            known
        };
    }
}

fn is_top_label(label: &[u8], is_international: bool) -> bool {
    let letters = label
        .iter()
        .all(|b| b.is_ascii_alphabetic() || *b == FOREIGN_LETTER);
    let lower = label.to_ascii_lowercase();
    (is_international || (letters && (2..=24).contains(&label.len())))
        && !FILE_ENDS.contains(&lower.as_slice())
}

fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == FOREIGN_LETTER || b"!#$%&'*+/=?^_`{|}~.-".contains(&b)
}

fn is_label(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == FOREIGN_LETTER
}

/// The longest local part (RFC 5321).
const LOCAL_BYTES: usize = 64;
/// The longest label and host name (RFC 1035).
const LABEL_BYTES: usize = 63;
const DOMAIN_BYTES: usize = 255;

/// Ends of files' names that are no top-level domains.
const FILE_ENDS: &[&[u8]] = &[
    b"bmp", b"css", b"csv", b"dll", b"exe", b"gif", b"gz", b"html", b"ico", b"jar", b"jpeg",
    b"jpg", b"js", b"json", b"jsx", b"lock", b"log", b"pdf", b"php", b"png", b"scss", b"svg",
    b"tgz", b"toml", b"ts", b"tsx", b"txt", b"webp", b"xml", b"yaml", b"yml",
];
