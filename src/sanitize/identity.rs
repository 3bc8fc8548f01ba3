//! Numbers of persons, cards and accounts: their written forms, and how much it takes to believe one.
//!
//! A number is one run of digits, or groups with the same separator between them as people write them. Its checksum
//! ([`number`](super::number)) must fit. Then the form decides:
//!
//! * [`Proof::Strong`]: the form is that of no other number (`123-45-6789`, 16 digits of a card).
//! * [`Proof::Fair`]: believed unless the words before it speak of something else (an order, another kind of number).
//! * [`Proof::Words`]: believed only where the words before it, or right behind it, name its class: one of ten random
//!   numbers of nine digits has a checksum that fits.

use std::ops::Range;

use arrayvec::ArrayVec;

use super::class::Class;
use super::context::Words;
use super::number;
use super::scan::Place;
use super::view::{FOREIGN_LETTER, View};

type Match = Option<(Range<usize>, Class)>;

/// How much it takes to believe a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Strong,
    Fair,
    Words,
}

struct Form {
    class: Class,
    /// Digits of each group.
    groups: &'static [u8],
    between: Between,
    proof: Proof,
}

/// What stands between groups.
#[derive(Clone, Copy)]
enum Between {
    /// One of these, the same throughout.
    Any(&'static [u8]),
    /// Just these, in order.
    These(&'static [u8]),
}

const fn form(class: Class, groups: &'static [u8], any: &'static [u8], proof: Proof) -> Form {
    Form {
        class,
        groups,
        between: Between::Any(any),
        proof,
    }
}

/// Digits with one separator at most between groups of them.
struct Groups {
    digits: ArrayVec<u8, MOST_DIGITS>,
    /// Length of each group, and where it ends.
    groups: ArrayVec<(u8, usize), MOST_GROUPS>,
    separators: ArrayVec<u8, MOST_GROUPS>,
}

impl Groups {
    fn read(view: &View<'_>, start: usize) -> Option<Self> {
        let mut all = Self {
            digits: ArrayVec::new(),
            groups: ArrayVec::new(),
            separators: ArrayVec::new(),
        };
        let mut at = start;
        loop {
            let end = view.run(at, MOST_DIGITS + 1, |b| b.is_ascii_digit());
            let group = view.slice(at..end);
            if all.digits.try_extend_from_slice(group).is_err() {
                // A run of digits that goes on is no number of ours; groups before it may be.
                let whole = !all.groups.is_empty();
                return whole.then_some(all);
            }
            all.groups.push((group.len() as u8, end));
            let separator = view.byte(end).filter(|b| b" -./".contains(b));
            let goes_on = separator.is_some()
                && !all.groups.is_full()
                && view.byte(end + 1).is_some_and(|b| b.is_ascii_digit());
            match separator {
                Some(separator) if goes_on => all.separators.push(separator),
                _ => return Some(all),
            }
            at = end + 1;
        }
    }

    /// The digits, and where they end, of the groups of a form if they begin with these.
    fn of_form(&self, form: &Form) -> Option<(&[u8], usize)> {
        let count = form.groups.len();
        let groups = self.groups.get(..count)?;
        let same_lengths = groups.iter().map(|(length, _)| length).eq(form.groups);
        let separators = &self.separators[..count - 1];
        let fits = match form.between {
            Between::These(signs) => separators == signs,
            Between::Any(signs) => separators
                .iter()
                .all(|other| *other == separators[0] && signs.contains(other)),
        };
        let digits = usize::from(groups.iter().map(|(length, _)| length).sum::<u8>());
        (same_lengths && fits).then(|| (&self.digits[..digits], groups[count - 1].1))
    }

    /// Whether the number goes on behind a form's groups, in a way that makes it another number.
    fn goes_on(&self, view: &View<'_>, form: &Form, end: usize) -> bool {
        let separator = self.separators.get(form.groups.len() - 1);
        match form.between {
            _ if separator.is_some_and(|sign| *sign != b' ') => true,
            // Cards are strong enough to be believed before another number.
            Between::Any(signs) if signs.contains(&b' ') && form.class != Class::CreditCard => {
                is_followed_by_number(view, end)
            }
            _ => false,
        }
    }
}

/// A number of digits that begins at `start`.
pub(super) fn of_digits(place: &Place<'_, '_>, start: usize) -> Match {
    let view = place.view;
    let before = Before::of(place, start);
    let is_international = start > place.floor && view.before(start) == Some(b'+');
    if before == Before::Part || is_international {
        return None;
    }
    let groups = Groups::read(view, start)?;
    let mut words = None;
    for form in FORMS.iter().filter(|form| place.classes.has(form.class)) {
        let Some((digits, end)) = groups.of_form(form) else {
            continue;
        };
        if groups.goes_on(view, form, end)
            || is_part_of_more(view, end)
            || !is_valid(form.class, digits)
        {
            continue;
        }
        let words = words.get_or_insert_with(|| place.words_before(start));
        let behind = words_behind(view, end);
        let is_named = behind
            .as_ref()
            .is_some_and(|behind| behind.name(form.class));
        let is_another = behind.is_some_and(|behind| behind.name_another(form.class));
        let is_fair = form.proof == Proof::Strong || !is_another;
        if is_named || (is_fair && is_believed(form, words, before)) {
            return Some((start..end, form.class));
        }
    }
    None
}

fn is_believed(form: &Form, words: &Words, before: Before) -> bool {
    let is_grouped = form.groups.len() > 1;
    let follows_number = before == Before::Number && is_grouped && form.proof == Proof::Fair;
    // An Aadhaar card has no card's number.
    let is_card = form.class == Class::CreditCard && !words.name(Class::InAadhaar);
    match form.proof {
        _ if words.name(form.class) && (is_card || form.class != Class::CreditCard) => true,
        _ if before == Before::Glued || follows_number => false,
        Proof::Strong => true,
        Proof::Fair => !words.deny() && !words.name_another(form.class),
        Proof::Words => false,
    }
}

/// The words right behind a number, where they are about it: `… (SSN)`, `… is my BSN`, `… als Steuer-ID`.
pub(super) fn words_behind(view: &View<'_>, end: usize) -> Option<Words> {
    let start = view.run(end, 3, |b| b" (,".contains(&b));
    let last = view.run(start, BEHIND, |b| b.is_ascii_alphabetic() || b == b' ');
    let whole = view.run_back(last, start, BEHIND, |b| b.is_ascii_alphabetic());
    // A word that may go on is none yet.
    let last = if last - start == BEHIND { whole } else { last };
    if end == start || start == last {
        return None;
    }
    let words = Words::before(view, start, last, None);
    let are_about_it = view.before(start) == Some(b'(') || words.say(ABOUT);
    are_about_it.then_some(words)
}

/// What stands before a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Clear,
    /// A word or number with a sign between: `ORD-123`.
    Glued,
    /// Another number, and a blank.
    Number,
    /// Something whose part the number is: a price, a path, a longer number.
    Part,
}

impl Before {
    pub(super) fn of(place: &Place<'_, '_>, start: usize) -> Self {
        let view = place.view;
        let back = |steps: usize| {
            let at = start.checked_sub(steps).filter(|at| *at >= place.floor)?;
            view.byte(at)
        };
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == FOREIGN_LETTER;
        let follows = |is_it: fn(u8) -> bool| back(2).is_some_and(is_it);
        match back(1) {
            Some(b'_' | b'$' | b'%' | b'~' | b'\\' | FOREIGN_LETTER) => Self::Part,
            Some(b',') if follows(|b| b.is_ascii_digit()) => {
                // Thousands are parted so; longer runs of digits are a list.
                let end = view.run(start, 4, |b| b.is_ascii_digit());
                if end - start <= 3 {
                    Self::Part
                } else {
                    Self::Clear
                }
            }
            Some(b'.' | b':') if follows(|b| b.is_ascii_digit()) => Self::Part,
            Some(b'-' | b'/' | b'.' | b'+' | b'*' | b'^') if follows(|b| b.is_ascii_digit()) => {
                Self::Part
            }
            Some(b'-' | b'/' | b'#' | b'.' | b'@') if back(2).is_some_and(is_word) => Self::Glued,
            Some(b'#') => Self::Glued,
            Some(b' ' | b'-') if is_of_account(view, place.floor, start) => Self::Part,
            Some(b' ') if follows(|b| b.is_ascii_digit()) => Self::Number,
            _ => Self::Clear,
        }
    }
}

/// Whether groups of four lead back to one that begins an account number, though not a right one: `PL35 6548 8148 …`.
fn is_of_account(view: &View<'_>, floor: usize, start: usize) -> bool {
    let mut end = start;
    while end >= floor + GROUP && start - end <= MOST_COMPACT {
        let group = view.slice(end - GROUP..end);
        let &[first, second, ref check @ .., sign] = group else {
            return false;
        };
        if !b" -".contains(&sign) || !group[..GROUP - 1].iter().all(u8::is_ascii_alphanumeric) {
            return false;
        }
        let country = [first, second].map(|b| b.to_ascii_uppercase());
        if check.iter().all(u8::is_ascii_digit) && number::iban::length(country).is_some() {
            return true;
        }
        end -= GROUP;
    }
    false
}

/// Whether what ends here is part of a longer word, number or path. What was replaced may have been one.
pub(super) fn is_part_of_more(view: &View<'_>, end: usize) -> bool {
    let is_word_at = |at: usize| {
        view.byte(at).is_some_and(|b| b.is_ascii_alphanumeric())
            || view.placeholder(at) > 0
            // The placeholder of an application's own rule.
            || (view.byte(at) == Some(b'<') && view.byte(at + 1).is_some_and(|b| b.is_ascii_uppercase()))
    };
    match view.byte(end) {
        Some(b'_' | b'%' | FOREIGN_LETTER) => true,
        Some(b',') => {
            let is_long = end - view.run_back(end, 0, 4, |b| b.is_ascii_digit()) > 3;
            let next = view.run(end + 1, 4, |b| b.is_ascii_digit()) - end - 1;
            !is_long && next == 3
        }
        Some(b'.') => {
            view.byte(end + 1).is_some_and(|b| b.is_ascii_digit()) || view.placeholder(end + 1) > 0
        }
        Some(b'-' | b'/' | b':' | b'@' | b'=') => is_word_at(end + 1),
        Some(_) => is_word_at(end),
        None => false,
    }
}

/// Whether another number, or what was replaced, follows behind a blank.
pub(super) fn is_followed_by_number(view: &View<'_>, end: usize) -> bool {
    let next = end + 1;
    view.byte(end) == Some(b' ')
        && (view.byte(next).is_some_and(|b| b.is_ascii_digit()) || view.placeholder(next) > 0)
}

/// A number with letters in it, in the word that begins at `start`.
pub(super) fn with_letters(place: &Place<'_, '_>, start: usize) -> Match {
    let view = place.view;
    let before = Before::of(place, start);
    let has_two_letters = view.byte(start).is_some_and(|b| b.is_ascii_alphabetic())
        && view
            .byte(start + 1)
            .is_some_and(|b| b.is_ascii_alphabetic());
    if before == Before::Part {
        return None;
    }
    if has_two_letters && let Some(found) = account(view, start) {
        return Some(found);
    }
    if before == Before::Glued {
        return None;
    }
    let text = Compact::read(view, start, MOST_LETTERED);
    for (class, length) in LETTERED {
        let Some((text, end)) = text.first(*length) else {
            continue;
        };
        let written = view.slice(start..end);
        let fits = place.classes.has(*class)
            && text.iter().any(u8::is_ascii_alphabetic)
            && !is_part_of_more(view, end)
            && is_valid(*class, text)
            && is_written_as(*class, written)
            && !place.words_before(start).deny();
        if fits {
            return Some((start..end, *class));
        }
    }
    None
}

/// A number whose letters stand apart, before its first digit at `at`: `AB 12 34 56 C`.
pub(super) fn behind_letters(place: &Place<'_, '_>, at: usize) -> Match {
    let view = place.view;
    let end = view.run_back(at, place.floor, 1, |b| b" -".contains(&b));
    let start = view.run_back(end, place.floor, 3, |b| b.is_ascii_alphabetic());
    let is_there = end < at && (1..=2).contains(&(end - start));
    if is_there && let Some(found) = with_letters(place, start) {
        return Some(found);
    }
    // A codice fiscale, as cards have it: `RSS MRA 85T10 A562S`, `RSSMRA 85T10 A562S`.
    [8, 7].into_iter().find_map(|length| {
        let start = at
            .checked_sub(length)
            .filter(|start| *start >= place.floor)?;
        let letters = view.slice(start..at);
        let is_name = letters[length - 1] == b' '
            && letters
                .iter()
                .all(|b| b.is_ascii_alphabetic() || *b == b' ')
            && (start == place.floor || !view.before(start)?.is_ascii_alphanumeric());
        let found = is_name.then(|| with_letters(place, start)).flatten();
        found.filter(|(_, class)| *class == Class::ItCodiceFiscale)
    })
}

/// An international bank account number.
fn account(view: &View<'_>, start: usize) -> Match {
    let country = [view.byte(start)?, view.byte(start + 1)?].map(|b| b.to_ascii_uppercase());
    let check = [view.byte(start + 2)?, view.byte(start + 3)?];
    if !check.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = number::iban::length(country)?;
    let text = Compact::read(view, start, length);
    let (text, end) = text.first(length)?;
    let is_one = !is_part_of_more(view, end) && number::iban::is_valid(text);
    is_one.then_some((start..end, Class::Iban))
}

/// Letters and digits in capitals, without the separators between them.
struct Compact {
    text: ArrayVec<u8, MOST_COMPACT>,
    ends: ArrayVec<usize, MOST_COMPACT>,
}

impl Compact {
    fn read(view: &View<'_>, start: usize, most: usize) -> Self {
        let mut compact = Self {
            text: ArrayVec::new(),
            ends: ArrayVec::new(),
        };
        let mut at = start;
        while compact.text.len() < most.min(MOST_COMPACT) {
            match view.byte(at) {
                Some(b) if b.is_ascii_alphanumeric() => {
                    compact.text.push(b.to_ascii_uppercase());
                    compact.ends.push(at + 1);
                }
                Some(b' ' | b'-' | b'.')
                    if view.byte(at + 1).is_some_and(|b| b.is_ascii_alphanumeric()) => {}
                _ => break,
            }
            at += 1;
        }
        compact
    }

