//! Secrets that a sentence tells: `my password is hunter2`, `the PIN is 4711`.
//!
//! What stands behind such words counts where it has a digit: a word of letters alone is a word of the sentence more often
//! than a secret.

use std::ops::Range;

use super::class::Class;
use super::scan::Place;

/// The secret that holds the word at `token`.
pub(super) fn secret(place: &Place<'_, '_>, token: usize) -> Option<(Range<usize>, Class)> {
    let view = place.view;
    let is_text = |b: u8| !b.is_ascii_whitespace() && b != b'<';
    let start = view.run_back(token, place.floor, LONGEST, is_text);
    let blank = view.before(start).filter(|_| start > place.floor);
    if blank != Some(b' ') {
        return None;
    }
    let opening = view.slice(start..token);
    let start = start
        + opening
            .iter()
            .take_while(|b| b"\"'`([*".contains(b))
            .count();
    if !may_be_told(place, start) {
        return None;
    }
    let words = place.words_before(start);
    let is_told = words.end_with(TOLD);
    if !is_told && !words.end_with(NAMED) {
        return None;
    }
    let quote = opening.first().copied().filter(|b| b"\"'`".contains(b));
    let end = view.run(token, LONGEST, |b| is_text(b) && Some(b) != quote);
    let end = view.run_back(end, token, 4, |b| b".,;:?)]\"'`".contains(&b));
    // What ends a sentence ends a number too; of a password it may be a part.
    let is_number = view
        .slice(start..end)
        .iter()
        .all(|b| b.is_ascii_digit() || *b == b'!');
    let end = if is_number {
        view.run_back(end, token, 4, |b| b == b'!')
    } else {
        end
    };
    let value = view.slice(start..end);
    let is_mixed = value.iter().any(|b| !b.is_ascii_digit()) && value.len() >= 6;
    let is_code = is_told && (4..=12).contains(&value.len());
    let is_amount = value.iter().any(|b| b"$%".contains(b)) && value.len() < 6;
    ((is_mixed || is_code) && !is_amount).then_some((start..end, Class::Secret))
}

/// Whether the last word before a place is one with which the words below end; most are not, and cost no more than this.
fn may_be_told(place: &Place<'_, '_>, start: usize) -> bool {
    let view = place.view;
    let end = view.run_back(start, place.floor, 8, |b| {
        !b.is_ascii_alphabetic() && b < 0x80
    });
    let word = view.run_back(end, place.floor, 12, |b| {
        b.is_ascii_alphabetic() || b >= 0x80
    });
    let last = view.slice(word..end);
    last.iter().any(|b| *b >= 0x80)
        || LAST_WORDS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(last))
}

const LAST_WORDS: &[&[u8]] = &[
    b"apikey",
    b"a",
    b"es",
    b"est",
    b"is",
    b"ist",
    b"kennwort",
    b"key",
    b"lautet",
    b"passcode",
    b"passe",
    b"passphrase",
    b"passwd",
    b"password",
    b"passwort",
    b"pwd",
    b"to",
    b"was",
];
const LONGEST: usize = 64;

/// Words right behind which a secret stands, whatever it is made of.
#[rustfmt::skip]
const TOLD: &[&str] = &[
    "access code is", "access key is", "api key is", "apikey is", "contrase?a es", "cvc is", "cvv is", "kennwort ist",
    "kennwort lautet", "mot de passe est", "one time code is", "otp is", "passcode is", "passphrase is", "passwd is",
    "password is", "password to", "password was", "passwort ist", "passwort lautet", "pin code is", "pin is", "pwd is",
    "secret is", "secret key is", "security code is", "senha ?", "token is", "verification code is",
];

/// Words right behind which a secret stands if letters and digits are mixed in it.
#[rustfmt::skip]
const NAMED: &[&str] = &[
    "api key", "apikey", "contrase?a", "kennwort", "mot de passe", "passcode", "passphrase", "passwd", "password",
    "passwort", "pwd", "secret key",
];
