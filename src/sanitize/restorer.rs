//! Which placeholder stands for which value.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use zeroize::Zeroize as _;

use super::placeholder::{MOST_NUMBER, name_and_number};

/// The values that placeholders stand for, so that an answer which speaks of `<EMAIL_1>` can be given back with the
/// address in it.
///
/// One belongs to one conversation: the same value has the same placeholder in all texts that are sanitized with it. It
/// never leaves the application, cannot be printed or copied, and is wiped when it is dropped.
///
/// A placeholder that was in a text before anything was replaced under its number keeps its number: it is given to no
/// value, and comes back as it is. One that has been given stands for its value in all texts that follow, as in the history
/// of a conversation; whoever writes it gets the value back. So keep one for each conversation, and share it with nobody.
///
/// ```
/// use llm_audit::sanitize::{Restorer, Sanitizer};
/// let (sanitizer, mut restorer) = (Sanitizer::default(), Restorer::new());
/// let prompt = sanitizer.sanitize_with(&mut restorer, "Write to anna@example.com, please");
/// assert_eq!(&*prompt, "Write to <EMAIL_1>, please");
/// assert_eq!(restorer.restore("Sent to <EMAIL_1>."), "Sent to anna@example.com.");
/// ```
#[derive(Default)]
pub struct Restorer {
    by_class: BTreeMap<String, Numbers>,
}

#[derive(Default)]
struct Numbers {
    by_value: BTreeMap<Value, u32>,
    by_number: BTreeMap<u32, Value>,
    /// Numbers of placeholders that somebody else wrote.
    taken: BTreeSet<u32>,
    last: u32,
}

/// An original, wiped on drop.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Value(String);

impl Value {
    fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Borrow<str> for Value {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Restorer {
    /// One that knows no value yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The text with the originals in the place of the placeholders that stand for them; others stay.
    #[must_use]
    pub fn restore<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut restored = String::new();
        let mut done = 0;
        for (start, _) in text.match_indices('<') {
            let Some((end, value)) = self.original_at(text, start) else {
                continue;
            };
            restored.push_str(&text[done..start]);
            restored.push_str(value);
            done = end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        restored.push_str(&text[done..]);
        Cow::Owned(restored)
    }

    /// How many values it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        let counts = self.by_class.values().map(|numbers| numbers.by_value.len());
        counts.sum()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the placeholder that begins at `start`, and where that ends.
    fn original_at(&self, text: &str, start: usize) -> Option<(usize, &str)> {
        let shown = text.as_bytes()[start + 1..].iter().take(LONGEST_NAME);
        let length = shown.take_while(|b| **b != b'>').count();
        let end = start + 1 + length;
        if text.as_bytes().get(end) != Some(&b'>') {
            return None;
        }
        let (name, number) = name_and_number(&text.as_bytes()[start + 1..end])?;
        let numbers = self.by_class.get(std::str::from_utf8(name).ok()?)?;
        Some((end + 1, numbers.by_number.get(&number)?.borrow()))
    }

    /// Writes the placeholder of a value; it gets a number where it has none.
    pub(super) fn write(&mut self, out: &mut String, class: &str, value: &str) {
        if !self.by_class.contains_key(class) {
            self.by_class.insert(class.to_owned(), Numbers::default());
        }
        let number = self
            .by_class
            .get_mut(class)
            .and_then(|numbers| numbers.of(value));
        // Writing to a string cannot fail.
        let _ = match number {
            Some(number) => write!(out, "<{class}_{number}>"),
            None => write!(out, "<{class}_{MOST_NUMBER}>"),
        };
    }

    /// Notes a placeholder that was in a text.
    pub(super) fn note(&mut self, placeholder: &str) {
        let inside = placeholder.trim_matches(['<', '>']).as_bytes();
        let parts = name_and_number(inside);
        let named =
            parts.and_then(|(name, number)| Some((std::str::from_utf8(name).ok()?, number)));
        if let Some((name, number)) = named {
            let numbers = self.by_class.entry(name.to_owned()).or_default();
            numbers.taken.insert(number);
        }
    }
}

impl Numbers {
    /// The number of a value; nothing where all are given.
    fn of(&mut self, value: &str) -> Option<u32> {
        if let Some(number) = self.by_value.get(value) {
            return Some(*number);
        }
        let mut number = self.last + 1;
        while self.taken.contains(&number) {
            number += 1;
        }
        // The last number stands for whatever comes too late, and is restored to nothing.
        if number >= MOST_NUMBER {
            return None;
        }
        self.last = number;
        self.by_value.insert(Value::of(value), number);
        self.by_number.insert(number, Value::of(value));
        Some(number)
    }
}

impl fmt::Debug for Restorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Restorer({} values)", self.len())
    }
}

const LONGEST_NAME: usize = 48;
