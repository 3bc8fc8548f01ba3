//! The engine: one pass from left to right over the places where something could be found.
//!
//! 1. [`Anchors`] gives the places, in order. Each has few rules, by its byte.
//! 2. A rule looks around its place: forward as far as what it looks for reaches, or as far as it says; back by at most
//!    [`REACH_BACK`], and never past what was found before. So a scan is linear, and what is found never overlaps.
//! 3. The first rule that finds something decides, and the scan goes on behind it.
//!
//! Words around a number (`SSN: …`) are looked for when its shape and checksum fit, never before.
//!
//! **Text that may go on.** Where a rule asked for what stands behind the end, its answer is put off, and the scan goes on
//! there when more is known. **Scanning what was replaced** finds nothing: placeholders end what a rule may see before
//! its place just as the original did, and no rule begins in one.

use std::ops::Range;

use super::anchor::Anchors;
use super::class::{Class, ClassSet};
use super::context::Words;
use super::pattern::Pattern;
use super::view::View;
use super::{
    address, birth, email, identity, network, person, phone, secret_pairs, secret_shapes, spoken,
};

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) classes: ClassSet,
    /// The application's own, each with its place among them as its name.
    pub(super) custom: Vec<Pattern>,
    /// Bytes at which these and the classes on demand begin.
    more: Option<Box<[bool; 256]>>,
}

impl Rules {
    pub(super) const DEFAULT: Self = Self {
        classes: ClassSet::DEFAULT,
        custom: Vec::new(),
        more: None,
    };

    pub(super) fn new(classes: ClassSet, custom: Vec<Pattern>) -> Self {
        let mut more = [false; 256];
        for pattern in &custom {
            pattern.mark_first_bytes(&mut more);
        }
        if classes.has(Class::PersonName) {
            for byte in person::FIRST_BYTES {
                more[usize::from(*byte)] = true;
            }
        }
        let any = more.contains(&true);
        Self {
            classes,
            custom,
            more: any.then(|| Box::new(more)),
        }
    }
}

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Class(Class),
    /// By the rule of the application at this place.
    Custom(usize),
    /// Nothing new: a placeholder that was there before.
    Placeholder,
}

/// Something that was found, by its place in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// What a rule needs to know beside the text.
pub(super) struct Place<'s, 't> {
    pub(super) view: &'s View<'t>,
    /// Nothing before it may be part of what is found, nor be taken for words about it.
    pub(super) floor: usize,
    /// The kind of what ends at the floor.
    pub(super) last: Option<Class>,
    pub(super) classes: ClassSet,
}

impl Place<'_, '_> {
    /// The words before a place and what they say of a number there.
    pub(super) fn words_before(&self, at: usize) -> Words {
        Words::before(self.view, self.floor, at, self.last)
    }
}

/// Everything that is found in a text.
pub(super) fn all(view: &View<'_>, rules: &Rules) -> Vec<Found> {
    let mut found = Vec::new();
    let mut scan = Scan::default();
    scan.go_on(view, rules, TextEnd::Final, &mut found);
    found
}

/// Whether more text may come behind the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEnd {
    Final,
    Open,
}

/// How far a text was scanned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scan {
    /// The first place that is not decided.
    pub(super) next: usize,
    /// Where what was found last ends.
    pub(super) floor: usize,
    /// Its class.
    pub(super) last: Option<Class>,
    /// How many places were looked at, and how many bytes were decided: what the work is in proportion to.
    pub(super) looked_at: usize,
}

impl Scan {
    /// Goes on where it stopped, to the end of what can be decided.
    pub(super) fn go_on(
        &mut self,
        view: &View<'_>,
        rules: &Rules,
        end: TextEnd,
        found: &mut Vec<Found>,
    ) {
        let mut anchors = Anchors::of(view.bytes(), self.next, rules.more.as_deref());
        view.asked_beyond();
        while let Some(at) = anchors.next() {
            self.looked_at += 1;
            let length = if view.bytes()[at] == b'<' {
                placeholder(view, rules, at)
            } else {
                None
            };
            let here = match length {
                Some(_) => None,
                None => self.look(view, rules, at),
            };
            if view.asked_beyond() && end == TextEnd::Open {
                self.next = at;
                return;
            }
            if let Some((length, class)) = length {
                (self.floor, self.last) = (at + length, class);
                anchors.skip_to(self.floor);
                found.push(Found {
                    range: at..at + length,
                    kind: Kind::Placeholder,
                });
            }
            if let Some(here) = here {
                self.last = match here.kind {
                    Kind::Class(class) => Some(class),
                    _ => None,
                };
                self.floor = here.range.end;
                anchors.skip_to(self.floor);
                found.push(here);
            }
        }
        self.next = view.len();
    }

    fn look(&self, view: &View<'_>, rules: &Rules, at: usize) -> Option<Found> {
        let place = Place {
            view,
            floor: self.floor.max(at.saturating_sub(REACH_BACK)),
            last: self.last.filter(|_| at - self.floor <= REACH_BACK),
            classes: rules.classes,
        };
        let custom = || custom(&place, &rules.custom, at);
        let (range, class) = match by_rules_of_the_house(&place, at) {
            Some(found) => found,
            None if rules.custom.is_empty() => return None,
            None => return custom(),
        };
        Some(Found {
            range,
            kind: Kind::Class(class),
        })
    }
}