    fn first(&self, count: usize) -> Option<(&[u8], usize)> {
        let end = self.ends.get(count.checked_sub(1)?)?;
        Some((&self.text[..count], *end))
    }
}

/// Whether people write a number of the class in such groups; a number that only spans words is none.
fn is_written_as(class: Class, written: &[u8]) -> bool {
    let mut lengths: ArrayVec<usize, 12> = ArrayVec::new();
    for group in written.split(|b| !b.is_ascii_alphanumeric()) {
        if lengths.try_push(group.len()).is_err() {
            return false;
        }
    }
    let forms: &[&[usize]] = match class {
        Class::EsNif => &[
            &[9],
            &[8, 1],
            &[1, 7, 1],
            &[1, 8],
            &[2, 3, 3, 1],
            &[1, 1, 3, 3, 1],
        ],
        Class::FrNir => &[&[15], &[13, 2], &[1, 2, 2, 2, 3, 3, 2]],
        Class::ItCodiceFiscale => &[&[16], &[3, 3, 5, 5], &[6, 5, 5], &[6, 2, 1, 2, 4, 1]],
        Class::UkNino => &[&[9], &[2, 2, 2, 2, 1], &[2, 6, 1], &[2, 3, 3, 1], &[8, 1]],
        _ => &[],
    };
    forms.iter().any(|form| *form == lengths.as_slice())
}

fn is_valid(class: Class, text: &[u8]) -> bool {
    match class {
        Class::AuTfn => number::au_tfn::is_valid(text),
        Class::BrCpf => number::br_cpf::is_valid(text),
        Class::CaSin => number::ca_sin::is_valid(text),
        Class::CreditCard => number::credit_card::is_valid(text),
        Class::DeTaxId => number::de_tax_id::is_valid(text),
        Class::EsNif => number::es_nif::is_valid(text),
        Class::FrNir => number::fr_nir::is_valid(text),
        Class::InAadhaar => number::in_aadhaar::is_valid(text),
        Class::ItCodiceFiscale => number::it_codice_fiscale::is_valid(text),
        Class::NlBsn => number::nl_bsn::is_valid(text),
        Class::PlPesel => number::pl_pesel::is_valid(text),
        Class::UkNhs => number::uk_nhs::is_valid(text),
        Class::UkNino => number::uk_nino::is_valid(text),
        Class::UsItin => number::us_itin::is_valid(text),
        Class::UsSsn => number::us_ssn::is_valid(text),
        _ => false,
    }
}

/// Words that say that what stands before them is what they go on to name.
const ABOUT: &[&str] = &["als", "as", "come", "comme", "como", "is my"];
/// How far behind a number words about it are read.
const BEHIND: usize = 40;
/// A group of an account number, and the sign behind it.
const GROUP: usize = 5;
const MOST_DIGITS: usize = 24;
const MOST_GROUPS: usize = 10;
const MOST_COMPACT: usize = 34;
const MOST_LETTERED: usize = 16;

/// Classes with letters in them, with their lengths, the longest first.
const LETTERED: &[(Class, usize)] = &[
    (Class::ItCodiceFiscale, 16),
    (Class::FrNir, 15),
    (Class::EsNif, 9),
    (Class::UkNino, 9),
];

/// Written forms. Where several fit a number, the first one that is believed has it.
#[rustfmt::skip]
const FORMS: &[Form] = &[
    form(Class::FrNir, &[1, 2, 2, 2, 3, 3, 2], b" .-", Proof::Strong),
    form(Class::FrNir, &[13, 2], b" -", Proof::Strong),
    form(Class::FrNir, &[15], b"", Proof::Fair),
    form(Class::CreditCard, &[4, 4, 4, 4, 3], b" -.", Proof::Strong),
    form(Class::CreditCard, &[4, 4, 4, 4], b" -.", Proof::Strong),
    form(Class::CreditCard, &[4, 6, 5], b" -.", Proof::Strong),
    form(Class::CreditCard, &[4, 6, 4], b" -.", Proof::Strong),
    form(Class::CreditCard, &[6, 13], b" -", Proof::Strong),
    form(Class::CreditCard, &[19], b"", Proof::Fair),
    form(Class::CreditCard, &[18], b"", Proof::Fair),
    form(Class::CreditCard, &[17], b"", Proof::Fair),
    form(Class::CreditCard, &[16], b"", Proof::Strong),
    form(Class::CreditCard, &[15], b"", Proof::Fair),
    form(Class::CreditCard, &[14], b"", Proof::Fair),
    form(Class::CreditCard, &[13], b"", Proof::Words),
    form(Class::CreditCard, &[12], b"", Proof::Words),
    form(Class::InAadhaar, &[4, 4, 4], b" -", Proof::Fair),
    form(Class::InAadhaar, &[12], b"", Proof::Words),
    Form {
        class: Class::BrCpf,
        groups: &[3, 3, 3, 2],
        between: Between::These(b"..-"),
        proof: Proof::Strong,
    },
    form(Class::BrCpf, &[3, 3, 3, 2], b" -.", Proof::Fair),
    form(Class::BrCpf, &[9, 2], b"-", Proof::Strong),
    form(Class::DeTaxId, &[2, 3, 3, 3], b" -./", Proof::Fair),
    form(Class::DeTaxId, &[11], b"", Proof::Fair),
    form(Class::BrCpf, &[11], b"", Proof::Fair),
    form(Class::PlPesel, &[11], b"", Proof::Fair),
    form(Class::UkNhs, &[3, 3, 4], b" ", Proof::Fair),
    form(Class::UkNhs, &[3, 3, 4], b"-", Proof::Words),
    form(Class::UkNhs, &[10], b"", Proof::Words),
    form(Class::UsItin, &[3, 2, 4], b"-. ", Proof::Strong),
    form(Class::UsItin, &[9], b"", Proof::Words),
    form(Class::UsSsn, &[3, 2, 4], b"-. ", Proof::Strong),
    form(Class::UsSsn, &[9], b"", Proof::Words),
    form(Class::CaSin, &[3, 3, 3], b" -", Proof::Fair),
    form(Class::CaSin, &[9], b"", Proof::Words),
    form(Class::AuTfn, &[3, 3, 3], b" -", Proof::Fair),
    form(Class::AuTfn, &[9], b"", Proof::Words),
    form(Class::NlBsn, &[4, 2, 3], b". -", Proof::Fair),
    form(Class::NlBsn, &[3, 3, 3], b" .-", Proof::Words),
    form(Class::NlBsn, &[9], b"", Proof::Words),
    form(Class::NlBsn, &[8], b"", Proof::Words),
];
