//! Telephone numbers.
//!
//! * International ones: `+` and 7 to 15 digits (8 without groups, 11 behind `+1`), or `00`, a calling code that ITU-T E.164
//!   gives out, and as many.
//! * National ones by their form: North America's `(415) 555-2671`, `415-555-2671`, `1-800-555-0199`; those that begin with 0
//!   in groups, as in Europe (`020 7946 0958`, `030/1234567`, `06 12 34 56 78`).
//! * Any other run of 7 to 15 digits, in groups or not, where the words before it speak of telephoning.
//!
//! An extension (`x123`, `ext. 123`) belongs to the number. Words that speak of something else (an order, an id, another
//! kind of number) keep a national form from being believed. Whether a number is in service is not known.

use std::ops::Range;

use arrayvec::ArrayVec;

use super::class::Class;
use super::context::Words;
use super::identity::{Before, is_followed_by_number, is_part_of_more, words_behind};
use super::scan::Place;
use super::view::{FOREIGN_LETTER, View};

/// The telephone number whose first digit stands at `first`.
pub(super) fn number(place: &Place<'_, '_>, first: usize) -> Option<(Range<usize>, Class)> {
    let view = place.view;
    let shape = Shape::read(view, first)?;
    let mut start = view.run_back(first, place.floor, 2, |b| b"+(".contains(&b));
    // A bracket belongs to the number where it closes in it.
    let is_bracketed = shape.closes_a_bracket();
    while view.byte(start) == Some(b'(') && (!is_bracketed || view.byte(start + 1) == Some(b'(')) {
        start += 1;
    }
    let opening = view.slice(start..first);
    let has_plus = opening.contains(&b'+');
    let before = Before::of(place, start);
    if before == Before::Part || (has_plus && before == Before::Glued) {
        return None;
    }
    let has_word_before = |at: usize| {
        let byte = view.before(at).filter(|_| at > place.floor);
        byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if has_word_before(start) {
        return None;
    }
    let written = if opening.last() == Some(&b'(') {
        Opening::Bracket
    } else {
        Opening::None
    };
    let judged = if has_plus {
        shape.international(0)
    } else if before != Before::Number
        && shape.digits.starts_with(b"00")
        && has_calling_code(&shape.digits[2..])
        && is_open(&place.words_before(start))
    {
        let is_plain = shape.groups.len() == 1 && shape.digits.len() < 12;
        shape.international(2).filter(|_| !is_plain)
    } else {
        None
    };
    let end = match judged {
        Some(end) => end,
        None if has_plus => return None,
        None => shape.national(place, start, before, written)?,
    };
    let end = with_extension(view, end);
    if words_behind(view, end).is_some_and(|words| words.name_another(Class::Phone)) {
        return None;
    }
    (is_named_behind(view, end) || !is_part_of_more(view, end))
        .then_some((start..end, Class::Phone))
}

/// Whether the word right behind a number says that it is one to call: `… (mobile)`, `…-Fax`.
fn is_named_behind(view: &View<'_>, end: usize) -> bool {
    let word = view.run(end, 2, |b| b" -(,".contains(&b));
    let last = view.run(word, 10, |b| b.is_ascii_alphabetic());
    let name = view.slice(word..last).to_ascii_lowercase();
    word > end && NAMES_BEHIND.contains(&name.as_slice())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Bracket,
    None,
}

/// Digits in groups, as people write telephone numbers.
struct Shape {
    digits: ArrayVec<u8, MOST_DIGITS>,
    groups: ArrayVec<Group, MOST_GROUPS>,
}

#[derive(Clone, Copy)]
struct Group {
    length: usize,
    end: usize,
    /// The sign behind it; a blank where there is none but blanks.
    separator: u8,
}

impl Shape {
    fn read(view: &View<'_>, first: usize) -> Option<Self> {
        let mut shape = Self {
            digits: ArrayVec::new(),
            groups: ArrayVec::new(),
        };
        let mut at = first;
        loop {
            let end = view.run(at, MOST_DIGITS + 1, |b| b.is_ascii_digit());
            let group = view.slice(at..end);
            // `… 89a` is another word, whatever parts it from the number.
            let goes_on_as_word =
                |b: u8| b.is_ascii_alphanumeric() || b == FOREIGN_LETTER || b"_@".contains(&b);
            let is_word = !shape.groups.is_empty()
                && with_extension(view, end) == end
                && view.byte(end).is_some_and(goes_on_as_word);
            if is_word {
                return Some(shape.without_what_follows());
            }
            if shape.digits.try_extend_from_slice(group).is_err() {
                return (!shape.groups.is_empty()).then_some(shape);
            }
            let signs = view.run(end, 3, |b| b" -./()".contains(&b));
            let separator = view.slice(end..signs);
            let goes_on =
                is_separator(separator) && view.byte(signs).is_some_and(|b| b.is_ascii_digit());
            let signs_of_it = || separator.iter().copied();
            let bracket = signs_of_it().find(|b| b"()".contains(b));
            let kind = bracket.or_else(|| signs_of_it().find(|b| *b != b' '));
            shape.groups.push(Group {
                length: group.len(),
                end,
                separator: kind.unwrap_or(b' '),
            });
            if !goes_on || shape.groups.is_full() {
                return Some(shape.without_what_follows());
            }
            at = signs;
        }
    }

    /// Whether a bracket closes between its groups that did not open there.
    fn closes_a_bracket(&self) -> bool {
        let within = &self.groups[..self.groups.len() - 1];
        let count = |sign| {
            within
                .iter()
                .filter(|group| group.separator == sign)
                .count()
        };
        count(b')') > count(b'(')
    }

    /// Without the groups of another number behind a blank, which shows by its separators.
    fn without_what_follows(mut self) -> Self {
        let mut digits = 0;
        for at in 0..self.groups.len() {
            let blank_before = at > 0 && self.groups[at - 1].separator == b' ';
            let last = at + 1 == self.groups.len();
            if digits >= 10 && blank_before && !last && self.groups[at].separator != b' ' {
                self.groups.truncate(at);
                self.digits.truncate(digits);
                break;
            }
            digits += self.groups[at].length;
        }
        self
    }

    /// Where an international number ends whose calling code stands behind `skipped` digits.
    fn international(&self, skipped: usize) -> Option<usize> {
        let number = self
            .digits
            .get(skipped..)
            .filter(|number| !number.is_empty())?;
        let least = if self.groups.len() > 1 { 7 } else { 8 };
        // North America's have exactly eleven digits.
        let is_fit = |count: usize| {
            let count = count.saturating_sub(skipped);
            if number[0] == b'1' {
                count == 11
            } else {
                (least..=15).contains(&count)
            }
        };
        let mut count = 0;
        let fits = self.groups.iter().filter_map(|group| {
            count += group.length;
            is_fit(count).then_some(group.end)
        });
        fits.last()
    }

    /// Where a national number ends, if this is believed to be one.
    fn national(
        &self,
        place: &Place<'_, '_>,
        start: usize,
        before: Before,
        opening: Opening,
    ) -> Option<usize> {
        let end = self.groups.last()?.end;
        let total = self.digits.len();
        let of_a_country = self.of_a_country(opening);
        if before == Before::Glued || (of_a_country.is_none() && !(7..=15).contains(&total)) {
            return None;
        }
        let words = place.words_before(start);
        if words.deny() {
            return None;
        }
        if self.is_date() || (opening == Opening::Bracket && self.groups[0].separator != b')') {
            return None;
        }
        let says_phone = words.name(Class::Phone) || is_named_behind(place.view, end);
        if before == Before::Number && !says_phone {
            return None;
        }
        let is_open = says_phone || !words.name_another(Class::Phone);
        if let Some(end) = of_a_country.filter(|_| is_open) {
            return Some(end);
        }
        let is_european = self.digits[0] == b'0'
            && self.digits.get(1).is_some_and(|digit| *digit != b'0')
            && (9..=12).contains(&total)
            && (2..=4).contains(&self.groups.len())
            && self
                .groups
                .iter()
                .all(|group| (2..=8).contains(&group.length));
        let is_one = (says_phone && (7..=15).contains(&total)) || (is_open && is_european);
        (is_one && !is_followed_by_number(place.view, end)).then_some(end)
    }

    /// Where a number ends whose groups are those of one plan, whatever comes behind a blank.
    fn of_a_country(&self, opening: Opening) -> Option<usize> {
        let ends_with = |count: usize| {
            let last = self.groups.get(count - 1)?;
            (self.groups.len() == count || last.separator == b' ').then_some(last.end)
        };
        let lengths: ArrayVec<usize, MOST_GROUPS> =
            self.groups.iter().map(|group| group.length).collect();
        match lengths.as_slice() {
            [3, 3, 4, ..] if self.is_north_american(opening) => ends_with(3),
            [1, 3, 3, 4, ..] if self.digits[0] == b'1' => ends_with(4),
            [3, 7, ..] if opening == Opening::Bracket => ends_with(2),
            [2, 2, 2, 2, 2, ..] if self.digits[0] == b'0' && self.digits[1] != b'0' => ends_with(5),
            _ => None,
        }
    }

    fn is_north_american(&self, opening: Opening) -> bool {
        let is_free = |at: usize| (b'2'..=b'9').contains(&self.digits[at]);
        let signs = (self.groups[0].separator, self.groups[1].separator);
        match signs {
            (b')', b'-' | b' ' | b'.') => opening == Opening::Bracket,
            (b'-', b'-') | (b'.', b'.') => true,
            (b' ', b' ' | b'-') => is_free(0) && is_free(3),
            (b'/', b'-') => true,
            _ => false,
        }
    }

    /// Whether this is a date or a time, which is no number to call.
    fn is_date(&self) -> bool {
        let year = |at: usize| matches!(&self.digits[at..at + 2], b"19" | b"20");
        let lengths: ArrayVec<usize, MOST_GROUPS> =
            self.groups.iter().map(|group| group.length).collect();
        match lengths.as_slice() {
            [4, 2, 2, ..] => year(0),
            [1..=2, 1..=2, 4, ..] => true,
            [8, 4 | 6, ..] => year(0),
            [8 | 14] => year(0),
            _ => false,
        }
    }
}

fn is_separator(signs: &[u8]) -> bool {
    let marks: ArrayVec<u8, 3> = signs.iter().copied().filter(|b| *b != b' ').collect();
    match marks.as_slice() {
        [] => signs.len() == 1,
        // A sentence may end with a number, and another one begin.
        [b'.'] => signs.len() == 1,
        [_] => true,
        [b')', second] => *second != b')',
        [b'-' | b'.' | b'/', b'('] => true,
        _ => false,
    }
}

/// Whether the words leave it open what a number is, or say that it is one to call.
fn is_open(words: &Words) -> bool {
    words.name(Class::Phone) || (!words.name_another(Class::Phone) && !words.deny())
}

/// The end of the number with its extension, if it has one.
fn with_extension(view: &View<'_>, end: usize) -> usize {
    let start = view.run(end, 2, |b| b" ,".contains(&b));
    let marks: [&[u8]; 4] = [b"extension", b"ext", b"x", b"durchwahl"];
    let Some(mark) = marks
        .into_iter()
        .find(|mark| view.starts_with_word(start, mark))
    else {
        return end;
    };
    let digits = view.run(start + mark.len(), 2, |b| b" .:".contains(&b));
    let last = view.run(digits, 7, |b| b.is_ascii_digit());
    if (1..=6).contains(&(last - digits)) {
        last
    } else {
        end
    }
}

/// Whether a number begins with a calling code that is given out.
fn has_calling_code(number: &[u8]) -> bool {
    let code = |length: usize| {
        let digits = number.get(..length)?;
        Some(
            digits
                .iter()
                .fold(0, |code, b| code * 10 + u16::from(b - b'0')),
        )
    };
    number.first().is_some_and(|digit| *digit != b'0')
        && (1..=3)
            .filter_map(code)
            .any(|code| CALLING_CODES.binary_search(&code).is_ok())
}

const MOST_DIGITS: usize = 20;
const MOST_GROUPS: usize = 8;

/// What a number is called right behind it.
const NAMES_BEHIND: &[&[u8]] = &[
    b"cell",
    b"fax",
    b"home",
    b"mobile",
    b"office",
    b"phone",
    b"tel",
    b"telephone",
    b"work",
];
/// Calling codes by ITU-T E.164: zones 1 and 7, two digits, three digits.
#[rustfmt::skip]
const CALLING_CODES: &[u16] = &[
    1, 7,
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62,
    63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    211, 212, 213, 216, 218, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237,
    238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257, 258, 260, 261,
    262, 263, 264, 265, 266, 267, 268, 269, 290, 291, 297, 298, 299, 350, 351, 352, 353, 354, 355, 356, 357, 358, 359,
    370, 371, 372, 373, 374, 375, 376, 377, 378, 380, 381, 382, 383, 385, 386, 387, 389, 420, 421, 423, 500, 501, 502,
    503, 504, 505, 506, 507, 508, 509, 590, 591, 592, 593, 594, 595, 596, 597, 598, 599, 670, 672, 673, 674, 675, 676,
    677, 678, 679, 680, 681, 682, 683, 685, 686, 687, 688, 689, 690, 691, 692, 800, 808, 850, 852, 853, 855, 856, 870,
    878, 880, 881, 882, 883, 886, 888, 960, 961, 962, 963, 964, 965, 966, 967, 968, 970, 971, 972, 973, 974, 975, 976,
    977, 979, 992, 993, 994, 995, 996, 998,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calling_codes_are_in_order() {
        assert!(CALLING_CODES.is_sorted());
    }
}
