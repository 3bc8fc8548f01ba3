//! What the sanitizer finds, measured on texts of our own making.
//!
//! `cargo test --test sanitize -- --nocapture precision_and_recall` prints the figures of each class. The texts are
//! made from templates and seeded values, in nine languages and as letters, tickets, logs, code, JSON, forms and chats;
//! the difficult ones were written by hand. They say what rules of this kind can do, not what share of a certain
//! application's personal data they find.

mod clean;
mod detector;
mod dice;
mod identifiers;
mod labelled;
mod numbers;
mod score;
mod secrets;
mod text;

use crate::dice::Dice;
use crate::numbers::{Checksum, KINDS, written};
use crate::score::Scores;
use crate::text::Labelled;

#[test]
fn the_set_is_large_and_every_label_is_a_part_of_its_text() {
    let (labelled, clean) = (labelled::texts(), clean::texts());
    assert!(labelled.len() >= 1_500, "{}", labelled.len());
    assert!(clean.len() >= 1_000, "{}", clean.len());
    for text in labelled.iter().chain(&labelled::difficult()) {
        for label in &text.labels {
            assert!(!text.text[label.range.clone()].is_empty());
        }
    }
}

#[test]
fn precision_and_recall_of_each_class() {
    let mut scores = Scores::default();
    for text in labelled::texts() {
        scores.add(&text, &detector::findings(&text.text));
    }
    for text in clean::texts() {
        let found = detector::findings(&text);
        scores.add(
            &Labelled {
                text,
                labels: Vec::new(),
            },
            &found,
        );
    }
    println!("{scores}");
    for (class, score) in &scores.of {
        let (recall, precision) = (score.recall(), score.precision());
        let floor = FLOORS.iter().find(|(own, ..)| own == class);
        let (_, least_recall, least_precision) = *floor.unwrap_or(&("", 0.99, 0.99));
        assert!(
            recall >= least_recall && precision >= least_precision,
            "{class}: recall {recall}, precision {precision}\n{}",
            scores.mistakes()
        );
    }
}

#[test]
fn difficult_texts_are_read_right() {
    let mut scores = Scores::default();
    for text in labelled::difficult() {
        scores.add(&text, &detector::findings(&text.text));
    }
    assert_eq!(scores.mistakes(), "");
}

#[test]
fn of_numbers_with_a_checksum_the_valid_are_found_and_those_with_a_changed_digit_are_not() {
    let mut dice = Dice::new(11);
    let mut wrong = String::new();
    for kind in KINDS.iter().filter(|kind| kind.checksum == Checksum::Full) {
        for _ in 0..NUMBERS {
            let number = (kind.make)(&mut dice);
            let form = *dice.pick(kind.forms);
            let right = labelled::in_a_frame(&mut dice, kind.class, &written(&number, form), false);
            if !detector::findings(&right.text).contains(&right.labels[0]) {
                wrong += &format!("{} missed in {:?}\n", kind.class, right.text);
            }
            let changed = written(&changed(&mut dice, kind.class, &number), form);
            let changed = labelled::in_a_frame(&mut dice, kind.class, &changed, false);
            let place = &changed.labels[0].range;
            let found = detector::findings(&changed.text);
            if let Some(found) = found
                .iter()
                .find(|found| found.range.start < place.end && place.start < found.range.end)
            {
                wrong += &format!(
                    "{} found as {} in {:?}\n",
                    kind.class, found.class, changed.text
                );
            }
        }
    }
    assert_eq!(wrong, "");
}

/// The number with one digit replaced: never one that the class's checksum does not see.
fn changed(dice: &mut Dice, class: &str, number: &str) -> String {
    let unseen: &[usize] = if class == "br_cpf" { &[0, 5] } else { &[] };
    let digits: Vec<usize> = number
        .bytes()
        .enumerate()
        .filter(|(place, byte)| byte.is_ascii_digit() && !unseen.contains(place))
        .map(|(place, _)| place)
        .collect();
    let place = *dice.pick(&digits);
    let mut changed = number.as_bytes().to_vec();
    changed[place] = (changed[place] - b'0' + dice.between(1, 9) as u8) % 10 + b'0';
    String::from_utf8(changed).expect("digits and letters")
}

const NUMBERS: usize = 300;

/// Least recall and precision of the classes for which it is not 0.99.
const FLOORS: &[(&str, f64, f64)] = &[("phone", 0.95, 0.95)];
