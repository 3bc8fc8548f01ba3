//! The labelled set: texts of many kinds and languages, each with the place and class of what is in it.

use crate::dice::Dice;
use crate::identifiers::{IDENTIFIERS, NAMES, SURNAMES};
use crate::numbers::{KINDS, SpeaksForItself, written};
use crate::secrets;
use crate::text::{Labelled, lines};

/// Some 2,900 texts that hold something.
pub(crate) fn texts() -> Vec<Labelled> {
    let mut dice = Dice::new(SEED);
    let mut texts = Vec::new();
    for kind in KINDS {
        for _ in 0..OF_EACH_CLASS {
            let form = *dice.pick(kind.forms);
            let value = written(&(kind.make)(&mut dice), form);
            let has_separators = value.contains([' ', '-', '.']);
            let bare = match kind.speaks_for_itself {
                SpeaksForItself::Always => true,
                SpeaksForItself::WithSeparators => has_separators,
                SpeaksForItself::Never => false,
            };
            texts.push(in_a_frame(&mut dice, kind.class, &value, bare));
        }
    }
    for (class, make) in IDENTIFIERS {
        for _ in 0..OF_EACH_CLASS {
            let value = make(&mut dice);
            let bare = match *class {
                "date_of_birth" => false,
                "phone" => value.starts_with('+'),
                _ => true,
            };
            texts.push(in_a_frame(&mut dice, class, &value, bare));
        }
    }
    texts.extend(secrets::texts(&mut dice, OF_EACH_SECRET));
    texts
}

/// The texts that were written by hand because they are hard.
pub(crate) fn difficult() -> Vec<Labelled> {
    let file = include_str!("../data/sanitize/difficult.txt");
    lines(file)
        .map(|line| Labelled::marked(&line.replace("\\n", "\n")))
        .collect()
}

/// The value in one of the frames, with a word about it unless it needs none and the dice say so.
pub(crate) fn in_a_frame(dice: &mut Dice, class: &str, value: &str, bare: bool) -> Labelled {
    let (name, surname) = (*dice.pick(NAMES), *dice.pick(SURNAMES));
    let person = format!("{} {}", capital(name), capital(surname));
    if bare && dice.one_in(4) {
        let frame = *dice.pick(&frames_of("bare"));
        return Labelled::framed(frame, class, value, &[("name", &person)]);
    }
    let words: Vec<Words> = words().filter(|words| words.class == class).collect();
    let words = dice.pick(&words);
    let frame = *dice.pick(&frames_of(words.language));
    let word = *dice.pick(&words.said);
    let key = *dice.pick(&words.keys);
    Labelled::framed(
        frame,
        class,
        value,
        &[("name", &person), ("word", word), ("key", key)],
    )
}

fn frames_of(language: &str) -> Vec<&'static str> {
    lines(include_str!("../data/sanitize/frames.txt"))
        .filter_map(|line| line.split_once(" | "))
        .filter(|(own, _)| *own == language)
        .map(|(_, frame)| frame)
        .collect()
}

/// What a class is called in a language.
struct Words {
    class: &'static str,
    language: &'static str,
    said: Vec<&'static str>,
    keys: Vec<&'static str>,
}

fn words() -> impl Iterator<Item = Words> {
    lines(include_str!("../data/sanitize/words.txt")).map(|line| {
        let parts: Vec<&str> = line.split(" | ").collect();
        Words {
            class: parts[0],
            language: parts[1],
            said: parts[2].split("; ").collect(),
            keys: parts[3].split("; ").collect(),
        }
    })
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

const SEED: u64 = 20_251_122;
const OF_EACH_CLASS: usize = 90;
const OF_EACH_SECRET: usize = 18;
