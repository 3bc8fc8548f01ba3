//! IP and hardware addresses, where they are no versions and no times.

use std::ops::Range;

use super::class::Class;
use super::number::{ip_address, mac_address};
use super::scan::Place;

type Match = Option<(Range<usize>, Class)>;

/// Four numbers with dots, given the place of the first digit.
pub(super) fn version_four(place: &Place<'_, '_>, start: usize) -> Match {
    let view = place.view;
    let is_part = |b: u8| b.is_ascii_digit() || b == b'.';
    let first = view.run(start, 4, |b| b.is_ascii_digit());
    if view.byte(first) != Some(b'.') {
        return None;
    }
    let end = view.run(start, 16, is_part);
    let end = end - usize::from(view.before(end) == Some(b'.'));
    let before = view.before(start).filter(|_| start > place.floor);
    let after = view.byte(end);
    let goes_on = after.is_some_and(|b| b.is_ascii_alphanumeric() || b"_-%".contains(&b))
        || view.placeholder(end) > 0
        || (after == Some(b'.') && view.byte(end + 1).is_some_and(|b| b.is_ascii_digit()));
    let is_cut = before.is_some_and(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    // `Chrome/120.0.6099.71`
    let product = view.run_back(start, place.floor, 1, |b| b == b'/');
    let is_of_product = product < start
        && product > place.floor
        && view
            .before(product)
            .is_some_and(|b| b.is_ascii_alphabetic());
    if goes_on || is_cut || is_of_product || !ip_address::is_valid(view.slice(start..end)) {
        return None;
    }
    let words = place.words_before(start);
    (!words.say(OF_VERSIONS)).then_some((start..end, Class::IpAddress))
}

/// An address of version 6 or of hardware that begins with a hexadecimal digit, given the place of it.
pub(super) fn hexadecimal(place: &Place<'_, '_>, start: usize) -> Match {
    let view = place.view;
    let end = view.run(start, 5, |b| b.is_ascii_hexdigit());
    match view.byte(end)? {
        b':' => hardware(place, end).or_else(|| version_six(place, end)),
        b'-' | b'.' => hardware(place, end),
        _ => None,
    }
}

/// A hardware address, given the place of its first separator.
pub(super) fn hardware(place: &Place<'_, '_>, sign_at: usize) -> Match {
    let view = place.view;
    let sign = view.byte(sign_at)?;
    let start = view.run_back(sign_at, place.floor, 5, |b| b.is_ascii_hexdigit());
    let group = sign_at - start;
    let groups = match (group, sign) {
        (2, b':' | b'-') => 6,
        (4, b'.') => 3,
        _ => return None,
    };
    if is_cut(place, start, sign) {
        return None;
    }
    let mut end = sign_at;
    for _ in 1..groups {
        if view.byte(end) != Some(sign) {
            return None;
        }
        let next = view.run(end + 1, group + 1, |b| b.is_ascii_hexdigit());
        if next - end - 1 != group {
            return None;
        }
        end = next;
    }
    let after = view.byte(end);
    let goes_on = after.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        || view.placeholder(end) > 0
        || (after == Some(sign)
            && view
                .byte(end + 1)
                .is_some_and(|b| b.is_ascii_alphanumeric()));
    let text = view.slice(start..end);
    let is_decimal = sign == b'.' && !text.iter().any(u8::is_ascii_alphabetic);
    let is_one = !goes_on
        && mac_address::is_valid(text)
        && (!is_decimal || place.words_before(start).say(OF_HARDWARE));
    is_one.then_some((start..end, Class::MacAddress))
}

/// Whether a hardware address would be part of a longer word or a longer row of groups.
fn is_cut(place: &Place<'_, '_>, start: usize, sign: u8) -> bool {
    let Some(before) = place.view.before(start).filter(|_| start > place.floor) else {
        return false;
    };
    match before {
        b':' if sign == b':' => follows_group(place, start, 2),
        b':' => false,
        other => other.is_ascii_alphanumeric() || b"-._".contains(&other),
    }
}

/// Whether a colon right before `start` ends a group of at most `most` hexadecimal digits, or another colon, and not a
/// name: `mac:00:1b:…`.
fn follows_group(place: &Place<'_, '_>, start: usize, most: usize) -> bool {
    let view = place.view;
    let end = start - 1;
    let group = view.run_back(end, place.floor, most + 1, |b| b.is_ascii_alphanumeric());
    let group = view.slice(group..end);
    if group.is_empty() {
        return end > place.floor && view.before(end) == Some(b':');
    }
    group.len() <= most && group.iter().all(u8::is_ascii_hexdigit)
}

/// An address of version 6, given the place of its first colon.
pub(super) fn version_six(place: &Place<'_, '_>, colon: usize) -> Match {
    let view = place.view;
    let start = view.run_back(colon, place.floor, 5, |b| b.is_ascii_hexdigit());
    if colon - start > 4 {
        return None;
    }
    let before = view.before(start).filter(|_| start > place.floor);
    let is_cut = before.is_some_and(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if is_cut || (before == Some(b':') && (start == colon || follows_group(place, start, 4))) {
        return None;
    }
    let is_part = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
    let end = view.run(start, LONGEST, is_part);
    let text = view.slice(start..end);
    let signs = text.iter().rev().take_while(|b| b":.".contains(b)).count();
    let end = end - if text.ends_with(b"::") { 0 } else { signs };
    let text = view.slice(start..end);
    // Two colons at least, and more than a time of day or a path of a language.
    let colons = text.iter().filter(|b| **b == b':').count();
    let digits = text.iter().filter(|b| b.is_ascii_hexdigit()).count();
    let goes_on = view.placeholder(end) > 0
        || view
            .byte(end)
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let is_one = colons >= 2 && digits >= 3 && !goes_on && ip_address::is_valid(text);
    is_one.then_some((start..end, Class::IpAddress))
}

/// The longest text form, with an address of version 4 at its end.
const LONGEST: usize = 46;
/// What a hardware address is called.
const OF_HARDWARE: &[&str] = &["arp", "ethernet", "hardware", "hwaddr", "mac"];
/// Numbers with dots that are no addresses.
#[rustfmt::skip]
const OF_VERSIONS: &[&str] = &[
    "article", "assembly", "build", "chapter", "clause", "driver", "figure", "firmware", "framework", "oid", "paragraph",
    "rel", "release", "section", "v", "ver", "version",
];
