//! Street addresses, as far as rules go: `12 Main Street`, `Hauptstraße 12`, `CA 94110`.
//!
//! Weak, and off unless asked for: the street words of English and German, the states of the United States.

use std::ops::Range;

use super::class::Class;
use super::identity::is_part_of_more;
use super::scan::Place;
use super::view::{FOREIGN_LETTER, View};

/// The address whose number stands at `at`.
pub(super) fn street(place: &Place<'_, '_>, at: usize) -> Option<(Range<usize>, Class)> {
    if !place.classes.has(Class::StreetAddress) {
        return None;
    }
    let view = place.view;
    let digits = view.run(at, 7, |b| b.is_ascii_digit());
    let before = view.before(at).filter(|_| at > place.floor);
    if before.is_some_and(|b| b.is_ascii_alphanumeric() || b"_.,-/$#:".contains(&b)) {
        return None;
    }
    let range = match digits - at {
        5 => zip_code(place, at, digits).or_else(|| before_street(view, at, digits)),
        1..=4 => before_street(view, at, digits).or_else(|| behind_street(place, at, digits)),
        _ => None,
    };
    range.map(|range| (range, Class::StreetAddress))
}

/// `12b Main Street`.
fn before_street(view: &View<'_>, at: usize, digits: usize) -> Option<Range<usize>> {
    let letter = usize::from(view.byte(digits).is_some_and(|b| b.is_ascii_alphabetic()));
    let mut word = digits + letter;
    for _ in 0..5 {
        if view.byte(word) != Some(b' ') {
            return None;
        }
        let start = word + 1;
        word = view.run(start, 24, is_letter);
        let text = view.slice(start..word);
        if !text
            .first()
            .is_some_and(|b| b.is_ascii_uppercase() || *b == FOREIGN_LETTER)
        {
            return None;
        }
        if start > digits + letter + 1 && STREETS.contains(&text) {
            return Some(at..word);
        }
    }
    None
}

/// `Hauptstraße 12`.
fn behind_street(place: &Place<'_, '_>, at: usize, digits: usize) -> Option<Range<usize>> {
    let view = place.view;
    let end = view.run_back(at, place.floor, 2, |b| b" .".contains(&b));
    let start = view.run_back(end, place.floor, 40, |b| is_letter(b) || b == b'-');
    let name = view.slice(start..end);
    let is_street = ENDS
        .iter()
        .any(|word| name.ends_with(word) && name.len() > word.len());
    let letter = usize::from(view.byte(digits).is_some_and(|b| b.is_ascii_alphabetic()));
    let last = digits + letter;
    let is_one =
        is_street && end < at && name[0].is_ascii_uppercase() && !is_part_of_more(view, last);
    is_one.then_some(start..last)
}

/// `CA 94110`, `CA 94110-1234`.
fn zip_code(place: &Place<'_, '_>, at: usize, digits: usize) -> Option<Range<usize>> {
    let view = place.view;
    let start = at.checked_sub(3).filter(|start| *start >= place.floor)?;
    let state = view.slice(start..at);
    let begins = start == place.floor || view.before(start).is_some_and(|b| b" ,\n".contains(&b));
    if !begins || state[2] != b' ' || !STATES.contains(&[state[0], state[1]]) {
        return None;
    }
    let more = view.run(digits + 1, 5, |b| b.is_ascii_digit());
    let has_more = view.byte(digits) == Some(b'-') && more - digits == 5;
    let end = if has_more { more } else { digits };
    (!is_part_of_more(view, end)).then_some(start..end)
}

fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == FOREIGN_LETTER
}

#[rustfmt::skip]
const STREETS: &[&[u8]] = &[
    b"Alley", b"Ave", b"Avenue", b"Blvd", b"Boulevard", b"Circle", b"Close", b"Court", b"Crescent", b"Ct", b"Dr", b"Drive",
    b"Highway", b"Hwy", b"Lane", b"Ln", b"Parkway", b"Pkwy", b"Place", b"Plaza", b"Rd", b"Road", b"Row", b"Sq", b"Square",
    b"St", b"Street", b"Terrace", b"Trail", b"Way",
];
const ENDS: &[&[u8]] = &[
    b"allee",
    b"gasse",
    b"platz",
    b"str",
    b"strasse",
    b"stra\xffe",
    b"weg",
];
#[rustfmt::skip]
const STATES: &[[u8; 2]] = &[
    *b"AK", *b"AL", *b"AR", *b"AZ", *b"CA", *b"CO", *b"CT", *b"DC", *b"DE", *b"FL", *b"GA", *b"HI", *b"IA", *b"ID", *b"IL",
    *b"IN", *b"KS", *b"KY", *b"LA", *b"MA", *b"MD", *b"ME", *b"MI", *b"MN", *b"MO", *b"MS", *b"MT", *b"NC", *b"ND", *b"NE",
    *b"NH", *b"NJ", *b"NM", *b"NV", *b"NY", *b"OH", *b"OK", *b"OR", *b"PA", *b"PR", *b"RI", *b"SC", *b"SD", *b"TN", *b"TX",
    *b"UT", *b"VA", *b"VT", *b"WA", *b"WI", *b"WV", *b"WY",
];
