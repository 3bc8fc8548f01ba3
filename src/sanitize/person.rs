//! Names of persons, as far as rules go: behind a title (`Mr. Smith`) or words of introduction (`my name is Ann Lee`,
//! `Name: Ann Lee`).
//!
//! Weak, and off unless asked for: most names in a text stand behind nothing of the kind.

use std::ops::Range;

use super::class::Class;
use super::scan::{Place, begins_word};
use super::view::{FOREIGN_LETTER, View};

/// Where a title or an introduction may begin.
pub(super) const FIRST_BYTES: &[u8] = b"DFHMPSm";

/// The name behind a title or introduction that begins at `at`, or behind the sign at `at` that ends one.
pub(super) fn name(place: &Place<'_, '_>, at: usize) -> Option<(Range<usize>, Class)> {
    let view = place.view;
    let start = if view.byte(at) == Some(b':') {
        let words = place.words_before(at);
        let value = view.run(at + 1, 3, |b| b" \"".contains(&b));
        (value > at + 1 && words.end_with(FIELDS)).then_some(value)?
    } else {
        let mut cues = CUES.iter();
        let cue = cues.find(|cue| view.starts_with(at, cue.as_bytes()))?;
        let end = at + cue.len();
        let dot = usize::from(view.byte(end) == Some(b'.'));
        let is_whole = begins_word(view, place.floor, at) && view.byte(end + dot) == Some(b' ');
        is_whole.then_some(end + dot + 1)?
    };
    let end = end_of_name(view, start)?;
    Some((start..end, Class::PersonName))
}

/// Where up to four capitalised words end, particles (`van`, `de`) between them included.
fn end_of_name(view: &View<'_>, start: usize) -> Option<usize> {
    let mut end = None;
    let mut at = start;
    for _ in 0..4 {
        let word = view.run(at, 24, |b| {
            b.is_ascii_alphabetic() || b == FOREIGN_LETTER || b"'-".contains(&b)
        });
        let text = view.slice(at..word);
        let is_particle = PARTICLES.contains(&text) && end.is_some();
        let is_name = text.len() > 1
            && (text[0].is_ascii_uppercase() || text[0] == FOREIGN_LETTER)
            && text[1..].iter().any(|b| !b.is_ascii_uppercase());
        if !is_name && !is_particle {
            break;
        }
        if is_name {
            let last = text.iter().rev().take_while(|b| b"'-".contains(b)).count();
            end = Some(word - last);
        }
        if view.byte(word) != Some(b' ') {
            break;
        }
        at = word + 1;
    }
    end
}

/// Titles and introductions.
#[rustfmt::skip]
const CUES: &[&str] = &[
    "Dr", "Frau", "Herr", "Herrn", "Madame", "Miss", "Mme", "Monsieur", "Mr", "Mrs", "Ms", "My name is", "Prof", "Sr",
    "Sra", "my name is",
];
/// Names of fields that hold a person's name.
const FIELDS: &[&str] = &[
    "customer name",
    "first name",
    "full name",
    "last name",
    "name",
    "patient",
    "patient name",
    "surname",
];
const PARTICLES: &[&[u8]] = &[b"da", b"de", b"del", b"der", b"di", b"van", b"von"];
