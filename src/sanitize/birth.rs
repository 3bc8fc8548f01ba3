//! Dates of birth: dates beside words that speak of a birth. Other dates are no personal data by themselves.
//!
//! Forms: numbers with `-`, `/`, `.` or blanks in any order of day, month and year, months by name before or behind the day
//! (English, French, German, Italian, Spanish, Portuguese, Dutch), eight digits; with a time of day behind or without.
//! Years 1900 to 2049, or two digits.

use std::ops::Range;

use super::class::Class;
use super::identity::{is_part_of_more, words_behind};
use super::scan::Place;
use super::view::{FOREIGN_LETTER, View};

/// The date of birth whose first number stands at `at`.
pub(super) fn date(place: &Place<'_, '_>, at: usize) -> Option<(Range<usize>, Class)> {
    let view = place.view;
    let before = view.before(at).filter(|_| at > place.floor);
    if before.is_some_and(|b| b.is_ascii_alphanumeric() || b"_.-/$#".contains(&b)) {
        return None;
    }
    let start = month_before(place, at);
    let end = match start {
        Some(_) => day_and_year(view, at),
        None => numeric(view, at).or_else(|| with_month_behind(view, at)),
    };
    let end = with_time(view, end?);
    if is_part_of_more(view, end) {
        return None;
    }
    let start = start.unwrap_or(at);
    let is_birth = place.words_before(start).name(Class::DateOfBirth)
        || words_behind(view, end).is_some_and(|words| words.name(Class::DateOfBirth));
    is_birth.then_some((start..end, Class::DateOfBirth))
}

/// A number of at most `most` digits: its value and where it ends.
fn number(view: &View<'_>, at: usize, most: usize) -> Option<(u32, usize)> {
    let end = view.run(at, most + 1, |b| b.is_ascii_digit());
    let digits = view.slice(at..end);
    let value = digits
        .iter()
        .fold(0, |sum, b| sum * 10 + u32::from(b - b'0'));
    (1..=most).contains(&digits.len()).then_some((value, end))
}

fn is_year(value: u32, digits: usize) -> bool {
    (digits == 4 && (1900..2050).contains(&value)) || digits == 2
}

fn are_day_and_month(one: u32, other: u32) -> bool {
    (1..=31).contains(&one) && (1..=31).contains(&other) && one.min(other) <= 12
}

/// `1980-01-31`, `31/01/1980`, `1/31/80`, `19800131`: where it ends.
fn numeric(view: &View<'_>, at: usize) -> Option<usize> {
    let (first, first_end) = number(view, at, 8)?;
    let length = first_end - at;
    if length == 8 {
        let (year, month, day) = (first / 10_000, first / 100 % 100, first % 100);
        let (other_year, other_day) = (first % 10_000, first / 1_000_000);
        let is_date = (is_year(year, 4) && are_day_and_month(month, day))
            || (is_year(other_year, 4) && are_day_and_month(other_day, first / 10_000 % 100));
        return is_date.then_some(first_end);
    }
    let separator = view.byte(first_end).filter(|b| b"-/. ".contains(b))?;
    let step = |end: usize| {
        let blank = usize::from(separator == b'.' && view.byte(end + 1) == Some(b' '));
        (view.byte(end) == Some(separator)).then_some(end + 1 + blank)
    };
    let second_at = step(first_end)?;
    let (second, second_end) = number(view, second_at, 2)?;
    let third_at = step(second_end)?;
    let (third, third_end) = number(view, third_at, 4)?;
    let third_length = third_end - third_at;
    let is_date = match length {
        4 => is_year(first, 4) && third_length <= 2 && are_day_and_month(second, third),
        1 | 2 => is_year(third, third_length) && are_day_and_month(first, second),
        _ => false,
    };
    is_date.then_some(third_end)
}

/// `5 March 1980`, `5th of March, 1980`, `05-Mar-1980`, `5. März 1980`, `5 de marzo de 1980`: where it ends.
fn with_month_behind(view: &View<'_>, at: usize) -> Option<usize> {
    let (day, end) = number(view, at, 2)?;
    let end = after_ordinal(view, end);
    let month = after_word(view, view.run(end, 2, is_gap), &[b"of", b"de"]);
    let month_end = view.run(month, 12, is_letter);
    if !(1..=31).contains(&day) || month == end || !is_month(view.slice(month..month_end)) {
        return None;
    }
    let year = after_word(
        view,
        view.run(month_end, 2, is_gap),
        &[b"of", b"de", b"del"],
    );
    year_at(view, year)
}

/// Where the name of the month begins that stands before a day.
fn month_before(place: &Place<'_, '_>, at: usize) -> Option<usize> {
    let view = place.view;
    let end = view.run_back(at, place.floor, 2, is_gap);
    let start = view.run_back(end, place.floor, 12, is_letter);
    let is_one = end < at && is_month(view.slice(start..end));
    is_one.then_some(start)
}

/// `5, 1980` behind the name of a month: where it ends.
fn day_and_year(view: &View<'_>, at: usize) -> Option<usize> {
    if let Some(end) = year_at(view, at) {
        return Some(end);
    }
    let (day, end) = number(view, at, 2)?;
    let end = after_ordinal(view, end);
    let year = view.run(end, 2, is_gap);
    if !(1..=31).contains(&day) || year == end {
        return None;
    }
    year_at(view, year)
}

fn year_at(view: &View<'_>, at: usize) -> Option<usize> {
    let (year, end) = number(view, at, 4)?;
    (end - at == 4 && is_year(year, 4)).then_some(end)
}

fn after_ordinal(view: &View<'_>, end: usize) -> usize {
    let ends: [&[u8]; 4] = [b"st", b"nd", b"rd", b"th"];
    let is_there = ends
        .into_iter()
        .any(|mark| view.starts_with_word(end, mark));
    end + if is_there { 2 } else { 0 }
}

fn after_word(view: &View<'_>, at: usize, words: &[&[u8]]) -> usize {
    let mut there = words
        .iter()
        .filter(|word| view.starts_with_word(at, word) && view.byte(at + word.len()) == Some(b' '));
    there.next().map_or(at, |word| at + word.len() + 1)
}

/// The end of a date with the time of day that ISO 8601 puts behind it.
fn with_time(view: &View<'_>, end: usize) -> usize {
    let is_time =
        view.byte(end) == Some(b'T') && view.byte(end + 1).is_some_and(|b| b.is_ascii_digit());
    if !is_time {
        return end;
    }
    let last = view.run(end + 1, 32, |b| b.is_ascii_digit() || b":.Z+-".contains(&b));
    view.run_back(last, end, 4, |b| b":.+-".contains(&b))
}

fn is_gap(b: u8) -> bool {
    b" ,.-/".contains(&b)
}

fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == FOREIGN_LETTER
}

fn is_month(word: &[u8]) -> bool {
    let mut beginning = [0; 3];
    for (to, from) in beginning.iter_mut().zip(word) {
        *to = if *from == FOREIGN_LETTER {
            b'?'
        } else {
            from.to_ascii_lowercase()
        };
    }
    MONTHS.contains(&&beginning)
}

/// How the names of months begin; `?` is a letter outside ASCII.
#[rustfmt::skip]
const MONTHS: &[&[u8; 3]] = &[
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
    b"m?r", b"mai", b"okt", b"dez", b"f?v", b"avr", b"jui", b"ao?", b"d?c", b"ene", b"abr", b"ago",
    b"dic", b"gen", b"mag", b"giu", b"lug", b"set", b"ott", b"fev", b"out", b"mrt", b"mei",
];