type Match = Option<(Range<usize>, Class)>;

fn by_rules_of_the_house(place: &Place<'_, '_>, at: usize) -> Match {
    let (view, floor) = (place.view, place.floor);
    let wanted = |found: Match| found.filter(|(_, class)| place.classes.has(*class));
    let prefixed = || wanted(secret_shapes::prefixed_key(view, floor, at));
    let hardware = || wanted(network::hardware(place, at));
    let person = || {
        let person = place.classes.has(Class::PersonName);
        person.then(|| person::name(place, at)).flatten()
    };
    let byte = view.byte(at)?;
    // The end of a sentence, a dash between words.
    if matches!(byte, b'.' | b'-' | b'/' | b'_') && view.byte(at + 1) == Some(b' ') {
        return None;
    }
    match byte {
        b'0'..=b'9' => number(place, at),
        b'@' => wanted(email::around(place, at)),
        b':' => {
            let password = secret_shapes::url_password(view, at);
            let password = password.map(|range| (range, Class::UrlCredentials));
            wanted(password)
                .or_else(hardware)
                .or_else(|| wanted(network::version_six(place, at)))
                .or_else(|| wanted(secret_pairs::value_after(view, floor, at)))
                .or_else(person)
        }
        b'=' | b'>' => wanted(secret_pairs::value_after(view, floor, at)),
        b'-' => {
            let pem = secret_shapes::pem_private_key(view, at);
            wanted(pem.map(|range| (range, Class::PrivateKey)))
                .or_else(|| wanted(secret_pairs::value_after_flag(view, floor, at)))
                .or_else(prefixed)
                .or_else(hardware)
        }
        b'.' => prefixed().or_else(hardware),
        b'_' | b'/' => prefixed(),
        b'A' => prefixed().or_else(person),
        b'J' => wanted(secret_shapes::json_web_token(view, floor, at)).or_else(person),
        b'b' | b'B' => wanted(secret_shapes::after_scheme(view, floor, at)).or_else(person),
        b'<' | b';' | b'?' => None,
        _ => person(),
    }
}

/// What a digit is part of; looked at once a run of digits.
fn number(place: &Place<'_, '_>, at: usize) -> Match {
    let (view, floor) = (place.view, place.floor);
    let wanted = |found: Match| found.filter(|(_, class)| place.classes.has(*class));
    if at > floor && view.before(at).is_some_and(|b| b.is_ascii_digit()) {
        return None;
    }
    let is_word = |b: u8| b.is_ascii_alphanumeric();
    let token = view.run_back(at, floor, TOKEN_BYTES, is_word);
    if token < at {
        let is_bot = view.slice(token..at) == b"bot";
        if is_bot && let Some(found) = wanted(secret_shapes::bot_token(view, at)) {
            return Some(found);
        }
        return wanted(identity::with_letters(place, token))
            .or_else(|| wanted(secret_shapes::dapi_key(view, token)))
            .or_else(|| wanted(network::hexadecimal(place, token)))
            .or_else(|| wanted(spoken::secret(place, token)));
    }
    wanted(secret_shapes::bot_token(view, at))
        .or_else(|| wanted(network::version_four(place, at)))
        .or_else(|| wanted(network::hexadecimal(place, at)))
        .or_else(|| wanted(birth::date(place, at)))
        .or_else(|| wanted(identity::behind_letters(place, at)))
        .or_else(|| wanted(identity::of_digits(place, at)))
        .or_else(|| wanted(phone::number(place, at)))
        .or_else(|| wanted(identity::with_letters(place, at)))
        .or_else(|| wanted(address::street(place, at)))
        .or_else(|| wanted(spoken::secret(place, at)))
}

fn custom(place: &Place<'_, '_>, patterns: &[Pattern], at: usize) -> Option<Found> {
    let mut numbered = patterns.iter().enumerate();
    numbered.find_map(|(nth, pattern)| {
        Some(Found {
            range: at..pattern.end_at(place, at)?,
            kind: Kind::Custom(nth),
        })
    })
}

/// The placeholder that begins here: its length, and of what it is one.
fn placeholder(view: &View<'_>, rules: &Rules, at: usize) -> Option<(usize, Option<Class>)> {
    let length = view.placeholder(at);
    if length > 0 {
        let inside = view.slice(at + 1..at + length - 1);
        return Some((length, super::placeholder::numbered(inside)));
    }
    let mut patterns = rules.custom.iter();
    patterns.find_map(|pattern| Some((pattern.placeholder_at(view, at)?, None)))
}

/// Whether a word begins here: after anything but a letter or digit, and after an escaped character
/// (`\n`, `%20`), whose last letter belongs to the escape.
pub(super) fn begins_word(view: &View<'_>, floor: usize, at: usize) -> bool {
    let Some(before) = view.before(at).filter(|_| at > floor) else {
        return true;
    };
    let back = |steps: usize| at.checked_sub(steps).and_then(|at| view.byte(at));
    !before.is_ascii_alphanumeric()
        || (back(2) == Some(b'\\') && b"nrtbf".contains(&before))
        || (back(3) == Some(b'%') && back(2).is_some_and(|b| b.is_ascii_hexdigit()))
}

/// How far before its place what a rule finds may begin, and how far words before it are read.
pub(super) const REACH_BACK: usize = 96;
/// The longest word around a digit that is looked at.
const TOKEN_BYTES: usize = 40;
